//! Streams, both ways.

use std::sync::Arc;

use actors::vocabulary::Usage;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{StreamReader, StreamWriter, read_answer, write_answer};
use super::answers::names;
use super::{collected, frames};
use crate::translation::Fault;
use crate::translation::hub::{Block, Event, Reply, Stop, ToolNames};
use crate::translation::sse::Framer;

fn read(events: &[Value]) -> Vec<Event> {
    let mut reader = StreamReader::new(Arc::new(names()));
    let mut out = Vec::new();
    for frame in frames(events) {
        reader.event(&frame, &mut out);
    }
    reader.finish(&mut out);
    out
}

fn pieces(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// A stream of Claude's that says what a whole answer says, in pieces of this size.
fn streamed(answer: &Value, size: usize) -> Vec<Value> {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": answer["id"], "type": "message", "content": [], "usage": {}}}),
        json!({"type": "ping"}),
    ];
    for (index, block) in answer["content"].as_array().unwrap().iter().enumerate() {
        let mut start = block.clone();
        let mut deltas = Vec::new();
        let mut cut = |field: &str, kind: &str| {
            let text = match &block[field] {
                Value::String(text) => text.clone(),
                input => input.to_string(),
            };
            deltas.extend(pieces(&text, size).into_iter().map(|piece| {
                let name = if field == "input" { "partial_json" } else { field };
                json!({"type": kind, name: piece})
            }));
        };
        match block["type"].as_str().unwrap() {
            "text" => {
                cut("text", "text_delta");
                start["text"] = json!("");
            }
            "thinking" => {
                cut("thinking", "thinking_delta");
                deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
                start = json!({"type": "thinking", "thinking": "", "signature": ""});
            }
            "tool_use" | "server_tool_use" => {
                if block["input"] != json!({}) {
                    cut("input", "input_json_delta");
                }
                start["input"] = json!({});
            }
            _ => {}
        }
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        let delta = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
        events.extend(deltas.into_iter().map(delta));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let end = json!({"stop_reason": answer["stop_reason"], "stop_sequence": answer["stop_sequence"]});
    events.push(json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}}));
    events.push(json!({"type": "message_stop"}));
    events
}

fn answered(content: &[Value], stop_reason: &str) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": stop_reason,
        "stop_sequence": if stop_reason == "stop_sequence" { json!("END") } else { Value::Null }})
}

#[test]
fn errors_end_a_stream_with_their_status() {
    let start = json!({"type": "message_start", "message": {"id": "msg_1"}});
    let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "Overloaded"}});
    for (kind, status) in [("overloaded_error", 529), ("api_error", 500), ("rate_limit_error", 429), ("odd", 500)] {
        let events = read(&[start.clone(), error(kind), json!({"type": "message_stop"})]);
        let expected =
            [Event::Start { id: "msg_1".to_owned() }, Event::Error { message: "Overloaded".to_owned(), status }, Event::End];
        assert_eq!(events, expected);
    }
}

#[test]
fn a_stream_that_closes_before_its_stop_reason_has_no_end() {
    let events = streamed(&answered(&[json!({"type": "text", "text": "hi"})], "end_turn"), 9);
    let cut = read(&events[..events.len() - 2]);
    assert!(!cut.iter().any(|event| matches!(event, Event::Stop(_) | Event::End)));
    let without_last = read(&events[..events.len() - 1]);
    assert_eq!(without_last[without_last.len() - 2..], [Event::Stop(Stop::End), Event::End]);
}

#[test]
fn the_words_of_a_refusal_are_told() {
    let details = json!({"type": "refusal", "explanation": "no"});
    let mut whole = answered(&[], "refusal");
    whole["stop_details"] = details.clone();
    let mut events = streamed(&whole, 1);
    let end = events.len() - 2;
    events[end]["delta"]["stop_details"] = details;
    let expected = read_answer(whole.to_string().as_bytes(), &ToolNames::default()).unwrap();
    assert_eq!(expected.blocks, [Block::Refusal("no".to_owned())]);
    assert_eq!(collected(&read(&events)), expected);
}

fn block() -> impl Strategy<Value = Value> {
    let text = "[a-zé\"\\\\\n ]{0,12}";
    prop_oneof![
        text.prop_map(|text| json!({"type": "text", "text": text})),
        (text, "[a-z]{0,4}").prop_map(|(text, sign)| json!({"type": "thinking", "thinking": text, "signature": sign})),
        "[a-z]{1,5}".prop_map(|data| json!({"type": "redacted_thinking", "data": data})),
        (text, prop_oneof![Just("other"), Just("patch"), Just("files__read"), Just("json_object")]).prop_map(|(text, name)| {
            let input = if text.is_empty() { json!({}) } else { json!({"input": text}) };
            json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": input})
        }),
        Just(json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}})),
    ]
}

fn reason() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("end_turn"), Just("tool_use"), Just("max_tokens"), Just("stop_sequence"), Just("refusal")]
}

proptest! {
    #[test]
    fn a_stream_says_what_the_whole_answer_says(
        content in proptest::collection::vec(block(), 0..6), reason in reason(), size in 1usize..9,
    ) {
        let whole = answered(&content, reason);
        let expected = read_answer(whole.to_string().as_bytes(), &names()).unwrap();
        let events = read(&streamed(&whole, size));
        prop_assert_eq!(collected(&events), expected);
        prop_assert_eq!(events.last(), Some(&Event::End));
        let opened = events.iter().filter(|event| matches!(event, Event::Open { .. })).count();
        let closed = events.iter().filter(|event| matches!(event, Event::Close { .. })).count();
        prop_assert_eq!(opened, closed);
    }

    #[test]
    fn what_is_written_is_read_again(
        content in proptest::collection::vec(block(), 0..6), reason in reason(), size in 1usize..9,
    ) {
        let whole = answered(&content, reason);
        let plain = Arc::new(ToolNames::default());
        let expected = read_answer(whole.to_string().as_bytes(), &plain).unwrap();
        let mut reader = StreamReader::new(Arc::clone(&plain));
        let mut writer = StreamWriter::new(Reply { model: "m".to_owned(), ..Reply::default() });
        let mut out = BytesMut::new();
        for frame in frames(&streamed(&whole, size)) {
            let mut events = Vec::new();
            reader.event(&frame, &mut events);
            for event in &events {
                writer.event(event, &Usage::default(), &mut out);
            }
        }
        let mut events = Vec::new();
        let mut reader = StreamReader::new(Arc::clone(&plain));
        for frame in Framer::default().feed(out.freeze()).unwrap() {
            reader.event(&frame, &mut events);
        }
        prop_assert_eq!(collected(&events), expected.clone());
        let written = write_answer(&expected, &Reply::default(), &Usage::default());
        prop_assert_eq!(read_answer(written.to_string().as_bytes(), &plain), Some(expected));
    }

    #[test]
    fn no_event_is_too_odd(data in "\\PC{0,60}", kind in "[a-z_]{0,20}", index in any::<u16>()) {
        let mut reader = StreamReader::new(Arc::new(names()));
        let mut out = Vec::new();
        let odd = json!({"type": kind, "index": index, "delta": data.clone(), "message": data.clone()}).to_string();
        for text in [data, odd] {
            for frame in Framer::default().feed(Bytes::from(format!("data: {text}\n\n"))).unwrap() {
                reader.event(&frame, &mut out);
            }
        }
        reader.finish(&mut out);
        prop_assert!(out.is_empty());
    }
}

#[test]
fn a_broken_stream_ends_with_an_error_and_nothing_more() {
    let mut writer = StreamWriter::new(Reply::default());
    let mut out = BytesMut::new();
    writer.fail(Fault::TIMEOUT, "late", &mut out);
    writer.event(&Event::Start { id: String::new() }, &Usage::default(), &mut out);
    writer.fail(Fault::TIMEOUT, "late", &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert_eq!(text, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"late\"}}\n\n");
}
