//! Sums over time.

use actors::vocabulary::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::range::{self, Range};
use super::traffic::{self, ErrorNumbers, Latency, ProtocolNumbers};
use crate::services::error::NOT_ALLOWED;
use crate::services::values::Usd;
use crate::services::{Actor, Served, ServiceError, Services};
use crate::store::stats::{self, ModelSums, NumberedSums, Span, Sums};

/// Models, keys and channels of a report at most.
const MOST_GROUPS: i64 = 50;

/// Which sums are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StatsQuery {
    /// `today` (default, by the site's time zone), `24h`, `7d`, `30d` or `custom`.
    pub range: Option<String>,
    /// First millisecond of a custom range.
    pub from: Option<i64>,
    /// First millisecond after a custom range.
    pub to: Option<i64>,
    /// One user's (admins).
    pub user_id: Option<i64>,
}

/// Sums.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    /// Requests, refused ones included.
    pub requests: i64,
    /// Completed with a status below 400.
    pub successes: i64,
    /// The rest.
    pub errors: i64,
    /// Share of successes, 0 to 1; null without requests.
    pub success_rate: Option<f64>,
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
    /// Mean milliseconds of a request; null without requests.
    pub mean_duration_ms: Option<i64>,
}

impl From<&Sums> for Numbers {
    fn from(sums: &Sums) -> Self {
        let rate = |successes: i64| successes as f64 / sums.requests as f64;
        Self {
            requests: sums.requests,
            successes: sums.successes,
            errors: sums.requests - sums.successes,
            success_rate: (sums.requests > 0).then(|| rate(sums.successes)),
            tokens_in: sums.tokens_in,
            tokens_out: sums.tokens_out,
            cache_read_tokens: sums.cache_read_tokens,
            cache_creation_tokens: sums.cache_creation_tokens,
            cost_usd: Usd(Nanos(sums.cost_nanos)),
            mean_duration_ms: sums.duration_ms.checked_div(sums.requests),
        }
    }
}

/// Sums of one hour or day.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Point {
    /// Its start, epoch milliseconds.
    pub ts: i64,
    /// Its sums.
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Sums of one model.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ModelNumbers {
    /// The model clients asked for.
    pub model: String,
    /// Its sums.
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Sums of one key.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyNumbers {
    /// The key.
    pub key_id: i64,
    /// Its name; null when it is gone.
    pub key_name: Option<String>,
    /// Its sums.
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Sums of one channel.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelNumbers {
    /// The channel; null = none answered.
    pub channel_id: Option<i64>,
    /// Its name; null when it is gone.
    pub channel_name: Option<String>,
    /// Its sums.
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Sums of a range.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// As it was asked for.
    pub range: String,
    /// First millisecond.
    pub from: i64,
    /// First millisecond after.
    pub to: i64,
    /// `hour` or `day`: what a point of the series stands for.
    pub bucket: &'static str,
    /// Everything.
    pub totals: Numbers,
    /// How long completed requests took.
    pub latency: Latency,
    /// Oldest first, without gaps.
    pub series: Vec<Point>,
    /// Dearest first, at most 50.
    pub by_model: Vec<ModelNumbers>,
    /// Dearest first, at most 50.
    pub by_key: Vec<KeyNumbers>,
    /// Dearest first, at most 50 (admins).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_channel: Option<Vec<ChannelNumbers>>,
    /// What did not succeed, by how it ended and by status; the most frequent first.
    pub by_error: Vec<ErrorNumbers>,
    /// What clients spoke and what channels were asked in, the most frequent first (admins).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_protocol: Option<Vec<ProtocolNumbers>>,
}

/// Sums of a range: of everybody or one user for admins, of themselves for others.
///
/// # Errors
/// `invalid_request`; `forbidden` for another user's figures.
pub async fn stats(services: &Services, actor: &Actor, query: StatsQuery) -> Served<Stats> {
    let name = query.range.clone().unwrap_or_else(|| "today".to_owned());
    let (range, span) = wanted(services, actor, &query, &name)?;
    let report = stats::report(&services.db, &span, MOST_GROUPS).await?;
    let latency = traffic::latency(services, &span, report.totals.successes).await?;
    let asked = crate::store::traffic::traffic(&services.db, &span).await?;
    Ok(Stats {
        range: name,
        from: range.from,
        to: range.to,
        bucket: range.bucket,
        totals: Numbers::from(&report.totals),
        latency,
        series: series(&range, &report.slots),
        by_model: report.models.into_iter().map(of_model).collect(),
        by_key: report.keys.into_iter().map(of_key).collect(),
        by_channel: actor.is_admin().then(|| report.channels.into_iter().map(of_channel).collect()),
        by_error: traffic::by_error(&asked),
        by_protocol: actor.is_admin().then(|| traffic::by_protocol(&asked)),
    })
}

/// The totals of a range alone, as [`stats`] has them.
///
/// # Errors
/// As those of [`stats`].
pub async fn totals(services: &Services, actor: &Actor, query: &StatsQuery) -> Served<Numbers> {
    let (_, span) = wanted(services, actor, query, query.range.as_deref().unwrap_or("today"))?;
    Ok(Numbers::from(&stats::totals(&services.db, &span).await?))
}

fn wanted(services: &Services, actor: &Actor, query: &StatsQuery, name: &str) -> Served<(Range, Span)> {
    if !actor.is_admin() && query.user_id.is_some_and(|id| id != actor.id.0) {
        return Err(ServiceError::new(&NOT_ALLOWED));
    }
    let range = range::read(services, name, (query.from, query.to))?;
    let user_id = if actor.is_admin() { query.user_id } else { Some(actor.id.0) };
    let span = Span { from: range.from, to: range.to, now: services.now(), user_id, key_id: None, channel_id: None };
    Ok((range, span))
}

fn of_model(model: ModelSums) -> ModelNumbers {
    ModelNumbers { numbers: Numbers::from(&model.sums), model: model.name }
}

fn of_key(key: NumberedSums) -> KeyNumbers {
    KeyNumbers { key_id: key.place, numbers: Numbers::from(&key.sums), key_name: key.name }
}

fn of_channel(channel: NumberedSums) -> ChannelNumbers {
    let channel_id = Some(channel.place).filter(|id| *id != 0);
    ChannelNumbers { channel_id, numbers: Numbers::from(&channel.sums), channel_name: channel.name }
}

/// Every bucket of the range, those without requests included.
fn series(range: &Range, slots: &[NumberedSums]) -> Vec<Point> {
    let mut sums = vec![Sums::default(); range.starts.len()];
    for slot in slots {
        let bucket = range.starts.partition_point(|start| *start <= slot.place).saturating_sub(1);
        if let Some(bucket) = sums.get_mut(bucket) {
            add(bucket, &slot.sums);
        }
    }
    range.starts.iter().zip(&sums).map(|(ts, sums)| Point { ts: *ts, numbers: Numbers::from(sums) }).collect()
}

fn add(sums: &mut Sums, more: &Sums) {
    let figures = [
        (&mut sums.requests, more.requests),
        (&mut sums.successes, more.successes),
        (&mut sums.tokens_in, more.tokens_in),
        (&mut sums.tokens_out, more.tokens_out),
        (&mut sums.cache_read_tokens, more.cache_read_tokens),
        (&mut sums.cache_creation_tokens, more.cache_creation_tokens),
        (&mut sums.cost_nanos, more.cost_nanos),
        (&mut sums.duration_ms, more.duration_ms),
    ];
    for (sum, figure) in figures {
        *sum = sum.saturating_add(figure);
    }
}
