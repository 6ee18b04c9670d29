//! Reading tools and how they are to be used.

use serde_json::{Value, json};

use super::wire;
use crate::translation::hub::{CannotCarry, Choice, Request, Tool, ToolKind};
use crate::translation::json::parse_at;

/// Reads `tools`, `tool_choice` and `web_search_options` into `request`. Tools that the provider runs are left out.
pub(super) fn read_tools(
    tools: Option<Vec<wire::Tool>>,
    choice: Option<Value>,
    web_search: Option<Value>,
    request: &mut Request,
) -> Result<(), CannotCarry> {
    let tools = tools.unwrap_or_default();
    let offered = tools.len();
    for (at, tool) in tools.into_iter().enumerate() {
        read_tool(&format!("tools[{at}]"), tool, request)?;
    }
    if offered > 0 && request.tools.is_empty() {
        return Err(CannotCarry::new("tools", "Tools that the provider runs itself cannot be carried to this channel"));
    }
    if web_search.is_some() {
        if request.tools.is_empty() {
            return Err(CannotCarry::new("web_search_options", "The provider's web search cannot be carried to this channel"));
        }
        request.left_out.note("web_search_options");
    }
    request.choice = choice.map(read_choice).transpose()?;
    Ok(())
}

fn read_tool(path: &str, tool: wire::Tool, request: &mut Request) -> Result<(), CannotCarry> {
    let required = |name: &str| CannotCarry::new(format!("{path}.{name}"), format!("Field required: `{name}`"));
    let read = match tool.kind.as_str() {
        "function" => {
            let function = tool.function.ok_or_else(|| required("function"))?;
            let schema = function.parameters.unwrap_or_else(no_parameters);
            Tool { schema, strict: function.strict, ..named(function.name, function.description, ToolKind::Function) }
        }
        "custom" => {
            let custom = tool.custom.ok_or_else(|| required("custom"))?;
            let grammar = custom.format.map(|format| read_grammar(path, format)).transpose()?.flatten();
            Tool { grammar, ..named(custom.name, custom.description, ToolKind::Custom) }
        }
        hosted => {
            request.left_out.note(&format!("tools.{hosted}"));
            return Ok(());
        }
    };
    request.tools.push(read);
    note_rest("tools", &tool.rest, request);
    Ok(())
}

fn named(name: String, description: Option<String>, kind: ToolKind) -> Tool {
    Tool { name, namespace: None, description, kind, schema: no_parameters(), strict: None, grammar: None }
}

fn no_parameters() -> Value {
    json!({"type": "object", "properties": {}})
}

/// A grammar in the hub's flat shape; `None` for plain text.
fn read_grammar(path: &str, format: wire::CustomFormat) -> Result<Option<Value>, CannotCarry> {
    match (format.kind.as_str(), format.grammar) {
        ("text", _) => Ok(None),
        ("grammar", Some(grammar)) => {
            Ok(Some(json!({"type": "grammar", "syntax": grammar.syntax, "definition": grammar.definition})))
        }
        _ => Err(CannotCarry::new(format!("{path}.custom.format"), "Input should be text or a grammar")),
    }
}

fn read_choice(choice: Value) -> Result<Choice, CannotCarry> {
    const FIELD: &str = "tool_choice";
    if let Value::String(word) = &choice {
        return match word.as_str() {
            "auto" => Ok(Choice::Auto),
            "none" => Ok(Choice::None),
            "required" => Ok(Choice::Required),
            _ => Err(CannotCarry::new(FIELD, "Input should be none, auto, required or an object")),
        };
    }
    let choice: wire::ToolChoice = parse_at(FIELD, choice)?;
    if choice.kind == "allowed_tools" {
        let allowed = choice.allowed_tools;
        let allowed = allowed.ok_or_else(|| CannotCarry::new("tool_choice.allowed_tools", "Field required: `allowed_tools`"))?;
        let required = match allowed.mode.as_str() {
            "auto" => false,
            "required" => true,
            _ => return Err(CannotCarry::new("tool_choice.allowed_tools.mode", "Input should be auto or required")),
        };
        let names: Vec<String> = allowed.tools.into_iter().filter_map(name_of).collect();
        if names.is_empty() {
            return Err(CannotCarry::new(
                "tool_choice.allowed_tools.tools",
                "None of these tools can be carried to this channel",
            ));
        }
        return Ok(Choice::Allowed { required, names });
    }
    // What is neither a function nor a custom tool is run by the provider.
    let name = name_of(choice);
    let name = name.ok_or_else(|| CannotCarry::new(FIELD, "Such a tool cannot be forced on this channel"))?;
    Ok(Choice::Named { name, namespace: None })
}

fn name_of(choice: wire::ToolChoice) -> Option<String> {
    match choice.kind.as_str() {
        "function" => choice.function.map(|named| named.name),
        "custom" => choice.custom.map(|named| named.name),
        _ => None,
    }
}

/// Names the fields of a part of the request that nobody knows. Cache marks stand in many places and have one name.
pub(super) fn note_rest(path: &str, rest: &serde_json::Map<String, Value>, request: &mut Request) {
    for (name, value) in rest {
        match name.as_str() {
            _ if value.is_null() => {}
            "cache_control" | "prompt_cache_breakpoint" => request.left_out.note(name),
            _ => request.left_out.note(&format!("{path}.{name}")),
        }
    }
}
