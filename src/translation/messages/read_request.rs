//! Reading a request.

use actors::vocabulary::Protocol;
use serde_json::{Map, Value};

use super::read_history::History;
use super::read_tools;
use super::wire::{Body, Format as WireFormat, Thinking, tagged};
use crate::translation::faults::THREAD;
use crate::translation::hub::{CannotCarry, Effort, Format, LeftOut, Reasoning, Request};
use crate::translation::json::parse;

/// Top-level fields with a neutral value that is no hint.
const NEUTRAL: [(&str, &str); 2] = [("service_tier", "auto"), ("speed", "standard")];

/// Reads a body of `POST /v1/messages` or `/v1/messages/count_tokens`.
///
/// # Errors
/// Names what no other protocol can say.
pub fn read_request(body: &[u8]) -> Result<Request, CannotCarry> {
    let body: Body = parse(body)?;
    if body.rest.get(THREAD).is_some_and(|thread| !thread.is_null()) {
        let problem = "Threads are not available on this model: its channel speaks another protocol and nothing is stored here";
        return Err(CannotCarry::new(THREAD, problem));
    }
    let mut request = Request::new(Protocol::Messages);
    let mut left_out = LeftOut::default();

    let tools = read_tools::tools(body.tools.unwrap_or_default(), &mut left_out)?;
    if let Some(choice) = body.tool_choice {
        let (choice, parallel) = read_tools::choice(choice, &tools.hosted)?;
        (request.choice, request.parallel_calls) = (Some(choice), parallel);
    }
    let mut history = History { items: Vec::new(), left_out: &mut left_out, hosted: &tools.hosted };
    history.system(body.system)?;
    for (at, message) in body.messages.into_iter().enumerate() {
        history.message(at, message)?;
    }
    request.items = history.items;
    request.tools = tools.client;

    let (effort, format) = match body.output_config {
        Some(config) => {
            note_all("output_config", &config.rest, &mut left_out);
            (config.effort, config.format)
        }
        None => (None, None),
    };
    request.reasoning = reasoning(body.thinking, effort, &mut left_out)?;
    request.format = match (format, body.output_format) {
        (Some(value), _) => Some(self::format("output_config.format", value)?),
        (None, Some(value)) => Some(self::format("output_format", value)?),
        (None, None) => None,
    };
    if let Some(metadata) = body.metadata {
        note_all("metadata", &metadata.rest, &mut left_out);
        request.user = metadata.user_id.filter(|user| !user.is_empty());
    }
    request.stream = body.stream.unwrap_or(false);
    request.max_output = body.max_tokens;
    (request.temperature, request.top_p) = (body.temperature, body.top_p);
    request.stop = body.stop_sequences.unwrap_or_default();
    request.hints = hints(body.rest, &mut left_out);
    request.left_out = left_out;
    Ok(request)
}

fn note_all(parent: &str, fields: &Map<String, Value>, left_out: &mut LeftOut) {
    for (name, _) in fields.iter().filter(|(_, value)| !value.is_null()) {
        left_out.note(&format!("{parent}.{name}"));
    }
}

fn hints(mut rest: Map<String, Value>, left_out: &mut LeftOut) -> Map<String, Value> {
    rest.shift_remove("model");
    for (name, neutral) in NEUTRAL {
        if rest.get(name).is_some_and(|value| value == neutral) {
            rest.shift_remove(name);
        }
    }
    // OpenAI has a field of this name with other values.
    if rest.shift_remove("service_tier").is_some_and(|tier| !tier.is_null()) {
        left_out.note("service_tier");
    }
    rest
}

fn format(path: &str, value: Value) -> Result<Format, CannotCarry> {
    let WireFormat::JsonSchema { schema } = tagged(path, value)?;
    Ok(Format::JsonSchema { name: None, description: None, schema, strict: Some(true) })
}

fn reasoning(thinking: Option<Value>, effort: Option<String>, left_out: &mut LeftOut) -> Result<Option<Reasoning>, CannotCarry> {
    if thinking.is_none() && effort.is_none() {
        return Ok(None);
    }
    let mut reasoning = Reasoning::default();
    let shown = |display: Option<String>| (display.as_deref() != Some("omitted")).then(|| "auto".to_owned());
    match thinking.map(|thinking| tagged("thinking", thinking)).transpose()? {
        Some(Thinking::Enabled { budget_tokens, display }) => {
            reasoning.budget = Some(budget_tokens);
            reasoning.summary = shown(display);
        }
        Some(Thinking::Adaptive { display }) => {
            reasoning.adaptive = true;
            reasoning.summary = shown(display);
        }
        Some(Thinking::BetweenTools {}) => {
            reasoning.adaptive = true;
            reasoning.summary = shown(None);
        }
        Some(Thinking::Disabled {}) => reasoning.off = true,
        None => {}
    }
    reasoning.effort = match effort {
        Some(name) => {
            let known = Effort::parse(&name);
            Some(known.ok_or_else(|| CannotCarry::new("output_config.effort", "no such effort is known"))?)
        }
        None => None,
    };
    // Thinking that is off has no effort; Claude's effort shapes the rest of the answer, too.
    if reasoning.off && reasoning.effort.take().is_some() {
        left_out.note("output_config.effort");
    }
    Ok(Some(reasoning))
}
