//! Reading an upstream's stream.

use std::sync::Arc;

use serde_json::Value;

use super::answer::read_stop;
use super::call_pieces::{CallPieces, Context};
use super::opaque::{self, Opaque};
use super::wire;
use crate::translation::Frame;
use crate::translation::hub::{Ended, Event, Opening, ToolNames, ended};
use crate::translation::lenient::{self, Half, Read, is_error};

/// Turns chunks into events.
///
/// Thinking, text and refusal are open one at a time, calls all at once; everything closes at the end. Text behind a call is
/// a block of its own. Some providers name a stop reason in every chunk, or before the last call: the answer stops when
/// its stream ends.
#[derive(Debug)]
pub struct StreamReader {
    names: Arc<ToolNames>,
    id: String,
    created: Option<i64>,
    stage: Stage,
    next_block: usize,
    /// The open block of words.
    words: Option<(usize, Opening)>,
    opaque: Opaque,
    calls: CallPieces,
    has_calls: bool,
    /// The stop reason, once it came.
    reason: Option<String>,
    /// Whether fields were passed over that may have been the answer.
    lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Begun,
    Ended,
}

impl StreamReader {
    /// For the answer to a request whose tools have these names.
    pub fn new(names: Arc<ToolNames>) -> Self {
        Self {
            names,
            id: String::new(),
            created: None,
            stage: Stage::Before,
            next_block: 0,
            words: None,
            opaque: Opaque::default(),
            calls: CallPieces::default(),
            has_calls: false,
            reason: None,
            lost: false,
        }
    }

    /// Reads one event. What is no chunk is passed over: the tap tells whether it is an error.
    pub fn event(&mut self, frame: &Frame, out: &mut Vec<Event>) {
        let Some(data) = &frame.data else { return };
        if self.stage == Stage::Ended {
            return;
        }
        if data.trim_ascii() == b"[DONE]" {
            // Some providers leave the stop reason out.
            if self.stage == Stage::Begun {
                self.stop(out);
            }
            return;
        }
        let text = lenient::mended(data, Half::Marked);
        let Some(Read { value: chunk, lost }) = lenient::read::<wire::Completion>(&text) else {
            self.lost = true;
            return;
        };
        self.lost |= lost;
        if is_error(&chunk.error) {
            return self.fail(&chunk.error, out);
        }
        self.begin(&chunk, out);
        for choice in chunk.choices.into_iter().flatten() {
            if choice.index.unwrap_or(0) == 0 && self.stage == Stage::Begun {
                self.choice(choice, out);
            }
        }
    }

    /// The upstream closed: what can still be told. When the stop reason had come, everything up to [`Event::End`];
    /// else nothing.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        if self.stage == Stage::Begun && self.reason.is_some() {
            self.stop(out);
        }
    }

    /// The answer begins with the first chunk that has a choice or an id: Azure sends one before that has neither.
    fn begin(&mut self, chunk: &wire::Completion, out: &mut Vec<Event>) {
        let id = chunk.id.as_deref().unwrap_or_default();
        let has_choice = chunk.choices.as_ref().is_some_and(|choices| !choices.is_empty());
        if self.stage == Stage::Before && (has_choice || !id.is_empty()) {
            self.stage = Stage::Begun;
            self.id = id.to_owned();
            self.created = chunk.created;
            out.push(Event::Start { id: self.id.clone() });
        }
    }

    fn choice(&mut self, choice: wire::Choice, out: &mut Vec<Event>) {
        if let Some(mut said) = choice.delta {
            self.opaque.take(&mut said);
            self.words(Opening::Thought, said.take_thought(), out);
            self.words(Opening::Text, said.take_text(), out);
            self.words(Opening::Refusal, said.refusal.unwrap_or_default(), out);
            for piece in said.tool_calls.into_iter().flatten() {
                self.call(piece, out);
            }
        }
        let reason = choice.finish_reason.filter(|reason| !reason.is_empty());
        if is_error(&choice.error) {
            return self.fail(&choice.error, out);
        }
        let Some(reason) = reason else { return };
        match ended(&reason) {
            Ended::Interrupted => self.fail(&Value::String(format!("The upstream broke off: {reason}")), out),
            // A plain end in a later chunk takes nothing back.
            Ended::Done if self.reason.is_some() => {}
            _ => self.reason = Some(reason),
        }
    }

    fn fail(&mut self, error: &Value, out: &mut Vec<Event>) {
        self.stage = Stage::Ended;
        out.extend([Event::Error { message: error_message(error), status: error_status(error) }, Event::End]);
    }

    fn words(&mut self, opening: Opening, text: String, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let block = match &self.words {
            Some((block, open)) if *open == opening => *block,
            _ => {
                self.close_words(out);
                if opening != Opening::Thought {
                    self.tell_opaque(out);
                }
                let block = self.next_block;
                self.next_block += 1;
                self.words = Some((block, opening.clone()));
                out.push(Event::Open { block, opening });
                block
            }
        };
        out.push(Event::More { block, text });
    }

    fn close_words(&mut self, out: &mut Vec<Event>) {
        if let Some((block, opening)) = self.words.take() {
            if opening == Opening::Thought {
                out.push(Event::Seal { block, seal: self.opaque.seal() });
            }
            out.push(Event::Close { block });
        }
    }

    /// Tells what is to come back and belongs to no thought that was told.
    fn tell_opaque(&mut self, out: &mut Vec<Event>) {
        if self.opaque.is_left() {
            opaque::sealed(self.opaque.seal(), &mut self.next_block, out);
        }
    }

    fn call(&mut self, piece: wire::CallPiece, out: &mut Vec<Event>) {
        self.has_calls = true;
        self.close_words(out);
        self.tell_opaque(out);
        let mut context =
            Context { names: &self.names, answer_id: &self.id, created: self.created, next_block: &mut self.next_block };
        self.calls.piece(piece, &mut context, out);
    }

    fn stop(&mut self, out: &mut Vec<Event>) {
        if self.lost && (self.calls.has_nameless() || (self.next_block == 0 && !self.has_calls)) {
            return self.fail(&Value::from("The upstream's answer could not be read"), out);
        }
        self.stage = Stage::Ended;
        self.close_words(out);
        let mut context =
            Context { names: &self.names, answer_id: &self.id, created: self.created, next_block: &mut self.next_block };
        self.calls.close(&mut context, out);
        // Behind a text it is dropped: clients take the last block for the answer.
        if self.has_calls {
            self.tell_opaque(out);
        }
        let stop = read_stop(self.reason.as_deref(), self.has_calls).unwrap_or_default();
        out.extend([Event::Stop(stop), Event::End]);
    }
}

/// The message of an `error`, which some providers write as a string.
fn error_message(error: &Value) -> String {
    let message = error.get("message").unwrap_or(error).as_str();
    message.unwrap_or("The upstream broke off with an error").to_owned()
}

/// The status of an `error`: its code where it is one, else what its type or code usually comes with.
fn error_status(error: &Value) -> u16 {
    let code = error.get("code");
    let number = code.and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    if let Some(status) = number.and_then(|number| u16::try_from(number).ok()).filter(|status| (400..600).contains(status)) {
        return status;
    }
    let words = [code, error.get("type")].into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    const USUAL: [(&str, u16); 7] = [
        ("rate_limit", 429),
        ("insufficient_quota", 429),
        ("overloaded", 503),
        ("timeout", 504),
        ("server_error", 500),
        ("authentication", 401),
        ("invalid", 400),
    ];
    USUAL.iter().find(|(word, _)| words.contains(word)).map_or(502, |(_, status)| *status)
}
