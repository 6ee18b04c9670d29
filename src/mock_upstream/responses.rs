//! OpenAI's Responses protocol: the response object, whole or at any moment of a stream.

use serde_json::Value;

use super::answer::Answer;
use super::ask::Ask;
use super::responses_items::item;
use super::wire::{json, list};

/// The fields a response repeats from its request, or their defaults, as JSON.
#[derive(Debug)]
pub(super) struct Echo {
    instructions: String,
    max_output_tokens: String,
    metadata: String,
    parallel_tool_calls: String,
    previous_response_id: String,
    prompt_cache_key: String,
    reasoning: String,
    store: String,
    temperature: String,
    text: String,
    tool_choice: String,
    tools: String,
    top_p: String,
    truncation: String,
    user: String,
    /// Whether reasoning items carry their encrypted content.
    pub(super) encrypted_reasoning: bool,
}

/// How far a response has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    InProgress,
    Completed,
    Failed,
}

impl Echo {
    pub(super) fn of(ask: &Ask) -> Self {
        let echo = |field: &str, default: &str| match ask.echoes(field) {
            Some(value) => json(value),
            None => default.to_owned(),
        };
        let part = |value: Option<&Value>| json(&value.filter(|value| !value.is_null()));
        let reasoning = ask.echoes("reasoning");
        let effort = part(reasoning.and_then(|reasoning| reasoning.get("effort")));
        let summary = part(reasoning.and_then(|reasoning| reasoning.get("summary")));
        Self {
            instructions: echo("instructions", "null"),
            max_output_tokens: echo("max_output_tokens", "null"),
            metadata: echo("metadata", "{}"),
            parallel_tool_calls: echo("parallel_tool_calls", "true"),
            previous_response_id: echo("previous_response_id", "null"),
            prompt_cache_key: echo("prompt_cache_key", "null"),
            reasoning: wire!({ "effort": (raw effort), "summary": (raw summary) }),
            store: echo("store", "true"),
            temperature: echo("temperature", "1.0"),
            text: echo("text", r#"{"format":{"type":"text"},"verbosity":"medium"}"#),
            tool_choice: echo("tool_choice", "\"auto\""),
            tools: echo("tools", "[]"),
            top_p: echo("top_p", "1.0"),
            truncation: echo("truncation", "\"disabled\""),
            user: echo("user", "null"),
            encrypted_reasoning: ask.wants_encrypted_reasoning(),
        }
    }
}

/// A whole answer.
pub(super) fn whole(answer: &Answer, echo: &Echo) -> String {
    response(answer, echo, State::Completed)
}

/// The response object as it is at a moment.
pub(super) fn response(answer: &Answer, echo: &Echo, state: State) -> String {
    let completed = state == State::Completed;
    let (status, error) = match state {
        State::InProgress => ("in_progress", "null"),
        State::Completed => ("completed", "null"),
        State::Failed => ("failed", r#"{"code":"server_error","message":"The model failed to generate a response."}"#),
    };
    let output = match completed {
        true => list((0..answer.parts.len()).map(|at| item(answer, echo, at, true))),
        false => "[]".to_owned(),
    };
    let usage = answer.usage.filter(|_| completed).map_or("null".to_owned(), |usage| usage.responses());
    wire!({
        "id": (answer.id("resp_", 0)),
        "object": "response",
        "created_at": (answer.created),
        "status": (status),
        "background": false,
        "completed_at": (completed.then_some(answer.created)),
        "error": (raw error),
        "incomplete_details": null,
        "instructions": (raw echo.instructions),
        "max_output_tokens": (raw echo.max_output_tokens),
        "max_tool_calls": null,
        "model": (answer.model),
        "output": (raw output),
        "parallel_tool_calls": (raw echo.parallel_tool_calls),
        "previous_response_id": (raw echo.previous_response_id),
        "prompt_cache_key": (raw echo.prompt_cache_key),
        "reasoning": (raw echo.reasoning),
        "safety_identifier": null,
        "service_tier": "default",
        "store": (raw echo.store),
        "temperature": (raw echo.temperature),
        "text": (raw echo.text),
        "tool_choice": (raw echo.tool_choice),
        "tools": (raw echo.tools),
        "top_logprobs": 0,
        "top_p": (raw echo.top_p),
        "truncation": (raw echo.truncation),
        "usage": (raw usage),
        "user": (raw echo.user),
        "metadata": (raw echo.metadata),
    })
}
