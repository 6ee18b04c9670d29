//! What the gateway does where a channel has no such thing, and what is told in the vendors' own words.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Reply as Scripted, Usage};
use serde_json::{Value, json};

use crate::app::{CLAUDE, GPT, TestApp, spawn_app};
use crate::on_both;

/// A channel that speaks the Responses API alone, and one that speaks Chat Completions alone, each with a model of its own.
async fn openai_kinds(app: &TestApp) {
    app.changes_channel(app.claude_channel, json!({"models": [CLAUDE]})).await;
    app.changes_channel(app.openai_channel, json!({"models": [GPT]})).await;
    for (model, protocol) in [("chat-only", "chat_completions"), ("responses-only", "responses")] {
        app.channel(json!({"name": model, "type": "openai", "openAiProtocol": protocol, "models": [model]})).await;
        app.prices("openai", model, r#""inputPricePerMTok":1,"outputPricePerMTok":5"#).await;
    }
}

fn last_body(app: &TestApp) -> Value {
    app.provider().last_request().unwrap().json()
}

on_both! {
    async fn an_answer_ends_at_a_stop_sequence_that_its_channel_does_not_know(storage) {
        let app = spawn_app(storage).await;
        openai_kinds(&app).await;
        for streams in [false, true] {
            app.provider().push(Scripted::pieces(["One ", "ST", "OP", " two"]).usage(Usage::new(100, 10)));
            let asking = app.caller().asks("hi").model("responses-only").field("stop_sequences", json!(["STOP"]));
            let reply = if streams { asking.streamed().await } else { asking.whole().await }.expects(200);
            assert_eq!(reply.text(), "One ", "{}", reply.said());
            assert!(reply.said().contains(r#""stop_sequence":"STOP""#) && reply.said().contains(r#""output_tokens":10"#), "{}", reply.said());
            assert!(!streams || reply.ends_legally());
            assert!(last_body(&app).get("stop").is_none());
        }
        let rows = app.rows().await;
        assert_eq!(rows.len(), 2);
        for row in rows {
            assert_eq!((row.ending.as_str(), row.estimated, row.tokens_in, row.tokens_out), ("completed", false, 100, 10), "{row:?}");
        }
        app.finish().await;
    }

    async fn several_choices_are_several_answers_under_one_receipt(storage) {
        let app = spawn_app(storage).await;
        openai_kinds(&app).await;
        let chat = app.caller().speaking(Protocol::ChatCompletions);
        for streams in [false, true] {
            let one = || Scripted::text("Hello").usage(Usage::new(100, 10));
            app.provider().push_all([one(), one(), one()]);
            let asking = chat.asks("hi").model(CLAUDE).field("n", 3).field("stream_options", json!({"include_usage": true}));
            let asking = if streams { asking } else { chat.asks("hi").model(CLAUDE).field("n", 3) };
            let reply = if streams { asking.streamed().await } else { asking.whole().await }.expects(200);
            for choice in 0..3 {
                assert!(reply.said().contains(&format!(r#""index":{choice}"#)), "{}", reply.said());
            }
            assert!(reply.said().contains(r#""prompt_tokens":300"#) && reply.said().contains(r#""completion_tokens":30"#), "{}", reply.said());
            assert!(!streams || reply.ends_legally(), "{}", reply.said());
        }
        assert_eq!(app.provider().count(), 6);
        app.sets(json!({"proxyMaxRetries": 0})).await;
        app.provider().push_all([Scripted::text("Hello"), Scripted::status(500), Scripted::text("Hello")]);
        chat.asks("hi").model(CLAUDE).field("n", 3).whole().await.expects(500);
        let rows = app.rows().await;
        let told: Vec<_> = rows.iter().map(|row| (row.ending.as_str(), row.tokens_in, row.tokens_out)).collect();
        assert_eq!(told.iter().filter(|row| **row == ("completed", 300, 30)).count(), 2, "{told:?}");
        assert_eq!(rows.iter().filter(|row| row.ending == "upstream_failed" && row.cost_nanos == 0).count(), 1, "{told:?}");
        app.finish().await;
    }

    async fn a_conversation_goes_on_from_a_response_that_was_converted(storage) {
        let app = spawn_app(storage).await;
        openai_kinds(&app).await;
        let caller = app.caller().speaking(Protocol::Responses);
        for (streams, model) in [(false, "chat-only"), (true, CLAUDE)] {
            app.provider().push(Scripted::text("Two"));
            let reply = if streams {
                caller.asks("One").model(model).streamed().await.expects(200)
            } else {
                caller.asks("One").model(model).whole().await.expects(200)
            };
            let said = reply.said();
            let id = format!("resp_{}", said.split(r#""id":"resp_"#).nth(1).unwrap().split('"').next().unwrap());
            caller.asks("Three").model(model).field("previous_response_id", id.as_str()).whole().await.expects(200);
            let messages = last_body(&app)["messages"].to_string();
            assert!(messages.contains("One") && messages.contains("Two") && messages.contains("Three"), "{messages}");
            let stranger = app.customer(&format!("stranger{streams}"), "1").await.speaking(Protocol::Responses);
            let reply = stranger.asks("mine?").model(model).field("previous_response_id", id).whole().await.expects(400);
            assert_eq!(reply.json()["error"]["param"], "previous_response_id");
        }
        app.finish().await;
    }

    async fn a_chat_body_is_adapted_to_a_model_that_reasons(storage) {
        let app = spawn_app(storage).await;
        app.changes_channel(app.openai_channel, json!({"models": ["gpt-5-mini"]})).await;
        app.prices("openai", "gpt-5-mini", r#""inputPricePerMTok":1,"outputPricePerMTok":5"#).await;
        let chat = app.caller().speaking(Protocol::ChatCompletions);
        let body = r#"{"temperature": 0.5, "model":"gpt-5-mini","messages":[{"role":"user","content":"hi"}] , "max_tokens":64,"x":[1.50]}"#;
        let reply = chat.sends(body).whole().await.expects(200);
        assert_eq!(reply.header("x-relay-left-out"), "temperature");
        let sent = app.provider().last_request().unwrap();
        let adapted = r#"{"model":"gpt-5-mini","messages":[{"role":"user","content":"hi"}] , "max_completion_tokens":64,"x":[1.50]}"#;
        assert_eq!(String::from_utf8_lossy(&sent.body), adapted);
        app.changes_channel(app.openai_channel, json!({"adaptReasoning": false})).await;
        let reply = chat.sends(body).whole().await.expects(200);
        assert!(!reply.has("x-relay-left-out"));
        assert_eq!(String::from_utf8_lossy(&app.provider().last_request().unwrap().body), body);
        app.finish().await;
    }

    async fn the_vendors_own_words_are_used_where_clients_match_on_them(storage) {
        let app = spawn_app(storage).await;
        openai_kinds(&app).await;
        for model in [CLAUDE, "chat-only", "responses-only"] {
            let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}).to_string();
            let reply = app.caller().sends(body).whole().await.expects(400);
            assert_eq!(reply.json()["error"]["message"], "max_tokens: Field required");
        }
        let stranger = app.caller().with_key("sk-relay-abcd-0123456789");
        assert_eq!(stranger.asks("hi").whole().await.expects(401).json()["error"]["message"], "invalid x-api-key");
        for protocol in [Protocol::ChatCompletions, Protocol::Responses] {
            let reply = stranger.speaking(protocol).asks("hi").whole().await.expects(401);
            assert_eq!(reply.json()["error"]["message"], "Incorrect API key provided: sk-r…");
            let short = app.caller().with_key("sk-short").speaking(protocol).asks("hi").whole().await.expects(401);
            assert_eq!(short.json()["error"]["message"], "Incorrect API key provided: …");
        }
        app.finish().await;
    }

    async fn a_thread_stays_with_its_channel_and_its_user(storage) {
        let app = spawn_app(storage).await;
        let key = "sk-other-0123456789";
        app.channel(json!({"name": "second", "type": "claude", "apiKey": key})).await;
        for streams in [false, true] {
            let asking = app.caller().asks("first").field("thread", json!({"type": "create"}));
            let reply = if streams { asking.streamed().await } else { asking.whole().await }.expects(200);
            let id = format!("msg_{}", reply.said().split("msg_").nth(1).unwrap().split('"').next().unwrap());
            let made_by = app.provider().last_request().unwrap().header("x-api-key").unwrap().to_owned();
            let thread = json!({"type": "continue", "previous_message_id": id});
            for at in 0..8 {
                app.caller().asks(&format!("next {at}")).field("thread", thread.clone()).whole().await.expects(200);
                assert_eq!(app.provider().last_request().unwrap().header("x-api-key").unwrap(), made_by);
            }
            let stranger = app.customer(&format!("stranger{streams}"), "1").await;
            let reply = stranger.asks("mine?").field("thread", thread).whole().await.expects(404);
            assert_eq!(reply.json()["error"]["details"]["error_code"], "thread_not_found");
        }
        app.finish().await;
    }
}
