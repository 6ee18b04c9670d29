//! Streams: what an upstream's chunks become, and what a client gets.

use std::sync::Arc;

use actors::vocabulary::Usage;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::translation::chat::{StreamReader, StreamWriter, read_answer, write_answer};
use crate::translation::hub::{Answer, Block, Call, Collector, Event, Opening, Reply, Seal, Stop, Thought, ToolKind, ToolNames};
use crate::translation::{Fault, Frame, Framer};

fn frame(data: impl ToString) -> Frame {
    Frame { raw: Bytes::new(), event: None, data: Some(data.to_string().into()) }
}

fn chunk(delta: Value) -> Value {
    json!({"id": "chatcmpl-1", "created": 5, "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn calls(pieces: Value) -> Value {
    chunk(json!({ "tool_calls": pieces }))
}

/// `patch` is a custom tool of the client's, `read` stands in a namespace.
fn names() -> Arc<ToolNames> {
    let tools = [("patch", None, ToolKind::Custom), ("read", Some("files"), ToolKind::Function)];
    Arc::new(ToolNames::of_tools(&tools))
}

/// All events of a stream of these chunks, `[DONE]` behind them.
fn events(chunks: &[Value]) -> Vec<Event> {
    let mut reader = StreamReader::new(names());
    let mut out = Vec::new();
    for chunk in chunks {
        reader.event(&frame(chunk), &mut out);
    }
    reader.event(&frame("[DONE]"), &mut out);
    out
}

/// The answer that events tell, their order checked on the way.
fn collected(events: &[Event]) -> Answer {
    let mut collector = Collector::default();
    let mut open: Vec<bool> = Vec::new();
    let (mut stopped, mut ended) = (false, false);
    for (at, event) in events.iter().enumerate() {
        assert!(!ended, "nothing follows the end");
        assert_eq!(at == 0, matches!(event, Event::Start { .. }), "the start comes first and once");
        collector.take(event);
        match event {
            Event::Start { .. } => {}
            Event::Open { block, .. } => {
                assert!(*block == open.len() && !stopped, "blocks open in order");
                open.push(true);
            }
            Event::More { block, text } => assert!(open[*block] && !text.is_empty()),
            Event::Seal { block, .. } => assert!(open[*block]),
            Event::Close { block } => assert!(std::mem::take(&mut open[*block]), "closes once"),
            Event::Stop(_) => {
                assert!(!open.contains(&true) && !stopped);
                stopped = true;
            }
            Event::Error { message, .. } => panic!("{message}"),
            Event::End => ended = true,
        }
    }
    assert!(stopped && ended);
    collector.answer().clone()
}

fn call(id: &str, name: &str, input: &str) -> Block {
    let namespace = (name == "read").then(|| "files".to_owned());
    let kind = if name == "patch" { ToolKind::Custom } else { ToolKind::Function };
    Block::Call(Call { id: id.to_owned(), name: name.to_owned(), namespace, kind, input: input.to_owned() })
}

fn blocks(chunks: &[Value]) -> Vec<Block> {
    collected(&events(chunks)).blocks
}

#[test]
fn pieces_of_an_earlier_call_may_follow_a_later_ones() {
    let read = blocks(&[
        chunk(json!({"role": "assistant", "content": null})),
        calls(json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "files__read", "arguments": ""}}])),
        calls(json!([{"index": 1, "id": "b", "type": "function", "function": {"name": "patch", "arguments": "{\"inp"}}])),
        calls(
            json!([{"index": 0, "function": {"arguments": "{\"x\""}}, {"index": 1, "function": {"arguments": "ut\":\"\\u00"}}]),
        ),
        calls(json!([{"index": 1, "function": {"arguments": "e9\"}"}}, {"index": 0, "function": {"arguments": ":1}"}}])),
        finish("tool_calls"),
    ]);
    assert_eq!(read, [call("a", "read", "{\"x\":1}"), call("b", "patch", "é")]);
}

#[test]
fn calls_are_understood_however_providers_send_them() {
    let whole = |index: Value, id: &str| json!({"index": index, "id": id, "function": {"name": "f", "arguments": "{}"}});
    let one = [call("a", "f", "{}")];
    let two = [call("a", "f", "{}"), call("b", "f", "{}")];
    // The whole call at once.
    assert_eq!(blocks(&[calls(json!([whole(json!(0), "a")])), finish("stop")]), one);
    // No index.
    assert_eq!(blocks(&[calls(json!([whole(Value::Null, "a"), whole(Value::Null, "b")])), finish("tool_calls")]), two);
    // The same index for all.
    assert_eq!(blocks(&[calls(json!([whole(json!(0), "a")])), calls(json!([whole(json!(0), "b")])), finish("stop")]), two);
    // Id and name in every piece.
    let piece = |text: &str| calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": text}}]));
    assert_eq!(blocks(&[piece(""), piece("{"), piece("}"), finish("tool_calls")]), one);
    let piece = |text: &str| calls(json!([{"id": "a", "function": {"name": "f", "arguments": text}}]));
    assert_eq!(blocks(&[piece(""), piece("{"), piece("}"), finish("tool_calls")]), one);
    // Neither index nor id but at the beginning.
    let more = calls(json!([{"function": {"arguments": "}"}}]));
    assert_eq!(blocks(&[piece("{"), more, finish("tool_calls")]), one);
    // The arguments as an object, or none at all.
    let object = calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": {}}}]));
    assert_eq!(blocks(&[object, finish("tool_calls")]), one);
    let nothing = calls(json!([{"index": 0, "id": "a", "function": {"name": "f"}}]));
    assert_eq!(blocks(&[nothing, finish("tool_calls")]), one);
    // The name behind the arguments.
    let (early, late) = (json!([{"index": 0, "id": "a", "function": {"arguments": "{"}}]), piece("}"));
    assert_eq!(blocks(&[calls(early), late, finish("tool_calls")]), one);
    // No id ever.
    let nameless = |name: &str| json!([{"function": {"name": name, "arguments": "{}"}}]);
    let made = blocks(&[calls(nameless("f")), calls(nameless("f")), finish("stop")]);
    assert_eq!(made, [call("call_chatcmpl1_0", "f", "{}"), call("call_chatcmpl1_1", "f", "{}")]);
}

#[test]
fn words_open_lazily_and_text_behind_a_call_is_a_block_of_its_own() {
    let chunks = [
        json!({"id": "", "choices": [], "prompt_filter_results": []}),
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"reasoning": "h"})),
        chunk(json!({"reasoning_content": "m", "content": ""})),
        chunk(json!({"content": "a"})),
        calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}])),
        chunk(json!({"content": "b"})),
        calls(json!([{"index": 0, "function": {"arguments": "}"}}])),
        finish("stop"),
        chunk(json!({"content": "behind"})),
        json!({"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 1}}),
    ];
    let answer = collected(&events(&chunks));
    let thought = Block::Thought(thought("hm"));
    let text = |text: &str| Block::Text(text.to_owned());
    assert_eq!(answer.blocks, [thought, text("a"), call("a", "f", "{}"), text("b"), text("behind")]);
    assert_eq!((answer.stop, answer.id.as_str()), (Stop::ToolUse, "chatcmpl-1"));
}

#[test]
fn a_stream_ends_as_far_as_it_came() {
    let mut reader = StreamReader::new(names());
    let mut out = Vec::new();
    reader.event(&frame(chunk(json!({"content": "a"}))), &mut out);
    out.clear();
    reader.finish(&mut out);
    assert_eq!(out, [], "no stop reason came");
    reader.event(&frame(finish("length")), &mut out);
    assert_eq!(out, [], "what follows may belong to the answer");
    reader.finish(&mut out);
    reader.finish(&mut out);
    reader.event(&frame("[DONE]"), &mut out);
    assert_eq!(out, [Event::Close { block: 0 }, Event::Stop(Stop::MaxTokens), Event::End]);
    assert_eq!(events(&[]), [], "an empty stream tells nothing");
    assert_eq!(collected(&events(&[chunk(json!({"content": "a"}))])).stop, Stop::End, "[DONE] alone ends, too");
}

#[test]
fn an_error_ends_the_stream_with_its_status() {
    let error = |error: Value| events(&[chunk(json!({"content": "a"})), json!({ "error": error }), finish("stop")]).split_off(3);
    let told = |message: &str, status| [Event::Error { message: message.to_owned(), status }, Event::End];
    assert_eq!(error(json!({"message": "slow down", "type": "rate_limit_error", "code": null})), told("slow down", 429));
    assert_eq!(error(json!({"message": "full", "code": 529})), told("full", 529));
    assert_eq!(error(json!({"message": "full", "code": "503"})), told("full", 503));
    assert_eq!(error(json!("broken")), told("broken", 502));
    assert_eq!(error(json!({"type": "server_error"})), told("The upstream broke off with an error", 500));
}

fn reply(include_usage: bool) -> Reply {
    Reply { model: "m".to_owned(), request_id: "r".to_owned(), created: 7, include_usage, ..Reply::default() }
}

fn written(events: &[Event], include_usage: bool) -> Vec<String> {
    let mut writer = StreamWriter::new(reply(include_usage));
    let mut bytes = BytesMut::new();
    for event in events {
        writer.event(event, &Usage { input: 3, cache_read: 2, output: 4, ..Usage::default() }, &mut bytes);
    }
    let frames = Framer::default().feed(bytes.freeze()).unwrap();
    frames.iter().map(|frame| String::from_utf8(frame.data.clone().unwrap().to_vec()).unwrap()).collect()
}

/// Events that tell an answer, each block in pieces of `size` characters.
fn told(answer: &Answer, size: usize) -> Vec<Event> {
    let mut out = vec![Event::Start { id: answer.id.clone() }];
    for (block, said) in answer.blocks.iter().enumerate() {
        let (opening, text, seal) = match said.clone() {
            Block::Text(text) => (Opening::Text, text, None),
            Block::Refusal(text) => (Opening::Refusal, text, None),
            Block::Thought(thought) => (Opening::Thought, thought.text, thought.seal),
            Block::Call(Call { id, name, namespace, kind, input }) => (Opening::Call { id, name, namespace, kind }, input, None),
        };
        out.push(Event::Open { block, opening });
        let chars: Vec<char> = text.chars().collect();
        out.extend(chars.chunks(size).map(|piece| Event::More { block, text: piece.iter().collect() }));
        out.extend(seal.map(|seal| Event::Seal { block, seal }));
        out.push(Event::Close { block });
    }
    out.extend([Event::Stop(answer.stop.clone()), Event::End]);
    out
}

#[test]
fn a_client_gets_a_legal_stream() {
    let seal = Seal::Redacted { data: "x".to_owned() };
    let answer = Answer {
        id: "msg_1".to_owned(),
        created: None,
        blocks: vec![
            Block::Thought(Thought { text: "hm".to_owned(), seal: Some(seal.clone()) }),
            Block::Text("a\n".to_owned()),
            call("c1", "f", "{}"),
            call("c2", "patch", "xy"),
        ],
        stop: Stop::ToolUse,
    };
    let chunks = written(&told(&answer, 9), true);
    let (done, chunks) = chunks.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let mut chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    let last = chunks.pop().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["prompt_tokens"], 5);
    for chunk in &chunks {
        assert_eq!(chunk["usage"], Value::Null);
        assert_eq!(json!([chunk["id"], chunk["created"], chunk["model"]]), json!(["chatcmpl-1", 7, "m"]));
    }
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    let function = |part: Value| json!({"tool_calls": [part]});
    let expected = [
        json!({"role": "assistant", "content": ""}),
        json!({"reasoning_content": "hm"}),
        json!({"content": "a\n"}),
        function(json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}})),
        function(json!({"index": 0, "function": {"arguments": "{}"}})),
        function(json!({"index": 1, "id": "c2", "type": "custom", "custom": {"name": "patch", "input": ""}})),
        function(json!({"index": 1, "custom": {"input": "xy"}})),
        json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": seal.pack(), "index": 0}]}),
        json!({}),
    ];
    assert_eq!(deltas, expected.iter().collect::<Vec<_>>());
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    assert!(written(&told(&answer, 9), false).iter().all(|chunk| !chunk.contains("usage")));
}

#[test]
fn a_broken_stream_ends_with_an_error_once() {
    let mut writer = StreamWriter::new(reply(true));
    let mut bytes = BytesMut::new();
    writer.event(&Event::Start { id: String::new() }, &Usage::default(), &mut bytes);
    bytes.clear();
    writer.fail(Fault::UPSTREAM, "gone", &mut bytes);
    writer.fail(Fault::UPSTREAM, "gone", &mut bytes);
    writer.event(&Event::End, &Usage::default(), &mut bytes);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(text.matches("\"gone\"").count(), 1);
    assert!(text.ends_with("data: [DONE]\n\n") && text.matches("[DONE]").count() == 1, "{text}");
}

/// An answer as one message of this protocol can hold it: blocks in their order, each kind of words once.
fn answer() -> impl Strategy<Value = Answer> {
    let words = || proptest::option::of("[a-z\u{2028}\"\\\\ 🦀é]{1,12}");
    let input = || prop_oneof![Just("{}".to_owned()), "[a-z]{1,9}".prop_map(|text| json!({ "k": text }).to_string())];
    let called = proptest::collection::vec((proptest::bool::ANY, input(), "[a-z\"\\\\é]{0,9}"), 0..3);
    let reasons = proptest::sample::select(vec![Stop::End, Stop::MaxTokens, Stop::Refusal]);
    (words(), words(), words(), called, reasons).prop_map(|(thought, text, refusal, called, stop)| {
        let mut blocks = Vec::new();
        blocks.extend(thought.map(|text| Block::Thought(self::thought(&text))));
        blocks.extend(text.map(Block::Text));
        blocks.extend(refusal.map(Block::Refusal));
        for (at, (custom, json, free)) in called.iter().enumerate() {
            let id = format!("c{at}");
            blocks.push(if *custom { call(&id, "patch", free) } else { call(&id, "f", json) });
        }
        let stop = stop.with_calls(!called.is_empty());
        Answer { id: "chatcmpl-1".to_owned(), created: Some(7), blocks, stop }
    })
}

/// A thought as it is read here.
fn thought(text: &str) -> Thought {
    let (maker, field, extra) = (String::new(), "reasoning_content".to_owned(), serde_json::Map::new());
    Thought { text: text.to_owned(), seal: Some(Seal::Reasoning { maker, field, extra }) }
}

/// Chunks of another gateway's making: what this one writes for a client whose tools are functions.
fn as_upstream(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    for block in &mut answer.blocks {
        if let Block::Thought(thought) = block {
            thought.seal = None;
        }
        if let Block::Call(call) = block {
            if call.kind == ToolKind::Custom {
                call.input = crate::translation::hub::wrapped(&call.input);
            }
            call.kind = ToolKind::Function;
        }
    }
    answer
}

proptest! {
    #[test]
    fn a_stream_and_a_whole_answer_say_the_same(answer in answer(), size in 1usize..5) {
        let upstream = as_upstream(&answer);
        let mut reader = StreamReader::new(names());
        let mut out = Vec::new();
        for data in written(&told(&upstream, size), true) {
            reader.event(&frame(data), &mut out);
        }
        let mut streamed = collected(&out);
        streamed.created = Some(7);
        let whole = write_answer(&upstream, &reply(false), &Usage::default()).to_string();
        let whole = read_answer(whole.as_bytes(), &names()).unwrap();
        prop_assert_eq!(&streamed, &whole);
        prop_assert_eq!(&whole, &answer);
    }

    #[test]
    fn no_chunk_breaks_the_order_of_events(pieces in proptest::collection::vec((0usize..7, 0i64..3), 0..12)) {
        let chunks: Vec<Value> = pieces.into_iter().map(|(kind, index)| match kind {
            0 => chunk(json!({"content": "a"})),
            1 => chunk(json!({"reasoning": "b"})),
            2 => chunk(json!({"refusal": "c"})),
            3 => calls(json!([{"index": index, "id": format!("c{index}"), "function": {"name": "f"}}])),
            4 => calls(json!([{"index": index, "function": {"arguments": "{}"}}])),
            5 => calls(json!([{"id": format!("c{index}"), "function": {"name": "patch", "arguments": "{\"in"}}])),
            _ => calls(json!([{"function": {"arguments": "x"}}])),
        }).collect();
        if !chunks.is_empty() {
            collected(&events(&chunks));
        }
    }
}
