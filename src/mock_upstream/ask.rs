//! A request as the scripted provider understands it: what is asked, and in what manner.

use serde_json::Value;

use super::ask_content::{ToolAsk, text_bytes, tool_asked_for};
use super::route::{Protocol, Vendor};
use super::vendor_error::VendorError;

/// A conversation request that has everything the vendor insists on.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) protocol: Protocol,
    pub(super) model: String,
    pub(super) stream: bool,
    /// Chat Completions: whether the usage chunk was asked for.
    pub(super) include_usage: bool,
    /// The input tokens the default usage claims.
    pub(super) input_tokens: u64,
    /// The tool the answer should call.
    pub(super) tool: Option<ToolAsk>,
    pub(super) thinking: ThinkingAsk,
    /// The whole request, for the protocols that echo parts of it.
    pub(super) body: Value,
}

/// How much of its thinking the provider is asked to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThinkingAsk {
    None,
    /// Responses without a summary: a reasoning item that tells nothing.
    Silent,
    Shown,
}

impl Ask {
    /// Checks and reads a body. The refusals are the vendors' own.
    pub(super) fn read(protocol: Protocol, vendor: Vendor, body: Value) -> Result<Self, VendorError> {
        let needed: &[&'static str] = match protocol {
            Protocol::Messages => &["model", "max_tokens", "messages"],
            Protocol::Chat => &["model", "messages"],
            Protocol::Responses => &["model", "input"],
        };
        Self::read_with(protocol, vendor, body, needed)
    }

    /// The same for `count_tokens`, which wants no limit on the output.
    pub(super) fn counting(vendor: Vendor, body: Value) -> Result<Self, VendorError> {
        Self::read_with(Protocol::Messages, vendor, body, &["model", "messages"])
    }

    fn read_with(protocol: Protocol, vendor: Vendor, body: Value, needed: &[&'static str]) -> Result<Self, VendorError> {
        if !body.is_object() {
            return Err(VendorError::bad_request("Input should be a valid dictionary"));
        }
        let given = |field: &str| body.get(field).is_some_and(|value| !value.is_null());
        // A stored prompt or an earlier response may stand in for the input.
        let stands_in = given("prompt") || given("previous_response_id") || given("conversation");
        if let Some(field) = needed.iter().find(|field| !(given(field) || **field == "input" && stands_in)) {
            return Err(VendorError::missing(vendor, field));
        }
        if given("messages") && !body["messages"].is_array() {
            return Err(VendorError::bad_request("messages: Input should be a valid list"));
        }
        Ok(Self {
            protocol,
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            stream: body["stream"].as_bool().unwrap_or(false),
            include_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            input_tokens: text_bytes(&body).div_ceil(4),
            tool: tool_asked_for(protocol, &body),
            thinking: ThinkingAsk::read(protocol, &body),
            body,
        })
    }

    /// A part of the request, to be echoed.
    pub(super) fn echoes(&self, field: &str) -> Option<&Value> {
        self.body.get(field).filter(|value| !value.is_null())
    }

    /// Whether a Responses client wants its reasoning back encrypted.
    pub(super) fn wants_encrypted_reasoning(&self) -> bool {
        let wanted = self.body["include"].as_array();
        wanted.is_some_and(|list| list.iter().any(|item| item == "reasoning.encrypted_content"))
    }
}

impl ThinkingAsk {
    fn read(protocol: Protocol, body: &Value) -> Self {
        match protocol {
            Protocol::Messages => match body["thinking"]["type"].as_str() {
                None | Some("disabled") => Self::None,
                Some(_) => Self::Shown,
            },
            Protocol::Chat => Self::None,
            Protocol::Responses => {
                let reasoning = &body["reasoning"];
                if !reasoning.is_object() || reasoning["effort"] == "none" {
                    Self::None
                } else if reasoning["summary"].is_string() {
                    Self::Shown
                } else {
                    Self::Silent
                }
            }
        }
    }
}
