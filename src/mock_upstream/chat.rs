//! OpenAI's Chat Completions protocol: whole answers and streams.

use bytes::Bytes;

use super::answer::{Answer, Part};
use super::telling::Voice;
use super::wire::{data, json, list};

/// A whole answer.
pub(super) fn whole(answer: &Answer) -> String {
    let text: Vec<String> =
        answer.parts.iter().filter_map(|part| if let Part::Text(pieces) = part { Some(pieces.whole()) } else { None }).collect();
    let content = if text.is_empty() && answer.calls_a_tool() { None } else { Some(text.concat()) };
    let mut message = wire!({ "role": "assistant", "content": (content), "refusal": null, "annotations": [] });
    message.pop();
    for part in &answer.parts {
        if let Part::Thinking { pieces, .. } = part {
            message.push_str(&format!(",\"reasoning_content\":{}", json(&pieces.whole())));
        }
    }
    if answer.calls_a_tool() {
        message.push_str(&format!(",\"tool_calls\":{}", tool_calls(answer)));
    }
    message.push('}');
    let choice = wire!({
        "index": 0,
        "message": (raw message),
        "logprobs": null,
        "finish_reason": (finish_reason(answer)),
    });
    let mut completion = wire!({
        "id": (answer.id("chatcmpl-", 0)),
        "object": "chat.completion",
        "created": (answer.created),
        "model": (answer.model),
        "choices": [(raw choice)],
        "service_tier": "default",
        "system_fingerprint": "fp_mock000000",
    });
    if let Some(usage) = answer.usage {
        completion.pop();
        completion.push_str(&format!(",\"usage\":{}}}", usage.chat()));
    }
    completion
}

fn tool_calls(answer: &Answer) -> String {
    list(answer.parts.iter().enumerate().filter_map(|(at, part)| match part {
        Part::Tool { name, arguments, .. } => Some(wire!({
            "id": (answer.id("call_", at)),
            "type": "function",
            "function": { "name": (name), "arguments": (arguments) },
        })),
        _ => None,
    }))
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.calls_a_tool() { "tool_calls" } else { "stop" }
}

/// The chunks of a Chat Completions stream.
pub(super) struct ChatVoice {
    include_usage: bool,
    /// The head all chunks share, up to the choices.
    head: String,
}

impl ChatVoice {
    pub(super) fn new(answer: &Answer, include_usage: bool) -> Self {
        let mut head = wire!({
            "id": (answer.id("chatcmpl-", 0)),
            "object": "chat.completion.chunk",
            "created": (answer.created),
            "model": (answer.model),
            "service_tier": "default",
            "system_fingerprint": "fp_mock000000",
        });
        head.pop();
        Self { include_usage, head }
    }

    fn chunk(&self, delta: &str, finish_reason: &str) -> Bytes {
        let head = &self.head;
        let usage = if self.include_usage { ",\"usage\":null" } else { "" };
        data(format_args!(
            "{head},\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\
             \"finish_reason\":{finish_reason}}}]{usage}}}"
        ))
    }

    /// Which of the tool calls a part is.
    fn call_index(answer: &Answer, at: usize) -> usize {
        answer.parts.iter().take(at).filter(|part| matches!(part, Part::Tool { .. })).count()
    }
}

impl Voice for ChatVoice {
    fn opening(&mut self, answer: &Answer) -> Vec<Bytes> {
        let silent = !answer.parts.iter().any(|part| matches!(part, Part::Text(_))) && answer.calls_a_tool();
        let content = if silent { None } else { Some("") };
        vec![self.chunk(&wire!({ "role": "assistant", "content": (content), "refusal": null }), "null")]
    }

    fn begins(&mut self, answer: &Answer, at: usize) -> Vec<Bytes> {
        let Some(Part::Tool { name, .. }) = answer.parts.get(at) else {
            return Vec::new();
        };
        let call = wire!({
            "index": (Self::call_index(answer, at)),
            "id": (answer.id("call_", at)),
            "type": "function",
            "function": { "name": (name), "arguments": "" },
        });
        vec![self.chunk(&wire!({ "tool_calls": [(raw call)] }), "null")]
    }

    fn piece(&mut self, answer: &Answer, at: usize, piece: &str) -> Bytes {
        let delta = match answer.parts.get(at) {
            Some(Part::Thinking { .. }) => wire!({ "reasoning_content": (piece) }),
            Some(Part::Tool { .. }) => {
                let index = Self::call_index(answer, at);
                wire!({ "tool_calls": [{ "index": (index), "function": { "arguments": (piece) } }] })
            }
            _ => wire!({ "content": (piece) }),
        };
        self.chunk(&delta, "null")
    }

    fn ends(&mut self, _answer: &Answer, _at: usize) -> Vec<Bytes> {
        Vec::new()
    }

    fn closing(&mut self, answer: &Answer) -> Vec<Bytes> {
        let mut events = vec![self.chunk("{}", &json(finish_reason(answer)))];
        if let Some(usage) = answer.usage.filter(|_| self.include_usage) {
            let head = &self.head;
            events.push(data(format_args!("{head},\"choices\":[],\"usage\":{}}}", usage.chat())));
        }
        events.push(data("[DONE]"));
        events
    }

    fn failure(&mut self, _answer: &Answer) -> Vec<Bytes> {
        vec![data(wire!({
            "error": {
                "message": "The server had an error while processing your request. Sorry about that!",
                "type": "server_error",
                "param": null,
                "code": null,
            },
        }))]
    }
}
