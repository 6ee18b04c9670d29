//! What clients do that no specification asks for: slips in base URLs, several credentials, web sockets, old billing routes,
//! names spelt their own way.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Reply as Scripted, Usage};
use serde_json::json;

use crate::app::{CLAUDE, GPT, spawn_app};
use crate::on_both;

on_both! {
    async fn a_base_url_with_a_slip_in_it_reaches_the_same_routes(storage) {
        let app = spawn_app(storage).await;
        let chat = app.caller().speaking(Protocol::ChatCompletions);
        for path in ["/v1/v1/chat/completions", "/v1//chat/completions", "//chat/completions/", "/v1/chat/completions/?beta=true"] {
            chat.asks("hello").at(path).whole().await.expects(200);
        }
        for path in ["/v1/messages/", "/v1/v1/messages", "//v1/messages", "/messages/"] {
            app.caller().asks("hello").at(path).whole().await.expects(200);
        }
        for path in ["/v1/models/", "/v1/v1/models", "//models", "/v1/usage/", &format!("/v1/v1/models/{GPT}")] {
            chat.gets(path).whole().await.expects(200);
        }
        let wrong = chat.asks("hello").at("/v1/chat/completions/chat/completions").whole().await.expects(404);
        assert!(wrong.said().contains("/v1/chat/completions?"), "the right address is named: {}", wrong.said());
        app.finish().await;
    }

    async fn a_web_socket_is_turned_down_with_the_status_that_sends_clients_to_http(storage) {
        let app = spawn_app(storage).await;
        for path in ["/v1/responses", "/responses", "/v1/responses/"] {
            let refused = app.caller().gets(path).header("upgrade", "websocket").header("connection", "Upgrade").whole().await.expects(426);
            assert!(refused.json()["error"]["message"].is_string());
            app.caller().gets(path).whole().await.expects(405);
        }
        app.finish().await;
    }

    async fn the_key_that_is_ours_counts_among_several(storage) {
        let app = spawn_app(storage).await;
        let key = app.caller().key;
        let bare = || app.caller().asks("hello").no_header("x-api-key").no_header("authorization");
        for (name, value) in [
            ("authorization", format!("Bearer {key}")), ("authorization", key.clone()), ("x-api-key", key.clone()),
            ("api-key", key.clone()), ("x-goog-api-key", key.clone()),
        ] {
            bare().header(name, &value).whole().await.expects(200);
        }
        bare().header("authorization", "Bearer sk-ant-oat01-foreign").header("x-api-key", &key).whole().await.expects(200);
        bare().header("authorization", &format!("Bearer {key}")).header("x-api-key", "sk-ant-api03-stale").whole().await.expects(200);
        bare().header("authorization", "Basic dXNlcjpwYXNz").header("x-goog-api-key", &key).whole().await.expects(200);
        bare().header("authorization", "Bearer sk-ant-oat01-foreign").whole().await.expects(401);
        bare().header("authorization", "Bearer ").whole().await.expects(401);
        for call in app.provider().requests() {
            assert!(call.header("x-goog-api-key").is_none() && call.header("authorization").is_none(), "credentials stay here");
        }
        app.finish().await;
    }

    async fn the_balance_is_told_in_the_shapes_of_older_relays(storage) {
        let app = spawn_app(storage).await;
        let user = app.makes_user("spender", "2.5").await;
        let caller = app.makes_caller(user, json!({"name": "laptop"})).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(100_000, 50_000)));
        caller.asks("hello").max_tokens(50_000).whole().await.expects(200);
        for prefix in ["/v1", ""] {
            let limit = caller.gets(&format!("{prefix}/dashboard/billing/subscription")).whole().await.expects(200).json();
            assert_eq!((limit["hard_limit_usd"].as_f64(), limit["object"].as_str()), (Some(2.5), Some("billing_subscription")));
            let used = caller.gets(&format!("{prefix}/dashboard/billing/usage?start_date=2026-01-01&end_date=2026-01-31"));
            assert_eq!(used.whole().await.expects(200).json()["total_usage"].as_f64(), Some(35.0), "in cents");
        }
        let account = caller.gets("/api/user/self").whole().await.expects(200).json();
        assert_eq!((account["success"].as_bool(), account["data"]["username"].as_str()), (Some(true), Some("spender")));
        assert_eq!((account["data"]["quota"].as_i64(), account["data"]["used_quota"].as_i64()), (Some(1_075_000), Some(175_000)));
        let token = caller.gets("/api/usage/token/").whole().await.expects(200).json();
        assert_eq!((token["data"]["total_available"].as_i64(), token["data"]["name"].as_str()), (Some(1_075_000), Some("laptop")));
        let prices = caller.gets("/api/pricing").whole().await.expects(200).json();
        let of = prices["data"].as_array().unwrap().iter().find(|row| row["model_name"] == CLAUDE).unwrap().clone();
        assert_eq!((of["model_ratio"].as_f64(), of["completion_ratio"].as_f64()), (Some(0.5), Some(5.0)));
        let status = app.http.get(format!("{}/api/status", app.base)).send().await.unwrap();
        assert_eq!(status.status(), 200);
        let tight = app.makes_caller(user, json!({"budgetUsd": 1})).await;
        let limit = tight.gets("/v1/dashboard/billing/subscription").whole().await.expects(200).json();
        assert_eq!(limit["hard_limit_usd"].as_f64(), Some(1.0), "the key's budget ends first");
        for path in ["/v1/dashboard/billing/usage", "/api/user/self", "/api/usage/token", "/api/pricing"] {
            let stranger = caller.gets(path).no_header("x-api-key").header("x-api-key", "sk-relay-AAAA-nobody");
            stranger.whole().await.expects(401);
        }
        app.finish().await;
    }

    async fn a_browser_is_told_which_setting_lets_it_in(storage) {
        let app = spawn_app(storage).await;
        let preflight = async || {
            let request = app.http.request(reqwest::Method::OPTIONS, format!("{}/v1/chat/completions", app.base));
            let request = request.header("origin", "https://chat.example").header("access-control-request-method", "POST");
            let answer = request.header("access-control-request-headers", "authorization").send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let (status, text) = preflight().await;
        assert!(status == 400 && text.contains("corsOrigins"), "{status} {text}");
        app.sets(json!({"corsOrigins": "https://chat.example"})).await;
        assert_eq!(preflight().await.0, 200);
        app.finish().await;
    }

    async fn models_carry_what_the_catalogue_says_of_them(storage) {
        let app = spawn_app(storage).await;
        app.admin("POST", "/api/models", json!({"provider": "claude", "model": CLAUDE, "displayName": "Claude Haiku 4.5"})).await;
        app.admin("POST", "/api/models", json!({"provider": "openai", "model": GPT, "displayName": "GPT-5 mini"})).await;
        let claude = app.caller().gets(&format!("/v1/models/{CLAUDE}")).whole().await.expects(200).json();
        assert_eq!(claude["display_name"], "Claude Haiku 4.5");
        let open_ai = app.caller().speaking(Protocol::ChatCompletions);
        let list = open_ai.gets("/v1/models").whole().await.expects(200).json();
        let owner = |id: &str| list["data"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap()["owned_by"].clone();
        assert_eq!((owner(CLAUDE), owner(GPT)), (json!("anthropic"), json!("openai")));
        let made = list["data"].as_array().unwrap().iter().find(|row| row["id"] == GPT).unwrap()["created"].as_i64().unwrap();
        assert!(made > 1_735_689_600, "made when the catalogue says: {made}");
        app.finish().await;
    }

    async fn a_model_is_found_by_another_spelling(storage) {
        let app = spawn_app(storage).await;
        let caller = app.caller().speaking(Protocol::ChatCompletions);
        for name in ["GPT-5-Mini", "openai/gpt-5-mini", "OpenAI/GPT-5-mini", "openai/gpt-5-mini-thinking"] {
            caller.asks("hello").model(name).whole().await.expects(200);
            assert_eq!(app.provider().requests().last().unwrap().json()["model"], GPT, "{name}");
        }
        caller.asks("hello").model("openai/gpt-5-nano").whole().await.expects(404);
        let narrow = app.makes_caller(app.user, json!({"models": ["claude-*"]})).await.speaking(Protocol::ChatCompletions);
        narrow.asks("hello").model("claude-x/gpt-5-mini").whole().await.expects(403);
        app.finish().await;
    }
}
