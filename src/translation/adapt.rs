//! What OpenAI's reasoning models refuse in a Chat Completions body, taken out of its bytes.
//!
//! `max_tokens` becomes `max_completion_tokens`; sampling is left out (OpenAI's "Reasoning models", what is not supported; "Using
//! GPT-5.2", parameter compatibility). Everything else stays as it came.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::hub::{LeftOut, reasons};
use super::measure::Name;

/// Fields that are refused, and the values with which they ask for what happens anyway.
const REFUSED: [(&str, &[&str]); 7] = [
    ("temperature", &["1", "1.0"]),
    ("top_p", &["1", "1.0"]),
    ("presence_penalty", &["0", "0.0"]),
    ("frequency_penalty", &["0", "0.0"]),
    ("logprobs", &["false"]),
    ("top_logprobs", &["0"]),
    ("logit_bias", &["{}"]),
];

/// The edits that make a body fit `model`; none where it is no reasoning model. What is left out is noted.
pub fn edits(body: &[u8], model: &str, left_out: &mut LeftOut) -> Vec<(Range<usize>, String)> {
    if !reasons(model) {
        return Vec::new();
    }
    let Some(fields) = std::str::from_utf8(body).ok().and_then(fields) else { return Vec::new() };
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    let thinks_not = fields.iter().any(|field| field.name == "reasoning_effort" && field.value == "\"none\"");
    let mut edits = Vec::new();
    let mut goes = vec![false; fields.len()];
    for (at, field) in fields.iter().enumerate() {
        if field.value == "null" {
            continue;
        }
        if field.name == "max_tokens" && has("max_completion_tokens") {
            goes[at] = true;
            left_out.note("max_tokens");
        } else if field.name == "max_tokens" {
            edits.push((field.key.clone(), "\"max_completion_tokens\"".to_owned()));
        }
        let refused = REFUSED.iter().find(|(name, _)| *name == field.name).filter(|_| !thinks_not);
        let Some((name, neutral)) = refused else { continue };
        goes[at] = true;
        if !neutral.contains(&field.value) {
            left_out.note(name);
        }
    }
    edits.extend(removed(&fields, &goes));
    edits
}

/// The ranges to take out, each with the comma that belongs to it.
fn removed(fields: &[Field<'_>], goes: &[bool]) -> Vec<(Range<usize>, String)> {
    let mut ranges = Vec::new();
    let last_kept = goes.iter().rposition(|goes| !goes).unwrap_or_default();
    for (at, field) in fields.iter().enumerate().filter(|(at, _)| goes[*at]) {
        let range = match fields.get(at + 1) {
            Some(next) if at < last_kept => field.key.start..next.key.start,
            // Behind the last field that stays: the comma before it goes.
            _ => at.checked_sub(1).map_or(field.key.start, |before| fields[before].end)..field.end,
        };
        ranges.push((range, String::new()));
    }
    ranges
}

/// A field of the body's top level.
struct Field<'a> {
    name: &'a str,
    /// Where its name stands, quotes included.
    key: Range<usize>,
    value: &'a str,
    /// Where its value ends.
    end: usize,
}

/// The fields whose names have no escapes.
fn fields(text: &str) -> Option<Vec<Field<'_>>> {
    let Top(entries) = serde_json::from_str(text).ok()?;
    let offset = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let field = |(name, value): (Cow<'_, str>, &'_ RawValue)| match name {
        Cow::Borrowed(name) => {
            let (start, value) = (offset(name), value.get());
            // Lifetimes: both are parts of `text`.
            let (name, value) = (&text[start..start + name.len()], &text[offset(value)..offset(value) + value.len()]);
            Some(Field { name, key: start - 1..start + name.len() + 1, value, end: offset(value) + value.len() })
        }
        Cow::Owned(_) => None,
    };
    entries.into_iter().map(field).collect()
}

struct Top<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Top<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopVisitor;
        impl<'de> Visitor<'de> for TopVisitor {
            type Value = Top<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(Name(key)) = map.next_key::<Name<'de>>()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Top(entries))
            }
        }
        deserializer.deserialize_map(TopVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translation::native::splice;
    use bytes::Bytes;

    fn adapted(body: &str, model: &str) -> (String, String) {
        let mut left_out = LeftOut::default();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let edits = edits(&body, model, &mut left_out);
        (String::from_utf8(splice(&body, edits).to_vec()).unwrap(), left_out.to_string())
    }

    #[test]
    fn what_reasoning_models_refuse_is_taken_out_and_all_else_stays() {
        let body = r#"{ "temperature" : 0.7, "model":"m", "max_tokens" : 5 ,"x":{"temperature":1}, "top_p":1.0, "presence_penalty":0.5 }"#;
        let wanted = r#"{ "model":"m", "max_completion_tokens" : 5 ,"x":{"temperature":1} }"#;
        for model in ["gpt-5", "o3-mini", "openai/gpt-5.1"] {
            assert_eq!(adapted(body, model), (wanted.to_owned(), "temperature, presence_penalty".to_owned()), "{model}");
        }
        for model in ["gpt-4o", "deepseek-chat", "gpt-5-chat-latest", "olmo"] {
            assert_eq!(adapted(body, model), (body.to_owned(), String::new()), "{model}");
        }
    }

    #[test]
    fn without_thinking_sampling_is_taken() {
        let body = r#"{"model":"m","reasoning_effort":"none","temperature":0.2,"max_tokens":5}"#;
        let wanted = body.replace("max_tokens", "max_completion_tokens");
        assert_eq!(adapted(body, "gpt-5.2"), (wanted, String::new()));
    }

    #[test]
    fn what_asks_for_nothing_or_says_it_twice() {
        let null = r#"{"model":"m","temperature":null,"max_tokens":null}"#;
        assert_eq!(adapted(null, "o3"), (null.to_owned(), String::new()));
        let twice = r#"{"max_tokens":5,"max_completion_tokens":6,"model":"m","logit_bias":{},"logprobs":true}"#;
        let wanted = r#"{"max_completion_tokens":6,"model":"m"}"#;
        assert_eq!(adapted(twice, "o3"), (wanted.to_owned(), "max_tokens, logprobs".to_owned()));
        let plain = r#"{"model":"m","messages":[]}"#;
        assert_eq!(adapted(plain, "o3"), (plain.to_owned(), String::new()));
    }
}
