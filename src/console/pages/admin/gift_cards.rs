//! Gift cards: list, make, revoke.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::context;

use super::several;
use crate::console::fields::Fields;
use crate::console::lists;
use crate::console::once::{self, Told};
use crate::console::pages::id;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::gift_cards::{self, CARD_USED, GiftCard, GiftCardQuery, NewCards};
use crate::services::values::{Patch, check};
use crate::services::{Served, ServiceError};

const LIST: &str = "/admin/gift-cards";

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/gift-cards", web::get().to(list))
        .route("/admin/gift-cards", web::post().to(create))
        .route("/admin/gift-cards/new", web::get().to(new))
        .route("/admin/gift-cards/several", web::post().to(act))
        .route("/admin/gift-cards/{id}/revoke", web::get().to(ask))
        .route("/admin/gift-cards/{id}/revoke", web::post().to(revoke));
}

/// `GET /admin/gift-cards`
async fn list(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    let asked = lists::asked(&visit);
    let batch_id = visit.asked("batchId").map(|id| id.parse().unwrap_or(0));
    let query = GiftCardQuery { status: visit.asked("status"), batch_id };
    let filtered = query.status.is_some() || query.batch_id.is_some() || asked.query.is_some();
    match gift_cards::list(visit.services(), &asked, query).await {
        Ok(page) => {
            let values =
                context! { list => lists::view(&asked, &page), page => shown(&page), filtered, done => several::done(&visit) };
            visit.page(StatusCode::OK, "gift_cards/list.html", values)
        }
        Err(error) => visit.failure(&error),
    }
}

/// `GET /admin/gift-cards/new`
async fn new(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    form(&visit, &Fields::default(), None)
}

/// `POST /admin/gift-cards {amountUsd, count, expiresAt}`
async fn create(Admin(signed_in): Admin, fields: Fields) -> HttpResponse {
    let again = async |signed_in: &SignedIn, fields: &Fields, error: &ServiceError| form(&signed_in.visit, fields, Some(error));
    once::act(signed_in, fields, make, again).await
}

/// Makes cards; their codes, this once.
async fn make(SignedIn { visit, actor }: &SignedIn, fields: &Fields) -> Served<Told> {
    let issued = gift_cards::create(visit.services(), actor, wish(visit, fields)?).await?;
    let codes = issued.cards.iter().map(|card| card.code.as_str()).collect::<Vec<_>>().join("\n");
    Told::page(visit, "gift_cards/issued.html", context! { issued => shown(&issued), codes })
}

/// `GET /admin/gift-cards/{id}/revoke`
async fn ask(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    match gift_cards::one(visit.services(), id(&path)).await {
        Ok(card) => visit.page(StatusCode::OK, "gift_cards/revoke.html", context! { card => shown(&card) }),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/gift-cards/{id}/revoke`
async fn revoke(Admin(SignedIn { visit, actor }): Admin, path: Path<String>) -> HttpResponse {
    match gift_cards::revoke(visit.services(), &actor, id(&path)).await {
        Ok(()) => visit.to("/admin/gift-cards?done=revoked").finish(),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/gift-cards/several {id…, act}`: revokes all that were chosen, but for those that cannot be. Asks once.
async fn act(Admin(signed_in): Admin, fields: Fields) -> HttpResponse {
    to_several(&signed_in, &fields).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

async fn to_several(SignedIn { visit, actor }: &SignedIn, fields: &Fields) -> Served<HttpResponse> {
    let (services, chosen) = (visit.services(), several::chosen(fields)?);
    if chosen.is_empty() {
        return Ok(several::back(visit, fields, LIST, "none", 0));
    }
    if fields.text("act") != "revoke" {
        return Err(several::no_such_act());
    }
    if !fields.ticked("sure") {
        return question(visit, fields, &chosen).await;
    }
    let revoke = async |id| match gift_cards::revoke(services, actor, id).await {
        Err(error) if std::ptr::eq(error.refusal, &CARD_USED) => Ok(false),
        revoked => revoked.map(|()| true),
    };
    let revoked = several::each(&chosen, revoke).await?;
    let kept = revoked.iter().filter(|revoked| !**revoked).count();
    let what = if kept == 0 { "revoked" } else { "revoked-but" };
    Ok(several::back(visit, fields, LIST, what, format!("{}.{kept}", revoked.len() - kept)))
}

/// Asks about those that can be revoked, and names those that cannot.
async fn question(visit: &Visit, fields: &Fields, chosen: &BTreeSet<i64>) -> Served<HttpResponse> {
    let found = several::each(chosen, async |id| gift_cards::one(visit.services(), id).await).await?;
    let is_open = |card: &GiftCard| matches!(card.status, "unused" | "expired");
    let (open, kept): (Vec<GiftCard>, Vec<GiftCard>) = found.into_iter().partition(is_open);
    let values = context! { cards => shown(&open), kept => shown(&kept), back => several::came_from(visit, fields, LIST) };
    Ok(visit.page(StatusCode::OK, "gift_cards/revoke_several.html", values))
}

fn form(visit: &Visit, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    visit.form("gift_cards/form.html", context! {}, fields, error)
}

fn wish(visit: &Visit, fields: &Fields) -> Served<NewCards> {
    let timezone = visit.services().settings.settings().timezone;
    let Patch::Value(amount_usd) = fields.usd("amountUsd")? else {
        return Err(check::bad("amountUsd", "an amount such as 12.50"));
    };
    Ok(NewCards {
        amount_usd,
        count: fields.integer("count")?.value(),
        expires_at: fields.moment("expiresAt", &timezone)?.value(),
    })
}
