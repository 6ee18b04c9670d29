//! `functions`, `function_call` and the role `function`, which tools have replaced, told as tools.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire;
use crate::translation::hub::CannotCarry;
use crate::translation::json::parse_at;

#[derive(Deserialize)]
struct Chosen {
    name: String,
}

/// Turns a request's functions into tools; gives whether its answer is to have the old shape, which holds one call.
///
/// # Errors
/// Names what is not as the API has it.
pub(super) fn as_tools(request: &mut wire::Request) -> Result<bool, CannotCarry> {
    let functions: Vec<wire::Function> = match request.rest.shift_remove("functions") {
        None | Some(Value::Null) => Vec::new(),
        Some(functions) => parse_at("functions", functions)?,
    };
    let choice = request.rest.shift_remove("function_call").filter(|choice| !choice.is_null());
    calls_as_tool_calls(&mut request.messages)?;
    if functions.is_empty() {
        return Ok(false);
    }
    let tool = |function| wire::Tool {
        kind: "function".to_owned(),
        function: Some(function),
        custom: None,
        rest: serde_json::Map::new(),
    };
    request.tools.get_or_insert_default().extend(functions.into_iter().map(tool));
    if let Some(choice) = choice {
        request.tool_choice = Some(match choice {
            Value::String(word) => Value::String(word),
            named => {
                let Chosen { name } = parse_at("function_call", named)?;
                json!({"type": "function", "function": {"name": name}})
            }
        });
    }
    request.parallel_tool_calls = Some(false);
    Ok(true)
}

/// The history's calls and their results. They have no ids: a result belongs to the last call of its name.
fn calls_as_tool_calls(messages: &mut [wire::Message]) -> Result<(), CannotCarry> {
    let mut last: HashMap<String, String> = HashMap::new();
    for (at, message) in messages.iter_mut().enumerate() {
        if let Some(call) = message.rest.shift_remove("function_call").filter(|call| !call.is_null()) {
            let function: wire::CalledFunction = parse_at(&format!("messages[{at}].function_call"), call)?;
            let id = format!("call_function_{at}");
            last.insert(function.name.clone(), id.clone());
            let call = wire::ToolCall { id, kind: None, function: Some(function), custom: None };
            message.tool_calls.get_or_insert_default().push(call);
        }
        if message.role == "function" {
            let name = message.rest.shift_remove("name");
            let id = name.as_ref().and_then(Value::as_str).and_then(|name| last.get(name)).cloned();
            let lost = || CannotCarry::new(format!("messages[{at}].name"), "No call of this function stands before its result");
            message.tool_call_id = Some(id.ok_or_else(lost)?);
            "tool".clone_into(&mut message.role);
        }
    }
    Ok(())
}
