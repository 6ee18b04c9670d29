//! Memory and threads under large bodies: nobody takes all of it, and all of it comes back.

use std::io::Write;
use std::time::Duration;

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Reply as Scripted, Usage};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{CLAUDE, GPT, TestApp, eventually, spawn_app};
use crate::caller::Caller;
use crate::on_both;
use crate::refusals::{SHAPES, ask, told};

const MB: usize = 1 << 20;
/// A model whose channel speaks Chat Completions alone.
const CONVERTED: &str = "chat-only";

async fn converted_channel(app: &TestApp) {
    let fields = json!({"name": "chat", "type": "openai", "openAiProtocol": "chat_completions", "models": [CONVERTED]});
    app.channel(fields).await;
    app.changes_channel(app.claude_channel, json!({"models": [CLAUDE]})).await;
    app.prices("openai", CONVERTED, r#""inputPricePerMTok":0.01,"outputPricePerMTok":0.01"#).await;
    app.prices("claude", CLAUDE, r#""inputPricePerMTok":0.01,"outputPricePerMTok":0.01"#).await;
}

/// A request's head alone.
async fn head(app: &TestApp, key: &str, more: &str) -> TcpStream {
    let mut socket = TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
    let head =
        format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n{more}\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

/// What comes back, up to the end of the error's body.
async fn answer(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let reading = async { while !read.ends_with(b"}") && socket.read_buf(&mut read).await.unwrap() > 0 {} };
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap();
    String::from_utf8(read).unwrap()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A small Messages request with other fields.
fn body(fields: Value) -> Value {
    let mut body = json!({"model": CLAUDE, "max_tokens": 16, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn said(content: Value) -> Value {
    body(json!({"messages": [{"role": "user", "content": content}]}))
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn tool(name: &str, schema: Value) -> Value {
    json!({"name": name, "description": "A tool.", "input_schema": schema})
}

fn object() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "string"}}})
}

/// A call and its result.
fn call(at: usize, input: &Value, result: &Value) -> [Value; 2] {
    let id = format!("toolu_{at}");
    [
        json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "t", "input": input}]}),
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result}]}),
    ]
}

/// A conversation with these calls.
fn called(calls: Vec<[Value; 2]>) -> Value {
    let question = json!({"role": "user", "content": "hi"});
    let messages: Vec<Value> = std::iter::once(question).chain(calls.into_iter().flatten()).collect();
    body(json!({"tools": [tool("t", object())], "messages": messages}))
}

/// An image of one pixel.
fn image() -> Value {
    let pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": pixel}})
}

/// Bodies of a Messages request that are legal and large, each in another way.
fn large_bodies() -> Vec<(&'static str, Value)> {
    let with_tool = |schema: Value| body(json!({"tools": [tool("t", schema)]}));
    let deep = (0..50).fold(object(), |inner, _| json!({"type": "object", "properties": {"p": inner}}));
    let nest = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let keys: Value = (0..5_000).map(|at| (format!("k{at}"), json!(at))).collect();
    let speaker = |at: usize| if at.is_multiple_of(2) { "user" } else { "assistant" };
    let turns: Vec<Value> = (0..2_001).map(|at| json!({"role": speaker(at), "content": "a few words"})).collect();
    let tools: Vec<Value> = (0..500).map(|at| tool(&format!("tool_{at}"), object())).collect();
    let described = json!({"name": "t", "description": "x".repeat(500_000), "input_schema": object()});
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "QUFB".repeat(250_000)});
    let (small, done, numbers) = (json!({"a": "b"}), json!("done"), json!({"list": (0..50_000).collect::<Vec<_>>()}));
    vec![
        ("many messages", body(json!({"messages": turns}))),
        ("many parts", said(vec![text("x"); 4_000].into())),
        ("many tools", body(json!({"tools": tools}))),
        ("one long text", said("words and more words ".repeat(50_000).into())),
        ("many long texts", said(vec![text(&"x".repeat(50_000)); 20].into())),
        ("escapes", said("\"\\\n\t\u{1}".repeat(50_000).into())),
        ("many bytes a character", said("\u{1f40b}\u{4e2d}é".repeat(30_000).into())),
        ("deep schema", with_tool(deep)),
        ("deep input", called(vec![call(0, &nest, &done)])),
        ("huge schema", with_tool(json!({"type": "object", "properties": keys.clone()}))),
        ("enum of words", with_tool(json!({"type": "object", "properties": {"e": {"enum": vec!["word"; 20_000]}}}))),
        ("long descriptions", body(json!({"tools": [described]}))),
        ("many images", said(vec![image(); 500].into())),
        ("a large document", said(json!([{"type": "document", "source": pdf}, text("read it")]))),
        ("many tool results", called((0..700).map(|at| call(at, &small, &done)).collect())),
        ("a long result", called(vec![call(0, &small, &vec![text("line"); 3_000].into())])),
        ("numbers", called(vec![call(0, &numbers, &done)])),
        ("small keys", called(vec![call(0, &keys, &done)])),
        ("a system of many parts", body(json!({"system": vec![text("x"); 4_000]}))),
        ("a long system", body(json!({"system": "x".repeat(1_000_000)}))),
    ]
}

on_both! {
    async fn what_the_head_decides_is_answered_though_no_body_comes(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"maxRequestBytes": 4_000_000})).await;
        let poor = app.customer("poor", "0").await;
        let broke = app.makes_caller(app.user, json!({"budgetUsd": 0.000_000_001})).await;
        let rpm = app.makes_caller(app.user, json!({"rateLimitRpm": 1})).await;
        let daily = app.makes_caller(app.user, json!({"quota": 1})).await;
        let tpm = app.makes_caller(app.user, json!({"rateLimitTpm": 5})).await;
        for caller in [&rpm, &daily, &tpm] {
            ask(caller, Protocol::Messages).await.expects(200);
        }
        // A budget that is not used up, but too small, takes the body's size to tell.
        ask(&broke, Protocol::Messages).await.expects(402);
        let length = "content-length: 3000000\r\n";
        let cases = [
            (poor.key.as_str(), length, "402"),
            (rpm.key.as_str(), length, "429"),
            (daily.key.as_str(), length, "429"),
            (tpm.key.as_str(), length, "429"),
            (poor.key.as_str(), "content-length: 2000\r\n", "402"),
            (poor.key.as_str(), "transfer-encoding: chunked\r\n", "402"),
            ("sk-nobody", length, "401"),
            (poor.key.as_str(), "content-length: 5000000\r\n", "413"),
            (poor.key.as_str(), "content-length: 3000\r\ncontent-encoding: compress\r\n", "415"),
        ];
        let highest = app.running().capacity.memory.state().highest;
        for (key, more, status) in cases {
            let told = answer(&mut head(&app, key, more).await).await;
            assert!(told.starts_with(&format!("HTTP/1.1 {status}")), "{more} {status}: {told}");
        }
        assert_eq!(app.running().capacity.memory.state().highest, highest, "no body was read");
        app.sets(json!({"maintenanceMode": true})).await;
        let told = answer(&mut head(&app, &app.caller().key, length).await).await;
        assert!(told.starts_with("HTTP/1.1 503"), "{told}");
        app.sets(json!({"maintenanceMode": false})).await;
        poor.sends("no JSON at all").whole().await.expects(402);
        app.caller().sends("no JSON at all").whole().await.expects(400);
        app.finish().await;
    }

    async fn a_connection_outlives_a_small_body_that_was_not_wanted(storage) {
        let app = spawn_app(storage).await;
        let poor = app.customer("poor", "0").await;
        let body = "x".repeat(3_000);
        let mut socket = head(&app, &poor.key, &format!("content-length: {}\r\n", body.len())).await;
        socket.write_all(body.as_bytes()).await.unwrap();
        let first = answer(&mut socket).await;
        assert!(first.starts_with("HTTP/1.1 402") && !first.contains("connection: close"), "{first}");
        let again = format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: 2\r\n\r\n{{}}", poor.key);
        socket.write_all(again.as_bytes()).await.unwrap();
        assert!(answer(&mut socket).await.starts_with("HTTP/1.1 402"));
        app.finish().await;
    }

    async fn unfinished_uploads_hold_what_has_come_and_nobody_elses_room(storage) {
        let app = spawn_app(storage).await;
        let budget = 8 * MB;
        app.sets(json!({"bodyMemoryBytes": budget, "maxRequestBytes": 4 * MB})).await;
        let memory = &app.running().capacity.memory;
        let other = app.customer("other", "10").await;
        ask(&other, Protocol::Messages).await.expects(200);
        let key = app.caller().key;
        let mut first = head(&app, &key, "content-length: 4000000\r\n").await;
        first.write_all(&vec![b' '; 300_000]).await.unwrap();
        eventually("what has come is held", async || memory.state().held >= 300_000).await;
        assert!(memory.state().held <= 700_000, "{:?}", memory.state());
        let mut uploads = vec![first];
        for _ in 0..12 {
            let mut upload = head(&app, &key, "content-length: 2000000\r\n").await;
            // Those that find no room are hung up on in the midst of it.
            let _perhaps_cut = upload.write_all(&vec![b' '; 1_500_000]).await;
            uploads.push(upload);
        }
        eventually("the account has used up its share", async || memory.state().held > budget / 4).await;
        assert!(memory.state().held <= budget / 2 + MB, "{:?}", memory.state());
        let large = "x".repeat(MB);
        for _ in 0..3 {
            other.asks(&large).whole().await.expects(200);
            ask(&other, Protocol::Messages).await.expects(200);
            ask(&app.caller(), Protocol::Messages).await.expects(200);
        }
        let late = answer(uploads.last_mut().unwrap()).await;
        assert!(late.starts_with("HTTP/1.1 503") && late.to_ascii_lowercase().contains("retry-after: 1"), "{late}");
        drop(uploads);
        eventually("everything comes back", async || memory.state().held == 0).await;
        assert!(memory.state().highest <= budget, "{:?}", memory.state());
        app.caller().asks(&large).whole().await.expects(200);
        app.finish().await;
    }

    async fn bombs_are_bounded_however_many_come(storage) {
        let app = spawn_app(storage).await;
        let budget = 8 * MB;
        app.sets(json!({"bodyMemoryBytes": budget, "maxRequestBytes": 4 * MB})).await;
        let poor = app.customer("poor", "0").await;
        let plain = json!({"model": CLAUDE, "max_tokens": 9, "messages": [{"role": "user", "content": "x".repeat(3 * MB)}]}).to_string();
        let fits = bytes::Bytes::from(gzip(plain.as_bytes()));
        let bomb = bytes::Bytes::from(gzip(&vec![b' '; 64 * MB]));
        let sent = |caller: &Caller, body: &bytes::Bytes| caller.sends(body.clone()).header("content-encoding", "gzip").whole();
        let many = |caller: &Caller, body: &bytes::Bytes| join_all((0..12).map(|_| sent(caller, body)).collect::<Vec<_>>());
        assert!(many(&poor, &fits).await.iter().all(|reply| reply.status == 402));
        let bombed = many(&app.caller(), &bomb).await;
        assert!(bombed.iter().all(|reply| matches!(reply.status, 413 | 503)), "{:?}", bombed.iter().map(|reply| reply.status).collect::<Vec<_>>());
        assert!(bombed.iter().any(|reply| reply.status == 413), "the oldest one gets to its end");
        let fitting = many(&app.caller(), &fits).await;
        assert!(fitting.iter().all(|reply| matches!(reply.status, 200 | 503)));
        assert!(fitting.iter().any(|reply| reply.status == 200), "the oldest one gets through");
        let memory = &app.running().capacity.memory;
        eventually("everything comes back", async || memory.state().held == 0).await;
        assert!(memory.state().highest <= budget, "{:?}", memory.state());
        app.finish().await;
    }

    async fn too_much_structure_is_a_400_that_names_the_field(storage) {
        let app = spawn_app(storage).await;
        for protocol in SHAPES {
            let (model, list) = match protocol {
                Protocol::Messages => (CLAUDE, "messages"),
                Protocol::Responses => (GPT, "input"),
                _ => (GPT, "messages"),
            };
            let message = |content: Value| json!({"role": "user", "content": content});
            let part = json!({"type": "text", "text": "x"});
            let cases = [
                (list.to_owned(), json!(vec![message("x".into()); 20_001]), "20000 messages", list.to_owned()),
                (list.to_owned(), json!([message("x".into()), message(vec![part; 50_001].into())]), "50000 content parts", format!("{list}[1].content")),
                ("tools".to_owned(), json!(vec![json!({"name": "t"}); 2_001]), "2000 tools", "tools".to_owned()),
                ("metadata".to_owned(), json!({"a": vec![1; 500_000]}), "500000 values", "metadata.a".to_owned()),
            ];
            for (field, value, words, named) in cases {
                let reply = app.caller().speaking(protocol).asks("hi").model(model).field(&field, value).whole().await;
                told(&reply, protocol, 400, "invalid_request_error", "invalid_request_error");
                assert!(reply.said().contains(words) && reply.said().contains(&named), "{}", reply.said());
            }
            let levels = 4_000;
            let deep = format!("{{\"metadata\":{}1{}}}", "{\"a\":".repeat(levels), "}".repeat(levels));
            let reply = app.caller().speaking(protocol).sends(deep).whole().await;
            told(&reply, protocol, 400, "invalid_request_error", "invalid_request_error");
            assert!(reply.said().contains("127 levels") && reply.said().contains("metadata.a.a"), "{}", reply.said());
        }
        assert_eq!(app.provider().count(), 0);
        app.finish().await;
    }

    async fn large_bodies_of_every_kind_are_answered_or_refused_and_leave_nothing(storage) {
        let app = spawn_app(storage).await;
        converted_channel(&app).await;
        let poor = app.customer("poor", "0").await;
        let bodies = large_bodies();
        assert_eq!(bodies.len(), 20);
        let refused = join_all(bodies.iter().map(|(_, body)| poor.sends(body.to_string()).whole())).await;
        assert!(refused.iter().all(|reply| reply.status == 402));
        for model in [CLAUDE, CONVERTED] {
            let asking = bodies.iter().map(|(kind, body)| {
                let mut body = body.clone();
                body["model"] = model.into();
                let sent = app.caller().sends(body.to_string()).whole();
                async move { (*kind, sent.await) }
            });
            for (kind, reply) in join_all(asking).await {
                assert_eq!(reply.status, 200, "{kind} at {model}: {}", reply.said());
            }
        }
        assert_eq!(app.provider().count(), 40);
        let state = app.running().capacity.memory.state();
        assert!(state.highest > 4 * MB && state.highest <= state.limit, "{state:?}");
        app.finish().await;
    }

    async fn large_answers_and_counts_are_the_same_as_small_ones(storage) {
        let app = spawn_app(storage).await;
        converted_channel(&app).await;
        app.maps(json!({"provider": "claude", "targetProvider": "claude", "inboundModels": ["alias"], "upstreamModel": CLAUDE})).await;
        let long = "a long answer, \"quoted\" \u{1f40b} ".repeat(12_000);
        let question = "a long question ".repeat(10_000);
        for (protocol, model) in [(Protocol::Messages, CLAUDE), (Protocol::Messages, "alias"), (Protocol::Messages, CONVERTED), (Protocol::ChatCompletions, CLAUDE), (Protocol::Responses, CONVERTED)] {
            app.provider().push(Scripted::text(&long).usage(Usage::new(10, 10)));
            let reply = app.caller().speaking(protocol).asks(&question).model(model).whole().await.expects(200);
            assert_eq!(reply.text(), long, "{protocol} {model}");
        }
        let counted = app.caller().speaking(Protocol::CountTokens).asks(&question).model(CONVERTED).whole().await.expects(200);
        assert_eq!(counted.header("x-relay-estimated"), "true");
        let tokens = counted.json()["input_tokens"].as_i64().unwrap();
        assert!((25_000..40_000).contains(&tokens), "{tokens}");
        app.finish().await;
    }
}
