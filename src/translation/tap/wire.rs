//! What the tap looks at of answers and events: borrowed, everything else walked over.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Whole<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) usage: Option<RawUsage>,
    #[serde(default)]
    pub(super) content: Vec<Value>,
    #[serde(default)]
    pub(super) output: Vec<Value>,
    #[serde(default)]
    pub(super) choices: Vec<Value>,
}

impl Whole<'_> {
    /// An answer of which a field is not as the API has it: what of the others can be read.
    pub(super) fn odd(body: &[u8]) -> Self {
        let mut answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut list = |name: &str| match answer.get_mut(name).map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let (content, output, choices) = (list("content"), list("output"), list("choices"));
        let id = answer.get("id").and_then(Value::as_str).map(|id| Cow::Owned(id.to_owned()));
        let usage = answer.get("usage").and_then(|usage| RawUsage::deserialize(usage).ok());
        Self { id, usage, content, output, choices }
    }
}

#[derive(Deserialize)]
pub(super) struct MessagesEvent<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    pub(super) usage: Option<RawUsage>,
    #[serde(borrow)]
    pub(super) content_block: Option<Block<'a>>,
    #[serde(borrow)]
    pub(super) delta: Option<Delta<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) usage: Option<RawUsage>,
}

#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) partial_json: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) stop_reason: Option<Cow<'a, str>>,
}

impl Delta<'_> {
    pub(super) fn text_bytes(&self) -> usize {
        [&self.text, &self.thinking, &self.partial_json].into_iter().flatten().map(|text| text.len()).sum()
    }
}

#[derive(Deserialize)]
pub(super) struct ChatChunk<'a> {
    #[serde(default, borrow)]
    pub(super) choices: Vec<ChatChoice<'a>>,
    pub(super) usage: Option<RawUsage>,
    pub(super) error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct ChatChoice<'a> {
    #[serde(borrow)]
    pub(super) delta: Option<ChatDelta<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct ChatDelta<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) reasoning_content: Option<Cow<'a, str>>,
    /// OpenRouter's name for the same.
    pub(super) reasoning: Option<Value>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<ChatCall<'a>>>,
    pub(super) function_call: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct ChatCall<'a> {
    #[serde(borrow)]
    pub(super) function: Option<ChatFunction<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ChatFunction<'a> {
    #[serde(borrow)]
    pub(super) arguments: Option<Cow<'a, str>>,
}

impl ChatDelta<'_> {
    pub(super) fn text_bytes(&self) -> usize {
        let texts = [&self.content, &self.refusal, &self.reasoning_content].into_iter().flatten();
        let calls = self.tool_calls.iter().flatten().filter_map(|call| call.function.as_ref()?.arguments.as_ref());
        let reasoning = self.reasoning.as_ref().and_then(Value::as_str).map_or(0, str::len);
        reasoning + texts.chain(calls).map(|text| text.len()).sum::<usize>()
    }
}

#[derive(Deserialize)]
pub(super) struct ResponsesEvent<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) response: Option<ResponseHolder<'a>>,
    #[serde(borrow)]
    pub(super) item: Option<Item<'a>>,
    #[serde(borrow)]
    pub(super) delta: Option<Cow<'a, str>>,
    pub(super) error: Option<serde::de::IgnoredAny>,
    pub(super) sequence_number: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct ResponseHolder<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) usage: Option<RawUsage>,
}

#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Cow<'a, str>>,
}

/// All three vendors' usage objects in one.
#[derive(Deserialize)]
pub(super) struct RawUsage {
    pub(super) input_tokens: Option<i64>,
    pub(super) output_tokens: Option<i64>,
    pub(super) cache_read_input_tokens: Option<i64>,
    pub(super) cache_creation_input_tokens: Option<i64>,
    pub(super) cache_creation: Option<CacheCreation>,
    pub(super) prompt_tokens: Option<i64>,
    pub(super) completion_tokens: Option<i64>,
    pub(super) prompt_tokens_details: Option<Details>,
    pub(super) input_tokens_details: Option<Details>,
    pub(super) completion_tokens_details: Option<Details>,
    pub(super) output_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
pub(super) struct CacheCreation {
    pub(super) ephemeral_5m_input_tokens: Option<i64>,
    pub(super) ephemeral_1h_input_tokens: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Details {
    pub(super) cached_tokens: Option<i64>,
    pub(super) cache_write_tokens: Option<i64>,
    pub(super) reasoning_tokens: Option<i64>,
    pub(super) thinking_tokens: Option<i64>,
}
