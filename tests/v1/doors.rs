//! What holds at every door of the whole gateway: where it says it is, what browsers are told, what has no route, kept
//! connections under a rule that changed.

use actors::vocabulary::Protocol;
use api_proxy::config::TrustedProxies;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::app::{CLAUDE, TestApp, Wish, spawn_app, spawn_app_with};
use crate::on_both;

/// A page with the site's address in its examples.
async fn docs(app: &TestApp, headers: &[(&str, &str)]) -> String {
    let mut request = app.http.get(format!("{}/docs", app.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.text().await.unwrap().replace("&#x2f;", "/")
}

/// As a stranger, or with a user's key.
async fn get(app: &TestApp, path: &str, accept: &str, key: Option<&str>) -> (u16, HeaderMap, String) {
    let request = app.http.get(format!("{}{path}", app.base)).header("accept", accept);
    let reply = key.into_iter().fold(request, |request, key| request.bearer_auth(key)).send().await.unwrap();
    (reply.status().as_u16(), reply.headers().clone(), reply.text().await.unwrap())
}

/// The admin's reply, whatever its status.
async fn admin(app: &TestApp, method: &str, path: &str) -> (u16, Value) {
    let request = app.as_admin(method, path);
    let request = if method == "POST" { request.json(&json!({"model": CLAUDE})) } else { request };
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

on_both! {
    async fn a_stranger_does_not_say_where_the_site_is(storage) {
        let app = spawn_app(storage).await;
        let forged = [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "host=evil.example;proto=https"),
            ("x-forwarded-server", "evil.example"),
        ];
        let page = docs(&app, &forged).await;
        assert!(page.contains(&format!("{}/v1", app.base)) && !page.contains("evil.example"), "{page}");
        // A client may say which host it asked: only that client is told.
        assert!(docs(&app, &[("host", "gate.example:8080")]).await.contains("http://gate.example:8080/v1"));
        for odd in ["gate.example/x", "a@gate.example", "gate.example'x"] {
            assert!(!docs(&app, &[("host", odd)]).await.contains("gate.example"), "{odd}");
        }
        app.sets(json!({"siteUrl": "https://own.example/"})).await;
        let page = docs(&app, &[("host", "gate.example")]).await;
        assert!(page.contains("https://own.example/v1") && !page.contains("gate.example"), "{page}");
        app.finish().await;
    }

    async fn a_trusted_proxy_says_where_the_site_is(storage) {
        let trusted_proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let app = spawn_app_with(storage, Wish { trusted_proxies, ..Wish::default() }).await;
        let page = docs(&app, &[("x-forwarded-host", "evil.example, gate.example"), ("x-forwarded-proto", "https")]).await;
        assert!(page.contains("https://gate.example/v1") && !page.contains("evil.example"), "{page}");
        assert!(!docs(&app, &[("forwarded", "host=evil.example")]).await.contains("evil.example"));
        app.finish().await;
    }

    async fn nothing_is_guessed_and_nothing_personal_is_kept(storage) {
        let app = spawn_app(storage).await;
        let key = app.caller().key;
        let of_key = format!("/api/v1/usage/{key}");
        let paths = [
            "/api/me", "/api/site", "/api/health", "/api/openapi.json", "/api/nowhere", "/v1/usage", "/usage", "/v1/models",
            "/v1/models/none", "/v1/nowhere", "/livez", "/readyz", "/", "/docs", "/sign-in", "/console", "/nowhere", &of_key,
        ];
        for (path, key) in paths.into_iter().flat_map(|path| [(path, None), (path, Some(key.as_str()))]) {
            let (status, headers, _) = get(&app, path, "*/*", key).await;
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert_eq!(header("x-content-type-options"), "nosniff", "{path} {status}");
            assert_eq!(header("cache-control"), "no-store", "{path} {status}");
        }
        for reply in [app.caller().asks("hello").whole().await, app.caller().with_key("sk-relay-none").asks("hello").whole().await] {
            assert_eq!((reply.header("x-content-type-options"), reply.header("cache-control")), ("nosniff", "no-store"));
        }
        app.finish().await;
    }

    async fn where_nothing_is_browsers_get_a_page_and_others_json(storage) {
        let app = spawn_app(storage).await;
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for path in ["/nowhere", "/no/where.php", "/admin/nowhere", "/console/nowhere", "/admin/users/x/y/z", "/assets/x", "/%00"] {
            let (status, headers, body) = get(&app, path, browser, None).await;
            assert_eq!(status, 404, "{path}");
            assert!(headers["content-type"].to_str().unwrap().starts_with("text/html") && body.contains("</html>"), "{path}: {body}");
        }
        for path in ["/nowhere", "/no/where.php", "/.env", "/%00"] {
            let (status, _, body) = get(&app, path, "*/*", None).await;
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status, &body["code"]), (404, &json!("not_found")), "{path}");
        }
        let (status, _, body) = get(&app, "/v1/nowhere", browser, None).await;
        assert_eq!((status, body.starts_with('{')), (404, true), "{body}");
        app.finish().await;
    }

    async fn a_model_with_a_nul_in_its_name_is_none(storage) {
        let app = spawn_app(storage).await;
        for protocol in [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses] {
            app.caller().speaking(protocol).asks("hello").model("m\0").whole().await.expects(404);
        }
        let form = app.http.post(format!("{}/sign-in", app.base)).header("content-type", "application/x-www-form-urlencoded");
        let reply = form.body("account=a%00b&password=x").send().await.unwrap();
        assert_eq!(reply.status(), 422);
        let (status, _, _) = get(&app, "/sign-in?next=%00", "text/html", None).await;
        assert_eq!(status, 422);
        app.finish().await;
    }

    async fn what_is_recorded_of_a_head_is_what_was_listed(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"recordAllRequestDetails": true})).await;
        let asking = app.caller().asks("hello").header("x-goog-api-key", "a-secret-value").header("x-own-token", "a-secret-value");
        let asking = asking.header("anthropic-beta", "context-1m").field("metadata", json!({"user_id": "u", "api_key": "a-secret-value"}));
        asking.whole().await.expects(200);
        let rows = app.rows().await;
        let record = app.detail(rows.iter().max_by_key(|row| row.id).unwrap()).await.details.unwrap();
        assert!(record.contains("hello") && record.contains("context-1m") && record.contains("x-own-token"), "{record}");
        assert!(!record.contains("a-secret-value") && !record.contains(&app.caller().key), "{record}");
        app.finish().await;
    }

    async fn a_kept_connection_obeys_a_rule_that_changed(storage) {
        let app = spawn_app(storage).await;
        let port = app.provider_url().rsplit(':').next().unwrap().to_owned();
        // By its address, and by a name that resolves inside.
        app.changes_channel(app.openai_channel, json!({"baseUrl": format!("http://localhost:{port}"), "apiKey": "sk-upstream"})).await;
        let asks = [app.caller(), app.caller().speaking(Protocol::ChatCompletions)];
        for caller in &asks {
            caller.asks("hello").whole().await.expects(200);
            caller.asks("hello").streamed().await.expects(200);
        }
        let test = format!("/api/channels/{}/test", app.claude_channel);
        let models = format!("/api/channels/{}/upstream-models", app.claude_channel);
        assert_eq!(admin(&app, "POST", &test).await.1["reachable"], true);
        assert_eq!(admin(&app, "GET", &models).await.0, 200);
        app.sets(json!({"allowPrivateUpstreams": false, "circuitEnabled": false})).await;
        let asked = app.provider().count();
        for caller in &asks {
            caller.asks("hello").whole().await.expects(502);
            caller.asks("hello").streamed().await.expects(502);
        }
        assert_eq!(admin(&app, "POST", &test).await.1["reachable"], false);
        assert_ne!(admin(&app, "GET", &models).await.0, 200);
        assert_eq!(app.provider().count(), asked, "somebody inside was asked");
        app.sets(json!({"allowPrivateUpstreams": true})).await;
        app.caller().asks("hello").whole().await.expects(200);
        app.finish().await;
    }
}
