//! Reads and writes whole answers.

use actors::vocabulary::Usage;
use serde_json::{Map, Value, json};

use super::read_items::thought;
use super::wire::{self, OutputItem, OutputPart};
use crate::translation::hub::{
    Answer, Block, Call, Ended, Opening, Reply, Seal, Stop, Thought, ToolKind, ToolNames, ended, unwrapped,
};
use crate::translation::lenient::{self, Half, Read, is_error};

/// Longest stem of an item's id, so that the id stays within OpenAI's 64 characters.
const MOST_STEM_BYTES: usize = 48;

/// Reads an upstream's whole answer. `None` when it is none of this protocol, or says that it failed.
pub fn read_answer(body: &[u8], names: &ToolNames) -> Option<Answer> {
    let text = lenient::mended(body, Half::Replaced);
    let Read { value: response, lost } = lenient::read::<wire::Response>(&text)?;
    if is_error(&response.error) {
        return None;
    }
    let mut answer = Answer { id: response.id.clone().unwrap_or_default(), ..Answer::default() };
    answer.created = response.created_at;
    answer.stop = stop_of(&response)?;
    for item in response.output? {
        read_item(item, names, &mut answer.blocks);
    }
    let calls = answer.blocks.iter().any(|block| matches!(block, Block::Call(_)));
    answer.stop = answer.stop.with_calls(calls);
    Some(answer).filter(|answer| !lost || answer.is_readable())
}

/// Why a response ended; `None` when it failed.
pub fn stop_of(response: &wire::Response) -> Option<Stop> {
    let status = response.status.as_deref().unwrap_or_default();
    if status != "incomplete" {
        return (ended(status) != Ended::Interrupted).then_some(Stop::End);
    }
    let reason = response.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
    Some(match reason.map(ended) {
        Some(Ended::Interrupted) => return None,
        Some(Ended::Filter) => Stop::Refusal,
        _ if matches!(reason, Some("steered" | "max_messages")) => Stop::End,
        // What is incomplete for a reason that is not known here is at least that.
        _ => Stop::MaxTokens,
    })
}

/// Items of tools that OpenAI runs itself are not part of the answer: their outcome is in its text.
fn read_item(item: OutputItem, names: &ToolNames, blocks: &mut Vec<Block>) {
    match item.kind() {
        "message" => blocks.extend(item.content.into_iter().flatten().filter_map(spoken)),
        "reasoning" => blocks.extend(thinking(item).map(Block::Thought)),
        "function_call" | "custom_tool_call" => blocks.push(Block::Call(call(item, names))),
        _ => {}
    }
}

fn spoken(part: OutputPart) -> Option<Block> {
    let (is_refusal, text) = part.spoken().filter(|(_, text)| !text.is_empty())?;
    Some(if is_refusal { Block::Refusal(text) } else { Block::Text(text) })
}

fn thinking(mut item: OutputItem) -> Option<Thought> {
    let (summary, content) = (item.summary(), item.content_words());
    thought(wire::Thinking {
        id: item.id,
        summary: Some(summary),
        content: Some(content),
        encrypted_content: item.encrypted_content,
    })
}

fn call(item: OutputItem, names: &ToolNames) -> Call {
    let is_custom = item.kind() == "custom_tool_call";
    let tool = names.client(&item.name.unwrap_or_default());
    let (kind, input) = match (is_custom, tool.kind) {
        (true, _) => (ToolKind::Custom, item.input.unwrap_or_default()),
        // A provider that calls a custom tool like a function.
        (false, ToolKind::Custom) => (ToolKind::Custom, unwrapped(&item.arguments.unwrap_or_default())),
        (false, ToolKind::Function) => {
            let arguments = item.arguments.filter(|arguments| !arguments.is_empty());
            (ToolKind::Function, arguments.unwrap_or_else(|| "{}".to_owned()))
        }
    };
    let id = item.call_id.or(item.id).unwrap_or_default();
    Call { id, name: tool.name, namespace: tool.namespace, kind, input }
}

/// Writes a whole answer for the client.
pub fn write_answer(answer: &Answer, reply: &Reply, usage: &Usage) -> Value {
    let id = reply.id("resp_", &answer.id);
    let output = answer.blocks.iter().enumerate().map(|(place, block)| written_block(&id, place, block)).collect();
    let created = answer.created.unwrap_or(reply.created);
    response(&id, created, reply, Ending::Stopped(&answer.stop), output, Some(usage))
}

/// How far a response is.
pub enum Ending<'a> {
    /// Still going on.
    Open,
    /// At its end.
    Stopped(&'a Stop),
    /// Broken off: an error's code and message.
    Failed(&'a str, &'a str),
}

/// A response object.
pub fn response(id: &str, created: i64, reply: &Reply, ending: Ending<'_>, output: Vec<Value>, usage: Option<&Usage>) -> Value {
    let (status, reason, error) = match ending {
        Ending::Open => ("in_progress", None, None),
        Ending::Stopped(Stop::MaxTokens) => ("incomplete", Some("max_output_tokens"), None),
        Ending::Stopped(Stop::Refusal) => ("incomplete", Some("content_filter"), None),
        Ending::Stopped(_) => ("completed", None, None),
        Ending::Failed(code, message) => ("failed", None, Some(json!({"code": code, "message": message}))),
    };
    let mut response: Map<String, Value> = reply.echo.clone();
    let own = [
        ("id", Value::from(id)),
        ("object", "response".into()),
        ("created_at", created.into()),
        ("status", status.into()),
        ("error", error.into()),
        ("incomplete_details", reason.map(|reason| json!({"reason": reason})).into()),
        ("model", reply.model.as_str().into()),
        ("output", output.into()),
        ("usage", usage.map(written_usage).into()),
    ];
    response.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(response)
}

fn written_usage(usage: &Usage) -> Value {
    let written = usage.cache_creation();
    let input = usage.input.saturating_add(usage.cache_read).saturating_add(written);
    json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": input.saturating_add(usage.output),
    })
}

/// The id of a block's item: the response's own and the block's number, so that whole answers and streams agree.
pub fn item_id(response_id: &str, place: usize, opening: &Opening) -> String {
    let prefix = match opening {
        Opening::Text | Opening::Refusal => "msg",
        Opening::Thought => "rs",
        Opening::Call { kind: ToolKind::Function, .. } => "fc",
        Opening::Call { kind: ToolKind::Custom, .. } => "ctc",
    };
    let stem = response_id.strip_prefix("resp_").unwrap_or(response_id);
    // Ids are ASCII: `Reply::id` saw to it, and an upstream's own is cut at a character.
    let end = (0..=stem.len().min(MOST_STEM_BYTES)).rev().find(|end| stem.is_char_boundary(*end)).unwrap_or(0);
    format!("{prefix}_{}_{place}", &stem[..end])
}

fn written_block(response_id: &str, place: usize, block: &Block) -> Value {
    let (opening, text, seal) = match block {
        Block::Text(text) => (Opening::Text, text, None),
        Block::Refusal(text) => (Opening::Refusal, text, None),
        Block::Thought(thought) => (Opening::Thought, &thought.text, thought.seal.as_ref()),
        Block::Call(Call { id, name, namespace, kind, input }) => {
            let (id, name, namespace) = (id.clone(), name.clone(), namespace.clone());
            (Opening::Call { id, name, namespace, kind: *kind }, input, None)
        }
    };
    let id = item_id(response_id, place, &opening);
    item(&id, &opening, finished(&opening, text), seal, "completed")
}

/// A block's text as it is at its end: a function without arguments is called with an empty object.
pub fn finished<'a>(opening: &Opening, text: &'a str) -> &'a str {
    let is_function = matches!(opening, Opening::Call { kind: ToolKind::Function, .. });
    if is_function && text.is_empty() { "{}" } else { text }
}

/// An output item.
pub fn item(id: &str, opening: &Opening, text: &str, seal: Option<&Seal>, status: &str) -> Value {
    match opening {
        Opening::Text | Opening::Refusal => {
            let content = if text.is_empty() { Vec::new() } else { vec![part(opening, text)] };
            json!({"type": "message", "id": id, "status": status, "role": "assistant", "content": content})
        }
        Opening::Thought => {
            let summary = if text.is_empty() { Vec::new() } else { vec![part(opening, text)] };
            let mut item = json!({"type": "reasoning", "id": id, "status": status, "summary": summary});
            if let Some(seal) = seal {
                item["encrypted_content"] = match seal {
                    // Its own maker's: an answer told within one protocol.
                    Seal::Encrypted { encrypted_content, .. } => encrypted_content.clone(),
                    other => other.pack(),
                }
                .into();
            }
            item
        }
        Opening::Call { id: call_id, name, namespace, kind } => {
            let mut item = match kind {
                ToolKind::Function => json!({"type": "function_call", "status": status, "arguments": text}),
                // The API's types give it no status.
                ToolKind::Custom => json!({"type": "custom_tool_call", "input": text}),
            };
            item["id"] = id.into();
            item["call_id"] = call_id.as_str().into();
            item["name"] = name.as_str().into();
            if let Some(namespace) = namespace {
                item["namespace"] = namespace.as_str().into();
            }
            item
        }
    }
}

/// A part of a message's content or of a thought's summary.
pub fn part(opening: &Opening, text: &str) -> Value {
    match opening {
        Opening::Refusal => json!({"type": "refusal", "refusal": text}),
        Opening::Thought => json!({"type": "summary_text", "text": text}),
        _ => json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []}),
    }
}
