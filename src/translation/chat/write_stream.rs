//! Writing a client's stream.

use std::collections::HashMap;

use actors::vocabulary::{Protocol, Usage};
use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::write_answer::{attach, write_seals, write_stop, write_usage};
use crate::translation::Fault;
use crate::translation::faults;
use crate::translation::hub::{Event, Opening, Reply, Seal, ToolKind};

/// Turns events into chunks, one each. Every chunk has the same id, time and model.
#[derive(Debug)]
pub struct StreamWriter {
    reply: Reply,
    /// What every chunk begins with.
    head: Vec<u8>,
    /// Open blocks by their numbers.
    open: HashMap<usize, Channel>,
    calls: usize,
    seals: Vec<Seal>,
    /// What belongs to calls that have not opened yet: their own ids, and what was attached.
    attached: HashMap<String, (Option<String>, Map<String, Value>)>,
    /// The choice that is being told.
    choice: usize,
    ended: bool,
}

/// Where a block's pieces go.
#[derive(Clone, Copy, Debug)]
enum Channel {
    Text,
    Refusal,
    Thought,
    Call(usize, ToolKind),
    OldCall,
}

/// The change a chunk brings.
#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionDelta<'a>>,
}

#[derive(Default, Serialize)]
struct CallDelta<'a> {
    /// Counts calls alone, from 0.
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<FunctionDelta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<CustomDelta<'a>>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Serialize)]
struct CustomDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    input: &'a str,
}

impl StreamWriter {
    /// For an answer in these circumstances.
    pub fn new(reply: Reply) -> Self {
        Self {
            reply,
            head: Vec::new(),
            open: HashMap::new(),
            calls: 0,
            seals: Vec::new(),
            attached: HashMap::new(),
            choice: 0,
            ended: false,
        }
    }

    /// Goes on with another choice of the same answer.
    pub fn begin_choice(&mut self, choice: usize) {
        (self.choice, self.calls) = (choice, 0);
        self.open.clear();
    }

    /// Writes what one event is to the client. `usage` is told at the end.
    pub fn event(&mut self, event: &Event, usage: &Usage, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id } => self.start(id, out),
            Event::Open { block, opening } => self.opening(*block, opening, out),
            Event::More { block, text } => self.more(*block, text, out),
            Event::Seal { seal, .. } => self.seal(seal, out),
            Event::Close { block } => {
                self.open.remove(block);
            }
            Event::Stop(stop) => {
                self.seals(out);
                self.chunk(&Delta::default(), Some(write_stop(stop, &self.reply)), out);
            }
            Event::Error { message, status } => self.fail(Fault::kept(*status), message, out),
            Event::End => self.end(usage, out),
        }
    }

    /// Proofs wait for the end; what a provider of this very protocol attached stands where it stood.
    fn seal(&mut self, seal: &Seal, out: &mut BytesMut) {
        match seal {
            Seal::Reasoning { extra, .. } if extra.is_empty() => {}
            Seal::Reasoning { extra, .. } => self.chunk(extra, None, out),
            Seal::Call { call_id, own_id, extra, .. } => {
                self.attached.insert(call_id.clone(), (own_id.clone(), extra.clone()));
            }
            seal => self.seals.push(seal.clone()),
        }
    }

    /// Ends a broken stream legally with an error chunk (any blocks may be open). After it nothing is written.
    pub fn fail(&mut self, fault: Fault, message: &str, out: &mut BytesMut) {
        if !self.ended {
            self.ended = true;
            out.put_slice(&faults::event(Protocol::ChatCompletions, fault, message, 0));
        }
    }

    fn start(&mut self, id: &str, out: &mut BytesMut) {
        if self.head.is_empty() {
            self.begin(id);
        }
        self.chunk(&Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, None, out);
    }

    fn begin(&mut self, id: &str) {
        let head = json!({
            "id": self.reply.id("chatcmpl-", id),
            "object": "chat.completion.chunk",
            "created": self.reply.created,
            "model": self.reply.model
        });
        self.head = format!("data: {head}").into_bytes();
        // The brace that closes it comes with the rest.
        self.head.pop();
    }

    fn opening(&mut self, block: usize, opening: &Opening, out: &mut BytesMut) {
        let channel = match opening {
            Opening::Text => Channel::Text,
            Opening::Refusal => Channel::Refusal,
            Opening::Thought => Channel::Thought,
            Opening::Call { id, name, kind, .. } => {
                let index = self.calls;
                self.calls += 1;
                if self.reply.old_functions {
                    return self.old_call(block, index, name, out);
                }
                let call = match kind {
                    ToolKind::Function => CallDelta {
                        kind: Some("function"),
                        function: Some(FunctionDelta { name: Some(name), arguments: "" }),
                        ..CallDelta::default()
                    },
                    ToolKind::Custom => CallDelta {
                        kind: Some("custom"),
                        custom: Some(CustomDelta { name: Some(name), input: "" }),
                        ..CallDelta::default()
                    },
                };
                let call = CallDelta { index, id: Some(id), ..call };
                if let Some((own_id, extra)) = self.attached.remove(id) {
                    let mut call = json!(call);
                    attach(&mut call, own_id, extra);
                    self.chunk(&json!({ "tool_calls": [call] }), None, out);
                    self.open.insert(block, Channel::Call(index, *kind));
                    return;
                }
                self.chunk(&Delta { tool_calls: Some([call]), ..Delta::default() }, None, out);
                Channel::Call(index, *kind)
            }
        };
        self.open.insert(block, channel);
    }

    /// A call in the shape of `functions`, which has room for one.
    fn old_call(&mut self, block: usize, index: usize, name: &str, out: &mut BytesMut) {
        if index == 0 {
            let function_call = Some(FunctionDelta { name: Some(name), arguments: "" });
            self.chunk(&Delta { function_call, ..Delta::default() }, None, out);
            self.open.insert(block, Channel::OldCall);
        }
    }

    fn more(&mut self, block: usize, text: &str, out: &mut BytesMut) {
        let Some(channel) = self.open.get(&block) else { return };
        let mut delta = Delta::default();
        match *channel {
            Channel::Text => delta.content = Some(text),
            Channel::Refusal => delta.refusal = Some(text),
            Channel::Thought => delta.reasoning_content = Some(text),
            Channel::OldCall => delta.function_call = Some(FunctionDelta { name: None, arguments: text }),
            Channel::Call(index, ToolKind::Function) => {
                let function = Some(FunctionDelta { name: None, arguments: text });
                delta.tool_calls = Some([CallDelta { index, function, ..CallDelta::default() }]);
            }
            Channel::Call(index, ToolKind::Custom) => {
                let custom = Some(CustomDelta { name: None, input: text });
                delta.tool_calls = Some([CallDelta { index, custom, ..CallDelta::default() }]);
            }
        }
        self.chunk(&delta, None, out);
    }

    /// The proofs of all thoughts in one chunk: of a list that comes in several, the Node SDK's helper keeps the last.
    fn seals(&mut self, out: &mut BytesMut) {
        if !self.seals.is_empty() {
            let details = Some(write_seals(&std::mem::take(&mut self.seals)));
            self.chunk(&Delta { reasoning_details: details, ..Delta::default() }, None, out);
        }
    }

    fn chunk(&self, delta: &impl Serialize, finish_reason: Option<&str>, out: &mut BytesMut) {
        out.put_slice(&self.head);
        out.put_slice(br#","choices":[{"index":"#);
        write_json(&self.choice, out);
        out.put_slice(br#","delta":"#);
        write_json(delta, out);
        out.put_slice(br#","logprobs":null,"finish_reason":"#);
        write_json(&finish_reason, out);
        out.put_slice(b"}]");
        if self.reply.include_usage {
            out.put_slice(br#","usage":null"#);
        }
        out.put_slice(b"}\n\n");
    }

    fn end(&mut self, usage: &Usage, out: &mut BytesMut) {
        self.ended = true;
        if self.reply.include_usage {
            out.put_slice(&self.head);
            out.put_slice(br#","choices":[],"usage":"#);
            write_json(&write_usage(usage), out);
            out.put_slice(b"}\n\n");
        }
        out.put_slice(b"data: [DONE]\n\n");
    }
}

fn write_json(value: &impl Serialize, out: &mut BytesMut) {
    // Neither these types nor a growing buffer can fail.
    let written = serde_json::to_writer(out.writer(), value);
    debug_assert!(written.is_ok(), "JSON into memory");
}
