//! Requests, both ways.

use actors::vocabulary::Protocol;
use proptest::prelude::*;
use serde_json::{Number, Value, json};

use super::super::{read_request, write_request};
use crate::translation::hub::{
    Block, Call, Choice, Document, Effort, Format, Image, Item, Part, Reasoning, Request, Seal, Source, Thought, Tool, ToolKind,
    ToolResult, Voice,
};

fn read(body: &Value) -> Request {
    read_request(body.to_string().as_bytes()).unwrap()
}

fn refusal(body: &Value) -> String {
    read_request(body.to_string().as_bytes()).unwrap_err().field
}

fn asking(extra: Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 4000, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        namespace: None,
        description: Some("Does it.".to_owned()),
        kind: ToolKind::Function,
        schema: json!({"type": "object", "properties": {}}),
        strict: None,
        grammar: None,
    }
}

fn call(id: &str, name: &str, input: &str) -> Item {
    Item::Assistant(Block::Call(Call {
        id: id.to_owned(),
        name: name.to_owned(),
        namespace: None,
        kind: ToolKind::Function,
        input: input.to_owned(),
    }))
}

fn result(id: &str, text: &str) -> Item {
    let parts = vec![Part::Text(text.to_owned())];
    Item::Result(ToolResult { call_id: id.to_owned(), kind: ToolKind::Function, parts, is_error: false })
}

fn user(text: &str) -> Item {
    Item::User(vec![Part::Text(text.to_owned())])
}

fn from_chat(items: Vec<Item>) -> Request {
    Request { items, ..Request::new(Protocol::ChatCompletions) }
}

fn written(request: Request, model: &str) -> (Value, String) {
    let written = write_request(request, model).unwrap();
    (written.body, written.left_out.to_string())
}

#[test]
fn a_conversation_held_by_the_provider_is_refused_by_name() {
    assert_eq!(refusal(&asking(json!({"thread": {"type": "create"}}))), "thread");
    assert_eq!(read(&asking(json!({"thread": null}))).items.len(), 1);
}

#[test]
fn a_session_of_claude_code_is_read_whole() {
    let foreign = Seal::Encrypted { id: "rs_1".to_owned(), summary: vec![], encrypted_content: "gAAA".to_owned() };
    let request = read(&json!({
        "model": "m", "max_tokens": 32000, "stream": true, "temperature": 1,
        "system": [{"type": "text", "text": "You are", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": ""}],
        "metadata": {"user_id": "u1"},
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"},
        "context_management": {"edits": []},
        "stop_sequences": null,
        "tools": [
            {"name": "Bash", "description": "Runs", "input_schema": {"type": "object"}, "eager_input_streaming": true},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image", "source": {"type": "url", "url": "u"}}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "thinking", "thinking": "so", "signature": foreign.pack()},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "text", "text": "ok", "citations": null},
                {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"b": 1, "a": 2}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [{"type": "text", "text": "no"}]},
                {"type": "text", "text": "go on"},
            ]},
            {"role": "system", "content": "be brief"},
        ],
    }));
    assert_eq!(request.left_out.to_string(), "tools.web_search_20250305, cache_control");
    assert_eq!(request.hints.keys().collect::<Vec<_>>(), ["context_management"]);
    assert_eq!((request.choice, request.parallel_calls), (Some(Choice::Auto), Some(false)));
    assert_eq!(request.user.as_deref(), Some("u1"));
    let reasoning = request.reasoning.unwrap();
    assert!(reasoning.adaptive && reasoning.effort == Some(Effort::High) && reasoning.summary.as_deref() == Some("auto"));
    let thought = |text: &str, seal| Item::Assistant(Block::Thought(Thought { text: text.to_owned(), seal: Some(seal) }));
    let expected = [
        Item::Instruction { voice: Voice::System, texts: vec!["You are".to_owned()] },
        Item::User(vec![Part::Text("hi".to_owned()), Part::Image(Image { source: Source::Url("u".to_owned()), detail: None })]),
        thought("hm", Seal::Signature { thinking: "hm".to_owned(), signature: "sig".to_owned() }),
        thought("so", foreign),
        thought("", Seal::Redacted { data: "d".to_owned() }),
        Item::Assistant(Block::Text("ok".to_owned())),
        call("t1", "Bash", r#"{"b":1,"a":2}"#),
        Item::Result(ToolResult {
            call_id: "t1".to_owned(),
            kind: ToolKind::Function,
            parts: vec![Part::Text("no".to_owned())],
            is_error: true,
        }),
        user("go on"),
        Item::Instruction { voice: Voice::System, texts: vec!["be brief".to_owned()] },
    ];
    assert_eq!(request.items, expected);
}

#[test]
fn what_has_no_equivalent_is_named_by_its_path() {
    let said = |role: &str, block: Value| json!({"model": "m", "messages": [{"role": role, "content": [block]}]});
    assert_eq!(refusal(&said("user", json!({"type": "container_upload", "file_id": "f"}))), "messages[0].content[0]");
    let hosted = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
    assert_eq!(refusal(&said("assistant", hosted)), "messages[0].content[0]");
    let file = json!({"type": "image", "source": {"type": "file", "file_id": "f"}});
    assert_eq!(refusal(&said("user", file)), "messages[0].content[0].source");
    assert_eq!(refusal(&said("tool", json!({"type": "text", "text": "x"}))), "messages[0].role");
    assert_eq!(refusal(&said("user", json!({"type": "text"}))), "messages[0].content[0]");
    assert_eq!(refusal(&said("user", json!({"text": "x"}))), "messages[0].content[0].type");
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "audio"}]});
    assert_eq!(refusal(&said("user", result)), "messages[0].content[0].content[0]");
    assert_eq!(refusal(&asking(json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}))), "tools");
    assert_eq!(refusal(&asking(json!({"thinking": {"type": "wild"}}))), "thinking");
    assert_eq!(refusal(&asking(json!({"output_config": {"effort": "utmost"}}))), "output_config.effort");
    assert_eq!(refusal(&asking(json!({"max_tokens": "many"}))), "max_tokens");
    let mixed = json!([{"type": "bash_20250124", "name": "bash"}, {"name": "own", "input_schema": {"type": "object"}}]);
    let forced = json!({"tools": mixed, "tool_choice": {"type": "tool", "name": "bash"}});
    assert_eq!(refusal(&asking(forced)), "tool_choice");
}

#[test]
fn neutral_values_and_the_absence_of_everything_are_fine() {
    let request = read(&json!({"model": "m", "messages": [], "tools": [], "system": null, "service_tier": "auto"}));
    assert_eq!(request, Request::new(Protocol::Messages));
    let named = read(&asking(json!({"service_tier": "standard_only", "metadata": {"trace": 1}})));
    assert_eq!(named.left_out.to_string(), "metadata.trace, service_tier");
    let schema = json!({"type": "json_schema", "schema": {"type": "object"}});
    let format =
        Some(Format::JsonSchema { name: None, description: None, schema: json!({"type": "object"}), strict: Some(true) });
    assert_eq!(read(&asking(json!({"output_config": {"format": schema}}))).format, format);
    assert_eq!(read(&asking(json!({"output_format": schema}))).format, format);
}

#[test]
fn documents_become_text_or_files() {
    let block = |source: Value| json!({"type": "document", "title": "T", "context": "C", "source": source});
    let content = json!([
        block(json!({"type": "base64", "media_type": "application/pdf", "data": "JVBE"})),
        block(json!({"type": "text", "media_type": "text/plain", "data": "words"})),
        block(json!({"type": "content", "content": [{"type": "text", "text": "inner"}]})),
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "found"}]},
    ]);
    let request = read(&json!({"model": "m", "messages": [{"role": "user", "content": content}]}));
    let text = |text: &str| Part::Text(text.to_owned());
    let pdf = Source::Base64 { media_type: "application/pdf".to_owned(), data: "JVBE".to_owned() };
    let expected = vec![
        text("C"),
        Part::Document(Document { source: pdf, name: Some("T".to_owned()) }),
        text("T\nC\nwords"),
        text("T\nC\n"),
        text("inner"),
        text("t\ns\nfound"),
    ];
    assert_eq!(request.items, [Item::User(expected)]);
}

#[test]
fn results_follow_their_calls_whatever_stood_between() {
    let midway = Item::Instruction { voice: Voice::Developer, texts: vec!["note".to_owned()] };
    let items = vec![
        Item::Instruction { voice: Voice::Developer, texts: vec!["sys".to_owned(), " ".to_owned()] },
        user("hi"),
        Item::Assistant(Block::Text(" ".to_owned())),
        call("functions.f:0", "f", ""),
        call("b", "f", "not json"),
        midway,
        result("functions.f:0", "1"),
        result("b", ""),
        user("more"),
    ];
    let (body, left_out) = written(from_chat(items.clone()), "claude-sonnet-4-5");
    assert_eq!(body["system"], "sys");
    assert_eq!(body["max_tokens"], 64_000);
    let calls = &body["messages"][1]["content"];
    assert_eq!(calls.as_array().unwrap().len(), 2);
    assert_eq!(calls[0]["input"], json!({}));
    assert_eq!(calls[1]["input"], json!({"input": "not json"}));
    let after = &body["messages"][2];
    assert_eq!(after["content"][0]["tool_use_id"], calls[0]["id"]);
    assert_eq!(after["content"][1], json!({"type": "tool_result", "tool_use_id": "b"}));
    assert_eq!(after["content"][2]["text"], "<system-reminder>\nnote\n</system-reminder>");
    assert_eq!(left_out, "");
    let last = [&items[..5], &items[6..8], &items[5..6]].concat();
    let (body, _) = written(from_chat(last), "claude-opus-5");
    assert_eq!(body["messages"][3], json!({"role": "system", "content": "note"}));
}

#[test]
fn prompts_amid_the_conversation_join_the_users_message_beside_them() {
    let note = Item::Instruction { voice: Voice::Developer, texts: vec!["note".to_owned()] };
    let items = vec![user("hi"), Item::Assistant(Block::Text("yes".to_owned())), note.clone(), user("more"), note, user("last")];
    let (body, _) = written(from_chat(items), "claude-sonnet-4-5");
    let reminder = json!({"type": "text", "text": "<system-reminder>\nnote\n</system-reminder>"});
    let joined = json!([reminder, {"type": "text", "text": "more"}, reminder]);
    let after = [json!({"role": "user", "content": joined}), json!({"role": "user", "content": "last"})];
    assert_eq!(body["messages"].as_array().unwrap()[2..], after);
}

#[test]
fn custom_tools_become_functions() {
    let mut request = from_chat(vec![user("hi")]);
    let grammar = json!({"type": "grammar", "syntax": "lark", "definition": "start: x"});
    request.tools = vec![Tool { kind: ToolKind::Custom, grammar: Some(grammar), ..tool("patch") }, tool("other")];
    request.items.push(Item::Assistant(Block::Call(Call {
        id: "c".to_owned(),
        name: "patch".to_owned(),
        namespace: None,
        kind: ToolKind::Custom,
        input: "*** begin".to_owned(),
    })));
    request.choice = Some(Choice::Allowed { required: true, names: vec!["patch".to_owned()] });
    let (body, _) = written(request, "claude-opus-4-6");
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(body["tools"][0]["description"], "Does it.\n\nThe input must match this lark grammar:\nstart: x");
    assert_eq!(body["tools"][0]["input_schema"]["required"], json!(["input"]));
    assert_eq!(body["tool_choice"], json!({"type": "any"}));
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"input": "*** begin"}));
}

#[test]
fn thinking_fits_the_model() {
    let asked = |reasoning: Reasoning, model: &str, change: fn(&mut Request)| {
        let mut request = from_chat(vec![user("hi")]);
        request.reasoning = Some(reasoning);
        change(&mut request);
        let (body, left_out) = written(request, model);
        (body["thinking"].clone(), body["output_config"]["effort"].clone(), left_out)
    };
    let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let summarized = json!({"type": "adaptive", "display": "summarized"});
    let none = |_: &mut Request| {};
    let got = asked(effort(Effort::Minimal), "claude-opus-5", none);
    assert_eq!(got, (summarized.clone(), json!("low"), "reasoning_effort".to_owned()));
    let got = asked(effort(Effort::ExtraHigh), "claude-opus-4-6", none);
    assert_eq!(got, (summarized, json!("high"), "reasoning_effort".to_owned()));
    let budget = |tokens: i64| json!({"type": "enabled", "budget_tokens": tokens});
    let got = asked(effort(Effort::High), "claude-sonnet-4-5", none);
    assert_eq!(got, (budget(24_576), Value::Null, String::new()));
    let got = asked(effort(Effort::High), "claude-sonnet-4-5", |request| request.max_output = Some(4_000));
    assert_eq!(got, (budget(3_000), Value::Null, "reasoning_effort".to_owned()));
    let got = asked(effort(Effort::High), "claude-sonnet-4-5", |request| request.max_output = Some(1_200));
    assert_eq!(got, (Value::Null, Value::Null, "reasoning_effort".to_owned()));
    let got = asked(effort(Effort::High), "claude-sonnet-4-5", |request| {
        request.items.extend([call("a", "f", "{}"), result("a", "1")]);
    });
    assert_eq!(got, (Value::Null, Value::Null, "reasoning_effort".to_owned()), "an open loop without a sealed thought");
    let got = asked(effort(Effort::High), "claude-opus-5", |request| {
        request.tools.push(tool("f"));
        request.choice = Some(Choice::Required);
    });
    assert_eq!(got, (json!({"type": "disabled"}), Value::Null, "reasoning_effort".to_owned()));
    let off = Reasoning { off: true, ..Reasoning::default() };
    assert_eq!(asked(off.clone(), "claude-opus-4-8", none), (Value::Null, Value::Null, String::new()));
    assert_eq!(asked(off.clone(), "claude-opus-5", none), (json!({"type": "disabled"}), Value::Null, String::new()));
    assert_eq!(asked(off, "claude-opus-5-5", none), (Value::Null, json!("low"), "reasoning_effort".to_owned()));
}

#[test]
fn sampling_fits_the_model() {
    let asked = |model: &str, temperature: f64, top_p: f64| {
        let mut request = from_chat(vec![user("hi")]);
        request.temperature = Number::from_f64(temperature);
        request.top_p = Number::from_f64(top_p);
        request.hints.insert("top_k".to_owned(), json!(5));
        let (body, left_out) = written(request, model);
        (body["temperature"].clone(), body["top_p"].clone(), body["top_k"].clone(), left_out)
    };
    let got = asked("kimi-k2", 1.5, 0.5);
    assert_eq!(got, (json!(1), json!(0.5), json!(5), "temperature".to_owned()));
    let got = asked("claude-sonnet-4-5", 0.3, 0.5);
    assert_eq!(got, (json!(0.3), Value::Null, json!(5), "top_p".to_owned()));
    let got = asked("claude-opus-5", 0.3, 1.0);
    assert_eq!(got, (Value::Null, Value::Null, Value::Null, "temperature, top_k".to_owned()));
}

#[test]
fn json_is_asked_for_natively_or_through_a_tool() {
    let mut request = from_chat(vec![user("hi")]);
    request.format = Some(Format::JsonObject);
    let through = write_request(request.clone(), "claude-sonnet-4-5").unwrap();
    assert_eq!(through.body["tool_choice"], json!({"type": "tool", "name": "json_object"}));
    assert!(through.names.is_answer("json_object"));
    let (body, _) = written(request.clone(), "claude-opus-5");
    assert_eq!(body["system"], "Respond with one valid JSON object and nothing else.");
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let described = Some("An a.".to_owned());
    request.format = Some(Format::JsonSchema { name: Some("n".to_owned()), description: described, schema, strict: None });
    let (body, _) = written(request, "claude-opus-5");
    let format = &body["output_config"]["format"];
    assert_eq!((&format["type"], &format["schema"]["additionalProperties"]), (&json!("json_schema"), &json!(false)));
    assert_eq!(format["schema"]["description"], "An a.");
}

#[test]
fn hints_of_openai_are_named_unless_they_say_nothing() {
    let mut request = from_chat(vec![user("hi")]);
    request.user = Some("u".to_owned());
    request.stop = vec!["END".to_owned()];
    for (name, value) in [("store", json!(false)), ("user", json!("u")), ("seed", json!(4)), ("metadata", json!({"a": "b"}))] {
        request.hints.insert(name.to_owned(), value);
    }
    let (body, left_out) = written(request.clone(), "claude-opus-5");
    assert_eq!((left_out.as_str(), &body["metadata"]), ("seed, metadata", &json!({"user_id": "u"})));
    assert_eq!(body["stop_sequences"], json!(["END"]));
    request.stop = vec!["\n".to_owned()];
    let written = write_request(request, "claude-opus-5").unwrap();
    assert_eq!(written.cut, ["\n"], "Claude takes no blank ones: the gateway looks for it");
    assert_eq!(written.body.get("stop_sequences"), None);
}

#[test]
fn files_that_claude_reads_are_passed_on() {
    let said = |media_type: &str, data: &str| {
        let source = Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() };
        let document = Part::Document(Document { source, name: Some("f".to_owned()) });
        write_request(from_chat(vec![Item::User(vec![document])]), "claude-opus-5")
            .map(|written| written.body["messages"][0]["content"][0].clone())
    };
    assert_eq!(said("application/pdf", "JVBE").unwrap()["source"]["media_type"], "application/pdf");
    let text = json!({"type": "text", "media_type": "text/plain", "data": "hi"});
    assert_eq!(said("text/csv", "aGk=").unwrap(), json!({"type": "document", "source": text, "title": "f"}));
    assert_eq!(said("application/zip", "UEs=").unwrap_err().field, "messages");
    let image = Part::Image(Image { source: Source::FileId("file-1".to_owned()), detail: None });
    assert!(write_request(from_chat(vec![Item::User(vec![image])]), "claude-opus-5").is_err());
}

fn block() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z]{1,5}".prop_map(|text| json!({"type": "text", "text": text})),
        "[a-z]{1,5}".prop_map(|text| json!({"type": "thinking", "thinking": text, "signature": "c2ln"})),
        "[a-z]{1,5}".prop_map(|data| json!({"type": "redacted_thinking", "data": data})),
        ("[a-z]{1,5}", 0..9).prop_map(|(id, n)| json!({"type": "tool_use", "id": id, "name": "f", "input": {"n": n}})),
    ]
}

fn part() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z]{1,5}".prop_map(|text| json!({"type": "text", "text": text})),
        Just(json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}})),
        Just(json!({"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}, "title": "y"})),
    ]
}

proptest! {
    #[test]
    fn reading_and_writing_is_the_identity(
        turns in proptest::collection::vec(
            (proptest::collection::vec(part(), 1..3), proptest::collection::vec(block(), 1..4)), 1..4),
        system in proptest::option::of("[a-z]{1,9}"),
        stops in proptest::collection::vec("[A-Z]{1,4}", 0..3),
        parallel in proptest::option::of(any::<bool>()),
        effort in proptest::option::of(prop_oneof![Just("low"), Just("high"), Just("max")]),
    ) {
        let mut body = json!({"model": "claude-opus-5", "max_tokens": 9000, "tools": [{
            "name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
        }]});
        let messages = turns.iter().flat_map(|(said, answered)| {
            [json!({"role": "user", "content": said}), json!({"role": "assistant", "content": answered})]
        });
        body["messages"] = messages.collect();
        if let Some(system) = system { body["system"] = json!(system); }
        if !stops.is_empty() { body["stop_sequences"] = json!(stops); }
        if let Some(parallel) = parallel {
            body["tool_choice"] = json!({"type": "auto", "disable_parallel_tool_use": !parallel});
        }
        if let Some(effort) = effort {
            body["thinking"] = json!({"type": "adaptive"});
            body["output_config"] = json!({"effort": effort});
        }
        let request = read(&body);
        let again = write_request(request.clone(), "claude-opus-5").unwrap();
        prop_assert_eq!(again.left_out.to_string(), "");
        prop_assert_eq!(read(&again.body), request);
    }
}
