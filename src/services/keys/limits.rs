//! The limits of a key: the owner's, the admin's, and what they come to together.

use actors::vocabulary::limits::least;
use actors::vocabulary::{Nanos, Narrowing};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Serialize;

use crate::services::values::Usd;
use crate::store::key_limits;

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyLimits {
    /// Tokens a day; 0 = no quota.
    pub quota: i64,
    /// Money it may spend in its life; null = no budget.
    pub budget_usd: Option<Usd>,
    /// Epoch milliseconds; null = never.
    pub expires_at: Option<i64>,
    /// Models it may ask for; empty = all. A trailing `*` matches any ending.
    pub models: Vec<String>,
    /// Addresses and networks it may be used from; empty = all.
    pub allowed_ips: Vec<String>,
    /// Requests in any 60 seconds: null = default, 0 = unlimited.
    pub rate_limit_rpm: Option<i64>,
    /// Tokens in any 60 seconds: null = default, 0 = unlimited.
    pub rate_limit_tpm: Option<i64>,
    /// Requests at the same time: null = default, 0 = unlimited.
    pub max_concurrency: Option<i64>,
}

impl KeyLimits {
    /// One side's, as they are stored.
    pub(super) fn of(side: &key_limits::KeyLimits) -> Self {
        Self {
            quota: side.daily_tokens,
            budget_usd: side.budget_nanos.map(|nanos| Usd(Nanos(nanos))),
            expires_at: side.expires_at,
            models: list(&side.models),
            allowed_ips: list(&side.allowed_ips).iter().map(|network| shortest(network)).collect(),
            rate_limit_rpm: side.rate_limit_rpm,
            rate_limit_tpm: side.rate_limit_tpm,
            max_concurrency: side.max_concurrency,
        }
    }

    /// Both sides' together: of each limit the tighter, and whether there is nothing left that both lists allow
    /// (then the list is empty, too).
    pub(super) fn in_force(owner: &key_limits::KeyLimits, admin: &key_limits::KeyLimits) -> (Self, bool) {
        let models = Narrowing { owner: list(&owner.models), admin: list(&admin.models) }.in_common();
        let networks = |text: &str| list(text).iter().filter_map(|network| network.parse::<IpNet>().ok()).collect();
        let allowed_ips = Narrowing { owner: networks(&owner.allowed_ips), admin: networks(&admin.allowed_ips) }.in_common();
        let nothing_left = models.is_none() || allowed_ips.is_none();
        let limits = Self {
            quota: tighter(Some(owner.daily_tokens), Some(admin.daily_tokens)).unwrap_or(0),
            budget_usd: least(owner.budget_nanos, admin.budget_nanos).map(|nanos| Usd(Nanos(nanos))),
            expires_at: least(owner.expires_at, admin.expires_at),
            models: models.unwrap_or_default(),
            allowed_ips: allowed_ips.unwrap_or_default().iter().map(|network| shortest(&network.to_string())).collect(),
            rate_limit_rpm: tighter(owner.rate_limit_rpm, admin.rate_limit_rpm),
            rate_limit_tpm: tighter(owner.rate_limit_tpm, admin.rate_limit_tpm),
            max_concurrency: tighter(owner.max_concurrency, admin.max_concurrency),
        };
        (limits, nothing_left)
    }
}

/// The tighter of two stored limits, of which 0 is none.
fn tighter(owner: Option<i64>, admin: Option<i64>) -> Option<i64> {
    let limit = |stored: Option<i64>| stored.filter(|limit| *limit > 0);
    least(limit(owner), limit(admin)).or(owner).or(admin)
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// A network of one address is shown as that address.
fn shortest(network: &str) -> String {
    match network.parse::<IpNet>() {
        Ok(one) if one.prefix_len() == one.max_prefix_len() => one.addr().to_string(),
        _ => network.to_owned(),
    }
}
