//! Answers and streams with any one field of another JSON type: nothing but that field is lost.

use std::sync::Arc;

use actors::vocabulary::{Protocol, Usage};
use bytes::Bytes;
use serde_json::{Value, json};

use super::legal;
use crate::translation::gather::{Gatherer, Reader};
use crate::translation::hub::{Answer, Block, Call, Stop, ToolKind, ToolNames};
use crate::translation::sse::{Frame, Framer};
use crate::translation::tap::{Meaning, UsageTap};
use crate::translation::{chat, messages, responses};

const PROTOCOLS: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];
const TEXT: &str = "Hello there";
const NAME: &str = "read_file";
const INPUT: &str = r#"{"path":"a.txt"}"#;

fn answer() -> Answer {
    let call = Call {
        id: "call_1".to_owned(),
        name: NAME.to_owned(),
        namespace: None,
        kind: ToolKind::Function,
        input: INPUT.to_owned(),
    };
    let blocks = vec![Block::Text(TEXT.to_owned()), Block::Call(call)];
    Answer { id: "id_1".to_owned(), created: Some(7), blocks, stop: Stop::ToolUse }
}

/// What of an answer must survive: its text, and its calls without their ids.
fn said(answer: &Answer) -> Vec<(String, String)> {
    let blocks = answer.blocks.iter().map(|block| match block {
        Block::Text(text) | Block::Refusal(text) => (String::new(), text.clone()),
        Block::Thought(thought) => ("thought".to_owned(), thought.text.clone()),
        Block::Call(call) => (call.name.clone(), call.input.clone()),
    });
    blocks.collect()
}

/// Every place in a value, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(number, item)| (number.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let place = format!("{at}/{name}");
        places(value, &place, found);
        found.push(place);
    }
}

fn same_type(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// The value with each place in turn holding each other type; and what stood there.
fn odd(value: &Value) -> Vec<(String, Value, Value)> {
    let others = [
        json!(null),
        json!(false),
        json!(true),
        json!(7),
        json!(1.5),
        json!("odd"),
        json!([]),
        json!(["odd"]),
        json!({}),
        json!({"odd": 1}),
    ];
    let mut found = Vec::new();
    places(value, "", &mut found);
    let mut all = Vec::new();
    for place in found {
        for other in &others {
            let was = value.pointer(&place).unwrap();
            // A refusal in words is one.
            let is_refusal = place.ends_with("/refusal") && other.is_string();
            if !same_type(was, other) && !is_refusal {
                let mut odd = value.clone();
                *odd.pointer_mut(&place).unwrap() = other.clone();
                all.push((format!("{place} = {other}"), was.clone(), odd));
            }
        }
    }
    all
}

/// Whether a value holds what was said.
fn holds_speech(value: &Value) -> bool {
    let text = value.to_string();
    text.contains("Hello") || text.contains(NAME) || text.contains("path") || text.contains("a.txt") || text.contains("there")
}

fn usage() -> Usage {
    Usage { input: 700, output: 110, cache_read: 30, reasoning: 40, ..Usage::default() }
}

fn whole(protocol: Protocol) -> Value {
    match protocol {
        Protocol::Messages => messages::write_answer(&answer(), &super::streams::reply(), &usage()),
        Protocol::ChatCompletions => chat::write_answer(&answer(), &super::streams::reply(), &usage()),
        _ => responses::write_answer(&answer(), &super::streams::reply(), &usage()),
    }
}

fn read_whole(protocol: Protocol, body: &[u8]) -> Option<Answer> {
    let names = ToolNames::default();
    match protocol {
        Protocol::Messages => messages::read_answer(body, &names),
        Protocol::ChatCompletions => chat::read_answer(body, &names),
        _ => responses::read_answer(body, &names),
    }
}

#[test]
fn a_whole_answer_with_an_odd_field_loses_that_field_alone() {
    for protocol in PROTOCOLS {
        let good = whole(protocol);
        let mut survived = 0;
        for (place, was, odd) in odd(&good) {
            let body = odd.to_string();
            let mut tap = UsageTap::new(protocol);
            let is_answer = tap.whole(body.as_bytes());
            let Some(read) = read_whole(protocol, body.as_bytes()) else { continue };
            assert!(is_answer, "{protocol} {place}: read, but not counted");
            survived += 1;
            assert!(!read.blocks.is_empty(), "{protocol} {place}: an empty success");
            if !holds_speech(&was) {
                assert_eq!(said(&read), said(&answer()), "{protocol} {place}");
            }
            if !place.starts_with("/usage") {
                assert_eq!((tap.reading(1).0.input, tap.reading(1).0.output), (700, 110), "{protocol} {place}");
            }
        }
        assert!(survived > 200, "{protocol}: only {survived} were read");
    }
}

/// The frames of an upstream's stream, and their data.
fn stream(protocol: Protocol) -> Vec<(Option<String>, Value)> {
    let bytes = super::streams::upstream_stream_with(protocol, &answer(), &usage());
    let data = |frame: &Frame| serde_json::from_slice(frame.data.as_deref().unwrap()).unwrap_or_else(|_| json!("[DONE]"));
    legal::frames(&bytes).iter().map(|frame| (frame.event.clone(), data(frame))).collect()
}

fn framed((event, data): &(Option<String>, Value)) -> Frame {
    let name = event.as_ref().map(|event| format!("event: {event}\n")).unwrap_or_default();
    let data = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
    Framer::default().feed(Bytes::from(format!("{name}data: {data}\n\n"))).unwrap().remove(0)
}

#[test]
fn a_stream_with_an_odd_field_loses_that_field_alone() {
    for protocol in PROTOCOLS {
        let events = stream(protocol);
        let mut survived = 0;
        for (number, (name, data)) in events.iter().enumerate() {
            for (place, was, odd) in odd(data) {
                let place = format!("{protocol} event {number} {name:?} {place}");
                let mut told = events.clone();
                told[number].1 = odd;
                let mut tap = UsageTap::new(protocol);
                let mut gatherer = Gatherer::new(Reader::new(protocol, Arc::new(ToolNames::default())));
                let mut is_fault = false;
                for event in &told {
                    let frame = framed(event);
                    is_fault |= matches!(tap.event(&frame), Meaning::Error | Meaning::Fault);
                    gatherer.event(&frame);
                }
                let Some(read) = gatherer.finish().filter(|_| !is_fault) else { continue };
                survived += 1;
                assert!(!read.blocks.is_empty() && tap.produced(), "{place}: an empty success");
                // Some providers write a call's arguments as the object that they are.
                if !holds_speech(&was) && !place.contains("/arguments = {") {
                    assert_eq!(said(&read), said(&answer()), "{place}");
                }
                if !place.contains("/usage") && !was.to_string().contains("_tokens") {
                    assert_eq!((tap.reading(1).0.input, tap.reading(1).0.output), (700, 110), "{place}");
                }
            }
        }
        assert!(survived > 400, "{protocol}: only {survived} were read");
    }
}

#[test]
fn a_stream_that_cannot_be_read_is_no_answer() {
    for protocol in PROTOCOLS {
        let mut tap = UsageTap::new(protocol);
        let event = |data: &str| framed(&(None, json!(data)));
        assert_eq!(tap.event(&event(r#"{"choices":[{"delta":{"content":"Hel"#)), Meaning::Fault, "{protocol}");
        assert_eq!(tap.event(&event("OPENROUTER PROCESSING")), Meaning::Silence, "{protocol}");
        assert!(tap.is_unreadable(), "{protocol}");
    }
}
