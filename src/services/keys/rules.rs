//! What a key may look like, and who may set what.

use std::net::IpAddr;

use actors::vocabulary::{ChannelScope, KeyStatus, Nanos};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::ADMIN_FIELD;
use crate::services::accounts::{Limits, checked_limit};
use crate::services::error::{Served, ServiceError};
use crate::services::values::{Patch, Secret, Usd, check};
use crate::store::api_keys::ApiKeyRow;

/// Models or addresses in one list at most.
const MAX_LIST: usize = 500;
/// Tokens a day at most.
const MAX_DAILY_TOKENS: i64 = 1_000_000_000_000;
/// The last millisecond of the year 9999.
const MAX_TIME: i64 = 253_402_300_799_999;

/// Which keys are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyListFilter {
    /// Those of one account (admins).
    pub user_id: Option<i64>,
    /// `active` or `disabled`.
    pub status: Option<String>,
}

/// Fields of a key in a request: absent = unchanged (or the default), null = default.
///
/// From `quota` to `maxConcurrency` they are limits. Those that the owner sets are the owner's, those that somebody
/// else sets are the admin's; both are kept, and the tighter counts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyChange {
    /// Its name.
    pub name: Patch<String>,
    /// `active` or `disabled`.
    pub status: Patch<String>,
    /// Tokens a day; 0 = no quota.
    pub quota: Patch<i64>,
    /// Money it may spend in its life; null = no budget.
    pub budget_usd: Patch<Usd>,
    /// Epoch milliseconds; null = never.
    pub expires_at: Patch<i64>,
    /// Models it may ask for; empty = all. A trailing `*` matches any ending.
    pub models: Patch<Vec<String>>,
    /// Addresses and networks (CIDR) it may be used from; empty = all.
    pub allowed_ips: Patch<Vec<String>>,
    /// null = default, 0 = unlimited.
    pub rate_limit_rpm: Patch<i64>,
    /// As above.
    pub rate_limit_tpm: Patch<i64>,
    /// As above.
    pub max_concurrency: Patch<i64>,
    /// Admins: `all`, `claude` or `openai`.
    pub channel_scope: Patch<String>,
    /// Admins: the one channel it may use.
    pub channel_id: Patch<i64>,
}

/// A key to be made. Its limits are the owner's or the admin's, as in [`KeyChange`].
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// Admins: whose it is; default = one's own.
    pub user_id: Option<i64>,
    /// Admins: the text of an existing key to take over, at least 16 characters.
    pub key: Option<Secret>,
    /// `active` or `disabled`.
    pub status: Patch<String>,
    /// Tokens a day; 0 = no quota.
    pub quota: Patch<i64>,
    /// Money it may spend in its life; null = no budget.
    pub budget_usd: Patch<Usd>,
    /// Epoch milliseconds; null = never.
    pub expires_at: Patch<i64>,
    /// Models it may ask for; empty = all. A trailing `*` matches any ending.
    pub models: Patch<Vec<String>>,
    /// Addresses and networks (CIDR) it may be used from; empty = all.
    pub allowed_ips: Patch<Vec<String>>,
    /// null = default, 0 = unlimited.
    pub rate_limit_rpm: Patch<i64>,
    /// As above.
    pub rate_limit_tpm: Patch<i64>,
    /// As above.
    pub max_concurrency: Patch<i64>,
    /// Admins: `all`, `claude` or `openai`.
    pub channel_scope: Patch<String>,
    /// Admins: the one channel it may use.
    pub channel_id: Patch<i64>,
}

impl NewKey {
    /// The fields it shares with a change.
    pub(super) fn into_change(self) -> KeyChange {
        KeyChange {
            name: Patch::Value(self.name),
            status: self.status,
            quota: self.quota,
            budget_usd: self.budget_usd,
            expires_at: self.expires_at,
            models: self.models,
            allowed_ips: self.allowed_ips,
            rate_limit_rpm: self.rate_limit_rpm,
            rate_limit_tpm: self.rate_limit_tpm,
            max_concurrency: self.max_concurrency,
            channel_scope: self.channel_scope,
            channel_id: self.channel_id,
        }
    }
}

/// A change whose fields are all in order.
#[derive(Debug)]
pub(super) struct CheckedChange {
    name: Option<String>,
    status: Patch<KeyStatus>,
    quota: Patch<i64>,
    budget: Patch<i64>,
    expires_at: Patch<i64>,
    models: Patch<String>,
    allowed_ips: Patch<String>,
    limits: Limits,
    channel_scope: Patch<ChannelScope>,
    channel_id: Patch<i64>,
}

impl KeyChange {
    /// Checks every field; only admins may bind a key to channels.
    pub(super) fn checked(self, admin: bool) -> Served<CheckedChange> {
        if !admin && matches!(self.channel_id, Patch::Value(_)) {
            return Err(ServiceError::field(&ADMIN_FIELD, "channelId"));
        }
        if !admin && matches!(&self.channel_scope, Patch::Value(scope) if scope != "all") {
            return Err(ServiceError::field(&ADMIN_FIELD, "channelScope"));
        }
        // An owner's "all" or null must not lift what an admin set.
        let (channel_scope, channel_id) =
            if admin { (self.channel_scope, self.channel_id) } else { (Patch::Absent, Patch::Absent) };
        Ok(CheckedChange {
            name: match self.name {
                Patch::Absent => None,
                Patch::Null => return Err(check::bad("name", "a key needs one")),
                Patch::Value(name) => Some(check::name("name", &name, 100)?),
            },
            status: self.status.try_map(|word| check::choice("status", &word, "active, disabled"))?,
            quota: self.quota.try_map(|tokens| check::range("quota", tokens, 0, MAX_DAILY_TOKENS))?,
            budget: self.budget_usd.try_map(checked_budget)?,
            expires_at: self.expires_at.try_map(|at| check::range("expiresAt", at, 1, MAX_TIME))?,
            models: self.models.try_map(checked_models)?,
            allowed_ips: self.allowed_ips.try_map(checked_networks)?,
            limits: Limits {
                rate_limit_rpm: checked_limit("rateLimitRpm", self.rate_limit_rpm)?,
                rate_limit_tpm: checked_limit("rateLimitTpm", self.rate_limit_tpm)?,
                max_concurrency: checked_limit("maxConcurrency", self.max_concurrency)?,
            },
            channel_scope: channel_scope.try_map(|word| check::choice("channelScope", &word, "all, claude, openai"))?,
            channel_id,
        })
    }
}

impl CheckedChange {
    /// Applies it; `own` says whether the owner acts, who sets the owner's limits and not the admin's, and cannot
    /// switch on what an admin switched off.
    pub(super) fn apply(self, key: &mut ApiKeyRow, own: bool) -> Served<()> {
        if let Some(name) = self.name {
            key.name = name;
        }
        if self.status.is_given() {
            let status = self.status.over(KeyStatus::Active, KeyStatus::Active);
            if own && key.disabled_by_admin && status == KeyStatus::Active {
                return Err(ServiceError::field(&ADMIN_FIELD, "status"));
            }
            key.disabled_by_admin = if own { key.disabled_by_admin } else { status == KeyStatus::Disabled };
            key.status = status.as_str().to_owned();
        }
        if self.channel_scope.is_given() {
            key.channel_scope = self.channel_scope.over(ChannelScope::All, ChannelScope::All).as_str().to_owned();
        }
        key.channel_id = self.channel_id.over_option(key.channel_id);
        let side = if own { &mut key.owner } else { &mut key.admin };
        side.daily_tokens = self.quota.over(side.daily_tokens, 0);
        side.budget_nanos = self.budget.over_option(side.budget_nanos);
        side.expires_at = self.expires_at.over_option(side.expires_at);
        side.models = self.models.over(std::mem::take(&mut side.models), "[]".to_owned());
        side.allowed_ips = self.allowed_ips.over(std::mem::take(&mut side.allowed_ips), "[]".to_owned());
        side.rate_limit_rpm = self.limits.rate_limit_rpm.over_option(side.rate_limit_rpm);
        side.rate_limit_tpm = self.limits.rate_limit_tpm.over_option(side.rate_limit_tpm);
        side.max_concurrency = self.limits.max_concurrency.over_option(side.max_concurrency);
        Ok(())
    }
}

fn checked_budget(budget: Usd) -> Served<i64> {
    if !(Nanos::ZERO..=Nanos::MOST).contains(&budget.0) {
        return Err(check::bad("budgetUsd", "from 0 to 1000000000"));
    }
    Ok(budget.0.0)
}

fn checked_models(models: Vec<String>) -> Served<String> {
    check_count("models", models.len())?;
    let mut names = Vec::with_capacity(models.len());
    for model in models {
        let name = check::name("models", &model, 200)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    serde_json::to_string(&names).map_err(ServiceError::ill)
}

/// Networks in CIDR form; a bare address is a network of one.
fn checked_networks(entries: Vec<String>) -> Served<String> {
    check_count("allowedIps", entries.len())?;
    let mut networks = Vec::with_capacity(entries.len());
    for entry in entries {
        let text = entry.trim();
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let network = network.ok_or_else(|| check::bad("allowedIps", format!("{text:?} is no address or CIDR network")))?;
        networks.push(network.trunc().to_string());
    }
    networks.dedup();
    serde_json::to_string(&networks).map_err(ServiceError::ill)
}

fn check_count(field: &str, count: usize) -> Served<()> {
    if count <= MAX_LIST { Ok(()) } else { Err(check::bad(field, format!("at most {MAX_LIST} entries"))) }
}
