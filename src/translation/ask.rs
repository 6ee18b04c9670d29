//! What a request body asks for, read in one pass over untouched bytes.
//!
//! Only what the road needs is looked at: names, limits, how much text and how many images there are, and
//! what tells one conversation from another. Everything else is walked over and stays as it came.

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use actors::vocabulary::Protocol;
use actors::vocabulary::usage::{TOKENS_PER_IMAGE, estimate_tokens};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Messages that tell one conversation from another: OpenAI's first is usually the system prompt.
const OPENING_ITEMS: usize = 2;
/// Of each of their texts, so much of its start.
const OPENING_BYTES: usize = 4 << 10;
/// Longest model name.
const MOST_MODEL_BYTES: usize = 256;

/// Why a body cannot be relayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAsk {
    /// Not UTF-8 or not JSON.
    #[error("the request body is not valid JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("the request body must be a JSON object")]
    NotAnObject,
    /// A field is missing or of the wrong type.
    #[error("{field}: {problem}")]
    Field {
        /// Which.
        field: &'static str,
        /// What would be right.
        problem: &'static str,
    },
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The model's name.
    pub model: String,
    /// Where its JSON string stands in the body.
    pub model_span: Range<usize>,
    /// Whether a stream is wanted.
    pub stream: bool,
    /// Whether the client asked for `stream_options.include_usage`.
    pub include_usage: bool,
    /// Where `stream_options` stands, if it is there.
    pub stream_options_span: Option<Range<usize>>,
    /// Most output tokens wanted.
    pub max_output: Option<i64>,
    /// Answers wanted (`n`).
    pub choices: i64,
    /// UTF-8 bytes of text in the input.
    pub text_bytes: usize,
    /// Images and documents in the input.
    pub images: i64,
    /// `previous_response_id`; of Messages the `thread.previous_message_id`. The provider holds what it stands for.
    pub previous_response: Option<String>,
    /// Whether Messages are to be kept by the provider, in a `thread` that a later request goes on with.
    pub is_threaded: bool,
    /// `prompt_cache_key`, `metadata.user_id`, or a hash of system and first message.
    pub conversation: u64,
}

impl Ask {
    /// Reads a body.
    ///
    /// # Errors
    /// Names what is wrong with it.
    pub fn read(protocol: Protocol, body: &[u8]) -> Result<Self, BadAsk> {
        let text = std::str::from_utf8(body).map_err(|error| BadAsk::NotJson(error.to_string()))?;
        let start = text.trim_start();
        if !start.starts_with('{') {
            let is_json = serde_json::from_str::<IgnoredAny>(text).map_err(|error| BadAsk::NotJson(error.to_string()));
            return Err(is_json.map_or_else(|bad| bad, |_| BadAsk::NotAnObject));
        }
        let top = serde_json::from_str::<Top<'_>>(text).map_err(|error| BadAsk::NotJson(error.to_string()))?;
        top.ask(protocol, text)
    }

    /// Tokens to expect of the input.
    pub fn input_tokens(&self) -> i64 {
        estimate_tokens(self.text_bytes).saturating_add(self.images.saturating_mul(TOKENS_PER_IMAGE))
    }
}

/// The top level of a body, borrowed.
#[derive(Default)]
struct Top<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    max_completion_tokens: Option<&'a RawValue>,
    max_output_tokens: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
    previous_response: Option<&'a RawValue>,
    cache_key: Option<&'a RawValue>,
    thread: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    has_input: bool,
    walk: Walk,
}

impl<'de: 'a, 'a> Deserialize<'de> for Top<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TopVisitor)
    }
}

struct TopVisitor;

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Top<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
        let mut top = Top::default();
        while let Some(key) = map.next_key::<Name<'de>>()? {
            let slot = match key.0.as_ref() {
                "model" => &mut top.model,
                "stream" => &mut top.stream,
                "stream_options" => &mut top.stream_options,
                "max_tokens" => &mut top.max_tokens,
                "max_completion_tokens" => &mut top.max_completion_tokens,
                "max_output_tokens" => &mut top.max_output_tokens,
                "n" => &mut top.n,
                "previous_response_id" => &mut top.previous_response,
                "prompt_cache_key" => &mut top.cache_key,
                "thread" => &mut top.thread,
                "metadata" => &mut top.metadata,
                "messages" | "input" => {
                    top.has_input = true;
                    map.next_value_seed(Counting { walk: &mut top.walk, opening: Opening::FirstItems })?;
                    continue;
                }
                "system" | "instructions" => {
                    map.next_value_seed(Counting { walk: &mut top.walk, opening: Opening::All })?;
                    continue;
                }
                _ => {
                    map.next_value_seed(Counting { walk: &mut top.walk, opening: Opening::None })?;
                    continue;
                }
            };
            if slot.replace(map.next_value()?).is_some() {
                return Err(serde::de::Error::custom(format_args!("duplicate field `{}`", key.0)));
            }
        }
        Ok(top)
    }
}

impl Top<'_> {
    fn ask(self, protocol: Protocol, text: &str) -> Result<Ask, BadAsk> {
        let wrong = |field, problem| BadAsk::Field { field, problem };
        let raw_model = self.model.ok_or(wrong("model", "Field required"))?;
        let model: String =
            serde_json::from_str(raw_model.get()).map_err(|_| wrong("model", "Input should be a valid string"))?;
        if model.is_empty() || model.len() > MOST_MODEL_BYTES {
            return Err(wrong("model", "Input should be a string of 1 to 256 bytes"));
        }
        let input_field = if protocol == Protocol::Responses || protocol == Protocol::Embeddings { "input" } else { "messages" };
        let may_be_absent = protocol == Protocol::Responses;
        if !self.has_input && !may_be_absent {
            return Err(wrong(input_field, "Field required"));
        }
        let stream: Option<bool> = parsed(self.stream).map_err(|()| wrong("stream", "Input should be a valid boolean"))?;
        let whole = |raw, field| parsed::<i64>(raw).map_err(|()| wrong(field, "Input should be a valid integer"));
        let completion = whole(self.max_completion_tokens, "max_completion_tokens")?;
        let output = whole(self.max_output_tokens, "max_output_tokens")?;
        let tokens = whole(self.max_tokens, "max_tokens")?;
        if protocol == Protocol::Messages && tokens.is_none() {
            return Err(wrong("max_tokens", "Field required"));
        }
        let thread = if protocol == Protocol::Messages { self.thread() } else { None };
        // The protocol's own name alone: a small number by another's would make the hold small, not the answer.
        let max_output = match protocol {
            Protocol::Responses => output,
            Protocol::ChatCompletions => completion.or(tokens),
            Protocol::Messages | Protocol::CountTokens | Protocol::Embeddings => tokens,
        };
        let options: Option<StreamOptions> =
            parsed(self.stream_options).map_err(|()| wrong("stream_options", "Input should be an object"))?;
        Ok(Ask {
            model,
            model_span: span(text, raw_model.get()),
            stream: stream.unwrap_or(false),
            include_usage: options.as_ref().is_some_and(|options| options.include_usage == Some(true)),
            stream_options_span: self.stream_options.map(|raw| span(text, raw.get())),
            max_output,
            choices: whole(self.n, "n")?.unwrap_or(1).clamp(1, 128),
            text_bytes: self.walk.text_bytes,
            images: self.walk.images,
            is_threaded: thread.is_some(),
            previous_response: match thread {
                Some(thread) => thread.previous_message_id,
                None => parsed(self.previous_response)
                    .map_err(|()| wrong("previous_response_id", "Input should be a valid string"))?,
            },
            conversation: self.conversation(),
        })
    }

    /// The `thread`; one that is not as the API has it is the upstream's to refuse.
    fn thread(&self) -> Option<Thread> {
        serde_json::from_str::<Option<Thread>>(self.thread?.get()).unwrap_or(Some(Thread::default()))
    }

    fn conversation(&self) -> u64 {
        let user = self.metadata.and_then(|raw| serde_json::from_str::<Metadata>(raw.get()).ok()).and_then(|m| m.user_id);
        let mut hasher = DefaultHasher::new();
        match (self.cache_key, user) {
            (Some(key), _) if key.get() != "null" => key.get().hash(&mut hasher),
            (_, Some(user)) => user.hash(&mut hasher),
            _ => return self.walk.opening.finish(),
        }
        hasher.finish()
    }
}

#[derive(serde::Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Default, serde::Deserialize)]
struct Thread {
    previous_message_id: Option<String>,
}

#[derive(serde::Deserialize)]
struct Metadata {
    user_id: Option<String>,
}

/// A value, `None` when absent or null.
fn parsed<'a, T: serde::Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<Option<T>, ()> {
    raw.map_or(Ok(None), |raw| serde_json::from_str::<Option<T>>(raw.get()).map_err(|_| ()))
}

/// Where `part`, a slice of `text`, stands in it.
fn span(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// An object's key, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// What the walk has counted.
#[derive(Default)]
struct Walk {
    text_bytes: usize,
    images: i64,
    opening: DefaultHasher,
}

/// Which part of a value belongs to a conversation's opening.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    None,
    All,
    FirstItems,
}

/// Walks over a value and counts.
struct Counting<'w> {
    walk: &'w mut Walk,
    opening: Opening,
}

/// Keys whose strings are no text: encoded files, addresses of files, signatures.
fn is_opaque(key: &str) -> bool {
    matches!(key, "data" | "image_url" | "url" | "file_data" | "signature" | "encrypted_content" | "file_url" | "file_id")
}

/// Types of parts that are an image or a page.
fn is_image(kind: &str) -> bool {
    matches!(kind, "image" | "image_url" | "input_image" | "document" | "file" | "input_file")
}

impl<'de> DeserializeSeed<'de> for Counting<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counting<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.walk.text_bytes += text.len();
        if self.opening != Opening::None {
            text.len().hash(&mut self.walk.opening);
            text.as_bytes().get(..OPENING_BYTES).unwrap_or(text.as_bytes()).hash(&mut self.walk.opening);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for place in 0.. {
            let opening = match self.opening {
                Opening::FirstItems if place < OPENING_ITEMS => Opening::All,
                Opening::FirstItems => Opening::None,
                other => other,
            };
            if items.next_element_seed(Counting { walk: self.walk, opening })?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Name<'de>>()? {
            let before = self.walk.text_bytes;
            if key.0 == "type" {
                let value = map.next_value::<&'de RawValue>()?;
                self.walk.images += i64::from(is_image(value.get().trim_matches('"')));
                continue;
            }
            map.next_value_seed(Counting { walk: self.walk, opening: self.opening })?;
            if is_opaque(&key.0) {
                self.walk.text_bytes = before;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_by_the_protocols_own_name() {
        let body = br#"{"model":"m","messages":[],"input":"","max_tokens":3,"max_completion_tokens":1,"max_output_tokens":2}"#;
        let limit = |protocol| Ask::read(protocol, body).unwrap().max_output;
        assert_eq!(limit(Protocol::Messages), Some(3));
        assert_eq!(limit(Protocol::ChatCompletions), Some(1));
        assert_eq!(limit(Protocol::Responses), Some(2));
        let old = br#"{"model":"m","messages":[],"max_tokens":3}"#;
        assert_eq!(Ask::read(Protocol::ChatCompletions, old).unwrap().max_output, Some(3));
    }

    #[test]
    fn messages_name_their_limit() {
        for body in [r#"{"model":"m","messages":[]}"#, r#"{"model":"m","messages":[],"max_tokens":null}"#] {
            let bad = Ask::read(Protocol::Messages, body.as_bytes()).unwrap_err();
            assert_eq!(bad.to_string(), "max_tokens: Field required");
            assert!(Ask::read(Protocol::CountTokens, body.as_bytes()).is_ok());
            assert!(Ask::read(Protocol::ChatCompletions, body.as_bytes()).is_ok());
        }
    }

    #[test]
    fn a_thread_is_gone_on_with() {
        let read = |thread: &str| {
            let body = format!(r#"{{"model":"m","messages":[],"max_tokens":3,"thread":{thread}}}"#);
            let ask = Ask::read(Protocol::Messages, body.as_bytes()).unwrap();
            (ask.is_threaded, ask.previous_response)
        };
        assert_eq!(read(r#"{"type":"create"}"#), (true, None));
        assert_eq!(read(r#"{"type":"continue","previous_message_id":"msg_1"}"#), (true, Some("msg_1".to_owned())));
        assert_eq!(read("null"), (false, None));
        assert_eq!(read("7"), (true, None));
    }
}
