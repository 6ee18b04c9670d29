//! Requests: what a client's become, and what an upstream gets.

use actors::vocabulary::Protocol;
use serde_json::{Value, json};

use crate::translation::chat::{read_request, write_request};
use crate::translation::hub::{
    Block, Call, CannotCarry, Choice, Document, Effort, Format, Image, Item, Part, Reasoning, Request, Seal, Source, Thought,
    Tool, ToolKind, ToolResult, Voice, Written,
};

fn read(body: Value) -> Result<Request, CannotCarry> {
    read_request(body.to_string().as_bytes())
}

/// A request with one message and these fields.
fn with(fields: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn messages(messages: Value) -> Value {
    with(json!({ "messages": messages }))
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn said(words: &str) -> Item {
    Item::Assistant(Block::Text(words.to_owned()))
}

fn call(id: &str, name: &str, kind: ToolKind, input: &str) -> Item {
    let (id, name, input) = (id.to_owned(), name.to_owned(), input.to_owned());
    Item::Assistant(Block::Call(Call { id, name, namespace: None, kind, input }))
}

fn result(call_id: &str, kind: ToolKind, parts: Vec<Part>) -> Item {
    Item::Result(ToolResult { call_id: call_id.to_owned(), kind, parts, is_error: false })
}

fn from(client: Protocol, items: Vec<Item>) -> Request {
    Request { items, ..Request::new(client) }
}

fn write(request: Request) -> Written {
    write_request(request, "gpt-5").unwrap()
}

#[test]
fn neutral_values_are_no_matter() {
    let request = read(with(json!({
        "n": 1, "response_format": {"type": "text"}, "stream_options": {"include_usage": true}, "logprobs": false,
        "top_logprobs": 0, "tools": [], "stop": [], "modalities": ["text"], "functions": null, "function_call": null,
        "audio": null, "tool_choice": null, "user": null, "seed": null, "stream": null, "reasoning_effort": null,
        "presence_penalty": 0, "frequency_penalty": 0.0, "store": false, "metadata": {}, "logit_bias": {}
    })));
    assert_eq!(request.unwrap(), from(Protocol::ChatCompletions, vec![Item::User(vec![text("hi")])]));
}

#[test]
fn meaning_that_cannot_be_held_is_refused_by_its_path() {
    let user = |part: Value| messages(json!([{"role": "system", "content": "s"}, {"role": "user", "content": [part]}]));
    let cases = [
        (with(json!({"n": 2})), "n"),
        (with(json!({"logprobs": true})), "logprobs"),
        (with(json!({"top_logprobs": 3})), "top_logprobs"),
        (with(json!({"modalities": ["text", "audio"]})), "modalities"),
        (with(json!({"audio": {"voice": "alloy", "format": "mp3"}})), "audio"),
        (with(json!({"functions": [{"name": "f"}]})), "functions"),
        (with(json!({"function_call": "auto"})), "function_call"),
        (with(json!({"reasoning_effort": "huge"})), "reasoning_effort"),
        (with(json!({"response_format": {"type": "xml"}})), "response_format.type"),
        (with(json!({"response_format": {"type": "json_schema"}})), "response_format.json_schema"),
        (with(json!({"stop": 5})), "stop"),
        (with(json!({"web_search_options": {}})), "web_search_options"),
        (with(json!({"tools": [{"type": "web_search"}]})), "tools"),
        (with(json!({"tools": [{"type": "function", "function": {}}]})), "tools[0].function"),
        (with(json!({"tools": [{"type": "function"}]})), "tools[0].function"),
        (with(json!({"tool_choice": {"type": "web_search"}})), "tool_choice"),
        (with(json!({"tool_choice": "any"})), "tool_choice"),
        (user(json!({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})), "messages[1].content[0]"),
        (user(json!({"type": "video", "video": {}})), "messages[1].content[0]"),
        (user(json!({"type": "image_url", "image_url": {"url": "data:image/png,x"}})), "messages[1].content[0].image_url.url"),
        (user(json!({"type": "image_url", "image_url": {"detail": "low"}})), "messages[1].content[0].image_url"),
        (user(json!({"type": "text"})), "messages[1].content[0].text"),
        (user(json!({"type": "file", "file": {"filename": "a.pdf"}})), "messages[1].content[0].file"),
        (messages(json!([{"role": "function", "name": "f", "content": "1"}])), "messages[0]"),
        (messages(json!([{"role": "critic", "content": "1"}])), "messages[0].role"),
        (messages(json!([{"role": "tool", "content": "1"}])), "messages[0].tool_call_id"),
        (messages(json!([{"role": "user", "content": 1}])), "messages[0].content"),
        (messages(json!([{"role": "assistant", "function_call": {"name": "f", "arguments": ""}}])), "messages[0].function_call"),
        (messages(json!([{"role": "assistant", "tool_calls": [{"type": "function"}]}])), "messages[0].tool_calls[0]"),
        (json!({"model": "m"}), "."),
        (with(json!({"temperature": "hot"})), "temperature"),
    ];
    for (body, field) in cases {
        let refused = read(body.clone()).expect_err(field);
        assert_eq!(refused.field, field, "{refused} {body}");
    }
}

#[test]
fn a_conversation_is_read_in_order() {
    let body = messages(json!([
        {"role": "system", "content": "be good"},
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "name": "ann", "content": [
            {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": ""},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,BBBB", "filename": "a.pdf"}},
            {"type": "file", "file": {"file_id": "file-1"}}
        ]},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": null, "refusal": null, "audio": null, "function_call": null, "annotations": [],
         "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{\"a\":1}"}},
            {"id": "c2", "type": "custom", "custom": {"name": "patch", "input": "*** x"}},
            {"id": "c3", "type": "function", "function": {"name": "read", "arguments": ""}}
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
        {"role": "tool", "tool_call_id": "c3", "content": ""},
        {"role": "assistant", "content": [{"type": "text", "text": "well"}, {"type": "refusal", "refusal": "no"}]},
        {"role": "assistant", "content": "", "refusal": "never"}
    ]));
    let request = read(body).unwrap();
    let image = |source, detail: Option<&str>| Part::Image(Image { source, detail: detail.map(str::to_owned) });
    let base64 = |media_type: &str, data: &str| Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() };
    let (function, custom) = (ToolKind::Function, ToolKind::Custom);
    let expected = vec![
        Item::Instruction { voice: Voice::System, texts: vec!["be good".to_owned()] },
        Item::Instruction { voice: Voice::Developer, texts: vec!["a".to_owned(), "b".to_owned()] },
        Item::User(vec![
            text("look"),
            image(base64("image/png", "AAAA"), Some("low")),
            image(Source::Url("https://e.org/a.png".to_owned()), None),
            Part::Document(Document { source: base64("application/pdf", "BBBB"), name: Some("a.pdf".to_owned()) }),
            Part::Document(Document { source: Source::FileId("file-1".to_owned()), name: None }),
        ]),
        call("c1", "read", function, "{\"a\":1}"),
        call("c2", "patch", custom, "*** x"),
        call("c3", "read", function, "{}"),
        result("c1", function, vec![text("one")]),
        result("c2", custom, vec![text("two")]),
        result("c3", function, vec![]),
        said("well"),
        Item::Assistant(Block::Refusal("no".to_owned())),
        Item::Assistant(Block::Refusal("never".to_owned())),
    ];
    assert_eq!(request.items, expected);
    assert_eq!(request.left_out.to_string(), "messages.name, cache_control");
}

#[test]
fn settings_are_read_and_hints_kept() {
    let request = read(with(json!({
        "stream": true, "max_tokens": 5, "max_completion_tokens": 7, "temperature": 1.5, "top_p": 1, "stop": "END",
        "reasoning_effort": "minimal", "parallel_tool_calls": false, "user": "u1", "seed": 7, "logit_bias": {"5": 1},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}},
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}},
            {"type": "function", "function": {"name": "g"}},
            {"type": "custom", "custom": {"name": "p", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}},
            {"type": "web_search"}
        ],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "p"}}]}},
        "web_search_options": {}
    })))
    .unwrap();
    assert!(request.stream && request.parallel_calls == Some(false) && request.max_output == Some(7));
    assert_eq!(json!([request.temperature, request.top_p, request.stop]), json!([1.5, 1, ["END"]]));
    assert_eq!(request.reasoning, Some(Reasoning { effort: Some(Effort::Minimal), ..Reasoning::default() }));
    assert_eq!(request.choice, Some(Choice::Allowed { required: true, names: vec!["f".to_owned(), "p".to_owned()] }));
    assert_eq!(request.user.as_deref(), Some("u1"));
    assert_eq!(json!(request.hints), json!({"seed": 7, "logit_bias": {"5": 1}, "user": "u1"}));
    assert_eq!(request.left_out.to_string(), "tools.web_search, web_search_options");
    assert_eq!(request.tools[0].strict, Some(true));
    assert_eq!(request.tools[1].schema, json!({"type": "object", "properties": {}}));
    assert_eq!(request.tools[2].grammar, Some(json!({"type": "grammar", "syntax": "lark", "definition": "x"})));
    assert!(matches!(request.format, Some(Format::JsonSchema { strict: Some(true), .. })));
    let off = read(with(json!({"reasoning_effort": "none", "safety_identifier": "s", "user": "u"}))).unwrap();
    assert_eq!((off.reasoning.unwrap().off, off.user.as_deref()), (true, Some("s")));
}

#[test]
fn proofs_of_thoughts_come_back_and_bare_thoughts_do_not() {
    let seal = Seal::Signature { thinking: "hm".to_owned(), signature: "sig".to_owned() };
    let request = read(messages(json!([{"role": "assistant", "content": "x", "reasoning_content": "hm", "reasoning_details": [
        {"type": "reasoning.encrypted", "data": seal.pack(), "index": 0},
        {"type": "reasoning.encrypted", "data": "foreign"},
        {"type": "reasoning.text", "text": "hm"}
    ]}])));
    let thought = Block::Thought(Thought { text: "hm".to_owned(), seal: Some(seal) });
    let request = request.unwrap();
    assert_eq!(request.items, vec![Item::Assistant(thought), said("x")]);
    assert!(request.left_out.is_empty());
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
    assert_eq!(written.body["stop"], json!(["a", "b", "c", "d"]));
    assert_eq!(written.body["response_format"]["json_schema"]["name"], "output");
    assert_eq!(written.body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(written.left_out.to_string(), "stop_sequences, metadata, top_k, service_tier");
    let other = write_request(request(), "deepseek-chat").unwrap();
    assert_eq!(other.body["max_tokens"], json!(9));
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
