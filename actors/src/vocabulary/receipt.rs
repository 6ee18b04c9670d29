//! What is known of a request when it has ended: its row in the log and its bill.

use serde::{Deserialize, Serialize};

use super::ids::{ChannelId, KeyId, ReceiptId, UserId};
use super::model::Protocol;
use super::money::{Nanos, Tariff};
use super::usage::Usage;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The client got the whole answer (also an upstream's own 4xx, passed on).
    Completed,
    /// The gateway said no before any upstream call.
    Refused,
    /// No upstream answered, or the one that did broke off.
    UpstreamFailed,
    /// A deadline passed.
    TimedOut,
    /// The client went away first.
    ClientLeft,
    /// The process was killed while the answer was under way.
    Killed,
}

impl Ending {
    /// The name used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::UpstreamFailed => "upstream_failed",
            Self::TimedOut => "timed_out",
            Self::ClientLeft => "client_left",
            Self::Killed => "killed",
        }
    }
}

/// One try at one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its name at the time.
    pub channel_name: String,
    /// The model asked for there.
    pub upstream_model: String,
    /// The upstream's status; `None` when no head arrived.
    pub status: Option<u16>,
    /// Milliseconds from the request's arrival to the attempt's start.
    pub started_ms: i64,
    /// Milliseconds the attempt took, to its failure or to the commit.
    pub duration_ms: i64,
    /// Why it failed, in one sentence without secrets; `None` for the one that answered.
    pub error: Option<String>,
}

/// Where a request's time went, in milliseconds since its arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Timings {
    /// The body had been read.
    pub body_read_ms: Option<i64>,
    /// Slots, tokens and money were granted.
    pub admitted_ms: Option<i64>,
    /// The upstream's head had arrived.
    pub head_ms: Option<i64>,
    /// The answer was committed: the first content went out.
    pub first_output_ms: Option<i64>,
    /// The end.
    pub ended_ms: i64,
}

/// A finished request. One per request; its id makes the bill unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The row's id.
    pub id: ReceiptId,
    /// The gateway's request id (`req_…`).
    pub request_id: String,
    /// The client's own id, a label only.
    pub client_request_id: Option<String>,
    /// Arrival, epoch milliseconds.
    pub ts: i64,
    /// Start of the billing day (midnight in `timezone`) the request counts in, epoch milliseconds.
    pub day_start: i64,
    /// Who paid.
    pub user_id: UserId,
    /// Their name at the time.
    pub username: String,
    /// The key used.
    pub key_id: KeyId,
    /// Its name at the time.
    pub key_name: String,
    /// Its visible start.
    pub key_prefix: String,
    /// What the client spoke.
    pub protocol: Protocol,
    /// The model the client asked for; empty when the body was never read.
    pub model: String,
    /// The model asked for upstream.
    pub upstream_model: Option<String>,
    /// The channel that answered.
    pub channel_id: Option<ChannelId>,
    /// Its name at the time.
    pub channel_name: Option<String>,
    /// The status the client got (499 when it left before one).
    pub status: u16,
    /// How it ended.
    pub ending: Ending,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Whether the answer went through conversion.
    pub converted: bool,
    /// What the channel was asked in.
    pub upstream_protocol: Option<Protocol>,
    /// Tokens.
    pub usage: Usage,
    /// Whether tokens were counted from text because the upstream named none.
    pub estimated: bool,
    /// Prices and multipliers in force.
    pub tariff: Option<Tariff>,
    /// The bill.
    pub cost: Nanos,
    /// Stages.
    pub timings: Timings,
    /// Every try.
    pub attempts: Vec<Attempt>,
    /// What went wrong, in one sentence without secrets.
    pub error: Option<String>,
    /// The client's address.
    pub client_ip: Option<String>,
    /// The request's own record (head and bodies), if an admin switched that on; secrets masked.
    pub details: Option<String>,
}

impl Receipt {
    /// When the request ended, epoch milliseconds.
    pub fn ended_at(&self) -> i64 {
        self.ts.saturating_add(self.timings.ended_ms)
    }

    /// Milliseconds from arrival to the first output of a stream (non-streams have none).
    pub fn ttft_ms(&self) -> Option<i64> {
        self.timings.first_output_ms.filter(|_| self.stream)
    }
}

/// The line written when an answer commits, so that a kill leaves a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The receipt as it would be were the process killed now: `ending: killed`, cost 0.
    pub receipt: Receipt,
}
