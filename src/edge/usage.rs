//! `GET /v1/usage`: what a key has left.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use actors::ports::{Account, KeySpent};
use actors::vocabulary::limits::{effective, least};
use actors::vocabulary::{KeyRecord, Nanos, UserStatus};
use serde_json::value::RawValue;
use tracing::Instrument;

use super::head::RequestId;
use super::{Door, failure, family_of, models};
use crate::admission::{Refused, Stopped, day_start};
use crate::relay::Road;

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    is_active: bool,
    remaining_usd: Box<RawValue>,
    used_usd: Box<RawValue>,
    quota_usd: Box<RawValue>,
    key: KeyUsage,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyUsage {
    name: String,
    prefix: String,
    quota: i64,
    used_today: i64,
    budget_usd: Option<Box<RawValue>>,
    used_usd: Box<RawValue>,
    expires_at: Option<i64>,
    rate_limit_rpm: Option<u32>,
    rate_limit_tpm: Option<u32>,
    max_concurrency: Option<u32>,
    models: Vec<String>,
}

pub(super) async fn usage(request: HttpRequest, road: Data<Road>, door: Data<Door>) -> HttpResponse {
    let (family, id) = (family_of(&request), RequestId::new());
    let refuse = |why: Refused| failure::answer(Stopped { why: why.into(), pending: None }, family, &id);
    let key = match models::caller(&request, &road, &door).instrument(id.span()).await {
        Ok(key) => key,
        Err(why) => return refuse(why),
    };
    let Ok(account) = road.desk.cellar.gates.account(key.owner.id).await else {
        return refuse(Refused::StorageIll);
    };
    let zone = road.desk.cellar.cache.reader().load().settings.timezone.clone();
    let mut response = HttpResponse::Ok();
    id.write(family, &mut response);
    match told(&key, &account, day_start(road.desk.clock.now_ms(), &zone)) {
        Ok(usage) => response.json(usage),
        Err(_) => refuse(Refused::StorageIll),
    }
}

fn told(key: &KeyRecord, account: &Account, today: i64) -> Result<Usage, serde_json::Error> {
    let spent = account.keys.iter().find(|spent| spent.id == key.id).copied();
    let spent = spent.unwrap_or(KeySpent { id: key.id, used: Nanos::ZERO, day_start: 0, day_tokens: 0 });
    let balance = account.quota.minus(account.used);
    let tighter = |owner: Option<i64>, admin: Option<i64>| least(effective(owner, 0), effective(admin, 0));
    let models = key.models.in_common();
    Ok(Usage {
        is_active: key.owner.status == UserStatus::Active && balance > Nanos::ZERO && models.is_some(),
        remaining_usd: usd(balance)?,
        used_usd: usd(account.used)?,
        quota_usd: usd(account.quota)?,
        key: KeyUsage {
            name: key.name.clone(),
            prefix: key.prefix.clone(),
            quota: key.daily_tokens.unwrap_or(0),
            used_today: if spent.day_start == today { spent.day_tokens } else { 0 },
            budget_usd: key.budget.map(usd).transpose()?,
            used_usd: usd(spent.used)?,
            expires_at: key.expires_at,
            rate_limit_rpm: tighter(key.owner_limits.rpm, key.admin_limits.rpm),
            rate_limit_tpm: tighter(key.owner_limits.tpm, key.admin_limits.tpm),
            max_concurrency: tighter(key.owner_limits.concurrency, key.admin_limits.concurrency),
            models: models.unwrap_or_default(),
        },
    })
}

/// Money as a JSON number made from its text.
fn usd(amount: Nanos) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(amount.to_string())
}
