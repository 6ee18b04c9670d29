//! What a request body asks for, read in one pass over untouched bytes.
//!
//! Only what the road needs is looked at: names, limits, how much text and how many images there are, and
//! what tells one conversation from another. Everything else is walked over and stays as it came.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use actors::vocabulary::Protocol;
use actors::vocabulary::usage::{TOKENS_PER_IMAGE, estimate_tokens};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::measure::{Content, Measure, Name, Opening};

/// Of a field that no model reads, so many bytes are free; what is longer counts as text.
const FREE_BYTES: usize = 256;
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
    /// More structure than is taken.
    #[error("{field}: at most {most} {what} are taken")]
    TooMuch {
        /// Where.
        field: String,
        /// The bound.
        most: usize,
        /// Of what.
        what: &'static str,
    },
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
    measure: Measure,
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
                    map.next_value_seed(Content { measure: &mut top.measure, opening: Opening::FirstItems })?;
                    continue;
                }
                "system" | "instructions" => {
                    map.next_value_seed(Content { measure: &mut top.measure, opening: Opening::All })?;
                    continue;
                }
                name => {
                    let value = map.next_value::<&'de RawValue>()?;
                    top.measure_field(name, value);
                    continue;
                }
            };
            let value = map.next_value::<&'de RawValue>()?;
            if slot.replace(value).is_some() {
                return Err(serde::de::Error::custom(format_args!("duplicate field `{}`", key.0)));
            }
            match key.0.as_ref() {
                "metadata" => top.measure.json(value),
                _ => top.measure.text_bytes += value.get().len().saturating_sub(FREE_BYTES),
            }
        }
        Ok(top)
    }
}

impl Top<'_> {
    /// Counts a field that the gateway itself does not look at.
    fn measure_field(&mut self, name: &str, value: &RawValue) {
        let is_known = is_a_requests_own(name);
        if !is_known {
            self.measure.key(name);
        }
        // A number or a switch of the protocol's own is nothing that a model reads.
        let is_switch = !value.get().starts_with(['"', '{', '[']) && value.get().len() <= FREE_BYTES;
        if !(is_known && is_switch) {
            self.measure.json(value);
        }
    }

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
            // Which of the two an upstream reads is its own affair: the larger one.
            Protocol::ChatCompletions => completion.max(tokens),
            Protocol::Messages | Protocol::CountTokens | Protocol::Embeddings => tokens,
        };
        // Zero and less ask for nothing; to some servers they mean "without a limit".
        let max_output = max_output.filter(|limit| *limit > 0);
        let options: Option<StreamOptions> =
            parsed(self.stream_options).map_err(|()| wrong("stream_options", "Input should be an object"))?;
        Ok(Ask {
            model,
            model_span: span(text, raw_model.get()),
            stream: stream.unwrap_or(false),
            include_usage: options.as_ref().is_some_and(|options| options.include_usage == Some(true)),
            stream_options_span: self.stream_options.map(|raw| span(text, raw.get())),
            max_output,
            choices: whole(self.n, "n")?.unwrap_or(1).max(1),
            text_bytes: self.measure.text_bytes,
            images: self.measure.pages,
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
            _ => return self.measure.opening(),
        }
        hasher.finish()
    }
}

/// Whether a body's field is one of those that the protocols have: what it holds counts, its name does not.
fn is_a_requests_own(name: &str) -> bool {
    matches!(
        name,
        "tools"
            | "tool_choice"
            | "parallel_tool_calls"
            | "functions"
            | "function_call"
            | "response_format"
            | "text"
            | "temperature"
            | "top_p"
            | "top_k"
            | "stop"
            | "stop_sequences"
            | "seed"
            | "user"
            | "store"
            | "service_tier"
            | "reasoning"
            | "reasoning_effort"
            | "verbosity"
            | "thinking"
            | "output_config"
            | "context_management"
            | "presence_penalty"
            | "frequency_penalty"
            | "logit_bias"
            | "logprobs"
            | "top_logprobs"
            | "modalities"
            | "audio"
            | "prediction"
            | "web_search_options"
            | "include"
            | "truncation"
            | "background"
            | "max_tool_calls"
            | "conversation"
            | "prompt"
            | "safety_identifier"
            | "prompt_cache_retention"
            | "container"
            | "mcp_servers"
            | "encoding_format"
            | "dimensions"
    )
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

#[cfg(test)]
mod tests;
