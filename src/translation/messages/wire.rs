//! The Messages API's bodies as they stand on the wire. What has a `type` is read in two steps, so that an unknown
//! one is named with its path.

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::translation::hub::CannotCarry;
use crate::translation::json::parse_at;
use crate::translation::lenient;

/// A request. `model` is the road's business.
#[derive(Debug, Deserialize)]
pub struct Body {
    pub messages: Vec<Message>,
    #[serde(default)]
    pub system: Value,
    pub stream: Option<bool>,
    pub max_tokens: Option<i64>,
    pub temperature: Option<Number>,
    pub top_p: Option<Number>,
    pub stop_sequences: Option<Vec<String>>,
    pub tools: Option<Vec<Value>>,
    pub tool_choice: Option<Value>,
    pub thinking: Option<Value>,
    pub output_config: Option<OutputConfig>,
    /// The name `output_config.format` had in its beta.
    pub output_format: Option<Value>,
    pub metadata: Option<Metadata>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A message.
#[derive(Debug, Deserialize)]
pub struct Message {
    pub role: String,
    #[serde(default)]
    pub content: Value,
}

/// `output_config`.
#[derive(Debug, Deserialize)]
pub struct OutputConfig {
    pub effort: Option<String>,
    pub format: Option<Value>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `metadata`.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub user_id: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A block of content, of a message or a tool's result.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    Text {
        text: String,
    },
    Image {
        source: Value,
    },
    Document {
        source: Value,
        title: Option<String>,
        context: Option<String>,
    },
    SearchResult {
        source: String,
        title: String,
        #[serde(default)]
        content: Value,
    },
    ToolUse {
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
    },
    ToolResult {
        tool_use_id: String,
        #[serde(default)]
        content: Value,
        is_error: Option<bool>,
    },
    ToolReference {
        tool_name: String,
    },
    Thinking {
        thinking: String,
        #[serde(default)]
        signature: Option<String>,
    },
    RedactedThinking {
        data: String,
    },
}

/// Where an image's or a document's bytes are.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source {
    Base64 { media_type: String, data: String },
    Url { url: String },
    Text { data: String },
    Content { content: Value },
    File {},
}

/// A tool that the client runs.
#[derive(Debug, Deserialize)]
pub struct Tool {
    pub name: String,
    pub description: Option<String>,
    pub input_schema: Option<Value>,
    pub strict: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `tool_choice`.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolChoice {
    Auto { disable_parallel_tool_use: Option<bool> },
    Any { disable_parallel_tool_use: Option<bool> },
    Tool { name: String, disable_parallel_tool_use: Option<bool> },
    None,
}

/// `thinking`.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Thinking {
    Enabled { budget_tokens: i64, display: Option<String> },
    Adaptive { display: Option<String> },
    BetweenTools {},
    Disabled {},
}

/// The form of an answer's text.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Format {
    JsonSchema { schema: Value },
}

/// A whole answer: what of it can be read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Answer {
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient::owned_string")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub role: Option<String>,
    #[serde(deserialize_with = "lenient::list")]
    pub content: Option<Vec<AnswerBlock>>,
    #[serde(deserialize_with = "lenient::text")]
    pub stop_reason: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub stop_sequence: Option<String>,
    #[serde(deserialize_with = "lenient::object")]
    pub stop_details: Option<StopDetails>,
    #[serde(deserialize_with = "lenient::present")]
    pub error: bool,
}

/// A block of an answer, or how one begins in a stream: the fields of all kinds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AnswerBlock {
    #[serde(rename = "type", deserialize_with = "lenient::owned_string")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub text: Option<String>,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub thinking: Option<String>,
    #[serde(deserialize_with = "lenient::owned_string")]
    pub signature: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub data: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    pub input: Value,
}

impl AnswerBlock {
    /// Its kind, as its other fields have it where it names none itself.
    pub fn kind(&self) -> &str {
        match &self.kind {
            Some(kind) => kind,
            None if self.text.is_some() => "text",
            None if self.thinking.is_some() => "thinking",
            None if self.name.is_some() => "tool_use",
            None if self.data.is_some() => "redacted_thinking",
            None => "",
        }
    }
}

/// What is said about a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StopDetails {
    #[serde(deserialize_with = "lenient::text")]
    pub explanation: Option<String>,
}

/// Reads a value whose `type` tells its shape.
///
/// # Errors
/// An unknown type by `path.type`, else the first field that does not fit.
pub fn tagged<T: serde::de::DeserializeOwned>(path: &str, value: Value) -> Result<T, CannotCarry> {
    let Some(kind) = value.get("type").and_then(Value::as_str).map(str::to_owned) else {
        return Err(CannotCarry::new(format!("{path}.type"), "Field required: a string"));
    };
    parse_at(path, value).map_err(|error| {
        if !error.problem.starts_with("unknown variant") {
            return error;
        }
        let shown: String = kind.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).take(64).collect();
        CannotCarry::new(path, format_args!("`{shown}` has no equivalent in the upstream's protocol"))
    })
}

/// Content as blocks; a string is one text, nothing is none.
///
/// # Errors
/// When it is neither.
pub fn blocks(path: &str, content: Value) -> Result<Vec<Value>, CannotCarry> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![serde_json::json!({"type": "text", "text": text})]),
        Value::Array(blocks) => Ok(blocks),
        _ => Err(CannotCarry::new(path, "Input should be a string or an array")),
    }
}
