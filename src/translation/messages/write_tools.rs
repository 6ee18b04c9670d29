//! Writing tools and how they are to be used.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::translation::hub::{Choice, Request, Tool, ToolKind, ToolNames, closed, grammar_rule, is_strict, one_input};

/// The tools to send: all, or those the client allows.
pub fn tools(request: &Request, names: &ToolNames) -> Vec<Value> {
    let allowed: Option<HashSet<&str>> = match &request.choice {
        Some(Choice::Allowed { names, .. }) => Some(names.iter().map(String::as_str).collect()),
        _ => None,
    };
    let is_allowed = |tool: &&Tool| allowed.as_ref().is_none_or(|names| names.contains(tool.name.as_str()));
    request.tools.iter().filter(is_allowed).map(|tool| write_tool(tool, names)).collect()
}

fn write_tool(tool: &Tool, names: &ToolNames) -> Value {
    let mut written = Map::new();
    written.insert("name".to_owned(), json!(names.upstream(&tool.name, tool.namespace.as_deref())));
    if let Some(description) = description(tool) {
        written.insert("description".to_owned(), json!(description));
    }
    let mut schema = match tool.kind {
        ToolKind::Function => with_type(&tool.schema),
        ToolKind::Custom => one_input(),
    };
    if tool.strict == Some(true) && tool.kind == ToolKind::Function && is_strict(&schema) {
        written.insert("strict".to_owned(), json!(true));
        schema = closed(schema);
    }
    written.insert("input_schema".to_owned(), schema);
    Value::Object(written)
}

/// The API wants `"type": "object"` at the top.
fn with_type(schema: &Value) -> Value {
    let mut schema = schema.clone();
    match &mut schema {
        Value::Object(fields) if !fields.contains_key("type") => {
            fields.insert("type".to_owned(), json!("object"));
            schema
        }
        Value::Object(_) => schema,
        _ => json!({"type": "object", "properties": {}}),
    }
}

/// The description; a custom tool's grammar stands in it, since there is no field for that.
fn description(tool: &Tool) -> Option<String> {
    let grammar = grammar_rule(tool.grammar.as_ref(), "following");
    let parts: Vec<String> = tool.description.clone().into_iter().chain(grammar).filter(|part| !part.is_empty()).collect();
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
