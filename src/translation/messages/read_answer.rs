//! Reading a whole answer.

use serde_json::Value;

use super::arguments;
use super::read_history::{redacted, thought};
use super::wire::{Answer as Wire, Block as WireBlock};
use crate::translation::hub::{Answer, Block, Call, Stop, ToolKind, ToolNames, unwrapped};

/// Reads an answer of `POST /v1/messages`; `None` when it is none.
pub fn read_answer(body: &[u8], names: &ToolNames) -> Option<Answer> {
    let wire: Wire = serde_json::from_slice(body).ok()?;
    if wire.kind.as_deref().or(wire.role.as_deref()).is_none_or(|kind| kind != "message" && kind != "assistant") {
        return None;
    }
    let mut blocks: Vec<Block> = wire.content.into_iter().filter_map(|block| said(block, names)).collect();
    if let Some(words) = refusal(wire.stop_reason.as_deref(), wire.stop_details.and_then(|details| details.explanation)) {
        blocks.push(Block::Refusal(words));
    }
    let calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
    let stop = wire.stop_reason.map_or(Stop::End, |reason| stop(&reason, wire.stop_sequence)).with_calls(calls);
    Some(Answer { id: wire.id.unwrap_or_default(), created: None, blocks, stop })
}

/// Why it ended; a call of the tool that is the answer itself is no call, so calls are looked at afterwards.
pub fn stop(reason: &str, sequence: Option<String>) -> Stop {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Stop::MaxTokens,
        "stop_sequence" => Stop::StopSequence(sequence),
        "refusal" => Stop::Refusal,
        _ => Stop::End,
    }
}

/// The words of a refusal, which stand beside the content.
pub fn refusal(reason: Option<&str>, explanation: Option<String>) -> Option<String> {
    explanation.filter(|words| reason == Some("refusal") && !words.is_empty())
}

/// A block; those of tools that the provider runs itself are no part of what the client sees.
fn said(block: Value, names: &ToolNames) -> Option<Block> {
    match serde_json::from_value(block).ok()? {
        WireBlock::Text { text } => Some(Block::Text(text)).filter(|block| *block != Block::Text(String::new())),
        WireBlock::Thinking { thinking, signature } => thought(thinking, signature).map(Block::Thought),
        WireBlock::RedactedThinking { data } => Some(Block::Thought(redacted(data))),
        WireBlock::ToolUse { id, name, input } => {
            let input = arguments::text(&input);
            if names.is_answer(&name) {
                return Some(Block::Text(input));
            }
            let tool = names.client(&name);
            let input = if tool.kind == ToolKind::Custom { unwrapped(&input) } else { input };
            Some(Block::Call(Call { id, name: tool.name, namespace: tool.namespace, kind: tool.kind, input }))
        }
        _ => None,
    }
}
