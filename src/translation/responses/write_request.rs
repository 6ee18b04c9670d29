//! Writes a request for an upstream.

use std::collections::HashMap;

use actors::vocabulary::Protocol;
use serde_json::{Map, Value, json};

use super::write_items;
use crate::translation::hub::{
    CannotCarry, Choice, Effort, Field, Format, IdRule, Reasoning, Request, Tool, ToolKind, ToolNames, ToolSchema, Written,
    is_strict, mended, takes_effort, write_openai_sampling,
};

/// The least `max_output_tokens` OpenAI takes.
const LEAST_OUTPUT: i64 = 16;
/// Longest `safety_identifier` OpenAI takes, in characters.
const MOST_USER_CHARS: usize = 64;
/// Hints that OpenAI's two protocols share, name and meaning.
const SHARED_HINTS: [&str; 5] =
    ["metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"];

/// Writes a request for the upstream's `model`.
///
/// # Errors
/// Names the client's field that the Responses API has no place for.
pub fn write_request(mut request: Request, model: &str) -> Result<Written, CannotCarry> {
    request.clamp_output(model);
    let names = ToolNames::of(&request, IdRule::OpenAi, model);
    let mut body = Map::new();
    body.insert("model".to_owned(), model.into());
    write_items::write(&mut request, &names, &mut body);
    write_tools(&request, &names, &mut body)?;
    write_limits(&mut request, model, &mut body);
    write_text(&mut request, &mut body);
    write_reasoning(&mut request, model, &mut body);
    write_hints(&mut request, &mut body);
    if request.stream {
        body.insert("stream".to_owned(), true.into());
    }
    request.leave_hints_out();
    // The API has no stop sequences.
    Ok(Written { body: Value::Object(body), names, left_out: request.left_out, cut: request.stop })
}

fn write_tools(request: &Request, names: &ToolNames, body: &mut Map<String, Value>) -> Result<(), CannotCarry> {
    if request.tools.is_empty() {
        return Ok(());
    }
    let tools: Vec<Value> = request.tools.iter().map(|tool| written_tool(tool, names)).collect::<Result<_, _>>()?;
    body.insert("tools".to_owned(), tools.into());
    if let Some(choice) = &request.choice {
        body.insert("tool_choice".to_owned(), written_choice(choice, request, names));
    }
    if let Some(parallel) = request.parallel_calls {
        body.insert("parallel_tool_calls".to_owned(), parallel.into());
    }
    Ok(())
}

fn written_tool(tool: &Tool, names: &ToolNames) -> Result<Value, CannotCarry> {
    let name = names.upstream(&tool.name, tool.namespace.as_deref());
    let (mut written, told) = match tool.kind {
        ToolKind::Function => {
            let ToolSchema { schema, told } = tool.mended_schema()?;
            let strict = tool.strict.unwrap_or(false) && is_strict(&schema);
            (json!({"type": "function", "name": name, "parameters": schema, "strict": strict}), told)
        }
        ToolKind::Custom => (json!({"type": "custom", "name": name}), None),
    };
    if let Some(description) = tool.described(told) {
        written["description"] = description.into();
    }
    if let Some(grammar) = &tool.grammar {
        written["format"] = grammar.clone();
    }
    Ok(written)
}

fn written_choice(choice: &Choice, request: &Request, names: &ToolNames) -> Value {
    let named = |name: &str, namespace: Option<&str>, tool: Option<&Tool>| {
        let namespace = namespace.or_else(|| tool.and_then(|tool| tool.namespace.as_deref()));
        let kind = if tool.is_some_and(|tool| tool.kind == ToolKind::Custom) { "custom" } else { "function" };
        json!({"type": kind, "name": names.upstream(name, namespace)})
    };
    match choice {
        Choice::Auto => "auto".into(),
        Choice::None => "none".into(),
        Choice::Required => "required".into(),
        Choice::Named { name, namespace } => {
            let known = |tool: &&Tool| tool.name == *name && (namespace.is_none() || tool.namespace == *namespace);
            named(name, namespace.as_deref(), request.tools.iter().find(known))
        }
        Choice::Allowed { required, names: allowed } => {
            let mode = if *required { "required" } else { "auto" };
            // In reverse, so that the first of a name is found.
            let known: HashMap<&str, &Tool> = request.tools.iter().rev().map(|tool| (tool.name.as_str(), tool)).collect();
            let tools: Vec<Value> = allowed.iter().map(|name| named(name, None, known.get(name.as_str()).copied())).collect();
            json!({"type": "allowed_tools", "mode": mode, "tools": tools})
        }
    }
}

fn write_limits(request: &mut Request, model: &str, body: &mut Map<String, Value>) {
    if let Some(most) = request.max_output {
        if most < LEAST_OUTPUT {
            request.left_out.note(request.name_of(Field::MaxOutput));
        }
        body.insert("max_output_tokens".to_owned(), most.max(LEAST_OUTPUT).into());
    }
    write_openai_sampling(request, model, body);
}

fn write_text(request: &mut Request, body: &mut Map<String, Value>) {
    let mut text = Map::new();
    let is_claudes = request.client == Protocol::Messages;
    match request.format.take() {
        None => {}
        Some(Format::JsonObject) => {
            text.insert("format".to_owned(), json!({"type": "json_object"}));
        }
        Some(Format::JsonSchema { name, description, schema, strict }) => {
            let mut format = json!({"type": "json_schema", "name": name.as_deref().unwrap_or("output")});
            if let Some(description) = description {
                format["description"] = description.into();
            }
            if let Some(strict) = strict {
                // Claude's is always strict, but allows optional properties.
                format["strict"] = (strict && (!is_claudes || is_strict(&schema))).into();
            }
            format["schema"] = mended(&schema);
            text.insert("format".to_owned(), format);
        }
    }
    if is_openais(request)
        && let Some(verbosity) = request.take_hint("verbosity")
    {
        text.insert("verbosity".to_owned(), verbosity);
    }
    if !text.is_empty() {
        body.insert("text".to_owned(), text.into());
    }
}

/// Whether the client speaks one of OpenAI's protocols, so that hints of a name are hints of the same meaning.
fn is_openais(request: &Request) -> bool {
    matches!(request.client, Protocol::ChatCompletions | Protocol::Responses)
}

fn write_reasoning(request: &mut Request, model: &str, body: &mut Map<String, Value>) {
    let wanted = request.reasoning.take();
    if !takes_effort(model) {
        if wanted.is_some_and(|wanted| !wanted.off) {
            request.left_out.note(request.name_of(Field::Reasoning));
        }
        return;
    }
    // Nothing is stored upstream, so thoughts must come along to be replayed. Models that do not think refuse this.
    body.insert("include".to_owned(), json!(["reasoning.encrypted_content"]));
    let Some(Reasoning { off, effort, budget, adaptive: _, summary }) = wanted else { return };
    let mut reasoning = Map::new();
    if off {
        if is_openais(request) {
            reasoning.insert("effort".to_owned(), "none".into());
        }
    } else if let Some(effort) = effort.or_else(|| budget.map(Effort::of_budget)) {
        reasoning.insert("effort".to_owned(), effort.as_str().into());
    }
    if let Some(summary) = summary {
        reasoning.insert("summary".to_owned(), summary.into());
    }
    if !reasoning.is_empty() {
        body.insert("reasoning".to_owned(), reasoning.into());
    }
}

fn write_hints(request: &mut Request, body: &mut Map<String, Value>) {
    let mut store = Value::Bool(false);
    if is_openais(request) {
        for name in SHARED_HINTS {
            if let Some(value) = request.take_hint(name) {
                body.insert(name.to_owned(), value);
            }
        }
        store = request.take_hint("store").unwrap_or(store);
        write_user(request, body);
    } else if let Some(user) = request.user.take() {
        write_safety_identifier(user, request, body);
    }
    body.insert("store".to_owned(), store);
}

/// OpenAI's two names for the end user: each goes on as the client wrote it.
fn write_user(request: &mut Request, body: &mut Map<String, Value>) {
    let old = request.take_hint("user");
    if let Some(user) = request.user.take()
        && old.as_ref() != Some(&Value::from(user.as_str()))
    {
        write_safety_identifier(user, request, body);
    }
    if let Some(old) = old {
        body.insert("user".to_owned(), old);
    }
}

fn write_safety_identifier(user: String, request: &mut Request, body: &mut Map<String, Value>) {
    if user.chars().count() > MOST_USER_CHARS {
        request.left_out.note(request.name_of(Field::User));
        return;
    }
    body.insert("safety_identifier".to_owned(), user.into());
}
