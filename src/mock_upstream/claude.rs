//! Anthropic's Messages protocol: whole answers and streams.

use bytes::Bytes;

use super::answer::{Answer, Part};
use super::telling::Voice;
use super::wire::{event, json, list};

/// A whole answer.
pub(super) fn whole(answer: &Answer) -> String {
    let blocks = answer.parts.iter().enumerate().map(|(at, part)| match part {
        Part::Thinking { pieces, signature } => {
            wire!({ "type": "thinking", "thinking": (pieces.whole()), "signature": (signature) })
        }
        Part::Text(pieces) => wire!({ "type": "text", "text": (pieces.whole()) }),
        Part::Tool { name, arguments, .. } => {
            wire!({ "type": "tool_use", "id": (answer.id("toolu_", at)), "name": (name), "input": (raw arguments) })
        }
    });
    message(answer, &list(blocks), Some(stop_reason(answer)), |usage| usage.claude())
}

fn stop_reason(answer: &Answer) -> &'static str {
    if answer.calls_a_tool() { "tool_use" } else { "end_turn" }
}

fn message(
    answer: &Answer,
    content: &str,
    stop_reason: Option<&str>,
    usage: impl FnOnce(super::usage::Usage) -> String,
) -> String {
    let mut message = wire!({
        "id": (answer.id("msg_", 0)),
        "type": "message",
        "role": "assistant",
        "model": (answer.model),
        "content": (raw content),
        "stop_reason": (stop_reason),
        "stop_sequence": null,
    });
    if let Some(counted) = answer.usage {
        message.pop();
        message.push_str(",\"usage\":");
        message.push_str(&usage(counted));
        message.push('}');
    }
    message
}

/// The events of a Messages stream.
pub(super) struct ClaudeVoice;

impl Voice for ClaudeVoice {
    fn opening(&mut self, answer: &Answer) -> Vec<Bytes> {
        let message = message(answer, "[]", None, |usage| usage.claude_start());
        vec![
            event("message_start", wire!({ "type": "message_start", "message": (raw message) })),
            event("ping", r#"{"type":"ping"}"#),
        ]
    }

    fn begins(&mut self, answer: &Answer, at: usize) -> Vec<Bytes> {
        let block = match answer.parts.get(at) {
            Some(Part::Thinking { .. }) => {
                wire!({ "type": "thinking", "thinking": "", "signature": "" })
            }
            Some(Part::Tool { name, .. }) => {
                wire!({ "type": "tool_use", "id": (answer.id("toolu_", at)), "name": (name), "input": {} })
            }
            _ => wire!({ "type": "text", "text": "" }),
        };
        let data = wire!({ "type": "content_block_start", "index": (at), "content_block": (raw block) });
        vec![event("content_block_start", data)]
    }

    fn piece(&mut self, answer: &Answer, at: usize, piece: &str) -> Bytes {
        let (kind, field) = match answer.parts.get(at) {
            Some(Part::Thinking { .. }) => ("thinking_delta", "thinking"),
            Some(Part::Tool { .. }) => ("input_json_delta", "partial_json"),
            _ => ("text_delta", "text"),
        };
        let piece = json(piece);
        // Written in one go: this is the line a benchmark runs fifty times per request.
        Bytes::from(format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{at},\
             \"delta\":{{\"type\":\"{kind}\",\"{field}\":{piece}}}}}\n\n"
        ))
    }

    fn ends(&mut self, answer: &Answer, at: usize) -> Vec<Bytes> {
        let mut events = Vec::with_capacity(2);
        if let Some(Part::Thinking { signature, .. }) = answer.parts.get(at) {
            let delta = wire!({ "type": "signature_delta", "signature": (signature) });
            let data = wire!({ "type": "content_block_delta", "index": (at), "delta": (raw delta) });
            events.push(event("content_block_delta", data));
        }
        events.push(event("content_block_stop", wire!({ "type": "content_block_stop", "index": (at) })));
        events
    }

    fn closing(&mut self, answer: &Answer) -> Vec<Bytes> {
        let delta = wire!({ "stop_reason": (stop_reason(answer)), "stop_sequence": null });
        let data = match answer.usage {
            Some(usage) => {
                wire!({ "type": "message_delta", "delta": (raw delta), "usage": (raw usage.claude_delta()) })
            }
            None => wire!({ "type": "message_delta", "delta": (raw delta) }),
        };
        vec![event("message_delta", data), event("message_stop", r#"{"type":"message_stop"}"#)]
    }

    fn failure(&mut self, _answer: &Answer) -> Vec<Bytes> {
        let error = wire!({ "type": "overloaded_error", "message": "Overloaded" });
        vec![event("error", wire!({ "type": "error", "error": (raw error) }))]
    }
}
