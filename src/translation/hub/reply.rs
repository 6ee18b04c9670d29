//! What a writer of answers knows beside the answer.

use serde_json::{Map, Value};

/// The circumstances of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The model as the client named it.
    pub model: String,
    /// The gateway's id of the request, for upstreams that name no id of their own.
    pub request_id: String,
    /// When the request arrived, in Unix seconds: the answer's creation time where the upstream names none.
    pub created: i64,
    /// Chat Completions: whether the client wants a stream's usage chunk.
    pub include_usage: bool,
    /// Chat Completions: whether calls have the shape that `functions` had.
    pub old_functions: bool,
    /// Responses: the request's fields that a response repeats. Else empty.
    pub echo: Map<String, Value>,
}

impl Reply {
    /// An id of the client's kind: the upstream's own where it has that kind, else `prefix` before what is left of it.
    pub fn id(&self, prefix: &str, upstream: &str) -> String {
        if upstream.starts_with(prefix) {
            return upstream.to_owned();
        }
        let own = if upstream.is_empty() { &self.request_id } else { upstream };
        let stem = ["msg_", "chatcmpl-", "resp_", "req_"].iter().find_map(|known| own.strip_prefix(known)).unwrap_or(own);
        let clean: String = stem.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect();
        format!("{prefix}{clean}")
    }
}
