//! What stands on the wire. `rest` keeps the fields nobody here knows. Content that may be a string or a list, and
//! lists of things told apart by their `type`, stay values until they are looked at, so that errors name their path.

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::translation::lenient;

/// A request. Fields that are hints throughout stand in `rest`.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    /// Read before, with the ask.
    #[serde(rename = "model")]
    pub _model: Option<Value>,
    pub messages: Vec<Message>,
    pub stream: Option<bool>,
    #[serde(rename = "stream_options")]
    pub _stream_options: Option<Value>,
    pub tools: Option<Vec<Tool>>,
    pub tool_choice: Option<Value>,
    pub parallel_tool_calls: Option<bool>,
    pub max_completion_tokens: Option<i64>,
    pub max_tokens: Option<i64>,
    pub temperature: Option<Number>,
    pub top_p: Option<Number>,
    pub stop: Option<Value>,
    pub response_format: Option<ResponseFormat>,
    pub reasoning_effort: Option<String>,
    pub user: Option<String>,
    pub safety_identifier: Option<String>,
    pub n: Option<i64>,
    pub logprobs: Option<bool>,
    pub top_logprobs: Option<i64>,
    pub modalities: Option<Vec<String>>,
    pub web_search_options: Option<Value>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A message of any role.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub role: String,
    pub content: Option<Value>,
    pub refusal: Option<String>,
    pub tool_calls: Option<Vec<ToolCall>>,
    pub tool_call_id: Option<String>,
    pub reasoning_details: Option<Value>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A part of a message's content.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    #[serde(rename = "type")]
    pub kind: String,
    pub text: Option<String>,
    pub refusal: Option<String>,
    pub image_url: Option<ImageUrl>,
    pub file: Option<File>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ImageUrl {
    pub url: String,
    pub detail: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub file_data: Option<String>,
    pub file_id: Option<String>,
    pub filename: Option<String>,
}

/// A tool call of a request's history.
#[derive(Debug, Deserialize)]
pub(super) struct ToolCall {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub function: Option<CalledFunction>,
    pub custom: Option<CalledCustom>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CalledFunction {
    pub name: String,
    pub arguments: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CalledCustom {
    pub name: String,
    pub input: Option<String>,
}

/// A tool on offer.
#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    #[serde(rename = "type")]
    pub kind: String,
    pub function: Option<Function>,
    pub custom: Option<Custom>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub name: String,
    pub description: Option<String>,
    pub parameters: Option<Value>,
    pub strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Custom {
    pub name: String,
    pub description: Option<String>,
    pub format: Option<CustomFormat>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CustomFormat {
    #[serde(rename = "type")]
    pub kind: String,
    pub grammar: Option<Grammar>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Grammar {
    pub syntax: String,
    pub definition: String,
}

/// `tool_choice`, where it is an object; also an entry of `allowed_tools.tools`.
#[derive(Debug, Deserialize)]
pub(super) struct ToolChoice {
    #[serde(rename = "type")]
    pub kind: String,
    pub function: Option<Named>,
    pub custom: Option<Named>,
    pub allowed_tools: Option<AllowedTools>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct AllowedTools {
    pub mode: String,
    pub tools: Vec<ToolChoice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ResponseFormat {
    #[serde(rename = "type")]
    pub kind: String,
    pub json_schema: Option<JsonSchema>,
}

#[derive(Debug, Deserialize)]
pub(super) struct JsonSchema {
    pub name: String,
    pub description: Option<String>,
    pub schema: Option<Value>,
    pub strict: Option<bool>,
}

/// A whole answer or a chunk of a stream: what of it can be read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Completion {
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
    #[serde(deserialize_with = "lenient::seconds")]
    pub created: Option<i64>,
    #[serde(deserialize_with = "lenient::list")]
    pub choices: Option<Vec<Choice>>,
    pub error: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(deserialize_with = "lenient::index")]
    pub index: Option<usize>,
    /// In a whole answer.
    #[serde(deserialize_with = "lenient::object")]
    pub message: Option<Said>,
    /// In a chunk.
    #[serde(deserialize_with = "lenient::object")]
    pub delta: Option<Said>,
    #[serde(deserialize_with = "lenient::text")]
    pub finish_reason: Option<String>,
    /// Some providers put it here.
    pub error: Value,
}

/// What an answer or a piece of it says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    #[serde(deserialize_with = "lenient::words")]
    pub content: Value,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub refusal: Option<String>,
    #[serde(deserialize_with = "lenient::words")]
    pub reasoning_content: Value,
    /// OpenRouter's name for the same.
    #[serde(deserialize_with = "lenient::words")]
    pub reasoning: Value,
    /// GitHub Copilot's.
    #[serde(deserialize_with = "lenient::words")]
    pub reasoning_text: Value,
    /// What is to come back as it is: OpenRouter's, Copilot's, LiteLLM's, Gemini's.
    pub reasoning_details: Value,
    pub reasoning_opaque: Value,
    pub thinking_blocks: Value,
    pub extra_content: Value,
    #[serde(deserialize_with = "lenient::list")]
    pub tool_calls: Option<Vec<CallPiece>>,
}

/// A tool call of an answer, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CallPiece {
    #[serde(deserialize_with = "lenient::index")]
    pub index: Option<usize>,
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
    #[serde(deserialize_with = "lenient::object")]
    pub function: Option<FunctionPiece>,
    /// What is to come back as it is: Gemini's, and the names gateways give it.
    pub extra_content: Value,
    pub thought_signature: Value,
    pub provider_specific_fields: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionPiece {
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Text; some providers write the object itself.
    pub arguments: Value,
}
