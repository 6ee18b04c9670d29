//! What travels: requests as clients send them, items, and the output items of answers.

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::translation::lenient;

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

/// A response, whole or inside an event: what of it can be read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Response {
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
    #[serde(deserialize_with = "lenient::seconds")]
    pub created_at: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    pub status: Option<String>,
    #[serde(deserialize_with = "lenient::list")]
    pub output: Option<Vec<OutputItem>>,
    #[serde(deserialize_with = "lenient::object")]
    pub incomplete_details: Option<Incomplete>,
    pub error: Value,
}

/// `incomplete_details`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Incomplete {
    #[serde(deserialize_with = "lenient::text")]
    pub reason: Option<String>,
}

/// An error of the upstream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Trouble {
    #[serde(deserialize_with = "lenient::text")]
    pub code: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub message: Option<String>,
}

impl Trouble {
    /// An error as it stands in an event or answer; some providers write it as a string.
    pub fn read(error: Value) -> Self {
        match error {
            Value::String(message) => Self { code: None, message: Some(message) },
            other => lenient::read_value(other).unwrap_or_default(),
        }
    }
}

/// An output item.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OutputItem {
    #[serde(rename = "type", deserialize_with = "lenient::owned_string")]
    named: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub call_id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    #[serde(deserialize_with = "lenient::words_or_json")]
    pub arguments: Option<String>,
    #[serde(deserialize_with = "lenient::words_or_json")]
    pub input: Option<String>,
    #[serde(deserialize_with = "lenient::list")]
    pub content: Option<Vec<OutputPart>>,
    #[serde(deserialize_with = "lenient::list")]
    pub summary: Option<Vec<OutputPart>>,
    #[serde(deserialize_with = "lenient::text")]
    pub encrypted_content: Option<String>,
}

impl OutputItem {
    /// Its type, as its other fields have it where it names none itself.
    pub fn kind(&self) -> &str {
        match &self.named {
            Some(kind) if !kind.is_empty() => kind,
            _ if self.name.is_some() && self.input.is_some() => "custom_tool_call",
            _ if self.name.is_some() => "function_call",
            _ if self.summary.is_some() || self.encrypted_content.is_some() => "reasoning",
            _ if self.content.is_some() => "message",
            _ => "",
        }
    }

    /// The words of its summary.
    pub fn summary(&mut self) -> Vec<Words> {
        words(self.summary.take())
    }

    /// The words of its content.
    pub fn content_words(&mut self) -> Vec<Words> {
        words(self.content.take())
    }
}

fn words(parts: Option<Vec<OutputPart>>) -> Vec<Words> {
    parts.into_iter().flatten().map(|part| Words { text: part.text.unwrap_or_default() }).collect()
}

/// A part of an output message, or of a reasoning item's content.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OutputPart {
    #[serde(rename = "type", deserialize_with = "lenient::owned_string")]
    named: Option<String>,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub text: Option<String>,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub refusal: Option<String>,
}

impl OutputPart {
    /// Its words, and whether they are a refusal; `None` when it has none.
    pub fn spoken(self) -> Option<(bool, String)> {
        match self.named.as_deref() {
            Some("refusal") => self.refusal.or(self.text).map(|words| (true, words)),
            Some("output_text") => self.text.map(|words| (false, words)),
            Some("text") => self.text.map(|words| (false, words)),
            Some(_) => None,
            None => self.text.map(|words| (false, words)).or(self.refusal.map(|words| (true, words))),
        }
    }
}

/// An item's or part's `type`; empty when it has none.
pub fn kind_of(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or_default()
}
