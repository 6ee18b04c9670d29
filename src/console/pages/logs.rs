//! The request log: list, live rows, one request with the sum of its cost. `/console/logs` has one's own requests,
//! `/admin/logs` everybody's.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::{Value, context};
use url::form_urlencoded;

use super::{bill, id, live, people};
use crate::console::lists;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::channels::{self, ChannelQuery};
use crate::services::error::NOT_FOUND;
use crate::services::keys::{self, KeyListFilter, KeyView};
use crate::services::reports::{self, LogQuery};
use crate::services::values::ListQuery;
use crate::services::{Actor, Served, ServiceError};

/// Rows on a page.
const ROWS: i64 = 100;
/// Most keys in the filter.
const MOST_KEYS: i64 = 100;
/// Most channels in the filter.
const MOST_CHANNELS: i64 = 100;

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/console/logs", web::get().to(list))
        .route("/console/logs/live", web::get().to(live::own))
        .route("/console/logs/{id}", web::get().to(detail))
        .route("/admin/logs", web::get().to(list_of_all))
        .route("/admin/logs/live", web::get().to(live::of_all))
        .route("/admin/logs/{id}", web::get().to(detail_of_any));
}

/// `GET /console/logs`
async fn list(signed_in: SignedIn) -> HttpResponse {
    rows(&signed_in).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

/// `GET /admin/logs`
async fn list_of_all(Admin(signed_in): Admin) -> HttpResponse {
    list(signed_in).await
}

/// `GET /console/logs/{id}`
async fn detail(signed_in: SignedIn, path: Path<String>) -> HttpResponse {
    request(&signed_in, id(&path)).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

/// `GET /admin/logs/{id}`
async fn detail_of_any(Admin(signed_in): Admin, path: Path<String>) -> HttpResponse {
    detail(signed_in, path).await
}

async fn rows(SignedIn { visit, actor }: &SignedIn) -> Served<HttpResponse> {
    let services = visit.services();
    let mut asked = lists::asked_in_pages_of(visit, ROWS);
    let since = visit.asked("range").as_deref().and_then(length);
    let query = LogQuery {
        from: since.map(|length| services.now() - length),
        ending: visit.asked("ending"),
        cause: visit.asked("cause"),
        ..if visit.of_all() { anybodys(visit).await? } else { own(visit, actor) }
    };
    let choices = [query.from, query.key_id, query.channel_id, query.user_id.filter(|_| visit.of_all())];
    let words = [&query.ending, &query.cause, &query.model, &asked.query];
    let filtered = choices.iter().any(Option::is_some) || words.iter().any(|word| word.is_some());
    let export = as_parameters(&query);
    let (page, too_many) = reports::logs_or_by_time(services, actor, &asked, query).await?;
    if too_many.is_some() {
        asked = ListQuery { sort: None, sort_dir: None, ..asked };
    }
    let unsorted = too_many.map(|refused| refused.message(visit.language));
    let newest = asked.page.unwrap_or(1) == 1 && asked.sort.as_deref().is_none_or(|sort| sort == "ts");
    let offered = if visit.of_all() {
        offered(visit, actor).await?
    } else {
        context! { keys => shown(&own_keys(visit, actor).await?) }
    };
    let values = context! {
        list => lists::place(&asked, i64::try_from(page.rows.len()).unwrap_or(i64::MAX), page.total),
        page => shown(&page),
        unsorted,
        filtered,
        export,
        live => newest && !filtered && asked.sort_dir.as_deref() != Some("asc"),
        running => false,
        ..offered
    };
    Ok(visit.page(StatusCode::OK, "logs/list.html", values))
}

/// Whose requests, of which channel and for which model an admin asks for.
async fn anybodys(visit: &Visit) -> Served<LogQuery> {
    let user_id = match visit.asked("user") {
        Some(name) => Some(people::id_of(visit, &name).await?),
        None => None,
    };
    let channel_id = visit.asked("channel").and_then(|id| id.parse().ok());
    Ok(LogQuery { user_id, channel_id, model: visit.asked("model"), ..LogQuery::default() })
}

/// Which of one's own requests are asked for.
fn own(visit: &Visit, actor: &Actor) -> LogQuery {
    let key_id = visit.asked("key").and_then(|id| id.parse().ok());
    LogQuery { key_id, user_id: Some(actor.id.0), ..LogQuery::default() }
}

/// The users, channels and models that everybody's log can be filtered by.
async fn offered(visit: &Visit, actor: &Actor) -> Served<Value> {
    let by_name = ListQuery {
        page_size: Some(MOST_CHANNELS),
        sort: Some("name".to_owned()),
        sort_dir: Some("asc".to_owned()),
        ..ListQuery::default()
    };
    let channels = channels::list(visit.services(), &by_name, ChannelQuery::default()).await?;
    Ok(context! {
        people => people::names(visit).await?,
        channels => shown(&channels.rows),
        models => reports::logged_models(visit.services(), actor).await?,
    })
}

/// The keys that one's own log can be filtered by.
async fn own_keys(visit: &Visit, actor: &Actor) -> Served<Vec<KeyView>> {
    let by_name = ListQuery { page_size: Some(MOST_KEYS), sort: Some("name".to_owned()), ..ListQuery::default() };
    let own = KeyListFilter { user_id: Some(actor.id.0), status: None };
    Ok(keys::list(visit.services(), actor, &by_name, own).await?.rows)
}

async fn request(SignedIn { visit, actor }: &SignedIn, id: i64) -> Served<HttpResponse> {
    let found = reports::log(visit.services(), actor, id).await?;
    if !visit.of_all() && found.user_id != actor.id.0 {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    let bill: Value = bill::explain(&found).map_or(Value::from(()), |bill| shown(&bill));
    Ok(visit.page(StatusCode::OK, "logs/detail.html", context! { log => shown(&found), bill }))
}

/// The same filters for an export, ready to be followed by more parameters.
fn as_parameters(query: &LogQuery) -> String {
    let numbers = [("from", query.from), ("keyId", query.key_id), ("userId", query.user_id), ("channelId", query.channel_id)];
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    for (name, number) in numbers {
        parameters.extend_pairs(number.map(|number| (name, number.to_string())));
    }
    parameters.extend_pairs(query.ending.as_ref().map(|ending| ("ending", ending)));
    parameters.extend_pairs(query.cause.as_ref().map(|cause| ("cause", cause)));
    parameters.extend_pairs(query.model.as_ref().map(|model| ("model", model)));
    let parameters = parameters.finish();
    if parameters.is_empty() { parameters } else { parameters + "&" }
}

/// The milliseconds of a named range; nothing for all time.
fn length(range: &str) -> Option<i64> {
    const HOUR: i64 = 3_600_000;
    match range {
        "1h" => Some(HOUR),
        "24h" => Some(24 * HOUR),
        "7d" => Some(7 * 24 * HOUR),
        "30d" => Some(30 * 24 * HOUR),
        _ => None,
    }
}
