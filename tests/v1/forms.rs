//! What a 200 is: its form is that of its first bytes, and an error in it is no answer.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::Reply as Scripted;
use serde_json::{Value, json};

use crate::app::{CLAUDE, GPT, TestApp, spawn_app};
use crate::on_both;
use crate::reply::Reply;

const TEXT: &str = "Hello there";

fn whole(protocol: Protocol) -> Value {
    match protocol {
        Protocol::Messages => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": TEXT}],
            "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 100, "output_tokens": 20},
        }),
        Protocol::Responses => json!({
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "error": null,
            "output": [{"type": "message", "id": "i", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": TEXT, "annotations": []}]}],
            "usage": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120},
        }),
        _ => json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }),
    }
}

fn sse(events: &[Value]) -> String {
    let line = |event: &Value| {
        let name = event["type"].as_str().map(|name| format!("event: {name}\n")).unwrap_or_default();
        let data = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        format!("{name}data: {data}\n\n")
    };
    events.iter().map(line).collect()
}

fn chunk(delta: Value, finish: Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn stream(protocol: Protocol) -> String {
    let (first, second) = TEXT.split_at(5);
    match protocol {
        Protocol::Messages => {
            let delta =
                |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
            let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null,
                "stop_sequence": null, "usage": {"input_tokens": 100, "output_tokens": 1}});
            sse(&[
                json!({"type": "message_start", "message": message}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                delta(first),
                delta(second),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 20}}),
                json!({"type": "message_stop"}),
            ])
        }
        Protocol::Responses => {
            let mut begun = whole(protocol);
            (begun["status"], begun["output"], begun["usage"]) = (json!("in_progress"), json!([]), json!(null));
            let item = json!({"type": "message", "id": "i", "role": "assistant", "status": "in_progress", "content": []});
            let delta = |text: &str, number: i64| {
                json!({"type": "response.output_text.delta", "sequence_number": number, "item_id": "i", "output_index": 0,
                    "content_index": 0, "delta": text})
            };
            sse(&[
                json!({"type": "response.created", "sequence_number": 0, "response": begun}),
                json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item}),
                delta(first, 2),
                delta(second, 3),
                json!({"type": "response.completed", "sequence_number": 4, "response": whole(protocol)}),
            ])
        }
        _ => sse(&[
            chunk(json!({"role": "assistant", "content": first}), Value::Null),
            chunk(json!({"content": second}), Value::Null),
            chunk(json!({}), json!("stop")),
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}}),
            json!("[DONE]"),
        ]),
    }
}

/// Each client with each protocol that its upstream may speak, and the model that leads there.
const WAYS: [(Protocol, Protocol, &str); 6] = [
    (Protocol::Messages, Protocol::Messages, CLAUDE),
    (Protocol::ChatCompletions, Protocol::ChatCompletions, GPT),
    (Protocol::Responses, Protocol::Responses, GPT),
    (Protocol::Messages, Protocol::ChatCompletions, GPT),
    (Protocol::ChatCompletions, Protocol::Messages, CLAUDE),
    (Protocol::Responses, Protocol::Messages, CLAUDE),
];

async fn asks(app: &TestApp, client: Protocol, model: &str, is_stream: bool, answer: Scripted) -> Reply {
    app.provider().push(answer);
    let asked = app.caller().speaking(client).asks("hello").model(model);
    if is_stream { asked.streamed().await } else { asked.whole().await }
}

async fn billed(app: &TestApp, rows: usize) {
    let rows_now = app.rows().await;
    assert_eq!(rows_now.len(), rows);
    for row in rows_now {
        assert_eq!((row.tokens_in, row.tokens_out, row.estimated), (100, 20, false), "{row:?}");
    }
}

/// A request whose channel answers so and has no second one: nothing that looks like an answer, and nothing to pay.
async fn is_no_answer(app: &TestApp, client: Protocol, model: &str, is_stream: bool, answer: Scripted) {
    app.provider().always(answer);
    let asked = app.caller().speaking(client).asks("hello").model(model);
    let reply = if is_stream { asked.streamed().await } else { asked.whole().await };
    app.provider().clear();
    let said = reply.said();
    assert!(reply.status == 502 || reply.error_event().is_some(), "{client:?} {model}: {} {said}", reply.status);
    let rows = app.rows().await;
    let row = rows.last().unwrap();
    assert_eq!((row.cost_nanos, row.ending.as_str()), (0, "upstream_failed"), "{row:?}");
}

on_both! {
    async fn a_stream_that_nobody_asked_for_is_put_together(storage) {
        let app = spawn_app(storage).await;
        for (client, upstream, model) in WAYS {
            for label in ["text/event-stream", "application/json", "text/plain"] {
                let reply = asks(&app, client, model, false, Scripted::new().raw_body(label, stream(upstream))).await.expects(200);
                assert_eq!(reply.text(), TEXT, "{client:?} from {upstream:?}: {}", reply.said());
                assert!(reply.header("content-type").starts_with("application/json"), "{}", reply.header("content-type"));
            }
        }
        billed(&app, WAYS.len() * 3).await;
        app.finish().await;
    }

    async fn a_whole_answer_to_a_call_for_a_stream_is_told_as_one(storage) {
        let app = spawn_app(storage).await;
        for (client, upstream, model) in WAYS {
            for label in ["application/json", "text/event-stream"] {
                let answer = Scripted::new().raw_body(label, whole(upstream).to_string());
                let reply = asks(&app, client, model, true, answer).await.expects(200);
                assert!(reply.ends_legally(), "{client:?} from {upstream:?}: {}", reply.said());
                assert_eq!(reply.text(), TEXT, "{client:?} from {upstream:?}: {}", reply.said());
                assert!(reply.header("content-type").starts_with("text/event-stream"), "{}", reply.header("content-type"));
            }
        }
        billed(&app, WAYS.len() * 2).await;
        app.finish().await;
    }

    async fn a_stream_is_one_by_its_bytes_not_by_its_label(storage) {
        let app = spawn_app(storage).await;
        for (client, upstream, model) in WAYS {
            for label in ["application/json", "text/plain; charset=utf-8", "application/octet-stream", "Text/Event-Stream"] {
                let body = format!("\u{FEFF}{}", stream(upstream));
                let reply = asks(&app, client, model, true, Scripted::new().raw_body(label, body)).await.expects(200);
                assert!(reply.ends_legally(), "{client:?} from {upstream:?} as {label}: {}", reply.said());
                assert_eq!(reply.text(), TEXT, "{client:?} from {upstream:?} as {label}");
                assert!(reply.header("content-type").to_ascii_lowercase().starts_with("text/event-stream"));
            }
        }
        billed(&app, WAYS.len() * 4).await;
        app.finish().await;
    }

    async fn an_error_is_no_answer_wherever_it_stands(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"proxyMaxRetries": 0, "circuitEnabled": false})).await;
        let plain = [
            json!({"error": {"message": "no available channel", "type": "new_api_error"}}),
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            json!({"code": 500, "msg": "system busy", "data": null}),
            json!({}),
            json!([]),
        ];
        for (client, upstream, model) in WAYS {
            let mut failed = whole(upstream);
            match upstream {
                Protocol::Messages => failed["stop_reason"] = json!("error"),
                Protocol::Responses => failed["status"] = json!("failed"),
                _ => failed["choices"][0]["finish_reason"] = json!("error"),
            }
            for body in plain.iter().chain([&failed]) {
                for is_stream in [false, true] {
                    let answer = Scripted::new().raw_body("application/json", body.to_string());
                    is_no_answer(&app, client, model, is_stream, answer).await;
                }
            }
            let page = Scripted::new().raw_body("text/html", "<!doctype html><html></html>");
            is_no_answer(&app, client, model, true, page).await;
        }
        app.finish().await;
    }

    async fn an_answer_that_breaks_off_with_an_odd_error_is_not_told_as_complete(storage) {
        let app = spawn_app(storage).await;
        // One channel breaks off again and again.
        app.sets(json!({"circuitEnabled": false})).await;
        let said = chunk(json!({"role": "assistant", "content": TEXT}), Value::Null);
        let mut in_choice = chunk(json!({}), Value::Null);
        in_choice["choices"][0]["error"] = json!({"code": 502, "message": "gone"});
        let ends = [chunk(json!({}), json!("error")), in_choice, json!(r#"{"choices":[{"delta":{"content":"Hel"#)];
        for client in [Protocol::ChatCompletions, Protocol::Messages] {
            for end in &ends {
                let body = sse(&[said.clone(), end.clone(), json!("[DONE]")]);
                let reply = asks(&app, client, GPT, true, Scripted::new().raw_body("text/event-stream", body)).await.expects(200);
                assert!(reply.error_event().is_some(), "{client:?} {end}: {}", reply.said());
                let rows = app.rows().await;
                assert_eq!(rows.last().unwrap().ending.as_str(), "upstream_failed");
            }
        }
        app.finish().await;
    }

    async fn an_account_that_ran_dry_is_the_channels_fault(storage) {
        let app = spawn_app(storage).await;
        let dry = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. sk-ant-0123456789abcdef"}}"#;
        app.provider().for_key("sk-dry", Scripted::status(400).error_body(dry));
        let first = app.channel(json!({"name": "dry", "type": "claude", "apiKey": "sk-dry", "priority": 9})).await;
        for _ in 0..3 {
            app.caller().asks("hello").whole().await.expects(200);
        }
        let rows = app.rows().await;
        let attempts: Value = serde_json::from_str(&app.detail(&rows[0]).await.attempts).unwrap();
        let told = attempts[0]["error"].as_str().unwrap();
        assert!(told.contains("credit balance is too low") && !told.contains("0123456789abcdef"), "{told}");
        let asked = app.provider().requests().iter().filter(|request| request.header("x-api-key") == Some("sk-dry")).count();
        assert_eq!(asked, 1, "it rests");
        let status = app.admin("GET", "/api/channel-status", Value::Null).await;
        let channel = status["channels"].as_array().unwrap().iter().find(|channel| channel["channelId"] == first).unwrap().clone();
        assert_eq!((channel["restingWhy"].as_str(), channel["standing"].as_str()), (Some("no_credit"), Some("resting")));
        app.changes_channel(app.claude_channel, json!({"enabled": false})).await;
        app.admin("POST", &format!("/api/channels/{first}/circuit"), json!({"state": "closed"})).await;
        let reply = app.caller().asks("hello").whole().await.expects(502);
        assert!(!reply.said().contains("credit"), "{}", reply.said());
        app.changes_channel(app.claude_channel, json!({"enabled": true})).await;
        app.changes_channel(first, json!({"enabled": false})).await;
        let refusal = r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad: 'your credit balance is too low'"}}"#;
        app.provider().push(Scripted::status(400).error_body(refusal));
        app.caller().asks("say 'your credit balance is too low'").whole().await.expects(400);
        app.finish().await;
    }
}
