//! Requests of clients, and what they become.

use actors::vocabulary::Protocol;
use serde_json::{Value, json};

use super::{call, from, result, said, text};
use crate::translation::chat::read_request;
use crate::translation::hub::{
    Block, CannotCarry, Choice, Document, Effort, Format, Image, Item, Part, Reasoning, Request, Seal, Source, Thought, ToolKind,
    Voice,
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
        (with(json!({"n": 9})), "n"),
        (with(json!({"logprobs": true})), "logprobs"),
        (with(json!({"top_logprobs": 3})), "top_logprobs"),
        (with(json!({"modalities": ["text", "audio"]})), "modalities"),
        (with(json!({"audio": {"voice": "alloy", "format": "mp3"}})), "audio"),
        (with(json!({"functions": [{}]})), "functions.[0]"),
        (with(json!({"functions": [{"name": "f"}], "function_call": {}})), "function_call"),
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
        (messages(json!([{"role": "function", "name": "f", "content": "1"}])), "messages[0].name"),
        (messages(json!([{"role": "critic", "content": "1"}])), "messages[0].role"),
        (messages(json!([{"role": "tool", "content": "1"}])), "messages[0].tool_call_id"),
        (messages(json!([{"role": "user", "content": 1}])), "messages[0].content"),
        (messages(json!([{"role": "assistant", "function_call": {"arguments": ""}}])), "messages[0].function_call"),
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
