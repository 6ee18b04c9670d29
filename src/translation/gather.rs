//! An upstream's stream: read by its protocol's reader, and put together where a whole answer was asked for.

use std::sync::Arc;

use actors::vocabulary::Protocol;

use super::hub::{Answer, Collector, Event, Halves, ToolNames};
use super::sse::Frame;
use super::{chat, messages, responses};

/// Puts a stream together into a whole answer.
#[derive(Debug)]
pub struct Gatherer {
    reader: Reader,
    halves: Halves,
    collector: Collector,
    ended: bool,
    failed: bool,
}

impl Gatherer {
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, halves: Halves::default(), collector: Collector::default(), ended: false, failed: false }
    }

    /// Takes one event.
    pub fn event(&mut self, frame: &Frame) {
        let mut events = Vec::new();
        self.reader.event(frame, &mut events);
        self.take(events);
    }

    /// The answer, now that the upstream closed; `None` when it broke off.
    pub fn finish(mut self) -> Option<Answer> {
        let mut events = Vec::new();
        self.reader.finish(&mut events);
        self.take(events);
        (self.ended && !self.failed).then(|| self.collector.answer().clone())
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in self.halves.joined(events) {
            self.failed |= matches!(event, Event::Error { .. });
            self.ended |= event == Event::End;
            self.collector.take(&event);
        }
    }
}

/// One reader of streams per protocol.
#[derive(Debug)]
pub(super) enum Reader {
    Messages(messages::StreamReader),
    Chat(Box<chat::StreamReader>),
    Responses(responses::StreamReader),
}

impl Reader {
    pub(super) fn new(protocol: Protocol, names: Arc<ToolNames>) -> Self {
        match protocol {
            Protocol::Messages | Protocol::CountTokens => Self::Messages(messages::StreamReader::new(names)),
            Protocol::ChatCompletions | Protocol::Embeddings => Self::Chat(Box::new(chat::StreamReader::new(names))),
            Protocol::Responses => Self::Responses(responses::StreamReader::new(names)),
        }
    }

    pub(super) fn event(&mut self, frame: &Frame, out: &mut Vec<Event>) {
        match self {
            Self::Messages(reader) => reader.event(frame, out),
            Self::Chat(reader) => reader.event(frame, out),
            Self::Responses(reader) => reader.event(frame, out),
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<Event>) {
        match self {
            Self::Messages(reader) => reader.finish(out),
            Self::Chat(reader) => reader.finish(out),
            Self::Responses(reader) => reader.finish(out),
        }
    }
}
