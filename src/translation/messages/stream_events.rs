//! A stream's events as they stand on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::StopDetails;

/// An event of the upstream's.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Incoming {
    MessageStart {
        message: Opening,
    },
    ContentBlockStart {
        index: usize,
        content_block: Value,
    },
    ContentBlockDelta {
        index: usize,
        delta: Delta,
    },
    ContentBlockStop {
        index: usize,
    },
    MessageDelta {
        delta: End,
    },
    MessageStop,
    Error {
        error: Failure,
    },
    /// `ping`, and whatever comes one day.
    #[serde(other)]
    Other,
}

/// The message that begins.
#[derive(Debug, Deserialize)]
pub struct Opening {
    pub id: Option<String>,
}

/// More of a block.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Delta {
    TextDelta {
        text: String,
    },
    ThinkingDelta {
        thinking: String,
    },
    SignatureDelta {
        signature: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    /// `citations_delta`, and whatever comes one day.
    #[serde(other)]
    Other,
}

/// Why the message ended.
#[derive(Debug, Deserialize)]
pub struct End {
    pub stop_reason: Option<String>,
    pub stop_sequence: Option<String>,
    pub stop_details: Option<StopDetails>,
}

/// The upstream's error.
#[derive(Debug, Deserialize)]
pub struct Failure {
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

impl Failure {
    /// The HTTP status this kind of error has (Anthropic's "Errors").
    pub fn status(&self) -> u16 {
        match self.kind.as_deref().unwrap_or_default() {
            "invalid_request_error" => 400,
            "authentication_error" => 401,
            "billing_error" => 402,
            "permission_error" => 403,
            "not_found_error" => 404,
            "request_too_large" => 413,
            "rate_limit_error" => 429,
            "timeout_error" => 504,
            "overloaded_error" => 529,
            _ => 500,
        }
    }
}

/// `content_block_delta` for the client.
#[derive(Debug, Serialize)]
pub struct Outgoing<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub index: usize,
    pub delta: OutgoingDelta<'a>,
}

/// Its delta.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutgoingDelta<'a> {
    TextDelta { text: &'a str },
    ThinkingDelta { thinking: &'a str },
    SignatureDelta { signature: &'a str },
    InputJsonDelta { partial_json: &'a str },
}
