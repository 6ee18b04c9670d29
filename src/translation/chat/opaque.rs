//! What providers attach to a message or a tool call and want to see again: DeepSeek's and Kimi's `reasoning_content`,
//! Gemini's `thought_signature`, OpenRouter's `reasoning_details`, Mistral's thinking in parts of the content.
//!
//! It is sealed with its maker's name, travels through the client's opaque fields, and goes back where it came from.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::wire;
use crate::translation::hub::{Block, Event, Item, Opening, Seal, Thought};

/// Thinking that stands in the content, as a part of type `thinking` (Mistral).
const IN_CONTENT: &str = "content";
/// Makers that refuse a turn with calls without its `reasoning_content`, and what stands there for a turn of another maker's.
const WANTED: [(&str, &str); 2] = [("deepseek", ""), ("kimi", " ")];
/// Kinds of entries that come in pieces, and the fields that grow.
const GROWING: [(&str, &str); 3] = [("reasoning.text", "text"), ("reasoning.summary", "summary"), ("thinking", "thinking")];

/// What has come of a message's opaque fields and is not sealed yet.
#[derive(Debug, Default)]
pub(super) struct Opaque {
    field: &'static str,
    extra: Map<String, Value>,
}

impl Opaque {
    /// Takes the opaque fields out of what was said, and notes which field its thinking stands in.
    pub(super) fn take(&mut self, said: &mut wire::Said) {
        if let Some(field) = said.thought_field() {
            self.field = field;
        }
        for (name, value) in said.take_extra() {
            join(&mut self.extra, &name, value);
        }
    }

    /// Whether there is anything that no thought's seal has taken.
    pub(super) fn is_left(&self) -> bool {
        !self.extra.is_empty()
    }

    /// The seal of the thinking so far.
    pub(super) fn seal(&mut self) -> Seal {
        let (field, extra) = (std::mem::take(&mut self.field).to_owned(), std::mem::take(&mut self.extra));
        Seal::Reasoning { maker: String::new(), field, extra }
    }
}

/// Joins a field that comes in pieces: lists grow, other values are replaced.
fn join(extra: &mut Map<String, Value>, name: &str, value: Value) {
    match (extra.get_mut(name), value) {
        (Some(Value::Array(known)), Value::Array(more)) => more.into_iter().for_each(|entry| join_entry(known, entry)),
        (_, value) => {
            extra.insert(name.to_owned(), value);
        }
    }
}

fn join_entry(known: &mut Vec<Value>, entry: Value) {
    let growing = GROWING.iter().find(|(kind, _)| entry["type"] == *kind).map(|(_, field)| *field);
    let same = |last: &&mut Value| last["type"] == entry["type"] && last.get("index") == entry.get("index");
    let (Some(field), Some(last)) = (growing, known.last_mut().filter(same)) else { return known.push(entry) };
    let (Some(last), Value::Object(entry)) = (last.as_object_mut(), entry) else { return };
    for (name, value) in entry {
        match (last.get_mut(&name), &value) {
            (Some(Value::String(text)), Value::String(more)) if name == field => text.push_str(more),
            (Some(_), Value::Null) => {}
            _ => {
                last.insert(name, value);
            }
        }
    }
}

/// The events of a thought that is nothing but a seal.
pub(super) fn sealed(seal: Seal, next_block: &mut usize, out: &mut Vec<Event>) {
    let block = *next_block;
    *next_block += 1;
    out.extend([Event::Open { block, opening: Opening::Thought }, Event::Seal { block, seal }, Event::Close { block }]);
}

/// What goes back upstream of the thinking of one turn.
#[derive(Default)]
pub(super) struct Thinking {
    field: String,
    text: String,
    extra: Map<String, Value>,
}

impl Thinking {
    /// Adds a thought, if it was made by this maker.
    pub(super) fn add(&mut self, thought: Thought, maker: &str) {
        let Some(Seal::Reasoning { maker: made_by, field, extra }) = thought.seal else { return };
        if made_by != maker {
            return;
        }
        if !field.is_empty() {
            self.field = field;
            self.text.push_str(&thought.text);
        }
        for (name, value) in extra {
            match (self.extra.get_mut(&name), value) {
                (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
                (_, value) => {
                    self.extra.insert(name, value);
                }
            }
        }
    }

    /// Puts it into the message of a turn, for a model of this maker.
    pub(super) fn write(self, message: &mut Map<String, Value>, maker: &str) {
        message.extend(self.extra);
        match self.field.as_str() {
            "" => {
                let wanted = WANTED.iter().find(|(name, _)| *name == maker && message.contains_key("tool_calls"));
                message.extend(wanted.map(|(_, nothing)| ("reasoning_content".to_owned(), json!(nothing))));
            }
            IN_CONTENT => {
                let mut parts = vec![json!({"type": "thinking", "thinking": [{"type": "text", "text": self.text}]})];
                match message.get_mut("content").map(Value::take) {
                    Some(Value::String(text)) => parts.push(json!({"type": "text", "text": text})),
                    Some(Value::Array(more)) => parts.extend(more),
                    _ => {}
                }
                message.insert(IN_CONTENT.to_owned(), Value::Array(parts));
            }
            _ => {
                message.insert(self.field, Value::String(self.text));
            }
        }
    }
}

/// What this maker attached to the calls of a history, by the calls' ids.
pub(super) fn attachments(items: &[Item], maker: &str) -> HashMap<String, Map<String, Value>> {
    let seal =
        |item: &Item| match item {
            Item::Assistant(Block::Thought(Thought {
                seal: Some(Seal::Call { maker: made_by, call_id, extra, .. }), ..
            })) if made_by == maker => Some((call_id.clone(), extra.clone())),
            _ => None,
        };
    items.iter().filter_map(seal).collect()
}

impl wire::Said {
    /// The field that the thinking of this message or piece stands in.
    fn thought_field(&self) -> Option<&'static str> {
        let named = [
            ("reasoning_content", &self.reasoning_content),
            ("reasoning", &self.reasoning),
            ("reasoning_text", &self.reasoning_text),
        ];
        let is_said = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty()) || value.is_array();
        if let Some((name, _)) = named.into_iter().find(|(_, value)| is_said(value)) {
            return Some(name);
        }
        let parts = self.content.as_array()?;
        parts.iter().any(|part| part.get("thinking").is_some()).then_some(IN_CONTENT)
    }

    fn take_extra(&mut self) -> Vec<(String, Value)> {
        let fields = [
            ("reasoning_details", self.reasoning_details.take()),
            ("reasoning_opaque", self.reasoning_opaque.take()),
            ("thinking_blocks", self.thinking_blocks.take()),
            ("extra_content", self.extra_content.take()),
        ];
        let is_said = |value: &Value| !value.is_null() && value != &json!([]) && value != &json!({});
        fields.into_iter().filter(|(_, value)| is_said(value)).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl wire::CallPiece {
    /// What the provider attached to the call.
    pub(super) fn take_extra(&mut self) -> Map<String, Value> {
        let fields = [
            ("extra_content", self.extra_content.take()),
            ("thought_signature", self.thought_signature.take()),
            ("provider_specific_fields", self.provider_specific_fields.take()),
        ];
        let is_said = |value: &Value| !value.is_null();
        fields.into_iter().filter(|(_, value)| is_said(value)).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_come_in_pieces_are_one_again() {
        let mut extra = Map::new();
        for piece in [
            json!([{"type": "reasoning.text", "index": 0, "text": "Let ", "format": "x"}]),
            json!([{"type": "reasoning.text", "index": 0, "text": "me", "signature": null}]),
            json!([{"type": "reasoning.text", "index": 0, "text": "", "signature": "s"}]),
            json!([{"type": "reasoning.encrypted", "index": 1, "data": "a"}, {"type": "reasoning.encrypted", "index": 1, "data": "b"}]),
        ] {
            join(&mut extra, "reasoning_details", piece);
        }
        let wanted = json!([{"type": "reasoning.text", "index": 0, "text": "Let me", "format": "x", "signature": "s"},
            {"type": "reasoning.encrypted", "index": 1, "data": "a"}, {"type": "reasoning.encrypted", "index": 1, "data": "b"}]);
        assert_eq!(extra["reasoning_details"], wanted);
    }
}
