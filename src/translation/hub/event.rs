//! A stream's events.

use super::answer::Stop;
use super::request::ToolKind;
use super::seal::Seal;

/// One step of a streamed answer. Blocks are numbered from 0 in order of their opening; a reader opens each once,
/// fills it, closes it once, and closes all before [`Event::Stop`]. Blocks may be open side by side (Chat
/// Completions and Responses allow it); the writer for Messages puts them in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The answer has begun. Once, first.
    Start {
        /// The upstream's id for it; empty when it has none.
        id: String,
    },
    /// A block opens.
    Open {
        /// Its number.
        block: usize,
        /// What it is.
        opening: Opening,
    },
    /// More of a block: text, thinking, JSON of arguments, or a custom tool's input.
    More {
        /// Its number.
        block: usize,
        /// The piece; never empty.
        text: String,
    },
    /// A thought's proof, before its block closes.
    Seal {
        /// Its number.
        block: usize,
        /// The proof. A writer that needs the thought's words takes them from the seal.
        seal: Seal,
    },
    /// A block closes.
    Close {
        /// Its number.
        block: usize,
    },
    /// Why the answer ended. Once, after all blocks.
    Stop(Stop),
    /// The upstream broke off with an error of its own; nothing but [`Event::End`] follows.
    Error {
        /// The upstream's message.
        message: String,
        /// The HTTP status its kind of error usually has.
        status: u16,
    },
    /// The stream is at its end. Once, last; usage is complete by now.
    End,
}

/// What opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Text for the reader.
    Text,
    /// A refusal in words.
    Refusal,
    /// Thinking.
    Thought,
    /// A tool call.
    Call {
        /// The id its result refers to.
        id: String,
        /// The tool's name as the client knows it.
        name: String,
        /// The namespace the client's tool stands in (Responses).
        namespace: Option<String>,
        /// Whether the pieces are JSON or free text.
        kind: ToolKind,
    },
}
