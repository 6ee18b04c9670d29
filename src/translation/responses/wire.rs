//! What travels: requests as clients send them, items, and the output items of answers.

use serde::Deserialize;
use serde_json::{Map, Number, Value};

/// A request's body. Items, parts and tools are read one by one, so that errors name their places.
#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default)]
    pub input: Value,
    pub instructions: Option<String>,
    pub stream: Option<bool>,
    pub tools: Option<Vec<Value>>,
    pub tool_choice: Option<Value>,
    pub parallel_tool_calls: Option<bool>,
    pub max_output_tokens: Option<i64>,
    pub temperature: Option<Number>,
    pub top_p: Option<Number>,
    pub reasoning: Option<Reasoning>,
    pub text: Option<Text>,
    pub include: Option<Vec<String>>,
    pub top_logprobs: Option<i64>,
    /// Resolved before.
    #[serde(rename = "previous_response_id")]
    pub _previous_response_id: Option<Value>,
    pub conversation: Option<Value>,
    pub background: Option<bool>,
    pub prompt: Option<Value>,
    pub safety_identifier: Option<String>,
    pub user: Option<String>,
    /// Hints, and what is not known here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `reasoning`.
#[derive(Debug, Deserialize)]
pub struct Reasoning {
    pub effort: Option<String>,
    pub summary: Option<String>,
    pub generate_summary: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `text`.
#[derive(Debug, Deserialize)]
pub struct Text {
    pub format: Option<Value>,
    pub verbosity: Option<Value>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `text.format` of type `json_schema`.
#[derive(Debug, Deserialize)]
pub struct JsonSchema {
    pub name: Option<String>,
    pub description: Option<String>,
    pub schema: Value,
    pub strict: Option<bool>,
}

/// An input item of type `message`.
#[derive(Debug, Deserialize)]
pub struct Message {
    pub role: String,
    #[serde(default)]
    pub content: Value,
}

/// An input item of type `function_call` or `custom_tool_call`.
#[derive(Debug, Deserialize)]
pub struct Call {
    pub call_id: String,
    pub name: String,
    pub namespace: Option<String>,
    pub arguments: Option<String>,
    pub input: Option<String>,
}

/// An input item of type `function_call_output` or `custom_tool_call_output`.
#[derive(Debug, Deserialize)]
pub struct CallOutput {
    pub call_id: String,
    #[serde(default)]
    pub output: Value,
}

/// A reasoning item, in requests and in answers.
#[derive(Debug, Default, Deserialize)]
pub struct Thinking {
    #[serde(default)]
    pub id: Option<String>,
    pub summary: Option<Vec<Words>>,
    pub content: Option<Vec<Words>>,
    pub encrypted_content: Option<String>,
}

/// A part of thinking.
#[derive(Debug, Default, Deserialize)]
pub struct Words {
    #[serde(default)]
    pub text: String,
}

/// A part with words alone: `input_text`, `output_text`, `text`, `refusal`.
#[derive(Debug, Deserialize)]
pub struct Spoken {
    #[serde(alias = "refusal")]
    pub text: String,
}

/// A part of type `input_image`.
#[derive(Debug, Deserialize)]
pub struct InputImage {
    pub image_url: Option<String>,
    pub file_id: Option<String>,
    pub detail: Option<String>,
}

/// A part of type `input_file`.
#[derive(Debug, Deserialize)]
pub struct InputFile {
    pub file_data: Option<String>,
    pub file_url: Option<String>,
    pub file_id: Option<String>,
    pub filename: Option<String>,
}

/// A tool of type `function` or `custom`.
#[derive(Debug, Deserialize)]
pub struct Tool {
    pub name: String,
    pub description: Option<String>,
    pub parameters: Option<Value>,
    pub strict: Option<bool>,
    pub format: Option<Value>,
}

/// A tool of type `namespace`.
#[derive(Debug, Deserialize)]
pub struct Namespace {
    pub name: String,
    pub tools: Vec<Value>,
}

/// `tool_choice` as an object; also one of the tools it allows.
#[derive(Debug, Deserialize)]
pub struct ToolChoice {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: Option<String>,
    pub namespace: Option<String>,
    pub mode: Option<String>,
    pub tools: Option<Vec<Self>>,
}

/// A response, whole or inside an event.
#[derive(Debug, Default, Deserialize)]
pub struct Response {
    pub id: Option<String>,
    pub created_at: Option<f64>,
    pub status: Option<String>,
    pub output: Option<Vec<Value>>,
    pub incomplete_details: Option<Incomplete>,
    pub error: Option<Trouble>,
}

/// `incomplete_details`.
#[derive(Debug, Default, Deserialize)]
pub struct Incomplete {
    pub reason: Option<String>,
}

/// An error of the upstream.
#[derive(Debug, Default, Deserialize)]
pub struct Trouble {
    pub code: Option<Value>,
    pub message: Option<String>,
}

/// An output item.
#[derive(Debug, Deserialize)]
pub struct OutputItem {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: Option<String>,
    pub call_id: Option<String>,
    pub name: Option<String>,
    pub arguments: Option<String>,
    pub input: Option<String>,
    pub content: Option<Vec<OutputPart>>,
    pub summary: Option<Vec<Words>>,
    pub encrypted_content: Option<String>,
}

/// A part of an output message, or of a reasoning item's content.
#[derive(Debug, Default, Deserialize)]
pub struct OutputPart {
    #[serde(rename = "type", default)]
    pub kind: String,
    pub text: Option<String>,
    pub refusal: Option<String>,
}

/// An item's or part's `type`; empty when it has none.
pub fn kind_of(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or_default()
}
