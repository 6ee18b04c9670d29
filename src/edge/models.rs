//! `GET /v1/models` and `GET /v1/models/{id}`, in either vendor's shape.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use actors::settings_cache::Snapshot;
use actors::vocabulary::{Family, KeyRecord, Protocol};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::Instrument;

use super::head::{self, RequestId};
use super::{Door, client_address, failure};
use crate::admission::{Stopped, identify_usable};
use crate::relay::Road;
use crate::translation::Fault;

/// When models that the catalogue lacks are said to have been made, epoch milliseconds: 2025-01-01.
const CREATED_MS: i64 = 1_735_689_600_000;
/// Models on a page of Anthropic's shape, unless asked for otherwise; and at most.
const PAGE: (usize, usize) = (20, 1000);

/// What may be asked of the list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    format: Option<String>,
    limit: Option<usize>,
    after_id: Option<String>,
    before_id: Option<String>,
}

pub(super) async fn list(
    request: HttpRequest,
    road: Data<Road>,
    door: Data<Door>,
    wanted: Option<Query<Wanted>>,
) -> HttpResponse {
    let wanted = wanted.map(Query::into_inner).unwrap_or_default();
    let (family, id) = (shape(&request, &wanted), RequestId::new());
    let key = match caller(&request, &road, &door).instrument(id.span()).await {
        Ok(key) => key,
        Err(refused) => return failure::answer(Stopped { why: refused.into(), pending: None }, family, &id),
    };
    let snapshot = road.desk.cellar.cache.reader().keep();
    let names = snapshot.callable_models(&key);
    let body = match family {
        Family::OpenAi => openai_list(&snapshot, &names),
        Family::Claude => claude_list(&snapshot, &names, &wanted),
    };
    let mut response = HttpResponse::Ok();
    id.write(family, &mut response);
    response.json(body)
}

pub(super) async fn one(request: HttpRequest, road: Data<Road>, door: Data<Door>, model: Path<String>) -> HttpResponse {
    let wanted = Query::<Wanted>::from_query(request.query_string()).map(Query::into_inner).unwrap_or_default();
    let (family, id) = (shape(&request, &wanted), RequestId::new());
    let key = match caller(&request, &road, &door).instrument(id.span()).await {
        Ok(key) => key,
        Err(refused) => return failure::answer(Stopped { why: refused.into(), pending: None }, family, &id),
    };
    let snapshot = road.desk.cellar.cache.reader().keep();
    let callable = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses, Protocol::Embeddings]
        .iter()
        .any(|protocol| snapshot.offers(*protocol, &model, &key).is_ok());
    if !callable {
        let message = format!("model '{model}' does not exist");
        let told = failure::Told { param: Some("model".into()), ..failure::Told::refusal(Fault::NOT_FOUND, message) };
        return told.respond(family, &id);
    }
    let mut response = HttpResponse::Ok();
    id.write(family, &mut response);
    response.json(entry(family, &snapshot, &model))
}

/// The key, which must be usable; models cost nothing else.
pub(super) async fn caller(
    request: &HttpRequest,
    road: &Road,
    door: &Door,
) -> Result<std::sync::Arc<KeyRecord>, crate::admission::Refused> {
    let address = client_address(request, &door.trusted_proxies);
    identify_usable(&road.desk, head::credential(request.headers()), address).await
}

/// Anthropic's shape for its clients, OpenAI's for the rest; `?format=` decides.
fn shape(request: &HttpRequest, wanted: &Wanted) -> Family {
    match wanted.format.as_deref() {
        Some("openai") => Family::OpenAi,
        Some("claude") => Family::Claude,
        _ => super::family_of(request),
    }
}

fn entry(family: Family, snapshot: &Snapshot, model: &str) -> Value {
    let row = snapshot.catalogued(model);
    let created_ms = row.map_or(CREATED_MS, |row| row.created_at);
    match family {
        Family::OpenAi => {
            let owner = if snapshot.provider_of(model) == Some(Family::Claude) { "anthropic" } else { "openai" };
            json!({"id": model, "object": "model", "created": created_ms / 1_000, "owned_by": owner})
        }
        Family::Claude => {
            let name = row.map(|row| row.display_name.as_str()).filter(|name| !name.is_empty()).unwrap_or(model);
            let created = jiff::Timestamp::from_millisecond(created_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            json!({"type": "model", "id": model, "display_name": name, "created_at": format!("{created:.0}")})
        }
    }
}

fn ends(page: &[String], has_more: bool) -> Value {
    json!({"has_more": has_more, "first_id": page.first(), "last_id": page.last()})
}

fn with_ends(mut list: Value, page: &[String], has_more: bool) -> Value {
    if let (Some(list), Value::Object(ends)) = (list.as_object_mut(), ends(page, has_more)) {
        list.extend(ends);
    }
    list
}

fn openai_list(snapshot: &Snapshot, names: &[String]) -> Value {
    let data: Vec<Value> = names.iter().map(|name| entry(Family::OpenAi, snapshot, name)).collect();
    with_ends(json!({"object": "list", "data": data}), names, false)
}

fn claude_list(snapshot: &Snapshot, names: &[String], wanted: &Wanted) -> Value {
    let limit = wanted.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let place = |id: &Option<String>| id.as_ref().and_then(|id| names.iter().position(|name| name == id));
    let start = place(&wanted.after_id).map_or(0, |after| after + 1);
    let end = place(&wanted.before_id).unwrap_or(names.len());
    let window = names.get(start..end.max(start)).unwrap_or_default();
    let backwards = wanted.before_id.is_some() && wanted.after_id.is_none();
    let page = if backwards { &window[window.len().saturating_sub(limit)..] } else { &window[..limit.min(window.len())] };
    let data: Vec<Value> = page.iter().map(|name| entry(Family::Claude, snapshot, name)).collect();
    with_ends(json!({"data": data}), page, window.len() > page.len())
}
