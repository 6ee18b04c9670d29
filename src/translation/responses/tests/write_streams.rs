//! Clients' streams, written.

use std::sync::Arc;

use actors::vocabulary::Usage;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{StreamWriter, echo, read_answer, write_answer};
use super::{collected, events_of, legal, names, whole_response};
use crate::translation::faults::Fault;
use crate::translation::hub::*;
use crate::translation::sse::Framer;

/// An answer as events, in pieces of one character.
fn told(answer: &Answer) -> Vec<Event> {
    let mut events = vec![Event::Start { id: answer.id.clone() }];
    for (block, content) in answer.blocks.iter().enumerate() {
        let (opening, text, seal) = match content.clone() {
            Block::Text(text) => (Opening::Text, text, None),
            Block::Refusal(text) => (Opening::Refusal, text, None),
            Block::Thought(thought) => (Opening::Thought, thought.text, thought.seal),
            Block::Call(Call { id, name, namespace, kind, input }) => (Opening::Call { id, name, namespace, kind }, input, None),
        };
        events.push(Event::Open { block, opening });
        events.extend(text.chars().map(|c| Event::More { block, text: c.to_string() }));
        events.extend(seal.map(|seal| Event::Seal { block, seal }));
        events.push(Event::Close { block });
    }
    events.extend([Event::Stop(answer.stop.clone()), Event::End]);
    events
}

fn reply() -> Reply {
    let echo = echo(
        &json!({"model": "m", "instructions": "i", "tools": [{"type": "function", "name": "h", "parameters": {}, "strict": false}],
        "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}, "metadata": {"a": "b"}}),
    );
    Reply { model: "m".to_owned(), request_id: "req_9".to_owned(), created: 5, include_usage: false, echo, ..Reply::default() }
}

fn written(events: &[Event], usage: &Usage) -> (Vec<u8>, Vec<Value>) {
    let mut writer = StreamWriter::new(reply());
    let mut out = BytesMut::new();
    for event in events {
        writer.event(event, usage, &mut out);
    }
    let frames = Framer::default().feed(Bytes::copy_from_slice(&out)).unwrap();
    let parsed: Vec<Value> = frames.iter().map(|frame| serde_json::from_slice(frame.data.as_ref().unwrap()).unwrap()).collect();
    for (number, (frame, event)) in frames.iter().zip(&parsed).enumerate() {
        assert_eq!(event["sequence_number"], number);
        assert_eq!(event["type"].as_str(), frame.event.as_deref());
    }
    (out.to_vec(), parsed)
}

fn full_answer() -> Answer {
    let mut answer = read_answer(whole_response().to_string().as_bytes(), &names()).unwrap();
    answer.created = Some(5);
    answer.blocks.push(Block::Call(Call {
        id: "c4".to_owned(),
        name: "f".to_owned(),
        namespace: None,
        kind: ToolKind::Function,
        input: String::new(),
    }));
    answer
}

#[test]
fn a_written_stream_ends_in_the_whole_answer() {
    let usage = Usage { input: 1, output: 2, cache_read: 3, cache_creation_5m: 4, cache_creation_1h: 5, reasoning: 1 };
    let answer = full_answer();
    let (stream, events) = written(&told(&answer), &usage);
    assert_eq!(events.last().unwrap()["response"], write_answer(&answer, &reply(), &usage));
    assert_eq!(events.last().unwrap()["response"]["usage"]["input_tokens"], 13);
    let mut read_back = collected(&events_of(&stream, &names()));
    read_back.created = Some(5);
    let mut expected = answer;
    let Some(Block::Call(call)) = expected.blocks.last_mut() else { panic!("no call") };
    call.input = "{}".to_owned();
    assert_eq!(read_back.blocks[3..4], expected.blocks[3..4]);
    assert_eq!(read_back.blocks.last(), expected.blocks.last());
}

#[test]
fn a_broken_stream_ends_with_an_error_and_a_failed_response() {
    let answer = full_answer();
    let events = told(&answer);
    for broken_at in 0..events.len() - 1 {
        let mut writer = StreamWriter::new(reply());
        let mut out = BytesMut::new();
        for event in &events[..broken_at] {
            writer.event(event, &Usage::default(), &mut out);
        }
        writer.fail(Fault::TIMEOUT, "too slow", &mut out);
        writer.event(&Event::End, &Usage::default(), &mut out);
        let frames = Framer::default().feed(out.freeze()).unwrap();
        let kinds: Vec<_> = frames.iter().filter_map(|frame| frame.event.as_deref()).collect();
        assert_eq!((kinds[0], &kinds[kinds.len() - 2..]), ("response.created", ["error", "response.failed"].as_slice()));
        let last: Value = serde_json::from_slice(frames.last().unwrap().data.as_ref().unwrap()).unwrap();
        assert_eq!(last["response"]["error"], json!({"code": "server_error", "message": "too slow"}));
    }
}

pub fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let words = "[a-zé🦀\\n\"]{1,8}";
    let kind = prop_oneof![Just(ToolKind::Function), Just(ToolKind::Custom)];
    let block = prop_oneof![
        words.prop_map(Block::Text),
        words.prop_map(Block::Refusal),
        ("[a-z]{0,8}", "[a-z]{1,8}").prop_map(|(text, signature)| {
            let seal = Some(Seal::Signature { thinking: text.clone(), signature });
            Block::Thought(Thought { text, seal })
        }),
        words.prop_map(|text| Block::Thought(Thought { text, seal: None })),
        ("[a-z]{1,6}", "[a-z]{1,6}", kind, words)
            .prop_map(|(id, name, kind, input)| { Block::Call(Call { id, name, namespace: None, kind, input }) }),
    ];
    proptest::collection::vec(block, 0..6)
}

proptest! {
    #[test]
    fn streams_and_wholes_agree_in_both_directions(blocks in blocks(), cut in any::<bool>()) {
        let stop = if cut { Stop::MaxTokens } else { Stop::End };
        let calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
        let answer = Answer { id: "resp_x".to_owned(), created: Some(5), blocks, stop: stop.with_calls(calls) };
        let whole = write_answer(&answer, &reply(), &Usage::default());
        let (stream, events) = written(&told(&answer), &Usage::default());
        prop_assert_eq!(&events.last().unwrap()["response"], &whole);
        let names = Arc::new(ToolNames::default());
        let from_whole = read_answer(whole.to_string().as_bytes(), &names).unwrap();
        prop_assert_eq!(&from_whole, &answer);
        let events = events_of(&stream, &names);
        legal(&events);
        prop_assert_eq!(collected(&events), Answer { created: None, ..answer });
    }
}
