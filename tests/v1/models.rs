//! `GET /v1/models`, `GET /v1/models/{id}`, `GET /v1/usage` and the usage of a key by its text.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Reply as Scripted, Usage};
use serde_json::{Value, json};

use crate::app::{CLAUDE, EMBEDDING, GPT, spawn_app};
use crate::caller::Caller;
use crate::on_both;
use crate::reply::Reply;

/// The ids a list names.
fn ids(reply: &Reply) -> Vec<String> {
    let list = reply.json();
    list["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

async fn listed(caller: &Caller) -> Vec<String> {
    ids(&caller.gets("/v1/models?limit=1000").whole().await.expects(200))
}

on_both! {
    async fn models_come_in_the_callers_shape(storage) {
        let app = spawn_app(storage).await;
        let open_ai = app.caller().speaking(Protocol::ChatCompletions);
        let list = open_ai.gets("/v1/models").whole().await.expects(200).json();
        assert_eq!((list["object"].as_str(), list["data"][0]["object"].as_str()), (Some("list"), Some("model")));
        assert!(list["data"][0]["created"].is_i64() && list["data"][0]["owned_by"].is_string());
        let claude = app.caller().gets("/v1/models").whole().await.expects(200).json();
        assert_eq!((claude["data"][0]["type"].as_str(), claude["has_more"].as_bool()), (Some("model"), Some(false)));
        assert!(claude["data"][0]["display_name"].is_string() && claude["data"][0]["created_at"].is_string());
        let is_claude = async |asking: crate::caller::Asking| asking.whole().await.expects(200).json()["data"][0]["type"] == "model";
        assert!(is_claude(open_ai.gets("/v1/models").header("anthropic-version", "2023-06-01")).await);
        assert!(is_claude(open_ai.gets("/v1/models").no_header("authorization").header("x-api-key", &open_ai.key)).await);
        assert!(!is_claude(open_ai.gets("/v1/models").header("x-api-key", &open_ai.key)).await);
        assert!(is_claude(open_ai.gets("/v1/models?format=claude")).await);
        assert!(!is_claude(app.caller().gets("/v1/models?format=openai")).await);
        let one = open_ai.gets(&format!("/v1/models/{GPT}")).whole().await.expects(200).json();
        assert_eq!((one["id"].as_str(), one["object"].as_str()), (Some(GPT), Some("model")));
        let one = app.caller().gets(&format!("/v1/models/{CLAUDE}")).whole().await.expects(200).json();
        assert_eq!((one["id"].as_str(), one["type"].as_str()), (Some(CLAUDE), Some("model")));
        for caller in [&open_ai, &app.caller()] {
            let reply = caller.gets("/v1/models/nobody-knows-it").whole().await.expects(404);
            assert!(reply.json()["error"].is_object() && reply.header("x-request-id").starts_with("req_"));
            caller.gets("/v1/models").no_header("authorization").no_header("x-api-key").whole().await.expects(401);
        }
        assert_eq!(app.rows().await.len(), 0, "models are free and leave no row");
        app.finish().await;
    }

    async fn models_are_paged(storage) {
        let app = spawn_app(storage).await;
        let names: Vec<String> = (0..30).map(|at| format!("claude-{at:02}")).collect();
        app.channel(json!({"name": "many", "type": "claude", "models": names})).await;
        for name in &names {
            app.prices("claude", name, r#""inputPricePerMTok":1,"outputPricePerMTok":1"#).await;
        }
        let caller = app.makes_caller(app.user, json!({"models": ["claude-0*", "claude-1*", "claude-2*"]})).await;
        let page = async |query: &str| caller.gets(&format!("/v1/models?{query}")).whole().await.expects(200);
        let first = page("").await;
        assert_eq!(ids(&first), names[..20]);
        assert_eq!(first.json()["has_more"], true);
        assert_eq!((first.json()["first_id"].as_str(), first.json()["last_id"].as_str()), (Some("claude-00"), Some("claude-19")));
        let second = page("after_id=claude-19").await;
        assert_eq!((ids(&second), second.json()["has_more"].as_bool()), (names[20..].to_vec(), Some(false)));
        let before = page("before_id=claude-10&limit=3").await;
        assert_eq!((ids(&before), before.json()["has_more"].as_bool()), (names[7..10].to_vec(), Some(true)));
        assert_eq!(ids(&page("limit=1000").await), names);
        assert_eq!(ids(&page("limit=1").await), names[..1]);
        assert_eq!(ids(&page("after_id=claude-29").await), [""; 0]);
        assert_eq!(ids(&page("format=openai").await), names, "OpenAI's list has no pages");
        app.finish().await;
    }

    async fn only_what_the_key_may_use_is_listed(storage) {
        let app = spawn_app(storage).await;
        app.admin("POST", "/api/models", json!({"provider": "claude", "model": "claude-hidden", "displayName": "h", "visible": false})).await;
        app.admin("POST", "/api/models", json!({"provider": "claude", "model": "claude-off", "displayName": "o", "enabled": false})).await;
        app.admin("POST", "/api/models", json!({"provider": "claude", "model": "claude-unpriced", "displayName": "u"})).await;
        for name in ["claude-hidden", "claude-off", "vendor/family/model-1"] {
            app.prices("claude", name, r#""inputPricePerMTok":1,"outputPricePerMTok":1"#).await;
        }
        app.maps(json!({"provider": "claude", "inboundModels": ["nick"], "upstreamModel": CLAUDE})).await;
        let claude = app.makes_caller(app.user, json!({"channelScope": "claude"})).await;
        assert_eq!(listed(&claude).await, [CLAUDE, "nick", "vendor/family/model-1"]);
        let open_ai = app.makes_caller(app.user, json!({"channelScope": "openai"})).await;
        assert_eq!(listed(&open_ai).await, [GPT, EMBEDDING]);
        let narrow = app.makes_caller(app.user, json!({"models": ["gpt-*"]})).await;
        assert_eq!(listed(&narrow).await, [GPT]);
        narrow.gets(&format!("/v1/models/{CLAUDE}")).whole().await.expects(404);
        claude.gets("/v1/models/vendor/family/model-1").whole().await.expects(200);
        claude.gets("/v1/models/claude-off").whole().await.expects(404);
        claude.asks("hello").model("claude-hidden").whole().await.expects(200);
        claude.asks("hello").model("nick").whole().await.expects(200);
        app.finish().await;
    }

    async fn usage_is_right_at_once(storage) {
        let app = spawn_app(storage).await;
        let user = app.makes_user("spender", "2.5").await;
        let caller = app.makes_caller(user, json!({"quota": 5_000, "budgetUsd": 1.25, "rateLimitRpm": 60, "models": ["claude-*"]})).await;
        let usage = async || caller.gets("/v1/usage").whole().await.expects(200).json();
        let before = usage().await;
        assert_eq!((before["isActive"].as_bool(), before["remainingUsd"].as_f64(), before["usedUsd"].as_f64()), (Some(true), Some(2.5), Some(0.0)));
        app.provider().always(Scripted::text("hi").usage(Usage::new(100, 50).cache_read(70)));
        caller.asks("hello").whole().await.expects(200);
        caller.asks("hello").streamed().await.expects(200);
        let after = caller.gets("/v1/usage").whole().await.expects(200);
        assert!(after.said().contains("\"usedUsd\":0.000714"), "money is no float: {}", after.said());
        let after = after.json();
        assert_eq!((after["remainingUsd"].as_f64(), after["quotaUsd"].as_f64()), (Some(2.499_286), Some(2.5)));
        let key = &after["key"];
        assert_eq!((key["usedToday"].as_i64(), key["quota"].as_i64(), key["rateLimitRpm"].as_i64()), (Some(300), Some(5_000), Some(60)));
        assert_eq!((key["usedUsd"].as_f64(), key["budgetUsd"].as_f64(), key["models"].clone()), (Some(0.000_714), Some(1.25), json!(["claude-*"])));
        let rest = caller.gets("/v1/usage").no_header("x-api-key").header("authorization", &format!("Bearer {}", caller.key)).whole().await;
        assert_eq!(rest.expects(200).json(), after);
        let poor = app.customer("poor", "0").await;
        assert_eq!(poor.gets("/v1/usage").whole().await.expects(200).json()["isActive"], false);
        app.finish().await;
    }

    async fn a_keys_usage_is_told_to_whoever_knows_it_all(storage) {
        let app = spawn_app(storage).await;
        let caller = app.makes_caller(app.user, json!({"name": "mine"})).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(100, 50).cache_read(70).cache_creation_5m(5).cache_creation_1h(6)));
        caller.asks("hello").whole().await.expects(200);
        app.provider().push(Scripted::status(400));
        caller.asks("hello").whole().await.expects(400);
        app.rows().await;
        let tell = async |key: &str, range: &str| app.http.get(format!("{}/api/v1/usage/{key}?range={range}", app.base)).send().await.unwrap();
        for range in ["24h", "7d", "30d"] {
            let told: Value = serde_json::from_str(&tell(&caller.key, range).await.text().await.unwrap()).unwrap();
            assert_eq!((told["keyName"].as_str(), told["range"].as_str()), (Some("mine"), Some(range)));
            let summary = &told["summary"];
            assert_eq!((summary["requests"].as_i64(), summary["success"].as_i64(), summary["error"].as_i64()), (Some(2), Some(1), Some(1)), "{told}");
            assert_eq!((summary["tokensIn"].as_i64(), summary["tokensOut"].as_i64()), (Some(100), Some(50)));
            assert_eq!((summary["cacheReadTokens"].as_i64(), summary["cacheCreationTokens"].as_i64()), (Some(70), Some(11)));
            assert_eq!(told["byModel"][0]["model"], CLAUDE);
        }
        assert_eq!(tell(&caller.key, "90d").await.status(), 400);
        assert_eq!(tell(&caller.key[..13], "24h").await.status(), 401);
        app.finish().await;
    }
}
