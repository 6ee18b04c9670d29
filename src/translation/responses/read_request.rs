//! Reads a client's request.

use actors::vocabulary::Protocol;
use serde_json::{Map, Value};

use super::wire::{self, Body, kind_of};
use super::{read_items, read_tools};
use crate::translation::hub::{CannotCarry, Effort, Format, Item, Reasoning, Request, Voice};
use crate::translation::json::{parse_at, parse_value};

/// Reads the body of `POST /v1/responses`, its references resolved.
///
/// # Errors
/// Names the first field whose meaning no other protocol can carry, or that is not as the API has it.
pub fn read_request(body: Value) -> Result<Request, CannotCarry> {
    let body: Body = parse_value(body)?;
    refuse_what_is_stored(&body)?;
    refuse_what_no_answer_can_hold(&body)?;
    let mut request = Request::new(Protocol::Responses);
    request.stream = body.stream.unwrap_or(false);
    if let Some(instructions) = body.instructions.filter(|text| !text.is_empty()) {
        request.items.push(Item::Instruction { voice: Voice::System, texts: vec![instructions] });
    }
    let mut offered = read_tools::Offered::default();
    offered.add_all("tools", body.tools.unwrap_or_default(), &mut request)?;
    read_items::read(body.input, &mut request, &mut offered)?;
    offered.check()?;
    request.choice = body.tool_choice.map_or(Ok(None), |choice| read_tools::choice(choice, &mut request))?;
    request.parallel_calls = body.parallel_tool_calls;
    request.max_output = body.max_output_tokens;
    request.temperature = body.temperature;
    request.top_p = body.top_p;
    request.reasoning = body.reasoning.map_or(Ok(None), |wanted| reasoning(wanted, &mut request))?;
    if let Some(text) = body.text {
        request.format = text.format.map_or(Ok(None), format)?;
        note_all("text", &text.rest, &mut request);
        hint("verbosity", text.verbosity.unwrap_or_default(), &mut request);
    }
    if let Some(user) = &body.user {
        hint("user", Value::from(user.as_str()), &mut request);
    }
    request.user = body.safety_identifier.or(body.user);
    for (name, value) in body.rest {
        if !is_neutral(&name, &value) {
            hint(&name, value, &mut request);
        }
    }
    Ok(request)
}

/// Fields that need responses kept somewhere.
fn refuse_what_is_stored(body: &Body) -> Result<(), CannotCarry> {
    let fields = [
        ("conversation", body.conversation.is_some()),
        ("background", body.background == Some(true)),
        ("prompt", body.prompt.is_some()),
    ];
    match fields.into_iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((field, _)) => Err(CannotCarry::new(
            field,
            format_args!(
                "{field} is not available on this model: its channel speaks another protocol and responses are not stored here"
            ),
        )),
    }
}

/// Log probabilities, and the verdicts of a safety check that the client relies on.
fn refuse_what_no_answer_can_hold(body: &Body) -> Result<(), CannotCarry> {
    if body.rest.get("moderation").is_some_and(|wanted| !wanted.is_null()) {
        let problem = "Moderation is not available on this model: its channel speaks another protocol";
        return Err(CannotCarry::new("moderation", problem));
    }
    let problem = "Log probabilities are not available on this model: its channel speaks another protocol";
    if body.include.iter().flatten().any(|wanted| wanted == "message.output_text.logprobs") {
        return Err(CannotCarry::new("include", problem));
    }
    if body.top_logprobs.is_some_and(|count| count > 0) {
        return Err(CannotCarry::new("top_logprobs", problem));
    }
    Ok(())
}

fn reasoning(wanted: wire::Reasoning, request: &mut Request) -> Result<Option<Reasoning>, CannotCarry> {
    note_all("reasoning", &wanted.rest, request);
    let mut reasoning = Reasoning { summary: wanted.summary.or(wanted.generate_summary), ..Reasoning::default() };
    reasoning.summary = reasoning.summary.filter(|summary| summary != "none");
    match wanted.effort.as_deref() {
        None => {}
        Some("none") => reasoning.off = true,
        Some(name) => {
            let problem = "Input should be 'none', 'minimal', 'low', 'medium', 'high', 'xhigh' or 'max'";
            reasoning.effort = Some(Effort::parse(name).ok_or_else(|| CannotCarry::new("reasoning.effort", problem))?);
        }
    }
    Ok(Some(reasoning).filter(|reasoning| *reasoning != Reasoning::default()))
}

fn format(format: Value) -> Result<Option<Format>, CannotCarry> {
    match kind_of(&format) {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::JsonObject)),
        "json_schema" => {
            let wire::JsonSchema { name, description, schema, strict } = parse_at("text.format", format)?;
            Ok(Some(Format::JsonSchema { name, description, schema, strict }))
        }
        _ => Err(CannotCarry::new("text.format.type", "Input should be 'text', 'json_object' or 'json_schema'")),
    }
}

/// Names the fields of an object that have no place in the middle.
fn note_all(object: &str, rest: &Map<String, Value>, request: &mut Request) {
    for (name, value) in rest {
        if !value.is_null() {
            request.left_out.note(&format!("{object}.{name}"));
        }
    }
}

fn hint(name: &str, value: Value, request: &mut Request) {
    if !value.is_null() {
        request.hints.insert(name.to_owned(), value);
    }
}

/// Fields that ask for nothing but what happens anyway.
fn is_neutral(name: &str, value: &Value) -> bool {
    match name {
        "model" | "stream_options" => true,
        "metadata" | "client_metadata" => value.as_object().is_some_and(Map::is_empty),
        "truncation" => value == "disabled",
        _ => value.is_null(),
    }
}
