//! A stream's events as they stand on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::StopDetails;

/// An event of the upstream's. One flat shape for all of them is read without a detour; there are many of them.
#[derive(Debug, Deserialize)]
pub struct Incoming {
    #[serde(rename = "type")]
    pub kind: String,
    pub index: Option<usize>,
    pub message: Option<Opening>,
    pub content_block: Option<Value>,
    pub delta: Option<Delta>,
    pub error: Option<Failure>,
}

/// The message that begins.
#[derive(Debug, Deserialize)]
pub struct Opening {
    pub id: Option<String>,
}

/// More of a block, or why the message ended. `citations_delta` and unknown ones have none of these.
#[derive(Debug, Default, Deserialize)]
pub struct Delta {
    pub text: Option<String>,
    pub thinking: Option<String>,
    pub signature: Option<String>,
    pub partial_json: Option<String>,
    pub stop_reason: Option<String>,
    pub stop_sequence: Option<String>,
    pub stop_details: Option<StopDetails>,
}

/// The upstream's error.
#[derive(Debug, Default, Deserialize)]
pub struct Failure {
    #[serde(rename = "type")]
    pub kind: Option<String>,
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
#[serde(tag = "type")]
pub enum OutgoingDelta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
}
