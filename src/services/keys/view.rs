//! A key as its owner and admins see it.

use actors::vocabulary::{ChannelId, Nanos};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Serialize;

use crate::services::values::Usd;
use crate::store::api_keys::ApiKeyRow;

/// A key. Never holds its text or digest.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// Its id.
    pub id: i64,
    /// Whose it is.
    pub user_id: i64,
    /// Their name.
    pub username: String,
    /// Its name.
    pub name: String,
    /// Its visible start.
    pub prefix: String,
    /// The visible start with the rest blotted out.
    pub masked_key: String,
    /// `active` or `disabled`.
    pub status: String,
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
    /// `all`, `claude` or `openai`.
    pub channel_scope: String,
    /// The one channel it may use. Shown to admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelIdView>,
    /// The owner's limit: null = default, 0 = unlimited.
    pub rate_limit_rpm: Option<i64>,
    /// The owner's limit.
    pub rate_limit_tpm: Option<i64>,
    /// The owner's limit.
    pub max_concurrency: Option<i64>,
    /// An admin's limit; the tighter of both counts.
    pub admin_rate_limit_rpm: Option<i64>,
    /// An admin's limit.
    pub admin_rate_limit_tpm: Option<i64>,
    /// An admin's limit.
    pub admin_max_concurrency: Option<i64>,
    /// Money spent so far.
    pub used_usd: Usd,
    /// Requests so far.
    pub used_requests: i64,
    /// Tokens counted today.
    pub used_today: i64,
    /// Epoch milliseconds.
    pub last_used_at: Option<i64>,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

/// A channel's id, or null for none: present for admins, absent for others.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ChannelIdView(#[schemars(with = "Option<i64>")] pub Option<ChannelId>);

/// A fresh key: the only answer that shows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IssuedKey {
    /// The key's row.
    #[serde(flatten)]
    pub view: KeyView,
    /// The key itself.
    pub key: String,
}

impl KeyView {
    /// `today` is the start of the day; admins also see the channel.
    pub(super) fn new(row: &ApiKeyRow, username: &str, today: i64, admin: bool) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            username: username.to_owned(),
            name: row.name.clone(),
            prefix: row.prefix.clone(),
            masked_key: format!("{}…", row.prefix),
            status: row.status.clone(),
            quota: row.daily_tokens,
            budget_usd: row.budget_nanos.map(|nanos| Usd(Nanos(nanos))),
            expires_at: row.expires_at,
            models: list(&row.models),
            allowed_ips: list(&row.allowed_ips).iter().map(|network| shortest(network)).collect(),
            channel_scope: row.channel_scope.clone(),
            channel_id: admin.then_some(ChannelIdView(row.channel_id.map(ChannelId))),
            rate_limit_rpm: row.rate_limit_rpm,
            rate_limit_tpm: row.rate_limit_tpm,
            max_concurrency: row.max_concurrency,
            admin_rate_limit_rpm: row.admin_rate_limit_rpm,
            admin_rate_limit_tpm: row.admin_rate_limit_tpm,
            admin_max_concurrency: row.admin_max_concurrency,
            used_usd: Usd(Nanos(row.used_nanos)),
            used_requests: row.used_requests,
            used_today: if row.day_start >= today { row.day_tokens } else { 0 },
            last_used_at: row.last_used_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
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
