//! Reading messages: what was said so far.

use std::collections::HashSet;

use serde_json::Value;

use super::wire::{Block, Message, blocks, tagged};
use super::{arguments, parts};
use crate::translation::hub::{
    Block as Said, Call, CannotCarry, Item, LeftOut, Part, Seal, Thought, ToolKind, ToolResult, Voice,
};

/// How the first block of Claude Code's prompt begins.
const BILLING_LINE: &str = "x-anthropic-billing-header:";

/// Reads messages into items.
pub struct History<'a> {
    /// What was said.
    pub items: Vec<Item>,
    /// What is left out.
    pub left_out: &'a mut LeftOut,
    /// Names of offered tools that the provider runs or knows by type.
    pub hosted: &'a HashSet<String>,
}

impl History<'_> {
    /// Reads `system`: one instruction at the beginning.
    ///
    /// # Errors
    /// Names what is no text.
    pub fn system(&mut self, mut system: Value) -> Result<(), CannotCarry> {
        drop_billing_line(&mut system);
        self.instruction("system", system)
    }

    fn instruction(&mut self, path: &str, content: Value) -> Result<(), CannotCarry> {
        let texts = parts::texts(path, content, self.left_out)?;
        if !texts.is_empty() {
            self.items.push(Item::Instruction { voice: Voice::System, texts });
        }
        Ok(())
    }

    /// Reads one message.
    ///
    /// # Errors
    /// Names what has no equivalent.
    pub fn message(&mut self, at: usize, message: Message) -> Result<(), CannotCarry> {
        let path = format!("messages[{at}].content");
        match message.role.as_str() {
            "user" => self.user(&path, message.content),
            "assistant" => self.assistant(&path, message.content),
            "system" => self.instruction(&path, message.content),
            _ => Err(CannotCarry::new(format!("messages[{at}].role"), "Input should be 'user', 'assistant' or 'system'")),
        }
    }

    fn user(&mut self, path: &str, content: Value) -> Result<(), CannotCarry> {
        let mut said: Vec<Part> = Vec::new();
        for (at, block) in blocks(path, content)?.into_iter().enumerate() {
            let path = format!("{path}[{at}]");
            parts::note_cache_mark(&block, self.left_out);
            match tagged(&path, block)? {
                Block::ToolResult { tool_use_id, content, is_error } => {
                    self.flush(&mut said);
                    let parts = self.result(&format!("{path}.content"), content)?;
                    self.items.push(Item::Result(ToolResult {
                        call_id: tool_use_id,
                        kind: ToolKind::Function,
                        parts,
                        is_error: is_error.unwrap_or(false),
                    }));
                }
                block => said.extend(parts::read(&path, block, self.left_out)?),
            }
        }
        self.flush(&mut said);
        Ok(())
    }

    fn flush(&mut self, said: &mut Vec<Part>) {
        if !said.is_empty() {
            self.items.push(Item::User(std::mem::take(said)));
        }
    }

    fn result(&mut self, path: &str, content: Value) -> Result<Vec<Part>, CannotCarry> {
        let mut result = Vec::new();
        for (at, block) in blocks(path, content)?.into_iter().enumerate() {
            let path = format!("{path}[{at}]");
            parts::note_cache_mark(&block, self.left_out);
            let block = tagged(&path, block)?;
            result.extend(parts::read(&path, block, self.left_out)?);
        }
        Ok(result)
    }

    fn assistant(&mut self, path: &str, content: Value) -> Result<(), CannotCarry> {
        for (at, block) in blocks(path, content)?.into_iter().enumerate() {
            let path = format!("{path}[{at}]");
            parts::note_cache_mark(&block, self.left_out);
            let said = match tagged(&path, block)? {
                Block::Text { text } if text.is_empty() => None,
                Block::Text { text } => Some(Said::Text(text)),
                Block::Thinking { thinking, signature } => replayed(thinking, signature).map(Said::Thought),
                Block::RedactedThinking { data } => Some(Said::Thought(match Seal::unpack(&data) {
                    Some(seal) => Thought { text: String::new(), seal: Some(seal) },
                    None => redacted(data),
                })),
                Block::ToolUse { id, name, input } => Some(Said::Call(self.call(&path, id, name, &input)?)),
                _ => return Err(CannotCarry::new(path, "this type of block does not belong to the assistant")),
            };
            self.items.extend(said.map(Item::Assistant));
        }
        Ok(())
    }

    fn call(&self, path: &str, id: String, name: String, input: &Value) -> Result<Call, CannotCarry> {
        if self.hosted.contains(&name) {
            return Err(CannotCarry::new(path, "a call of a tool that only Anthropic defines cannot be told another provider"));
        }
        Ok(Call { id, name, namespace: None, kind: ToolKind::Function, input: arguments::text(input) })
    }
}

/// Takes the line away that Claude Code puts before its prompt for Anthropic's own accounts. It says nothing to a model and is
/// another one in each request, so that no provider's cache of prompts would ever hit.
fn drop_billing_line(system: &mut Value) {
    let text = match system {
        Value::Array(blocks) => blocks.first_mut().and_then(|block| block.get_mut("text")),
        text => Some(text),
    };
    let Some(Value::String(text)) = text else { return };
    if text.trim_start().starts_with(BILLING_LINE) {
        let rest = text.trim_start().split_once('\n').map_or_else(String::new, |(_, rest)| rest.trim_start().to_owned());
        *text = rest;
    }
}

/// A thinking block of the history: another protocol's proof that was packed into the signature, else Claude's own.
fn replayed(thinking: String, signature: Option<String>) -> Option<Thought> {
    match signature.as_deref().and_then(Seal::unpack) {
        Some(seal) => Some(Thought { text: thinking, seal: Some(seal) }),
        None => thought(thinking, signature),
    }
}

/// A thinking block with Claude's own signature, or without any.
pub fn thought(thinking: String, signature: Option<String>) -> Option<Thought> {
    match signature.filter(|signature| !signature.is_empty()) {
        Some(signature) => Some(Thought { text: thinking.clone(), seal: Some(Seal::Signature { thinking, signature }) }),
        None if thinking.is_empty() => None,
        None => Some(Thought { text: thinking, seal: None }),
    }
}

/// A redacted thinking block.
pub fn redacted(data: String) -> Thought {
    Thought { text: String::new(), seal: Some(Seal::Redacted { data }) }
}
