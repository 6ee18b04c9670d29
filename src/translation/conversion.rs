//! A request's way into another protocol, and its answer's way back: a reader of one, a writer of the other.

use std::sync::Arc;

use actors::vocabulary::{Protocol, Usage};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::faults::{self, Fault};
use super::gather::{Gatherer, Reader};
use super::hub::{
    Answer, Block, CannotCarry, Cutter, Event, Halves, LeftOut, Opening, Reply, Request, Thought, ToolNames, Written, replay,
};
use super::sse::Frame;
use super::{chat, errors, json as read, messages, responses};

/// Most bytes of events taken of one stream, since some of what was said is kept to its end. Far above what 128,000 tokens
/// take, each in an event of its own.
const MOST_STREAM_BYTES: usize = 256 << 20;

/// What a conversion knows of a request beside its body.
#[derive(Clone, Debug)]
pub struct Circumstances<'a> {
    /// What the client speaks.
    pub client: Protocol,
    /// What the upstream speaks.
    pub upstream: Protocol,
    /// The model the upstream is asked for.
    pub model: &'a str,
    /// The model the client asked for.
    pub asked: &'a str,
    /// The gateway's id of the request.
    pub request_id: &'a str,
    /// When it arrived, in Unix seconds.
    pub created: i64,
    /// Whether a Chat Completions client wants a stream's usage.
    pub include_usage: bool,
    /// Whether the client wants a stream.
    pub stream: bool,
}

/// A converted request.
#[derive(Debug)]
pub struct Converted {
    /// The body for the upstream.
    pub body: Bytes,
    /// What did not come along.
    pub left_out: LeftOut,
    /// How many answers to ask for; more than one are whole ones, told by [`Conversion::several`].
    pub choices: usize,
    /// The way back.
    pub conversion: Conversion,
}

/// Converts a request. `recall` finds an output item that was given to the same user before.
///
/// # Errors
/// Names the field that the upstream's protocol has no place for, or that is wrong in the client's own.
pub fn convert(body: &[u8], way: &Circumstances<'_>, recall: &dyn Fn(&str) -> Option<Value>) -> Result<Converted, CannotCarry> {
    let mut reply = Reply {
        model: way.asked.to_owned(),
        request_id: way.request_id.to_owned(),
        created: way.created,
        include_usage: way.include_usage,
        ..Reply::default()
    };
    let mut record = None;
    let mut request = match way.client {
        Protocol::Messages | Protocol::CountTokens => messages::read_request(body)?,
        Protocol::ChatCompletions | Protocol::Embeddings => chat::read_request(body)?,
        Protocol::Responses => {
            let mut value: Value = read::parse(body)?;
            reply.echo = responses::echo(&value);
            record = responses::record(&value);
            responses::go_on(&mut value, recall)?;
            responses::resolve(&mut value, recall);
            responses::read_request(value)?
        }
    };
    reply.old_functions = request.old_functions;
    let choices = usize::try_from(request.choices).unwrap_or(1);
    request.stream &= choices == 1;
    let Written { body, names, left_out, cut } = write(way.upstream, request, way.model)?;
    let mut conversion = Conversion::new(way, reply, names);
    conversion.cutter = Cutter::new(cut);
    conversion.record = record;
    Ok(Converted { body: body.to_string().into(), left_out, choices, conversion })
}

fn write(upstream: Protocol, request: Request, model: &str) -> Result<Written, CannotCarry> {
    match upstream {
        Protocol::Messages | Protocol::CountTokens => messages::write_request(request, model),
        Protocol::ChatCompletions | Protocol::Embeddings => chat::write_request(request, model),
        Protocol::Responses => responses::write_request(request, model),
    }
}

/// The way back of one request's answer.
#[derive(Debug)]
pub struct Conversion {
    client: Protocol,
    upstream: Protocol,
    stream: bool,
    reply: Reply,
    /// The model the upstream is asked for: who made what its answer holds.
    model: String,
    names: Arc<ToolNames>,
    reader: Reader,
    writer: Writer,
    /// Ends the answer at stop sequences that the upstream does not know.
    cutter: Cutter,
    halves: Halves,
    /// The items of a whole answer that a Responses client may refer to later.
    items: Vec<(String, Value)>,
    /// What is remembered of the request with them, so that a later one can go on from its response.
    record: Option<Value>,
    /// Bytes of the stream's events so far.
    taken: usize,
    over: bool,
}

impl Conversion {
    /// Within one protocol: an upstream that streams what was to be whole, or the other way round. `model` is the client's
    /// name for it.
    pub fn within(protocol: Protocol, way: &Circumstances<'_>) -> Self {
        let reply = Reply {
            model: way.asked.to_owned(),
            request_id: way.request_id.to_owned(),
            created: way.created,
            include_usage: way.include_usage,
            ..Reply::default()
        };
        Self::new(&Circumstances { client: protocol, upstream: protocol, ..way.clone() }, reply, ToolNames::default())
    }

    /// For a stream that is to become a whole answer.
    pub fn gatherer(&self) -> Gatherer {
        Gatherer::new(Reader::new(self.upstream, Arc::clone(&self.names)))
    }

    fn new(way: &Circumstances<'_>, reply: Reply, names: ToolNames) -> Self {
        let names = Arc::new(names);
        Self {
            client: way.client,
            upstream: way.upstream,
            stream: way.stream,
            reader: Reader::new(way.upstream, Arc::clone(&names)),
            writer: Writer::new(way.client, reply.clone()),
            cutter: Cutter::default(),
            halves: Halves::default(),
            items: Vec::new(),
            record: None,
            reply,
            model: way.model.to_owned(),
            names,
            taken: 0,
            over: false,
        }
    }

    /// What the upstream speaks.
    pub fn upstream(&self) -> Protocol {
        self.upstream
    }

    /// Whether the client wants a stream.
    pub fn streams(&self) -> bool {
        self.stream
    }

    /// Reads a whole answer; `None` when it is none.
    pub fn read(&self, body: &[u8]) -> Option<Answer> {
        self.read_as_it_is(body).map(|answer| self.finished(answer))
    }

    /// An answer that was read, with its maker's name on what is to come back, the client's own ids, and cut where it stops.
    pub fn finished(&self, mut answer: Answer) -> Answer {
        for block in &mut answer.blocks {
            match block {
                Block::Thought(Thought { seal: Some(seal), .. }) => seal.made_by(&self.model),
                Block::Call(call) => call.id = self.names.client_id(&call.id).to_owned(),
                _ => {}
            }
        }
        self.cutter.answer(&mut answer);
        answer
    }

    fn read_as_it_is(&self, body: &[u8]) -> Option<Answer> {
        match self.upstream {
            Protocol::Messages | Protocol::CountTokens => messages::read_answer(body, &self.names),
            Protocol::ChatCompletions | Protocol::Embeddings => chat::read_answer(body, &self.names),
            Protocol::Responses => responses::read_answer(body, &self.names),
        }
    }

    /// A whole answer for the client: as a stream where it asked for one.
    pub fn whole(&mut self, answer: &Answer, usage: &Usage) -> Bytes {
        if self.stream {
            let mut out = BytesMut::new();
            self.tell(replay(answer), usage, &mut out);
            return out.freeze();
        }
        let written = self.written(answer, usage);
        if self.client == Protocol::Responses {
            self.items = responses::output_items(&written);
            self.items.extend(remembered(self.record.take(), &written));
        }
        written.to_string().into()
    }

    /// Several whole answers as the choices of one, for a client that asked for them.
    pub fn several(&mut self, answers: &[Answer], usage: &Usage) -> Bytes {
        let Writer::Chat(writer) = &mut self.writer else { return Bytes::new() };
        if !self.stream {
            return chat::write_answers(answers, &self.reply, usage).to_string().into();
        }
        let mut out = BytesMut::new();
        for (choice, answer) in answers.iter().enumerate() {
            writer.begin_choice(choice);
            replay(answer).iter().filter(|event| **event != Event::End).for_each(|event| writer.event(event, usage, &mut out));
        }
        writer.event(&Event::End, usage, &mut out);
        self.over = true;
        out.freeze()
    }

    fn written(&self, answer: &Answer, usage: &Usage) -> Value {
        match self.client {
            Protocol::Messages | Protocol::CountTokens => messages::write_answer(answer, &self.reply, usage),
            Protocol::ChatCompletions | Protocol::Embeddings => chat::write_answer(answer, &self.reply, usage),
            Protocol::Responses => responses::write_answer(answer, &self.reply, usage),
        }
    }

    /// One event of the upstream's for the client; `usage` is what is known of it by now.
    pub fn event(&mut self, frame: &Frame, usage: &Usage) -> Bytes {
        self.taken = self.taken.saturating_add(frame.raw.len());
        if self.taken > MOST_STREAM_BYTES {
            return self.fail(Fault::UPSTREAM, "the upstream's answer is too long");
        }
        let mut events = Vec::new();
        self.reader.event(frame, &mut events);
        let mut out = BytesMut::new();
        self.tell(events, usage, &mut out);
        out.freeze()
    }

    /// The legal end of a stream that the upstream closed after its stop reason; `None` when it cannot have one.
    pub fn missing_end(&mut self, usage: &Usage) -> Option<Bytes> {
        let (mut events, mut out) = (Vec::new(), BytesMut::new());
        if self.is_cut() {
            self.put(vec![Event::End], usage, &mut out);
            return Some(out.freeze());
        }
        self.reader.finish(&mut events);
        self.tell(events, usage, &mut out);
        self.over.then(|| out.freeze())
    }

    /// Ends a broken stream with the client's error event.
    pub fn fail(&mut self, fault: Fault, message: &str) -> Bytes {
        let mut out = BytesMut::new();
        if !std::mem::replace(&mut self.over, true) {
            self.writer.fail(fault, message, &mut out);
        }
        out.freeze()
    }

    /// Whether the answer was cut at a stop sequence, so that nothing but its end is left to be told.
    pub fn is_cut(&self) -> bool {
        self.cutter.is_cut() && !self.over
    }

    /// Whether the client has been told the stream's end.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What is sent while the upstream is silent.
    pub fn keep_alive(&self) -> Bytes {
        faults::keep_alive(self.client)
    }

    /// The upstream's refusal of the request in the client's shape.
    pub fn declined(&self, status: u16, body: &[u8]) -> Bytes {
        errors::converted(self.client, status, body, &self.reply.request_id)
    }

    /// The answer's items with their ids, for a Responses client that may refer to them later, and the response itself, to
    /// go on from.
    pub fn output_items(&mut self) -> Vec<(String, Value)> {
        match &self.writer {
            Writer::Responses(writer) if self.stream => {
                let mut items = writer.output_items();
                if let Some(id) = writer.complete_id() {
                    let output: Vec<Value> = items.iter().map(|(_, item)| item.clone()).collect();
                    items.extend(remembered(self.record.take(), &json!({"id": id, "output": output})));
                }
                items
            }
            _ => std::mem::take(&mut self.items),
        }
    }

    fn tell(&mut self, events: Vec<Event>, usage: &Usage, out: &mut BytesMut) {
        let events = self.halves.joined(events);
        let events = self.cutter.events(events);
        self.put(events, usage, out);
    }

    fn put(&mut self, events: Vec<Event>, usage: &Usage, out: &mut BytesMut) {
        for mut event in events {
            if self.over {
                return;
            }
            match &mut event {
                Event::Seal { seal, .. } => seal.made_by(&self.model),
                Event::Open { opening: Opening::Call { id, .. }, .. } => *id = self.names.client_id(id).to_owned(),
                _ => {}
            }
            if let Event::Error { message, status } = &event {
                self.writer.fail(Fault::kept(*status), message, out);
                self.over = true;
                return;
            }
            self.writer.event(&event, usage, out);
            self.over = event == Event::End;
        }
    }
}

/// A response as it is remembered, with its id.
fn remembered(record: Option<Value>, response: &Value) -> Option<(String, Value)> {
    let (mut record, id) = (record?, response.get("id")?.as_str()?.to_owned());
    record["output"] = response.get("output").cloned().unwrap_or_default();
    Some((id, record))
}

/// One writer of streams per protocol.
#[derive(Debug)]
enum Writer {
    Messages(messages::StreamWriter),
    Chat(chat::StreamWriter),
    Responses(responses::StreamWriter),
}

impl Writer {
    fn new(protocol: Protocol, reply: Reply) -> Self {
        match protocol {
            Protocol::Messages | Protocol::CountTokens => Self::Messages(messages::StreamWriter::new(reply)),
            Protocol::ChatCompletions | Protocol::Embeddings => Self::Chat(chat::StreamWriter::new(reply)),
            Protocol::Responses => Self::Responses(responses::StreamWriter::new(reply)),
        }
    }

    fn event(&mut self, event: &Event, usage: &Usage, out: &mut BytesMut) {
        match self {
            Self::Messages(writer) => writer.event(event, usage, out),
            Self::Chat(writer) => writer.event(event, usage, out),
            Self::Responses(writer) => writer.event(event, usage, out),
        }
    }

    fn fail(&mut self, fault: Fault, message: &str, out: &mut BytesMut) {
        match self {
            Self::Messages(writer) => writer.fail(fault, message, out),
            Self::Chat(writer) => writer.fail(fault, message, out),
            Self::Responses(writer) => writer.fail(fault, message, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversion(client: Protocol, upstream: Protocol) -> Conversion {
        let body = match client {
            Protocol::Responses => r#"{"model":"m","input":"hi","stream":true}"#,
            _ => r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"stream":true}"#,
        };
        let way = Circumstances {
            client,
            upstream,
            model: "m",
            asked: "m",
            request_id: "req_1",
            created: 1,
            include_usage: false,
            stream: true,
        };
        convert(body.as_bytes(), &way, &|_| None).unwrap().conversion
    }

    #[test]
    fn a_stream_without_end_is_ended() {
        let mut conversion = conversion(Protocol::Responses, Protocol::ChatCompletions);
        let raw = Bytes::from(vec![b' '; 1 << 20]);
        let data = Bytes::from_static(br#"{"id":"1","choices":[{"delta":{"content":"x"}}]}"#);
        let frame = Frame { raw, event: None, data: Some(data) };
        let mut out = Bytes::new();
        for _ in 0..=256 {
            assert!(!conversion.is_over());
            out = conversion.event(&frame, &Usage::default());
        }
        assert!(conversion.is_over());
        assert!(String::from_utf8_lossy(&out).contains("response.failed"));
        assert!(conversion.event(&frame, &Usage::default()).is_empty());
    }

    #[test]
    fn an_end_that_its_reader_does_not_understand_can_still_be_told() {
        let mut conversion = conversion(Protocol::Messages, Protocol::Responses);
        let data = Bytes::from_static(b"[DONE]");
        let frame = Frame { raw: data.clone(), event: None, data: Some(data) };
        assert!(conversion.event(&frame, &Usage::default()).is_empty());
        assert!(!conversion.is_over());
        assert!(String::from_utf8_lossy(&conversion.fail(Fault::UPSTREAM, "no")).contains("event: error"));
        assert!(conversion.is_over());
    }
}
