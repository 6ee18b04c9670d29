//! Upstream channels as the road sees them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ids::ChannelId;
use super::model::{Family, Protocol};

/// Which of OpenAI's two protocols a channel speaks natively.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenAiProtocol {
    /// Both.
    Auto,
    /// Chat Completions alone.
    ChatCompletions,
    /// Responses alone.
    Responses,
}

impl OpenAiProtocol {
    /// The name used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
        }
    }
}

impl std::str::FromStr for OpenAiProtocol {
    type Err = super::model::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "chat_completions" => Ok(Self::ChatCompletions),
            "responses" => Ok(Self::Responses),
            _ => Err(super::model::UnknownName),
        }
    }
}

/// A secret that never prints itself.
#[derive(Clone)]
pub struct UpstreamKey(Arc<str>);

impl UpstreamKey {
    /// Wraps a decrypted upstream key.
    pub fn new(secret: &str) -> Self {
        Self(secret.into())
    }

    /// The secret, for the request to its own channel alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for UpstreamKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UpstreamKey(…)")
    }
}

/// An enabled upstream channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Its name, for logs that admins read.
    pub name: String,
    /// The API it speaks.
    pub family: Family,
    /// Which OpenAI protocols it speaks natively; meaningless for `claude`.
    pub open_ai_protocol: OpenAiProtocol,
    /// `scheme://host[:port]/path/v<digits>`: normalised, no trailing slash, version included.
    pub base_url: String,
    /// The provider's key.
    pub api_key: UpstreamKey,
    /// Models it serves; empty = all (`*`).
    pub models: Vec<String>,
    /// Higher goes first.
    pub priority: i32,
    /// Share of traffic inside one priority.
    pub weight: u32,
    /// Requests at the same time; `None` = unlimited.
    pub max_concurrency: Option<u32>,
    /// Model asked by tests and probes.
    pub test_model: Option<String>,
    /// Seconds between active probes; `None` = no probes.
    pub monitor_interval: Option<Duration>,
    /// Extra request headers, overriding the client's.
    pub headers: BTreeMap<String, String>,
    /// Whether Chat bodies for reasoning models are adapted to what those take.
    pub adapt_reasoning: bool,
}

impl Channel {
    /// Whether every model is served.
    pub fn serves_all(&self) -> bool {
        self.models.is_empty()
    }

    /// Whether the list names `model`.
    pub fn lists(&self, model: &str) -> bool {
        self.models.iter().any(|listed| listed == model)
    }

    /// What this channel is asked in for a client that speaks `protocol`: the same where it knows it, else what the
    /// request is converted to. `None` when it cannot serve such a request at all. A channel that knows both OpenAI
    /// protocols is asked in Chat Completions by Claude clients, since many compatible providers know nothing else.
    ///
    /// `count_tokens` has no counterpart at OpenAI: it stays what it is there and is estimated by the gateway.
    pub fn spoken_to(&self, protocol: Protocol) -> Option<Protocol> {
        let open_ai = self.open_ai_protocol;
        match (self.family, protocol) {
            (_, Protocol::CountTokens) => Some(Protocol::CountTokens),
            (Family::Claude, Protocol::Embeddings) => None,
            (Family::Claude, _) => Some(Protocol::Messages),
            (Family::OpenAi, Protocol::Embeddings) => Some(Protocol::Embeddings),
            (Family::OpenAi, Protocol::Responses) if open_ai != OpenAiProtocol::ChatCompletions => Some(Protocol::Responses),
            (Family::OpenAi, _) if open_ai == OpenAiProtocol::Responses => Some(Protocol::Responses),
            (Family::OpenAi, _) => Some(Protocol::ChatCompletions),
        }
    }
}

/// The clocks of one upstream call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// DNS, TCP and TLS.
    pub connect: Duration,
    /// Until the head of the answer: `firstByteTimeoutSec` for streams, `wholeAnswerTimeoutSec` else.
    pub first_byte: Duration,
    /// Longest silence inside a stream.
    pub idle: Duration,
    /// From arrival to the commit, over all attempts.
    pub whole: Duration,
}
