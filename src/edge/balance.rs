//! The balance of a key's owner in the shapes that chat clients ask for: OpenAI's old billing routes, and those of
//! one-api and new-api (QuantumNous/new-api `controller/{billing,token,user,misc,pricing}.go`).

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use actors::ports::Account;
use actors::settings_cache::Snapshot;
use actors::vocabulary::{KeyRecord, Nanos, Protocol, Usage};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tracing::Instrument;

use super::head::RequestId;
use super::{Door, failure, family_of, models};
use crate::admission::{Refused, Stopped};
use crate::relay::Road;

/// Quota units of one-api for a dollar.
const UNITS_PER_USD: i64 = 500_000;
/// Nano-dollars of one such unit.
const NANOS_PER_UNIT: i64 = 1_000_000_000 / UNITS_PER_USD;
/// Tokens that prices and ratios are told for.
const MILLION: i64 = 1_000_000;
/// Dollars for a million tokens that one-api calls a model ratio of 1.
const USD_PER_RATIO: i64 = 2;

/// Registers the routes of one-api and new-api that stand below `/api`. They take relay keys.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/api/user/self").route(web::get().to(own_account)))
        .service(web::resource(["/api/usage/token", "/api/usage/token/"]).route(web::get().to(token_usage)))
        .service(web::resource("/api/status").route(web::get().to(status)))
        .service(web::resource("/api/pricing").route(web::get().to(pricing)));
}

/// Money granted and spent, where the key's budget or its owner's balance ends first.
struct Statement {
    granted: Nanos,
    used: Nanos,
}

impl Statement {
    fn of(key: &KeyRecord, account: &Account) -> Self {
        let own = Self { granted: account.quota, used: account.used };
        let spent = account.keys.iter().find(|spent| spent.id == key.id).map_or(Nanos::ZERO, |spent| spent.used);
        let budget = key.budget.map(|granted| Self { granted, used: spent });
        budget.filter(|budget| budget.left() < own.left()).unwrap_or(own)
    }

    fn left(&self) -> Nanos {
        self.granted.minus(self.used)
    }
}

/// Who asks, with their money.
async fn asked(request: &HttpRequest, road: &Road, door: &Door) -> Result<(std::sync::Arc<KeyRecord>, Account), Refused> {
    let key = models::caller(request, road, door).await?;
    let account = road.desk.cellar.gates.account(key.owner.id).await.map_err(|_| Refused::StorageIll)?;
    Ok((key, account))
}

/// `GET /v1/dashboard/billing/subscription`: clients take `hard_limit_usd` for what was granted.
pub(super) async fn subscription(request: HttpRequest, road: Data<Road>, door: Data<Door>) -> HttpResponse {
    openai_answer(&request, &road, &door, |key, statement| {
        let limit = usd(statement.granted);
        json!({
            "object": "billing_subscription", "has_payment_method": true, "canceled": false,
            "soft_limit_usd": limit, "hard_limit_usd": limit, "system_hard_limit_usd": limit,
            "access_until": key.expires_at.map_or(0, |at| at / 1_000),
        })
    })
    .await
}

/// `GET /v1/dashboard/billing/usage`: `total_usage` in cents, of all time whatever the dates asked for, so that clients
/// which subtract it from the limit show the balance.
pub(super) async fn usage(request: HttpRequest, road: Data<Road>, door: Data<Door>) -> HttpResponse {
    openai_answer(&request, &road, &door, |_, statement| {
        let cents = Nanos(statement.used.0.saturating_mul(100));
        json!({"object": "list", "total_usage": usd(cents), "daily_costs": []})
    })
    .await
}

async fn openai_answer(
    request: &HttpRequest,
    road: &Road,
    door: &Door,
    tell: impl FnOnce(&KeyRecord, &Statement) -> Value,
) -> HttpResponse {
    let (family, id) = (family_of(request), RequestId::new());
    match asked(request, road, door).instrument(id.span()).await {
        Ok((key, account)) => {
            let mut response = private();
            id.write(family, &mut response);
            response.json(tell(&key, &Statement::of(&key, &account)))
        }
        Err(why) => failure::answer(Stopped { why: why.into(), pending: None }, family, &id),
    }
}

/// `GET /api/user/self`.
async fn own_account(request: HttpRequest, road: Data<Road>, door: Data<Door>) -> HttpResponse {
    match asked(&request, &road, &door).await {
        Ok((key, account)) => {
            let statement = Statement::of(&key, &account);
            success(&json!({
                "id": key.owner.id.0, "username": key.owner.username, "display_name": key.owner.username,
                "quota": units(statement.left()), "used_quota": units(statement.used),
                "group": "default", "role": 1, "status": 1,
            }))
        }
        Err(why) => refusal(&why),
    }
}

/// `GET /api/usage/token`.
async fn token_usage(request: HttpRequest, road: Data<Road>, door: Data<Door>) -> HttpResponse {
    match asked(&request, &road, &door).await {
        Ok((key, account)) => {
            let statement = Statement::of(&key, &account);
            let models = key.models.in_common().unwrap_or_default();
            private().json(json!({"code": true, "message": "ok", "data": {
                "object": "token_usage", "name": key.name,
                "total_granted": units(statement.granted), "total_used": units(statement.used),
                "total_available": units(statement.left()), "unlimited_quota": false,
                "model_limits": models.iter().map(|model| (model.clone(), true.into())).collect::<serde_json::Map<_, _>>(),
                "model_limits_enabled": !models.is_empty(),
                "expires_at": key.expires_at.map_or(0, |at| at / 1_000),
            }}))
        }
        Err(why) => refusal(&why),
    }
}

/// `GET /api/status`, for anybody.
async fn status(road: Data<Road>) -> HttpResponse {
    let snapshot = road.desk.cellar.cache.reader().load();
    success(&json!({
        "version": env!("CARGO_PKG_VERSION"), "system_name": snapshot.settings.site_name,
        "quota_per_unit": UNITS_PER_USD, "display_in_currency": true, "quota_display_type": "USD",
    }))
}

/// `GET /api/pricing`: what the key's models cost, as ratios to two dollars for a million tokens.
async fn pricing(request: HttpRequest, road: Data<Road>, door: Data<Door>) -> HttpResponse {
    let key = match models::caller(&request, &road, &door).await {
        Ok(key) => key,
        Err(why) => return refusal(&why),
    };
    let snapshot = road.desk.cellar.cache.reader().keep();
    let models: Vec<Value> = snapshot.callable_models(&key).iter().filter_map(|model| price_of(&snapshot, &key, model)).collect();
    private().json(json!({
        "success": true, "data": models, "group_ratio": {"default": 1}, "usable_group": {"default": "default"},
    }))
}

fn price_of(snapshot: &Snapshot, key: &KeyRecord, model: &str) -> Option<Value> {
    let protocols = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses, Protocol::Embeddings];
    let offers = protocols.iter().find_map(|protocol| snapshot.offers(*protocol, model, key).ok())?;
    let tariff = &offers.first()?.tariff;
    let input = tariff.cost(&Usage { input: MILLION, ..Usage::default() });
    let output = tariff.cost(&Usage { output: MILLION, ..Usage::default() });
    // Ratios with nine digits behind the point, as money has: a thousand millionths of nothing else.
    let times = i128::from(output.0) * 1_000_000_000 / i128::from(input.0.max(1));
    let completion = if input.0 == 0 { Nanos(1_000_000_000) } else { Nanos(i64::try_from(times).unwrap_or(i64::MAX)) };
    Some(json!({
        "model_name": model, "quota_type": 0, "model_price": 0,
        "model_ratio": usd(Nanos(input.0 / USD_PER_RATIO)), "completion_ratio": usd(completion),
        "owner_by": snapshot.provider_of(model).map_or("", |family| family.as_str()),
        "enable_groups": ["default"], "supported_endpoint_types": ["openai", "anthropic"],
    }))
}

/// An answer for its asker alone.
fn private() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((actix_web::http::header::CACHE_CONTROL, "no-store"));
    response
}

fn success(data: &Value) -> HttpResponse {
    private().json(json!({"success": true, "message": "", "data": data}))
}

/// A refusal in the shape of one-api, under the status it would have on `/v1`.
fn refusal(why: &Refused) -> HttpResponse {
    let status = failure::status_of(why);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    HttpResponse::build(status).json(json!({"success": false, "message": why.to_string()}))
}

fn units(amount: Nanos) -> i64 {
    amount.0.div_euclid(NANOS_PER_UNIT)
}

/// Money as a JSON number made from its text.
fn usd(amount: Nanos) -> Option<Box<RawValue>> {
    RawValue::from_string(amount.to_string()).ok()
}
