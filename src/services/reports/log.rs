//! A request as the doors show it.

use actors::vocabulary::{Attempt, Multiplier, Nanos, PriceList, Receipt, Tariff, Timings};
use schemars::JsonSchema;
use serde::Serialize;

use crate::services::values::Usd;
use crate::store::logs::{LogDetailRow, LogRow};

/// A row of the log. `upstreamModel` and `channelName` are there for admins alone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// Its id.
    pub id: i64,
    /// The gateway's request id.
    pub request_id: String,
    /// Arrival, epoch milliseconds.
    pub ts: i64,
    /// The key's name at the time.
    pub key_name: String,
    /// The key's visible start.
    pub key_prefix: String,
    /// Who paid.
    pub username: String,
    /// What the client spoke.
    pub protocol: String,
    /// The model asked for.
    pub model: String,
    /// The model asked for upstream (admins).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_model: Option<Option<String>>,
    /// The channel that answered (admins).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_name: Option<Option<String>>,
    /// The status the client got.
    pub status: i64,
    /// `completed`, `refused`, `upstream_failed`, `timed_out`, `client_left` or `killed`.
    pub ending: String,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Milliseconds to the first output of a stream.
    pub ttft_ms: Option<i64>,
    /// Milliseconds to the end.
    pub duration_ms: i64,
    /// Uncached input.
    pub tokens_in: i64,
    /// Output, reasoning included.
    pub tokens_out: i64,
    /// Input read from the cache.
    pub cache_read_tokens: i64,
    /// Input written to the cache.
    pub cache_creation_tokens: i64,
    /// Reasoning inside the output.
    pub reasoning_tokens: i64,
    /// The bill.
    pub cost_usd: Usd,
    /// Whether tokens were counted from text.
    pub estimated: bool,
    /// What went wrong, in English.
    pub error: Option<String>,
    /// The same as a word, such as `requests_per_minute`; null where nothing went wrong, and in older rows.
    pub cause: Option<String>,
    /// What the word is about: the limit, the model, the status or the field.
    pub cause_about: Option<String>,
}

impl Log {
    /// The row as admins or as its owner may see it.
    pub fn of(row: LogRow, for_admin: bool) -> Self {
        Self {
            id: row.id,
            request_id: row.request_id,
            ts: row.ts,
            key_name: row.key_name,
            key_prefix: row.key_prefix,
            username: row.username,
            protocol: row.protocol,
            model: row.model,
            upstream_model: for_admin.then_some(row.upstream_model),
            channel_name: for_admin.then_some(row.channel_name),
            status: row.status,
            ending: row.ending,
            stream: row.stream,
            ttft_ms: row.ttft_ms,
            duration_ms: row.duration_ms,
            tokens_in: row.tokens_in,
            tokens_out: row.tokens_out,
            cache_read_tokens: row.cache_read_tokens,
            cache_creation_tokens: row.cache_creation_5m_tokens.saturating_add(row.cache_creation_1h_tokens),
            reasoning_tokens: row.reasoning_tokens,
            cost_usd: Usd(Nanos(row.cost_nanos)),
            estimated: row.estimated,
            error: row.error,
            cause: row.cause,
            cause_about: row.cause_about,
        }
    }

    /// The same of a receipt that may not be in the database yet, for live readers.
    pub fn of_receipt(receipt: &Receipt, for_admin: bool) -> Self {
        Self {
            id: receipt.id.0,
            request_id: receipt.request_id.clone(),
            ts: receipt.ts,
            key_name: receipt.key_name.clone(),
            key_prefix: receipt.key_prefix.clone(),
            username: receipt.username.clone(),
            protocol: receipt.protocol.as_str().to_owned(),
            model: receipt.model.clone(),
            upstream_model: for_admin.then(|| receipt.upstream_model.clone()),
            channel_name: for_admin.then(|| receipt.channel_name.clone()),
            status: i64::from(receipt.status),
            ending: receipt.ending.as_str().to_owned(),
            stream: receipt.stream,
            ttft_ms: receipt.ttft_ms(),
            duration_ms: receipt.timings.ended_ms,
            tokens_in: receipt.usage.input,
            tokens_out: receipt.usage.output,
            cache_read_tokens: receipt.usage.cache_read,
            cache_creation_tokens: receipt.usage.cache_creation(),
            reasoning_tokens: receipt.usage.reasoning,
            cost_usd: Usd(receipt.cost),
            estimated: receipt.estimated,
            error: receipt.error.clone(),
            cause: receipt.cause.as_ref().map(|cause| cause.word.clone()),
            cause_about: receipt.cause.as_ref().and_then(|cause| cause.about.clone()),
        }
    }
}

/// Everything that is kept of a request.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogDetail {
    /// What lists show.
    #[serde(flatten)]
    pub log: Log,
    /// The key.
    pub key_id: i64,
    /// Who paid.
    pub user_id: i64,
    /// The client's own id.
    pub client_request_id: Option<String>,
    /// The client's address.
    pub client_ip: Option<String>,
    /// Whether the answer was converted between protocols.
    pub converted: bool,
    /// Whether it was served without a price.
    pub unpriced: bool,
    /// Input written to the five-minute cache.
    pub cache_creation5m_tokens: i64,
    /// Input written to the one-hour cache.
    pub cache_creation1h_tokens: i64,
    /// The prices used, USD per million tokens.
    pub prices: Option<LogPrices>,
    /// `globalBillingMultiplier` at the time.
    pub global_multiplier: Option<Usd>,
    /// The provider's multiplier at the time.
    pub provider_multiplier: Option<Usd>,
    /// Where the time went.
    pub timings: LogTimings,
    /// The channel that answered (admins).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<Option<i64>>,
    /// What the channel was asked in; null = none was asked, or it is not known any more (admins).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_protocol: Option<Option<String>>,
    /// Every try (admins).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<LogAttempt>>,
    /// The recorded request (admins, where recording was on).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// Prices of the time, USD per million tokens.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogPrices {
    /// Uncached input.
    pub input_price_per_m_tok: Usd,
    /// Output.
    pub output_price_per_m_tok: Usd,
    /// Cache reads.
    pub cache_read_price_per_m_tok: Usd,
    /// Five-minute cache writes.
    pub cache_creation_price_per_m_tok: Usd,
    /// One-hour cache writes.
    pub cache_creation1h_price_per_m_tok: Usd,
}

impl From<PriceList> for LogPrices {
    fn from(prices: PriceList) -> Self {
        Self {
            input_price_per_m_tok: prices.input.into(),
            output_price_per_m_tok: prices.output.into(),
            cache_read_price_per_m_tok: prices.cache_read.into(),
            cache_creation_price_per_m_tok: prices.cache_creation.into(),
            cache_creation1h_price_per_m_tok: prices.cache_creation_1h.unwrap_or(prices.cache_creation).into(),
        }
    }
}

/// Milliseconds since arrival.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogTimings {
    /// The body had been read.
    pub body_read_ms: Option<i64>,
    /// Slots, tokens and money were granted.
    pub admitted_ms: Option<i64>,
    /// The upstream's head had arrived.
    pub head_ms: Option<i64>,
    /// The first content went out.
    pub first_output_ms: Option<i64>,
    /// The end.
    pub ended_ms: i64,
}

/// One try at one channel.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogAttempt {
    /// The channel.
    pub channel_id: i64,
    /// Its name at the time.
    pub channel_name: String,
    /// The model asked for there.
    pub upstream_model: String,
    /// The upstream's status.
    pub status: Option<u16>,
    /// Milliseconds from arrival to its start.
    pub started_ms: i64,
    /// Milliseconds it took.
    pub duration_ms: i64,
    /// Why it failed, in English.
    pub error: Option<String>,
    /// The same as a word; null in older rows.
    pub cause: Option<String>,
    /// What the word is about.
    pub cause_about: Option<String>,
}

impl From<Attempt> for LogAttempt {
    fn from(attempt: Attempt) -> Self {
        let (cause, cause_about) = attempt.cause.map_or((None, None), |cause| (Some(cause.word), cause.about));
        Self {
            channel_id: attempt.channel_id.0,
            channel_name: attempt.channel_name,
            upstream_model: attempt.upstream_model,
            status: attempt.status,
            started_ms: attempt.started_ms,
            duration_ms: attempt.duration_ms,
            error: attempt.error,
            cause,
            cause_about,
        }
    }
}

impl LogDetail {
    /// The detail as admins or as its owner may see it.
    pub fn of(found: LogDetailRow, for_admin: bool) -> Self {
        let tariff: Option<Tariff> = found.tariff.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let timings: Timings = serde_json::from_str(&found.timings).unwrap_or_default();
        let attempts: Vec<Attempt> = serde_json::from_str(&found.attempts).unwrap_or_default();
        let multiplier = |pick: fn(&Tariff) -> Multiplier| tariff.as_ref().map(pick).map(Usd::from);
        let row = found.row;
        // Older rows tell it by their client's protocol, unless they were converted.
        let older = || (row.channel_id.is_some() && !row.converted).then(|| row.protocol.clone());
        let asked_in = found.upstream_protocol.or_else(older).filter(|protocol| !protocol.is_empty());
        Self {
            key_id: row.key_id,
            user_id: row.user_id,
            client_request_id: found.client_request_id,
            client_ip: found.client_ip,
            converted: row.converted,
            unpriced: row.unpriced,
            cache_creation5m_tokens: row.cache_creation_5m_tokens,
            cache_creation1h_tokens: row.cache_creation_1h_tokens,
            prices: tariff.and_then(|tariff| tariff.prices).map(LogPrices::from),
            global_multiplier: multiplier(|tariff| tariff.global),
            provider_multiplier: multiplier(|tariff| tariff.provider),
            timings: LogTimings {
                body_read_ms: timings.body_read_ms,
                admitted_ms: timings.admitted_ms,
                head_ms: timings.head_ms,
                first_output_ms: timings.first_output_ms,
                ended_ms: timings.ended_ms,
            },
            channel_id: for_admin.then_some(row.channel_id),
            upstream_protocol: for_admin.then_some(asked_in),
            attempts: for_admin.then(|| attempts.into_iter().map(LogAttempt::from).collect()),
            details: found.details.filter(|_| for_admin),
            log: Log::of(row, for_admin),
        }
    }
}
