//! Reading a request's messages.

use std::collections::HashSet;

use serde_json::Value;

use super::read_tools::note_rest;
use super::{media, wire};
use crate::translation::hub::{
    Block, Call, CannotCarry, Document, Image, Item, Part, Request, Seal, Thought, ToolKind, ToolResult, Voice,
};
use crate::translation::json::parse_at;

/// Fields of an assistant's message that say nothing to the model again: SDKs send them back as they got them.
const ECHOES: [&str; 5] = ["annotations", "parsed", "reasoning", "reasoning_content", "reasoning_details"];

/// Reads `messages` into `request`.
pub(super) fn read_messages(messages: Vec<wire::Message>, request: &mut Request) -> Result<(), CannotCarry> {
    let mut custom_calls = HashSet::new();
    for (at, mut message) in messages.into_iter().enumerate() {
        let path = format!("messages[{at}]");
        refuse_foreign(&path, &mut message)?;
        note_rest("messages", &message.rest, request);
        match message.role.as_str() {
            "system" => read_instruction(&path, Voice::System, message.content, request)?,
            "developer" => read_instruction(&path, Voice::Developer, message.content, request)?,
            "user" => {
                let parts = read_parts(&path, message.content, request)?;
                if !parts.is_empty() {
                    request.items.push(Item::User(parts));
                }
            }
            "assistant" => read_assistant(&path, message, &mut custom_calls, request)?,
            "tool" => read_result(&path, message, &custom_calls, request)?,
            _ => {
                return Err(CannotCarry::new(
                    format!("{path}.role"),
                    "Input should be system, developer, user, assistant or tool",
                ));
            }
        }
    }
    Ok(())
}

fn refuse_foreign(path: &str, message: &mut wire::Message) -> Result<(), CannotCarry> {
    if message.rest.shift_remove("audio").is_some_and(|value| !value.is_null()) {
        return Err(CannotCarry::new(format!("{path}.audio"), "Audio cannot be carried to this channel"));
    }
    message.rest.retain(|name, _| !ECHOES.contains(&name.as_str()));
    Ok(())
}

fn read_instruction(path: &str, voice: Voice, content: Option<Value>, request: &mut Request) -> Result<(), CannotCarry> {
    let mut texts = Vec::new();
    for (at, part) in read_parts(path, content, request)?.into_iter().enumerate() {
        match part {
            Part::Text(text) => texts.push(text),
            Part::Image(_) | Part::Document(_) => {
                return Err(CannotCarry::new(format!("{path}.content[{at}]"), "A prompt should be text"));
            }
        }
    }
    if !texts.is_empty() {
        request.items.push(Item::Instruction { voice, texts });
    }
    Ok(())
}

fn read_assistant(
    path: &str,
    message: wire::Message,
    custom_calls: &mut HashSet<String>,
    request: &mut Request,
) -> Result<(), CannotCarry> {
    let mut blocks: Vec<Block> = read_seals(message.reasoning_details).map(Block::Thought).collect();
    for (path, part) in read_content(path, message.content, request)? {
        match part {
            Content::Text(text) => blocks.push(Block::Text(text)),
            Content::Refusal(words) => blocks.push(Block::Refusal(words)),
            Content::Image(_) | Content::Document(_) => {
                return Err(CannotCarry::new(path, "An assistant's message should be text"));
            }
        }
    }
    blocks.extend(message.refusal.map(Block::Refusal));
    blocks.retain(|block| !matches!(block, Block::Text(text) | Block::Refusal(text) if text.is_empty()));
    for (at, call) in message.tool_calls.into_iter().flatten().enumerate() {
        let call = read_call(&format!("{path}.tool_calls[{at}]"), call)?;
        if call.kind == ToolKind::Custom {
            custom_calls.insert(call.id.clone());
        }
        blocks.push(Block::Call(call));
    }
    request.items.extend(blocks.into_iter().map(Item::Assistant));
    Ok(())
}

/// Thoughts whose proofs the gateway handed out, out of `reasoning_details`; all else there is another provider's.
fn read_seals(details: Option<Value>) -> impl Iterator<Item = Thought> {
    let details = match details {
        Some(Value::Array(details)) => details,
        _ => Vec::new(),
    };
    details.into_iter().filter_map(|detail| {
        let seal = Seal::unpack(detail.get("data")?.as_str()?)?;
        Some(Thought { text: seal.words(), seal: Some(seal) })
    })
}

fn read_call(path: &str, call: wire::ToolCall) -> Result<Call, CannotCarry> {
    let kind = call.kind.as_deref().unwrap_or("function");
    match (kind, call.function, call.custom) {
        ("function", Some(function), _) => {
            let input = function.arguments.filter(|json| !json.trim().is_empty()).unwrap_or_else(|| "{}".to_owned());
            Ok(Call { id: call.id, name: function.name, namespace: None, kind: ToolKind::Function, input })
        }
        ("custom", _, Some(custom)) => {
            let input = custom.input.unwrap_or_default();
            Ok(Call { id: call.id, name: custom.name, namespace: None, kind: ToolKind::Custom, input })
        }
        ("function" | "custom", ..) => Err(CannotCarry::new(format!("{path}.{kind}"), format!("Field required: `{kind}`"))),
        _ => Err(CannotCarry::new(path, "Such a call cannot be carried to this channel")),
    }
}

fn read_result(
    path: &str,
    message: wire::Message,
    custom_calls: &HashSet<String>,
    request: &mut Request,
) -> Result<(), CannotCarry> {
    let Some(call_id) = message.tool_call_id else {
        return Err(CannotCarry::new(format!("{path}.tool_call_id"), "Field required: `tool_call_id`"));
    };
    let kind = if custom_calls.contains(&call_id) { ToolKind::Custom } else { ToolKind::Function };
    let parts = read_parts(path, message.content, request)?;
    request.items.push(Item::Result(ToolResult { call_id, kind, parts, is_error: false }));
    Ok(())
}

/// A message's parts for the model, empty texts dropped.
fn read_parts(path: &str, content: Option<Value>, request: &mut Request) -> Result<Vec<Part>, CannotCarry> {
    let mut parts = Vec::new();
    for (path, part) in read_content(path, content, request)? {
        match part {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => parts.push(Part::Text(text)),
            Content::Image(image) => parts.push(Part::Image(image)),
            Content::Document(document) => parts.push(Part::Document(document)),
            Content::Refusal(_) => return Err(CannotCarry::new(path, "A refusal stands in assistant messages alone")),
        }
    }
    Ok(parts)
}

/// A part of any message's content.
enum Content {
    Text(String),
    Refusal(String),
    Image(Image),
    Document(Document),
}

/// A message's content as parts with their paths.
fn read_content(path: &str, content: Option<Value>, request: &mut Request) -> Result<Vec<(String, Content)>, CannotCarry> {
    let path = format!("{path}.content");
    let parts = match content {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![(path, Content::Text(text))]),
        Some(Value::Array(parts)) => parts,
        Some(_) => return Err(CannotCarry::new(path, "Input should be a string or a list of parts")),
    };
    let read = parts.into_iter().enumerate().map(|(at, part)| {
        let path = format!("{path}[{at}]");
        let part: wire::Part = parse_at(&path, part)?;
        note_rest("messages.content", &part.rest, request);
        Ok((path.clone(), read_part(&path, part)?))
    });
    read.collect()
}

fn read_part(path: &str, part: wire::Part) -> Result<Content, CannotCarry> {
    let required = |name: &str| CannotCarry::new(format!("{path}.{name}"), format!("Field required: `{name}`"));
    match part.kind.as_str() {
        "text" => part.text.map(Content::Text).ok_or_else(|| required("text")),
        "refusal" => part.refusal.map(Content::Refusal).ok_or_else(|| required("refusal")),
        "image_url" => media::read_image(path, part.image_url.ok_or_else(|| required("image_url"))?).map(Content::Image),
        "file" => media::read_file(path, part.file.ok_or_else(|| required("file"))?).map(Content::Document),
        "input_audio" => Err(CannotCarry::new(path, "Audio cannot be carried to this channel")),
        kind => {
            let kind: String = kind.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
            Err(CannotCarry::new(path, format!("A part of type {kind} cannot be carried to this channel")))
        }
    }
}
