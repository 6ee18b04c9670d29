//! Channels as the doors show and take them. Secrets only ever go in.

use std::collections::BTreeMap;

use actors::vocabulary::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::services::values::{Patch, Secret, Usd};
use crate::store::base_url;
use crate::store::channels::ChannelRow;

/// A channel without its secrets.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// `claude` or `openai`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `auto`, `chat_completions` or `responses`.
    pub open_ai_protocol: String,
    /// As it was given.
    pub base_url: String,
    /// Where requests go: with the version.
    pub effective_base_url: Option<String>,
    /// The last four characters of the key.
    pub api_key_last4: String,
    /// Models it serves; empty = all.
    pub models: Vec<String>,
    /// Higher goes first.
    pub priority: i64,
    /// Share inside one priority.
    pub weight: i64,
    /// Requests at the same time; null = unlimited.
    pub max_concurrency: Option<i64>,
    /// Model asked by tests and probes.
    pub test_model: Option<String>,
    /// Seconds between probes; null = none.
    pub monitor_interval_sec: Option<Usd>,
    /// Names of the extra headers; their values are never shown.
    pub header_names: Vec<String>,
    /// Whether Chat bodies for reasoning models are adapted to what those take: `max_tokens` becomes
    /// `max_completion_tokens`, sampling that they refuse is left out.
    pub adapt_reasoning: bool,
    /// Whether it takes requests.
    pub enabled: bool,
    /// Whether its key or its headers have yet to be set, as after an import; until then it takes no requests.
    pub incomplete: bool,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

impl From<ChannelRow> for Channel {
    fn from(row: ChannelRow) -> Self {
        Self {
            id: row.id,
            incomplete: row.is_incomplete(),
            name: row.name,
            kind: row.kind,
            open_ai_protocol: row.openai_protocol,
            effective_base_url: base_url::normalise(&row.base_url).ok(),
            base_url: row.base_url,
            api_key_last4: row.api_key_last4,
            models: serde_json::from_str(&row.models).unwrap_or_default(),
            priority: row.priority,
            weight: row.weight,
            max_concurrency: row.max_concurrency,
            test_model: row.test_model,
            monitor_interval_sec: row.monitor_interval_ms.map(|ms| Usd(Nanos(ms.saturating_mul(1_000_000)))),
            header_names: serde_json::from_str(&row.header_names).unwrap_or_default(),
            adapt_reasoning: row.adapt_reasoning,
            enabled: row.enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A new channel.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewChannel {
    /// Its name, unique.
    pub name: String,
    /// `claude` or `openai`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `auto` (default), `chat_completions` or `responses`.
    pub open_ai_protocol: Option<String>,
    /// `http(s)://host[:port][/path][/v<digits>]`; without a version `/v1` is inserted.
    pub base_url: String,
    /// The provider's key.
    pub api_key: Secret,
    /// Models it serves; empty or `*` = all.
    pub models: Option<Vec<String>>,
    /// Higher goes first (default 0).
    pub priority: Option<i64>,
    /// Share inside one priority (default 1).
    pub weight: Option<i64>,
    /// Requests at the same time; absent or 0 = unlimited.
    pub max_concurrency: Option<i64>,
    /// Model asked by tests and probes.
    pub test_model: Option<String>,
    /// Seconds between probes, from 0.05; absent or 0 = none.
    pub monitor_interval_sec: Option<Usd>,
    /// Extra request headers.
    pub headers: Option<BTreeMap<String, String>>,
    /// Whether Chat bodies for reasoning models are adapted to what those take (default true).
    pub adapt_reasoning: Option<bool>,
    /// Whether it takes requests (default true).
    pub enabled: Option<bool>,
}

/// Changes to a channel.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ChannelPatch {
    /// Its name.
    pub name: Option<String>,
    /// `claude` or `openai`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Null = `auto`.
    pub open_ai_protocol: Patch<String>,
    /// Another host needs `apiKey` (and `headers`, if there are any) with it.
    pub base_url: Option<String>,
    /// Absent = as it was.
    pub api_key: Option<Secret>,
    /// Null = all.
    pub models: Patch<Vec<String>>,
    /// Null = 0.
    pub priority: Patch<i64>,
    /// Null = 1.
    pub weight: Patch<i64>,
    /// Null or 0 = unlimited.
    pub max_concurrency: Patch<i64>,
    /// Null = none.
    pub test_model: Patch<String>,
    /// Null or 0 = none.
    pub monitor_interval_sec: Patch<Usd>,
    /// Replaces all extra headers; null = none.
    pub headers: Patch<BTreeMap<String, String>>,
    /// Null = true.
    pub adapt_reasoning: Patch<bool>,
    /// Null = true.
    pub enabled: Patch<bool>,
}

/// Which channels are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ChannelQuery {
    /// `claude` or `openai`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// On or off.
    pub enabled: Option<bool>,
    /// Those that serve this model.
    pub model: Option<String>,
}
