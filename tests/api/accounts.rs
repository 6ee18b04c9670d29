//! Registration, sign-in, sessions, one's own account.

use serde_json::json;

use crate::harness::{PASSWORD, Storage, TestApp};
use crate::on_both;

on_both! {
    async fn the_first_account_rules_and_the_next_does_not(app: TestApp) {
        app.settings.0.lock().unwrap().default_quota_usd = "2.5".parse().unwrap();
        let body = json!({"username": "root", "email": "root@example.com", "password": PASSWORD, "displayName": "Root"});
        let reply = app.stranger().post("/api/auth/register", body).await;
        let cookie = reply.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
        let root = reply.expects(201);
        assert_eq!((&root["role"], &root["status"]), (&json!("super_admin"), &json!("active")));
        let uma = app.registers("uma").await.get("/api/me").await;
        assert!(uma.text.contains("\"quotaUsd\":2.5,"), "{}", uma.text);
        assert!(!uma.text.contains("argon2"));
        assert_eq!(uma.expects(200)["role"], "user");
        let uma = app.signs_in("uma").await;
        let ledger = uma.get("/api/me/ledger").await.expects(200);
        assert_eq!((&ledger["total"], &ledger["rows"][0]["amountUsd"]), (&json!(1), &json!(2.5)));
    }

    async fn a_registration_is_checked(app: TestApp) {
        app.registers("root").await;
        let ask = |name: &'static str, email: &'static str, password: &'static str| {
            let stranger = app.stranger();
            async move { stranger.post("/api/auth/register", json!({"username": name, "email": email, "password": password})).await }
        };
        assert_eq!(ask("al", "al@example.com", PASSWORD).await.refused(400, "invalid_request")["field"], "username");
        assert_eq!(ask("alice", "nowhere", PASSWORD).await.refused(400, "invalid_request")["field"], "email");
        assert_eq!(ask("alice", "al@example.com", "short").await.refused(400, "invalid_request")["field"], "password");
        ask("ROOT", "other@example.com", PASSWORD).await.refused(409, "username_taken");
        ask("other", "Root@Example.com", PASSWORD).await.refused(409, "email_taken");
        app.settings.0.lock().unwrap().registration_enabled = false;
        ask("alice", "al@example.com", PASSWORD).await.refused(403, "registration_closed");
    }

    async fn people_sign_in_by_name_or_address_and_out(app: TestApp) {
        app.registers("root").await;
        let by_address = app.signs_in("ROOT@example.com").await;
        by_address.get("/api/me").await.expects(200);
        let out = by_address.post("/api/auth/logout", json!({})).await;
        assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
        by_address.get("/api/me").await.refused(401, "not_signed_in");
        let wrong = |account: &'static str| {
            let stranger = app.stranger();
            async move { stranger.post("/api/auth/login", json!({"account": account, "password": "not the one"})).await }
        };
        let known = wrong("root").await.refused(401, "wrong_credentials");
        let unknown = wrong("nobody").await.refused(401, "wrong_credentials");
        assert_eq!(known, unknown);
    }

    async fn guessing_is_throttled_and_signing_in_is_not(app: TestApp) {
        app.registers("root").await;
        for _ in 0..15 {
            app.signs_in("root").await;
        }
        let guess = json!({"account": "root", "password": "a wrong guess"});
        let mut last = app.stranger().post("/api/auth/login", guess.clone()).await;
        for _ in 0..10 {
            last = app.stranger().post("/api/auth/login", guess.clone()).await;
        }
        assert!(last.headers.contains_key("retry-after"));
        last.refused(429, "too_many_requests");
        app.clock.forward(60_000);
        app.signs_in("root").await;
    }

    async fn a_new_sign_in_replaces_the_session_it_came_with(app: TestApp) {
        let old = app.registers("root").await;
        let login = old.post("/api/auth/login", json!({"account": "root", "password": PASSWORD})).await;
        let fresh = app.stranger().with_cookie(&login);
        fresh.get("/api/me").await.expects(200);
        old.get("/api/me").await.refused(401, "not_signed_in");
    }

    async fn sessions_can_be_seen_and_ended(app: TestApp) {
        let here = app.registers("root").await;
        let there = app.signs_in("root").await;
        let third = app.signs_in("root").await;
        let list = here.get("/api/me/sessions").await.expects(200);
        assert_eq!(list["total"], 3);
        let current: Vec<_> = list["rows"].as_array().unwrap().iter().filter(|row| row["current"] == json!(true)).collect();
        assert_eq!(current.len(), 1);
        let others = there.get("/api/me/sessions").await.expects(200);
        let of_there = others["rows"].as_array().unwrap().iter().find(|row| row["current"] == json!(true)).unwrap()["id"].clone();
        here.delete(&format!("/api/me/sessions/{of_there}")).await.expects(200);
        there.get("/api/me").await.refused(401, "not_signed_in");
        here.delete("/api/me/sessions").await.expects(200);
        third.get("/api/me").await.refused(401, "not_signed_in");
        here.get("/api/me").await.expects(200);
        here.delete("/api/me/sessions/1").await.refused(404, "not_found");
    }

    async fn a_session_lasts_thirty_days_after_its_last_use(app: TestApp) {
        let root = app.registers("root").await;
        let day = 86_400_000;
        for _ in 0..3 {
            app.clock.forward(29 * day);
            root.get("/api/me").await.expects(200);
        }
        app.clock.forward(31 * day);
        root.get("/api/me").await.refused(401, "not_signed_in");
    }

    async fn a_new_password_ends_the_other_sessions(app: TestApp) {
        let here = app.registers("root").await;
        let there = app.signs_in("root").await;
        let change = |current: &str| json!({"currentPassword": current, "newPassword": "another password"});
        here.post("/api/me/password", change("wrong password")).await.refused(403, "wrong_password");
        here.post("/api/me/password", change(PASSWORD)).await.expects(200);
        here.get("/api/me").await.expects(200);
        there.get("/api/me").await.refused(401, "not_signed_in");
        let old = json!({"account": "root", "password": PASSWORD});
        app.stranger().post("/api/auth/login", old).await.refused(401, "wrong_credentials");
    }

    async fn a_profile_changes_field_by_field(app: TestApp) {
        let root = app.registers("root").await;
        app.registers("uma").await;
        let me = root.patch("/api/me", json!({"displayName": "The Root", "language": "zh", "theme": "dark"})).await.expects(200);
        assert_eq!((&me["displayName"], &me["language"], &me["theme"]), (&json!("The Root"), &json!("zh"), &json!("dark")));
        let me = root.patch("/api/me", json!({"displayName": null})).await.expects(200);
        assert_eq!((&me["displayName"], &me["language"]), (&json!(null), &json!("zh")));
        root.patch("/api/me", json!({"email": "UMA@example.com"})).await.refused(409, "email_taken");
        root.patch("/api/me", json!({"email": null})).await.refused(400, "invalid_request");
        root.patch("/api/me", json!({"language": "fr"})).await.refused(400, "invalid_request");
        root.patch("/api/me", json!({"role": "user", "quotaUsd": 100})).await.expects(200);
        let me = root.get("/api/me").await.expects(200);
        assert_eq!((&me["role"], &me["quotaUsd"]), (&json!("super_admin"), &json!(0)));
    }
}

#[actix_web::test]
async fn the_first_account_needs_the_setup_code_where_the_world_can_connect() {
    let gate = api_proxy::services::SetupGate::Code("open sesame".into());
    let app = TestApp::start_with(Storage::Sqlite, gate).await;
    let ask = |code: serde_json::Value| {
        let stranger = app.stranger();
        let body = json!({"username": "root", "email": "root@example.com", "password": PASSWORD, "setupCode": code});
        async move { stranger.post("/api/auth/register", body).await }
    };
    ask(json!(null)).await.refused(403, "setup_code_wrong");
    ask(json!("open barley")).await.refused(403, "setup_code_wrong");
    assert_eq!(ask(json!("open sesame")).await.expects(201)["role"], "super_admin");
    app.registers("uma").await;
}

#[actix_web::test]
async fn the_operator_makes_super_admins_and_resets_passwords() {
    use api_proxy::services::accounts::{create_super_admin, reset_password};
    let app = TestApp::start(Storage::Sqlite).await;
    create_super_admin(&app.services, "boss", "boss@example.com", PASSWORD.into()).await.unwrap();
    let boss = app.signs_in("boss").await;
    assert_eq!(boss.get("/api/me").await.expects(200)["role"], "super_admin");
    assert_eq!(app.registers("uma").await.get("/api/me").await.expects(200)["role"], "user");
    reset_password(&app.services, "boss@example.com", "a fresh password".into()).await.unwrap();
    boss.get("/api/me").await.refused(401, "not_signed_in");
    let fresh = json!({"account": "boss", "password": "a fresh password"});
    app.stranger().post("/api/auth/login", fresh).await.expects(200);
}
