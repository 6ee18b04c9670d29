use serde_json::{Map, Value, json};

use super::*;

/// Text that is no base64, and more of it than any field has free.
fn filler() -> String {
    "some words ".repeat(600)
}

/// Text that could be base64 or an id.
fn solid() -> String {
    "aWords/".repeat(900)
}

fn measured(protocol: Protocol, body: &Value) -> Ask {
    Ask::read(protocol, body.to_string().as_bytes()).unwrap()
}

/// A body of each protocol with most of what they can hold.
fn bodies() -> [(Protocol, Value); 4] {
    let schema = json!({"type": "object", "properties": {"data": {"type": "string", "enum": ["a", "b"], "minLength": 1}}});
    let messages = json!({
        "model": "m", "max_tokens": 10, "stream": true, "temperature": 0.5, "metadata": {"user_id": "u"},
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "t", "description": "d", "input_schema": schema}],
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                {"type": "document", "title": "t", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjcK"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inner"}]}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "redacted_thinking", "data": "c2ln"},
                {"type": "tool_use", "id": "t1", "name": "t", "input": {"url": "https://example.com", "list": [1, 2.5, true, null]}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "done"}]}]},
        ],
    });
    let chat = json!({
        "model": "m", "max_tokens": 10, "user": "u", "metadata": {"a": "b"}, "stop": ["x"],
        "tools": [{"type": "function", "function": {"name": "t", "parameters": schema}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjcK"}}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "done"},
        ],
    });
    let responses = json!({
        "model": "m", "instructions": "be brief", "max_output_tokens": 10, "text": {"format": {"type": "json_schema", "name": "s", "schema": schema}},
        "tools": [{"type": "function", "name": "t", "parameters": schema}],
        "input": [
            {"role": "user", "content": [
                {"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjcK"}]},
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "c2ln"},
            {"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "file_id": "file-1"}]},
            {"type": "image_generation_call", "id": "i", "status": "completed", "result": "iVBORw0KGgo="},
        ],
    });
    let embeddings = json!({"model": "m", "input": ["one", "two"], "user": "u"});
    [
        (Protocol::Messages, messages),
        (Protocol::ChatCompletions, chat),
        (Protocol::Responses, responses),
        (Protocol::Embeddings, embeddings),
    ]
}

/// Calls `change` for every value inside of `value`, on a copy of the whole; answers where each change was made.
fn changes(value: &Value, change: &mut impl FnMut(&str, &mut Value) -> bool) -> Vec<(String, Value)> {
    fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
        all.push(path.to_owned());
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, inner)| paths(inner, &format!("{path}/{key}"), all)),
            Value::Array(items) => items.iter().enumerate().for_each(|(at, inner)| paths(inner, &format!("{path}/{at}"), all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    paths(value, "", &mut all);
    let copies = all.into_iter().filter_map(|path| {
        let mut copy = value.clone();
        change(&path, copy.pointer_mut(&path).unwrap()).then_some((path, copy))
    });
    copies.collect()
}

/// Fields whose types are checked, or that no text fits in.
fn is_checked(path: &str) -> bool {
    matches!(path, "/model" | "/max_tokens" | "/max_output_tokens" | "/stream" | "/temperature" | "/messages" | "/input" | "")
}

#[test]
fn text_counts_wherever_it_is_put() {
    let text = filler();
    for (protocol, body) in bodies() {
        let before = measured(protocol, &body).text_bytes;
        let mut put = |path: &str, value: &mut Value| {
            let is_leaf = !value.is_object() && !value.is_array();
            *value = text.clone().into();
            is_leaf && !is_checked(path)
        };
        for (path, body) in changes(&body, &mut put) {
            let after = measured(protocol, &body).text_bytes;
            assert!(after + 300 >= before + text.len(), "{protocol:?} {path}: {before} -> {after}");
        }
    }
}

#[test]
fn keys_and_what_stands_under_them_count_by_no_name_of_theirs() {
    let names = [
        "data",
        "url",
        "image_url",
        "file_data",
        "file_url",
        "file_id",
        "signature",
        "encrypted_content",
        "source",
        "file",
        "result",
    ];
    let (text, solid) = (filler(), solid());
    for (protocol, body) in bodies() {
        let before = measured(protocol, &body).text_bytes;
        let insert = |key: &str, inside: &Value| {
            let (key, inside) = (key.to_owned(), inside.clone());
            move |path: &str, value: &mut Value| match value {
                Value::Object(fields) if !fields.contains_key(&key) => {
                    fields.insert(key.clone(), inside.clone());
                    !path.is_empty()
                }
                _ => false,
            }
        };
        for (path, body) in changes(&body, &mut insert(&text, &Value::Null)) {
            assert!(measured(protocol, &body).text_bytes + 300 >= before + text.len(), "a key at {protocol:?} {path}");
        }
        for name in names {
            for (path, body) in changes(&body, &mut insert(name, &text.clone().into())) {
                assert!(measured(protocol, &body).text_bytes + 300 >= before + text.len(), "{name} at {protocol:?} {path}");
            }
            for (path, changed) in changes(&body, &mut insert(name, &solid.clone().into())) {
                let place = body.pointer(&path).unwrap();
                let media = [
                    "image",
                    "document",
                    "image_url",
                    "input_image",
                    "input_file",
                    "file",
                    "input_audio",
                    "image_generation_call",
                ];
                let is_media = place["type"].as_str().is_some_and(|kind| media.contains(&kind));
                let is_inside =
                    ["source", "image_url", "input_audio", "file"].iter().any(|holder| path.ends_with(&format!("/{holder}")));
                let after = measured(protocol, &changed).text_bytes;
                assert!(is_media || is_inside || after + 300 >= before + solid.len(), "{name} at {protocol:?} {path}");
            }
        }
    }
}

#[test]
fn files_are_left_out_at_their_own_place_alone() {
    let (picture, address) = ("iVBORw0KGgoAAAANSUhEUgAA".repeat(1_000), format!("https://example.com/{}", "a".repeat(4_000)));
    let data = format!("data:image/png;base64,{picture}");
    let source = |kind: &str, key: &str, value: &str| json!({"type": "image", "source": {"type": kind, key: value}});
    let messages = |part: Value| {
        (Protocol::Messages, json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [part]}]}))
    };
    let chat =
        |part: Value| (Protocol::ChatCompletions, json!({"model": "m", "messages": [{"role": "user", "content": [part]}]}));
    let responses = |part: Value| (Protocol::Responses, json!({"model": "m", "input": [{"role": "user", "content": [part]}]}));
    let nested = json!({"type": "tool_result", "tool_use_id": "t", "content": [source("base64", "data", &picture)]});
    let free = [
        messages(source("base64", "data", &picture)),
        messages(source("url", "url", &address)),
        messages(nested),
        chat(json!({"type": "image_url", "image_url": {"url": data}})),
        chat(json!({"image_url": {"url": address}, "type": "image_url"})),
        chat(json!({"type": "input_audio", "input_audio": {"data": picture, "format": "wav"}})),
        responses(json!({"type": "input_image", "image_url": data})),
        responses(json!({"type": "input_file", "file_data": format!("data:application/pdf;base64,{picture}")})),
    ];
    for (protocol, body) in free {
        let ask = measured(protocol, &body);
        assert!(
            ask.text_bytes < 60 && ask.images == 1,
            "{} bytes, {} pages: {protocol:?} {:.200}",
            ask.text_bytes,
            ask.images,
            body.to_string()
        );
    }
    let twice = format!(r#"{{"type":"image","type":"text","source":{{"type":"base64","data":"{picture}"}}}}"#);
    let twice = format!(r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":[{twice}]}}]}}"#);
    assert!(Ask::read(Protocol::Messages, twice.as_bytes()).unwrap().text_bytes > picture.len(), "two types are none");
    for (protocol, body) in [
        messages(json!({"type": "text", "text": "x", "source": {"type": "base64", "data": picture}})),
        messages(json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": picture}})),
        messages(json!({"type": "tool_use", "id": "t", "name": "t", "input": source("base64", "data", &picture)})),
        messages(source("base64", "data", &filler())),
        messages(source("url", "url", &address.repeat(3))),
        chat(json!({"type": "image_url", "image_url": {"url": format!("data:text/plain,{picture}")}})),
        chat(json!({"type": "text", "text": "x", "image_url": {"url": data}})),
    ] {
        assert!(measured(protocol, &body).text_bytes >= 6_000, "{protocol:?} {:.200}", body.to_string());
    }
}

#[test]
fn a_document_of_written_text_counts_as_text() {
    use base64::Engine;
    let written = base64::engine::general_purpose::STANDARD.encode(filler());
    let body = json!({"model": "m", "input": [{"role": "user", "content": [
        {"type": "input_file", "filename": "a.txt", "file_data": format!("data:application/octet-stream;base64,{written}")}]}]});
    let ask = measured(Protocol::Responses, &body);
    assert!(ask.text_bytes >= filler().len() && ask.text_bytes < filler().len() + 200, "{}", ask.text_bytes);
    assert_eq!(ask.images, 0);
}

#[test]
fn an_ordinary_conversation_counts_by_its_text() {
    let body = json!({"model": "m", "max_tokens": 64, "stream": true, "temperature": 1, "messages": [{"role": "user", "content": "hello"}]});
    assert_eq!(measured(Protocol::Messages, &body).text_bytes, "userhello".len());
    let escaped =
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"\u4f60\u597d \ud83d\udc0b\n"}]}]}"#;
    assert_eq!(Ask::read(Protocol::ChatCompletions, escaped.as_bytes()).unwrap().text_bytes, "user你好 🐋\n".len());
    let spaced = format!("{{\"model\":\"m\",\"messages\":[],\"tools\":[{}{{\"a\" : [1 , 20]}}]}}", " ".repeat(10_000));
    assert_eq!(Ask::read(Protocol::ChatCompletions, spaced.as_bytes()).unwrap().text_bytes, r#"[{"a":[1,20]}]"#.len());
    let ids = json!({"model": "m", "input": [[1, 50_000], [7]]});
    assert_eq!(measured(Protocol::Embeddings, &ids).input_tokens(), 3, "a token is a token");
}

#[test]
fn long_numbers_and_empty_parts_hide_nothing() {
    let number = "1".repeat(4_000);
    let body = format!(r#"{{"model":"m","messages":[],"tools":[{number}],"metadata":{{"a":{number}}},"temperature":{number}}}"#);
    assert!(Ask::read(Protocol::ChatCompletions, body.as_bytes()).unwrap().text_bytes >= 12_000);
    let many = vec![Value::Object(Map::new()); 5_000];
    let body = json!({"model": "m", "messages": [], "tools": many});
    assert!(measured(Protocol::ChatCompletions, &body).text_bytes >= 15_000);
}

#[test]
fn the_limit_is_read_by_the_protocols_own_name() {
    let body = br#"{"model":"m","messages":[],"input":"","max_tokens":3,"max_completion_tokens":1,"max_output_tokens":2}"#;
    let limit = |protocol| Ask::read(protocol, body).unwrap().max_output;
    assert_eq!(limit(Protocol::Messages), Some(3));
    assert_eq!(limit(Protocol::ChatCompletions), Some(3), "the larger of its two names");
    assert_eq!(limit(Protocol::Responses), Some(2));
    let old = br#"{"model":"m","messages":[],"max_tokens":3}"#;
    assert_eq!(Ask::read(Protocol::ChatCompletions, old).unwrap().max_output, Some(3));
    let endless = br#"{"model":"m","messages":[],"max_tokens":-1,"n":1000}"#;
    let ask = Ask::read(Protocol::ChatCompletions, endless).unwrap();
    assert_eq!((ask.max_output, ask.choices), (None, 1_000), "what is no limit counts as none");
}

#[test]
fn messages_name_their_limit() {
    for body in [r#"{"model":"m","messages":[]}"#, r#"{"model":"m","messages":[],"max_tokens":null}"#] {
        let bad = Ask::read(Protocol::Messages, body.as_bytes()).unwrap_err();
        assert_eq!(bad.to_string(), "max_tokens: Field required");
        assert!(Ask::read(Protocol::CountTokens, body.as_bytes()).is_ok());
        assert!(Ask::read(Protocol::ChatCompletions, body.as_bytes()).is_ok());
    }
}

#[test]
fn a_thread_is_gone_on_with() {
    let read = |thread: &str| {
        let body = format!(r#"{{"model":"m","messages":[],"max_tokens":3,"thread":{thread}}}"#);
        let ask = Ask::read(Protocol::Messages, body.as_bytes()).unwrap();
        (ask.is_threaded, ask.previous_response)
    };
    assert_eq!(read(r#"{"type":"create"}"#), (true, None));
    assert_eq!(read(r#"{"type":"continue","previous_message_id":"msg_1"}"#), (true, Some("msg_1".to_owned())));
    assert_eq!(read("null"), (false, None));
    assert_eq!(read("7"), (true, None));
}
