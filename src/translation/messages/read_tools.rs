//! Reading tools and how they are to be used.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::parts::note_cache_mark;
use super::wire;
use crate::translation::hub::{CannotCarry, Choice, LeftOut, Tool, ToolKind};
use crate::translation::json::parse_at;

/// The tools of a request.
#[derive(Default)]
pub struct Tools {
    /// Those the client runs.
    pub client: Vec<Tool>,
    /// Names of those that Anthropic defines or runs.
    pub hosted: HashSet<String>,
}

/// Reads `tools`.
///
/// # Errors
/// When none of them is known to another provider, or one is malformed.
pub fn tools(tools: Vec<Value>, left_out: &mut LeftOut) -> Result<Tools, CannotCarry> {
    let mut read = Tools::default();
    let offered = tools.len();
    for (at, tool) in tools.into_iter().enumerate() {
        note_cache_mark(&tool, left_out);
        match tool.get("type").and_then(Value::as_str) {
            None | Some("custom") => read.client.push(client_tool(&format!("tools[{at}]"), tool, left_out)?),
            Some(kind) => {
                left_out.note(&format!("tools.{kind}"));
                read.hosted.extend(tool.get("name").and_then(Value::as_str).map(str::to_owned));
            }
        }
    }
    if offered > 0 && read.client.is_empty() {
        return Err(CannotCarry::new("tools", "tools that only Anthropic defines cannot be offered by another provider"));
    }
    Ok(read)
}

fn client_tool(path: &str, tool: Value, left_out: &mut LeftOut) -> Result<Tool, CannotCarry> {
    let tool: wire::Tool = parse_at(path, tool)?;
    for name in ["defer_loading", "input_examples", "allowed_callers"] {
        if tool.rest.get(name).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false))) {
            left_out.note(name);
        }
    }
    Ok(Tool {
        name: tool.name,
        namespace: None,
        description: tool.description,
        kind: ToolKind::Function,
        schema: tool.input_schema.unwrap_or_else(|| json!({"type": "object", "properties": {}})),
        strict: tool.strict,
        grammar: None,
    })
}

/// Reads `tool_choice`: the choice, and whether several calls at once are wanted.
///
/// # Errors
/// When it names a tool that only Anthropic defines.
pub fn choice(choice: Value, hosted: &HashSet<String>) -> Result<(Choice, Option<bool>), CannotCarry> {
    Ok(match wire::tagged("tool_choice", choice)? {
        wire::ToolChoice::Auto { disable_parallel_tool_use } => (Choice::Auto, disable_parallel_tool_use.map(|no| !no)),
        wire::ToolChoice::Any { disable_parallel_tool_use } => (Choice::Required, disable_parallel_tool_use.map(|no| !no)),
        wire::ToolChoice::Tool { name, disable_parallel_tool_use } => {
            if hosted.contains(&name) {
                return Err(CannotCarry::new("tool_choice", "it names a tool that only Anthropic defines"));
            }
            (Choice::Named { name, namespace: None }, disable_parallel_tool_use.map(|no| !no))
        }
        wire::ToolChoice::None => (Choice::None, None),
    })
}
