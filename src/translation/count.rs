//! Counting a Messages request's input where the upstream has no route for it.

use serde_json::Value;

use super::hub::{Block, CannotCarry, Item, Part, Request};
use super::messages;
use actors::vocabulary::usage::TOKENS_PER_IMAGE;

/// Tokens that wrap each message, and those that begin the answer (OpenAI's cookbook, "How to count tokens with
/// tiktoken", for every model since gpt-3.5-turbo-0613).
const PER_MESSAGE: i64 = 3;

/// The input tokens of a `count_tokens` body, with the vocabulary of OpenAI's models since GPT-4o (o200k): near for them
/// and for others an estimate.
///
/// # Errors
/// Names the field that is wrong.
pub fn input_tokens(body: &[u8]) -> Result<i64, CannotCarry> {
    let request = messages::read_request(body)?;
    let mut count = Count::default();
    count.request(&request);
    Ok(count.tokens + PER_MESSAGE)
}

#[derive(Default)]
struct Count {
    tokens: i64,
}

impl Count {
    fn request(&mut self, request: &Request) {
        for item in &request.items {
            self.tokens += PER_MESSAGE;
            match item {
                Item::Instruction { texts, .. } => texts.iter().for_each(|text| self.text(text)),
                Item::User(parts) => self.parts(parts),
                Item::Result(result) => self.parts(&result.parts),
                Item::Assistant(Block::Text(text) | Block::Refusal(text)) => self.text(text),
                // Earlier thinking is not read again.
                Item::Assistant(Block::Thought(_)) => {}
                Item::Assistant(Block::Call(call)) => {
                    self.text(&call.name);
                    self.text(&call.input);
                }
            }
        }
        for tool in &request.tools {
            self.text(&tool.name);
            self.text(tool.description.as_deref().unwrap_or_default());
            self.json(&tool.schema);
        }
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Text(text) => self.text(text),
                Part::Image(_) | Part::Document(_) => self.tokens += TOKENS_PER_IMAGE,
            }
        }
    }

    fn json(&mut self, value: &Value) {
        self.text(&value.to_string());
    }

    fn text(&mut self, text: &str) {
        self.tokens += i64::try_from(bpe_openai::o200k_base().count(text)).unwrap_or(i64::MAX);
    }
}
