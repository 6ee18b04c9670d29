//! What a legal stream is, in each protocol, told apart from how the writers make one.

use std::collections::BTreeMap;

use actors::vocabulary::Protocol;
use bytes::Bytes;
use serde_json::Value;

use crate::translation::sse::{Frame, Framer};

/// Cuts bytes into frames.
pub fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut framer = Framer::default();
    let mut frames = framer.feed(Bytes::copy_from_slice(bytes)).unwrap();
    frames.extend(framer.finish());
    frames
}

/// Panics with a sentence when `bytes` are no legal whole stream.
pub fn check(protocol: Protocol, bytes: &[u8]) {
    let frames = frames(bytes);
    match protocol {
        Protocol::Messages => messages(&frames),
        Protocol::ChatCompletions => chat(&frames),
        Protocol::Responses => responses(&frames),
        _ => unreachable!(),
    }
}

fn data(frame: &Frame) -> Value {
    serde_json::from_slice(frame.data.as_deref().unwrap()).unwrap()
}

/// A frame's data, whose type its `event:` line repeats.
fn typed(frame: &Frame) -> (String, Value) {
    let data = data(frame);
    let kind = data["type"].as_str().unwrap().to_owned();
    assert_eq!(frame.event.as_deref(), Some(kind.as_str()), "the event line names the type");
    (kind, data)
}

fn messages(frames: &[Frame]) {
    let mut open: Option<String> = None;
    let (mut next, mut stage, mut json) = (0, 0, String::new());
    for frame in frames {
        let (kind, event) = typed(frame);
        match (kind.as_str(), stage) {
            ("ping", 1 | 2) => {}
            ("message_start", 0) => {
                assert_eq!(event["message"]["content"], serde_json::json!([]));
                stage = 1;
            }
            ("content_block_start", 1) => {
                assert!(open.is_none(), "a block opens inside another");
                assert_eq!(event["index"], next, "indexes count up");
                open = Some(event["content_block"]["type"].as_str().unwrap().to_owned());
                json.clear();
            }
            ("content_block_delta", 1) => {
                assert_eq!(event["index"], next, "a delta belongs to the open block");
                let fits = match event["delta"]["type"].as_str().unwrap() {
                    "text_delta" => "text",
                    "thinking_delta" | "signature_delta" => "thinking",
                    "input_json_delta" => {
                        json += event["delta"]["partial_json"].as_str().unwrap();
                        "tool_use"
                    }
                    other => panic!("unknown delta {other}"),
                };
                assert_eq!(open.as_deref(), Some(fits), "a delta fits its block");
            }
            ("content_block_stop", 1) => {
                let closed = open.take();
                assert!(closed.is_some() && event["index"] == next, "the open block is closed");
                if closed.as_deref() == Some("tool_use") && !json.is_empty() {
                    let input: Value = serde_json::from_str(&json).unwrap();
                    assert!(input.is_object(), "a tool's input is an object");
                }
                next += 1;
            }
            ("message_delta", 1) => {
                assert!(open.is_none() && event["delta"]["stop_reason"].is_string());
                assert!(event["usage"]["output_tokens"].is_i64());
                stage = 2;
            }
            ("message_stop", 2) => stage = 3,
            (kind, stage) => panic!("{kind} is out of order (stage {stage})"),
        }
    }
    assert_eq!(stage, 3, "the stream ends");
}

fn chat(frames: &[Frame]) {
    let (done, chunks) = frames.split_last().unwrap();
    assert_eq!(done.data.as_deref(), Some(b"[DONE]".as_slice()));
    let chunks: Vec<Value> = chunks.iter().map(data).collect();
    let (mut calls, mut finished) = (0, false);
    for (place, chunk) in chunks.iter().enumerate() {
        for field in ["id", "model", "created", "object"] {
            assert_eq!(chunk[field], chunks[0][field], "{field} stays the same");
        }
        let choices = chunk["choices"].as_array().unwrap();
        let Some(choice) = choices.first() else {
            assert!(finished && place == chunks.len() - 1 && chunk["usage"].is_object(), "the usage chunk is the last");
            continue;
        };
        assert!(!finished, "nothing follows the finish but usage");
        assert_eq!((place == 0).then_some("assistant"), choice["delta"]["role"].as_str(), "the first chunk names the role");
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap();
            assert!(index <= calls, "call indexes count up");
            if index == calls {
                assert!(call["id"].is_string() && call["type"].is_string(), "a call begins with its id and type");
                calls += 1;
            }
        }
        finished = choice["finish_reason"].is_string();
    }
    assert!(finished, "a reason is named");
}

fn responses(frames: &[Frame]) {
    let events: Vec<(String, Value)> = frames.iter().map(typed).collect();
    for (place, (_, event)) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], place, "sequence numbers count up from 0");
    }
    assert_eq!((events[0].0.as_str(), events[1].0.as_str()), ("response.created", "response.in_progress"));
    let (last, end) = events.last().unwrap();
    assert!(matches!(last.as_str(), "response.completed" | "response.incomplete"), "{last} ends nothing");
    let mut items: BTreeMap<u64, Item> = BTreeMap::new();
    for (kind, event) in &events[2..events.len() - 1] {
        let index = event["output_index"].as_u64().unwrap();
        if kind == "response.output_item.added" {
            assert_eq!(index, items.len() as u64, "output indexes count up");
            items.insert(index, Item { id: event["item"]["id"].clone(), ..Item::default() });
            continue;
        }
        let item = items.get_mut(&index).expect("an item is added first");
        item.take(kind, event);
    }
    let output = end["response"]["output"].as_array().unwrap();
    let done: Vec<&Value> = items.values().map(|item| item.done.as_ref().expect("every item is done")).collect();
    assert_eq!(done, output.iter().collect::<Vec<_>>(), "the last event repeats the items");
    assert!(end["response"]["usage"]["total_tokens"].is_i64());
}

/// An output item on its way.
#[derive(Default)]
struct Item {
    id: Value,
    text: String,
    part_open: bool,
    done: Option<Value>,
}

impl Item {
    fn take(&mut self, kind: &str, event: &Value) {
        assert!(self.done.is_none(), "{kind} after its item was done");
        match kind.strip_prefix("response.").unwrap() {
            "content_part.added" | "reasoning_summary_part.added" => {
                assert!(!self.part_open);
                (self.part_open, self.text) = (true, String::new());
            }
            "content_part.done" | "reasoning_summary_part.done" => {
                assert!(self.part_open);
                self.part_open = false;
            }
            "output_item.done" => {
                assert!(!self.part_open, "a part is still open");
                assert_eq!(event["item"]["id"], self.id);
                self.done = Some(event["item"].clone());
                return;
            }
            delta if delta.ends_with(".delta") => {
                assert!(self.part_open || delta.contains("arguments") || delta.contains("input"), "{delta} outside a part");
                self.text += event["delta"].as_str().unwrap();
            }
            done => {
                let field = if done.contains("arguments") {
                    "arguments"
                } else if done.contains("input") {
                    "input"
                } else if done.contains("refusal") {
                    "refusal"
                } else {
                    "text"
                };
                assert_eq!(event[field], self.text.as_str(), "{done} repeats its deltas");
            }
        }
        assert_eq!(event["item_id"], self.id, "{kind} names its item");
    }
}
