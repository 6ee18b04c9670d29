//! Reading an upstream's whole answer.

use serde_json::{Map, Value};

use super::opaque::{self, Opaque};
use super::wire;
use crate::translation::hub::{Answer, Block, Call, Seal, Stop, Thought, ToolKind, ToolNames, short, unwrapped};

/// Reads a whole answer; `None` when it is none of this protocol. What a message holds beside each other is put in
/// the order it is made in: thinking, text, refusal, calls.
pub fn read_answer(body: &[u8], names: &ToolNames) -> Option<Answer> {
    let wire: wire::Completion = serde_json::from_slice(body).ok()?;
    let choice = wire.choices?.into_iter().find(|choice| choice.index.unwrap_or(0) == 0)?;
    let mut said = choice.message?;
    let id = wire.id.unwrap_or_default();
    let created = wire.created.as_ref().and_then(seconds);
    let mut blocks = Vec::new();
    let mut opaque = Opaque::default();
    opaque.take(&mut said);
    let text = said.take_thought();
    if !text.is_empty() || opaque.is_left() {
        blocks.push(Block::Thought(Thought { text, seal: Some(opaque.seal()) }));
    }
    let text = said.take_text();
    if !text.is_empty() {
        blocks.push(Block::Text(text));
    }
    blocks.extend(said.refusal.filter(|words| !words.is_empty()).map(Block::Refusal));
    for (at, mut call) in said.tool_calls.into_iter().flatten().enumerate() {
        let extra = call.take_extra();
        let mut call = read_call(call, made_call_id(&id, created, at), names);
        if let Some(seal) = attached(&mut call.id, extra) {
            blocks.push(Block::Thought(Thought { text: String::new(), seal: Some(seal) }));
        }
        blocks.push(Block::Call(call));
    }
    let calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
    Some(Answer { id, created, stop: read_stop(choice.finish_reason.as_deref(), calls), blocks })
}

fn read_call(call: wire::CallPiece, made_id: String, names: &ToolNames) -> Call {
    let function = call.function.unwrap_or(wire::FunctionPiece { name: None, arguments: None });
    let tool = names.client(&function.name.unwrap_or_default());
    let arguments = arguments_text(function.arguments);
    let input = match tool.kind {
        ToolKind::Custom => unwrapped(&arguments),
        ToolKind::Function if arguments.is_empty() => "{}".to_owned(),
        ToolKind::Function => arguments,
    };
    let id = call.id.filter(|id| !id.is_empty()).unwrap_or(made_id);
    Call { id, name: tool.name, namespace: tool.namespace, kind: tool.kind, input }
}

/// The seal of what a provider attached to a call, and of an id that is too long for clients to send on: they get a short
/// one for it.
pub(super) fn attached(id: &mut String, extra: Map<String, Value>) -> Option<Seal> {
    let own_id = short(id).map(|short| std::mem::replace(id, short));
    let is_plain = own_id.is_none() && extra.is_empty();
    (!is_plain).then(|| Seal::Call { maker: String::new(), call_id: id.clone(), own_id, extra })
}

/// Why the answer ended. Providers have names of their own beside OpenAI's; those count as a plain end.
pub(super) fn read_stop(reason: Option<&str>, calls: bool) -> Stop {
    let stop = match reason {
        Some("length") => Stop::MaxTokens,
        Some("content_filter") => Stop::Refusal,
        Some("tool_calls" | "function_call") if calls => Stop::ToolUse,
        _ => Stop::End,
    };
    stop.with_calls(calls)
}

/// An id for a call whose upstream gives it none: another one in each answer.
pub(super) fn made_call_id(answer: &str, created: Option<i64>, number: usize) -> String {
    let stem: String = answer.chars().filter(char::is_ascii_alphanumeric).take(48).collect();
    match created {
        Some(created) if stem.is_empty() => format!("call_{created}_{number}"),
        _ => format!("call_{stem}_{number}"),
    }
}

/// Arguments as text, also where a provider writes the object itself.
pub(super) fn arguments_text(arguments: Option<Value>) -> String {
    match arguments {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(object) => object.to_string(),
    }
}

/// A time in Unix seconds.
pub(super) fn seconds(created: &serde_json::Number) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second is of no interest")]
    created.as_i64().or_else(|| created.as_f64().map(|seconds| seconds as i64))
}

impl wire::Said {
    /// Takes the thinking out, by whichever name.
    pub(super) fn take_thought(&mut self) -> String {
        if let Some(text) = self.reasoning_content.take().filter(|text| !text.is_empty()) {
            return text;
        }
        match (self.reasoning.take(), self.reasoning_text.take()) {
            (Some(Value::String(text)), _) if !text.is_empty() => text,
            (_, Some(Value::String(text))) => text,
            _ => opaque::thinking_in(self.content.as_ref()),
        }
    }

    /// Takes the text out; some providers write it as a list of parts.
    pub(super) fn take_text(&mut self) -> String {
        match self.content.take() {
            Some(Value::String(text)) => text,
            Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
            _ => String::new(),
        }
    }
}
