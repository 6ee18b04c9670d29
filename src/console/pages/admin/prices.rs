//! Prices per million tokens: of providers, and of single channels. What has none stands above them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::context;

use super::{price_import, several};
use crate::console::fields::{Fields, Problem};
use crate::console::lists;
use crate::console::pages::id;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::catalogue::Reach;
use crate::services::catalogue::prices::{self, NewPrice, Price, PricePatch, PriceQuery};
use crate::services::catalogue::reach;
use crate::services::error::{MISSING_FIELD, TAKEN};
use crate::services::values::{Patch, Usd};
use crate::services::{Served, ServiceError};

pub(super) const LIST: &str = "/admin/prices";
/// Models without a price that are shown above the list.
const UNPRICED: usize = 5;

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/prices", web::get().to(list))
        .route("/admin/prices", web::post().to(create))
        .route("/admin/prices/new", web::get().to(new))
        .route("/admin/prices/unpriced", web::get().to(unpriced))
        .route("/admin/prices/{id}", web::get().to(edit))
        .route("/admin/prices/{id}", web::post().to(update))
        .route("/admin/prices/{id}/remove", web::get().to(ask_remove))
        .route("/admin/prices/{id}/remove", web::post().to(remove));
}

/// `GET /admin/prices`
async fn list(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    rows(&visit).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn rows(visit: &Visit) -> Served<HttpResponse> {
    let asked = lists::asked_by(visit, "model");
    let scope = visit.asked("scope");
    let channel_id = scope.as_deref().and_then(|scope| scope.parse().ok());
    let query = PriceQuery { provider: scope.clone().filter(|_| channel_id.is_none()), channel_id };
    let page = prices::list(visit.services(), &asked, query).await?;
    let reach = Reach::load(visit.services()).await?;
    let unpriced = reach::unpriced(visit.services(), &reach).await?;
    let values = context! {
        list => lists::view(&asked, &page),
        page => shown(&page),
        channels => shown(&reach.channels()),
        unpriced => shown(&unpriced.iter().take(UNPRICED).collect::<Vec<_>>()),
        more_unpriced => unpriced.len().saturating_sub(UNPRICED),
        filtered => scope.is_some() || asked.query.is_some(),
        done => several::done(visit),
        free => visit.services().settings.settings().allow_unpriced_models,
        release => price_import::release(),
    };
    Ok(visit.page(StatusCode::OK, "prices/list.html", values))
}

/// `GET /admin/prices/unpriced`: all of what has no price.
async fn unpriced(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    let found = async {
        let reach = Reach::load(visit.services()).await?;
        reach::unpriced(visit.services(), &reach).await
    };
    match found.await {
        Ok(rows) => {
            let free = visit.services().settings.settings().allow_unpriced_models;
            visit.page(StatusCode::OK, "prices/unpriced.html", context! { unpriced => shown(&rows), free })
        }
        Err(error) => visit.failure(&error),
    }
}

/// `GET /admin/prices/new?provider=&model=`
async fn new(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    form(&visit, None, &Fields::default(), None).await
}

/// `POST /admin/prices`
async fn create(Admin(SignedIn { visit, actor }): Admin, fields: Fields) -> HttpResponse {
    let made = match wish(&fields) {
        Ok(wish) => prices::create(visit.services(), &actor, wish).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(_) => several::back(&visit, &fields, LIST, "added", 1),
        Err(error) => form(&visit, None, &fields, Some(&error)).await,
    }
}

/// `GET /admin/prices/{id}`
async fn edit(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    match prices::one(visit.services(), id(&path)).await {
        Ok(price) => form(&visit, Some(&price), &Fields::default(), None).await,
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/prices/{id}`
async fn update(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let price = match prices::one(visit.services(), id(&path)).await {
        Ok(price) => price,
        Err(error) => return visit.failure(&error),
    };
    let changed = match change(&fields) {
        Ok(change) => prices::update(visit.services(), &actor, price.id, change).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => several::back(&visit, &fields, LIST, "saved", 1),
        Err(error) => form(&visit, Some(&price), &fields, Some(&error)).await,
    }
}

/// `GET /admin/prices/{id}/remove`
async fn ask_remove(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    let found = async {
        let price = prices::one(visit.services(), id(&path)).await?;
        Ok::<_, ServiceError>((price, Reach::load(visit.services()).await?))
    };
    match found.await {
        Ok((price, reach)) => {
            let back = several::came_from(&visit, &Fields::default(), LIST);
            let values = context! { price => shown(&price), channels => shown(&reach.channels()), back };
            visit.page(StatusCode::OK, "prices/remove.html", values)
        }
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/prices/{id}/remove`
async fn remove(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    match prices::delete(visit.services(), &actor, id(&path)).await {
        Ok(()) => several::back(&visit, &fields, LIST, "removed", 1),
        Err(error) => visit.failure(&error),
    }
}

async fn form(visit: &Visit, price: Option<&Price>, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    let reach = match Reach::load(visit.services()).await {
        Ok(reach) => reach,
        Err(error) => return visit.failure(&error),
    };
    let values = context! {
        price => price.map(shown),
        channels => shown(&reach.channels()),
        suggestions => shown(&reach.upstream_models()),
        back => several::came_from(visit, fields, LIST),
        problem => error.map(|error| shown(&problem(visit, error))),
    };
    visit.form("prices/form.html", values, fields, error)
}

/// What is wrong; where a price is there already, not its model is taken but its place. Channels are chosen where
/// providers are.
fn problem(visit: &Visit, error: &ServiceError) -> Problem {
    let problem = Problem::of(visit, error);
    if problem.field.as_deref() == Some("channelId") {
        return Problem { field: Some("provider".to_owned()), ..problem };
    }
    if std::ptr::eq(error.refusal, &TAKEN) { Problem { message: visit.say("prices-taken"), ..problem } } else { problem }
}

fn wish(fields: &Fields) -> Served<NewPrice> {
    let channel_id = channel(fields);
    Ok(NewPrice {
        provider: channel_id.is_none().then(|| fields.text("provider").to_owned()),
        channel_id,
        model: fields.text("model").to_owned(),
        input_price_per_m_tok: needed(fields, "inputPricePerMTok")?,
        output_price_per_m_tok: needed(fields, "outputPricePerMTok")?,
        cache_read_price_per_m_tok: fields.usd("cacheReadPricePerMTok")?.value(),
        cache_creation_price_per_m_tok: fields.usd("cacheCreationPricePerMTok")?.value(),
        cache_creation1h_price_per_m_tok: fields.usd("cacheCreation1hPricePerMTok")?.value(),
    })
}

fn change(fields: &Fields) -> Served<PricePatch> {
    let channel_id = channel(fields);
    Ok(PricePatch {
        provider: channel_id.map_or_else(|| Patch::Value(fields.text("provider").to_owned()), |_| Patch::Null),
        channel_id: channel_id.map_or(Patch::Null, Patch::Value),
        model: Some(fields.text("model").to_owned()),
        input_price_per_m_tok: Patch::Value(needed(fields, "inputPricePerMTok")?),
        output_price_per_m_tok: Patch::Value(needed(fields, "outputPricePerMTok")?),
        cache_read_price_per_m_tok: fields.usd("cacheReadPricePerMTok")?,
        cache_creation_price_per_m_tok: fields.usd("cacheCreationPricePerMTok")?,
        cache_creation1h_price_per_m_tok: fields.usd("cacheCreation1hPricePerMTok")?,
    })
}

/// The channel, where one was chosen instead of a provider.
fn channel(fields: &Fields) -> Option<i64> {
    fields.text("provider").parse().ok()
}

/// A price that cannot be left out: 0 has to be said.
fn needed(fields: &Fields, name: &str) -> Served<Usd> {
    fields.usd(name)?.value().ok_or_else(|| ServiceError::field(&MISSING_FIELD, name))
}
