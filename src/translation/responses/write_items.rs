//! Writes what was said as input items.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::translation::hub::{
    Block, Call, Document, Image, Item, Part, Request, Seal, Source, Thought, ToolKind, ToolNames, ToolResult, Voice, data_url,
    say_failed, usual_name,
};

/// Moves the request's items into `instructions` and `input`.
pub fn write(request: &mut Request, names: &ToolNames, body: &mut Map<String, Value>) {
    let custom_calls: HashSet<String> =
        request.calls().filter(|call| call.kind == ToolKind::Custom).map(|call| call.id.clone()).collect();
    let mut items = std::mem::take(&mut request.items);
    // A lone prompt stays in the input, which may not be empty.
    if items.len() > 1
        && let Some(Item::Instruction { voice: Voice::System, texts }) = items.first_mut()
        && let [text] = texts.as_mut_slice()
    {
        body.insert("instructions".to_owned(), std::mem::take(text).into());
        items.remove(0);
    }
    let mut input = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        match item {
            Item::Instruction { voice, texts } => {
                let role = if voice == Voice::System { "system" } else { "developer" };
                input.push(message(role, content(texts.into_iter().map(Part::Text).collect())));
            }
            Item::User(parts) => input.push(message("user", content(parts))),
            Item::Assistant(Block::Text(text)) => input.push(message("assistant", text.into())),
            Item::Assistant(Block::Refusal(refusal)) => input.push(refused(place, &refusal)),
            Item::Assistant(Block::Thought(thought)) => input.extend(reasoning(thought)),
            Item::Assistant(Block::Call(call)) => input.push(written_call(call, names)),
            Item::Result(result) => {
                let is_custom = result.kind == ToolKind::Custom || custom_calls.contains(&result.call_id);
                input.push(output(result, is_custom, names));
            }
        }
    }
    body.insert("input".to_owned(), input.into());
}

fn message(role: &str, content: Value) -> Value {
    json!({"type": "message", "role": role, "content": content})
}

/// One text as a string, anything else as parts.
fn content(mut parts: Vec<Part>) -> Value {
    if let [Part::Text(text)] = parts.as_mut_slice() {
        return std::mem::take(text).into();
    }
    parts.into_iter().map(|part| written_part(part, true)).collect::<Vec<_>>().into()
}

/// A part of a message or of an output. A message's image must say its `detail` (the API's types).
fn written_part(part: Part, in_message: bool) -> Value {
    match part {
        Part::Text(text) => json!({"type": "input_text", "text": text}),
        Part::Image(Image { source, detail }) => {
            let mut image = json!({"type": "input_image"});
            match source {
                Source::Base64 { media_type, data } => image["image_url"] = data_url(&media_type, &data).into(),
                Source::Url(url) => image["image_url"] = url.into(),
                Source::FileId(id) => image["file_id"] = id.into(),
            }
            if let Some(detail) = detail.or_else(|| in_message.then(|| "auto".to_owned())) {
                image["detail"] = detail.into();
            }
            image
        }
        Part::Document(Document { source, name }) => match source {
            Source::Base64 { media_type, data } => {
                let filename = name.as_deref().unwrap_or(usual_name(&media_type));
                json!({"type": "input_file", "filename": filename, "file_data": data_url(&media_type, &data)})
            }
            Source::Url(url) => json!({"type": "input_file", "file_url": url}),
            Source::FileId(id) => json!({"type": "input_file", "file_id": id}),
        },
    }
}

/// A refusal is an output message, which has an id and a status.
fn refused(place: usize, refusal: &str) -> Value {
    json!({
        "type": "message", "id": format!("msg_{place}"), "role": "assistant", "status": "completed",
        "content": [{"type": "refusal", "refusal": refusal}],
    })
}

/// OpenAI's own thoughts go back as they came. Others cannot be read there and are left out on purpose.
fn reasoning(thought: Thought) -> Option<Value> {
    let Some(Seal::Encrypted { id, summary, encrypted_content }) = thought.seal else { return None };
    let summary: Vec<Value> = summary.into_iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
    Some(json!({"type": "reasoning", "id": id, "summary": summary, "encrypted_content": encrypted_content}))
}

fn written_call(call: Call, names: &ToolNames) -> Value {
    let name = names.upstream(&call.name, call.namespace.as_deref());
    let id = names.upstream_id(&call.id);
    match call.kind {
        ToolKind::Function => {
            let arguments = if call.input.is_empty() { "{}".to_owned() } else { call.input };
            json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})
        }
        ToolKind::Custom => json!({"type": "custom_tool_call", "call_id": id, "name": name, "input": call.input}),
    }
}

fn output(result: ToolResult, is_custom: bool, names: &ToolNames) -> Value {
    let mut parts = result.parts;
    if result.is_error {
        let words = parts.iter_mut().find_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
        if let Some(alone) = say_failed(words) {
            parts.insert(0, Part::Text(alone));
        }
    }
    let output: Value = match parts.as_mut_slice() {
        [] => "".into(),
        [Part::Text(text)] => std::mem::take(text).into(),
        _ => parts.into_iter().map(|part| written_part(part, is_custom)).collect::<Vec<_>>().into(),
    };
    let kind = if is_custom { "custom_tool_call_output" } else { "function_call_output" };
    json!({"type": kind, "call_id": names.upstream_id(&result.call_id), "output": output})
}
