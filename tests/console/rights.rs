//! Where pages send browsers, and what ends when somebody's rights do.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Database, Gateway};
use crate::visitor::Visitor;
use crate::world::{Login, World};

/// Far longer than anything takes: only what hangs gets there.
const NEVER: Duration = Duration::from_secs(120);

/// Opens a live log, and waits for its head.
async fn watches(visitor: &Visitor, path: &str) -> reqwest::Response {
    let log = visitor.request(Method::GET, path).send().await.unwrap();
    assert_eq!(log.status().as_u16(), 200, "{path}");
    log
}

async fn ends(mut log: reqwest::Response) {
    let end = async { while let Ok(Some(_)) = log.chunk().await {} };
    tokio::time::timeout(NEVER, end).await.unwrap();
}

#[actix_web::test]
async fn a_page_sends_nobody_elsewhere_whatever_it_is_told() {
    let world = World::start();
    let stranger = Visitor::stranger(&world.site);
    for referer in [
        "foo:/\\evil.example",
        "foo:/\\\\evil.example/",
        "http://x//evil.example",
        "http://x/%5c/evil.example",
        "foo:/%2f/evil.example",
        "data:text/html,x",
        "not an address",
    ] {
        let asked = stranger.request(Method::POST, "/preferences").header("referer", referer);
        let asked = asked.header("content-type", "application/x-www-form-urlencoded").body("language=zh");
        let answer = asked.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (303, "/"), "{referer}");
    }
    let own = stranger.request(Method::POST, "/preferences").header("referer", "http://x/model-square?query=a%2Fb");
    let own = own.header("content-type", "application/x-www-form-urlencoded").body("language=en").send().await.unwrap();
    assert_eq!(own.headers()["location"], "/model-square?query=a%2Fb");
    let Login { account, password } = &world.user;
    for next in [
        "/console\x01",
        "/console\x7f",
        "/console\r\nx: y",
        "/console\\",
        "//evil.example",
        "/\\evil.example",
        "/console/ключ",
        "https://evil.example",
        "foo:/\\evil.example",
        "/console/%5c",
        "/console/../%2fevil",
    ] {
        let visitor = Visitor::stranger(&world.site);
        let inside = visitor.post("/sign-in", &[("account", account), ("password", password), ("next", next)]).await;
        assert_eq!((inside.status, inside.location.as_deref()), (303, Some("/console")), "{next:?}");
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        let again = visitor.get(&format!("/sign-in?{query}")).await;
        assert_eq!((again.status, again.location.as_deref()), (303, Some("/console")), "{next:?}");
    }
    let visitor = Visitor::stranger(&world.site);
    let next = "/console/logs?query=%D0%BA&x=//y";
    let inside = visitor.post("/sign-in", &[("account", account), ("password", password), ("next", next)]).await;
    assert_eq!(inside.location.as_deref(), Some(next));
}

#[actix_web::test]
async fn live_logs_end_with_the_rights_of_who_reads_them() {
    let world = World::start();
    let root = world.admin().await;
    let login = Login { account: "anna".to_owned(), password: "a password of anna".to_owned() };
    let made = json!({ "username": "anna", "email": "anna@demo.example", "password": login.password, "role": "admin" });
    let id = root.api(Method::POST, "/api/users", made).await["id"].clone();
    for change in [json!({ "status": "disabled" }), json!({ "role": "user" }), json!({ "password": "another password" })] {
        let anna = Visitor::signed_in(&world.site, &login).await;
        let (of_all, own) = (watches(&anna, "/admin/logs/live").await, watches(&anna, "/console/logs/live").await);
        root.api(Method::PATCH, &format!("/api/users/{id}"), change).await;
        ends(of_all).await;
        ends(own).await;
        let back = json!({ "status": "active", "role": "admin", "password": login.password });
        root.api(Method::PATCH, &format!("/api/users/{id}"), back).await;
    }
    let user = world.user().await;
    let log = watches(&user, "/console/logs/live").await;
    let out = user.post("/sign-out", &[]).await;
    assert_eq!(out.status, 303);
    ends(log).await;
}

#[actix_web::test]
async fn a_new_password_takes_ones_admin_tokens_along_unless_one_says_no() {
    let world = World::start();
    let admin = world.admin().await;
    let current = world.admin.password.as_str();
    let works = async |token: &str| {
        let asked = Visitor::stranger(&world.site).request(Method::GET, "/api/users").bearer_auth(token);
        asked.send().await.unwrap().status().as_u16() == 200
    };
    let token = admin.api(Method::POST, "/api/admin-tokens", json!({ "name": "script" })).await["token"].clone();
    let Value::String(token) = token else { unreachable!("a token is a text") };
    let without = [("currentPassword", current), ("newPassword", "another password")];
    assert_eq!(admin.post("/console/account/password", &without).await.status, 303);
    assert!(works(&token).await);
    let page = admin.get("/console/account").await.shown();
    let changed = admin
        .submit(
            &page,
            "form[action='/console/account/password']",
            &[("currentPassword", "another password"), ("newPassword", current)],
        )
        .await;
    assert_eq!((changed.status, changed.location.as_deref()), (303, Some("/console/account?done=password")), "{changed}");
    assert!(!works(&token).await, "the box is ticked unless one clears it");
    assert!(!world.user().await.get("/console/account").await.shown().has("[name=endTokens]"), "users have none");
}

#[actix_web::test]
async fn the_first_account_is_made_on_this_machine_or_with_the_code() {
    let gateway = Gateway::fresh(Database::Sqlite).await;
    let stranger = gateway.stranger();
    assert!(!stranger.get("/register").await.shown().has("[name=setupCode]"));
    let foreign = stranger.request(Method::GET, "/register").header("host", "evil.example").send().await.unwrap();
    assert!(foreign.text().await.unwrap().contains("setupCode"));
    let fields = "username=root&email=root%40example.com&password=a+long+password";
    let forged = stranger.request(Method::POST, "/register").header("host", "evil.example").body(fields);
    let forged = forged.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(forged.status().as_u16(), 403);
    let typed = [("username", "root"), ("email", "root@example.com"), ("password", "a long password")];
    assert_eq!(stranger.post("/register", &typed).await.status, 303);
}
