//! Reads an upstream's stream.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::answer::stop_of;
use super::open_items::OpenItems;
use super::wire::{OutputItem, OutputPart, Response, Trouble};
use crate::translation::hub::{Event, Stop, ToolNames};
use crate::translation::sse::Frame;

/// An event, with the fields of all kinds that matter here.
#[derive(Debug, Deserialize)]
struct WireEvent<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    output_index: Option<usize>,
    content_index: Option<usize>,
    summary_index: Option<usize>,
    #[serde(borrow)]
    delta: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arguments: Option<Cow<'a, str>>,
    #[serde(borrow)]
    input: Option<Cow<'a, str>>,
    item: Option<Value>,
    part: Option<Value>,
    response: Option<Box<Response>>,
    error: Option<Value>,
    code: Option<Value>,
    message: Option<String>,
}

/// Reads a stream, event by event. Blocks open with their first piece; what a provider tells only at an item's end,
/// or only in the last event, is told then.
#[derive(Debug)]
pub struct StreamReader {
    items: OpenItems,
    started: bool,
    ended: bool,
}

impl StreamReader {
    /// For an answer to a request whose tools have these names.
    pub fn new(names: Arc<ToolNames>) -> Self {
        Self { items: OpenItems::new(names), started: false, ended: false }
    }

    /// Reads one frame. Frames of other kinds, and `[DONE]`, say nothing.
    pub fn event(&mut self, frame: &Frame, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        let Some(data) = &frame.data else { return };
        let Ok(mut event) = serde_json::from_slice::<WireEvent<'_>>(data) else { return };
        if event.kind.is_empty() {
            // Some providers name the kind in the `event:` line alone, or send a bare error object.
            event.kind = Cow::Owned(frame.event.clone().unwrap_or_default());
        }
        if event.kind == "error" || (event.error.is_some() && event.response.is_none()) {
            return self.fail(trouble_of(&event), out);
        }
        self.start(event.response.as_deref(), out);
        self.known_event(event, out);
    }

    /// The upstream closed. A stop reason comes with the last event alone, so there is nothing left to tell.
    pub fn finish(&mut self, _out: &mut Vec<Event>) {
        self.ended = true;
    }

    fn start(&mut self, response: Option<&Response>, out: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            let id = response.and_then(|response| response.id.clone()).unwrap_or_default();
            out.push(Event::Start { id });
        }
    }

    fn known_event(&mut self, event: WireEvent<'_>, out: &mut Vec<Event>) {
        let place = event.output_index.unwrap_or_else(|| self.items.latest());
        let content = event.content_index.unwrap_or(0);
        let delta = event.delta.as_deref().unwrap_or_default();
        let items = &mut self.items;
        match event.kind.as_ref() {
            "response.output_text.delta" => items.spoken(place, content, false, delta, out),
            "response.refusal.delta" => items.spoken(place, content, true, delta, out),
            "response.output_text.done" => {
                items.spoken_whole(place, content, false, event.text.as_deref().unwrap_or_default(), out);
            }
            "response.refusal.done" => {
                items.spoken_whole(place, content, true, event.refusal.as_deref().unwrap_or_default(), out);
            }
            "response.content_part.done" => {
                if let Some(part) = event.part.and_then(|part| serde_json::from_value::<OutputPart>(part).ok()) {
                    items.part_done(place, content, part, out);
                }
            }
            "response.reasoning_summary_text.delta" => items.thought(place, false, event.summary_index.unwrap_or(0), delta, out),
            "response.reasoning_text.delta" => items.thought(place, true, content, delta, out),
            "response.reasoning_summary_text.done" => {
                let text = event.text.as_deref().unwrap_or_default();
                items.thought_whole(place, false, event.summary_index.unwrap_or(0), text, out);
            }
            "response.reasoning_text.done" => {
                items.thought_whole(place, true, content, event.text.as_deref().unwrap_or_default(), out);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                items.called(place, delta, out);
            }
            "response.function_call_arguments.done" => {
                items.called_whole(place, event.arguments.as_deref().unwrap_or_default(), out);
            }
            "response.custom_tool_call_input.done" => {
                items.called_whole(place, event.input.as_deref().unwrap_or_default(), out);
            }
            "response.output_item.added" => {
                if let Some(item) = event.item.and_then(output_item) {
                    items.added(place, &item, out);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = event.item.and_then(output_item) {
                    items.done(place, item, out);
                }
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                self.end(&event.kind, event.response.map(|response| *response).unwrap_or_default(), out);
            }
            "response.failed" | "response.cancelled" => {
                let trouble = event.response.and_then(|response| response.error).unwrap_or_default();
                self.fail(trouble, out);
            }
            _ => {}
        }
    }

    fn end(&mut self, kind: &str, mut response: Response, out: &mut Vec<Event>) {
        if matches!(response.status.as_deref(), Some("failed" | "cancelled")) {
            return self.fail(response.error.take().unwrap_or_default(), out);
        }
        if kind == "response.incomplete" {
            response.status = Some("incomplete".to_owned());
        }
        // What was told in no event before; of an answer that was told in part, calls: an agent must not miss them.
        let (any, calls) = (self.items.any(), self.items.has_calls());
        let is_call = |item: &OutputItem| matches!(item.kind.as_str(), "function_call" | "custom_tool_call");
        for (place, item) in response.output.take().unwrap_or_default().into_iter().enumerate() {
            if let Some(item) = output_item(item).filter(|item| !any || (!calls && is_call(item))) {
                self.items.done(place, item, out);
            }
        }
        self.items.close_all(out);
        let stop: Stop = stop_of(&response).with_calls(self.items.has_calls());
        out.push(Event::Stop(stop));
        out.push(Event::End);
        self.ended = true;
    }

    fn fail(&mut self, trouble: Trouble, out: &mut Vec<Event>) {
        self.start(None, out);
        let code = trouble.code.as_ref().and_then(Value::as_str).unwrap_or_default();
        let message = trouble.message.filter(|text| !text.is_empty());
        let message = message.unwrap_or_else(|| "The upstream's answer failed".to_owned());
        out.push(Event::Error { message, status: status_of(code) });
        out.push(Event::End);
        self.ended = true;
    }
}

fn output_item(item: Value) -> Option<OutputItem> {
    serde_json::from_value(item).ok()
}

/// An `error` event's words: its own, or those of the error object inside it.
fn trouble_of(event: &WireEvent<'_>) -> Trouble {
    let inner = event.error.clone().and_then(|error| serde_json::from_value::<Trouble>(error).ok()).unwrap_or_default();
    Trouble { code: inner.code.or_else(|| event.code.clone()), message: inner.message.or_else(|| event.message.clone()) }
}

/// The HTTP status that OpenAI's error codes come with (its "Error codes" guide).
fn status_of(code: &str) -> u16 {
    match code {
        "rate_limit_exceeded" | "insufficient_quota" => 429,
        "server_is_overloaded" | "slow_down" => 503,
        "context_length_exceeded" => 400,
        _ if code.starts_with("invalid_") || code.contains("image") || code.ends_with("_policy") => 400,
        _ => 500,
    }
}
