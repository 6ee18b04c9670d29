//! Writing a request's messages.

use std::collections::{HashMap, HashSet};

use actors::vocabulary::Protocol;
use serde_json::{Map, Value, json};

use super::media;
use super::opaque::{self, Thinking};
use crate::translation::hub::{
    Block, Call, CannotCarry, Item, Part, Request, ToolKind, ToolNames, ToolResult, Voice, maker, say_failed,
    takes_completion_limit, wrapped,
};

/// Writes `messages`. Consecutive items of the assistant become one message; so do the images and files of
/// consecutive results, which the role `tool` has no place for: a user's message behind them.
pub(super) fn write_messages(
    mut items: Vec<Item>,
    request: &Request,
    names: &ToolNames,
    model: &str,
) -> Result<Value, CannotCarry> {
    let field = if request.client == Protocol::Responses { "input" } else { "messages" };
    let maker = maker(model);
    let attached = opaque::attachments(&items, &maker);
    let (turn, messages, shown) = (Turn::default(), Vec::new(), Vec::new());
    let mut writer = Writer { field, names, model, maker, attached, messages, turn, shown };
    results_first(&mut items);
    for item in items {
        writer.item(item)?;
    }
    writer.end_turn();
    writer.end_results();
    Ok(Value::Array(writer.messages))
}

/// Results stand right behind the turn whose calls they answer, whatever a user said in between.
fn results_first(items: &mut [Item]) {
    let is_assistant = |item: &Item| matches!(item, Item::Assistant(_));
    let mut calls: HashSet<String> = HashSet::new();
    for run in items.chunk_by_mut(|one, other| is_assistant(one) == is_assistant(other)) {
        run.sort_by_cached_key(|item| !matches!(item, Item::Result(result) if calls.contains(&result.call_id)));
        calls = run.iter().filter_map(called).collect();
    }
}

/// The id of a call.
fn called(item: &Item) -> Option<String> {
    match item {
        Item::Assistant(Block::Call(call)) => Some(call.id.clone()),
        _ => None,
    }
}

struct Writer<'a> {
    /// The client's field that holds the conversation, for errors.
    field: &'static str,
    names: &'a ToolNames,
    model: &'a str,
    /// Who made the model; what others attached to an answer does not go there.
    maker: String,
    /// What belongs to calls, by their ids.
    attached: HashMap<String, Map<String, Value>>,
    messages: Vec<Value>,
    /// The assistant's turn that is being gathered.
    turn: Turn,
    /// Parts of the message that shows what results hold beside text.
    shown: Vec<Value>,
}

#[derive(Default)]
struct Turn {
    thinking: Thinking,
    texts: Vec<String>,
    refusals: Vec<String>,
    calls: Vec<Value>,
}

impl Writer<'_> {
    fn item(&mut self, item: Item) -> Result<(), CannotCarry> {
        if !matches!(item, Item::Assistant(_)) {
            self.end_turn();
        }
        if !matches!(item, Item::Result(_)) {
            self.end_results();
        }
        match item {
            Item::Instruction { voice, texts } => {
                let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
                if !texts.is_empty() {
                    self.messages.push(json!({"role": role(voice, self.model), "content": texts_content(texts)}));
                }
            }
            Item::User(parts) => self.user(parts)?,
            Item::Assistant(block) => self.block(block),
            Item::Result(result) => self.result(result)?,
        }
        Ok(())
    }

    fn user(&mut self, parts: Vec<Part>) -> Result<(), CannotCarry> {
        let mut parts: Vec<Part> =
            parts.into_iter().filter(|part| !matches!(part, Part::Text(text) if text.is_empty())).collect();
        let content = match parts.as_mut_slice() {
            [] => return Ok(()),
            [Part::Text(text)] => Value::String(std::mem::take(text)),
            _ => parts.into_iter().map(|part| self.part(part)).collect::<Result<_, _>>()?,
        };
        self.messages.push(json!({"role": "user", "content": content}));
        Ok(())
    }

    fn part(&self, part: Part) -> Result<Value, CannotCarry> {
        match part {
            Part::Text(text) => Ok(text_part(text)),
            Part::Image(image) => media::write_image(self.field, image),
            Part::Document(document) => media::write_file(self.field, document),
        }
    }

    fn block(&mut self, block: Block) {
        match block {
            Block::Text(text) => self.turn.texts.extend(Some(text).filter(|text| !text.is_empty())),
            Block::Refusal(words) => self.turn.refusals.extend(Some(words).filter(|words| !words.is_empty())),
            Block::Thought(thought) => self.turn.thinking.add(thought, &self.maker),
            Block::Call(call) => self.turn.calls.push(self.call(call)),
        }
    }

    fn call(&self, call: Call) -> Value {
        let name = self.names.upstream(&call.name, call.namespace.as_deref());
        let arguments = match call.kind {
            ToolKind::Custom => wrapped(&call.input),
            ToolKind::Function if call.input.trim().is_empty() => "{}".to_owned(),
            ToolKind::Function => call.input,
        };
        let id = self.names.upstream_id(&call.id);
        let mut written = json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        if let (Some(attached), Value::Object(fields)) = (self.attached.get(&call.id), &mut written) {
            fields.extend(attached.clone());
        }
        written
    }

    fn end_turn(&mut self) {
        let Turn { thinking, texts, refusals, calls } = std::mem::take(&mut self.turn);
        if texts.is_empty() && refusals.is_empty() && calls.is_empty() {
            return;
        }
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        let refusal = Some(refusals.concat()).filter(|refusal| !refusal.is_empty());
        match (texts.is_empty(), refusal) {
            (true, None) => message.insert("content".to_owned(), Value::Null),
            // Content is required where there are no calls.
            (true, Some(refusal)) => message.insert("content".to_owned(), json!([{"type": "refusal", "refusal": refusal}])),
            (false, refusal) => {
                message.extend(refusal.map(|refusal| ("refusal".to_owned(), Value::String(refusal))));
                message.insert("content".to_owned(), texts_content(texts))
            }
        };
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        thinking.write(&mut message, &self.maker);
        self.messages.push(Value::Object(message));
    }

    fn result(&mut self, result: ToolResult) -> Result<(), CannotCarry> {
        let mut texts = Vec::new();
        for part in result.parts {
            let kind = match part {
                Part::Text(text) => {
                    texts.extend(Some(text).filter(|text| !text.is_empty()));
                    continue;
                }
                Part::Image(_) => "image",
                Part::Document(_) => "file",
            };
            // Each part shown has a text before it.
            let number = self.shown.len() / 2 + 1;
            texts.push(format!("[{kind} {number}: see the next message]"));
            let part = self.part(part)?;
            self.shown.push(text_part(format!("[{kind} {number}, from the result of call {}]", result.call_id)));
            self.shown.push(part);
        }
        if result.is_error {
            let alone = say_failed(texts.first_mut());
            texts.extend(alone);
        }
        let content = if texts.is_empty() { json!("") } else { texts_content(texts) };
        let id = self.names.upstream_id(&result.call_id);
        self.messages.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
        Ok(())
    }

    fn end_results(&mut self) {
        if !self.shown.is_empty() {
            let content = std::mem::take(&mut self.shown);
            self.messages.push(json!({"role": "user", "content": content}));
        }
    }
}

/// The role of a prompt. `developer` is OpenAI's own; other providers refuse it, and what they know is `system`.
fn role(voice: Voice, model: &str) -> &'static str {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_openai = takes_completion_limit(model) || name.starts_with("gpt-") || name.starts_with("chatgpt-");
    match voice {
        Voice::Developer if is_openai => "developer",
        Voice::Developer | Voice::System => "system",
    }
}

fn texts_content(mut texts: Vec<String>) -> Value {
    match texts.as_mut_slice() {
        [one] => Value::String(std::mem::take(one)),
        _ => texts.into_iter().map(text_part).collect(),
    }
}

fn text_part(text: String) -> Value {
    json!({"type": "text", "text": text})
}
