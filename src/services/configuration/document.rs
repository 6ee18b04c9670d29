//! The configuration as a file: no ids, no times, no secrets, so that equal configurations are equal files.

use std::collections::{BTreeMap, HashMap};

use actors::vocabulary::{Nanos, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::services::channels::Channel;
use crate::services::site::SettingsPatch;
use crate::services::values::{Secret, Usd};
use crate::store::configuration::Configuration;
use crate::store::mappings::MappingRow;
use crate::store::prices::PriceRow;

/// The form this version writes and reads.
pub(super) const VERSION: i64 = 1;

/// A configuration. Channels are named by their names. In an import a part that is absent stays as it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigDocument {
    /// 1.
    pub version: i64,
    /// Settings by name, but for the fallback channels. In an import one that is absent stays, null is the default.
    pub settings: Option<SettingsPatch>,
    /// The channels of `claudeFallbackChannelId` and `openaiFallbackChannelId`.
    pub fallback_channels: Option<FallbackChannels>,
    /// All channels.
    pub channels: Option<Vec<ChannelConfig>>,
    /// All models of the catalogue.
    pub models: Option<Vec<ModelConfig>>,
    /// All mappings.
    pub mappings: Option<Vec<MappingConfig>>,
    /// All prices.
    pub prices: Option<Vec<PriceConfig>>,
}

/// Where requests go when all else failed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FallbackChannels {
    /// The channel's name.
    pub claude: Option<String>,
    /// The channel's name.
    pub openai: Option<String>,
}

/// A channel. Its key and the values of its headers are never exported.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelConfig {
    /// Its name; an import finds the channel by it, in any case.
    pub name: String,
    /// `claude` or `openai`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `auto`, `chat_completions` or `responses`.
    #[serde(default = "auto")]
    pub open_ai_protocol: String,
    /// As it was given.
    pub base_url: String,
    /// Models it serves; empty = all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i64,
    /// Share inside one priority.
    #[serde(default = "one")]
    pub weight: i64,
    /// Requests at the same time; null = unlimited.
    pub max_concurrency: Option<i64>,
    /// Model asked by tests and probes.
    pub test_model: Option<String>,
    /// Seconds between probes; null = none.
    pub monitor_interval_sec: Option<Usd>,
    /// Names of its extra headers.
    #[serde(default)]
    pub header_names: Vec<String>,
    /// Whether Chat bodies for reasoning models are adapted to what those take.
    #[serde(default = "yes")]
    pub adapt_reasoning: bool,
    /// Whether it takes requests.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Imports alone: its key.
    #[serde(default, skip_serializing)]
    pub api_key: Option<Secret>,
    /// Imports alone: its extra headers, instead of `headerNames`.
    #[serde(default, skip_serializing)]
    pub headers: Option<BTreeMap<String, String>>,
}

/// A model of the catalogue.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelConfig {
    /// `claude` or `openai`.
    pub provider: String,
    /// The name it is called by.
    pub model: String,
    /// Its name for people; null = as `model`.
    pub display_name: Option<String>,
    /// Whether lists show it.
    #[serde(default = "yes")]
    pub visible: bool,
    /// Whether it can be called.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MappingConfig {
    /// The client's family.
    pub provider: String,
    /// The family of channels used.
    pub target_provider: String,
    /// The names it catches.
    pub inbound_models: Vec<String>,
    /// The name sent upstream.
    pub upstream_model: String,
    /// The names of the channels used; empty = all of the target's.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Whether it applies.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Prices of one model, USD per million tokens: of a `provider` or of a channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceConfig {
    /// All channels of this family…
    pub provider: Option<String>,
    /// …or the name of one channel.
    pub channel: Option<String>,
    /// The upstream model.
    pub model: String,
    /// Uncached input.
    pub input_price_per_m_tok: Usd,
    /// Output.
    pub output_price_per_m_tok: Usd,
    /// Cache reads.
    #[serde(default)]
    pub cache_read_price_per_m_tok: Usd,
    /// Five-minute cache writes.
    #[serde(default)]
    pub cache_creation_price_per_m_tok: Usd,
    /// One-hour cache writes; null = as for five minutes.
    pub cache_creation1h_price_per_m_tok: Option<Usd>,
}

fn auto() -> String {
    "auto".to_owned()
}

fn one() -> i64 {
    1
}

fn yes() -> bool {
    true
}

impl ConfigDocument {
    /// The file of a configuration.
    pub(super) fn of(settings: &Settings, mut stored: Configuration) -> Self {
        stored.channels.sort_by_key(|row| row.name.to_lowercase());
        stored.models.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
        let names: HashMap<i64, String> = stored.channels.iter().map(|row| (row.id, row.name.clone())).collect();
        let fallback = |id: Option<actors::vocabulary::ChannelId>| id.and_then(|id| names.get(&id.0).cloned());
        let mut mappings: Vec<MappingConfig> = stored.mappings.into_iter().map(|row| mapping(row, &names)).collect();
        mappings.sort();
        let mut prices: Vec<PriceConfig> = stored.prices.into_iter().map(|row| price(row, &names)).collect();
        prices.sort_by(|a, b| (&a.provider, &a.channel, &a.model).cmp(&(&b.provider, &b.channel, &b.model)));
        Self {
            version: VERSION,
            settings: Some(SettingsPatch::of(settings)),
            fallback_channels: Some(FallbackChannels {
                claude: fallback(settings.claude_fallback_channel_id),
                openai: fallback(settings.openai_fallback_channel_id),
            }),
            channels: Some(stored.channels.into_iter().map(|row| channel(Channel::from(row))).collect()),
            models: Some(stored.models.into_iter().map(model).collect()),
            mappings: Some(mappings),
            prices: Some(prices),
        }
    }
}

fn channel(channel: Channel) -> ChannelConfig {
    ChannelConfig {
        name: channel.name,
        kind: channel.kind,
        open_ai_protocol: channel.open_ai_protocol,
        base_url: channel.base_url,
        models: channel.models,
        priority: channel.priority,
        weight: channel.weight,
        max_concurrency: channel.max_concurrency,
        test_model: channel.test_model,
        monitor_interval_sec: channel.monitor_interval_sec,
        header_names: channel.header_names,
        adapt_reasoning: channel.adapt_reasoning,
        enabled: channel.enabled,
        api_key: None,
        headers: None,
    }
}

fn model(row: crate::store::models::ModelRow) -> ModelConfig {
    ModelConfig {
        provider: row.provider,
        model: row.model,
        display_name: Some(row.display_name),
        visible: row.visible,
        enabled: row.enabled,
    }
}

/// The mapping with its channels by name.
pub(super) fn mapping(row: MappingRow, names: &HashMap<i64, String>) -> MappingConfig {
    let mut inbound_models = row.inbound_models;
    inbound_models.sort();
    let mut channels: Vec<String> = row.channel_ids.iter().filter_map(|id| names.get(id).cloned()).collect();
    channels.sort();
    MappingConfig {
        provider: row.provider,
        target_provider: row.target_provider,
        inbound_models,
        upstream_model: row.upstream_model,
        channels,
        enabled: row.enabled,
    }
}

fn price(row: PriceRow, names: &HashMap<i64, String>) -> PriceConfig {
    let usd = |nanos| Usd(Nanos(nanos));
    PriceConfig {
        provider: row.provider,
        channel: row.channel_id.and_then(|id| names.get(&id).cloned()),
        model: row.model,
        input_price_per_m_tok: usd(row.input_price),
        output_price_per_m_tok: usd(row.output_price),
        cache_read_price_per_m_tok: usd(row.cache_read_price),
        cache_creation_price_per_m_tok: usd(row.cache_creation_price),
        cache_creation1h_price_per_m_tok: row.cache_creation_1h_price.map(usd),
    }
}
