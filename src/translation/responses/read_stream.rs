//! Reads an upstream's stream.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::answer::stop_of;
use super::open_items::OpenItems;
use super::wire::{OutputItem, OutputPart, Response, Trouble};
use crate::translation::hub::{Event, ToolNames};
use crate::translation::lenient::{self, Half, Read, is_error};
use crate::translation::sse::Frame;

/// An event, with the fields of all kinds that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireEvent<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "lenient::cow")]
    kind: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::index")]
    output_index: Option<usize>,
    #[serde(deserialize_with = "lenient::index")]
    content_index: Option<usize>,
    #[serde(deserialize_with = "lenient::index")]
    summary_index: Option<usize>,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    delta: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    arguments: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    input: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::object")]
    item: Option<OutputItem>,
    #[serde(deserialize_with = "lenient::object")]
    part: Option<OutputPart>,
    #[serde(deserialize_with = "lenient::object")]
    response: Option<Box<Response>>,
    error: Value,
    #[serde(deserialize_with = "lenient::text")]
    code: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    message: Option<String>,
}

/// Reads a stream, event by event. Blocks open with their first piece; what a provider tells only at an item's end,
/// or only in the last event, is told then.
#[derive(Debug)]
pub struct StreamReader {
    items: OpenItems,
    started: bool,
    ended: bool,
    /// The number of the next item, where its event names none.
    added: usize,
    /// Whether fields were passed over that may have been the answer.
    lost: bool,
}

impl StreamReader {
    /// For an answer to a request whose tools have these names.
    pub fn new(names: Arc<ToolNames>) -> Self {
        Self { items: OpenItems::new(names), started: false, ended: false, added: 0, lost: false }
    }

    /// Reads one frame. Frames of other kinds, and `[DONE]`, say nothing.
    pub fn event(&mut self, frame: &Frame, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        let Some(data) = &frame.data else { return };
        let text = lenient::mended(data, Half::Marked);
        let Some(Read { value: mut event, lost }) = lenient::read::<WireEvent<'_>>(&text) else {
            self.lost |= data.trim_ascii() != b"[DONE]";
            return;
        };
        self.lost |= lost;
        // Some providers name the kind in the `event:` line alone, or send a bare error object.
        let kind = event.kind.take().filter(|kind| !kind.is_empty());
        let kind = kind.unwrap_or_else(|| Cow::Owned(frame.event.clone().unwrap_or_default()));
        if kind == "error" || (is_error(&event.error) && event.response.is_none()) {
            return self.fail(trouble_of(event), out);
        }
        self.start(event.response.as_deref(), out);
        self.known_event(&kind, event, out);
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

    fn known_event(&mut self, kind: &str, event: WireEvent<'_>, out: &mut Vec<Event>) {
        let next = if kind == "response.output_item.added" { Some(self.added) } else { None };
        let place = event.output_index.or(next).unwrap_or_else(|| self.items.latest());
        if next.is_some() {
            self.added = place + 1;
        }
        let content = event.content_index.unwrap_or(0);
        let delta = event.delta.as_deref().unwrap_or_default();
        let items = &mut self.items;
        match kind {
            "response.output_text.delta" => items.spoken(place, content, false, delta, out),
            "response.refusal.delta" => items.spoken(place, content, true, delta, out),
            "response.output_text.done" => {
                items.spoken_whole(place, content, false, event.text.as_deref().unwrap_or_default(), out);
            }
            "response.refusal.done" => {
                items.spoken_whole(place, content, true, event.refusal.as_deref().unwrap_or_default(), out);
            }
            "response.content_part.done" => {
                if let Some(part) = event.part {
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
                if let Some(item) = event.item {
                    items.added(place, &item, out);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = event.item {
                    items.done(place, item, out);
                }
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                self.end(kind, event.response.map(|response| *response).unwrap_or_default(), out);
            }
            "response.failed" | "response.cancelled" => {
                self.fail(event.response.map(|response| Trouble::read(response.error)).unwrap_or_default(), out);
            }
            _ => {}
        }
    }

    fn end(&mut self, kind: &str, mut response: Response, out: &mut Vec<Event>) {
        if kind == "response.incomplete" {
            response.status = Some("incomplete".to_owned());
        }
        let stop = stop_of(&response).filter(|_| !is_error(&response.error));
        let Some(stop) = stop else { return self.fail(Trouble::read(response.error), out) };
        // What was told in no event before; of an answer that was told in part, calls: an agent must not miss them.
        let (any, calls) = (self.items.any(), self.items.has_calls());
        let is_call = |item: &OutputItem| matches!(item.kind(), "function_call" | "custom_tool_call");
        for (place, item) in response.output.take().unwrap_or_default().into_iter().enumerate() {
            // Of an answer that could not be read in full, also what its last event has of what was told.
            if !any || if is_call(&item) { !calls } else { self.lost } {
                self.items.done(place, item, out);
            }
        }
        if self.lost && !self.items.any() {
            let message = Some("The upstream's answer could not be read".to_owned());
            return self.fail(Trouble { code: None, message }, out);
        }
        self.items.close_all(out);
        out.push(Event::Stop(stop.with_calls(self.items.has_calls())));
        out.push(Event::End);
        self.ended = true;
    }

    fn fail(&mut self, trouble: Trouble, out: &mut Vec<Event>) {
        self.start(None, out);
        let code = trouble.code.unwrap_or_default();
        let message = trouble.message.filter(|text| !text.is_empty());
        let message = message.unwrap_or_else(|| "The upstream's answer failed".to_owned());
        out.push(Event::Error { message, status: status_of(&code) });
        out.push(Event::End);
        self.ended = true;
    }
}

/// An `error` event's words: its own, or those of the error object inside it.
fn trouble_of(event: WireEvent<'_>) -> Trouble {
    let inner = Trouble::read(event.error);
    Trouble { code: inner.code.or(event.code), message: inner.message.or(event.message) }
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
