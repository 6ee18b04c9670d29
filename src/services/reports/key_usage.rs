//! What a key has used, for whoever holds the whole key.

use std::net::IpAddr;

use actors::vocabulary::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::range;
use crate::secrets::{digest, hex};
use crate::services::error::refusals;
use crate::services::throttle;
use crate::services::values::{Usd, check};
use crate::services::{Served, ServiceError, Services};
use crate::store::key_names;
use crate::store::stats::{self, ModelSums, Span, Sums};

/// Models of one answer at most.
const MOST_MODELS: i64 = 200;

refusals! {
    /// No such key. Says nothing about keys that look alike.
    UNKNOWN_KEY = Unauthorised, "invalid_api_key", "This key is not known", "未知的密钥";
}

/// Which range is wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct KeyUsageQuery {
    /// `24h` (default), `7d` or `30d`.
    pub range: Option<String>,
}

/// What a key has used.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyUsage {
    /// The key's name.
    pub key_name: String,
    /// As it was asked for.
    pub range: String,
    /// The range's start, epoch milliseconds.
    pub since: i64,
    /// Everything.
    pub summary: UsageSummary,
    /// Dearest first.
    pub by_model: Vec<UsageByModel>,
}

/// Sums in the contract's words.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageSummary {
    /// Requests.
    pub requests: i64,
    /// Good ones.
    pub success: i64,
    /// The rest.
    pub error: i64,
    /// Uncached input.
    pub tokens_in: i64,
    /// Output.
    pub tokens_out: i64,
    /// Input read from the cache.
    pub cache_read_tokens: i64,
    /// Input written to the cache.
    pub cache_creation_tokens: i64,
    /// Bills.
    pub cost_usd: Usd,
}

impl From<&Sums> for UsageSummary {
    fn from(sums: &Sums) -> Self {
        Self {
            requests: sums.requests,
            success: sums.successes,
            error: sums.requests - sums.successes,
            tokens_in: sums.tokens_in,
            tokens_out: sums.tokens_out,
            cache_read_tokens: sums.cache_read_tokens,
            cache_creation_tokens: sums.cache_creation_tokens,
            cost_usd: Usd(Nanos(sums.cost_nanos)),
        }
    }
}

/// One model's share.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UsageByModel {
    /// The model.
    pub model: String,
    /// Its sums.
    #[serde(flatten)]
    pub summary: UsageSummary,
}

/// What the key has used. Wrong keys are throttled by address. Good keys share an address with bad ones (an office, a proxy):
/// from an address that guessed too often a good key is served all the same, a few at a time.
///
/// # Errors
/// `invalid_request` for another range, `invalid_api_key`, `too_many_requests`.
pub async fn key_usage(services: &Services, key: &str, ip: Option<IpAddr>, query: KeyUsageQuery) -> Served<KeyUsage> {
    let name = query.range.unwrap_or_else(|| "24h".to_owned());
    if !["24h", "7d", "30d"].contains(&name.as_str()) {
        return Err(check::bad("range", "24h, 7d or 30d"));
    }
    let (id, key_name) = known(services, key, ip).await?;
    let range = range::read(services, &name, (None, None))?;
    let span = Span { from: range.from, to: range.to, now: services.now(), user_id: None, key_id: Some(id), channel_id: None };
    let report = stats::report(&services.db, &span, MOST_MODELS).await?;
    let of_model = |model: ModelSums| UsageByModel { summary: UsageSummary::from(&model.sums), model: model.name };
    Ok(KeyUsage {
        key_name,
        range: name,
        since: range.from,
        summary: UsageSummary::from(&report.totals),
        by_model: report.models.into_iter().map(of_model).collect(),
    })
}

async fn known(services: &Services, key: &str, ip: Option<IpAddr>) -> Served<(i64, String)> {
    let (guesses, now) = (&services.throttles.keys, services.ticks());
    let closed = guesses.closed_for(ip, now).map(throttle::wait);
    let _look_up = match closed.as_ref().map(|_| guesses.look_up()) {
        Some(None) => return Err(closed.unwrap_or_else(|| ServiceError::new(&UNKNOWN_KEY))),
        permit => permit,
    };
    if let Some(found) = key_names::find(&services.db, &hex(&digest(key))).await? {
        return Ok(found);
    }
    guesses.guessed(ip, now).await;
    Err(closed.unwrap_or_else(|| ServiceError::new(&UNKNOWN_KEY)))
}
