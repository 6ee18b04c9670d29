//! Writing a request for an upstream.

use actors::vocabulary::Protocol;
use serde_json::{Map, Value, json};

use super::{write_messages, write_tools};
use crate::translation::hub::{
    CannotCarry, Effort, Field, Format, IdRule, Request, ToolNames, Written, is_strict, maker, mended, reasons,
    takes_completion_limit, takes_effort, write_openai_sampling,
};

/// Hints the two OpenAI protocols share.
const SHARED_HINTS: [&str; 7] =
    ["service_tier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "store", "user", "verbosity"];
/// Most stop sequences the API takes.
const MOST_STOPS: usize = 4;
/// Longest `safety_identifier` the API takes.
const MOST_USER_CHARS: usize = 64;

/// Writes the body for an upstream that is asked for `model`. A stream is asked for its usage, too.
///
/// # Errors
/// What has meaning and no place in this protocol.
pub fn write_request(mut request: Request, model: &str) -> Result<Written, CannotCarry> {
    request.clamp_output(model);
    let rule = match maker(model).as_str() {
        "mistral" => IdRule::Mistral,
        "openai" => IdRule::OpenAiChat,
        _ => IdRule::OpenAi,
    };
    let names = ToolNames::of(&request, rule, model);
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    let items = std::mem::take(&mut request.items);
    body.insert("messages".to_owned(), write_messages::write_messages(items, &request, &names, model)?);
    write_tools::write_tools(&mut request, &names, &mut body)?;
    let cut = write_sampling(&mut request, model, &mut body);
    if let Some(format) = request.format.take() {
        body.insert("response_format".to_owned(), write_format(format, request.client));
    }
    write_reasoning(&mut request, model, &mut body);
    write_hints(&mut request, &mut body);
    if request.stream {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    request.leave_hints_out();
    Ok(Written { body: Value::Object(body), names, left_out: request.left_out, cut })
}

/// Writes limits, sampling and stop sequences; gives the sequences that are left to the gateway.
fn write_sampling(request: &mut Request, model: &str, body: &mut Map<String, Value>) -> Vec<String> {
    if let Some(limit) = request.max_output {
        let name = if takes_completion_limit(model) { "max_completion_tokens" } else { "max_tokens" };
        body.insert(name.to_owned(), json!(limit));
    }
    write_openai_sampling(request, model, body);
    // OpenAI's models that reason refuse the field.
    let taken = if reasons(model) { 0 } else { MOST_STOPS.min(request.stop.len()) };
    let cut = request.stop.split_off(taken);
    if !request.stop.is_empty() {
        body.insert("stop".to_owned(), json!(request.stop));
    }
    cut
}

fn write_format(format: Format, client: Protocol) -> Value {
    let Format::JsonSchema { name, description, schema, strict } = format else {
        return json!({"type": "json_object"});
    };
    // Claude's schemas always bind; OpenAI's strict mode takes fewer of them.
    let strict = if client == Protocol::Messages { Some(is_strict(&schema)) } else { strict };
    let mut inner = Map::new();
    inner.insert("name".to_owned(), json!(name.as_deref().unwrap_or("output")));
    if let Some(description) = description {
        inner.insert("description".to_owned(), Value::String(description));
    }
    inner.insert("schema".to_owned(), mended(&schema));
    if let Some(strict) = strict {
        inner.insert("strict".to_owned(), Value::Bool(strict));
    }
    json!({"type": "json_schema", "json_schema": inner})
}

fn write_reasoning(request: &mut Request, model: &str, body: &mut Map<String, Value>) {
    let Some(reasoning) = request.reasoning.take() else { return };
    let is_openai = request.client != Protocol::Messages;
    if is_openai && reasoning.summary.is_some() {
        request.left_out.note("reasoning.summary");
    }
    let effort = match reasoning.effort.or(reasoning.budget.map(Effort::of_budget)) {
        // To Claude's clients `disabled` is what happens anyway; only newer OpenAI models know `none`.
        _ if reasoning.off => is_openai.then_some("none"),
        effort => effort.map(Effort::as_str),
    };
    let Some(effort) = effort else { return };
    if takes_effort(model) {
        body.insert("reasoning_effort".to_owned(), json!(effort));
    } else {
        request.left_out.note(request.name_of(Field::Reasoning));
    }
}

/// Writes who the end user is, and the hints of a client that speaks OpenAI's other protocol. Claude's hints may have
/// the same names and mean something else.
fn write_hints(request: &mut Request, body: &mut Map<String, Value>) {
    if request.client != Protocol::Messages {
        for name in SHARED_HINTS {
            if let Some(value) = request.take_hint(name) {
                body.insert(name.to_owned(), value);
            }
        }
        // The API takes metadata of stored completions only.
        if body.get("store") == Some(&Value::Bool(true)) {
            body.extend(request.take_hint("metadata").map(|metadata| ("metadata".to_owned(), metadata)));
        }
    }
    let Some(user) = request.user.take() else { return };
    if body.get("user").is_some_and(|written| *written == user) {
        return;
    }
    if user.chars().count() <= MOST_USER_CHARS {
        body.insert("safety_identifier".to_owned(), Value::String(user));
    } else {
        request.left_out.note(request.name_of(Field::User));
    }
}
