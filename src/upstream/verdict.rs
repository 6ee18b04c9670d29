//! Whose fault a failed attempt is, and whether to try elsewhere.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actors::channel_health::Verdict;
use actors::vocabulary::Settings;
use bytes::Bytes;

use super::account_faults::AccountFault;
use crate::translation::hub::CannotCarry;

/// Longest `Retry-After` believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// How an attempt failed.
#[derive(Clone, Debug)]
pub enum Miss {
    /// No connection, or it broke.
    Network(String),
    /// The connection broke while a large body was being sent: perhaps the caller's fault.
    BrokeWhileSending,
    /// A deadline passed.
    TimedOut(&'static str),
    /// A status that is the channel's own fault.
    Status {
        /// The status.
        status: u16,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
        /// The upstream's own words.
        words: Option<String>,
    },
    /// The operator's account there cannot be used.
    Account {
        /// The status it was told by.
        status: u16,
        /// What is wrong.
        fault: AccountFault,
        /// The upstream's own words.
        words: Option<String>,
    },
    /// It refuses with 403, for reasons that may lie in what was asked (moderation, somebody else's file, a firewall).
    Forbidden(Option<String>),
    /// It does not have the model.
    NoSuchModel(Answered),
    /// An answer that is none: nothing, garbage, an error event first.
    NoAnswer(String),
    /// An answer that is none for reasons that may lie in what was asked: no output, an error of the caller's own.
    Declined(String),
    /// It cannot be asked at all as it is configured.
    Unusable,
    /// Its protocol has no place for something that was asked: it was not asked.
    CannotCarry(CannotCarry),
}

/// A small answer kept as it came.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Miss {
    /// What the attempt shows of the channel.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Status { status: 429, retry_after, .. } => Verdict::Throttled { retry_after: *retry_after },
            Self::Status { retry_after, .. } => Verdict::Failed { retry_after: *retry_after },
            Self::Account { fault, .. } => Verdict::Unusable { why: fault.word() },
            Self::NoSuchModel(_) => Verdict::NoSuchModel,
            // No caller can choose what a channel is judged by.
            Self::BrokeWhileSending | Self::Forbidden(_) | Self::Declined(_) | Self::CannotCarry(_) => Verdict::Nothing,
            Self::Network(_) | Self::TimedOut(_) | Self::NoAnswer(_) | Self::Unusable => Verdict::Failed { retry_after: None },
        }
    }

    /// Whether another channel is to be tried.
    pub(super) fn moves_on(&self, settings: &Settings) -> bool {
        match self {
            Self::Status { status: 429, .. } => settings.proxy_retry_429,
            Self::Status { status: 401..=403, .. } | Self::Account { .. } | Self::Forbidden(_) => true,
            Self::NoSuchModel(_) | Self::Unusable | Self::CannotCarry(_) => true,
            Self::Status { .. } => settings.proxy_retry_5xx,
            Self::Network(_) | Self::BrokeWhileSending | Self::TimedOut(_) => settings.proxy_retry_network,
            Self::NoAnswer(_) | Self::Declined(_) => settings.proxy_retry_5xx,
        }
    }

    /// Whether the same channel may be tried again.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, retry_after, .. } => retry_after.is_none() && !matches!(status, 401..=403),
            Self::Account { .. } | Self::Forbidden(_) | Self::NoSuchModel(_) | Self::Unusable | Self::CannotCarry(_) => false,
            Self::Network(_) | Self::BrokeWhileSending | Self::TimedOut(_) | Self::NoAnswer(_) | Self::Declined(_) => true,
        }
    }

    /// The upstream's status, if it sent one.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Account { status, .. } => Some(*status),
            Self::Forbidden(_) => Some(403),
            Self::NoSuchModel(_) => Some(404),
            _ => None,
        }
    }

    /// One sentence without secrets, for the attempt's row.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Network(why) => format!("no connection: {why}"),
            Self::BrokeWhileSending => "the connection broke while the request was sent".to_owned(),
            Self::TimedOut(what) => format!("timed out: {what}"),
            Self::Status { status, words, .. } => with_words(format!("answered with status {status}"), words.as_deref()),
            Self::Account { status, fault, words } => {
                with_words(format!("answered with status {status}: {}", fault.sentence()), words.as_deref())
            }
            Self::Forbidden(words) => with_words("answered with status 403".to_owned(), words.as_deref()),
            Self::NoSuchModel(_) => "does not have the model".to_owned(),
            Self::NoAnswer(why) | Self::Declined(why) => why.clone(),
            Self::Unusable => "its address, key or headers cannot be used".to_owned(),
            Self::CannotCarry(what) => format!("its protocol has no place for {}", what.field),
        }
    }
}

fn with_words(sentence: String, words: Option<&str>) -> String {
    words.map_or_else(|| sentence.clone(), |words| format!("{sentence}: {words}"))
}

/// `Retry-After` in seconds or as a date (RFC 9110 §10.2.3); OpenAI's and Anthropic's SDKs also read
/// `retry-after-ms`.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(ms) = text("retry-after-ms").and_then(|text| text.trim().parse::<u64>().ok()) {
        return Some(Duration::from_millis(ms).min(LONGEST_RETRY_AFTER));
    }
    let value = text(header::RETRY_AFTER.as_str())?.trim();
    let pause = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
            Duration::try_from(date.duration_since(jiff::Timestamp::now())).unwrap_or_default()
        }
    };
    Some(pause.min(LONGEST_RETRY_AFTER))
}
