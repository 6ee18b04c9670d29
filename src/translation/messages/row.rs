//! Blocks that are open side by side, put in a row: this protocol knows one at a time.

use std::collections::VecDeque;

use super::arguments::Growing;
use crate::translation::hub::{Opening, Seal};

/// The block that is being written.
#[derive(Debug)]
pub struct Current {
    /// Its number in the middle.
    pub block: usize,
    /// What it is.
    pub content: Content,
    /// Whether its start was written. Only a call's is written before there is content.
    pub started: bool,
}

/// What is being written.
#[derive(Debug)]
pub enum Content {
    /// Text, or a refusal's words.
    Text,
    /// Thinking.
    Thought,
    /// A call and its arguments.
    Call { id: String, name: String, input: Growing },
}

impl Current {
    /// Of a block that opens.
    pub fn new(block: usize, opening: Opening) -> Self {
        let content = match opening {
            Opening::Text | Opening::Refusal => Content::Text,
            Opening::Thought => Content::Thought,
            Opening::Call { id, name, kind, .. } => Content::Call { id, name, input: Growing::new(kind) },
        };
        Self { block, content, started: false }
    }

    /// Whether another block may take its place already: all but a call whose arguments are incomplete.
    pub fn may_close(&self) -> bool {
        match &self.content {
            Content::Text | Content::Thought => true,
            Content::Call { input, .. } => input.is_complete(),
        }
    }

    /// What opens when more comes of it after it had to close; a call has nothing more to say.
    pub fn reopening(&self) -> Option<Opening> {
        match &self.content {
            Content::Text => Some(Opening::Text),
            Content::Thought => Some(Opening::Thought),
            Content::Call { .. } => None,
        }
    }
}

/// A block that waits for an open call.
#[derive(Debug)]
pub struct Waiting {
    /// Its number in the middle.
    pub block: usize,
    /// What it is.
    pub opening: Opening,
    /// What came of it meanwhile.
    pub text: String,
    /// Its proof, if that came.
    pub seal: Option<Seal>,
    /// Whether it closed meanwhile.
    pub closed: bool,
}

/// The blocks behind the current one.
#[derive(Debug, Default)]
pub struct Row {
    waiting: VecDeque<Waiting>,
    /// Blocks that had to close before their end, and what opens when more comes of them.
    early: Vec<(usize, Opening)>,
}

impl Row {
    /// Puts a block at the end.
    pub fn push(&mut self, block: usize, opening: Opening) {
        self.waiting.push_back(Waiting { block, opening, text: String::new(), seal: None, closed: false });
    }

    /// The next block's turn.
    pub fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A block that waits and is not closed.
    pub fn waiting(&mut self, block: usize) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|waiting| waiting.block == block && !waiting.closed)
    }

    /// Remembers a block that had to close before its end.
    pub fn closed_early(&mut self, current: &Current) {
        self.early.extend(current.reopening().map(|opening| (current.block, opening)));
    }

    /// What opens again for more of a block that had to close.
    pub fn reopen(&mut self, block: usize) -> Option<Opening> {
        let at = self.early.iter().position(|(early, _)| *early == block)?;
        Some(self.early.remove(at).1)
    }

    /// A block is at its end.
    pub fn forget(&mut self, block: usize) {
        self.early.retain(|(early, _)| *early != block);
    }
}
