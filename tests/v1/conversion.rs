//! Every client on every channel: nine pairs through the whole road, and what only converted routes do.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Usage};
use serde_json::{Value, json};

use crate::app::{CLAUDE, TestApp, eventually, spawn_app};
use crate::database::Storage;
use crate::on_both;

const CLIENTS: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];
/// A model per kind of channel, and the path its channel is asked at.
const KINDS: [(&str, &str); 3] =
    [(CLAUDE, "/v1/messages"), ("chat-only", "/v1/chat/completions"), ("responses-only", "/v1/responses")];

/// One channel per kind, each with a model of its own at the same price.
async fn three_kinds(app: &TestApp) {
    app.changes_channel(app.claude_channel, json!({"models": [CLAUDE]})).await;
    app.changes_channel(app.openai_channel, json!({"models": ["gpt-5-mini"]})).await;
    for (model, protocol) in [("chat-only", "chat_completions"), ("responses-only", "responses")] {
        app.channel(json!({"name": model, "type": "openai", "openAiProtocol": protocol, "models": [model]})).await;
        app.prices("openai", model, r#""inputPricePerMTok":1,"outputPricePerMTok":5"#).await;
    }
}

async fn app_of_three_kinds(storage: Storage) -> TestApp {
    let app = spawn_app(storage).await;
    three_kinds(&app).await;
    app
}

/// The body of the last request the provider saw.
fn last_body(app: &TestApp) -> Value {
    app.provider().last_request().unwrap().json()
}

on_both! {
    async fn all_nine_pairs_answer_and_bill_alike(storage) {
        let app = app_of_three_kinds(storage).await;
        for client in CLIENTS {
            for (model, path) in KINDS {
                app.provider().push_all([Scripted::pieces(["Hel", "lo"]).usage(Usage::new(100, 10)), Scripted::pieces(["Hel", "lo"]).usage(Usage::new(100, 10))]);
                let caller = app.caller().speaking(client);
                let whole = caller.asks("hi").model(model).whole().await.expects(200);
                assert_eq!(whole.text(), "Hello", "{client} at {path}: {}", whole.said());
                assert_eq!(app.provider().last_request().unwrap().path, path);
                let stream = caller.asks("hi").model(model).streamed().await.expects(200);
                assert_eq!((stream.text().as_str(), stream.ends_legally()), ("Hello", true), "{client} at {path}: {}", stream.said());
                assert!(stream.header("content-type").starts_with("text/event-stream"));
                assert!(stream.said().contains(model) || client == Protocol::Messages, "the answer names the model asked for");
            }
        }
        let rows = app.rows().await;
        assert_eq!(rows.len(), 18);
        for row in rows {
            assert_eq!((row.status, row.ending.as_str(), row.tokens_in, row.tokens_out, row.cost_nanos), (200, "completed", 100, 10, 150_000), "{row:?}");
        }
        app.finish().await;
    }

    async fn what_has_meaning_and_no_place_is_refused_before_any_upstream_call(storage) {
        let app = app_of_three_kinds(storage).await;
        let chat = app.caller().speaking(Protocol::ChatCompletions);
        let refused = chat.asks("hi").model(CLAUDE).field("n", 9).whole().await.expects(400);
        assert_eq!(refused.json()["error"]["param"], "n", "{}", refused.said());
        assert_eq!(refused.header("x-relay-error-origin"), "gateway");
        let responses = app.caller().speaking(Protocol::Responses);
        for (field, value) in [("previous_response_id", json!("resp_1")), ("conversation", json!("conv_1")), ("background", json!(true))] {
            let refused = responses.asks("hi").model("chat-only").field(field, value).whole().await.expects(400);
            assert_eq!(refused.json()["error"]["param"], field, "{}", refused.said());
        }
        assert_eq!(app.provider().count(), 0);
        for row in app.rows().await {
            assert_eq!((row.status, row.ending.as_str(), row.cost_nanos), (400, "refused", 0), "{row:?}");
        }
        app.finish().await;
    }

    async fn hints_without_a_place_are_named(storage) {
        let app = app_of_three_kinds(storage).await;
        let reply = app.caller().asks("hi").model("chat-only").field("top_k", 5).header("anthropic-beta", "x-2026").whole().await.expects(200);
        let named: Vec<&str> = reply.header("x-relay-left-out").split(", ").collect();
        assert!(named.contains(&"top_k") && named.contains(&"anthropic-beta"), "{named:?}");
        assert!(last_body(&app).get("top_k").is_none());
        assert!(app.provider().last_request().unwrap().header("anthropic-beta").is_none());
        let native = app.caller().asks("hi").field("top_k", 5).whole().await.expects(200);
        assert!(!native.has("x-relay-left-out"));
        app.finish().await;
    }

    async fn an_upstreams_refusal_comes_in_the_clients_shape(storage) {
        let app = app_of_three_kinds(storage).await;
        for status in [400, 413, 422] {
            app.provider().push(Scripted::status(status).error_body(r#"{"error":{"message":"Too long for gpt","type":"invalid_request_error","param":null,"code":null}}"#));
            let reply = app.caller().asks("hi").model("chat-only").whole().await.expects(status);
            assert_eq!(reply.json()["error"]["message"], "Too long for gpt");
            assert_eq!(reply.json()["type"], "error");
            assert_eq!(reply.header("x-relay-error-origin"), "upstream");
        }
        app.provider().push(Scripted::status(400).error_body(r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}"#));
        let reply = app.caller().speaking(Protocol::Responses).asks("hi").model(CLAUDE).whole().await.expects(400);
        assert_eq!(reply.error(), ("invalid_request_error".to_owned(), "invalid_request_error".to_owned()));
        assert_eq!(reply.json()["error"]["message"], "prompt is too long");
        app.finish().await;
    }

    async fn a_converted_stream_that_breaks_ends_legally_and_is_billed_for_what_arrived(storage) {
        let app = app_of_three_kinds(storage).await;
        for client in CLIENTS {
            for (model, path) in KINDS {
                app.provider().push(Scripted::pieces(["Hel", "lo", "never"]).usage(Usage::new(100, 10)).cut_connection_after(2));
                let reply = app.caller().speaking(client).asks("hi").model(model).streamed().await.expects(200);
                assert_eq!(reply.text(), "Hello", "{client} at {path}: {}", reply.said());
                assert!(reply.ends_legally() && reply.ended && reply.error_event().is_some(), "{client} at {path}: {}", reply.said());
            }
        }
        for row in app.rows().await {
            assert_eq!((row.ending.as_str(), row.estimated, row.tokens_out), ("upstream_failed", true, 2), "{row:?}");
        }
        app.finish().await;
    }

    async fn an_empty_answer_fails_over_and_is_a_502_when_there_is_nobody_else(storage) {
        let app = app_of_three_kinds(storage).await;
        app.sets(json!({"proxyMaxRetries": 0})).await;
        for client in CLIENTS {
            for (model, path) in KINDS.into_iter().filter(|(_, path)| *path != format!("/v1/{}", client.path())) {
                for reply in ["", r#"{"odd":1}"#] {
                    app.provider().push(Scripted::new().raw_body("application/json", reply));
                    let answer = app.caller().speaking(client).asks("hi").model(model).whole().await.expects(502);
                    assert_eq!(answer.header("x-relay-error-origin"), "upstream", "{client} at {path}");
                }
            }
        }
        app.finish().await;
    }

    async fn a_client_that_leaves_a_call_drops_it_upstream_in_all_nine_pairs(storage) {
        let app = app_of_three_kinds(storage).await;
        let gate = Gate::new();
        for (client, model) in CLIENTS.into_iter().flat_map(|client| KINDS.map(|(model, _)| (client, model))) {
            app.provider().push(Scripted::text("late").wait_for(gate.clone()));
            let before = app.provider().dropped();
            let asking = app.caller().speaking(client).asks("hi").model(model).spawn();
            app.provider().wait_until_in_flight(1).await.unwrap();
            asking.abort();
            app.provider().wait_for_dropped(before + 1).await.unwrap();
        }
        eventually("the rows are there", async || app.rows().await.len() == 9).await;
        assert!(app.rows().await.iter().all(|row| row.ending == "client_left" && row.cost_nanos == 0));
        app.finish().await;
    }

    async fn failover_goes_on_from_a_native_channel_to_a_converted_one(storage) {
        let app = app_of_three_kinds(storage).await;
        app.channel(json!({"name": "other", "type": "openai", "openAiProtocol": "chat_completions", "models": [CLAUDE], "apiKey": "sk-other"})).await;
        app.prices("openai", CLAUDE, r#""inputPricePerMTok":1,"outputPricePerMTok":5"#).await;
        app.provider().for_key("sk-other", Scripted::text("from the other"));
        app.provider().push(Scripted::status(500));
        let reply = app.caller().asks("hi").whole().await.expects(200);
        assert_eq!(reply.text(), "from the other");
        assert_eq!(reply.json()["type"], "message");
        app.finish().await;
    }

    async fn a_mapping_leads_a_claude_client_to_an_openai_channel(storage) {
        let app = app_of_three_kinds(storage).await;
        app.maps(json!({"provider": "claude", "targetProvider": "openai", "inboundModels": ["claude-sonnet-4-5"], "upstreamModel": "chat-only"})).await;
        let reply = app.caller().asks("hi").model("claude-sonnet-4-5").whole().await.expects(200);
        assert_eq!(reply.json()["model"], "claude-sonnet-4-5");
        assert_eq!(last_body(&app)["model"], "chat-only");
        app.finish().await;
    }

    async fn tokens_are_estimated_where_the_channel_cannot_count(storage) {
        let app = app_of_three_kinds(storage).await;
        let counting = app.caller().speaking(Protocol::CountTokens);
        let reply = counting.asks("Hello, world").model("chat-only").whole().await.expects(200);
        assert_eq!(reply.header("x-relay-estimated"), "true");
        let tokens = reply.json()["input_tokens"].as_i64().unwrap();
        assert!((4..20).contains(&tokens), "{tokens}");
        assert_eq!(app.provider().count(), 0);
        let native = counting.asks("Hello, world").whole().await.expects(200);
        assert!(!native.has("x-relay-estimated"));
        app.finish().await;
    }

    async fn the_list_of_models_holds_what_either_kind_of_channel_serves(storage) {
        let app = app_of_three_kinds(storage).await;
        let list = app.caller().gets("/v1/models?limit=1000").whole().await.expects(200);
        for (model, _) in KINDS {
            assert!(list.said().contains(model), "{}", list.said());
        }
        app.finish().await;
    }

    async fn an_item_reference_finds_what_the_same_user_was_given(storage) {
        let app = app_of_three_kinds(storage).await;
        let responses = app.caller().speaking(Protocol::Responses);
        let first = responses.asks("hi").model(CLAUDE).whole().await.expects(200).json();
        let id = first["output"][0]["id"].as_str().unwrap().to_owned();
        let input = json!([{"role": "user", "content": "hi"}, {"type": "item_reference", "id": id}, {"role": "user", "content": "go on"}]);
        responses.asks("").model(CLAUDE).field("input", input.clone()).whole().await.expects(200);
        assert_eq!(last_body(&app)["messages"][1]["role"], "assistant");
        let stranger = app.customer("mallory", "5").await.speaking(Protocol::Responses);
        stranger.asks("").model(CLAUDE).field("input", input).whole().await.expects(400);
        app.finish().await;
    }
}
