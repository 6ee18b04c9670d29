//! Writing tools and how they are to be used.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::translation::hub::{
    CannotCarry, Choice, Request, Tool, ToolKind, ToolNames, ToolSchema, grammar_rule, is_strict, one_input,
};

/// Writes `tools`, `tool_choice` and `parallel_tool_calls`; without tools none of them.
///
/// # Errors
/// Names a tool that no provider takes.
pub(super) fn write_tools(request: &mut Request, names: &ToolNames, body: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    let tools = std::mem::take(&mut request.tools);
    let choice = request.choice.take().map(|choice| write_choice(choice, &tools, names));
    let parallel = request.parallel_calls.take();
    if tools.is_empty() {
        return Ok(());
    }
    let tools = tools.into_iter().map(|tool| write_tool(tool, names)).collect::<Result<_, _>>()?;
    body.insert("tools".to_owned(), tools);
    if let Some(choice) = choice {
        body.insert("tool_choice".to_owned(), choice);
    }
    if let Some(parallel) = parallel {
        body.insert("parallel_tool_calls".to_owned(), Value::Bool(parallel));
    }
    Ok(())
}

fn write_tool(tool: Tool, names: &ToolNames) -> Result<Value, CannotCarry> {
    let mut function = Map::new();
    function.insert("name".to_owned(), Value::String(names.upstream(&tool.name, tool.namespace.as_deref())));
    let (description, parameters) = match tool.kind {
        ToolKind::Function => {
            let ToolSchema { schema, told } = tool.mended_schema()?;
            (tool.described(told), schema)
        }
        ToolKind::Custom => (with_grammar(tool.description, tool.grammar.as_ref()), one_input()),
    };
    if let Some(description) = description {
        function.insert("description".to_owned(), Value::String(description));
    }
    let strict = tool.strict == Some(true) && is_strict(&parameters);
    function.insert("parameters".to_owned(), parameters);
    if strict {
        function.insert("strict".to_owned(), Value::Bool(true));
    }
    Ok(json!({"type": "function", "function": function}))
}

/// A grammar that the upstream cannot enforce is at least said.
fn with_grammar(description: Option<String>, grammar: Option<&Value>) -> Option<String> {
    let Some(rule) = grammar_rule(grammar, "lark") else { return description };
    Some(description.map_or_else(|| rule.clone(), |description| format!("{description}\n\n{rule}")))
}

fn write_choice(choice: Choice, tools: &[Tool], names: &ToolNames) -> Value {
    let one =
        |name: &str, namespace: Option<&str>| json!({"type": "function", "function": {"name": names.upstream(name, namespace)}});
    match choice {
        Choice::Auto => json!("auto"),
        Choice::None => json!("none"),
        Choice::Required => json!("required"),
        Choice::Named { name, namespace } => one(&name, namespace.as_deref()),
        Choice::Allowed { required, names: allowed } => {
            let mode = if required { "required" } else { "auto" };
            // In reverse, so that the first of a name is found.
            let spaces: HashMap<&str, Option<&str>> =
                tools.iter().rev().map(|tool| (tool.name.as_str(), tool.namespace.as_deref())).collect();
            let namespace = |name: &str| spaces.get(name).copied().flatten();
            let allowed: Vec<Value> = allowed.iter().map(|name| one(name, namespace(name))).collect();
            json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": allowed}})
        }
    }
}
