//! Reading a client's request.

use actors::vocabulary::Protocol;
use serde_json::{Value, json};

use super::{old_functions, read_messages, read_tools, wire};
use crate::translation::hub::{CannotCarry, Effort, Format, Reasoning, Request};
use crate::translation::json;

/// Fields that change what the answer means and that no other protocol knows, with what to say of them.
const NOT_CARRIED: [(&str, &str); 2] = [
    ("audio", "Audio output cannot be carried to this channel"),
    ("moderation", "Moderation by the provider cannot be carried to this channel"),
];

/// Most choices asked for: each is an answer of its own from a channel that gives one.
const MOST_CHOICES: i64 = 8;

/// Reads a request's body.
///
/// # Errors
/// A field that is not what the API documents, or whose meaning no other protocol can hold.
pub fn read_request(body: &[u8]) -> Result<Request, CannotCarry> {
    let mut wire: wire::Request = json::parse(body)?;
    refuse_foreign_meaning(&mut wire)?;
    let mut request = Request::new(Protocol::ChatCompletions);
    request.old_functions = old_functions::as_tools(&mut wire)?;
    request.choices = wire.n.unwrap_or(1);
    request.stream = wire.stream == Some(true);
    request.parallel_calls = wire.parallel_tool_calls;
    request.max_output = wire.max_completion_tokens.or(wire.max_tokens);
    request.temperature = wire.temperature;
    request.top_p = wire.top_p;
    request.stop = wire.stop.map(read_stop).transpose()?.unwrap_or_default();
    request.format = wire.response_format.map(read_format).transpose()?.flatten();
    request.reasoning = wire.reasoning_effort.as_deref().map(read_effort).transpose()?;
    request.hints = wire.rest.into_iter().filter(|(name, value)| !is_neutral(name, value)).collect();
    if let Some(user) = &wire.user {
        request.hints.insert("user".to_owned(), json!(user));
    }
    request.user = wire.safety_identifier.or(wire.user);
    read_tools::read_tools(wire.tools, wire.tool_choice, wire.web_search_options, &mut request)?;
    read_messages::read_messages(wire.messages, &mut request)?;
    Ok(request)
}

/// Refuses what would change the answer's meaning if it were left out, and takes its neutral values away.
fn refuse_foreign_meaning(wire: &mut wire::Request) -> Result<(), CannotCarry> {
    for (field, problem) in NOT_CARRIED {
        let value = wire.rest.shift_remove(field);
        if value.is_some_and(|value| !value.is_null() && value != json!([])) {
            return Err(CannotCarry::new(field, problem));
        }
    }
    if wire.n.is_some_and(|n| !(1..=MOST_CHOICES).contains(&n)) {
        return Err(CannotCarry::new("n", format_args!("Input should be 1 to {MOST_CHOICES} on this model's channel")));
    }
    if wire.logprobs == Some(true) {
        return Err(CannotCarry::new("logprobs", "Log probabilities cannot be carried to this channel"));
    }
    if wire.top_logprobs.is_some_and(|top| top > 0) {
        return Err(CannotCarry::new("top_logprobs", "Log probabilities cannot be carried to this channel"));
    }
    if wire.modalities.as_ref().is_some_and(|all| all.iter().any(|one| one != "text")) {
        return Err(CannotCarry::new("modalities", "Output other than text cannot be carried to this channel"));
    }
    Ok(())
}

/// Hints that ask for nothing but what happens anyway; many clients write every field.
fn is_neutral(name: &str, value: &Value) -> bool {
    match name {
        "frequency_penalty" | "presence_penalty" => value.is_null() || value.as_f64() == Some(0.0),
        "store" => value.is_null() || value == &json!(false),
        _ => value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty),
    }
}

fn read_stop(stop: Value) -> Result<Vec<String>, CannotCarry> {
    let mut all = match stop {
        Value::String(one) => vec![one],
        many => json::parse_at("stop", many)?,
    };
    all.retain(|one| !one.is_empty());
    Ok(all)
}

fn read_format(format: wire::ResponseFormat) -> Result<Option<Format>, CannotCarry> {
    match (format.kind.as_str(), format.json_schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(Format::JsonObject)),
        ("json_schema", Some(schema)) => Ok(Some(Format::JsonSchema {
            name: Some(schema.name),
            description: schema.description,
            schema: schema.schema.unwrap_or_else(|| json!({"type": "object"})),
            strict: schema.strict,
        })),
        ("json_schema", None) => Err(CannotCarry::new("response_format.json_schema", "Field required: `json_schema`")),
        _ => Err(CannotCarry::new("response_format.type", "Input should be text, json_object or json_schema")),
    }
}

fn read_effort(name: &str) -> Result<Reasoning, CannotCarry> {
    if name == "none" {
        return Ok(Reasoning { off: true, ..Reasoning::default() });
    }
    let effort = Effort::parse(name)
        .ok_or_else(|| CannotCarry::new("reasoning_effort", "Input should be none, minimal, low, medium, high, xhigh or max"))?;
    Ok(Reasoning { effort: Some(effort), ..Reasoning::default() })
}
