//! Bytes of text in an answer, counted without keeping any of it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// How many bytes of text a value holds, wherever they stand, and whether it holds anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextBytes {
    /// Bytes of text.
    pub bytes: usize,
    /// Whether it is neither null nor empty.
    pub any: bool,
    /// Whether it is a list.
    pub is_list: bool,
}

impl TextBytes {
    fn of(text: &str) -> Self {
        Self { bytes: text.len(), any: !text.is_empty(), is_list: false }
    }
}

/// Fields of an answer's parts whose text is output.
const TEXTS: [&str; 13] = [
    "text",
    "thinking",
    "input",
    "content",
    "message",
    "arguments",
    "summary",
    "tool_calls",
    "function",
    "function_call",
    "refusal",
    "reasoning_content",
    "reasoning",
];

impl<'de> Deserialize<'de> for TextBytes {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Counter)
    }
}

struct Counter;

impl<'de> Visitor<'de> for Counter {
    type Value = TextBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<TextBytes, E> {
        Ok(TextBytes::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<TextBytes, E> {
        Ok(TextBytes::default())
    }

    fn visit_i64<E>(self, value: i64) -> Result<TextBytes, E> {
        Ok(TextBytes::of(&value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<TextBytes, E> {
        Ok(TextBytes::of(&value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<TextBytes, E> {
        Ok(TextBytes::of(&value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<TextBytes, E> {
        Ok(TextBytes::of(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<TextBytes, A::Error> {
        let mut all = TextBytes { is_list: true, ..TextBytes::default() };
        while let Some(item) = items.next_element::<TextBytes>()? {
            all.bytes += item.bytes;
            all.any = true;
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<TextBytes, A::Error> {
        let mut all = TextBytes::default();
        while let Some(name) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            all.any = true;
            all.bytes += match name.as_ref() {
                // Arguments that are an object: all of it is output.
                "input" | "arguments" => match fields.next_value::<Value>()? {
                    Value::String(text) => text.len(),
                    Value::Null => 0,
                    whole => whole.to_string().len(),
                },
                name if TEXTS.contains(&name) => fields.next_value::<TextBytes>()?.bytes,
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                    0
                }
            };
        }
        Ok(all)
    }
}
