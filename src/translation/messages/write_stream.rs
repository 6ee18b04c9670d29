//! Writing a stream.

use actors::vocabulary::{Protocol, Usage};
use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};

use super::row::{Content, Current, Row};
use super::stream_events::{Outgoing, OutgoingDelta};
use super::write_answer::{opening, stop_words, usage, usage_of_delta};
use crate::translation::Fault;
use crate::translation::faults;
use crate::translation::hub::{Event, Opening, Reply, Seal, Stop};

/// Writes a stream as a Claude client reads it: blocks one after another, counted up from 0.
#[derive(Debug)]
pub struct StreamWriter {
    reply: Reply,
    started: bool,
    done: bool,
    refused: bool,
    stop: Option<Stop>,
    /// The next block's index.
    index: usize,
    current: Option<Current>,
    row: Row,
}

impl StreamWriter {
    /// For a client that waits for this reply.
    pub fn new(reply: Reply) -> Self {
        Self { reply, started: false, done: false, refused: false, stop: None, index: 0, current: None, row: Row::default() }
    }

    /// Writes one event; `usage` is what is known of it by now.
    pub fn event(&mut self, event: &Event, usage: &Usage, out: &mut BytesMut) {
        if self.done {
            return;
        }
        match event {
            Event::Start { id } => self.start(id, out),
            Event::Open { block, opening } => {
                self.start("", out);
                self.refused |= *opening == Opening::Refusal;
                self.open(*block, opening.clone(), out);
            }
            Event::More { block, text } => self.more(*block, text, out),
            Event::Seal { block, seal } => self.seal(*block, seal, out),
            Event::Close { block } => self.close(*block, out),
            Event::Stop(stop) => self.stop = Some(stop.clone()),
            Event::Error { message, status } => self.fail(Fault::kept(*status), message, out),
            Event::End => self.end(usage, out),
        }
    }

    /// Ends a broken stream with the protocol's error event. After it nothing is written.
    pub fn fail(&mut self, fault: Fault, message: &str, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.done, true) {
            out.extend_from_slice(&faults::event(Protocol::Messages, fault, message, 0));
        }
    }

    fn start(&mut self, id: &str, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.started, true) {
            let message = opening(id, &self.reply, usage(&Usage::default()));
            write("message_start", &json!({"type": "message_start", "message": message}), out);
        }
    }

    fn open(&mut self, block: usize, opening: Opening, out: &mut BytesMut) {
        self.row.push(block, opening);
        self.advance(out);
    }

    fn more(&mut self, block: usize, text: &str, out: &mut BytesMut) {
        self.reopen(block, out);
        if self.is_current(block) {
            self.piece(text, out);
            self.advance(out);
        } else if let Some(waiting) = self.row.waiting(block) {
            waiting.text.push_str(text);
        }
    }

    fn seal(&mut self, block: usize, seal: &Seal, out: &mut BytesMut) {
        self.reopen(block, out);
        if self.is_current(block) {
            self.proof(seal, out);
        } else if let Some(waiting) = self.row.waiting(block) {
            waiting.seal = Some(seal.clone());
        }
    }

    /// A block that had to make room, and of which more comes, opens again.
    fn reopen(&mut self, block: usize, out: &mut BytesMut) {
        if let Some(opening) = self.row.reopen(block) {
            self.open(block, opening, out);
        }
    }

    fn close(&mut self, block: usize, out: &mut BytesMut) {
        self.row.forget(block);
        if self.is_current(block) {
            self.finish_current(out);
            self.advance(out);
        } else if let Some(waiting) = self.row.waiting(block) {
            waiting.closed = true;
        }
    }

    fn is_current(&self, block: usize) -> bool {
        self.current.as_ref().is_some_and(|current| current.block == block)
    }

    /// Lets those who wait come forward, as far as the current block allows.
    fn advance(&mut self, out: &mut BytesMut) {
        while !self.row.is_empty() {
            if let Some(current) = &self.current {
                if !current.may_close() {
                    return;
                }
                self.row.closed_early(current);
                self.finish_current(out);
            }
            let Some(next) = self.row.pop() else { return };
            self.current = Some(Current::new(next.block, next.opening));
            self.begin(out);
            if !next.text.is_empty() {
                self.piece(&next.text, out);
            }
            if let Some(seal) = &next.seal {
                self.proof(seal, out);
            }
            if next.closed {
                self.finish_current(out);
            }
        }
    }

    /// Writes a call's start; text and thoughts wait for their first word or their proof.
    fn begin(&mut self, out: &mut BytesMut) {
        let Some(Current { content: Content::Call { id, name, .. }, .. }) = &self.current else { return };
        self.block_start(&json!({"type": "tool_use", "id": id, "name": name, "input": {}}), out);
    }

    fn block_start(&mut self, block: &Value, out: &mut BytesMut) {
        let event = json!({"type": "content_block_start", "index": self.index, "content_block": block});
        write("content_block_start", &event, out);
        if let Some(current) = &mut self.current {
            current.started = true;
        }
    }

    /// Writes the current block's start if that was not done.
    fn ensure_started(&mut self, block: impl FnOnce() -> Value, out: &mut BytesMut) {
        if self.current.as_ref().is_some_and(|current| !current.started) {
            self.block_start(&block(), out);
        }
    }

    /// Writes more of the current block.
    fn piece(&mut self, text: &str, out: &mut BytesMut) {
        let index = self.index;
        match self.current.as_mut().map(|current| &mut current.content) {
            Some(Content::Text) => {
                self.ensure_started(|| json!({"type": "text", "text": ""}), out);
                delta(index, OutgoingDelta::Text { text }, out);
            }
            Some(Content::Thought) => {
                self.ensure_started(empty_thought, out);
                delta(index, OutgoingDelta::Thinking { thinking: text }, out);
            }
            Some(Content::Call { input, .. }) => json_delta(index, &input.feed(text), out),
            None => {}
        }
    }

    /// Writes the current thought's proof.
    fn proof(&mut self, seal: &Seal, out: &mut BytesMut) {
        let Some(Current { content: Content::Thought, started, .. }) = &self.current else { return };
        let signature = match seal {
            Seal::Redacted { data } if !started => {
                return self.block_start(&json!({"type": "redacted_thinking", "data": data}), out);
            }
            // What nobody is to read has a block of its own, which no client shows.
            Seal::Reasoning { .. } | Seal::Call { .. } if !started => {
                return self.block_start(&json!({"type": "redacted_thinking", "data": seal.pack()}), out);
            }
            Seal::Signature { thinking, signature } => {
                let words = if *started { "" } else { thinking };
                self.ensure_started(empty_thought, out);
                if !words.is_empty() {
                    delta(self.index, OutgoingDelta::Thinking { thinking: words }, out);
                }
                signature.clone()
            }
            seal => seal.pack(),
        };
        self.ensure_started(empty_thought, out);
        delta(self.index, OutgoingDelta::Signature { signature: &signature }, out);
    }

    /// Ends the current block; a thought without words and proof never was.
    fn finish_current(&mut self, out: &mut BytesMut) {
        let Some(mut current) = self.current.take() else { return };
        if let Content::Call { input, .. } = &mut current.content {
            json_delta(self.index, &input.finish(), out);
        }
        if current.started {
            write("content_block_stop", &json!({"type": "content_block_stop", "index": self.index}), out);
            self.index += 1;
        }
    }

    fn end(&mut self, usage: &Usage, out: &mut BytesMut) {
        self.start("", out);
        while self.current.is_some() || !self.row.is_empty() {
            self.finish_current(out);
            self.advance(out);
        }
        self.done = true;
        let stop = self.stop.take().unwrap_or_default();
        let (stop_reason, stop_sequence) = stop_words(&stop, self.refused);
        let event = json!({
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason, "stop_sequence": stop_sequence},
            "usage": usage_of_delta(usage),
        });
        write("message_delta", &event, out);
        write("message_stop", &json!({"type": "message_stop"}), out);
    }
}

fn empty_thought() -> Value {
    json!({"type": "thinking", "thinking": "", "signature": ""})
}

fn json_delta(index: usize, piece: &str, out: &mut BytesMut) {
    if !piece.is_empty() {
        delta(index, OutgoingDelta::Input { partial_json: piece }, out);
    }
}

fn delta(index: usize, delta: OutgoingDelta<'_>, out: &mut BytesMut) {
    write("content_block_delta", &Outgoing { kind: "content_block_delta", index, delta }, out);
}

/// Writes an event. Serialising to memory does not fail; if it ever did, the event is left out.
fn write(name: &str, event: &impl Serialize, out: &mut BytesMut) {
    let before = out.len();
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    if serde_json::to_writer((&mut *out).writer(), event).is_err() {
        out.truncate(before);
        return;
    }
    out.extend_from_slice(b"\n\n");
}
