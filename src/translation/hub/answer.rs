//! A whole answer.

use super::request::ToolKind;
use super::seal::Seal;

/// What a model answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The upstream's id for it.
    pub id: String,
    /// When it was made, in Unix seconds, where the upstream says so.
    pub created: Option<i64>,
    /// Its blocks in order.
    pub blocks: Vec<Block>,
    /// Why it ended.
    pub stop: Stop,
}

impl Answer {
    /// Whether what was read says anything, and names the tools it calls. Of an answer with fields that could not be read, one
    /// that does not is none: they may have been all of it.
    pub fn is_readable(&self) -> bool {
        let is_nameless = |block: &Block| matches!(block, Block::Call(call) if call.name.is_empty());
        !self.blocks.is_empty() && !self.blocks.iter().any(is_nameless)
    }
}

/// One block of an assistant's turn, in an answer or in a request's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Text for the reader.
    Text(String),
    /// A refusal in words.
    Refusal(String),
    /// Thinking.
    Thought(Thought),
    /// A tool call.
    Call(Call),
}

/// Thinking that precedes an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thought {
    /// What may be read of it, perhaps nothing.
    pub text: String,
    /// Its maker's proof.
    pub seal: Option<Seal>,
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The id its result refers to (`tool_use.id`, `tool_calls[].id`, `call_id`).
    pub id: String,
    /// The tool's name as the client knows it.
    pub name: String,
    /// The namespace the client's tool stands in (Responses).
    pub namespace: Option<String>,
    /// Whether `input` is JSON or free text.
    pub kind: ToolKind,
    /// A function's arguments as JSON text, a custom tool's input as it is.
    pub input: String,
}

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// The model was done.
    #[default]
    End,
    /// The limit of output tokens, or the context window.
    MaxTokens,
    /// A stop sequence of the client, where the upstream says which.
    StopSequence(Option<String>),
    /// Tools are to be run.
    ToolUse,
    /// Refused or filtered.
    Refusal,
}

impl Stop {
    /// The reason, given whether the answer holds tool calls: some upstreams say `stop` beside them, and an agent
    /// that believes it ends its work.
    pub fn with_calls(self, calls: bool) -> Self {
        if calls && self == Self::End { Self::ToolUse } else { self }
    }
}
