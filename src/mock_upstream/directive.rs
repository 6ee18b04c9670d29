//! The JSON in which a request, or another process, says what the provider should do.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::pieces::Pieces;
use super::reply::Reply;
use super::script::Step;
use super::usage::Usage;
use super::wire::json;

/// One step as JSON; the module's doc shows all fields.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Directive {
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    error_body: Option<Value>,
    delay_ms: Option<u64>,
    chunk_delay_ms: Option<u64>,
    text: Option<String>,
    pieces: Option<PiecesWanted>,
    thinking: Option<ThinkingWanted>,
    tool_calls: Vec<ToolCallWanted>,
    usage: Option<Usage>,
    without_usage: bool,
    pads_to: Option<usize>,
    cut_after: Option<usize>,
    ends_after: Option<usize>,
    error_event_after: Option<usize>,
    error_event_first: bool,
    hang_after: Option<usize>,
    hang: bool,
    garbage: bool,
    empty: bool,
    raw_body: Option<RawBodyWanted>,
    raw_chunks: Option<RawChunksWanted>,
    on_path: Option<String>,
    on_model: Option<String>,
    on_key: Option<String>,
    times: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PiecesWanted {
    Count(usize),
    These(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThinkingWanted {
    text: String,
    #[serde(default)]
    signature: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolCallWanted {
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawBodyWanted {
    content_type: String,
    body: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawChunksWanted {
    content_type: String,
    chunks: Vec<String>,
}

/// A string stands for itself, anything else for its JSON.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| json(value), str::to_owned)
}

impl Directive {
    /// The step it describes.
    pub(super) fn into_step(self) -> Step {
        let conditions = (self.on_path.clone(), self.on_model.clone(), self.on_key.clone());
        let times = self.times;
        let mut step = Step::from(self.into_reply());
        (step.on_path, step.on_model, step.on_key) = conditions;
        step.times = times.unwrap_or(1);
        step
    }

    /// The reply it describes, without the conditions.
    pub(super) fn into_reply(self) -> Reply {
        let mut reply = Reply::new();
        for (name, value) in &self.headers {
            reply = reply.header(name, value);
        }
        if let Some(status) = self.status {
            reply = reply.with_status(status);
        }
        if let Some(body) = &self.error_body {
            reply = reply.error_body(text_of(body));
        }
        self.course(self.content(reply))
    }

    fn content(&self, mut reply: Reply) -> Reply {
        match (&self.pieces, &self.text) {
            (Some(PiecesWanted::These(pieces)), _) => reply = reply.saying(Pieces::List(pieces.clone())),
            (Some(PiecesWanted::Count(count)), text) => {
                reply = reply.repeat_pieces(*count, text.as_deref().unwrap_or("word "));
            }
            (None, Some(text)) => reply = reply.saying(Pieces::words(text)),
            (None, None) => {}
        }
        if let Some(thinking) = &self.thinking {
            reply = reply.thinking(&thinking.text, &thinking.signature);
        }
        for call in &self.tool_calls {
            let arguments = if call.arguments.is_null() { "{}".to_owned() } else { text_of(&call.arguments) };
            reply = reply.tool_call(&call.name, arguments);
        }
        if let Some(usage) = self.usage {
            reply = reply.usage(usage);
        }
        if self.without_usage {
            reply = reply.without_usage();
        }
        if let Some(bytes) = self.pads_to {
            reply = reply.pads_to(bytes);
        }
        if self.empty {
            reply = reply.empty();
        }
        if self.garbage {
            reply = reply.garbage();
        }
        if let Some(raw) = &self.raw_body {
            reply = reply.raw_body(&raw.content_type, raw.body.clone());
        }
        if let Some(raw) = &self.raw_chunks {
            let chunks = raw.chunks.iter().map(|chunk| Bytes::from(chunk.clone())).collect();
            reply = reply.raw_chunks(&raw.content_type, chunks);
        }
        reply
    }

    fn course(&self, mut reply: Reply) -> Reply {
        if let Some(pause) = self.delay_ms {
            reply = reply.delay_head(Duration::from_millis(pause));
        }
        if let Some(pause) = self.chunk_delay_ms {
            reply = reply.delay_between_chunks(Duration::from_millis(pause));
        }
        if self.hang {
            reply = reply.hang();
        }
        if self.error_event_first {
            reply = reply.error_event_first();
        }
        if let Some(pieces) = self.cut_after {
            reply = reply.cut_connection_after(pieces);
        }
        if let Some(pieces) = self.ends_after {
            reply = reply.ends_without_terminal_after(pieces);
        }
        if let Some(pieces) = self.error_event_after {
            reply = reply.error_event_after(pieces);
        }
        if let Some(pieces) = self.hang_after {
            reply = reply.hang_after(pieces);
        }
        reply
    }
}
