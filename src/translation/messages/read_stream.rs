//! Reading a stream.

use std::sync::Arc;

use serde_json::Value;

use super::read_answer::{refusal, stop};
use super::stream_events::{Delta, Failure, Incoming};
use super::wire::AnswerBlock;
use crate::translation::hub::{Event, InputUnwrapper, Opening, Seal, Stop, ToolKind, ToolNames};
use crate::translation::lenient::{self, Half, Read, is_error, settled};
use crate::translation::sse::Frame;

/// Reads the events of a stream of `POST /v1/messages`.
#[derive(Debug)]
pub struct StreamReader {
    names: Arc<ToolNames>,
    started: bool,
    stopped: bool,
    ended: bool,
    calls: bool,
    /// Whether fields were passed over that may have been the answer.
    lost: bool,
    /// Whether a call has no name: nobody can run it.
    lost_name: bool,
    /// The number of the next block upstream, where it names none.
    opened_blocks: usize,
    /// The hub's next number of a block.
    next: usize,
    open: Vec<Open>,
}

/// A block that is open upstream.
#[derive(Debug)]
struct Open {
    /// Its number there.
    index: usize,
    /// Its number in the middle, once it has content.
    block: Option<usize>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text,
    Thought {
        text: String,
        signature: String,
    },
    Redacted {
        data: String,
    },
    Json(Json),
    /// A tool that the provider runs itself, or what is not known.
    Ignored,
    /// Its type could not be read.
    Unknown,
}

#[derive(Debug)]
struct Json {
    /// The input that came with the block's start.
    start: Value,
    /// Whether any piece came.
    begun: bool,
    /// For tools with free text.
    unwrapper: Option<InputUnwrapper>,
}

impl Json {
    fn piece(&mut self, piece: &str) -> String {
        self.begun = true;
        self.unwrapper.as_mut().map_or_else(|| piece.to_owned(), |unwrapper| unwrapper.feed(piece))
    }
}

impl StreamReader {
    /// For the answer to a request with these tools.
    pub fn new(names: Arc<ToolNames>) -> Self {
        Self {
            names,
            started: false,
            stopped: false,
            ended: false,
            calls: false,
            lost: false,
            lost_name: false,
            opened_blocks: 0,
            next: 0,
            open: Vec::new(),
        }
    }

    /// Reads one event. What is no event of this protocol is passed over.
    pub fn event(&mut self, frame: &Frame, out: &mut Vec<Event>) {
        let Some(data) = &frame.data else { return };
        if self.ended {
            return;
        }
        let text = lenient::mended(data, Half::Marked);
        let Some(Read { value: event, lost }) = lenient::read::<Incoming>(&text) else {
            self.lost = true;
            return;
        };
        self.lost |= lost;
        // Some providers leave the number out: it is the block that opened last.
        let last = self.open.last().map_or(0, |open| open.index);
        let kind = event.kind(frame.event.as_deref());
        let index = event.index.unwrap_or(if kind == "content_block_start" { self.opened_blocks } else { last });
        match kind {
            "content_block_delta" => self.delta(index, event.delta.unwrap_or_default(), out),
            "content_block_start" => self.block_start(index, event.content_block.unwrap_or_default(), out),
            "content_block_stop" => self.block_stop(index, out),
            "message_start" => self.start(event.message.and_then(|message| message.id).unwrap_or_default(), out),
            "message_delta" => self.message_delta(event.delta.unwrap_or_default(), out),
            "message_stop" => {
                self.stop(Stop::End, out);
                self.end(out);
            }
            "error" => self.error(Failure::read(event.error), out),
            _ if is_error(&event.error) => self.error(Failure::read(event.error), out),
            // `ping`, and whatever comes one day.
            _ => {}
        }
    }

    /// The upstream closed: what can still be told. When the stop reason had come, everything up to [`Event::End`];
    /// else nothing.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stopped {
            self.end(out);
        }
    }

    fn start(&mut self, id: String, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id });
        }
    }

    fn block_start(&mut self, index: usize, content_block: AnswerBlock, out: &mut Vec<Event>) {
        self.start(String::new(), out);
        self.block_stop(index, out);
        if self.stopped {
            return;
        }
        self.opened_blocks = index + 1;
        let mut first = Delta::default();
        let mut block = None;
        let content = match content_block.kind() {
            "text" => {
                first.text = content_block.text;
                Content::Text
            }
            "thinking" => {
                first.thinking = content_block.thinking;
                Content::Thought { text: String::new(), signature: content_block.signature.unwrap_or_default() }
            }
            "redacted_thinking" => Content::Redacted { data: content_block.data.unwrap_or_default() },
            "tool_use" => {
                let name = content_block.name.unwrap_or_default();
                self.lost_name |= name.is_empty();
                let (opening, unwrapper) = self.tool(content_block.id.unwrap_or_default(), &name);
                block = Some(self.open_block(opening, out));
                Content::Json(Json { start: content_block.input, begun: false, unwrapper })
            }
            // Its deltas will tell what it is.
            "" => Content::Unknown,
            _ => Content::Ignored,
        };
        self.open.push(Open { index, block, content });
        self.delta(index, first, out);
    }

    /// What a tool's call opens: the answer itself, or a call by the client's name.
    fn tool(&mut self, id: String, name: &str) -> (Opening, Option<InputUnwrapper>) {
        if self.names.is_answer(name) {
            return (Opening::Text, None);
        }
        self.calls = true;
        let tool = self.names.client(name);
        let unwrapper = (tool.kind == ToolKind::Custom).then(InputUnwrapper::default);
        (Opening::Call { id, name: tool.name, namespace: tool.namespace, kind: tool.kind }, unwrapper)
    }

    fn open_block(&mut self, opening: Opening, out: &mut Vec<Event>) -> usize {
        let block = self.next;
        self.next += 1;
        out.push(Event::Open { block, opening });
        block
    }

    fn delta(&mut self, index: usize, delta: Delta, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|open| open.index == index) else { return };
        if matches!(self.open[at].content, Content::Unknown) {
            self.open[at].content = match &delta {
                Delta { text: Some(_), .. } => Content::Text,
                Delta { thinking: Some(_), .. } => Content::Thought { text: String::new(), signature: String::new() },
                _ => return,
            };
        }
        let (opening, piece) = match &mut self.open[at].content {
            Content::Text => (Opening::Text, delta.text.unwrap_or_default()),
            Content::Thought { text, signature } => {
                if let Some(whole) = delta.signature {
                    *signature = whole;
                }
                let thinking = delta.thinking.unwrap_or_default();
                text.push_str(&thinking);
                (Opening::Thought, thinking)
            }
            Content::Json(json) => {
                let piece = delta.partial_json.filter(|piece| !piece.is_empty());
                (Opening::Text, piece.map(|piece| json.piece(&piece)).unwrap_or_default())
            }
            Content::Redacted { .. } | Content::Ignored | Content::Unknown => return,
        };
        if !piece.is_empty() {
            let block = self.opened(at, opening, out);
            out.push(Event::More { block, text: piece });
        }
    }

    /// The number of an open block; it opens in the middle when it first has content.
    fn opened(&mut self, at: usize, opening: Opening, out: &mut Vec<Event>) -> usize {
        if let Some(block) = self.open[at].block {
            return block;
        }
        let block = self.open_block(opening, out);
        self.open[at].block = Some(block);
        block
    }

    fn block_stop(&mut self, index: usize, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|open| open.index == index) else { return };
        let rest = match &mut self.open[at].content {
            Content::Json(json) => {
                let start = super::arguments::text(&json.start);
                let first = if json.begun { String::new() } else { json.piece(&start) };
                first + &json.unwrapper.as_mut().map(InputUnwrapper::finish).unwrap_or_default()
            }
            _ => String::new(),
        };
        let seal = match &mut self.open[at].content {
            Content::Thought { text, signature } if !signature.is_empty() => {
                Some(Seal::Signature { thinking: settled(std::mem::take(text)), signature: std::mem::take(signature) })
            }
            Content::Redacted { data } => Some(Seal::Redacted { data: std::mem::take(data) }),
            _ => None,
        };
        if let Some(seal) = seal {
            let block = self.opened(at, Opening::Thought, out);
            out.push(Event::Seal { block, seal });
        }
        if let Some(block) = self.open.remove(at).block {
            if !rest.is_empty() {
                out.push(Event::More { block, text: rest });
            }
            out.push(Event::Close { block });
        }
    }

    fn message_delta(&mut self, delta: Delta, out: &mut Vec<Event>) {
        let Some(reason) = delta.stop_reason.filter(|_| !self.stopped) else { return };
        self.close_all(out);
        if let Some(words) = refusal(Some(&reason), delta.stop_details.and_then(|details| details.explanation)) {
            self.start(String::new(), out);
            let block = self.open_block(Opening::Refusal, out);
            out.extend([Event::More { block, text: words }, Event::Close { block }]);
        }
        match stop(&reason, delta.stop_sequence) {
            Some(stop) => self.stop(stop, out),
            None => self.error(Failure { kind: None, message: Some(format!("The upstream broke off: {reason}")) }, out),
        }
    }

    fn close_all(&mut self, out: &mut Vec<Event>) {
        while let Some(index) = self.open.first().map(|open| open.index) {
            self.block_stop(index, out);
        }
    }

    fn stop(&mut self, stop: Stop, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.start(String::new(), out);
        self.close_all(out);
        if self.lost && (self.next == 0 || self.lost_name) {
            return self.error(Failure { kind: None, message: Some("The upstream's answer could not be read".to_owned()) }, out);
        }
        out.push(Event::Stop(stop.with_calls(self.calls)));
    }

    fn error(&mut self, error: Failure, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        let status = error.status();
        let message = error.message.or(error.kind).unwrap_or_else(|| "the upstream broke off".to_owned());
        out.push(Event::Error { message, status });
        self.end(out);
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            out.push(Event::End);
        }
    }
}
