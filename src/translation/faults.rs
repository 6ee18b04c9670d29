//! Errors in each protocol's own words: bodies, and the events that end a broken stream.

use actors::vocabulary::Family;
use actors::vocabulary::Protocol;
use bytes::Bytes;
use serde_json::json;

/// What went wrong, independent of protocol. The pairs are the contract's status table (§2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// Anthropic's `error.type`.
    pub anthropic: &'static str,
    /// OpenAI's `error.type`.
    pub openai_type: &'static str,
    /// OpenAI's `error.code`.
    pub openai_code: &'static str,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $status:literal $anthropic:literal $type:literal $code:literal;)+) => {
        impl Fault { $($(#[$doc])* pub const $name: Self =
            Self { status: $status, anthropic: $anthropic, openai_type: $type, openai_code: $code };)+ }
    };
}

faults! {
    /// The request itself is wrong.
    INVALID = 400 "invalid_request_error" "invalid_request_error" "invalid_request_error";
    /// No key, or an unknown one.
    UNAUTHENTICATED = 401 "authentication_error" "invalid_request_error" "invalid_api_key";
    /// No money.
    UNPAID = 402 "billing_error" "insufficient_quota" "insufficient_quota";
    /// Not for this key.
    FORBIDDEN = 403 "permission_error" "invalid_request_error" "permission_denied";
    /// No such model or path.
    NOT_FOUND = 404 "not_found_error" "invalid_request_error" "model_not_found";
    /// The method does not fit the path.
    WRONG_METHOD = 405 "invalid_request_error" "invalid_request_error" "method_not_allowed";
    /// The body came too slowly.
    TOO_SLOW = 408 "timeout_error" "timeout" "timeout";
    /// The body is too large.
    TOO_LARGE = 413 "request_too_large" "invalid_request_error" "request_too_large";
    /// The body's encoding is unknown.
    UNSUPPORTED = 415 "request_too_large" "invalid_request_error" "unsupported_media_type";
    /// A web socket was asked for.
    NO_WEB_SOCKET = 426 "invalid_request_error" "invalid_request_error" "upgrade_required";
    /// A limit is reached.
    LIMITED = 429 "rate_limit_error" "rate_limit_error" "rate_limit_exceeded";
    /// Something in the gateway broke.
    INTERNAL = 500 "api_error" "server_error" "internal_error";
    /// No upstream answered.
    UPSTREAM = 502 "api_error" "server_error" "upstream_error";
    /// Nobody can serve it now.
    UNAVAILABLE = 503 "overloaded_error" "server_error" "service_unavailable";
    /// A deadline passed.
    TIMEOUT = 504 "timeout_error" "timeout" "timeout";
}

impl Fault {
    /// The fault that tells a client an upstream's own status, kept after all candidates failed.
    pub fn kept(status: u16) -> Self {
        match status {
            408 => Self::TOO_SLOW,
            429 => Self::LIMITED,
            503 => Self::UNAVAILABLE,
            504 => Self::TIMEOUT,
            529 => Self { status, ..Self::UNAVAILABLE },
            500..=599 => Self { status, ..Self::UPSTREAM },
            _ => Self::UPSTREAM,
        }
    }
}

/// The field of a conversation that the provider holds. Anthropic's tool runners ask for one unasked; told by this code
/// that there is none, they go on with the whole conversation (`ThreadState.recoversFrom` in anthropic 2.12 for Python and
/// 1.12 for Node).
pub const THREAD: &str = "thread";

/// The field of a conversation that is not held, or not any more: told by its code, Anthropic's tool runners begin a new one
/// with the whole conversation.
pub const LOST_THREAD: &str = "thread.previous_message_id";

/// An error body in the family's shape.
pub fn body(family: Family, fault: Fault, message: &str, param: Option<&str>, request_id: &str) -> Bytes {
    let body = match family {
        Family::Claude => {
            let mut error = json!({"type": fault.anthropic, "message": message});
            match param {
                Some(THREAD) => {
                    error["details"] = json!({"error_code": "thread_unsupported_request", "unsupported": [THREAD]});
                }
                Some(LOST_THREAD) => error["details"] = json!({"error_code": "thread_not_found"}),
                _ => {}
            }
            json!({"type": "error", "error": error, "request_id": request_id})
        }
        Family::OpenAi => json!({
            "error": {"message": message, "type": fault.openai_type, "param": param, "code": fault.openai_code}
        }),
    };
    body.to_string().into()
}

/// The event that ends a stream after something broke. `sequence` is its number in a Responses stream.
pub fn event(protocol: Protocol, fault: Fault, message: &str, sequence: i64) -> Bytes {
    match protocol {
        Protocol::Messages | Protocol::CountTokens => {
            let data = json!({"type": "error", "error": {"type": fault.anthropic, "message": message}});
            format!("event: error\ndata: {data}\n\n").into()
        }
        Protocol::Responses => {
            let data = json!({"type": "error", "code": fault.openai_code, "message": message, "param": null, "sequence_number": sequence});
            format!("event: error\ndata: {data}\n\n").into()
        }
        Protocol::ChatCompletions | Protocol::Embeddings => {
            let data = json!({
                "error": {"message": message, "type": fault.openai_type, "param": null, "code": fault.openai_code}
            });
            format!("data: {data}\n\ndata: [DONE]\n\n").into()
        }
    }
}

/// What is sent while an upstream is silent.
pub fn keep_alive(protocol: Protocol) -> Bytes {
    match protocol {
        Protocol::Messages => Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        _ => Bytes::from_static(b": keep-alive\n\n"),
    }
}

/// The last event of a stream whose upstream named its stop reason and then left it out.
pub fn missing_end(protocol: Protocol) -> Bytes {
    match protocol {
        Protocol::Messages => Bytes::from_static(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        _ => Bytes::from_static(b"data: [DONE]\n\n"),
    }
}
