//! Requests, read and written.

use actors::vocabulary::{Protocol, Usage};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::*;
use super::write_streams::blocks;
use crate::translation::hub::*;

fn read(body: &Value) -> Result<Request, CannotCarry> {
    read_request(body.clone())
}

fn refused(body: &Value) -> String {
    read(body).unwrap_err().field
}

fn recorded(text: &str) -> Request {
    read_request(serde_json::from_str(text).unwrap()).unwrap()
}

fn text(text: &str) -> Vec<Part> {
    vec![Part::Text(text.to_owned())]
}

#[test]
fn what_codex_sends_is_understood() {
    let first = recorded(include_str!("../../../../tests/golden/recorded/codex-first-turn.json"));
    assert!(matches!(&first.items[0], Item::Instruction { voice: Voice::Developer, .. }));
    assert_eq!(first.items.last(), Some(&Item::User(text("Add a file."))));
    let patch = first.tools.iter().find(|tool| tool.name == "apply_patch").unwrap();
    assert_eq!((patch.kind, patch.grammar.is_some()), (ToolKind::Custom, true));
    assert_eq!(first.left_out.to_string(), "tools.tool_search, tools.web_search");
    assert_eq!(first.reasoning.unwrap().effort, Some(Effort::Medium));
    assert_eq!(first.hints["verbosity"], "low");

    let second = recorded(include_str!("../../../../tests/golden/recorded/codex-after-custom-tool.json"));
    let call = second.calls().next().unwrap();
    assert_eq!((call.name.as_str(), call.kind), ("apply_patch", ToolKind::Custom));
    assert!(matches!(second.items.last(), Some(Item::Result(result)) if result.kind == ToolKind::Custom));

    let third = recorded(include_str!("../../../../tests/golden/recorded/codex-after-function-call.json"));
    assert!(third.tools.iter().any(|tool| tool.namespace.as_deref() == Some("multi_agent_v1")));
    assert!(third.items.iter().any(|item| matches!(item, Item::Assistant(Block::Thought(Thought { seal: Some(_), .. })))));

    let fourth = recorded(include_str!("../../../../tests/golden/recorded/codex-additional-tools.json"));
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
        ("conversation", json!("conv_1")),
        ("background", json!(true)),
        ("prompt", json!({"id": "p"})),
        ("include", json!(["message.output_text.logprobs"])),
        ("top_logprobs", json!(2)),
        ("moderation", json!({"model": "m"})),
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
    let file = json!([{"role": "user", "content": [{"type": "input_file", "file_data": "data:text/plain,x"}]}]);
    assert_eq!(refused(&with("input", file)), "input[0].content[0].file_data");
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
    assert_eq!(written.left_out.to_string(), "max_tokens, metadata.user_id, service_tier");
}

#[test]
fn stop_sequences_are_left_to_the_gateway() {
    let request = Request { stop: vec!["x".to_owned()], ..Request::new(Protocol::Messages) };
    let written = write_request(request, "gpt-5").unwrap();
    assert_eq!((written.body.get("stop"), written.cut, written.left_out.is_empty()), (None, vec!["x".to_owned()], true));
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

fn part() -> impl Strategy<Value = Part> {
    let source = prop_oneof![
        Just(Source::Base64 { media_type: "image/png".to_owned(), data: "AAAA".to_owned() }),
        Just(Source::Url("https://a/b".to_owned())),
        Just(Source::FileId("file-1".to_owned())),
    ];
    let detail = proptest::option::of(Just("low".to_owned()));
    prop_oneof![
        "[a-z]{1,6}".prop_map(Part::Text),
        (source, detail).prop_map(|(source, detail)| Part::Image(Image { source, detail })),
        Just(Part::Document(Document { source: Source::Url("https://a/b.pdf".to_owned()), name: None })),
    ]
}

fn tool() -> impl Strategy<Value = Tool> {
    ("[a-z]{1,8}", proptest::option::of("[a-z]{1,8}"), any::<bool>()).prop_map(|(name, description, custom)| {
        let kind = if custom { ToolKind::Custom } else { ToolKind::Function };
        let schema = json!({"type": "object", "properties": {}});
        let grammar = custom.then(|| json!({"type": "grammar", "syntax": "regex", "definition": "a"}));
        Tool { name, namespace: None, description, kind, schema, strict: (!custom).then_some(false), grammar }
    })
}

fn request() -> impl Strategy<Value = Request> {
    let said = prop_oneof![
        proptest::collection::vec(part(), 1..4).prop_map(Item::User),
        proptest::collection::vec("[a-z]{1,6}", 1..3).prop_map(|texts| Item::Instruction { voice: Voice::Developer, texts }),
        ("[a-z]{1,4}", proptest::collection::vec(part(), 0..3)).prop_map(|(call_id, parts)| Item::Result(ToolResult {
            call_id,
            kind: ToolKind::Function,
            parts,
            is_error: false
        })),
    ];
    let items = proptest::collection::vec(said, 1..6);
    let tools = proptest::collection::btree_map("[a-z]{1,8}", tool(), 1..4);
    let choice = prop_oneof![Just(None), Just(Some(Choice::Auto)), Just(Some(Choice::Required)), Just(Some(Choice::None))];
    let format = prop_oneof![
        Just(None),
        Just(Some(Format::JsonObject)),
        Just(Some(Format::JsonSchema { name: Some("n".to_owned()), description: None, schema: json!({}), strict: Some(true) })),
    ];
    (items, tools, choice, format, proptest::option::of(16i64..99), any::<bool>(), proptest::option::of(any::<bool>())).prop_map(
        |(items, tools, choice, format, max_output, stream, parallel_calls)| {
            let tools = tools.into_iter().map(|(name, tool)| Tool { name, ..tool }).collect();
            let reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
            let (temperature, top_p) = (Some(1.into()), None);
            let user = Some("u".to_owned());
            let request = Request::new(Protocol::Responses);
            Request {
                items,
                tools,
                choice,
                format,
                max_output,
                stream,
                parallel_calls,
                reasoning,
                temperature,
                top_p,
                user,
                ..request
            }
        },
    )
}

proptest! {
    #[test]
    fn a_request_survives_its_own_protocol(request in request()) {
        let written = write_request(request.clone(), "gpt-5-chat-latest").unwrap();
        prop_assert!(written.left_out.is_empty());
        let mut back = read(&written.body).unwrap();
        prop_assert_eq!(back.take_hint("store"), Some(json!(false)));
        prop_assert_eq!(back, request);
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
