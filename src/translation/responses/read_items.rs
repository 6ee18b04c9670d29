//! Reads a request's input items.

use serde_json::Value;

use super::read_tools::Offered;
use super::wire::{self, kind_of};
use crate::translation::hub::{
    Block, Call, CannotCarry, Document, Image, Item, Part, Request, Seal, Source, Thought, ToolKind, ToolResult, Voice,
};
use crate::translation::json::parse_at;

/// Calls and results of tools that the provider runs itself, and of what it does with a conversation.
const ITS_OWN: &str = "is an item of a tool or service that OpenAI runs itself; this model's channel speaks another protocol";

/// Reads `input` into the request's items.
///
/// # Errors
/// Names the first item or part that cannot be carried.
pub fn read(input: Value, request: &mut Request, offered: &mut Offered) -> Result<(), CannotCarry> {
    match input {
        Value::String(text) => push_user(vec![Part::Text(text)], request),
        Value::Array(items) => {
            for (place, item) in items.into_iter().enumerate() {
                read_item(&format!("input[{place}]"), item, request, offered)?;
            }
        }
        Value::Null => return Err(CannotCarry::new("input", "Field required")),
        _ => return Err(CannotCarry::new("input", "Input should be a string or a list of items")),
    }
    Ok(())
}

fn read_item(path: &str, item: Value, request: &mut Request, offered: &mut Offered) -> Result<(), CannotCarry> {
    if super::is_reference(&item) {
        let problem = "No item with this id is known here; send the item itself, since responses are not stored";
        return Err(CannotCarry::new(path, problem));
    }
    match kind_of(&item) {
        "message" | "" => message(path, parse_at(path, item)?, request),
        "function_call" => call(path, item, ToolKind::Function, request),
        "custom_tool_call" => call(path, item, ToolKind::Custom, request),
        "function_call_output" => result(path, item, ToolKind::Function, request),
        "custom_tool_call_output" => result(path, item, ToolKind::Custom, request),
        "reasoning" => {
            request.items.extend(thought(parse_at(path, item)?).map(|thought| Item::Assistant(Block::Thought(thought))));
            Ok(())
        }
        "additional_tools" => {
            let tools = item.get("tools").and_then(Value::as_array).cloned().unwrap_or_default();
            offered.add_all(&format!("{path}.tools"), tools, request)
        }
        other => Err(CannotCarry::new(path, format_args!("{} {ITS_OWN}", named(other)))),
    }
}

/// A type's name for a message, if it is a name at all.
fn named(kind: &str) -> &str {
    if kind.len() <= 64 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
        kind
    } else {
        "This"
    }
}

fn message(path: &str, message: wire::Message, request: &mut Request) -> Result<(), CannotCarry> {
    let path = format!("{path}.content");
    let voice = match message.role.as_str() {
        "user" => {
            push_user(parts(&path, message.content, request)?, request);
            return Ok(());
        }
        "assistant" => return spoken_before(&path, message.content, request),
        "system" => Voice::System,
        "developer" => Voice::Developer,
        _ => {
            let field = path.replace(".content", ".role");
            return Err(CannotCarry::new(field, "Input should be 'user', 'assistant', 'system' or 'developer'"));
        }
    };
    let mut texts = Vec::new();
    for (place, part) in parts(&path, message.content, request)?.into_iter().enumerate() {
        match part {
            Part::Text(text) => texts.push(text),
            Part::Image(_) | Part::Document(_) => {
                return Err(CannotCarry::new(format_args!("{path}[{place}]"), "A prompt can hold text alone on this model"));
            }
        }
    }
    if !texts.is_empty() {
        request.items.push(Item::Instruction { voice, texts });
    }
    Ok(())
}

fn push_user(parts: Vec<Part>, request: &mut Request) {
    let parts: Vec<Part> = parts.into_iter().filter(|part| *part != Part::Text(String::new())).collect();
    if !parts.is_empty() {
        request.items.push(Item::User(parts));
    }
}

/// An assistant's message: text and refusals.
fn spoken_before(path: &str, content: Value, request: &mut Request) -> Result<(), CannotCarry> {
    let mut push = |text: String, block: fn(String) -> Block| {
        if !text.is_empty() {
            request.items.push(Item::Assistant(block(text)));
        }
    };
    let parts = match content {
        Value::String(text) => {
            push(text, Block::Text);
            return Ok(());
        }
        Value::Null => return Ok(()),
        Value::Array(parts) => parts,
        _ => return Err(not_content(path)),
    };
    for (place, part) in parts.into_iter().enumerate() {
        let path = format!("{path}[{place}]");
        match kind_of(&part) {
            "output_text" | "input_text" | "text" => push(parse_at::<wire::Spoken>(&path, part)?.text, Block::Text),
            "refusal" => push(parse_at::<wire::Spoken>(&path, part)?.text, Block::Refusal),
            _ => return Err(CannotCarry::new(path, "Input should be a part of type 'output_text' or 'refusal'")),
        }
    }
    Ok(())
}

fn not_content(path: &str) -> CannotCarry {
    CannotCarry::new(path, "Input should be a string or a list of parts")
}

/// The parts of a user's message, a prompt or a tool's output; empty texts are left out.
fn parts(path: &str, content: Value, request: &mut Request) -> Result<Vec<Part>, CannotCarry> {
    let list = match content {
        Value::String(text) => vec![Part::Text(text)],
        Value::Null => Vec::new(),
        Value::Array(list) => {
            let mut parts = Vec::with_capacity(list.len());
            for (place, part) in list.into_iter().enumerate() {
                if part.get("prompt_cache_breakpoint").is_some_and(|mark| !mark.is_null()) {
                    request.left_out.note("prompt_cache_breakpoint");
                }
                parts.push(read_part(&format!("{path}[{place}]"), part)?);
            }
            parts
        }
        _ => return Err(not_content(path)),
    };
    Ok(list.into_iter().filter(|part| *part != Part::Text(String::new())).collect())
}

fn read_part(path: &str, part: Value) -> Result<Part, CannotCarry> {
    match kind_of(&part) {
        "input_text" | "output_text" | "text" => Ok(Part::Text(parse_at::<wire::Spoken>(path, part)?.text)),
        "input_image" => {
            let image: wire::InputImage = parse_at(path, part)?;
            let source = match (image.image_url, image.file_id) {
                (Some(url), _) => address(url),
                (None, Some(id)) => Source::FileId(id),
                (None, None) => return Err(CannotCarry::new(path, "An image needs image_url or file_id")),
            };
            // `auto` is what absence means, and the API's types ask for the field.
            Ok(Part::Image(Image { source, detail: image.detail.filter(|detail| detail != "auto") }))
        }
        "input_file" => {
            let file: wire::InputFile = parse_at(path, part)?;
            let source = match (file.file_data, file.file_url, file.file_id) {
                (Some(data), ..) => match address(data) {
                    Source::Url(data) if data.starts_with("data:") => {
                        return Err(CannotCarry::new(format_args!("{path}.file_data"), "Input should be base64 or its data URL"));
                    }
                    // Bare base64: the API's own examples are PDFs.
                    Source::Url(data) => Source::Base64 { media_type: "application/pdf".to_owned(), data },
                    source => source,
                },
                (None, Some(url), _) => address(url),
                (None, None, Some(id)) => Source::FileId(id),
                (None, None, None) => return Err(CannotCarry::new(path, "A file needs file_data, file_url or file_id")),
            };
            Ok(Part::Document(Document { source, name: file.filename }))
        }
        other => {
            let problem = format_args!("{} is not a part that this model's channel can carry", named(other)).to_string();
            Err(CannotCarry::new(path, problem))
        }
    }
}

/// A `data:` URL's bytes, or the URL.
fn address(url: String) -> Source {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
    match inline.and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data))) {
        Some((media_type, data)) => Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() },
        None => Source::Url(url),
    }
}

fn call(path: &str, item: Value, kind: ToolKind, request: &mut Request) -> Result<(), CannotCarry> {
    let call: wire::Call = parse_at(path, item)?;
    let (field, input) = match kind {
        ToolKind::Function => ("arguments", call.arguments),
        ToolKind::Custom => ("input", call.input),
    };
    let input = input.ok_or_else(|| CannotCarry::new(format_args!("{path}.{field}"), "Field required"))?;
    let call = Call { id: call.call_id, name: call.name, namespace: call.namespace, kind, input };
    request.items.push(Item::Assistant(Block::Call(call)));
    Ok(())
}

fn result(path: &str, item: Value, kind: ToolKind, request: &mut Request) -> Result<(), CannotCarry> {
    let output: wire::CallOutput = parse_at(path, item)?;
    let parts = parts(&format!("{path}.output"), output.output, request)?;
    request.items.push(Item::Result(ToolResult { call_id: output.call_id, kind, parts, is_error: false }));
    Ok(())
}

/// A reasoning item; `None` when it holds nothing. Its seal is OpenAI's own, or one of another maker that travelled
/// in `encrypted_content`.
pub fn thought(item: wire::Thinking) -> Option<Thought> {
    let words = |parts: Option<Vec<wire::Words>>| parts.into_iter().flatten().map(|part| part.text).collect::<Vec<_>>();
    let summary = words(item.summary);
    let mut text = joined(&summary);
    if text.is_empty() {
        text = joined(&words(item.content));
    }
    let seal = item.encrypted_content.filter(|content| !content.is_empty()).map(|content| {
        let id = item.id.unwrap_or_default();
        Seal::unpack(&content).unwrap_or(Seal::Encrypted { id, summary, encrypted_content: content })
    });
    (!text.is_empty() || seal.is_some()).then_some(Thought { text, seal })
}

/// Parts of thinking as one text.
fn joined(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n\n")
}
