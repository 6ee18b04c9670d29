//! A stream's events as they stand on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::{AnswerBlock, StopDetails};
use crate::translation::lenient;

/// An event of the upstream's. One flat shape for all of them is read without a detour; there are many of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Incoming {
    #[serde(rename = "type", deserialize_with = "lenient::owned_string")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "lenient::index")]
    pub index: Option<usize>,
    #[serde(deserialize_with = "lenient::object")]
    pub message: Option<Opening>,
    #[serde(deserialize_with = "lenient::object")]
    pub content_block: Option<AnswerBlock>,
    #[serde(deserialize_with = "lenient::object")]
    pub delta: Option<Delta>,
    pub error: Value,
}

impl Incoming {
    /// What it is: its type, else what its `event:` line says, else what its other fields make of it.
    pub fn kind(&self, named: Option<&str>) -> &'static str {
        const KINDS: [&str; 7] = [
            "content_block_delta",
            "content_block_start",
            "content_block_stop",
            "message_start",
            "message_delta",
            "message_stop",
            "error",
        ];
        let known = |kind: Option<&str>| KINDS.into_iter().find(|known| Some(*known) == kind);
        match known(self.kind.as_deref()).or_else(|| known(named)) {
            Some(kind) => kind,
            None if self.kind.as_deref().is_some_and(|kind| !kind.is_empty()) => "",
            None if self.content_block.is_some() => "content_block_start",
            None if self.message.is_some() => "message_start",
            None => match &self.delta {
                Some(delta) if delta.stop_reason.is_some() => "message_delta",
                Some(_) => "content_block_delta",
                None => "",
            },
        }
    }
}

/// The message that begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Opening {
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
}

/// More of a block, or why the message ended. `citations_delta` and unknown ones have none of these.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delta {
    #[serde(deserialize_with = "lenient::owned_string")]
    pub text: Option<String>,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub thinking: Option<String>,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub signature: Option<String>,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub partial_json: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub stop_reason: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub stop_sequence: Option<String>,
    #[serde(deserialize_with = "lenient::object")]
    pub stop_details: Option<StopDetails>,
}

/// The upstream's error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Failure {
    #[serde(rename = "type", deserialize_with = "lenient::owned_string")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub message: Option<String>,
}

impl Failure {
    /// The error as it stands in an event; some providers write it as a string.
    pub fn read(error: Value) -> Self {
        match error {
            Value::String(message) => Self { kind: None, message: Some(message) },
            other => lenient::read_value(other).unwrap_or_default(),
        }
    }

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
