//! The events of a Responses stream, numbered.

use bytes::Bytes;

use super::answer::{Answer, Part};
use super::responses::{Echo, State, response};
use super::responses_items::{item, item_id, summary_part, text_part};
use super::telling::Voice;
use super::wire::{event, json};

/// The events of a Responses stream.
pub(super) struct ResponsesVoice {
    echo: Echo,
    sequence: u64,
}

impl ResponsesVoice {
    pub(super) fn new(echo: Echo) -> Self {
        Self { echo, sequence: 0 }
    }

    /// An event: its type, then the given fields (JSON without braces), then its number.
    fn event(&mut self, name: &str, fields: &str) -> Bytes {
        let number = self.sequence;
        self.sequence += 1;
        event(name, format_args!("{{\"type\":\"{name}\",\"sequence_number\":{number},{fields}}}"))
    }

    fn about_response(&mut self, name: &str, answer: &Answer, state: State) -> Bytes {
        let response = response(answer, &self.echo, state);
        self.event(name, &format!("\"response\":{response}"))
    }

    fn about_item(&mut self, name: &str, answer: &Answer, at: usize, finished: bool) -> Bytes {
        let item = item(answer, &self.echo, at, finished);
        self.event(name, &format!("\"output_index\":{at},\"item\":{item}"))
    }

    /// An event about a text, a summary or arguments: where it belongs, and one more field.
    fn about_part(&mut self, name: &str, answer: &Answer, at: usize, field: &str) -> Bytes {
        let id = json(&item_id(answer, at));
        let index = match answer.parts.get(at) {
            Some(Part::Thinking { .. }) => ",\"summary_index\":0",
            Some(Part::Text(_)) => ",\"content_index\":0",
            _ => "",
        };
        self.event(name, &format!("\"item_id\":{id},\"output_index\":{at}{index},{field}"))
    }
}

impl Voice for ResponsesVoice {
    fn opening(&mut self, answer: &Answer) -> Vec<Bytes> {
        ["response.created", "response.in_progress"].map(|name| self.about_response(name, answer, State::InProgress)).into()
    }

    fn begins(&mut self, answer: &Answer, at: usize) -> Vec<Bytes> {
        let mut events = vec![self.about_item("response.output_item.added", answer, at, false)];
        match answer.parts.get(at) {
            Some(Part::Text(_)) => {
                let part = format!("\"part\":{}", text_part(""));
                events.push(self.about_part("response.content_part.added", answer, at, &part));
            }
            Some(Part::Thinking { pieces, .. }) if !pieces.is_empty() => {
                let part = format!("\"part\":{}", summary_part(""));
                events.push(self.about_part("response.reasoning_summary_part.added", answer, at, &part));
            }
            _ => {}
        }
        events
    }

    fn piece(&mut self, answer: &Answer, at: usize, piece: &str) -> Bytes {
        let delta = json(piece);
        match answer.parts.get(at) {
            Some(Part::Thinking { .. }) => {
                let delta = format!("\"delta\":{delta}");
                self.about_part("response.reasoning_summary_text.delta", answer, at, &delta)
            }
            Some(Part::Tool { .. }) => {
                let delta = format!("\"delta\":{delta}");
                self.about_part("response.function_call_arguments.delta", answer, at, &delta)
            }
            _ => {
                let delta = format!("\"delta\":{delta},\"logprobs\":[]");
                self.about_part("response.output_text.delta", answer, at, &delta)
            }
        }
    }

    fn ends(&mut self, answer: &Answer, at: usize) -> Vec<Bytes> {
        let mut events = Vec::with_capacity(3);
        match answer.parts.get(at) {
            Some(Part::Text(pieces)) => {
                let text = pieces.whole();
                let done = format!("\"text\":{},\"logprobs\":[]", json(&text));
                events.push(self.about_part("response.output_text.done", answer, at, &done));
                let part = format!("\"part\":{}", text_part(&text));
                events.push(self.about_part("response.content_part.done", answer, at, &part));
            }
            Some(Part::Thinking { pieces, .. }) if !pieces.is_empty() => {
                let text = pieces.whole();
                let done = format!("\"text\":{}", json(&text));
                events.push(self.about_part("response.reasoning_summary_text.done", answer, at, &done));
                let part = format!("\"part\":{}", summary_part(&text));
                events.push(self.about_part("response.reasoning_summary_part.done", answer, at, &part));
            }
            Some(Part::Tool { arguments, .. }) => {
                let done = format!("\"arguments\":{}", json(arguments));
                events.push(self.about_part("response.function_call_arguments.done", answer, at, &done));
            }
            _ => {}
        }
        events.push(self.about_item("response.output_item.done", answer, at, true));
        events
    }

    fn closing(&mut self, answer: &Answer) -> Vec<Bytes> {
        vec![self.about_response("response.completed", answer, State::Completed)]
    }

    fn failure(&mut self, answer: &Answer) -> Vec<Bytes> {
        let fields = r#""code":"server_error","message":"The model failed to generate a response.","param":null"#;
        vec![self.event("error", fields), self.about_response("response.failed", answer, State::Failed)]
    }
}
