//! Reads usage from the upstream's own bytes: once, into one value that reply, log and bill share.

mod wire;

use super::sse::Frame;
use actors::vocabulary::usage::estimate_tokens;
use actors::vocabulary::{Protocol, Usage};
use serde::Deserialize;
use serde_json::Value;
use wire::{Block, ChatChunk, ChatDelta, MessagesEvent, RawUsage, ResponsesEvent, Whole};

/// What an event means for the commit and for the end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A ping or a comment.
    Silence,
    /// The answer has begun, without content yet.
    Opening,
    /// Content, thinking, a tool call or a stop reason.
    Content,
    /// Usage alone, in a chunk that clients see only when they asked for it.
    UsageChunk,
    /// The protocol's last event.
    End,
    /// The protocol's error event.
    Error,
}

/// Collects usage from an answer.
#[derive(Clone, Debug)]
pub struct UsageTap {
    protocol: Protocol,
    usage: Usage,
    reported: bool,
    /// Whether some of it was estimated already.
    estimated: bool,
    text_bytes: usize,
    produced: bool,
    stopped: bool,
    began: bool,
    response_id: Option<String>,
    next_sequence: i64,
    splits_cache_writes: bool,
}

impl UsageTap {
    /// For answers in `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            usage: Usage::default(),
            reported: false,
            estimated: false,
            text_bytes: 0,
            produced: false,
            stopped: false,
            began: false,
            response_id: None,
            next_sequence: 0,
            splits_cache_writes: false,
        }
    }

    /// With OpenAI's `cache_write_tokens` counted as cache creation, where that has a price of its own. Without one they
    /// stay input, which they are inside: else they would be free.
    pub fn splitting_cache_writes(self, have_a_price: bool) -> Self {
        Self { splits_cache_writes: have_a_price, ..self }
    }

    /// The number that the next event of a Responses stream has.
    pub fn next_sequence(&self) -> i64 {
        self.next_sequence
    }

    /// The usage so far; where the upstream named none, `input` as estimated and the output's text counted.
    /// The flag says whether anything was estimated.
    pub fn reading(&self, input: i64) -> (Usage, bool) {
        let delivered = estimate_tokens(self.text_bytes);
        if !self.reported {
            return (Usage { input, output: delivered, ..Usage::default() }, true);
        }
        // Before its end a stream may have named its input alone (`message_start`), and some providers name zeros.
        if (!self.stopped || self.usage.output == 0) && self.usage.output < delivered {
            return (Usage { output: delivered, ..self.usage }, true);
        }
        (self.usage, self.estimated)
    }

    /// Adds what another whole answer to the same request used; `input` as for [`Self::reading`].
    pub fn join(&mut self, other: &Self, input: i64) {
        let ((own, own_estimated), (more, more_estimated)) = (self.reading(input), other.reading(input));
        self.usage = Usage {
            input: own.input.saturating_add(more.input),
            output: own.output.saturating_add(more.output),
            cache_read: own.cache_read.saturating_add(more.cache_read),
            cache_creation_5m: own.cache_creation_5m.saturating_add(more.cache_creation_5m),
            cache_creation_1h: own.cache_creation_1h.saturating_add(more.cache_creation_1h),
            reasoning: own.reasoning.saturating_add(more.reasoning),
        };
        (self.reported, self.estimated) = (true, own_estimated || more_estimated);
        self.text_bytes += other.text_bytes;
        self.produced |= other.produced;
    }

    /// Whether any content came.
    pub fn produced(&self) -> bool {
        self.produced
    }

    /// Whether the stop reason came, so that only the last event may be missing.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Whether anything of an answer came: the last event of Messages and Chat Completions alone is nothing.
    pub fn began(&self) -> bool {
        self.began
    }

    /// The id of a Responses or Messages answer.
    pub fn response_id(&self) -> Option<&str> {
        self.response_id.as_deref()
    }

    /// Output tokens counted from text so far.
    pub fn delivered(&self) -> i64 {
        estimate_tokens(self.text_bytes).max(self.usage.output)
    }

    /// Reads a whole answer.
    pub fn whole(&mut self, body: &[u8]) {
        let answer = serde_json::from_slice::<Whole<'_>>(body).unwrap_or_else(|_| Whole::odd(body));
        if let Some(usage) = &answer.usage {
            self.take(usage);
        }
        self.stopped = true;
        let has_memory = matches!(self.protocol, Protocol::Responses | Protocol::Messages);
        self.response_id = answer.id.filter(|_| has_memory).map(std::borrow::Cow::into_owned);
        let text = answer.content.iter().chain(&answer.output).chain(&answer.choices);
        self.text_bytes += text.map(text_bytes).sum::<usize>();
        self.produced = self.text_bytes > 0 || self.usage.output > 0 || self.protocol == Protocol::Embeddings;
    }

    /// Reads one event of a stream.
    pub fn event(&mut self, frame: &Frame) -> Meaning {
        let Some(data) = &frame.data else { return Meaning::Silence };
        let meaning = match self.protocol {
            Protocol::Messages => self.messages_event(data),
            Protocol::Responses => self.responses_event(data, frame.event.as_deref().unwrap_or_default()),
            _ => self.chat_chunk(data),
        };
        let is_last = meaning == Meaning::End && self.protocol != Protocol::Responses;
        self.began |= meaning != Meaning::Silence && !is_last;
        // A stop reason alone is no output.
        self.produced |= self.text_bytes > 0;
        meaning
    }

    fn messages_event(&mut self, data: &[u8]) -> Meaning {
        let Ok(event) = serde_json::from_slice::<MessagesEvent<'_>>(data) else { return Meaning::Opening };
        if let Some(usage) = event.message.as_ref().and_then(|message| message.usage.as_ref()).or(event.usage.as_ref()) {
            self.take(usage);
        }
        if let Some(id) = event.message.and_then(|message| message.id) {
            self.response_id = Some(id.into_owned());
        }
        match event.kind.as_deref() {
            Some("ping") => Meaning::Silence,
            Some("error") => Meaning::Error,
            Some("message_stop") => Meaning::End,
            Some("content_block_start") => match event.content_block {
                Some(block) if !matches!(block.kind.as_deref(), Some("text" | "thinking")) => {
                    self.produced = true;
                    Meaning::Content
                }
                Some(Block { text: Some(text), .. }) if !text.is_empty() => {
                    self.text_bytes += text.len();
                    Meaning::Content
                }
                _ => Meaning::Opening,
            },
            Some("content_block_delta") => {
                self.text_bytes += event.delta.map_or(0, |delta| delta.text_bytes());
                Meaning::Content
            }
            Some("message_delta") => {
                self.stopped |= event.delta.is_some_and(|delta| delta.stop_reason.is_some());
                Meaning::Content
            }
            _ => Meaning::Opening,
        }
    }

    fn chat_chunk(&mut self, data: &[u8]) -> Meaning {
        if data.trim_ascii() == b"[DONE]" {
            return Meaning::End;
        }
        let Ok(chunk) = serde_json::from_slice::<ChatChunk<'_>>(data) else { return self.odd_chunk(data) };
        if chunk.error.is_some() {
            return Meaning::Error;
        }
        if let Some(usage) = &chunk.usage {
            self.take(usage);
            if chunk.choices.is_empty() {
                return Meaning::UsageChunk;
            }
        }
        let mut meaning = Meaning::Opening;
        for choice in chunk.choices {
            let bytes = choice.delta.as_ref().map_or(0, ChatDelta::text_bytes);
            self.text_bytes += bytes;
            let calls = choice
                .delta
                .is_some_and(|delta| delta.tool_calls.is_some_and(|calls| !calls.is_empty()) || delta.function_call.is_some());
            // Some providers write an empty one in every chunk.
            let stops = choice.finish_reason.is_some_and(|reason| !reason.is_empty());
            self.stopped |= stops;
            self.produced |= calls;
            if bytes > 0 || calls || stops {
                meaning = Meaning::Content;
            }
        }
        meaning
    }

    /// A chunk that is not as OpenAI's are: content in parts (Mistral's thinking), arguments as an object, `choices: null`.
    fn odd_chunk(&mut self, data: &[u8]) -> Meaning {
        let Ok(chunk) = serde_json::from_slice::<Value>(data) else { return Meaning::Opening };
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Meaning::Error;
        }
        let usage = chunk.get("usage").and_then(|usage| RawUsage::deserialize(usage).ok());
        if let Some(usage) = &usage {
            self.take(usage);
        }
        let choices = chunk.get("choices").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if usage.is_some() && choices.is_empty() {
            return Meaning::UsageChunk;
        }
        let mut meaning = Meaning::Opening;
        for choice in choices {
            let bytes = choice.get("delta").map_or(0, text_bytes);
            let stops = choice.get("finish_reason").and_then(Value::as_str).is_some_and(|reason| !reason.is_empty());
            self.text_bytes += bytes;
            self.stopped |= stops;
            if bytes > 0 || stops {
                meaning = Meaning::Content;
            }
        }
        meaning
    }

    /// `named` is the kind as the `event:` line has it.
    fn responses_event(&mut self, data: &[u8], named: &str) -> Meaning {
        let Ok(event) = serde_json::from_slice::<ResponsesEvent<'_>>(data) else { return Meaning::Opening };
        let is_bare_error = event.error.is_some() && event.response.is_none();
        if let Some(response) = event.response {
            if let Some(usage) = &response.usage {
                self.take(usage);
            }
            if let Some(id) = response.id {
                self.response_id = Some(id.into_owned());
            }
        }
        self.next_sequence = event.sequence_number.map_or(self.next_sequence, |number| number.saturating_add(1));
        let kind = event.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or(named);
        match kind {
            "error" | "response.failed" | "response.cancelled" => Meaning::Error,
            _ if is_bare_error => Meaning::Error,
            "response.completed" | "response.incomplete" | "response.done" => {
                self.stopped = true;
                Meaning::End
            }
            "response.output_item.added" => match event.item.and_then(|item| item.kind).as_deref() {
                None | Some("message" | "reasoning") => Meaning::Opening,
                Some(_) => {
                    self.produced = true;
                    Meaning::Content
                }
            },
            _ if kind.ends_with(".delta") => {
                self.text_bytes += event.delta.map_or(0, |delta| delta.len());
                Meaning::Content
            }
            _ if kind.ends_with(".done") => Meaning::Content,
            _ => Meaning::Opening,
        }
    }

    /// Takes a usage object in; later figures overwrite earlier ones, since they are cumulative.
    fn take(&mut self, raw: &RawUsage) {
        self.reported = true;
        let usage = &mut self.usage;
        let set = |slot: &mut i64, value: Option<i64>| *slot = value.map_or(*slot, |value| value.max(0));
        if self.protocol == Protocol::Messages {
            set(&mut usage.input, raw.input_tokens);
            set(&mut usage.output, raw.output_tokens);
            set(&mut usage.cache_read, raw.cache_read_input_tokens);
            match &raw.cache_creation {
                Some(split) => {
                    set(&mut usage.cache_creation_5m, split.ephemeral_5m_input_tokens);
                    set(&mut usage.cache_creation_1h, split.ephemeral_1h_input_tokens);
                }
                None if usage.cache_creation_1h == 0 => set(&mut usage.cache_creation_5m, raw.cache_creation_input_tokens),
                None => {}
            }
            set(&mut usage.reasoning, raw.output_tokens_details.as_ref().and_then(|details| details.thinking_tokens));
            return;
        }
        let details = raw.prompt_tokens_details.as_ref().or(raw.input_tokens_details.as_ref());
        set(&mut usage.cache_read, details.and_then(|details| details.cached_tokens));
        // OpenAI's cached tokens are inside its input; Anthropic's stand beside it.
        if self.splits_cache_writes {
            set(&mut usage.cache_creation_5m, details.and_then(|details| details.cache_write_tokens));
        }
        if let Some(input) = raw.prompt_tokens.or(raw.input_tokens) {
            usage.input = input.saturating_sub(usage.cache_read).saturating_sub(usage.cache_creation_5m).max(0);
        }
        set(&mut usage.output, raw.completion_tokens.or(raw.output_tokens));
        let output_details = raw.completion_tokens_details.as_ref().or(raw.output_tokens_details.as_ref());
        set(&mut usage.reasoning, output_details.and_then(|details| details.reasoning_tokens));
    }
}

/// Bytes of text in a part of a whole answer, wherever they stand.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| {
                matches!(
                    key.as_str(),
                    "text"
                        | "thinking"
                        | "input"
                        | "content"
                        | "message"
                        | "arguments"
                        | "summary"
                        | "tool_calls"
                        | "function"
                        | "reasoning_content"
                        | "reasoning"
                )
            })
            .map(|(key, value)| match value {
                // Arguments that are an object: all of it is output.
                Value::Object(_) if matches!(key.as_str(), "input" | "arguments") => value.to_string().len(),
                _ => text_bytes(value),
            })
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translation::Framer;

    /// The meanings of a stream's events, and the tap after them.
    fn tapped(protocol: Protocol, stream: &'static str) -> (Vec<Meaning>, UsageTap) {
        let mut tap = UsageTap::new(protocol);
        let frames = Framer::default().feed(bytes::Bytes::from_static(stream.as_bytes())).unwrap();
        (frames.iter().map(|frame| tap.event(frame)).collect(), tap)
    }

    #[test]
    fn an_empty_finish_reason_is_no_stop() {
        let stream = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"\"}]}\n\n";
        let (meanings, tap) = tapped(Protocol::ChatCompletions, stream);
        assert_eq!(meanings, [Meaning::Opening]);
        assert!(!tap.stopped() && tap.began());
    }

    #[test]
    fn chunks_unlike_openais_are_counted() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"123456\"}]}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}]},\
            \"finish_reason\":\"tool_calls\"}]}\n\n";
        let (meanings, tap) = tapped(Protocol::ChatCompletions, stream);
        assert_eq!(meanings, [Meaning::Content, Meaning::Content]);
        assert!(tap.stopped() && tap.produced());
        // Six bytes and `{"a":1}`, three to a token.
        assert_eq!(tap.reading(1).0.output, 5);
        let usage = "data: {\"choices\":null,\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\n";
        let (meanings, tap) = tapped(Protocol::ChatCompletions, usage);
        assert_eq!((meanings, tap.reading(1).0.input), (vec![Meaning::UsageChunk], 7));
    }

    #[test]
    fn a_whole_answer_with_odd_fields_is_not_free() {
        let mut tap = UsageTap::new(Protocol::ChatCompletions);
        tap.whole(br#"{"choices":[{"message":{"content":"123456"}}],"output":null,"usage":{"prompt_tokens":"many"}}"#);
        assert_eq!(tap.reading(5), (Usage { input: 5, output: 2, ..Usage::default() }, true));
        let mut tap = UsageTap::new(Protocol::ChatCompletions);
        tap.whole(br#"{"choices":[],"content":null,"usage":{"prompt_tokens":3,"completion_tokens":4}}"#);
        assert_eq!(tap.reading(5), (Usage { input: 3, output: 4, ..Usage::default() }, false));
    }

    #[test]
    fn a_last_event_alone_is_no_answer() {
        assert!(!tapped(Protocol::ChatCompletions, "data: [DONE]\n\n").1.began());
        assert!(!tapped(Protocol::Messages, "data: {\"type\":\"message_stop\"}\n\n").1.began());
        let completed = "event: response.completed\ndata: {\"response\":{\"id\":\"resp_1\"}}\n\n";
        let (meanings, tap) = tapped(Protocol::Responses, completed);
        assert_eq!(meanings, [Meaning::End]);
        assert!(tap.began());
        assert_eq!(tapped(Protocol::Responses, "data: {\"error\":{\"message\":\"no\"}}\n\n").0, [Meaning::Error]);
    }
}
