//! What providers' connections and refusals say of a channel, and what goes to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actors::channel_health::Circuit;
use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::Reply as Scripted;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::app::{CLAUDE, GPT, TestApp, eventually, spawn_app};
use crate::on_both;

const ANSWER: &str = r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#;

/// Reads one request; `false` when the connection is at its end.
async fn request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return false,
            Ok(read) => seen.extend_from_slice(&piece[..read]),
        }
        let text = String::from_utf8_lossy(&seen).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return true;
            }
        }
    }
}

/// A provider that answers every request but those of these numbers, at which it hangs up without a word.
async fn hangs_up_at(silent: &'static [usize]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (base, count) = (format!("http://{}", listener.local_addr().unwrap()), Arc::<AtomicUsize>::default());
    let counter = Arc::clone(&count);
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::task::spawn_local(async move {
                while request(&mut stream).await {
                    if silent.contains(&counter.fetch_add(1, Ordering::SeqCst)) {
                        return;
                    }
                    let head =
                        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", ANSWER.len());
                    stream.write_all(format!("{head}{ANSWER}").as_bytes()).await.unwrap();
                }
            });
        }
    });
    (base, count)
}

async fn attempts(app: &TestApp) -> Vec<Value> {
    let row = app.rows().await.pop().unwrap();
    let detail = app.admin("GET", &format!("/api/logs/{}", row.id), Value::Null).await;
    detail["attempts"].as_array().unwrap().clone()
}

/// The channels' circuits and failures, and the models that rest there.
async fn judged(app: &TestApp) -> (bool, i64, usize) {
    let all = app.running().cellar.health.observe().await.unwrap();
    let open = all.iter().any(|channel| channel.circuit != Circuit::Closed);
    (open, all.iter().map(|channel| channel.failures).sum(), all.iter().map(|channel| channel.resting_models.len()).sum())
}

on_both! {
    async fn a_new_connection_that_breaks_is_not_tried_again(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"proxyMaxRetries": 0, "circuitEnabled": false})).await;
        let (base, count) = hangs_up_at(&[0]).await;
        app.changes_channel(app.claude_channel, json!({"baseUrl": base, "apiKey": "sk-x"})).await;
        app.caller().asks("hello").whole().await.expects(502);
        assert_eq!((count.load(Ordering::SeqCst), attempts(&app).await.len()), (1, 1));
        app.finish().await;
    }

    async fn a_kept_connection_that_was_closed_is_tried_again_and_told(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"proxyMaxRetries": 0, "circuitEnabled": false})).await;
        let (base, count) = hangs_up_at(&[1]).await;
        app.changes_channel(app.claude_channel, json!({"baseUrl": base, "apiKey": "sk-x"})).await;
        app.caller().asks("hello").whole().await.expects(200);
        let mut asked = 1;
        // Each worker keeps its own connections: some request meets one that was kept.
        while count.load(Ordering::SeqCst) == asked {
            assert!(asked < 50, "no kept connection was used");
            app.caller().asks("hello").whole().await.expects(200);
            asked += 1;
        }
        let attempts = attempts(&app).await;
        assert_eq!((count.load(Ordering::SeqCst), attempts.len()), (asked + 1, 2), "{attempts:?}");
        assert!(attempts[0]["error"].as_str().is_some_and(|error| error.contains("kept")), "{attempts:?}");
        assert_eq!(attempts[1]["status"], 200);
        app.finish().await;
    }

    async fn no_caller_takes_a_model_off_a_channel(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitMinRequests": 1, "circuitErrorRatePercent": 1})).await;
        for words in [
            format!("Conversation with id 'conv_{GPT}' not found"),
            format!("File 'The model `{GPT}` does not exist' not found"),
            "The model `some-tool-model` does not exist".to_owned(),
            "prompt model_not_found: model: x".to_owned(),
        ] {
            let body = json!({"error": {"message": words, "type": "invalid_request_error", "param": "conversation", "code": null}}).to_string();
            app.provider().push(Scripted::status(404).error_body(body.clone()));
            let reply = app.caller().speaking(Protocol::Responses).asks("hello").whole().await.expects(404);
            assert_eq!(reply.said(), body);
        }
        assert_eq!(judged(&app).await, (false, 0, 0));
        app.finish().await;
    }

    async fn a_403_for_what_was_asked_opens_no_circuit(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitMinRequests": 1, "circuitErrorRatePercent": 1, "proxyMaxRetries": 0})).await;
        let flagged = json!({"error": {"code": 403, "message": "invalid_api_key: your input was flagged", "metadata": {"reasons": ["violence"], "flagged_input": "account_deactivated"}}});
        for body in [flagged.to_string(), "<html>blocked</html>".to_owned(), json!({"type": "error", "error": {"type": "permission_error", "message": "file_1"}}).to_string()] {
            app.provider().push(Scripted::status(403).error_body(body));
            app.caller().asks("hello").whole().await.expects(502);
        }
        assert_eq!(judged(&app).await, (false, 0, 0));
        app.sets(json!({"proxyTreatEmptyOutputAsFailure": true})).await;
        app.provider().push(Scripted::text("").usage(api_proxy::mock_upstream::Usage::new(1, 0)));
        app.caller().asks("hello").whole().await;
        assert!(!judged(&app).await.0, "empty output may be what was asked for");
        let account = json!({"error": {"type": "invalid_request_error", "code": "account_deactivated", "message": "x"}});
        app.provider().push(Scripted::status(403).error_body(account.to_string()));
        app.caller().asks("hello").whole().await.expects(502);
        eventually("the circuit is open", async || judged(&app).await.0).await;
        app.finish().await;
    }

    async fn two_users_never_share_an_idempotency_key(storage) {
        let app = spawn_app(storage).await;
        let (other, again) = (app.customer("other", "1").await, app.makes_caller(app.user, json!({})).await);
        let seen = async |caller: &crate::caller::Caller, value: &str| {
            caller.asks("hello").header("idempotency-key", value).whole().await.expects(200);
            app.provider().last_request().unwrap().header("idempotency-key").unwrap().to_owned()
        };
        let first = seen(&app.caller(), "retry-1").await;
        assert_eq!(seen(&app.caller(), "retry-1").await, first, "the same request again");
        let mut all = vec![first, seen(&app.caller(), "retry-2").await, seen(&other, "retry-1").await, seen(&again, "retry-1").await];
        app.maps(json!({"provider": "claude", "targetProvider": "openai", "inboundModels": [CLAUDE], "upstreamModel": GPT})).await;
        all.push(seen(&app.caller(), "retry-1").await);
        all.sort();
        all.dedup();
        assert!(all.len() == 5 && all.iter().all(|value| value.len() == 64 && !value.contains("retry")), "{all:?}");
        app.caller().asks("hello").whole().await.expects(200);
        assert_eq!(app.provider().last_request().unwrap().header("idempotency-key"), None);
        app.finish().await;
    }

    async fn the_fallback_obeys_a_keys_list_of_models(storage) {
        let app = spawn_app(storage).await;
        let spare = app.channel(json!({"name": "spare", "type": "claude", "apiKey": "sk-spare", "models": ["claude-spare"]})).await;
        app.prices("claude", "claude-spare", r#""inputPricePerMTok":1,"outputPricePerMTok":1"#).await;
        let fallback = json!({"claudeFallbackEnabled": true, "claudeFallbackChannelId": spare, "claudeFallbackModel": "claude-spare"});
        app.sets(fallback).await;
        app.sets(json!({"proxyMaxRetries": 0, "circuitEnabled": false})).await;
        app.provider().for_key("sk-upstream", Scripted::status(500));
        let narrow = app.makes_caller(app.user, json!({"models": [CLAUDE]})).await;
        narrow.asks("hello").whole().await.expects(500);
        assert_eq!(app.provider().count(), 1, "the fallback was not asked");
        let wide = app.makes_caller(app.user, json!({"models": [CLAUDE, "claude-spare"]})).await;
        wide.asks("hello").whole().await.expects(200);
        app.caller().asks("hello").whole().await.expects(200);
        app.finish().await;
    }
}
