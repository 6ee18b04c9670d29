//! Writing messages: what was said so far, in the order this API wants it.

use actors::vocabulary::Protocol;
use serde_json::{Value, json};

use super::{arguments, parts};
use crate::translation::hub::{Block, CannotCarry, Item, Request, Seal, Thought, ToolNames, ToolResult};

/// `system` and `messages`.
pub struct History {
    /// The texts of the leading prompts.
    pub system: Vec<String>,
    /// The messages.
    pub messages: Vec<Value>,
}

/// Writes a request's items.
///
/// # Errors
/// What Claude has no block for.
pub fn write(request: &Request, names: &ToolNames, hears_system: bool) -> Result<History, CannotCarry> {
    let field = if request.client == Protocol::Responses { "input" } else { "messages" };
    let leading = request.items.iter().take_while(|item| matches!(item, Item::Instruction { .. })).count();
    let (prompts, said) = request.items.split_at(leading);
    let mut history = History { system: prompts.iter().flat_map(visible_texts).cloned().collect(), messages: Vec::new() };
    for run in said.chunk_by(|one, other| is_assistant(one) == is_assistant(other)) {
        match run.first() {
            Some(Item::Assistant(_)) => history.push("assistant", turn(run, names)),
            _ => history.others(field, run, hears_system, names)?,
        }
    }
    // Prompts alone make no conversation: they are its first message.
    if history.messages.is_empty() {
        let texts = std::mem::take(&mut history.system);
        history.push("user", texts.iter().map(|text| text_block(text)).collect());
    }
    Ok(history)
}

fn is_assistant(item: &Item) -> bool {
    matches!(item, Item::Assistant(_))
}

fn visible_texts(item: &Item) -> impl Iterator<Item = &String> {
    let texts: &[String] = if let Item::Instruction { texts, .. } = item { texts } else { &[] };
    texts.iter().filter(|text| !text.trim().is_empty())
}

fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

impl History {
    /// A message with these blocks; none is no message. A single text is written as a string.
    fn push(&mut self, role: &str, blocks: Vec<Value>) {
        let content = match blocks.as_slice() {
            [] => return,
            [Value::Object(only)] if only.len() == 2 && only.contains_key("text") => only["text"].clone(),
            _ => Value::Array(blocks),
        };
        self.messages.push(json!({"role": role, "content": content}));
    }

    /// What stands between two turns of the assistant. Results come first, since they have to follow their calls; the
    /// first user's message joins them, and prompts join the user's message beside them.
    fn others(&mut self, field: &str, run: &[Item], hears_system: bool, names: &ToolNames) -> Result<(), CannotCarry> {
        let mut open: Vec<Value> = Vec::new();
        for item in run {
            if let Item::Result(result) = item {
                open.push(result_block(field, result, names)?);
            }
        }
        let mut has_user = false;
        let last_user = run.iter().rposition(|item| matches!(item, Item::User(_)));
        for (at, item) in run.iter().enumerate() {
            match item {
                Item::User(said) => {
                    if std::mem::replace(&mut has_user, true) {
                        self.push("user", std::mem::take(&mut open));
                    }
                    open.extend(parts::write(field, said)?);
                }
                Item::Instruction { .. } => {
                    let is_last = last_user.is_none_or(|user| user < at);
                    if hears_system && is_last && (!open.is_empty() || self.ends_with_user()) {
                        self.push("user", std::mem::take(&mut open));
                        let texts = run[at..].iter().flat_map(visible_texts).map(|text| text_block(text)).collect();
                        self.push("system", texts);
                        return Ok(());
                    }
                    open.extend(visible_texts(item).map(|text| reminder(text)));
                }
                Item::Result(_) | Item::Assistant(_) => {}
            }
        }
        self.push("user", open);
        Ok(())
    }

    fn ends_with_user(&self) -> bool {
        self.messages.last().is_some_and(|message| message["role"] == "user")
    }
}

/// A prompt amid the conversation where the model has no place for it, marked the way Claude Code marks its own.
fn reminder(text: &str) -> Value {
    text_block(&format!("<system-reminder>\n{text}\n</system-reminder>"))
}

fn turn(run: &[Item], names: &ToolNames) -> Vec<Value> {
    let blocks = run.iter().filter_map(|item| match item {
        Item::Assistant(block) => Some(block),
        _ => None,
    });
    blocks.filter_map(|block| said(block, names)).collect()
}

fn said(block: &Block, names: &ToolNames) -> Option<Value> {
    match block {
        Block::Text(text) | Block::Refusal(text) => Some(text_block(text)).filter(|_| !text.trim().is_empty()),
        Block::Thought(thought) => own_thought(thought),
        Block::Call(call) => Some(json!({
            "type": "tool_use",
            "id": names.upstream_id(&call.id),
            "name": names.upstream(&call.name, call.namespace.as_deref()),
            "input": arguments::object(call),
        })),
    }
}

/// A thought that Claude itself has sealed; others would be refused.
fn own_thought(thought: &Thought) -> Option<Value> {
    match thought.seal.as_ref()? {
        Seal::Signature { thinking, signature } => {
            Some(json!({"type": "thinking", "thinking": thinking, "signature": signature}))
        }
        Seal::Redacted { data } => Some(json!({"type": "redacted_thinking", "data": data})),
        Seal::Encrypted { .. } | Seal::Reasoning { .. } | Seal::Call { .. } => None,
    }
}

fn result_block(field: &str, result: &ToolResult, names: &ToolNames) -> Result<Value, CannotCarry> {
    let mut block = json!({"type": "tool_result", "tool_use_id": names.upstream_id(&result.call_id)});
    let mut content = parts::write(field, &result.parts)?;
    let is_text = content.len() == 1 && content[0]["type"] == "text";
    if is_text {
        block["content"] = content[0]["text"].take();
    } else if !content.is_empty() {
        block["content"] = Value::Array(content);
    }
    if result.is_error {
        block["is_error"] = json!(true);
    }
    Ok(block)
}
