//! A key as its owner and admins see it.

use actors::vocabulary::{ChannelId, Nanos};
use schemars::JsonSchema;
use serde::Serialize;

use super::limits::KeyLimits;
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
    /// `all`, `claude` or `openai`.
    pub channel_scope: String,
    /// The one channel it may use. Shown to admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelIdView>,
    /// The limits in force: the tighter of the owner's and the admin's.
    #[serde(flatten)]
    pub limits: KeyLimits,
    /// Whether the owner's and the admin's lists have no model or no address in common: then the key is of no use, and
    /// the list in force is empty, too.
    pub allows_nothing: bool,
    /// The owner's limits.
    pub owner_limits: KeyLimits,
    /// The admin's limits.
    pub admin_limits: KeyLimits,
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
    pub(in crate::services) fn new(row: &ApiKeyRow, username: &str, today: i64, admin: bool) -> Self {
        let (limits, allows_nothing) = KeyLimits::in_force(&row.owner, &row.admin);
        Self {
            id: row.id,
            user_id: row.user_id,
            username: username.to_owned(),
            name: row.name.clone(),
            prefix: row.prefix.clone(),
            masked_key: format!("{}…", row.prefix),
            status: row.status.clone(),
            channel_scope: row.channel_scope.clone(),
            channel_id: admin.then_some(ChannelIdView(row.channel_id.map(ChannelId))),
            limits,
            allows_nothing,
            owner_limits: KeyLimits::of(&row.owner),
            admin_limits: KeyLimits::of(&row.admin),
            used_usd: Usd(Nanos(row.used_nanos)),
            used_requests: row.used_requests,
            used_today: if row.day_start >= today { row.day_tokens } else { 0 },
            last_used_at: row.last_used_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
