//! What the tap looks at of answers and events: borrowed, everything else walked over.

use std::borrow::Cow;

use serde::Deserialize;

use crate::translation::lenient::{self, Amount, TextBytes};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Whole<'a> {
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) usage: Option<RawUsage>,
    pub(super) content: TextBytes,
    pub(super) output: TextBytes,
    #[serde(borrow, deserialize_with = "lenient::list")]
    pub(super) choices: Option<Vec<WholeChoice<'a>>>,
    #[serde(deserialize_with = "lenient::is_list")]
    pub(super) data: bool,
    #[serde(deserialize_with = "lenient::figure")]
    pub(super) input_tokens: Option<i64>,
    #[serde(deserialize_with = "lenient::present")]
    pub(super) error: bool,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) status: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) stop_reason: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WholeChoice<'a> {
    pub(super) message: TextBytes,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) finish_reason: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::present")]
    pub(super) error: bool,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) usage: Option<RawUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MessagesEvent<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "lenient::string")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient::object")]
    pub(super) message: Option<Message<'a>>,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) usage: Option<RawUsage>,
    #[serde(borrow, deserialize_with = "lenient::object")]
    pub(super) content_block: Option<Block<'a>>,
    #[serde(borrow, deserialize_with = "lenient::object")]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(deserialize_with = "lenient::present")]
    pub(super) error: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UsageHolder {
    #[serde(deserialize_with = "lenient::object")]
    pub(super) usage: Option<RawUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) usage: Option<RawUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "lenient::string")]
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) text: TextBytes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    text: TextBytes,
    thinking: TextBytes,
    partial_json: TextBytes,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) stop_reason: Option<Cow<'a, str>>,
}

impl Delta<'_> {
    pub(super) fn text_bytes(&self) -> usize {
        self.text.bytes + self.thinking.bytes + self.partial_json.bytes
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatChunk<'a> {
    #[serde(borrow, deserialize_with = "lenient::list")]
    pub(super) choices: Option<Vec<ChatChoice<'a>>>,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) usage: Option<RawUsage>,
    /// Groq's place for it.
    #[serde(deserialize_with = "lenient::object")]
    pub(super) x_groq: Option<UsageHolder>,
    #[serde(deserialize_with = "lenient::present")]
    pub(super) error: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatChoice<'a> {
    #[serde(deserialize_with = "lenient::object")]
    pub(super) delta: Option<ChatDelta>,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) finish_reason: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::present")]
    pub(super) error: bool,
    /// Moonshot's place for it.
    #[serde(deserialize_with = "lenient::object")]
    pub(super) usage: Option<RawUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatDelta {
    content: TextBytes,
    refusal: TextBytes,
    reasoning_content: TextBytes,
    /// OpenRouter's name for the same.
    reasoning: TextBytes,
    tool_calls: TextBytes,
    function_call: TextBytes,
}

impl ChatDelta {
    pub(super) fn text_bytes(&self) -> usize {
        // By two names it is the same thought.
        let thought = self.reasoning_content.bytes.max(self.reasoning.bytes);
        thought + self.content.bytes + self.refusal.bytes + self.tool_calls.bytes + self.function_call.bytes
    }

    pub(super) fn calls(&self) -> bool {
        self.tool_calls.any || self.function_call.any
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponsesEvent<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "lenient::string")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient::object")]
    pub(super) response: Option<ResponseHolder<'a>>,
    #[serde(borrow, deserialize_with = "lenient::object")]
    pub(super) item: Option<Item<'a>>,
    pub(super) delta: TextBytes,
    #[serde(deserialize_with = "lenient::present")]
    pub(super) error: bool,
    #[serde(deserialize_with = "lenient::index")]
    pub(super) sequence_number: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponseHolder<'a> {
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "lenient::cow")]
    pub(super) status: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) usage: Option<RawUsage>,
    #[serde(deserialize_with = "lenient::present")]
    pub(super) error: bool,
    pub(super) output: TextBytes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "lenient::string")]
    pub(super) kind: Option<Cow<'a, str>>,
}

/// All makers' usage objects in one. docs/conversion.md tells whose field each is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawUsage {
    pub(super) input_tokens: Amount,
    pub(super) output_tokens: Amount,
    pub(super) cache_read_input_tokens: Amount,
    pub(super) cache_creation_input_tokens: Amount,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) cache_creation: Option<CacheCreation>,
    pub(super) prompt_tokens: Amount,
    pub(super) completion_tokens: Amount,
    pub(super) total_tokens: Amount,
    pub(super) prompt_cache_hit_tokens: Amount,
    pub(super) prompt_cache_miss_tokens: Amount,
    pub(super) cached_tokens: Amount,
    pub(super) reasoning_tokens: Amount,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) prompt_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) input_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) completion_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient::object")]
    pub(super) output_tokens_details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CacheCreation {
    pub(super) ephemeral_5m_input_tokens: Amount,
    pub(super) ephemeral_1h_input_tokens: Amount,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    pub(super) cached_tokens: Amount,
    pub(super) cache_write_tokens: Amount,
    pub(super) cache_creation_input_tokens: Amount,
    pub(super) reasoning_tokens: Amount,
    pub(super) thinking_tokens: Amount,
}
