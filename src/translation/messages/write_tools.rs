//! Writing tools and how they are to be used.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::translation::hub::{
    CannotCarry, Choice, Request, Tool, ToolKind, ToolNames, ToolSchema, closed, grammar_rule, is_strict, one_input,
};

/// Longest name of a property that Claude takes.
const MOST_KEY_BYTES: usize = 64;

/// The tools to send: all, or those the client allows.
///
/// # Errors
/// Names a tool that Claude does not take.
pub fn tools(request: &Request, names: &ToolNames, model: &str) -> Result<Vec<Value>, CannotCarry> {
    let allowed: Option<HashSet<&str>> = match &request.choice {
        Some(Choice::Allowed { names, .. }) => Some(names.iter().map(String::as_str).collect()),
        _ => None,
    };
    let is_allowed = |tool: &&Tool| allowed.as_ref().is_none_or(|names| names.contains(tool.name.as_str()));
    request.tools.iter().filter(is_allowed).map(|tool| write_tool(tool, names, model)).collect()
}

fn write_tool(tool: &Tool, names: &ToolNames, model: &str) -> Result<Value, CannotCarry> {
    let mut written = Map::new();
    written.insert("name".to_owned(), json!(names.upstream(&tool.name, tool.namespace.as_deref())));
    let (mut schema, told) = match tool.kind {
        ToolKind::Function => {
            let ToolSchema { schema, told } = tool.mended_schema()?;
            if model.contains("claude-") {
                check_keys(tool, &schema)?;
            }
            (schema, told)
        }
        ToolKind::Custom => (one_input(), None),
    };
    if let Some(description) = description(tool, told) {
        written.insert("description".to_owned(), json!(description));
    }
    if tool.strict == Some(true) && tool.kind == ToolKind::Function && is_strict(&schema) {
        written.insert("strict".to_owned(), json!(true));
        schema = closed(schema);
    }
    written.insert("input_schema".to_owned(), schema);
    Ok(Value::Object(written))
}

/// Claude takes no other names of properties at the top ("Property keys should match pattern").
fn check_keys(tool: &Tool, schema: &Value) -> Result<(), CannotCarry> {
    let is_taken = |key: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        (1..=MOST_KEY_BYTES).contains(&key.len()) && key.bytes().all(fits)
    };
    let refused = schema["properties"].as_object().and_then(|named| named.keys().find(|key| !is_taken(key)));
    let Some(key) = refused else { return Ok(()) };
    let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(64).collect::<String>();
    let (name, key) = (shown(&tool.name), shown(key));
    let problem = "Claude takes names of up to 64 letters, digits, `_`, `.` and `-` alone";
    Err(CannotCarry::new("tools", format_args!("the tool `{name}` has a property `{key}`; {problem}")))
}

/// The description; a custom tool's grammar stands in it, since there is no field for that.
fn description(tool: &Tool, told: Option<String>) -> Option<String> {
    let grammar = grammar_rule(tool.grammar.as_ref(), "following");
    let parts: Vec<String> =
        tool.description.clone().into_iter().chain(grammar).chain(told).filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// `tool_choice`; only where there are tools.
pub fn choice(request: &Request, names: &ToolNames) -> Option<Value> {
    let mut written = match &request.choice {
        Some(Choice::None) => return Some(json!({"type": "none"})),
        None if request.parallel_calls.is_none() => return None,
        None | Some(Choice::Auto | Choice::Allowed { required: false, .. }) => json!({"type": "auto"}),
        Some(Choice::Required | Choice::Allowed { required: true, .. }) => json!({"type": "any"}),
        Some(Choice::Named { name, namespace }) => {
            json!({"type": "tool", "name": names.upstream(name, namespace.as_deref())})
        }
    };
    if let Some(parallel) = request.parallel_calls {
        written["disable_parallel_tool_use"] = json!(!parallel);
    }
    Some(written)
}

/// Whether a call is forced, which thinking does not go with.
pub fn is_forced(choice: Option<&Value>) -> bool {
    choice.is_some_and(|choice| choice["type"] == "any" || choice["type"] == "tool")
}
