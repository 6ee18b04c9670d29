//! What is open ends with the right to it; guesses shut out the guesser; users are bounded in what they make.

use std::time::Duration;

use api_proxy::services::accounts::reset_password;
use api_proxy::services::credentials::by_session;
use api_proxy::services::export::{ExportQuery, export};
use api_proxy::services::reports::LogQuery;
use futures_util::StreamExt;
use futures_util::future::{FutureExt, join_all};
use serde_json::{Value, json};

use crate::harness::{Caller, PASSWORD, Storage, TestApp};
use crate::on_both;

const NEW: &str = "another password";
/// Far longer than anything takes: only what hangs gets there.
const NEVER: Duration = Duration::from_secs(120);

impl TestApp {
    /// An admin of this name, signed in.
    async fn admin(&self, root: &Caller, name: &str) -> (i64, Caller) {
        (root.makes_user(name, "admin").await, self.signs_in(name).await)
    }
}

impl Caller {
    /// Opens the live log, and waits until it says that it is open.
    async fn watches(&self) -> reqwest::Response {
        let mut log = self.opens("/api/logs/stream").await;
        assert_eq!(log.status().as_u16(), 200);
        assert!(log.chunk().await.unwrap().unwrap().starts_with(b"event: ready"));
        log
    }

    async fn makes_token(&self) -> (i64, Caller) {
        let made = self.post("/api/admin-tokens", json!({"name": "script"})).await.expects(201);
        (made["id"].as_i64().unwrap(), self.with_token(made["token"].as_str().unwrap()))
    }
}

async fn ends(mut log: reqwest::Response) {
    let end = async { while let Ok(Some(_)) = log.chunk().await {} };
    tokio::time::timeout(NEVER, end).await.expect("the live log went on");
}

on_both! {
    async fn a_live_log_ends_when_its_account_is_changed(app: TestApp) {
        let root = app.registers("root").await;
        let mut watched = root.watches().await;
        for (name, change) in [
            ("disabled", json!({"status": "disabled"})), ("demoted", json!({"role": "user"})), ("reset", json!({"password": NEW})),
            ("promoted", json!({"role": "super_admin"})),
        ] {
            let (id, admin) = app.admin(&root, name).await;
            let (_, script) = admin.makes_token().await;
            let (by_session, by_token) = (admin.watches().await, script.watches().await);
            root.patch(&format!("/api/users/{id}"), change).await.expects(200);
            ends(by_session).await;
            ends(by_token).await;
        }
        let (id, gone) = app.admin(&root, "gone").await;
        let log = gone.watches().await;
        root.delete(&format!("/api/users/{id}")).await.expects(200);
        ends(log).await;
        let uma = root.makes_user("uma", "user").await;
        let of_user = app.signs_in("uma").await.watches().await;
        root.patch(&format!("/api/users/{uma}"), json!({"status": "disabled"})).await.expects(200);
        ends(of_user).await;
        let looked = watched.chunk().now_or_never();
        assert!(matches!(looked, None | Some(Ok(Some(_)))), "nobody changed this one: {looked:?}");
    }

    async fn a_live_log_ends_with_its_session_or_token(app: TestApp) {
        let root = app.registers("root").await;
        let (_, anna) = app.admin(&root, "anna").await;
        let signed_out = app.signs_in("anna").await;
        let log = signed_out.watches().await;
        signed_out.post("/api/auth/logout", json!({})).await.expects(200);
        ends(log).await;
        let log = app.signs_in("anna").await.watches().await;
        anna.delete("/api/me/sessions").await.expects(200);
        ends(log).await;
        let (token, script) = anna.makes_token().await;
        let log = script.watches().await;
        anna.delete(&format!("/api/admin-tokens/{token}")).await.expects(200);
        ends(log).await;
        let log = app.signs_in("anna").await.watches().await;
        anna.post("/api/me/password", json!({"currentPassword": PASSWORD, "newPassword": NEW})).await.expects(200);
        ends(log).await;
        // By the clock, and by another process: nobody here hears of it, and the log is looked at all the same.
        let expires = app.clock.forwarded(3_600_000);
        let made = anna.post("/api/admin-tokens", json!({"name": "brief", "expiresAt": expires})).await.expects(201);
        let log = app.stranger().with_token(made["token"].as_str().unwrap()).watches().await;
        app.clock.forward(3_600_001);
        ends(log).await;
        let log = anna.watches().await;
        reset_password(&app.services, "anna", PASSWORD.into()).await.unwrap();
        ends(log).await;
    }

    async fn a_download_breaks_off_when_the_right_to_it_is_gone(app: TestApp) {
        let root = app.registers("root").await;
        let (id, anna) = app.admin(&root, "anna").await;
        let actor = by_session(&app.services, anna.session(), None).await.unwrap().unwrap();
        let query = ExportQuery { table: "users".to_owned(), format: Some("json".to_owned()) };
        let mut whole = export(&app.services, &actor, query.clone(), LogQuery::default()).await.unwrap().parts;
        let mut broken = export(&app.services, &actor, query, LogQuery::default()).await.unwrap().parts;
        assert!(broken.next().await.unwrap().is_ok());
        while let Some(part) = whole.next().await {
            part.unwrap();
        }
        root.patch(&format!("/api/users/{id}"), json!({"role": "user"})).await.expects(200);
        assert!(broken.next().await.unwrap().is_err());
        assert!(broken.next().await.is_none());
    }

    async fn one_user_has_so_many_live_logs_and_no_more(app: TestApp) {
        let root = app.registers("root").await;
        root.makes_user("uma", "user").await;
        let uma = app.signs_in("uma").await;
        let mut open = Vec::new();
        for _ in 0..20 {
            open.push(uma.watches().await);
        }
        let refused = uma.get("/api/logs/stream").await;
        assert!(refused.headers.contains_key("retry-after"));
        let refused = refused.refused(429, "too_many_requests");
        assert_eq!(refused["error"], "You have 20 live logs open; close one of them first");
        root.watches().await;
    }

    async fn an_admin_token_ends_when_somebody_else_resets_its_account(app: TestApp) {
        let root = app.registers("root").await;
        for (name, change, back) in [
            ("reset", json!({"password": NEW}), json!({})), ("demoted", json!({"role": "user"}), json!({"role": "admin"})),
            ("disabled", json!({"status": "disabled"}), json!({"status": "active"})),
        ] {
            let (id, admin) = app.admin(&root, name).await;
            let (_, script) = admin.makes_token().await;
            script.get("/api/users").await.expects(200);
            root.patch(&format!("/api/users/{id}"), json!({"displayName": "no reset"})).await.expects(200);
            script.get("/api/users").await.expects(200);
            root.patch(&format!("/api/users/{id}"), change).await.expects(200);
            root.patch(&format!("/api/users/{id}"), back).await.expects(200);
            script.get("/api/users").await.refused(401, "not_signed_in");
            admin.get("/api/me").await.refused(401, "not_signed_in");
        }
        let (_, script) = root.makes_token().await;
        reset_password(&app.services, "root", NEW.into()).await.unwrap();
        script.get("/api/users").await.refused(401, "not_signed_in");
    }

    async fn ones_own_new_password_ends_ones_tokens_on_demand(app: TestApp) {
        let root = app.registers("root").await;
        let (_, script) = root.makes_token().await;
        root.post("/api/me/password", json!({"currentPassword": PASSWORD, "newPassword": NEW})).await.expects(200);
        script.get("/api/users").await.expects(200);
        let wish = json!({"currentPassword": NEW, "newPassword": PASSWORD, "endTokens": true});
        let (_, other) = root.makes_token().await;
        script.post("/api/me/password", wish).await.expects(200);
        other.get("/api/users").await.refused(401, "not_signed_in");
        root.get("/api/me").await.refused(401, "not_signed_in");
        script.get("/api/users").await.expects(200);
        let me = script.id().await;
        script.patch(&format!("/api/users/{me}"), json!({"password": NEW})).await.expects(200);
        script.get("/api/users").await.expects(200);
    }

    async fn a_stranger_who_guesses_shuts_out_only_themselves(app: TestApp) {
        let root = app.registers("root").await;
        let id = root.id().await;
        let stranger = app.stranger_at([127, 0, 0, 2]);
        let guess = async |account: &str| stranger.post("/api/auth/login", json!({"account": account, "password": "a guess"})).await;
        for _ in 0..10 {
            guess("root").await.refused(401, "wrong_credentials");
        }
        guess("ROOT@example.com").await.refused(429, "too_many_requests");
        app.signs_in("root").await;
        for _ in 0..11 {
            guess(&format!("password of {id}")).await;
        }
        for name in [id.to_string(), format!("password of {id}")] {
            for _ in 0..11 {
                app.stranger_at([127, 0, 0, 3]).post("/api/auth/login", json!({"account": name, "password": "a guess"})).await;
            }
        }
        root.post("/api/me/password", json!({"currentPassword": PASSWORD, "newPassword": NEW})).await.expects(200);
        let wrong = json!({"currentPassword": "a guess", "newPassword": PASSWORD});
        for _ in 0..10 {
            root.post("/api/me/password", wrong.clone()).await.refused(403, "wrong_password");
        }
        root.post("/api/me/password", wrong).await.refused(429, "too_many_requests");
        app.stranger().post("/api/auth/login", json!({"account": "root", "password": NEW})).await.expects(200);
    }

    async fn a_good_key_is_told_its_usage_where_others_guess(app: TestApp) {
        let root = app.registers("root").await;
        let made = root.makes_key(json!({"name": "key"})).await;
        let path = |key: &str| format!("/api/v1/usage/{key}");
        for _ in 0..30 {
            app.stranger().get(&path("sk-relay-none")).await.expects(401);
        }
        app.stranger().get(&path("sk-relay-none")).await.refused(429, "too_many_requests");
        app.stranger().get(&path(made["key"].as_str().unwrap())).await.expects(200);
    }

    async fn a_user_has_so_many_keys_also_when_they_are_made_at_once(app: TestApp) {
        let root = app.registers("root").await;
        app.settings.0.lock().unwrap().max_keys_per_user = 3;
        let id = root.makes_user("uma", "user").await;
        let uma = app.signs_in("uma").await;
        let replies = join_all((0..10).map(|n| uma.post("/api/keys", json!({"name": format!("key {n}")})))).await;
        let made: Vec<&Value> = replies.iter().filter(|reply| reply.status.as_u16() == 201).map(|reply| &reply.body).collect();
        assert_eq!(made.len(), 3);
        assert!(replies.iter().all(|reply| reply.status.as_u16() == 201 || reply.body["code"] == "too_many_keys"));
        root.makes_key(json!({"name": "given", "userId": id})).await;
        uma.post("/api/keys", json!({"name": "more"})).await.refused(409, "too_many_keys");
        for key in made.iter().take(2) {
            uma.delete(&format!("/api/keys/{}", key["id"])).await.expects(200);
        }
        uma.makes_key(json!({"name": "again"})).await;
        uma.post("/api/keys", json!({"name": "more"})).await.refused(409, "too_many_keys");
        app.settings.0.lock().unwrap().max_keys_per_user = 0;
        uma.makes_key(json!({"name": "more"})).await;
    }

    async fn an_admin_has_so_many_tokens(app: TestApp) {
        let root = app.registers("root").await;
        let replies = join_all((0..105).map(|_| root.post("/api/admin-tokens", json!({"name": "script"})))).await;
        assert_eq!(replies.iter().filter(|reply| reply.status.as_u16() == 201).count(), 100);
        root.post("/api/admin-tokens", json!({"name": "script"})).await.refused(409, "too_many_tokens");
    }

    async fn people_sign_in_by_their_name_in_any_case_of_their_script(app: TestApp) {
        app.registers("root").await;
        for (name, email) in [("ПЁТР", "JÜRGEN@BÜCHER.example"), ("İLKER", "i@example.org"), ("Σίσυφος", "s@example.org")] {
            let body = json!({"username": name, "email": email, "password": PASSWORD});
            app.stranger().post("/api/auth/register", body).await.expects(201);
        }
        for account in [
            "пётр", "Пётр", "jürgen@bücher.example", "JÜRGEN@xn--bcher-kva.EXAMPLE", "i\u{307}lker", "İlker", "ΣΊΣΥΦΟΣ", "σίσυφοσ",
        ] {
            app.signs_in(account).await;
        }
        let ask = async |name: &str, email: &str| {
            app.stranger().post("/api/auth/register", json!({"username": name, "email": email, "password": PASSWORD})).await
        };
        ask("пётр", "p@example.org").await.refused(409, "username_taken");
        ask("petr", "jürgen@BÜCHER.example").await.refused(409, "email_taken");
        let root = app.signs_in("root").await;
        assert_eq!(root.get("/api/users?query=%D0%BF%D1%91%D1%82%D1%80").await.expects(200)["total"], 1);
    }

    async fn look_alikes_of_a_name_are_refused(app: TestApp) {
        let root = app.registers("admin").await;
        let uma = root.makes_user("uma", "user").await;
        let ask = async |name: &str| {
            let body = json!({"username": name, "email": format!("{}@example.org", name.len()), "password": PASSWORD});
            (app.stranger().post("/api/auth/register", body.clone()).await, root.post("/api/users", body).await)
        };
        let rename = async |name: &str| root.patch(&format!("/api/users/{uma}"), json!({"username": name})).await;
        for mixed in ["аdmin", "admіn"] {
            let (registered, made) = ask(mixed).await;
            assert_eq!(registered.refused(400, "invalid_request")["field"], "username");
            made.refused(400, "invalid_request");
            rename(mixed).await.refused(400, "invalid_request");
        }
        for alike in ["adrnin", "ADRNIN"] {
            let (registered, made) = ask(alike).await;
            assert_eq!(registered.refused(409, "username_looks_taken")["field"], "username");
            made.refused(409, "username_looks_taken");
            rename(alike).await.refused(409, "username_looks_taken");
        }
        root.makes_user("poca", "user").await;
        ask("роса").await.0.refused(409, "username_looks_taken");
        rename("Uma").await.expects(200);
        rename("admin2").await.expects(200);
        rename("李小雷").await.expects(200);
        ask("José").await.0.expects(201);
        rename("JOSÉ").await.refused(409, "username_taken");
    }

    async fn no_amount_of_money_is_more_than_an_account_may_hold(app: TestApp) {
        let root = app.registers("root").await;
        let uma = root.makes_user("uma", "user").await;
        let (most, more) = (1_000_000_000_u64, 1_000_000_001_u64);
        let set = async |usd: u64| root.patch("/api/settings", json!({"defaultQuotaUsd": usd})).await;
        assert_eq!(set(9_000_000_000).await.refused(400, "invalid_request")["field"], "defaultQuotaUsd");
        set(more).await.refused(400, "invalid_request");
        set(most).await.expects(200);
        let quota = async |body: Value| root.patch(&format!("/api/users/{uma}/quota"), body).await;
        for body in [json!({"quotaUsd": more, "reason": "x"}), json!({"adjustUsd": more, "reason": "x"})] {
            quota(body).await.refused(400, "invalid_request");
        }
        quota(json!({"quotaUsd": most, "reason": "x"})).await.expects(200);
        quota(json!({"adjustUsd": 1, "reason": "x"})).await.refused(400, "invalid_request");
        let key = |usd: u64| json!({"name": "key", "budgetUsd": usd});
        assert_eq!(root.post("/api/keys", key(more)).await.refused(400, "invalid_request")["field"], "budgetUsd");
        root.makes_key(key(most)).await;
        let user = json!({"username": "rich", "email": "r@example.org", "password": PASSWORD, "quotaUsd": more});
        root.post("/api/users", user).await.refused(400, "invalid_request");
        root.patch("/api/settings", json!({"globalBillingMultiplier": 1001})).await.refused(400, "invalid_request");
    }
}

#[actix_web::test]
async fn a_page_of_another_host_that_resolves_here_cannot_make_the_first_account() {
    let app = TestApp::start(Storage::Sqlite).await;
    let body = json!({"username": "evil", "email": "evil@example.com", "password": PASSWORD});
    let with = |mut body: Value, code: &str| {
        body["setupCode"] = json!(code);
        body
    };
    for (name, value) in [
        ("host", "evil.example:3000"),
        ("host", "127.0.0.1.evil.example"),
        ("x-forwarded-for", "203.0.113.7"),
        ("forwarded", "for=203.0.113.7"),
        ("x-real-ip", "203.0.113.7"),
    ] {
        let foreign = app.stranger().with_header(name, value);
        foreign.post("/api/auth/register", body.clone()).await.refused(403, "setup_code_wrong");
        foreign.post("/api/auth/register", with(body.clone(), "open barley")).await.refused(403, "setup_code_wrong");
    }
    let proxied = app.stranger().with_header("host", "gate.example");
    let made = proxied.post("/api/auth/register", with(body, "open sesame")).await.expects(201);
    assert_eq!(made["role"], "super_admin");
    for host in ["localhost", "[::1]:3000"] {
        let app = TestApp::start(Storage::Sqlite).await;
        let local = app.stranger().with_header("host", host);
        let body = json!({"username": "root", "email": "root@example.com", "password": PASSWORD});
        local.post("/api/auth/register", body).await.expects(201);
    }
}
