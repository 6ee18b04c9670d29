//! What holds for every route: errors, languages, origins, the document.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Storage, TestApp};

#[actix_web::test]
async fn errors_speak_the_callers_language() {
    let app = TestApp::start(Storage::Sqlite).await;
    let said = |language: &'static str| {
        let caller = app.stranger().with_header("accept-language", language);
        async move { caller.get("/api/me").await.refused(401, "not_signed_in")["error"].as_str().unwrap().to_owned() }
    };
    assert_eq!(said("zh-CN,zh;q=0.9,en;q=0.8").await, "请先登录");
    assert_eq!(said("en-GB").await, "Please sign in");
    assert_eq!(said("fr").await, "Please sign in");
    let chinese = app.stranger().with_header("accept-language", "zh");
    let missing = chinese.post("/api/auth/login", json!({"password": "x"})).await.refused(400, "invalid_request");
    assert_eq!((&missing["error"], &missing["field"]), (&json!("缺少字段 account"), &json!("account")));
}

#[actix_web::test]
async fn wrong_requests_get_json_errors() {
    let app = TestApp::start(Storage::Sqlite).await;
    let root = app.registers("root").await;
    app.stranger().get("/api/no-such-thing").await.refused(404, "not_found");
    app.stranger().get("/api").await.refused(404, "not_found");
    app.stranger().get("/api/auth/login").await.refused(405, "method_not_allowed");
    root.get("/api/users/seven").await.refused(404, "not_found");
    root.send(Method::POST, "/api/keys", Some("{".to_owned())).await.refused(400, "invalid_request");
    let wrong = root.post("/api/keys", json!({"name": 7})).await.refused(400, "invalid_request");
    assert_eq!(wrong["field"], "name");
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20));
    root.send(Method::POST, "/api/keys", Some(large)).await.refused(413, "body_too_large");
    root.get("/api/users?sort=password_hash").await.refused(400, "invalid_request");
    root.get("/api/users?pageSize=101").await.refused(400, "invalid_request");
    root.get("/api/users?page=0").await.refused(400, "invalid_request");
    root.get("/api/users?page=x").await.refused(400, "invalid_request");
    root.get("/api/users?sortDir=up").await.refused(400, "invalid_request");
}

#[actix_web::test]
async fn a_strangers_body_is_not_read() {
    let app = TestApp::start(Storage::Sqlite).await;
    app.stranger().send(Method::POST, "/api/keys", Some("{".to_owned())).await.refused(401, "not_signed_in");
}

#[actix_web::test]
async fn changes_made_by_other_sites_are_refused() {
    let app = TestApp::start(Storage::Sqlite).await;
    let root = app.registers("root").await;
    let change = json!({"displayName": "x"});
    let with =
        |headers: &[(&str, &str)]| headers.iter().fold(root.clone(), |caller, (name, value)| caller.with_header(name, value));
    let own = app.base.clone();
    for headers in [
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "same-site"), ("origin", "https://other.example")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
    ] {
        with(&headers).patch("/api/me", change.clone()).await.refused(403, "cross_site");
        with(&headers).get("/api/me").await.expects(200);
    }
    let behind_a_proxy = with(&[("origin", "https://gate.example")]);
    let told = behind_a_proxy.patch("/api/me", change.clone()).await.refused(403, "cross_site");
    let told = told["error"].as_str().unwrap();
    for part in ["https://gate.example", own.as_str(), "proxy_set_header Host", "siteUrl"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for headers in
        [vec![], vec![("sec-fetch-site", "same-origin")], vec![("sec-fetch-site", "none")], vec![("origin", own.as_str())]]
    {
        with(&headers).patch("/api/me", change.clone()).await.expects(200);
    }
    let token =
        root.post("/api/admin-tokens", json!({"name": "script"})).await.expects(201)["token"].as_str().unwrap().to_owned();
    let script = app.stranger().with_token(&token).with_header("origin", "https://elsewhere.example");
    script.patch("/api/me", change).await.expects(200);
}

#[actix_web::test]
async fn the_document_describes_every_route() {
    let app = TestApp::start(Storage::Sqlite).await;
    let document = app.stranger().get("/api/openapi.json").await.expects(200);
    for route in app.routes.all() {
        let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
        assert!(operation["summary"].is_string(), "{} {} is not in the document", route.method, route.path);
        assert!(operation["responses"].is_object());
    }
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is referred to and missing");
    }
    let filter = &document["paths"]["/api/users"]["get"]["parameters"];
    assert!(filter.as_array().unwrap().iter().any(|parameter| parameter["name"] == "role"), "{filter}");
    assert_ne!(document["paths"]["/api/keys"]["post"]["requestBody"], Value::Null);
}
