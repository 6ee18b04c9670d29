//! One's own balance: its history, and gift cards redeemed into it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{self, ServiceConfig};
use minijinja::context;

use super::overview;
use crate::console::fields::{Fields, Problem};
use crate::console::lists;
use crate::console::render::shown;
use crate::console::visit::SignedIn;
use crate::services::gift_cards::{self, CardCode};
use crate::services::ledger::{self, LedgerFilter};
use crate::services::system::{self, TrafficQuery};
use crate::services::values::{ListQuery, Secret};
use crate::services::{Served, ServiceError, accounts};

/// Rows of the ledger below the form for a gift card.
const LAST_ROWS: i64 = 8;
const DAY_MS: i64 = 86_400_000;

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/console/balance", web::get().to(history))
        .route("/console/redeem", web::get().to(redeem_form))
        .route("/console/redeem", web::post().to(redeem));
}

/// `GET /console/balance`
async fn history(signed_in: SignedIn) -> HttpResponse {
    show_history(&signed_in).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

/// `GET /console/redeem`
async fn redeem_form(signed_in: SignedIn) -> HttpResponse {
    show_form(&signed_in, &Fields::default(), None).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

/// `POST /console/redeem {code}`
async fn redeem(signed_in: SignedIn, fields: Fields) -> HttpResponse {
    let code = CardCode { code: Secret::from(fields.text("code")) };
    match gift_cards::redeem(signed_in.visit.services(), &signed_in.actor, code).await {
        Ok(_) => signed_in.visit.to("/console/redeem?done=redeemed").finish(),
        Err(error) => {
            let page = show_form(&signed_in, &fields, Some(&error)).await;
            page.unwrap_or_else(|error| signed_in.visit.failure(&error))
        }
    }
}

async fn show_history(SignedIn { visit, actor }: &SignedIn) -> Served<HttpResponse> {
    let services = visit.services();
    let asked = lists::asked(visit);
    let (from, to) = range(visit.asked("range").as_deref(), services.now()).unwrap_or_else(|| overview::days(visit));
    let filter = LedgerFilter { kind: visit.asked("kind"), from, to };
    let filtered = filter.kind.is_some() || from.is_some() || to.is_some() || asked.query.is_some();
    let found = ledger::list(services, actor.id.0, &asked, &filter).await?;
    let traffic = system::traffic(&*visit.console.system.0, actor, &TrafficQuery { user_id: Some(actor.id.0) })?;
    let values = context! {
        account => shown(&accounts::me(services, actor).await?),
        traffic => shown(&traffic),
        list => lists::view(&asked, &found.page),
        found => shown(&found),
        filtered,
        filter_from => from,
        filter_to => to,
    };
    Ok(visit.page(StatusCode::OK, "balance/history.html", values))
}

/// The form, with what was wrong with the code typed into it.
async fn show_form(signed_in: &SignedIn, fields: &Fields, refused: Option<&ServiceError>) -> Served<HttpResponse> {
    let SignedIn { visit, actor } = signed_in;
    let services = visit.services();
    let newest = |rows| ListQuery { page_size: Some(rows), ..ListQuery::default() };
    let cards = LedgerFilter { kind: Some("card".to_owned()), ..LedgerFilter::default() };
    let traffic = system::traffic(&*visit.console.system.0, actor, &TrafficQuery { user_id: Some(actor.id.0) })?;
    let values = context! {
        account => shown(&accounts::me(services, actor).await?),
        traffic => shown(&traffic),
        cards => shown(&ledger::list(services, actor.id.0, &newest(1), &cards).await?),
        found => shown(&ledger::list(services, actor.id.0, &newest(LAST_ROWS), &LedgerFilter::default()).await?),
        // The form has one field: whatever is wrong is wrong with it.
        problem => refused.map(|error| shown(&Problem { field: Some("code".to_owned()), ..Problem::of(visit, error) })),
    };
    let mut page = visit.form("balance/redeem.html", values, fields, refused);
    if let Some(seconds) = refused.and_then(|error| error.retry_after) {
        page.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Ok(page)
}

/// From when a named range counts; nothing for no range of that name.
fn range(name: Option<&str>, now: i64) -> Option<(Option<i64>, Option<i64>)> {
    let days = match name? {
        "24h" => 1,
        "7d" => 7,
        "30d" => 30,
        _ => return None,
    };
    Some((Some(now - days * DAY_MS), None))
}
