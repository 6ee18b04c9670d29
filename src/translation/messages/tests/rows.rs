//! Blocks that are open side by side are written in a row.

use actors::vocabulary::Usage;
use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::StreamWriter;
use crate::translation::hub::{Event, Opening, Reply, Seal, Stop, ToolKind};
use crate::translation::sse::Framer;

fn written(events: &[Event]) -> Vec<Value> {
    let mut writer = StreamWriter::new(Reply { model: "m".to_owned(), request_id: "req_1".to_owned(), ..Reply::default() });
    let mut out = BytesMut::new();
    for event in events {
        writer.event(event, &Usage { input: 3, output: 4, ..Usage::default() }, &mut out);
    }
    let frames = Framer::default().feed(out.freeze()).unwrap();
    let events = frames.iter().map(|frame| {
        let event: Value = serde_json::from_slice(frame.data.as_ref().unwrap()).unwrap();
        assert_eq!(frame.event.as_deref(), event["type"].as_str());
        event
    });
    events.collect()
}

/// Checks the sequence and puts the blocks together: type, and text or input.
fn blocks(events: &[Value]) -> Vec<(String, String)> {
    assert_eq!(events.first().unwrap()["type"], "message_start");
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    assert_eq!(events[events.len() - 2]["type"], "message_delta");
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for event in &events[1..events.len() - 2] {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert!(!is_open, "blocks never overlap");
                assert_eq!(event["index"], json!(blocks.len()), "indexes count up by one");
                let kind = event["content_block"]["type"].as_str().unwrap().to_owned();
                blocks.push((kind, event["content_block"]["data"].as_str().unwrap_or_default().to_owned()));
                is_open = true;
            }
            "content_block_delta" => {
                assert!(is_open);
                assert_eq!(event["index"], json!(blocks.len() - 1));
                let (kind, text) = blocks.last_mut().unwrap();
                let delta = &event["delta"];
                let (field, fitting) = match delta["type"].as_str().unwrap() {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("signature", "thinking"),
                    "input_json_delta" => ("partial_json", "tool_use"),
                    other => panic!("{other}"),
                };
                assert_eq!(kind, fitting);
                text.push_str(delta[field].as_str().unwrap());
            }
            "content_block_stop" => {
                assert!(std::mem::replace(&mut is_open, false));
                assert_eq!(event["index"], json!(blocks.len() - 1));
            }
            other => panic!("{other}"),
        }
    }
    assert!(!is_open);
    blocks
}

fn start() -> Event {
    Event::Start { id: "resp_1".to_owned() }
}

fn open(block: usize, opening: Opening) -> Event {
    Event::Open { block, opening }
}

fn call(name: &str) -> Opening {
    Opening::Call { id: format!("call_{name}"), name: name.to_owned(), namespace: None, kind: ToolKind::Function }
}

fn more(block: usize, text: &str) -> Event {
    Event::More { block, text: text.to_owned() }
}

fn close(block: usize) -> Event {
    Event::Close { block }
}

fn pairs(blocks: &[(String, String)]) -> Vec<(&str, &str)> {
    blocks.iter().map(|(kind, text)| (kind.as_str(), text.as_str())).collect()
}

#[test]
fn calls_side_by_side_come_one_after_another() {
    let events = written(&[
        start(),
        open(0, Opening::Text),
        more(0, "Let"),
        open(1, call("a")),
        more(1, "{\"x\":"),
        open(2, call("b")),
        more(2, "{}"),
        more(0, " me"),
        more(1, "1}"),
        more(1, " "),
        close(0),
        close(1),
        close(2),
        Event::Stop(Stop::ToolUse),
        Event::End,
    ]);
    let expected = [("text", "Let"), ("tool_use", "{\"x\":1}"), ("tool_use", "{}"), ("text", " me")];
    assert_eq!(pairs(&blocks(&events)), expected);
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"], json!({"stop_reason": "tool_use", "stop_sequence": null}));
    assert_eq!((&end["usage"]["input_tokens"], &end["usage"]["output_tokens"]), (&json!(3), &json!(4)));
    assert_eq!(events[0]["message"]["id"], "msg_1");
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 0);
}

#[test]
fn thinking_ends_with_its_signature() {
    let foreign = Seal::Encrypted { id: "rs".to_owned(), summary: vec![], encrypted_content: "e".to_owned() };
    let seal = |block, seal: &Seal| Event::Seal { block, seal: seal.clone() };
    let redacted = Seal::Redacted { data: "d".to_owned() };
    let own = Seal::Signature { thinking: "hm".to_owned(), signature: "s".to_owned() };
    let events = written(&[
        start(),
        open(0, Opening::Thought),
        more(0, "so"),
        seal(0, &foreign),
        close(0),
        open(1, Opening::Thought),
        seal(1, &redacted),
        close(1),
        open(2, Opening::Thought),
        more(2, "hm"),
        seal(2, &own),
        close(2),
        open(3, Opening::Thought),
        close(3),
        open(4, Opening::Refusal),
        more(4, "no"),
        close(4),
        Event::Stop(Stop::End),
        Event::End,
    ]);
    let packed = "so".to_owned() + &foreign.pack();
    let expected = [("thinking", packed.as_str()), ("redacted_thinking", "d"), ("thinking", "hms"), ("text", "no")];
    assert_eq!(pairs(&blocks(&events)), expected);
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "refusal");
}

#[test]
fn every_piece_goes_out_at_once() {
    let mut writer = StreamWriter::new(Reply::default());
    let usage = Usage::default();
    let mut out = BytesMut::new();
    for event in [start(), open(0, call("a"))] {
        writer.event(&event, &usage, &mut out);
    }
    for piece in ["{", "\"a\"", ":1", "}"] {
        out.clear();
        writer.event(&more(0, piece), &usage, &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        assert!(text.contains(&json!(piece).to_string()), "{text}");
    }
}

fn opening(at: usize, kind: usize) -> Opening {
    match kind {
        0 => Opening::Text,
        1 => Opening::Thought,
        2 => Opening::Refusal,
        _ => call(&format!("f{at}")),
    }
}

/// Events of blocks that open, grow and close in any order.
fn interleaved(kinds: &[usize], order: &[usize], seals: bool) -> Vec<Event> {
    let scripts = kinds.iter().enumerate().map(|(at, kind)| {
        let pieces =
            if *kind == 3 { ["{\"n\"".to_owned(), format!(":\"{at}}}\"}}")] } else { [format!("<{at}"), ">".to_owned()] };
        let mut script = vec![open(at, opening(at, *kind)), more(at, &pieces[0]), more(at, &pieces[1])];
        if *kind == 1 && seals {
            let seal = Seal::Encrypted { id: at.to_string(), summary: vec![], encrypted_content: String::new() };
            script.push(Event::Seal { block: at, seal });
        }
        script.push(close(at));
        std::collections::VecDeque::from(script)
    });
    let mut scripts: Vec<_> = scripts.collect();
    let mut events = vec![start()];
    let mut opened = 0;
    for choice in order.iter().copied().chain(std::iter::repeat_n(0, 64)) {
        let ready: Vec<usize> = (0..kinds.len().min(opened + 1)).filter(|at| !scripts[*at].is_empty()).collect();
        let Some(at) = ready.get(choice % ready.len().max(1)) else { break };
        opened = opened.max(at + 1);
        events.extend(scripts[*at].pop_front());
    }
    events.extend([Event::Stop(Stop::End), Event::End]);
    events
}

proptest! {
    #[test]
    fn any_order_makes_a_legal_stream_that_loses_nothing(
        kinds in proptest::collection::vec(0usize..4, 0..5),
        order in proptest::collection::vec(0usize..8, 0..40),
        seals in any::<bool>(),
    ) {
        let written = blocks(&written(&interleaved(&kinds, &order, seals)));
        for (at, kind) in kinds.iter().enumerate() {
            if *kind == 3 {
                let input = format!("{{\"n\":\"{at}}}\"}}");
                prop_assert!(written.contains(&("tool_use".to_owned(), input)), "{written:?}");
            }
        }
        let all = |wanted: &str| -> String {
            written.iter().filter(|(kind, _)| kind == wanted).map(|(_, text)| text.as_str()).collect()
        };
        let texts = kinds.iter().filter(|kind| matches!(kind, 0 | 2)).count();
        prop_assert_eq!(all("text").matches('<').count(), texts);
        prop_assert_eq!(all("text").matches('>').count(), texts);
        let thoughts = kinds.iter().filter(|kind| **kind == 1).count();
        prop_assert_eq!(all("thinking").matches('>').count(), thoughts);
        prop_assert_eq!(all("thinking").matches("relay1.").count(), if seals { thoughts } else { 0 });
    }
}
