//! Protocols, the two families of providers, and the names a model may be asked by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name of a model, in characters.
pub const LONGEST_MODEL_NAME: usize = 256;

/// Who made a protocol: decides error shapes, price lookup and mappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Anthropic's Messages API.
    Claude,
    /// OpenAI's Chat Completions, Responses and Embeddings APIs.
    OpenAi,
}

impl Family {
    /// `claude` or `openai`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::OpenAi => "openai",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no known value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown value")]
pub struct UnknownName;

impl FromStr for Family {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "claude" => Ok(Self::Claude),
            "openai" => Ok(Self::OpenAi),
            _ => Err(UnknownName),
        }
    }
}

/// What a client or an upstream speaks on one route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/embeddings`.
    Embeddings,
}

impl Protocol {
    /// Every protocol, in the order of the contract.
    pub const ALL: [Self; 5] = [Self::Messages, Self::CountTokens, Self::ChatCompletions, Self::Responses, Self::Embeddings];

    /// The family whose clients speak it.
    pub fn family(self) -> Family {
        match self {
            Self::Messages | Self::CountTokens => Family::Claude,
            Self::ChatCompletions | Self::Responses | Self::Embeddings => Family::OpenAi,
        }
    }

    /// The route's path below the version, without a leading slash.
    pub fn path(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::CountTokens => "messages/count_tokens",
            Self::ChatCompletions => "chat/completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
        }
    }

    /// The name used in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
        }
    }

    /// Whether requests cost money and tokens (`count_tokens` is free).
    pub fn is_billed(self) -> bool {
        self != Self::CountTokens
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == text).ok_or(UnknownName)
    }
}

/// The names a requested model is tried by: itself, without a `[…]` suffix, without `-thinking`.
pub fn name_variants(requested: &str) -> impl Iterator<Item = &str> {
    let bare = requested.split_once('[').filter(|(bare, rest)| !bare.is_empty() && rest.ends_with(']')).map(|(bare, _)| bare);
    let plain = bare.unwrap_or(requested).strip_suffix("-thinking").filter(|plain| !plain.is_empty());
    std::iter::once(requested).chain(bare).chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_tried_from_the_exact_name_outwards() {
        let names = |model| name_variants(model).collect::<Vec<_>>();
        assert_eq!(names("opus"), ["opus"]);
        assert_eq!(names("opus[1m]"), ["opus[1m]", "opus"]);
        assert_eq!(names("opus-thinking"), ["opus-thinking", "opus"]);
        assert_eq!(names("opus-thinking[1m]"), ["opus-thinking[1m]", "opus-thinking", "opus"]);
        assert_eq!(names("[1m]"), ["[1m]"]);
    }
}
