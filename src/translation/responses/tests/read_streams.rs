//! Upstreams' streams, read.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::read_answer;
use super::{collected, events_of, legal, names, whole_response};
use crate::translation::hub::*;

fn sse(events: &[Value]) -> Vec<u8> {
    events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>().into_bytes()
}

/// The response as a stream of whole items, some with deltas.
fn streamed(response: &Value, with_deltas: bool, with_dones: bool) -> Vec<u8> {
    let mut events =
        vec![json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}})];
    for (place, item) in response["output"].as_array().unwrap().iter().enumerate() {
        let mut empty = item.clone();
        for (field, value) in [("arguments", json!("")), ("input", json!("")), ("content", json!([])), ("summary", json!([]))] {
            if empty.get(field).is_some() {
                empty[field] = value;
            }
        }
        events.push(json!({"type": "response.output_item.added", "output_index": place, "item": empty}));
        let mut tell = |kind: &str, index: &str, number: usize, field: &str, text: &Value| {
            let text = text.as_str().unwrap();
            if with_deltas {
                for piece in text.chars() {
                    let mut event =
                        json!({"type": format!("response.{kind}.delta"), "output_index": place, "delta": piece.to_string()});
                    event[index] = number.into();
                    events.push(event);
                }
            }
            if with_dones {
                let mut event = json!({"type": format!("response.{kind}.done"), "output_index": place});
                event[index] = number.into();
                event[field] = text.into();
                events.push(event);
            }
        };
        for (number, part) in item["summary"].as_array().into_iter().flatten().enumerate() {
            tell("reasoning_summary_text", "summary_index", number, "text", &part["text"]);
        }
        for (number, part) in item["content"].as_array().into_iter().flatten().enumerate() {
            match part["type"].as_str().unwrap() {
                "reasoning_text" => tell("reasoning_text", "content_index", number, "text", &part["text"]),
                "refusal" => tell("refusal", "content_index", number, "refusal", &part["refusal"]),
                _ => tell("output_text", "content_index", number, "text", &part["text"]),
            }
        }
        match item["type"].as_str().unwrap() {
            "function_call" => tell("function_call_arguments", "x", 0, "arguments", &item["arguments"]),
            "custom_tool_call" => tell("custom_tool_call_input", "x", 0, "input", &item["input"]),
            _ => {}
        }
        events.push(json!({"type": "response.output_item.done", "output_index": place, "item": item}));
    }
    events.push(json!({"type": "response.completed", "response": response}));
    let mut stream = sse(&events);
    stream.extend_from_slice(b"data: [DONE]\n\n");
    stream
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let (response, names) = (whole_response(), names());
    let whole = read_answer(response.to_string().as_bytes(), &names).unwrap();
    assert_eq!((whole.created, whole.blocks.len(), &whole.stop), (Some(7), 7, &Stop::ToolUse));
    assert_eq!(whole.blocks[0], Block::Thought(Thought { text: "one\n\ntwo".to_owned(), seal: whole_seal(&whole) }));
    assert!(matches!(&whole.blocks[4], Block::Call(call) if call.namespace.as_deref() == Some("n") && call.name == "h"));
    assert!(matches!(&whole.blocks[6], Block::Call(call) if call.kind == ToolKind::Custom && call.input == "q\n"));
    for (with_deltas, with_dones) in [(true, true), (true, false), (false, true), (false, false)] {
        let events = events_of(&streamed(&response, with_deltas, with_dones), &names);
        assert_eq!(collected(&events), Answer { created: None, ..whole.clone() }, "{with_deltas} {with_dones}");
        assert_eq!(events.last(), Some(&Event::End));
        legal(&events);
    }
    let last_event_alone = sse(&[json!({"type": "response.completed", "response": response})]);
    assert_eq!(collected(&events_of(&last_event_alone, &names)), Answer { created: None, ..whole });
}

fn whole_seal(answer: &Answer) -> Option<Seal> {
    let Block::Thought(thought) = &answer.blocks[0] else { return None };
    let summary = vec!["one".to_owned(), "two".to_owned()];
    let (id, encrypted_content) = ("rs_1".to_owned(), "E".to_owned());
    assert_eq!(thought.seal, Some(Seal::Encrypted { id, summary, encrypted_content }));
    thought.seal.clone()
}

#[test]
fn endings_are_told_apart() {
    let names = Arc::new(ToolNames::default());
    let part = json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "x"});
    let incomplete = json!({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}});
    let events = events_of(&sse(&[part.clone(), incomplete]), &names);
    assert_eq!(events[events.len() - 3..], [Event::Close { block: 0 }, Event::Stop(Stop::MaxTokens), Event::End]);
    for (event, status) in [
        (
            json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}}}),
            429,
        ),
        (json!({"type": "error", "code": "server_error", "message": "slow"}), 500),
        (json!({"error": {"code": null, "message": "slow"}}), 500),
    ] {
        let events = events_of(&sse(&[part.clone(), event]), &names);
        assert_eq!(events[events.len() - 2..], [Event::Error { message: "slow".to_owned(), status }, Event::End]);
    }
    assert!(!events_of(&sse(&[part]), &names).contains(&Event::End));
    assert_eq!(read_answer(br#"{"status":"failed","output":[]}"#, &names), None);
    assert_eq!(read_answer(br#"{"choices":[]}"#, &names), None);
}

#[test]
fn items_that_share_a_number_are_told_apart() {
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": ""});
    let done = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": id});
    let mut stream = Vec::new();
    for id in ["a", "b"] {
        stream.push(json!({"type": "response.output_item.added", "output_index": 0, "item": call(id)}));
        stream.push(json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": id}));
        stream.push(json!({"type": "response.output_item.done", "output_index": 0, "item": done(id)}));
    }
    stream.push(json!({"type": "response.completed", "response": {"status": "completed"}}));
    let events = events_of(&sse(&stream), &Arc::new(ToolNames::default()));
    legal(&events);
    let answer = collected(&events);
    let inputs: Vec<_> =
        answer.blocks.iter().map(|block| if let Block::Call(call) = block { call.input.as_str() } else { "" }).collect();
    assert_eq!(inputs, ["a", "b"]);
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let names = Arc::new(ToolNames::default());
    let item = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": ""});
    let response = json!({"id": "resp_1", "status": "completed", "output": [item]});
    let whole = read_answer(response.to_string().as_bytes(), &names).unwrap();
    assert!(matches!(whole.blocks.as_slice(), [Block::Call(call)] if call.input == "{}"));
    assert_eq!(collected(&events_of(&streamed(&response, true, true), &names)), whole);
}

#[test]
fn calls_that_the_last_event_alone_tells_are_not_lost() {
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "read", "arguments": "{}"});
    let message = json!({"type": "message", "content": [{"type": "output_text", "text": "Hi"}]});
    let stream = sse(&[
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": [message, call]}}),
    ]);
    let events = events_of(&stream, &names());
    legal(&events);
    let answer = collected(&events);
    assert_eq!(answer.stop, Stop::ToolUse);
    assert!(matches!(&answer.blocks[..], [Block::Text(text), Block::Call(call)] if text == "Hi" && call.id == "call_1"));
}
