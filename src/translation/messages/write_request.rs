//! Writing a request.

use serde_json::{Map, Value, json};

use super::models::{hears_system_midway, thinks_unasked};
use super::{thinking, write_history, write_tools};
use crate::translation::hub::{CannotCarry, Field, Format, IdRule, Request, ToolNames, Written, closed, max_output};

/// Longest `metadata.user_id` (Anthropic's reference).
const MOST_USER_CHARS: usize = 256;
/// What asks for JSON where a tool cannot.
const ONLY_JSON: &str = "Respond with one valid JSON object and nothing else.";

/// Writes a request as Claude takes it, for the upstream's `model`.
///
/// # Errors
/// Names what Claude has no place for.
pub fn write_request(mut request: Request, model: &str) -> Result<Written, CannotCarry> {
    request.clamp_output(model);
    let mut names = ToolNames::of(&request, IdRule::Claude, model);
    let max_tokens = request.max_output.unwrap_or_else(|| max_output(model));
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("model", json!(model));
    put("max_tokens", json!(max_tokens));
    if request.stream {
        put("stream", json!(true));
    }

    let mut history = write_history::write(&request, &names, hears_system_midway(model))?;
    let mut tools = write_tools::tools(&request, &names, model)?;
    let mut choice = if tools.is_empty() { None } else { write_tools::choice(&request, &names) };
    if request.format == Some(Format::JsonObject) {
        if tools.is_empty() && request.reasoning.is_none() && !thinks_unasked(model) {
            let name = names.answer_through("json_object");
            let description = "Give the answer: one JSON object.";
            tools.push(json!({"name": name, "description": description, "input_schema": {"type": "object"}}));
            choice = Some(json!({"type": "tool", "name": name}));
        } else {
            history.system.push(ONLY_JSON.to_owned());
        }
    }
    match history.system.as_slice() {
        [] => {}
        [text] => {
            put("system", json!(text));
        }
        texts => {
            put("system", texts.iter().map(|text| json!({"type": "text", "text": text})).collect());
        }
    }
    put("messages", Value::Array(history.messages));
    let thought = thinking::write(&mut request, model, max_tokens, write_tools::is_forced(choice.as_ref()));
    let tool_fields = [("tools", Some(tools).filter(|tools| !tools.is_empty()).map(Value::Array)), ("tool_choice", choice)];
    for (name, value) in tool_fields {
        if let Some(value) = value {
            put(name, value);
        }
    }
    if let Some(config) = output_config(&request, thought.effort) {
        put("output_config", config);
    }
    thinking::write_sampling(&mut request, model, thought.is_on(), &mut body);
    if let Some(thinking) = thought.thinking {
        body.insert("thinking".to_owned(), thinking);
    }
    let cut = write_stops(&mut request, &mut body);
    write_user(&mut request, &mut body);
    take_neutral_hints(&mut request);
    request.leave_hints_out();
    Ok(Written { body: Value::Object(body), names, left_out: request.left_out, cut })
}

fn output_config(request: &Request, effort: Option<&str>) -> Option<Value> {
    let mut config = Map::new();
    if let Some(effort) = effort {
        config.insert("effort".to_owned(), json!(effort));
    }
    if let Some(Format::JsonSchema { description, schema, .. }) = &request.format {
        let mut schema = closed(schema.clone());
        // Its meaning for the model has no other place.
        if let (Some(description), Value::Object(fields)) = (description, &mut schema) {
            fields.entry("description").or_insert_with(|| json!(description));
        }
        config.insert("format".to_owned(), json!({"type": "json_schema", "schema": schema}));
    }
    (!config.is_empty()).then_some(Value::Object(config))
}

/// Writes the stop sequences; gives those that Claude does not take, white space alone.
fn write_stops(request: &mut Request, body: &mut Map<String, Value>) -> Vec<String> {
    let (cut, taken): (Vec<_>, Vec<_>) = std::mem::take(&mut request.stop).into_iter().partition(|stop| stop.trim().is_empty());
    if !taken.is_empty() {
        body.insert("stop_sequences".to_owned(), json!(taken));
    }
    cut
}

fn write_user(request: &mut Request, body: &mut Map<String, Value>) {
    let Some(user) = request.user.take() else { return };
    if user.chars().count() > MOST_USER_CHARS {
        // OpenAI's `user` is among the hints and named with them.
        if request.hints.get("user").is_none_or(|hint| *hint != user) {
            request.left_out.note(request.name_of(Field::User));
        }
        return;
    }
    // The same words under the client's own names came along.
    for name in ["user", "safety_identifier"] {
        if request.hints.get(name).is_some_and(|hint| *hint == user) {
            request.hints.shift_remove(name);
        }
    }
    body.insert("metadata".to_owned(), json!({ "user_id": user }));
}

/// Hints that ask for what Claude does anyway.
fn take_neutral_hints(request: &mut Request) {
    for (name, neutral) in [("store", json!(false)), ("service_tier", json!("auto"))] {
        if request.hints.get(name) == Some(&neutral) {
            request.hints.shift_remove(name);
        }
    }
}
