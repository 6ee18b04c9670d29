//! What is going to be said: the parts of an answer and its usage, before any protocol has shaped them.

use std::time::{SystemTime, UNIX_EPOCH};

use super::ask::{Ask, ThinkingAsk};
use super::pieces::Pieces;
use super::reply::{Reply, UsagePlan};
use super::usage::Usage;
use super::wire::base64;

const DEFAULT_TEXT: &str = "Hello from the scripted provider.";
const DEFAULT_THINKING: &str = "The user expects a friendly answer.";
const DEFAULT_ARGUMENTS: &str = r#"{"location":"Paris"}"#;

/// One part of an answer.
#[derive(Debug)]
pub(super) enum Part {
    Thinking { pieces: Pieces, signature: String },
    Text(Pieces),
    Tool { name: String, arguments: String, pieces: Pieces },
}

impl Part {
    pub(super) fn pieces(&self) -> &Pieces {
        match self {
            Self::Thinking { pieces, .. } | Self::Text(pieces) | Self::Tool { pieces, .. } => pieces,
        }
    }

    fn thinking(text: &str, signature: String) -> Self {
        Self::Thinking { pieces: Pieces::words(text), signature }
    }

    fn tool(name: &str, arguments: &str) -> Self {
        Self::Tool { name: name.to_owned(), arguments: arguments.to_owned(), pieces: Pieces::halves(arguments) }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) model: String,
    /// Numbers the answers of this provider; all ids are made of it.
    pub(super) serial: u64,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) parts: Vec<Part>,
    pub(super) usage: Option<Usage>,
}

impl Answer {
    /// Puts together what the reply prescribes and the request asks for.
    pub(super) fn compose(ask: &Ask, reply: &Reply, serial: u64) -> Self {
        let parts = parts(ask, reply);
        let usage = match reply.usage_plan() {
            UsagePlan::Withheld => None,
            UsagePlan::Fixed(usage) => Some(usage),
            UsagePlan::Counted => Some(counted(ask, reply, &parts)),
        };
        Self { model: ask.model.clone(), serial, created: seconds_since_1970(), parts, usage }
    }

    /// Says so many bytes of filler in place of its text.
    pub(super) fn fill(&mut self, bytes: usize) {
        if let Some(text) = self.parts.iter_mut().find(|part| matches!(part, Part::Text(_))) {
            *text = Part::Text(Pieces::Filler(bytes));
        }
    }

    /// Whether the answer ends by calling a tool.
    pub(super) fn calls_a_tool(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Tool { .. }))
    }

    /// The id of the answer or of one of its parts, with the prefix the vendor gives such things.
    pub(super) fn id(&self, prefix: &str, part: usize) -> String {
        part_id(prefix, self.serial, part)
    }
}

/// An id of the usual look: letters and digits, unique within this provider.
pub(super) fn part_id(prefix: &str, serial: u64, part: usize) -> String {
    format!("{prefix}01Mock{part:04}{serial:014}")
}

/// Seconds since 1970.
pub(super) fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|age| age.as_secs()).unwrap_or(0)
}

fn parts(ask: &Ask, reply: &Reply) -> Vec<Part> {
    if reply.is_empty() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    if let Some((text, signature)) = reply.scripted_thinking() {
        parts.push(Part::thinking(text, signature.to_owned()));
    } else if reply.leaves_content_open() && ask.thinking != ThinkingAsk::None {
        let shown = if ask.thinking == ThinkingAsk::Shown { DEFAULT_THINKING } else { "" };
        parts.push(Part::thinking(shown, base64(b"a signature of the scripted provider")));
    }
    if let Some(pieces) = reply.scripted_text(ask.stream) {
        parts.push(Part::Text(pieces));
    }
    parts.extend(reply.scripted_tools().iter().map(|(name, arguments)| Part::tool(name, arguments)));
    if !parts.iter().any(|part| !matches!(part, Part::Thinking { .. })) {
        parts.push(match &ask.tool {
            Some(tool) => Part::tool(&tool.name, DEFAULT_ARGUMENTS),
            None => Part::Text(Pieces::words(DEFAULT_TEXT)),
        });
    }
    parts
}

fn counted(ask: &Ask, reply: &Reply, parts: &[Part]) -> Usage {
    let pieces = |part: &Part| part.pieces().len() as u64;
    let thinking = parts.iter().filter(|part| matches!(part, Part::Thinking { .. })).map(pieces).sum();
    let output = match reply.padded_to() {
        Some(bytes) => Pieces::Filler(bytes).len() as u64,
        None => parts.iter().map(pieces).sum(),
    };
    Usage { reasoning: thinking, ..Usage::new(ask.input_tokens, output) }
}
