//! Writing a client's whole answer.

use std::collections::HashMap;

use actors::vocabulary::Usage;
use serde_json::{Map, Value, json};

use crate::translation::hub::{Answer, Block, Call, Reply, Seal, Stop, ToolKind};

/// Writes a whole answer. Several texts are joined as they are, which is what the stream's pieces add up to.
pub fn write_answer(answer: &Answer, reply: &Reply, usage: &Usage) -> Value {
    write_answers(std::slice::from_ref(answer), reply, usage)
}

/// Writes several answers to one request as its choices.
pub fn write_answers(answers: &[Answer], reply: &Reply, usage: &Usage) -> Value {
    let (id, created) = answers.first().map_or(("", None), |first| (first.id.as_str(), first.created));
    let choices: Vec<Value> = answers.iter().enumerate().map(|(index, answer)| write_choice(index, answer, reply)).collect();
    json!({
        "id": reply.id("chatcmpl-", id),
        "object": "chat.completion",
        "created": created.unwrap_or(reply.created),
        "model": reply.model,
        "choices": choices,
        "usage": write_usage(usage)
    })
}

fn write_choice(index: usize, answer: &Answer, reply: &Reply) -> Value {
    let (mut text, mut refusal, mut thought) = (String::new(), String::new(), String::new());
    let (mut seals, mut calls) = (Vec::new(), Vec::new());
    let (mut field, mut extra, mut attached) = (THOUGHT, Map::new(), HashMap::new());
    for block in &answer.blocks {
        match block {
            Block::Text(piece) => text.push_str(piece),
            Block::Refusal(piece) => refusal.push_str(piece),
            Block::Thought(piece) => {
                thought.push_str(&piece.text);
                match &piece.seal {
                    // What a provider of this very protocol attached stands where it stood.
                    Some(Seal::Reasoning { field: own, extra: more, .. }) => {
                        field = named(own);
                        extra.extend(more.clone());
                    }
                    Some(Seal::Call { call_id, own_id, extra, .. }) => {
                        attached.insert(call_id.clone(), (own_id.clone(), extra.clone()));
                    }
                    seal => seals.extend(seal.clone()),
                }
            }
            Block::Call(call) => {
                let mut written = write_call(call);
                if let Some((own_id, extra)) = attached.remove(&call.id) {
                    attach(&mut written, own_id, extra);
                }
                calls.push(written);
            }
        }
    }
    let or_null = |text: String| if text.is_empty() { Value::Null } else { Value::String(text) };
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), or_null(text));
    message.insert("refusal".to_owned(), or_null(refusal));
    if !thought.is_empty() {
        message.insert(field.to_owned(), Value::String(thought));
    }
    message.extend(extra);
    if !seals.is_empty() {
        message.insert("reasoning_details".to_owned(), write_seals(&seals));
    }
    if reply.old_functions {
        let call = calls.first_mut().and_then(|call| call.get_mut("function")).map(Value::take);
        message.extend(call.map(|call| ("function_call".to_owned(), call)));
    } else if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    json!({"index": index, "message": message, "logprobs": null, "finish_reason": write_stop(&answer.stop, reply)})
}

/// The field that thinking stands in by itself.
pub(super) const THOUGHT: &str = "reasoning_content";

/// The field that a provider's thinking stood in, if it is one of those that hold text.
fn named(own: &str) -> &'static str {
    ["reasoning", "reasoning_text"].into_iter().find(|name| *name == own).unwrap_or(THOUGHT)
}

/// Puts what a provider attached to a call, and the id it gave it, on the call as it is written.
pub(super) fn attach(call: &mut Value, own_id: Option<String>, extra: Map<String, Value>) {
    let Some(fields) = call.as_object_mut() else { return };
    if let Some(own_id) = own_id {
        fields.insert("id".to_owned(), Value::String(own_id));
    }
    fields.extend(extra);
}

fn write_call(call: &Call) -> Value {
    match call.kind {
        ToolKind::Function => {
            json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.input}})
        }
        ToolKind::Custom => json!({"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.input}}),
    }
}

/// The proofs of an answer's thoughts, for its `reasoning_details`. The SDKs' helpers tell entries apart by `index`.
pub(super) fn write_seals(seals: &[Seal]) -> Value {
    let seals = seals.iter().enumerate();
    seals.map(|(index, seal)| json!({"type": "reasoning.encrypted", "data": seal.pack(), "index": index})).collect()
}

/// The `finish_reason`.
pub(super) fn write_stop(stop: &Stop, reply: &Reply) -> &'static str {
    match stop {
        Stop::End | Stop::StopSequence(_) => "stop",
        Stop::MaxTokens => "length",
        Stop::ToolUse if reply.old_functions => "function_call",
        Stop::ToolUse => "tool_calls",
        Stop::Refusal => "content_filter",
    }
}

/// The usage object: cached tokens are inside the prompt's.
pub(super) fn write_usage(usage: &Usage) -> Value {
    let written = usage.cache_creation();
    let prompt = usage.input.saturating_add(usage.cache_read).saturating_add(written);
    let mut details = json!({"cached_tokens": usage.cache_read});
    if written > 0 {
        details["cache_write_tokens"] = json!(written);
    }
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt.saturating_add(usage.output),
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning}
    })
}
