use std::sync::Arc;

use actors::vocabulary::{Protocol, Usage};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::translation::faults::Fault;
use crate::translation::hub::*;
use crate::translation::sse::Framer;

fn read(body: &Value) -> Result<Request, CannotCarry> {
    read_request(body.to_string().as_bytes())
}

fn refused(body: &Value) -> String {
    read(body).unwrap_err().field
}

fn recorded(text: &str) -> Request {
    read_request(text.as_bytes()).unwrap()
}

fn text(text: &str) -> Vec<Part> {
    vec![Part::Text(text.to_owned())]
}

#[test]
fn what_codex_sends_is_understood() {
    let first = recorded(include_str!("../../../tests/golden/recorded/codex-first-turn.json"));
    assert!(matches!(&first.items[0], Item::Instruction { voice: Voice::Developer, .. }));
    assert_eq!(first.items.last(), Some(&Item::User(text("Add a file."))));
    let patch = first.tools.iter().find(|tool| tool.name == "apply_patch").unwrap();
    assert_eq!((patch.kind, patch.grammar.is_some()), (ToolKind::Custom, true));
    assert_eq!(first.left_out.to_string(), "tools.tool_search, tools.web_search");
    assert_eq!(first.reasoning.unwrap().effort, Some(Effort::Medium));
    assert_eq!(first.hints["verbosity"], "low");

    let second = recorded(include_str!("../../../tests/golden/recorded/codex-after-custom-tool.json"));
    let call = second.calls().next().unwrap();
    assert_eq!((call.name.as_str(), call.kind), ("apply_patch", ToolKind::Custom));
    assert!(matches!(second.items.last(), Some(Item::Result(result)) if result.kind == ToolKind::Custom));

    let third = recorded(include_str!("../../../tests/golden/recorded/codex-after-function-call.json"));
    assert!(third.tools.iter().any(|tool| tool.namespace.as_deref() == Some("multi_agent_v1")));
    assert!(third.items.iter().any(|item| matches!(item, Item::Assistant(Block::Thought(Thought { seal: Some(_), .. })))));

    let fourth = recorded(include_str!("../../../tests/golden/recorded/codex-additional-tools.json"));
    let exec = fourth.tools.iter().find(|tool| tool.name == "exec").unwrap();
    assert_eq!((exec.kind, exec.namespace.as_deref()), (ToolKind::Custom, Some("functions")));
    assert!(fourth.left_out.to_string().contains("reasoning.context"));
}

#[test]
fn items_of_every_shape_are_read() {
    let request = read(&json!({"model": "m", "instructions": "be kind", "input": [
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        {"role": "user", "content": [
            {"type": "input_text", "text": "see", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
            {"type": "input_image", "file_id": "file-1", "detail": "auto"},
            {"type": "input_file", "file_url": "https://a/b.pdf"},
            {"type": "input_file", "file_data": "data:application/pdf;base64,BBBB", "filename": "b.pdf"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}], "encrypted_content": "E"},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "phase": "commentary",
         "content": [{"type": "output_text", "text": "x", "annotations": []}, {"type": "refusal", "refusal": "no"}, {"type": "output_text", "text": ""}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "fc_1", "status": "completed"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "raw"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "r"}, {"type": "input_image", "image_url": "https://i"}]},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "out"}]}))
    .unwrap();
    assert_eq!(request.items.len(), 11);
    assert_eq!(request.items[1], Item::User(text("hi")));
    assert!(matches!(&request.items[4], Item::Assistant(Block::Thought(Thought { text, .. })) if text == "a\n\nb"));
    assert_eq!(request.items[6], Item::Assistant(Block::Refusal("no".to_owned())));
    assert_eq!(request.left_out.to_string(), "prompt_cache_breakpoint");
    let Item::User(parts) = &request.items[3] else { panic!("no user") };
    let file = Part::Image(Image { source: Source::FileId("file-1".to_owned()), detail: None });
    assert_eq!((parts.len(), &parts[2]), (5, &file));
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    let with = |field: &str, value: Value| {
        let mut body = json!({"model": "m", "input": "x"});
        body[field] = value;
        body
    };
    for (field, value) in [
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!("conv_1")),
        ("background", json!(true)),
        ("prompt", json!({"id": "p"})),
        ("include", json!(["message.output_text.logprobs"])),
        ("top_logprobs", json!(2)),
        ("tools", json!([{"type": "web_search"}])),
        ("tool_choice", json!({"type": "web_search_preview"})),
        ("temperature", json!("hot")),
    ] {
        assert_eq!(refused(&with(field, value)), field);
    }
    assert_eq!(refused(&with("input", json!([{"type": "web_search_call", "id": "ws_1"}]))), "input[0]");
    assert_eq!(refused(&with("input", json!([{"type": "item_reference", "id": "msg_1"}]))), "input[0]");
    assert_eq!(refused(&with("input", json!([{"role": "user", "content": [{"type": "input_audio"}]}]))), "input[0].content[0]");
    assert_eq!(refused(&with("input", json!([{"role": "tool", "content": "x"}]))), "input[0].role");
    assert_eq!(refused(&with("tools", json!([{"type": "function"}]))), "tools[0]");
    assert_eq!(refused(&with("reasoning", json!({"effort": "much"}))), "reasoning.effort");
    assert_eq!(refused(&json!({"model": "m"})), "input");
    let neutral = json!({"model": "m", "input": "x", "tools": [], "background": false, "include": ["reasoning.encrypted_content"],
        "truncation": "disabled", "metadata": {}, "stream_options": {"include_obfuscation": false}, "text": {"format": {"type": "text"}},
        "previous_response_id": null, "top_logprobs": 0, "reasoning": null, "tool_choice": null});
    let mut request = read(&neutral).unwrap();
    request.leave_hints_out();
    assert!(request.left_out.is_empty(), "{}", request.left_out);
}

#[test]
fn references_are_resolved_by_what_is_remembered() {
    let mut body =
        json!({"input": [{"id": "msg_1"}, {"type": "item_reference", "id": "fc_1"}, {"type": "item_reference", "id": "no"}]});
    let remembered = output_items(&json!({"output": [
        {"id": "msg_1", "type": "message", "role": "assistant", "content": []}, {"id": "fc_1", "type": "function_call"}, {"type": "x"}]}));
    resolve(&mut body, &|id| remembered.iter().find(|(known, _)| known == id).map(|(_, item)| item.clone()));
    assert_eq!(body["input"][0]["type"], "message");
    assert_eq!(body["input"][1]["type"], "function_call");
    assert_eq!(refused(&json!({"model": "m", "input": [body["input"][2]]})), "input[0]");
}

#[test]
fn tools_and_choices_come_back_from_their_own_protocol() {
    let tools = json!([
        {"type": "function", "name": "f", "parameters": null, "strict": null},
        {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "h", "parameters": {"type": "object"}}]}]);
    for (choice, written) in [
        (json!("required"), json!("required")),
        (json!({"type": "custom", "name": "g"}), json!({"type": "custom", "name": "g"})),
        (json!({"type": "function", "name": "h"}), json!({"type": "function", "name": "n__h"})),
        (
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "g"}, {"type": "web_search"}]}),
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "g"}]}),
        ),
    ] {
        let request = read(&json!({"model": "m", "input": "x", "tools": tools, "tool_choice": choice})).unwrap();
        let body = write_request(request, "gpt-5").unwrap().body;
        assert_eq!(body["tool_choice"], written);
        assert_eq!(
            body["tools"][0],
            json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false})
        );
        assert_eq!(body["tools"][1]["format"]["syntax"], "lark");
        assert_eq!(body["tools"][2]["name"], "n__h");
    }
}

#[test]
fn a_request_of_claudes_is_written() {
    let mut request = Request::new(Protocol::Messages);
    request.items = vec![
        Item::Instruction { voice: Voice::System, texts: vec!["sys".to_owned()] },
        Item::User(text("hi")),
        Item::Assistant(Block::Thought(Thought {
            text: "t".to_owned(),
            seal: Some(Seal::Signature { thinking: "t".to_owned(), signature: "s".to_owned() }),
        })),
        Item::Assistant(Block::Call(Call {
            id: "toolu_1".to_owned(),
            name: "f".to_owned(),
            namespace: None,
            kind: ToolKind::Function,
            input: "{\"a\":1}".to_owned(),
        })),
        Item::Result(ToolResult { call_id: "toolu_1".to_owned(), kind: ToolKind::Function, parts: text("gone"), is_error: true }),
    ];
    request.max_output = Some(5);
    request.reasoning = Some(Reasoning { budget: Some(10_000), summary: Some("auto".to_owned()), ..Reasoning::default() });
    request.user = Some("u".repeat(65));
    request.hints.insert("service_tier".to_owned(), json!("standard_only"));
    let written = write_request(request, "gpt-5").unwrap();
    assert_eq!(
        written.body,
        json!({
            "model": "gpt-5", "instructions": "sys",
            "input": [
                {"type": "message", "role": "user", "content": "hi"},
                {"type": "function_call", "call_id": "toolu_1", "name": "f", "arguments": "{\"a\":1}"},
                {"type": "function_call_output", "call_id": "toolu_1", "output": "Error: gone"}],
            "max_output_tokens": 16, "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "medium", "summary": "auto"}, "store": false,
        })
    );
    assert_eq!(written.left_out.to_string(), "max_tokens, metadata, service_tier");
}

#[test]
fn stop_sequences_are_refused_in_the_clients_words() {
    let request = Request { stop: vec!["x".to_owned()], ..Request::new(Protocol::Messages) };
    assert_eq!(write_request(request, "gpt-5").unwrap_err().field, "stop_sequences");
}

#[test]
fn foreign_seals_travel_and_come_back() {
    let seal = Seal::Redacted { data: "d".to_owned() };
    let answer = Answer {
        id: "msg_01".to_owned(),
        blocks: vec![Block::Thought(Thought { text: String::new(), seal: Some(seal.clone()) })],
        ..Answer::default()
    };
    let response = write_answer(&answer, &Reply::default(), &Usage::default());
    assert_eq!(response["output"][0]["id"], "rs_01_0");
    let request = read(&json!({"model": "m", "input": response["output"]})).unwrap();
    assert_eq!(request.items, [Item::Assistant(Block::Thought(Thought { text: String::new(), seal: Some(seal) }))]);
}

// Streams.

/// Puts a stream's events together again.
fn collected(events: &[Event]) -> Answer {
    let mut answer = Answer::default();
    for event in events {
        match event {
            Event::Start { id } => answer.id.clone_from(id),
            Event::Open { block, opening } => {
                assert_eq!(*block, answer.blocks.len());
                answer.blocks.push(match opening.clone() {
                    Opening::Text => Block::Text(String::new()),
                    Opening::Refusal => Block::Refusal(String::new()),
                    Opening::Thought => Block::Thought(Thought::default()),
                    Opening::Call { id, name, namespace, kind } => {
                        Block::Call(Call { id, name, namespace, kind, input: String::new() })
                    }
                });
            }
            Event::More { block, text } => match &mut answer.blocks[*block] {
                Block::Text(all) | Block::Refusal(all) => *all += text,
                Block::Thought(thought) => thought.text += text,
                Block::Call(call) => call.input += text,
            },
            Event::Seal { block, seal } => {
                if let Block::Thought(thought) = &mut answer.blocks[*block] {
                    thought.seal = Some(seal.clone());
                }
            }
            Event::Stop(stop) => answer.stop = stop.clone(),
            Event::Close { .. } | Event::Error { .. } | Event::End => {}
        }
    }
    answer
}

fn events_of(stream: &[u8], names: &Arc<ToolNames>) -> Vec<Event> {
    let mut framer = Framer::default();
    let mut frames = framer.feed(Bytes::copy_from_slice(stream)).unwrap();
    frames.extend(framer.finish());
    let mut reader = StreamReader::new(names.clone());
    let mut events = Vec::new();
    for frame in &frames {
        reader.event(frame, &mut events);
    }
    reader.finish(&mut events);
    events
}

fn sse(events: &[Value]) -> Vec<u8> {
    events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>().into_bytes()
}

fn whole_response() -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 7.0, "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}], "encrypted_content": "E"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "hé 🦀", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "n__h", "arguments": "{\"a\":1}"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "g", "input": "raw\ninput"},
        {"type": "function_call", "id": "fc_2", "call_id": "c3", "name": "g", "arguments": "{\"input\":\"q\\n\"}"}]})
}

fn names() -> Arc<ToolNames> {
    let tool = |name: &str, namespace: Option<&str>, kind| Tool {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        description: None,
        kind,
        schema: json!({}),
        strict: None,
        grammar: None,
    };
    let tools = vec![tool("h", Some("n"), ToolKind::Function), tool("g", None, ToolKind::Custom)];
    Arc::new(ToolNames::of(&Request { tools, ..Request::new(Protocol::Responses) }))
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

/// Every block opens once, is filled while open, and closes before the stop.
fn legal(events: &[Event]) {
    let mut open = Vec::new();
    assert!(matches!(events[0], Event::Start { .. }));
    for event in events {
        match event {
            Event::Open { block, .. } => {
                assert_eq!(*block, open.len());
                open.push(true);
            }
            Event::More { block, text } => assert!(open[*block] && !text.is_empty()),
            Event::Seal { block, .. } => assert!(open[*block]),
            Event::Close { block } => assert!(std::mem::replace(&mut open[*block], false)),
            Event::Stop(_) => assert!(open.iter().all(|open| !open)),
            Event::Start { .. } | Event::Error { .. } | Event::End => {}
        }
    }
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
    Reply { model: "m".to_owned(), request_id: "req_9".to_owned(), created: 5, include_usage: false, echo }
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

fn blocks() -> impl Strategy<Value = Vec<Block>> {
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

    #[test]
    fn history_survives_its_own_protocol(blocks in blocks()) {
        // A sealed thought of another maker goes to no upstream, an unsealed one neither.
        let spoken: Vec<Item> = blocks.into_iter().filter(|block| !matches!(block, Block::Thought(_))).map(Item::Assistant).collect();
        let mut items = vec![Item::Instruction { voice: Voice::System, texts: vec!["s".to_owned()] }, Item::User(text("u"))];
        items.extend(spoken);
        let request = Request { items, ..Request::new(Protocol::Responses) };
        let written = write_request(request.clone(), "gpt-5").unwrap();
        let mut back = read(&written.body).unwrap();
        back.hints = Map::new();
        prop_assert_eq!(back, request);
    }
}
