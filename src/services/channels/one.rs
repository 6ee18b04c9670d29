//! One channel, closely: how it does, what it did, where it failed.

use actors::vocabulary::{Attempt, ChannelId};
use serde::Serialize;

use super::find;
use super::status::{ChannelStatus, statuses};
use super::upstreams::Upstreams;
use super::values::Channel;
use crate::services::error::NOT_FOUND;
use crate::services::reports::Numbers;
use crate::services::{Served, ServiceError, Services};
use crate::store::channel_activity::{self, FailureRow};
use crate::store::stats::{self, Span};

const DAY_MS: i64 = 86_400_000;
/// Requests whose failures are shown.
const MOST_FAILURES: usize = 20;

/// A failed attempt.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The request's row in the log.
    pub log_id: i64,
    /// When the attempt began, epoch milliseconds.
    pub ts: i64,
    /// The model asked for.
    pub model: String,
    /// The upstream's status; null when no head arrived.
    pub status: Option<u16>,
    /// What went wrong, in English.
    pub error: String,
    /// The same as a word; null in older rows.
    pub cause: Option<String>,
    /// What the word is about.
    pub cause_about: Option<String>,
    /// Whether another channel answered the request after it.
    pub saved: bool,
}

/// What a channel did and how it does.
#[derive(Clone, Debug, Serialize)]
pub struct Doings {
    /// The channel.
    pub channel: Channel,
    /// How it does.
    pub status: ChannelStatus,
    /// Its requests of the last 24 hours.
    pub numbers: Numbers,
    /// Its last failed attempts, newest first.
    pub failures: Vec<Failure>,
    /// The protocols whose fallback it is.
    pub fallback_of: Vec<&'static str>,
}

/// One channel.
///
/// # Errors
/// `not_found`.
pub async fn one(services: &Services, id: ChannelId) -> Served<Channel> {
    find(services, id).await.map(Channel::from)
}

/// One channel with all that is known of it.
///
/// # Errors
/// `not_found`.
pub async fn doings(services: &Services, upstreams: &dyn Upstreams, id: ChannelId) -> Served<Doings> {
    let row = find(services, id).await?;
    let now = services.now();
    let span = Span { from: now - DAY_MS, to: now, now, user_id: None, key_id: None, channel_id: Some(id.0) };
    let sums = stats::totals(&services.db, &span).await?;
    let failures = channel_activity::failures(&services.db, id, span.from, MOST_FAILURES).await?;
    let status = statuses(services, upstreams, std::slice::from_ref(&row)).await?.pop();
    let settings = services.settings.settings();
    let fallbacks = [
        ("claude", settings.claude_fallback_enabled, settings.claude_fallback_channel_id),
        ("openai", settings.openai_fallback_enabled, settings.openai_fallback_channel_id),
    ];
    Ok(Doings {
        channel: Channel::from(row),
        status: status.ok_or_else(|| ServiceError::new(&NOT_FOUND))?,
        numbers: Numbers::from(&sums),
        failures: failures.into_iter().flat_map(|row| failed(&row, id)).collect(),
        fallback_of: fallbacks.iter().filter(|(_, on, channel)| *on && *channel == Some(id)).map(|(name, ..)| *name).collect(),
    })
}

/// The channel's failures in one request: failed attempts, and an answer that broke.
fn failed(row: &FailureRow, id: ChannelId) -> Vec<Failure> {
    let attempts: Vec<Attempt> = serde_json::from_str(&row.attempts).unwrap_or_default();
    let broke = matches!(row.ending.as_str(), "upstream_failed" | "timed_out");
    let own = attempts.iter().filter(|attempt| attempt.channel_id == id);
    let failures = own.filter_map(|attempt| {
        let later = row.error.as_ref().filter(|_| broke);
        let error = attempt.error.as_ref().or(later)?;
        let (cause, cause_about) = match &attempt.cause {
            Some(cause) => (Some(cause.word.clone()), cause.about.clone()),
            None if attempt.error.is_none() => (row.cause.clone(), row.cause_about.clone()),
            None => (None, None),
        };
        Some(Failure {
            log_id: row.id,
            ts: row.ts + attempt.started_ms,
            model: attempt.upstream_model.clone(),
            status: attempt.status,
            error: error.clone(),
            cause,
            cause_about,
            saved: row.ending == "completed" && row.channel_id != Some(id.0),
        })
    });
    let mut failures: Vec<Failure> = failures.collect();
    failures.reverse();
    failures
}
