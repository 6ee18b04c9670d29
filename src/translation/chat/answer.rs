//! Reading an upstream's whole answer.

use serde_json::{Map, Value};

use super::opaque::Opaque;
use super::wire;
use crate::translation::hub::{Answer, Block, Call, Ended, Seal, Stop, Thought, ToolKind, ToolNames, ended, short, unwrapped};
use crate::translation::lenient::{self, Half, Read, is_error};

/// Reads a whole answer; `None` when it is none of this protocol, or broke off. What a message holds beside each other is put
/// in the order it is made in: thinking, text, refusal, calls.
pub fn read_answer(body: &[u8], names: &ToolNames) -> Option<Answer> {
    let text = lenient::mended(body, Half::Replaced);
    let Read { value: wire, lost } = lenient::read::<wire::Completion>(&text)?;
    let choice = wire.choices?.into_iter().find(|choice| choice.index.unwrap_or(0) == 0)?;
    if is_error(&wire.error) || is_error(&choice.error) {
        return None;
    }
    let mut said = choice.message?;
    let id = wire.id.unwrap_or_default();
    let created = wire.created;
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
    let stop = read_stop(choice.finish_reason.as_deref(), calls)?;
    Some(Answer { id, created, stop, blocks }).filter(|answer| !lost || answer.is_readable())
}

fn read_call(call: wire::CallPiece, made_id: String, names: &ToolNames) -> Call {
    let function = call.function.unwrap_or_default();
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

/// Why the answer ended; `None` when it was broken off.
pub(super) fn read_stop(reason: Option<&str>, calls: bool) -> Option<Stop> {
    let stop = match ended(reason.unwrap_or_default()) {
        Ended::Length => Stop::MaxTokens,
        Ended::Filter => Stop::Refusal,
        Ended::Tools if calls => Stop::ToolUse,
        Ended::StopSequence => Stop::StopSequence(None),
        Ended::Done | Ended::Tools => Stop::End,
        Ended::Interrupted => return None,
    };
    Some(stop.with_calls(calls))
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
pub(super) fn arguments_text(arguments: Value) -> String {
    match arguments {
        Value::String(text) => text,
        Value::Object(_) => arguments.to_string(),
        _ => String::new(),
    }
}

impl wire::Said {
    /// Takes the thinking out, by whichever name, or out of the content's parts (Mistral).
    pub(super) fn take_thought(&mut self) -> String {
        let named = [self.reasoning_content.take(), self.reasoning.take(), self.reasoning_text.take()]
            .iter()
            .map(words)
            .find(|text| !text.is_empty());
        named.unwrap_or_else(|| match &self.content {
            Value::Array(parts) => parts.iter().filter_map(|part| part.get("thinking")).map(words).collect(),
            _ => String::new(),
        })
    }

    /// Takes the text out; some providers write it as a list of parts.
    pub(super) fn take_text(&mut self) -> String {
        words(&self.content.take())
    }
}

/// The words of a text, or of parts with text.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter(|part| part.is_object()).map(words).collect(),
        Value::Object(part) => part.get("text").map(words).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}
