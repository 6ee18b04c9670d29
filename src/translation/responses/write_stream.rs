//! Writes a stream for the client.

use actors::vocabulary::Usage;
use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Ending, finished, item, item_id, part, response};
use crate::translation::faults::Fault;
use crate::translation::hub::{Event, Opening, Reply, Seal, Stop, ToolKind};

/// A block as far as it is written.
#[derive(Debug)]
struct Written {
    id: String,
    opening: Opening,
    text: String,
    seal: Option<Seal>,
    closed: bool,
}

/// Writes a stream: each event of the hub at once, as whole events of the protocol.
#[derive(Debug)]
pub struct StreamWriter {
    reply: Reply,
    id: String,
    sequence: u64,
    blocks: Vec<Written>,
    stop: Stop,
    begun: bool,
    over: bool,
    failed: bool,
}

/// A piece of a block. Written for every token, so without a tree in between.
#[derive(Serialize)]
struct Delta<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    item_id: &'a str,
    output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<usize>,
    delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[(); 0]>,
}

impl StreamWriter {
    /// For an answer under these circumstances.
    pub fn new(reply: Reply) -> Self {
        let (id, stop) = (String::new(), Stop::End);
        Self { reply, id, sequence: 0, blocks: Vec::new(), stop, begun: false, over: false, failed: false }
    }

    /// Writes one event. `usage` is what is known of it by now; the last event tells it.
    pub fn event(&mut self, event: &Event, usage: &Usage, out: &mut BytesMut) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id } => self.begin(id, out),
            Event::Open { block, opening } => self.open(*block, opening, out),
            Event::More { block, text } => self.more(*block, text, out),
            Event::Seal { block, seal } => {
                if let Some(written) = self.blocks.get_mut(*block) {
                    written.seal = Some(seal.clone());
                }
            }
            Event::Close { block } => self.close(*block, out),
            Event::Stop(stop) => self.stop = stop.clone(),
            Event::Error { message, status } => self.fail(Fault::kept(*status), message, out),
            Event::End => self.end(usage, out),
        }
    }

    /// Ends a broken stream with an `error` event and `response.failed`, which holds what was written so far. After
    /// it nothing is written.
    pub fn fail(&mut self, fault: Fault, message: &str, out: &mut BytesMut) {
        if self.over {
            return;
        }
        self.begin("", out);
        let error = json!({"code": fault.openai_code, "message": message, "param": null});
        self.put("error", error, out);
        // The codes that a response's error can have (the API's types).
        let code = match fault.status {
            429 => "rate_limit_exceeded",
            400..=499 => "invalid_prompt",
            _ => "server_error",
        };
        let failed = self.response(Ending::Failed(code, message), None);
        self.put("response.failed", json!({"response": failed}), out);
        (self.over, self.failed) = (true, true);
    }

    /// The id of a response that came to its end.
    pub fn complete_id(&self) -> Option<&str> {
        (self.over && !self.failed).then_some(self.id.as_str())
    }

    /// The items written so far with their ids, each as it is when it is done.
    pub fn output_items(&self) -> Vec<(String, Value)> {
        let done = |block: &Written| {
            let text = finished(&block.opening, &block.text);
            (block.id.clone(), item(&block.id, &block.opening, text, block.seal.as_ref(), "completed"))
        };
        self.blocks.iter().map(done).collect()
    }

    fn begin(&mut self, upstream_id: &str, out: &mut BytesMut) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.id = self.reply.id("resp_", upstream_id);
        let response = self.response(Ending::Open, None);
        self.put("response.created", json!({"response": response}), out);
        self.put("response.in_progress", json!({"response": response}), out);
    }

    fn response(&self, ending: Ending<'_>, usage: Option<&Usage>) -> Value {
        let output = self.blocks.iter().map(|block| {
            let (text, status) = if block.closed {
                (finished(&block.opening, &block.text), "completed")
            } else {
                (block.text.as_str(), "incomplete")
            };
            item(&block.id, &block.opening, text, block.seal.as_ref(), status)
        });
        response(&self.id, self.reply.created, &self.reply, ending, output.collect(), usage)
    }

    fn open(&mut self, block: usize, opening: &Opening, out: &mut BytesMut) {
        let id = item_id(&self.id, block, opening);
        let added = item(&id, opening, "", None, "in_progress");
        self.put("response.output_item.added", json!({"output_index": block, "item": added}), out);
        if matches!(opening, Opening::Text | Opening::Refusal) {
            let added = json!({"item_id": id, "output_index": block, "content_index": 0, "part": part(opening, "")});
            self.put("response.content_part.added", added, out);
        }
        self.blocks.push(Written { id, opening: opening.clone(), text: String::new(), seal: None, closed: false });
    }

    fn more(&mut self, block: usize, text: &str, out: &mut BytesMut) {
        let Some(written) = self.blocks.get_mut(block) else { return };
        let is_first = written.text.is_empty();
        written.text.push_str(text);
        if is_first && written.opening == Opening::Thought {
            let added = json!({
                "item_id": written.id, "output_index": block, "summary_index": 0, "part": part(&Opening::Thought, ""),
            });
            self.put("response.reasoning_summary_part.added", added, out);
        }
        self.delta(block, text, out);
    }

    fn delta(&mut self, block: usize, delta: &str, out: &mut BytesMut) {
        let Some(written) = self.blocks.get(block) else { return };
        let (kind, content_index, summary_index) = match &written.opening {
            Opening::Text => ("response.output_text.delta", Some(0), None),
            Opening::Refusal => ("response.refusal.delta", Some(0), None),
            Opening::Thought => ("response.reasoning_summary_text.delta", None, Some(0)),
            Opening::Call { kind: ToolKind::Function, .. } => ("response.function_call_arguments.delta", None, None),
            Opening::Call { kind: ToolKind::Custom, .. } => ("response.custom_tool_call_input.delta", None, None),
        };
        let logprobs = (written.opening == Opening::Text).then_some([]);
        let (sequence_number, item_id) = (self.sequence, written.id.as_str());
        let event = Delta { kind, sequence_number, item_id, output_index: block, content_index, summary_index, delta, logprobs };
        put_event(kind, &event, out);
        self.sequence += 1;
    }

    fn close(&mut self, block: usize, out: &mut BytesMut) {
        let Some(written) = self.blocks.get(block).filter(|written| !written.closed) else { return };
        let whole = finished(&written.opening, &written.text).to_owned();
        if whole.len() > written.text.len() {
            self.delta(block, &whole, out);
        }
        let Some(written) = self.blocks.get_mut(block) else { return };
        written.closed = true;
        let done = item(&written.id, &written.opening, &whole, written.seal.as_ref(), "completed");
        for (kind, event) in endings(block, written, &whole) {
            self.put(kind, event, out);
        }
        self.put("response.output_item.done", json!({"output_index": block, "item": done}), out);
    }

    fn end(&mut self, usage: &Usage, out: &mut BytesMut) {
        self.begin("", out);
        for block in 0..self.blocks.len() {
            self.close(block, out);
        }
        let kind = match self.stop {
            Stop::MaxTokens | Stop::Refusal => "response.incomplete",
            _ => "response.completed",
        };
        let response = self.response(Ending::Stopped(&self.stop), Some(usage));
        self.put(kind, json!({"response": response}), out);
        self.over = true;
    }

    /// Writes an event, its kind and number added.
    fn put(&mut self, kind: &str, mut event: Value, out: &mut BytesMut) {
        event["type"] = kind.into();
        event["sequence_number"] = self.sequence.into();
        put_event(kind, &event, out);
        self.sequence += 1;
    }
}

/// The `*.done` events of a block, but for its item's.
fn endings(block: usize, written: &Written, whole: &str) -> Vec<(&'static str, Value)> {
    let place = |fields: Value| {
        let mut event = json!({"item_id": written.id, "output_index": block});
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        event
    };
    let finished = part(&written.opening, whole);
    match &written.opening {
        Opening::Text => vec![
            ("response.output_text.done", place(json!({"content_index": 0, "text": whole, "logprobs": []}))),
            ("response.content_part.done", place(json!({"content_index": 0, "part": finished}))),
        ],
        Opening::Refusal => vec![
            ("response.refusal.done", place(json!({"content_index": 0, "refusal": whole}))),
            ("response.content_part.done", place(json!({"content_index": 0, "part": finished}))),
        ],
        Opening::Thought if whole.is_empty() => Vec::new(),
        Opening::Thought => vec![
            ("response.reasoning_summary_text.done", place(json!({"summary_index": 0, "text": whole}))),
            ("response.reasoning_summary_part.done", place(json!({"summary_index": 0, "part": finished}))),
        ],
        Opening::Call { kind: ToolKind::Function, name, .. } => {
            vec![("response.function_call_arguments.done", place(json!({"name": name, "arguments": whole})))]
        }
        Opening::Call { kind: ToolKind::Custom, .. } => {
            vec![("response.custom_tool_call_input.done", place(json!({"input": whole})))]
        }
    }
}

/// Writes one event of a stream.
fn put_event(kind: &str, event: &impl Serialize, out: &mut BytesMut) {
    out.put_slice(b"event: ");
    out.put_slice(kind.as_bytes());
    out.put_slice(b"\ndata: ");
    // Writing to memory cannot fail, and the events' keys are all strings.
    let _ = serde_json::to_writer(out.writer(), event);
    out.put_slice(b"\n\n");
}
