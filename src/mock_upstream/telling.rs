//! Telling an answer event by event: the order of events is here, their words are each protocol's own.

use std::collections::VecDeque;

use bytes::Bytes;

use super::answer::{Answer, Part};

/// One event of a stream as bytes, or a part of a whole answer.
#[derive(Debug)]
pub(super) struct Beat {
    pub(super) bytes: Bytes,
    /// Whether it carries content. The script's "after n" counts these.
    pub(super) is_piece: bool,
}

/// How a protocol words the events of a stream.
pub(super) trait Voice {
    /// The events before any content.
    fn opening(&mut self, answer: &Answer) -> Vec<Bytes>;
    /// The events that begin a part.
    fn begins(&mut self, answer: &Answer, at: usize) -> Vec<Bytes>;
    /// One piece of a part.
    fn piece(&mut self, answer: &Answer, at: usize, piece: &str) -> Bytes;
    /// The events that end a part.
    fn ends(&mut self, answer: &Answer, at: usize) -> Vec<Bytes>;
    /// The events after all content, the protocol's last one included.
    fn closing(&mut self, answer: &Answer) -> Vec<Bytes>;
    /// The events that report a failure inside a stream.
    fn failure(&mut self, answer: &Answer) -> Vec<Bytes>;
}

/// An answer on its way, one event at a time; nothing is made before it is needed.
pub(super) struct Telling {
    answer: Answer,
    voice: Box<dyn Voice>,
    ready: VecDeque<Beat>,
    next: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Opening,
    Begin(usize),
    Piece { part: usize, piece: usize },
    Done,
}

impl Telling {
    pub(super) fn new(answer: Answer, voice: Box<dyn Voice>) -> Self {
        Self { answer, voice, ready: VecDeque::new(), next: Stage::Opening }
    }

    /// The next event, `None` behind the last.
    pub(super) fn next(&mut self) -> Option<Beat> {
        while self.ready.is_empty() {
            if matches!(self.next, Stage::Done) {
                return None;
            }
            self.go_on();
        }
        self.ready.pop_front()
    }

    /// Whether nothing comes after what was taken so far.
    pub(super) fn is_over(&self) -> bool {
        self.ready.is_empty() && matches!(self.next, Stage::Done)
    }

    /// The events that report a failure at this point.
    pub(super) fn failure(&mut self) -> Vec<Bytes> {
        self.voice.failure(&self.answer)
    }

    fn go_on(&mut self) {
        match self.next {
            Stage::Opening => {
                let events = self.voice.opening(&self.answer);
                self.queue(events);
                self.next = Stage::Begin(0);
            }
            Stage::Begin(part) if part < self.answer.parts.len() => {
                let events = self.voice.begins(&self.answer, part);
                self.queue(events);
                self.next = Stage::Piece { part, piece: 0 };
            }
            Stage::Begin(_) => {
                let events = self.voice.closing(&self.answer);
                self.queue(events);
                self.next = Stage::Done;
            }
            Stage::Piece { part, piece } => self.tell_piece(part, piece),
            Stage::Done => {}
        }
    }

    fn tell_piece(&mut self, part: usize, piece: usize) {
        let text = self.answer.parts.get(part).map(Part::pieces).and_then(|pieces| pieces.get(piece));
        if let Some(text) = text {
            let bytes = self.voice.piece(&self.answer, part, &text);
            self.ready.push_back(Beat { bytes, is_piece: true });
            self.next = Stage::Piece { part, piece: piece + 1 };
        } else {
            let events = self.voice.ends(&self.answer, part);
            self.queue(events);
            self.next = Stage::Begin(part + 1);
        }
    }

    fn queue(&mut self, events: Vec<Bytes>) {
        self.ready.extend(events.into_iter().map(|bytes| Beat { bytes, is_piece: false }));
    }
}
