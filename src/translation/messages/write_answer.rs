//! Writing a whole answer.

use actors::vocabulary::Usage;
use serde_json::{Map, Value, json};

use super::arguments;
use crate::translation::hub::{Answer, Block, Reply, Seal, Stop, Thought};

/// Writes an answer as a Claude client reads it.
pub fn write_answer(answer: &Answer, reply: &Reply, usage: &Usage) -> Value {
    let refused = answer.blocks.iter().any(|block| matches!(block, Block::Refusal(_)));
    let (stop_reason, stop_sequence) = stop_words(&answer.stop, refused);
    let mut message = opening(&answer.id, reply, self::usage(usage));
    message["content"] = answer.blocks.iter().filter_map(block).collect();
    message["stop_reason"] = json!(stop_reason);
    message["stop_sequence"] = json!(stop_sequence);
    message
}

/// A message without content and without an end.
pub fn opening(upstream_id: &str, reply: &Reply, usage: Value) -> Value {
    json!({
        "id": reply.id("msg_", upstream_id),
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    })
}

/// `stop_reason` and `stop_sequence`.
pub fn stop_words(stop: &Stop, refused: bool) -> (&'static str, Option<&str>) {
    match stop {
        _ if refused => ("refusal", None),
        Stop::End => ("end_turn", None),
        Stop::MaxTokens => ("max_tokens", None),
        Stop::StopSequence(sequence) => ("stop_sequence", sequence.as_deref()),
        Stop::ToolUse => ("tool_use", None),
        Stop::Refusal => ("refusal", None),
    }
}

fn block(block: &Block) -> Option<Value> {
    match block {
        Block::Text(text) | Block::Refusal(text) => Some(json!({"type": "text", "text": text})),
        Block::Thought(thought) => self::thought(thought),
        Block::Call(call) => {
            Some(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments::object(call)}))
        }
    }
}

fn thought(thought: &Thought) -> Option<Value> {
    let text = &thought.text;
    match &thought.seal {
        Some(Seal::Signature { thinking, signature }) => {
            Some(json!({"type": "thinking", "thinking": thinking, "signature": signature}))
        }
        Some(Seal::Redacted { data }) => Some(json!({"type": "redacted_thinking", "data": data})),
        Some(seal @ (Seal::Reasoning { .. } | Seal::Call { .. })) if text.is_empty() => {
            Some(json!({"type": "redacted_thinking", "data": seal.pack()}))
        }
        Some(seal) => Some(json!({"type": "thinking", "thinking": text, "signature": seal.pack()})),
        None if text.is_empty() => None,
        None => Some(json!({"type": "thinking", "thinking": text, "signature": ""})),
    }
}

/// `usage` of a whole answer.
pub fn usage(usage: &Usage) -> Value {
    let mut written = counts(usage);
    written.insert(
        "cache_creation".to_owned(),
        json!({
            "ephemeral_5m_input_tokens": usage.cache_creation_5m,
            "ephemeral_1h_input_tokens": usage.cache_creation_1h,
        }),
    );
    Value::Object(written)
}

/// `usage` of a stream's `message_delta`.
pub fn usage_of_delta(usage: &Usage) -> Value {
    Value::Object(counts(usage))
}

fn counts(usage: &Usage) -> Map<String, Value> {
    let mut counts = Map::new();
    let mut put = |name: &str, value: Value| counts.insert(name.to_owned(), value);
    put("input_tokens", json!(usage.input));
    put("cache_creation_input_tokens", json!(usage.cache_creation()));
    put("cache_read_input_tokens", json!(usage.cache_read));
    put("output_tokens", json!(usage.output));
    if usage.reasoning > 0 {
        put("output_tokens_details", json!({"thinking_tokens": usage.reasoning}));
    }
    counts
}
