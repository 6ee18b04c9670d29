//! Requests for upstreams.

use actors::vocabulary::Protocol;
use serde_json::json;

use super::{call, from, result, said, text};
use crate::translation::chat::write_request;
use crate::translation::hub::{
    Block, Choice, Document, Effort, Format, Image, Item, Part, Reasoning, Request, Seal, Source, Thought, Tool, ToolKind,
    ToolResult, Voice, Written,
};

fn write(request: Request) -> Written {
    write_request(request, "gpt-5").unwrap()
}

#[test]
fn a_result_follows_its_call_whatever_was_said_in_between() {
    let function = ToolKind::Function;
    let hurried = Item::User(vec![text("hurry")]);
    let items = vec![call("a", "f", function, ""), hurried, result("a", function, vec![text("done")]), said("good")];
    let written = write(from(Protocol::Responses, items));
    let roles: Vec<_> = written.body["messages"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["assistant", "tool", "user", "assistant"]);
}

#[test]
fn a_conversation_is_written_in_order() {
    let pdf = Source::Base64 { media_type: "application/pdf".to_owned(), data: "BBBB".to_owned() };
    let image = Part::Image(Image { source: Source::Url("https://e.org/a.png".to_owned()), detail: Some("low".to_owned()) });
    let function = ToolKind::Function;
    let failed = ToolResult { call_id: "c2".to_owned(), kind: function, parts: vec![text("boom")], is_error: true };
    let sealed = Seal::Redacted { data: "x".to_owned() };
    let mut request = from(
        Protocol::Messages,
        vec![
            Item::Instruction { voice: Voice::System, texts: vec!["be good".to_owned()] },
            Item::Instruction { voice: Voice::Developer, texts: vec!["a".to_owned(), "b".to_owned()] },
            Item::User(vec![text("look"), Part::Document(Document { source: pdf, name: None })]),
            Item::Assistant(Block::Thought(Thought { text: "hm".to_owned(), seal: Some(sealed) })),
            said("I"),
            said("read"),
            call("c1", "read", function, ""),
            call("c2", "patch", ToolKind::Custom, "*** \"x\""),
            result("c1", function, vec![text("shot:"), image.clone()]),
            Item::Result(failed),
            Item::User(vec![text("go on")]),
            Item::Assistant(Block::Refusal("no".to_owned())),
            Item::User(vec![text("")]),
            result("c9", function, vec![]),
        ],
    );
    request.stream = true;
    let written = write(request);
    let expected = json!([
        {"role": "system", "content": "be good"},
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,BBBB"}}
        ]},
        {"role": "assistant", "content": [{"type": "text", "text": "I"}, {"type": "text", "text": "read"}], "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}},
            {"id": "c2", "type": "function", "function": {"name": "patch", "arguments": "{\"input\":\"*** \\\"x\\\"\"}"}}
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": [
            {"type": "text", "text": "shot:"}, {"type": "text", "text": "[image 1: see the next message]"}]},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: boom"},
        {"role": "user", "content": [
            {"type": "text", "text": "[image 1, from the result of call c1]"},
            {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "low"}}
        ]},
        {"role": "user", "content": "go on"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "tool", "tool_call_id": "c9", "content": ""}
    ]);
    assert_eq!(written.body["messages"], expected);
    assert_eq!(written.body["stream_options"], json!({"include_usage": true}));
    assert!(written.left_out.is_empty());
}

#[test]
fn developer_is_a_role_for_openai_alone() {
    let prompt = || vec![Item::Instruction { voice: Voice::Developer, texts: vec!["x".to_owned()] }];
    for (model, role) in [("gpt-4o", "developer"), ("openai/o3", "developer"), ("deepseek-chat", "system")] {
        let written = write_request(from(Protocol::Responses, prompt()), model).unwrap();
        assert_eq!(written.body["messages"][0]["role"], role, "{model}");
    }
}

#[test]
fn what_has_no_field_here_is_refused() {
    let image = Part::Image(Image { source: Source::FileId("f".to_owned()), detail: None });
    let document = Part::Document(Document { source: Source::Url("https://e.org".to_owned()), name: None });
    for (part, client, field) in [(image, Protocol::Responses, "input"), (document, Protocol::Messages, "messages")] {
        let refused = write_request(from(client, vec![Item::User(vec![part])]), "gpt-5").unwrap_err();
        assert_eq!(refused.field, field);
    }
}

fn tool(name: &str, namespace: Option<&str>, kind: ToolKind) -> Tool {
    let grammar = Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: x"}));
    Tool {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        description: Some("does".to_owned()),
        kind,
        schema: json!({"type": "object", "properties": {}}),
        strict: Some(true),
        grammar: grammar.filter(|_| kind == ToolKind::Custom),
    }
}

#[test]
fn tools_are_functions_whatever_they_were() {
    let mut request = from(Protocol::Responses, vec![Item::User(vec![text("hi")])]);
    request.tools = vec![tool("read", Some("files"), ToolKind::Function), tool("patch", None, ToolKind::Custom)];
    request.choice = Some(Choice::Named { name: "read".to_owned(), namespace: Some("files".to_owned()) });
    request.parallel_calls = Some(true);
    let written = write(request);
    let input = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"], "additionalProperties": false});
    let description = "does\n\nThe input must match this lark grammar:\nstart: x";
    assert_eq!(
        written.body["tools"],
        json!([
            {"type": "function", "function": {"name": "files__read", "description": "does", "parameters": {"type": "object", "properties": {}}}},
            {"type": "function", "function": {"name": "patch", "description": description, "parameters": input, "strict": true}}
        ])
    );
    assert_eq!(written.body["tool_choice"], json!({"type": "function", "function": {"name": "files__read"}}));
    assert_eq!(written.body["parallel_tool_calls"], json!(true));
}

#[test]
fn a_choice_among_some_tools_names_them_as_the_upstream_does() {
    let mut request = from(Protocol::Responses, vec![]);
    request.tools = vec![tool("read", Some("files"), ToolKind::Function), tool("patch", None, ToolKind::Custom)];
    request.choice = Some(Choice::Allowed { required: true, names: vec!["read".to_owned(), "patch".to_owned()] });
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let expected = json!({"mode": "required", "tools": [named("files__read"), named("patch")]});
    assert_eq!(write(request).body["tool_choice"], json!({"type": "allowed_tools", "allowed_tools": expected}));
}

#[test]
fn without_tools_nothing_is_said_of_them() {
    let mut request = from(Protocol::Messages, vec![Item::User(vec![text("hi")])]);
    (request.choice, request.parallel_calls) = (Some(Choice::Auto), Some(false));
    assert_eq!(write(request).body, json!({"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}));
}

#[test]
fn limits_and_sampling_have_this_protocols_names() {
    let request = || {
        let mut request = from(Protocol::Messages, vec![]);
        request.max_output = Some(9);
        request.stop = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        request.user = Some("x".repeat(65));
        request.hints.insert("top_k".to_owned(), json!(5));
        request.hints.insert("service_tier".to_owned(), json!("standard_only"));
        let schema = json!({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": false});
        request.format = Some(Format::JsonSchema { name: None, description: None, schema, strict: Some(true) });
        request
    };
    let written = write(request());
    assert_eq!(written.body["max_completion_tokens"], json!(9));
    assert_eq!(
        (written.body.get("stop"), written.cut.len()),
        (None, 5),
        "a model that reasons takes none: the gateway looks for all"
    );
    assert_eq!(written.body["response_format"]["json_schema"]["name"], "output");
    assert_eq!(written.body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(written.left_out.to_string(), "metadata.user_id, top_k, service_tier");
    let other = write_request(request(), "deepseek-chat").unwrap();
    assert_eq!(other.body["max_tokens"], json!(9));
    assert_eq!((&other.body["stop"], other.cut), (&json!(["a", "b", "c", "d"]), vec!["e".to_owned()]));
}

#[test]
fn openais_hints_are_carried_between_its_protocols() {
    let written = |store: bool| {
        let mut request = from(Protocol::Responses, vec![]);
        request.user = Some("u".to_owned());
        let hints = json!({"store": store, "metadata": {"a": "b"}, "verbosity": "low", "user": "u", "truncation": "auto"});
        request.hints = hints.as_object().unwrap().clone();
        write(request)
    };
    let stored = written(true);
    let fields =
        json!({"model": "gpt-5", "messages": [], "store": true, "user": "u", "verbosity": "low", "metadata": {"a": "b"}});
    assert_eq!(stored.body, fields);
    assert_eq!(stored.left_out.to_string(), "truncation");
    assert_eq!(written(false).left_out.to_string(), "metadata, truncation");
}

#[test]
fn thinking_is_asked_for_by_effort() {
    let effort = |client, model: &str, reasoning: Reasoning| {
        let mut request = from(client, vec![]);
        request.reasoning = Some(reasoning);
        let written = write_request(request, model).unwrap();
        (written.body.get("reasoning_effort").cloned(), written.left_out.to_string())
    };
    let (claude, openai) = (Protocol::Messages, Protocol::Responses);
    let budget = || Reasoning { budget: Some(31_999), ..Reasoning::default() };
    let off = || Reasoning { off: true, ..Reasoning::default() };
    let summary = Reasoning { effort: Some(Effort::ExtraHigh), summary: Some("auto".to_owned()), ..Reasoning::default() };
    assert_eq!(effort(claude, "gpt-5", budget()), (Some(json!("high")), String::new()));
    assert_eq!(effort(claude, "gpt-4o", budget()), (None, "thinking".to_owned()));
    assert_eq!(effort(claude, "gpt-5", off()), (None, String::new()));
    assert_eq!(effort(openai, "gpt-5", off()), (Some(json!("none")), String::new()));
    assert_eq!(effort(openai, "gpt-5", summary), (Some(json!("xhigh")), "reasoning.summary".to_owned()));
    assert_eq!(effort(claude, "gpt-5", Reasoning { adaptive: true, ..Reasoning::default() }), (None, String::new()));
}
