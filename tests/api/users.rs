//! What admins do with accounts.

use actors::ports::Changed;
use actors::vocabulary::UserId;
use serde_json::json;

use crate::harness::PASSWORD;
use crate::on_both;
use crate::reports::book;

on_both! {
    async fn admins_list_search_and_page(app: TestApp) {
        let people = app.people().await;
        people.root.makes_user("under_score", "user").await;
        let list = people.anna.get("/api/users?sort=username&sortDir=asc&pageSize=2&page=2").await.expects(200);
        assert_eq!((&list["total"], &list["page"], &list["pageSize"]), (&json!(5), &json!(2), &json!(2)));
        let names: Vec<_> = list["rows"].as_array().unwrap().iter().map(|row| row["username"].as_str().unwrap()).collect();
        assert_eq!(names, ["root", "uma"]);
        let total = |path: &'static str| {
            let anna = people.anna.clone();
            async move { anna.get(path).await.expects(200)["total"].as_i64().unwrap() }
        };
        assert_eq!(total("/api/users?role=user").await, 3);
        assert_eq!(total("/api/users?status=disabled").await, 0);
        assert_eq!(total("/api/users?query=OTTO@EXAMPLE").await, 1);
        assert_eq!(total("/api/users?query=r_s").await, 1);
        assert_eq!(total("/api/users?query=%25").await, 0);
        people.anna.get("/api/users?role=king").await.refused(400, "invalid_request");
        for sort in ["createdAt", "email", "role", "status", "quotaUsd", "usedUsd", "balanceUsd", "lastLoginAt"] {
            people.anna.get(&format!("/api/users?sort={sort}")).await.expects(200);
        }
    }

    async fn an_account_is_changed_and_its_sessions_end(app: TestApp) {
        let people = app.people().await;
        let path = format!("/api/users/{}", people.uma.id().await);
        let renamed = people.anna.patch(&path, json!({"username": "ursula", "displayName": "U"})).await.expects(200);
        assert_eq!((&renamed["username"], &renamed["displayName"]), (&json!("ursula"), &json!("U")));
        people.uma.get("/api/me").await.expects(200);
        people.anna.patch(&path, json!({"role": "admin"})).await.expects(200);
        people.uma.get("/api/me").await.refused(401, "not_signed_in");
        let again = app.signs_in("ursula").await;
        people.anna.patch(&path, json!({"status": "disabled"})).await.expects(200);
        again.get("/api/me").await.refused(401, "not_signed_in");
        let login = json!({"account": "ursula", "password": PASSWORD});
        app.stranger().post("/api/auth/login", login.clone()).await.refused(403, "account_disabled");
        people.anna.patch(&path, json!({"status": "pending"})).await.expects(200);
        app.stranger().post("/api/auth/login", login).await.refused(403, "account_pending");
        people.anna.patch(&path, json!({"status": null, "password": "something else"})).await.expects(200);
        let login = json!({"account": "ursula", "password": "something else"});
        app.stranger().post("/api/auth/login", login).await.expects(200);
        people.anna.patch(&path, json!({"username": "OTTO"})).await.refused(409, "username_taken");
        people.anna.patch(&path, json!({"email": "Otto@example.com"})).await.refused(409, "email_taken");
        people.anna.patch("/api/users/1", json!({})).await.refused(404, "not_found");
        let id = UserId(path.rsplit('/').next().unwrap().parse().unwrap());
        assert!(app.news.0.lock().unwrap().contains(&Changed::User(id)));
    }

    async fn an_admin_cannot_touch_or_make_a_super_admin(app: TestApp) {
        let people = app.people().await;
        let root = format!("/api/users/{}", people.root.id().await);
        people.anna.patch(&root, json!({"displayName": "x"})).await.refused(403, "super_admin_only");
        people.anna.delete(&root).await.refused(403, "super_admin_only");
        people.anna.patch(&format!("{root}/quota"), json!({"adjustUsd": 1, "reason": "x"})).await.refused(403, "super_admin_only");
        let anna = format!("/api/users/{}", people.anna.id().await);
        people.anna.patch(&anna, json!({"role": "super_admin"})).await.refused(403, "super_admin_only");
        let wish = json!({"username": "eve", "email": "eve@example.com", "password": PASSWORD, "role": "super_admin"});
        people.anna.post("/api/users", wish).await.refused(403, "super_admin_only");
        people.root.patch(&anna, json!({"role": "super_admin"})).await.expects(200);
    }

    async fn the_last_super_admin_stays(app: TestApp) {
        let people = app.people().await;
        let root = format!("/api/users/{}", people.root.id().await);
        for change in [json!({"role": "admin"}), json!({"role": null}), json!({"status": "disabled"}), json!({"status": "pending"})] {
            people.root.patch(&root, change).await.refused(409, "last_super_admin");
        }
        people.root.delete(&root).await.refused(409, "last_super_admin");
        people.root.get("/api/me").await.expects(200);
    }

    async fn a_removed_account_frees_its_name_and_keeps_its_ledger(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        people.uma.makes_key(json!({"name": "k"})).await;
        people.root.patch(&format!("/api/users/{uma}/quota"), json!({"adjustUsd": 5, "reason": "hello"})).await.expects(200);
        people.anna.delete(&format!("/api/users/{uma}")).await.expects(200);
        people.uma.get("/api/me").await.refused(401, "not_signed_in");
        people.anna.get(&format!("/api/users/{uma}")).await.refused(404, "not_found");
        assert_eq!(people.anna.get(&format!("/api/keys?userId={uma}")).await.expects(200)["total"], 0);
        let login = json!({"account": "uma", "password": PASSWORD});
        app.stranger().post("/api/auth/login", login).await.refused(401, "wrong_credentials");
        people.anna.makes_user("uma", "user").await;
        let asked = api_proxy::services::values::ListQuery::default();
        let window = asked.window(api_proxy::store::ledger::SORTS).unwrap();
        let every = api_proxy::store::ledger::LedgerFilter::default();
        let (rows, sums) = api_proxy::store::ledger::list(&app.services.db, uma, &every, &window).await.unwrap();
        let total = sums.rows;
        assert_eq!((rows.len(), total), (1, 1));
    }

    async fn a_ledger_is_narrowed_and_summed_in_the_database(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        let path = format!("/api/users/{uma}/quota");
        people.anna.patch(&path, json!({"adjustUsd": 10, "reason": "Welcome 100%"})).await.expects(200);
        people.anna.patch(&path, json!({"adjustUsd": -0.000000001, "reason": "fee"})).await.expects(200);
        let log = book(&app, |receipt| receipt.user_id = UserId(uma)).await;
        let all = people.uma.get("/api/me/ledger").await.expects(200);
        assert_eq!((&all["total"], all["addedUsd"].to_string(), all["takenUsd"].to_string()), (&json!(3), "10".into(), "-0.000123001".into()));
        let usage = people.uma.get("/api/me/ledger?kind=usage").await.expects(200);
        let row = &usage["rows"][0];
        assert_eq!((&usage["total"], &row["logId"], &row["model"], &row["cardLast4"]), (&json!(1), &json!(log), &json!("claude-x"), &json!(null)));
        assert_eq!((usage["addedUsd"].to_string(), usage["takenUsd"].to_string()), ("0".into(), "-0.000123".into()));
        for (query, rows) in [("query=100%25", 1), ("query=%25", 1), ("query=FEE", 1), ("from=1&to=2", 0), ("from=1", 3), ("to=1", 0)] {
            assert_eq!(people.uma.get(&format!("/api/me/ledger?{query}")).await.expects(200)["total"], rows, "{query}");
        }
        assert_eq!(people.otto.get("/api/me/ledger").await.expects(200)["total"], 0);
        assert_eq!(people.anna.get(&format!("/api/users/{uma}/ledger?kind=adjustment")).await.expects(200)["total"], 2);
        people.uma.get("/api/me/ledger?kind=x").await.refused(400, "invalid_request");
    }

    async fn money_changes_by_a_difference_or_to_a_value_with_a_reason(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        let path = format!("/api/users/{uma}/quota");
        let quota = people.anna.patch(&path, json!({"adjustUsd": 10, "reason": "welcome"})).await.expects(200);
        assert_eq!((&quota["quotaUsd"], &quota["balanceUsd"]), (&json!(10), &json!(10)));
        people.anna.patch(&path, json!({"adjustUsd": -0.000000001, "reason": "fee"})).await.expects(200);
        assert!(people.anna.get(&path).await.text.contains("\"quotaUsd\":9.999999999,"));
        assert_eq!(people.anna.patch(&path, json!({"adjustUsd": 1})).await.refused(400, "invalid_request")["field"], "reason");
        people.anna.patch(&path, json!({"quotaUsd": 1, "reason": " "})).await.refused(400, "invalid_request");
        people.anna.patch(&path, json!({"quotaUsd": 1, "adjustUsd": 1, "reason": "x"})).await.refused(400, "invalid_request");
        people.anna.patch(&path, json!({"quotaUsd": -1, "reason": "x"})).await.refused(400, "invalid_request");
        people.anna.patch(&path, json!({"adjustUsd": 1e15, "reason": "x"})).await.refused(400, "invalid_request");
        let stale = json!({"quotaUsd": 20, "expectedQuotaUsd": 10, "reason": "form"});
        people.anna.patch(&path, stale).await.refused(409, "quota_changed");
        people.anna.patch(&path, json!({"quotaUsd": 20, "reason": "set"})).await.expects(200);
        let limits = json!({"rateLimitRpm": 60, "rateLimitTpm": 0, "maxConcurrency": 3});
        let view = people.anna.patch(&path, limits).await.expects(200);
        assert_eq!((&view["rateLimitRpm"], &view["rateLimitTpm"], &view["maxConcurrency"]), (&json!(60), &json!(0), &json!(3)));
        let view = people.anna.patch(&path, json!({"rateLimitRpm": null})).await.expects(200);
        assert_eq!((&view["rateLimitRpm"], &view["maxConcurrency"], &view["quotaUsd"]), (&json!(null), &json!(3), &json!(20)));
        let ledger = people.anna.get(&format!("/api/users/{uma}/ledger")).await;
        assert!(ledger.text.contains("\"amountUsd\":10.000000001,\"balanceUsd\":20,"), "{}", ledger.text);
        let ledger = ledger.expects(200);
        assert_eq!((&ledger["total"], &ledger["rows"][2]["reason"]), (&json!(3), &json!("welcome")));
        assert_eq!(ledger["rows"][0]["actorId"], json!(people.anna.id().await));
        assert_eq!(people.uma.get("/api/me/ledger?kind=card").await.expects(200)["total"], 0);
        assert_eq!(people.uma.get("/api/me/ledger").await.expects(200)["rows"], ledger["rows"]);
        people.anna.get("/api/users/1/quota").await.refused(404, "not_found");
        people.anna.get("/api/users/1/ledger").await.refused(404, "not_found");
    }

    async fn every_change_is_in_the_audit_log_without_secrets(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        people.anna.patch(&format!("/api/users/{uma}"), json!({"displayName": "U", "password": "topsecret-1"})).await.expects(200);
        people.anna.patch(&format!("/api/users/{uma}/quota"), json!({"adjustUsd": 1.5, "reason": "gift"})).await.expects(200);
        let log = people.anna.get(&format!("/api/activity?subjectKind=user&subjectId={uma}")).await;
        assert!(!log.text.contains("topsecret") && !log.text.contains("argon2"), "{}", log.text);
        let log = log.expects(200);
        let actions: Vec<_> = log["rows"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["user.quota", "user.update", "user.create"]);
        let quota = &log["rows"][0];
        assert_eq!((&quota["actorName"], &quota["clientIp"]), (&json!("anna"), &json!("127.0.0.1")));
        assert_eq!((&quota["before"]["quotaUsd"], &quota["after"]["quotaUsd"]), (&json!(0), &json!(1.5)));
        let anna = people.anna.id().await;
        assert_eq!(people.anna.get(&format!("/api/activity?actorId={anna}&action=user.quota")).await.expects(200)["total"], 1);
        assert_eq!(people.anna.get("/api/activity?query=ANNA").await.expects(200)["total"], 3);
        let (ts, id) = (quota["ts"].as_i64().unwrap(), &quota["id"]);
        let total = async |range: String| people.anna.get(&format!("/api/activity?action=user.quota&{range}")).await.expects(200)["total"].clone();
        assert_eq!((total(format!("from={ts}")).await, total(format!("from={}", ts + 1)).await), (json!(1), json!(0)));
        assert_eq!((total(format!("to={ts}")).await, total(format!("from={ts}&to={}", ts + 1)).await), (json!(0), json!(1)));
        assert_eq!(&people.anna.get(&format!("/api/activity/{id}")).await.expects(200), quota);
        people.anna.get("/api/activity/1").await.refused(404, "not_found");
    }
}
