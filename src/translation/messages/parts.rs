//! Images and documents.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::wire::{Block, Source as Wire, blocks, tagged};
use crate::translation::hub::{CannotCarry, Document, Image, LeftOut, Part, Source};

/// Types of documents that are text though their names do not begin so.
const TEXT_TYPES: [&str; 5] =
    ["application/json", "application/xml", "application/yaml", "application/x-yaml", "application/javascript"];

/// Reads a block that a user's message and a tool's result share. Empty texts are dropped.
///
/// # Errors
/// Names what has no equivalent.
pub fn read(path: &str, block: Block, left_out: &mut LeftOut) -> Result<Vec<Part>, CannotCarry> {
    let parts = match block {
        Block::Text { text } => vec![Part::Text(text)],
        Block::Image { source } => vec![image(&format!("{path}.source"), source)?],
        Block::Document { source, title, context } => document(&format!("{path}.source"), source, title, context, left_out)?,
        Block::SearchResult { source, title, content } => {
            let texts = texts(&format!("{path}.content"), content, left_out)?;
            vec![lines([Some(title), Some(source)], &texts.join("\n"))]
        }
        Block::ToolReference { tool_name } => vec![Part::Text(format!("The tool {tool_name} is available."))],
        _ => return Err(CannotCarry::new(path, "this type of block does not belong here")),
    };
    Ok(parts.into_iter().filter(|part| !matches!(part, Part::Text(text) if text.is_empty())).collect())
}

/// Reads content that is text alone. Empty texts are dropped.
///
/// # Errors
/// Names what is no text.
pub fn texts(path: &str, content: Value, left_out: &mut LeftOut) -> Result<Vec<String>, CannotCarry> {
    let mut texts = Vec::new();
    for (at, block) in blocks(path, content)?.into_iter().enumerate() {
        note_cache_mark(&block, left_out);
        match tagged::<Block>(&format!("{path}[{at}]"), block)? {
            Block::Text { text } if text.is_empty() => {}
            Block::Text { text } => texts.push(text),
            _ => return Err(CannotCarry::new(format!("{path}[{at}]"), "only text can stand here")),
        }
    }
    Ok(texts)
}

/// Names a cache mark that stands on a block.
pub fn note_cache_mark(block: &Value, left_out: &mut LeftOut) {
    if block.get("cache_control").is_some_and(|mark| !mark.is_null()) {
        left_out.note("cache_control");
    }
}

fn lines(heads: [Option<String>; 2], text: &str) -> Part {
    let heads = heads.into_iter().flatten().filter(|head| !head.is_empty()).map(|head| head + "\n");
    Part::Text(heads.collect::<String>() + text)
}

fn image(path: &str, source: Value) -> Result<Part, CannotCarry> {
    let source = match tagged(path, source)? {
        Wire::Base64 { media_type, data } => Source::Base64 { media_type, data },
        Wire::Url { url } => Source::Url(url),
        Wire::File {} => return Err(file(path)),
        _ => return Err(CannotCarry::new(path, "this type of source does not belong to an image")),
    };
    Ok(Part::Image(Image { source, detail: None }))
}

fn file(path: &str) -> CannotCarry {
    CannotCarry::new(path, "a file kept at Anthropic cannot be read by another provider; send its content")
}

fn document(
    path: &str,
    source: Value,
    title: Option<String>,
    context: Option<String>,
    left_out: &mut LeftOut,
) -> Result<Vec<Part>, CannotCarry> {
    let source = match tagged(path, source)? {
        Wire::Base64 { media_type, data } => Source::Base64 { media_type, data },
        Wire::Url { url } => Source::Url(url),
        Wire::Text { data } => return Ok(vec![lines([title, context], &data)]),
        Wire::File {} => return Err(file(path)),
        Wire::Content { content } => {
            let path = format!("{path}.content");
            let mut parts = vec![lines([title, context], "")];
            for (at, block) in blocks(&path, content)?.into_iter().enumerate() {
                let path = format!("{path}[{at}]");
                note_cache_mark(&block, left_out);
                match tagged(&path, block)? {
                    block @ (Block::Text { .. } | Block::Image { .. }) => parts.extend(read(&path, block, left_out)?),
                    _ => return Err(CannotCarry::new(path, "only text and images can stand in a document")),
                }
            }
            return Ok(parts);
        }
    };
    let document = Part::Document(Document { source, name: title });
    Ok(context.map(Part::Text).into_iter().chain([document]).collect())
}

/// Writes parts as blocks. Texts without a visible character are left out: the API refuses them.
///
/// # Errors
/// By `field`, what Claude has no block for.
pub fn write(field: &str, parts: &[Part]) -> Result<Vec<Value>, CannotCarry> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text(text) if text.trim().is_empty() => {}
            Part::Text(text) => blocks.push(json!({"type": "text", "text": text})),
            Part::Image(image) => blocks.push(json!({"type": "image", "source": image_source(field, &image.source)?})),
            Part::Document(document) => blocks.push(write_document(field, document)?),
        }
    }
    Ok(blocks)
}

fn image_source(field: &str, source: &Source) -> Result<Value, CannotCarry> {
    match source {
        Source::Base64 { media_type, data } => {
            let media_type = if media_type == "image/jpg" { "image/jpeg" } else { media_type };
            Ok(json!({"type": "base64", "media_type": media_type, "data": data}))
        }
        Source::Url(url) => Ok(json!({"type": "url", "url": url})),
        Source::FileId(_) => Err(foreign_file(field)),
    }
}

fn foreign_file(field: &str) -> CannotCarry {
    CannotCarry::new(field, "a file kept at OpenAI (`file_id`) cannot be read by Claude; send its content")
}

fn write_document(field: &str, document: &Document) -> Result<Value, CannotCarry> {
    let source = match &document.source {
        Source::Base64 { media_type, data } if media_type == "application/pdf" => {
            json!({"type": "base64", "media_type": media_type, "data": data})
        }
        Source::Base64 { media_type, data } => {
            let bare = media_type.split(';').next().unwrap_or_default().trim();
            let is_text = bare.starts_with("text/") || TEXT_TYPES.contains(&bare);
            let text = STANDARD.decode(data).ok().filter(|_| is_text).and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| CannotCarry::new(field, "Claude reads documents that are PDF or UTF-8 text"))?;
            json!({"type": "text", "media_type": "text/plain", "data": text})
        }
        Source::Url(url) => json!({"type": "url", "url": url}),
        Source::FileId(_) => return Err(foreign_file(field)),
    };
    let mut block = json!({"type": "document", "source": source});
    if let Some(name) = document.name.as_ref().filter(|name| !name.is_empty()) {
        block["title"] = json!(name);
    }
    Ok(block)
}
