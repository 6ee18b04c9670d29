//! The output items of a Responses answer: messages, function calls, reasoning.

use super::answer::{Answer, Part};
use super::responses::Echo;

/// The id of an output item.
pub(super) fn item_id(answer: &Answer, at: usize) -> String {
    let prefix = match answer.parts.get(at) {
        Some(Part::Thinking { .. }) => "rs_",
        Some(Part::Tool { .. }) => "fc_",
        _ => "msg_",
    };
    answer.id(prefix, at)
}

/// An output item, finished or as it is when it begins.
pub(super) fn item(answer: &Answer, echo: &Echo, at: usize, finished: bool) -> String {
    let id = item_id(answer, at);
    let status = if finished { "completed" } else { "in_progress" };
    match answer.parts.get(at) {
        Some(Part::Thinking { pieces, signature }) => {
            let told = finished && !pieces.is_empty();
            let summary = if told { format!("[{}]", summary_part(&pieces.whole())) } else { "[]".to_owned() };
            if echo.encrypted_reasoning {
                let sealed = if finished { signature.as_str() } else { "" };
                wire!({ "id": (id), "type": "reasoning", "encrypted_content": (sealed), "summary": (raw summary) })
            } else {
                wire!({ "id": (id), "type": "reasoning", "summary": (raw summary) })
            }
        }
        Some(Part::Tool { name, arguments, .. }) => wire!({
            "id": (id),
            "type": "function_call",
            "status": (status),
            "arguments": (if finished { arguments.as_str() } else { "" }),
            "call_id": (answer.id("call_", at)),
            "name": (name),
        }),
        Some(Part::Text(pieces)) if finished => {
            let content = text_part(&pieces.whole());
            wire!({
                "id": (id),
                "type": "message",
                "status": (status),
                "content": [(raw content)],
                "role": "assistant",
            })
        }
        _ => {
            wire!({ "id": (id), "type": "message", "status": (status), "content": [], "role": "assistant" })
        }
    }
}

/// The content part of a message.
pub(super) fn text_part(text: &str) -> String {
    wire!({ "type": "output_text", "annotations": [], "logprobs": [], "text": (text) })
}

/// The part of a reasoning item's summary.
pub(super) fn summary_part(text: &str) -> String {
    wire!({ "type": "summary_text", "text": (text) })
}
