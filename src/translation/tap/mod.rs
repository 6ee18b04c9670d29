//! Reads usage from the upstream's own bytes: once, into one value that reply, log and bill share.

mod figures;
mod wire;

use super::hub::{Ended, ended};
use super::lenient::{self, Half};
use super::sse::Frame;
use actors::vocabulary::usage::estimate_tokens;
use actors::vocabulary::{Protocol, Usage};
use figures::Figures;
use wire::{ChatChoice, ChatChunk, ChatDelta, MessagesEvent, RawUsage, ResponseHolder, ResponsesEvent, Whole};

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
    /// An error that is told in another way, which clients would take for an answer's end, or an event that cannot be read.
    Fault,
}

/// Collects usage from an answer.
#[derive(Clone, Debug)]
pub struct UsageTap {
    protocol: Protocol,
    figures: Figures,
    /// What was read of other answers to the same request; whether it was estimated.
    others: Usage,
    estimated: bool,
    text_bytes: usize,
    produced: bool,
    stopped: bool,
    began: bool,
    lost: bool,
    response_id: Option<String>,
    next_sequence: i64,
    splits_cache_writes: bool,
}

impl UsageTap {
    /// For answers in `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            figures: Figures::default(),
            others: Usage::default(),
            estimated: false,
            text_bytes: 0,
            produced: false,
            stopped: false,
            began: false,
            lost: false,
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

    /// The figure for which none of the provider's is believed, by name and value.
    pub fn disbelieved(&self) -> Option<&str> {
        self.figures.absurd()
    }

    /// The usage so far; where the upstream named none, or none that can be believed, `input` as estimated and the
    /// output's text counted. The flag says whether anything was estimated.
    pub fn reading(&self, input: i64) -> (Usage, bool) {
        let (own, estimated) = self.own_reading(input);
        (sum(own, self.others), estimated || self.estimated)
    }

    /// Adds what another whole answer to the same request used; `input` as for [`Self::reading`].
    pub fn join(&mut self, other: &Self, input: i64) {
        let (more, estimated) = other.reading(input);
        self.others = sum(self.others, more);
        self.estimated |= estimated;
        self.produced |= other.produced;
    }

    fn own_reading(&self, input: i64) -> (Usage, bool) {
        let delivered = estimate_tokens(self.text_bytes);
        if !self.figures.are_known() || self.disbelieved().is_some() {
            return (Usage { input, output: delivered, ..Usage::default() }, true);
        }
        let mut usage = self.usage();
        // No answer is made out of no input: some providers name zeros, others leave it out.
        let is_input_unknown = usage.input == 0 && usage.cache_read == 0 && usage.cache_creation() == 0;
        if is_input_unknown {
            usage.input = input;
        }
        // Before its end a stream may have named its input alone (`message_start`).
        let is_output_unknown = (!self.stopped || usage.output == 0) && usage.output < delivered;
        if is_output_unknown {
            usage.output = delivered;
        }
        (usage, is_output_unknown || (is_input_unknown && input > 0))
    }

    fn usage(&self) -> Usage {
        match self.protocol {
            Protocol::Messages => self.figures.beside(),
            _ => self.figures.inside(self.splits_cache_writes),
        }
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

    /// Whether nothing came that can be read, and something that cannot: no answer, though it has an end.
    pub fn is_unreadable(&self) -> bool {
        self.lost && !self.produced
    }

    /// The id of a Responses or Messages answer.
    pub fn response_id(&self) -> Option<&str> {
        self.response_id.as_deref()
    }

    /// Output tokens counted from text so far.
    pub fn delivered(&self) -> i64 {
        let named = if self.disbelieved().is_some() { 0 } else { self.usage().output };
        estimate_tokens(self.text_bytes).max(named)
    }

    /// Reads a whole answer. Whether it is one: of the form its protocol promises, without an error in it.
    pub fn whole(&mut self, body: &[u8]) -> bool {
        let text = lenient::mended(body, Half::Replaced);
        let Some(answer) = lenient::read::<Whole<'_>>(&text).map(|read| read.value) else { return false };
        self.stopped = true;
        let choices = answer.choices.as_deref().unwrap_or_default();
        answer.usage.iter().chain(choices.iter().filter_map(|choice| choice.usage.as_ref())).for_each(|usage| self.take(usage));
        self.text_bytes += answer.content.bytes + answer.output.bytes;
        self.text_bytes += choices.iter().map(|choice| choice.message.bytes).sum::<usize>();
        self.produced = self.text_bytes > 0 || self.usage().output > 0 || self.protocol == Protocol::Embeddings;
        let is_answer = match self.protocol {
            Protocol::Messages => answer.content.is_list && !is_broken(answer.stop_reason.as_deref()),
            Protocol::ChatCompletions => {
                !choices.is_empty() && choices.iter().all(|choice| !choice.error && !is_broken(choice.finish_reason.as_deref()))
            }
            Protocol::Responses => answer.output.is_list && !is_broken(answer.status.as_deref()),
            Protocol::Embeddings => answer.data,
            Protocol::CountTokens => answer.input_tokens.is_some(),
        };
        self.response_id = answer
            .id
            .filter(|_| matches!(self.protocol, Protocol::Responses | Protocol::Messages))
            .map(std::borrow::Cow::into_owned);
        is_answer && !answer.error
    }

    /// Reads one event of a stream.
    pub fn event(&mut self, frame: &Frame) -> Meaning {
        let Some(data) = frame.data.as_deref().map(<[u8]>::trim_ascii) else { return Meaning::Silence };
        let meaning = match data {
            b"[DONE]" if self.protocol == Protocol::ChatCompletions => Meaning::End,
            b"[DONE]" => Meaning::Silence,
            _ => self.data(data, frame.event.as_deref().unwrap_or_default()),
        };
        let is_last = meaning == Meaning::End && self.protocol != Protocol::Responses;
        self.began |= meaning != Meaning::Silence && !is_last;
        // A stop reason alone is no output.
        self.produced |= self.text_bytes > 0;
        meaning
    }

    /// `named` is the kind as the `event:` line has it.
    fn data(&mut self, data: &[u8], named: &str) -> Meaning {
        let text = lenient::mended(data, Half::Replaced);
        let read = match self.protocol {
            Protocol::Messages => lenient::read(&text).map(|read| (self.messages_event(&read.value, named), read.lost)),
            Protocol::Responses => lenient::read(&text).map(|read| (self.responses_event(read.value, named), read.lost)),
            _ => lenient::read(&text).map(|read| (self.chat_chunk(&read.value), read.lost)),
        };
        match read {
            Some((meaning, lost)) => {
                self.lost |= lost;
                meaning
            }
            None => {
                self.lost = true;
                // What does not even look like an event is passed over, as clients do.
                if text.trim_start_matches('\u{FEFF}').trim_start().starts_with('{') { Meaning::Fault } else { Meaning::Silence }
            }
        }
    }

    fn messages_event(&mut self, event: &MessagesEvent<'_>, named: &str) -> Meaning {
        if let Some(usage) = event.message.as_ref().and_then(|message| message.usage.as_ref()).or(event.usage.as_ref()) {
            self.take(usage);
        }
        if let Some(id) = event.message.as_ref().and_then(|message| message.id.as_deref()) {
            self.response_id = Some(id.to_owned());
        }
        let kind = event.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or(named);
        match kind {
            "ping" => Meaning::Silence,
            "error" if event.kind.is_some() => Meaning::Error,
            _ if event.error => Meaning::Fault,
            "message_stop" => Meaning::End,
            "content_block_start" => match &event.content_block {
                Some(block) if !matches!(block.kind.as_deref(), Some("text" | "thinking")) => {
                    self.produced = true;
                    Meaning::Content
                }
                Some(block) if block.text.bytes > 0 => {
                    self.text_bytes += block.text.bytes;
                    Meaning::Content
                }
                _ => Meaning::Opening,
            },
            "content_block_delta" => {
                self.text_bytes += event.delta.as_ref().map_or(0, |delta| delta.text_bytes());
                Meaning::Content
            }
            "message_delta" => {
                let reason = event.delta.as_ref().and_then(|delta| delta.stop_reason.as_deref());
                self.stopped |= reason.is_some();
                if is_broken(reason) { Meaning::Fault } else { Meaning::Content }
            }
            _ => Meaning::Opening,
        }
    }

    fn chat_chunk(&mut self, chunk: &ChatChunk<'_>) -> Meaning {
        if chunk.error {
            return Meaning::Error;
        }
        let choices = chunk.choices.as_deref().unwrap_or_default();
        let elsewhere = chunk.x_groq.iter().filter_map(|holder| holder.usage.as_ref());
        let usages = elsewhere.chain(choices.iter().filter_map(|choice| choice.usage.as_ref())).chain(&chunk.usage);
        usages.for_each(|usage| self.take(usage));
        if chunk.usage.is_some() && choices.is_empty() {
            return Meaning::UsageChunk;
        }
        let mut meaning = Meaning::Opening;
        for choice in choices {
            match self.chat_choice(choice) {
                Meaning::Fault => return Meaning::Fault,
                Meaning::Content => meaning = Meaning::Content,
                _ => {}
            }
        }
        meaning
    }

    fn chat_choice(&mut self, choice: &ChatChoice<'_>) -> Meaning {
        let bytes = choice.delta.as_ref().map_or(0, ChatDelta::text_bytes);
        self.text_bytes += bytes;
        let calls = choice.delta.as_ref().is_some_and(ChatDelta::calls);
        self.produced |= calls;
        // Some providers write an empty one in every chunk.
        let reason = choice.finish_reason.as_deref().filter(|reason| !reason.is_empty());
        if choice.error || is_broken(reason) {
            return Meaning::Fault;
        }
        self.stopped |= reason.is_some();
        if bytes > 0 || calls || reason.is_some() { Meaning::Content } else { Meaning::Opening }
    }

    fn responses_event(&mut self, event: ResponsesEvent<'_>, named: &str) -> Meaning {
        let is_bare_error = event.error && event.response.is_none();
        let failed = |response: &ResponseHolder<'_>| response.error || is_broken(response.status.as_deref());
        let has_failed = event.response.as_ref().is_some_and(failed);
        let kind = event.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or(named);
        let is_last = matches!(kind, "response.completed" | "response.incomplete" | "response.done");
        if let Some(response) = event.response {
            if let Some(usage) = &response.usage {
                self.take(usage);
            }
            // Where no event told it, the last one does.
            if is_last {
                self.text_bytes = self.text_bytes.max(response.output.bytes);
            }
            if let Some(id) = response.id {
                self.response_id = Some(id.into_owned());
            }
        }
        let number = event.sequence_number.and_then(|number| i64::try_from(number).ok());
        self.next_sequence = number.map_or(self.next_sequence, |number| number + 1);
        match kind {
            "error" | "response.failed" | "response.cancelled" => Meaning::Error,
            _ if is_bare_error => Meaning::Error,
            _ if is_last && has_failed => Meaning::Fault,
            _ if is_last => {
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
                self.text_bytes += event.delta.bytes;
                Meaning::Content
            }
            _ if kind.ends_with(".done") => Meaning::Content,
            _ => Meaning::Opening,
        }
    }

    /// Takes a usage object in.
    fn take(&mut self, raw: &RawUsage) {
        self.figures.take(raw);
    }
}

fn sum(one: Usage, other: Usage) -> Usage {
    Usage {
        input: one.input.saturating_add(other.input),
        output: one.output.saturating_add(other.output),
        cache_read: one.cache_read.saturating_add(other.cache_read),
        cache_creation_5m: one.cache_creation_5m.saturating_add(other.cache_creation_5m),
        cache_creation_1h: one.cache_creation_1h.saturating_add(other.cache_creation_1h),
        reasoning: one.reasoning.saturating_add(other.reasoning),
    }
}

/// Whether a stop reason, or a status, says that the answer was broken off.
fn is_broken(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| ended(reason) == Ended::Interrupted)
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
