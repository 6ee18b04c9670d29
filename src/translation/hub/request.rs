//! A request.

use actors::vocabulary::Protocol;
use serde_json::{Map, Number, Value};

use super::answer::{Block, Call};
use super::carriage::{CannotCarry, LeftOut};
use super::tool_schema::{ToolSchema, tool_schema};
use super::upstream_model::most_output;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The protocol it was asked in.
    pub client: Protocol,
    /// Whether a stream is wanted.
    pub stream: bool,
    /// Everything said so far, in order, prompts included where they stand.
    pub items: Vec<Item>,
    /// Tools the client runs itself. Names are the client's.
    pub tools: Vec<Tool>,
    /// How tools are to be used; `None` = not said.
    pub choice: Option<Choice>,
    /// Whether several tools may be called at once; `None` = not said.
    pub parallel_calls: Option<bool>,
    /// Most output tokens; `None` = not said.
    pub max_output: Option<i64>,
    /// Randomness, in the client's scale (0–2 for OpenAI, 0–1 for Claude).
    pub temperature: Option<Number>,
    /// Nucleus sampling, 0–1.
    pub top_p: Option<Number>,
    /// Strings that end the answer.
    pub stop: Vec<String>,
    /// Answers wanted; more than one are asked for one by one.
    pub choices: i64,
    /// Chat Completions: whether tools were asked for as `functions`, whose calls the answer has in their old shape.
    pub old_functions: bool,
    /// The form of the answer's text.
    pub format: Option<Format>,
    /// Thinking before the answer.
    pub reasoning: Option<Reasoning>,
    /// Who the client's end user is (`metadata.user_id`, `user`, `safety_identifier`).
    pub user: Option<String>,
    /// Hints by their top-level name and value, as the client wrote them: what a writer knows it takes, the rest it
    /// notes in `left_out`. A `null` is no hint.
    pub hints: Map<String, Value>,
    /// What the reader has left out already.
    pub left_out: LeftOut,
}

/// One thing said. Consecutive items of the assistant are one turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A prompt.
    Instruction {
        /// Whose.
        voice: Voice,
        /// Its texts, each a part of its own.
        texts: Vec<String>,
    },
    /// A user's message.
    User(Vec<Part>),
    /// A part of the assistant's turn.
    Assistant(Block),
    /// A tool's result.
    Result(ToolResult),
}

/// Whose voice a prompt has. Claude knows `system` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// `system`, `instructions`.
    System,
    /// `developer`.
    Developer,
}

/// A part of a user's message or of a tool's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// An image.
    Image(Image),
    /// A document or file.
    Document(Document),
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where its bytes are.
    pub source: Source,
    /// OpenAI's `detail`: `auto`, `low`, `high`, `original`.
    pub detail: Option<String>,
}

/// A document or file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where its bytes are. Never [`Source::Url`] towards Chat Completions, which has no field for it.
    pub source: Source,
    /// Its file name or title.
    pub name: Option<String>,
}

/// Where bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Here, in base64.
    Base64 {
        /// Such as `image/png`.
        media_type: String,
        /// The bytes.
        data: String,
    },
    /// At an address.
    Url(String),
    /// A file kept at OpenAI: carried between its two protocols, and nowhere else.
    FileId(String),
}

/// Bytes as OpenAI's APIs have them: a `data:` URL.
pub fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

/// The file name of a document that has none, which OpenAI's APIs ask for.
pub fn usual_name(media_type: &str) -> &'static str {
    if media_type == "application/pdf" { "document.pdf" } else { "file" }
}

/// A tool's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The call's id.
    pub call_id: String,
    /// Whether it answers a custom tool's call.
    pub kind: ToolKind,
    /// What came out.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A failed tool's words for a protocol without a field for its failure: they say it themselves. `first` is the first
/// of them; what is given back stands where there are none.
pub fn say_failed(first: Option<&mut String>) -> Option<String> {
    match first {
        Some(text) if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error")) => None,
        Some(text) => {
            text.insert_str(0, "Error: ");
            None
        }
        None => Some("Error: the tool failed".to_owned()),
    }
}

/// A tool that the client runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The namespace it stands in (Responses).
    pub namespace: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// How it is called.
    pub kind: ToolKind,
    /// A function's parameters as JSON Schema; `{"type":"object","properties":{}}` where the client gave none.
    pub schema: Value,
    /// Whether the schema binds the model; `None` = not said.
    pub strict: Option<bool>,
    /// A custom tool's `format` (`{"type":"grammar","syntax","definition"}`, flat as in Responses).
    pub grammar: Option<Value>,
}

impl Tool {
    /// Its parameters as every provider takes them.
    ///
    /// # Errors
    /// Names the tool when no provider can be offered it.
    pub fn mended_schema(&self) -> Result<ToolSchema, CannotCarry> {
        tool_schema(&self.schema).map_err(|problem| {
            let name: String = self.name.chars().filter(|c| !c.is_control()).take(64).collect();
            CannotCarry::new("tools", format_args!("the tool `{name}` cannot be offered: {problem}"))
        })
    }

    /// Its description, with what else is to be told of it.
    pub fn described(&self, told: Option<String>) -> Option<String> {
        match (self.description.clone(), told) {
            (Some(description), Some(told)) => Some(format!("{description}\n\n{told}")),
            (description, told) => description.or(told),
        }
    }
}

/// How a tool is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolKind {
    /// With a JSON object.
    #[default]
    Function,
    /// With free text. Where the protocol has no such tools it becomes a function with one string, `input`.
    Custom,
}

/// How tools are to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As the model likes.
    Auto,
    /// Not at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Named {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: Option<String>,
    },
    /// Some of these.
    Allowed {
        /// Whether one must be used.
        required: bool,
        /// Their names.
        names: Vec<String>,
    },
}

/// The form of an answer's text.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// One JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// The schema's name; Claude has none.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// Whether it binds the model; Claude's always does.
        strict: Option<bool>,
    },
}

/// Thinking before the answer. All `None`/`false` = as the upstream does by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// Not wanted (`thinking.type: disabled`, `effort: none`).
    pub off: bool,
    /// How much.
    pub effort: Option<Effort>,
    /// How many tokens at most (`thinking.budget_tokens`).
    pub budget: Option<i64>,
    /// Claude's `adaptive` and `between_tools`: the model decides when.
    pub adaptive: bool,
    /// OpenAI's `summary`: `auto`, `concise`, `detailed`; from Claude, `auto` where thinking is shown.
    pub summary: Option<String>,
}

/// How much thinking (OpenAI's `ReasoningEffort`; Claude's `effort` knows `low` and up).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// `minimal`.
    Minimal,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `xhigh`.
    ExtraHigh,
    /// `max`.
    Max,
}

impl Effort {
    const NAMES: [(&'static str, Self, i64); 6] = [
        ("minimal", Self::Minimal, 1_024),
        ("low", Self::Low, 4_096),
        ("medium", Self::Medium, 12_288),
        ("high", Self::High, 24_576),
        ("xhigh", Self::ExtraHigh, 32_768),
        ("max", Self::Max, 49_152),
    ];

    /// The name all protocols use.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, effort, _)| *effort == self).map_or("medium", |(name, ..)| name)
    }

    /// Reads a name; `none` is no effort.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, ..)| *known == name).map(|(_, effort, _)| *effort)
    }

    /// The thinking budget that stands for it where a model knows budgets alone. Own figures: in the range of what
    /// Claude Code asks for ("think" 4,000 to "ultrathink" 31,999).
    pub fn budget(self) -> i64 {
        Self::NAMES.iter().find(|(_, effort, _)| *effort == self).map_or(12_288, |(.., budget)| *budget)
    }

    /// The effort a budget stands for. `minimal`, `xhigh` and `max` are never inferred: not every model knows them.
    pub fn of_budget(tokens: i64) -> Self {
        match tokens {
            ..=8_191 => Self::Low,
            8_192..=20_479 => Self::Medium,
            _ => Self::High,
        }
    }
}

/// A part of a request that each protocol has its own name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The limit of output tokens.
    MaxOutput,
    /// The form of the answer's text.
    Format,
    /// Thinking.
    Reasoning,
    /// Who the end user is.
    User,
    /// Several calls at once.
    ParallelCalls,
}

impl Request {
    /// An empty request in `client`'s protocol.
    pub fn new(client: Protocol) -> Self {
        Self {
            client,
            stream: false,
            items: Vec::new(),
            tools: Vec::new(),
            choice: None,
            parallel_calls: None,
            max_output: None,
            temperature: None,
            top_p: None,
            stop: Vec::new(),
            choices: 1,
            old_functions: false,
            format: None,
            reasoning: None,
            user: None,
            hints: Map::new(),
            left_out: LeftOut::default(),
        }
    }

    /// The client's own name for a field, for errors and for what is left out.
    pub fn name_of(&self, field: Field) -> &'static str {
        let (messages, chat, responses) = match field {
            Field::MaxOutput => ("max_tokens", "max_completion_tokens", "max_output_tokens"),
            Field::Format => ("output_config.format", "response_format", "text.format"),
            Field::Reasoning => ("thinking", "reasoning_effort", "reasoning"),
            Field::User => ("metadata.user_id", "safety_identifier", "safety_identifier"),
            Field::ParallelCalls => ("tool_choice.disable_parallel_tool_use", "parallel_tool_calls", "parallel_tool_calls"),
        };
        match self.client {
            Protocol::Messages | Protocol::CountTokens => messages,
            Protocol::Responses => responses,
            Protocol::ChatCompletions | Protocol::Embeddings => chat,
        }
    }

    /// Clamps the limit of output tokens to what the model is known to take.
    pub fn clamp_output(&mut self, model: &str) {
        if let (Some(asked), Some(most)) = (self.max_output, most_output(model))
            && asked > most
        {
            self.max_output = Some(most);
            self.left_out.note(self.name_of(Field::MaxOutput));
        }
    }

    /// The calls in its history.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.items.iter().filter_map(|item| match item {
            Item::Assistant(Block::Call(call)) => Some(call),
            _ => None,
        })
    }

    /// Takes a hint; a `null` is none.
    pub fn take_hint(&mut self, name: &str) -> Option<Value> {
        self.hints.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Names the hints that nobody took.
    pub fn leave_hints_out(&mut self) {
        for (name, value) in std::mem::take(&mut self.hints) {
            if !value.is_null() {
                self.left_out.note(&name);
            }
        }
    }
}
