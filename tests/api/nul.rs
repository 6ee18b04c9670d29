//! NUL, which PostgreSQL cannot keep: refused at the door, by the name of the field, on either database.

use reqwest::Method;
use serde_json::json;

use crate::on_both;

on_both! {
    async fn a_nul_in_a_body_is_refused_by_its_field(app: TestApp) {
        let root = app.registers("root").await;
        for (path, body, field) in [
            ("/api/auth/login", json!({"account": "ro\0ot", "password": "x"}), "account"),
            ("/api/auth/login", json!({"account": "root", "password": "x\0"}), "password"),
            ("/api/auth/register", json!({"username": "b\0b", "email": "b@example.com", "password": "long enough"}), "username"),
            ("/api/users", json!({"username": "anna", "email": "\0@example.com", "password": "long enough"}), "email"),
            ("/api/keys", json!({"name": "\0"}), "name"),
            ("/api/keys", json!({"name": "a", "models": ["m", "m\0"]}), "models[1]"),
            ("/api/gift-cards/redeem", json!({"code": "GC-\0"}), "code"),
            ("/api/model-prices/import", json!({"rows": [{"provider": "claude", "model": "m\0"}]}), "rows[0].model"),
        ] {
            for caller in [&root, &app.stranger()] {
                let reply = caller.post(path, body.clone()).await;
                if reply.status.as_u16() == 401 {
                    continue;
                }
                let refused = reply.refused(400, "invalid_request");
                assert_eq!(refused["field"], field, "{path}: {refused}");
            }
        }
        // The same as it may be written, and what only looks like it.
        let escaped = r#"{"account": "a\u0000", "password": "x"}"#.to_owned();
        assert_eq!(app.stranger().send(Method::POST, "/api/auth/login", Some(escaped)).await.refused(400, "invalid_request")["field"], "account");
        let harmless = r#"{"account": "a\\u0000", "password": "x"}"#.to_owned();
        app.stranger().send(Method::POST, "/api/auth/login", Some(harmless)).await.expects(401);
    }

    async fn no_route_falls_over_a_nul(app: TestApp) {
        let root = app.registers("root").await;
        let routes: Vec<_> = app.routes.all().map(|route| (route.method.clone(), route.path.clone())).collect();
        for (method, path) in routes.iter().filter(|(_, path)| !path.ends_with("/logout") && !path.ends_with("/stream")) {
            for nul in ["1", "a%00b"] {
                let path = path.replace("{id}", nul).replace("{key}", nul);
                let query = ["query", "model", "ending", "status", "cause", "range", "sort", "action", "type", "provider", "token"];
                let query: Vec<String> = query.iter().map(|name| format!("{name}=a%00b")).collect();
                let method = Method::from_bytes(method.as_str().as_bytes()).unwrap();
                let body = (method != Method::GET).then(|| json!({"name": "\0", "reason": "\0"}).to_string());
                let reply = root.send(method.clone(), &format!("{path}?{}", query.join("&")), body).await;
                assert!(reply.status.as_u16() < 500, "{method} {path}: {} {}", reply.status, reply.text);
            }
        }
        let refused = root.get("/api/users?query=a%00b").await.refused(400, "invalid_request");
        assert_eq!(refused["field"], "query");
    }
}
