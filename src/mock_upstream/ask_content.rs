//! Looking into the messages of a request: how much text there is, and whether a tool should be called.

use serde_json::Value;

use super::route::Protocol;

/// The words in a user's message that make the provider call the first tool it was offered.
const MAGIC_WORDS: &str = "use the tool";

/// The tool a request makes the provider call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolAsk {
    pub(super) name: String,
}

/// The UTF-8 bytes of all text in a request: system prompt, instructions, messages, tool results.
pub(super) fn text_bytes(body: &Value) -> u64 {
    ["system", "instructions", "messages", "input"].iter().map(|field| text_bytes_of(&body[*field])).sum()
}

fn text_bytes_of(content: &Value) -> u64 {
    match content {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(text_bytes_of).sum(),
        Value::Object(fields) => {
            let texts = ["text", "content", "output"].iter();
            texts.filter_map(|field| fields.get(*field)).map(text_bytes_of).sum()
        }
        _ => 0,
    }
}

/// The tool to call: when the choice forces one or a user says the magic words, unless the last message is a
/// tool's result.
pub(super) fn tool_asked_for(protocol: Protocol, body: &Value) -> Option<ToolAsk> {
    let offered = first_tool(body)?;
    let turns = &body[if protocol == Protocol::Responses { "input" } else { "messages" }];
    if is_tool_result(turns.as_array().and_then(|list| list.last())) {
        return None;
    }
    let choice = &body["tool_choice"];
    if choice == "none" || choice["type"] == "none" {
        return None;
    }
    if let Some(name) = choice["name"].as_str().or_else(|| choice["function"]["name"].as_str()) {
        return Some(ToolAsk { name: name.to_owned() });
    }
    let forced = choice == "required" || choice["type"] == "any" || choice["mode"] == "required";
    (forced || users_say_the_words(turns)).then_some(ToolAsk { name: offered })
}

/// The name of the first tool that the client itself runs.
fn first_tool(body: &Value) -> Option<String> {
    let tools = body["tools"].as_array()?;
    let names = tools.iter().filter_map(|tool| tool["name"].as_str().or_else(|| tool["function"]["name"].as_str()));
    names.map(str::to_owned).next()
}

fn is_tool_result(last: Option<&Value>) -> bool {
    let Some(last) = last else { return false };
    let kind = last["type"].as_str().unwrap_or_default();
    let blocks = last["content"].as_array();
    last["role"] == "tool"
        || kind.ends_with("_call_output")
        || blocks.is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"))
}

fn users_say_the_words(turns: &Value) -> bool {
    match turns {
        Value::String(text) => text.contains(MAGIC_WORDS),
        Value::Array(list) => list.iter().filter(|turn| turn["role"] == "user").any(|turn| says_the_words(&turn["content"])),
        _ => false,
    }
}

fn says_the_words(content: &Value) -> bool {
    match content {
        Value::String(text) => text.contains(MAGIC_WORDS),
        Value::Array(blocks) => blocks.iter().any(|block| block["text"].as_str().is_some_and(|text| text.contains(MAGIC_WORDS))),
        _ => false,
    }
}
