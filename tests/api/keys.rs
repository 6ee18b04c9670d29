//! Relay keys and admin tokens.

use serde_json::{Value, json};

use crate::harness::Caller;
use crate::on_both;

/// Each limit of a key: its name, its default, an admin's value, values of the owner that are wider, one that is tighter.
fn limits() -> Vec<(&'static str, Value, Value, Vec<Value>, Value)> {
    let rate = |name| (name, json!(null), json!(10), vec![json!(100), json!(0)], json!(3));
    vec![
        ("quota", json!(0), json!(100), vec![json!(1000), json!(0)], json!(40)),
        ("budgetUsd", json!(null), json!(5), vec![json!(10)], json!(0)),
        (
            "expiresAt",
            json!(null),
            json!(1_900_000_000_000_i64),
            vec![json!(1_900_000_000_001_i64)],
            json!(1_899_999_999_999_i64),
        ),
        (
            "models",
            json!([]),
            json!(["claude-*"]),
            vec![json!(["claude-*", "gpt-5"]), json!([]), json!(["*"])],
            json!(["claude-haiku-4-5"]),
        ),
        (
            "allowedIps",
            json!([]),
            json!(["10.0.0.0/8"]),
            vec![json!(["0.0.0.0/0"]), json!([]), json!(["10.0.0.0/8", "192.0.2.0/24"])],
            json!(["10.1.2.3"]),
        ),
        rate("rateLimitRpm"),
        rate("rateLimitTpm"),
        rate("maxConcurrency"),
    ]
}

on_both! {
    async fn a_key_is_shown_once_and_kept_as_a_digest(app: TestApp) {
        let people = app.people().await;
        let wish = json!({
            "name": "laptop", "quota": 1000, "budgetUsd": 0.000000001, "expiresAt": 1_900_000_000_000_i64,
            "models": ["gpt-4o", "claude-*", "gpt-4o"], "allowedIps": ["10.1.2.3/8", "192.0.2.7", "2001:db8::1"],
            "rateLimitRpm": 5, "rateLimitTpm": 0, "maxConcurrency": null,
        });
        let reply = people.uma.post("/api/keys", wish).await;
        assert!(reply.text.contains("\"budgetUsd\":0.000000001,"), "{}", reply.text);
        let made = reply.expects(201);
        let key = made["key"].as_str().unwrap();
        assert!(key.starts_with(made["prefix"].as_str().unwrap()) && key.len() >= 46, "{key}");
        assert_eq!(made["models"], json!(["gpt-4o", "claude-*"]));
        assert_eq!(made["allowedIps"], json!(["10.0.0.0/8", "192.0.2.7", "2001:db8::1"]));
        assert_eq!((&made["rateLimitRpm"], &made["rateLimitTpm"], &made["maxConcurrency"]), (&json!(5), &json!(0), &json!(null)));
        assert_eq!((&made["usedUsd"], &made["usedToday"], &made["status"]), (&json!(0), &json!(0), &json!("active")));
        let list = people.uma.get("/api/keys").await;
        let secret = &key[14..];
        assert!(!list.text.contains(secret) && !list.text.contains("digest"), "{}", list.text);
        assert!(!list.text.contains("channelId"), "{}", list.text);
        assert_eq!(list.expects(200)["total"], 1);
        assert!(!people.root.get("/api/activity").await.text.contains(secret));
        let rotated = people.uma.post(&format!("/api/keys/{}/rotate", made["id"]), json!({})).await.expects(200);
        assert_ne!(rotated["key"], made["key"]);
        assert_eq!((&rotated["id"], &rotated["quota"]), (&made["id"], &json!(1000)));
        people.uma.delete(&format!("/api/keys/{}", made["id"])).await.expects(200);
        assert_eq!(people.uma.get("/api/keys").await.expects(200)["total"], 0);
    }

    async fn an_owner_cannot_switch_on_what_an_admin_switched_off(app: TestApp) {
        let people = app.people().await;
        let key = people.uma.makes_key(json!({"name": "laptop"})).await;
        let path = format!("/api/keys/{}", key["id"]);
        people.uma.patch(&path, json!({"status": "disabled"})).await.expects(200);
        people.uma.patch(&path, json!({"status": "active"})).await.expects(200);
        people.anna.patch(&path, json!({"status": "disabled"})).await.expects(200);
        people.uma.patch(&path, json!({"status": "active"})).await.expects(403);
        people.uma.patch(&path, json!({"status": "disabled"})).await.expects(200);
        people.uma.patch(&path, json!({"status": null})).await.expects(403);
        people.anna.patch(&path, json!({"status": "active"})).await.expects(200);
        people.uma.patch(&path, json!({"status": "disabled"})).await.expects(200);
        people.uma.patch(&path, json!({"status": "active"})).await.expects(200);
    }

    async fn a_key_changes_field_by_field_and_null_is_the_default(app: TestApp) {
        let root = app.registers("root").await;
        let key = root.makes_key(json!({"name": "one", "quota": 7, "budgetUsd": 3, "models": ["a"], "rateLimitRpm": 9})).await;
        let path = format!("/api/keys/{}", key["id"]);
        let now = root.patch(&path, json!({"name": "two", "status": "disabled"})).await.expects(200);
        assert_eq!((&now["name"], &now["status"], &now["quota"]), (&json!("two"), &json!("disabled"), &json!(7)));
        let now = root.patch(&path, json!({"quota": null, "budgetUsd": null, "models": null, "rateLimitRpm": null})).await.expects(200);
        assert_eq!((&now["quota"], &now["budgetUsd"], &now["models"]), (&json!(0), &json!(null), &json!([])));
        assert_eq!(now["rateLimitRpm"], json!(null));
        for (wrong, field) in [
            (json!({"name": null}), "name"),
            (json!({"quota": -1}), "quota"),
            (json!({"budgetUsd": -1}), "budgetUsd"),
            (json!({"budgetUsd": 0.00000000001}), "budgetUsd"),
            (json!({"allowedIps": ["10.0.0.0/33"]}), "allowedIps"),
            (json!({"status": "gone"}), "status"),
            (json!({"rateLimitRpm": 1.5}), "rateLimitRpm"),
            (json!({"channelScope": "gemini"}), "channelScope"),
            (json!({"channelId": 12345}), "channelId"),
        ] {
            assert_eq!(root.patch(&path, wrong).await.refused(400, "invalid_request")["field"], field);
        }
    }

    async fn of_the_owners_and_the_admins_limit_the_tighter_counts(app: TestApp) {
        let people = app.people().await;
        for (field, default, admins, wider, tighter) in limits() {
            let key = people.uma.makes_key(json!({"name": field, field: wider[0]})).await;
            let path = format!("/api/keys/{}", key["id"]);
            let sets = async |who: &Caller, value: &Value| who.patch(&path, json!({field: value})).await.expects(200);
            let now = sets(&people.anna, &admins).await;
            assert_eq!((&now[field], &now["ownerLimits"][field], &now["adminLimits"][field]), (&admins, &wider[0], &admins), "{field}");
            // Whatever the owner tries, the admin's limit stays in force.
            for value in wider.iter().chain([&Value::Null]) {
                let now = sets(&people.uma, value).await;
                let kept = if value.is_null() { &default } else { value };
                assert_eq!((&now[field], &now["ownerLimits"][field], &now["adminLimits"][field]), (&admins, kept, &admins), "{field}");
            }
            assert_eq!(people.uma.post(&format!("{path}/rotate"), json!({})).await.expects(200)[field], admins, "{field}");
            people.uma.patch(&path, json!({"adminLimits": {field: null}})).await.expects(200);
            // The owner may go below it, and keeps that when the admin lets go; then nobody limits any more.
            assert_eq!(sets(&people.uma, &tighter).await[field], tighter, "{field}");
            let listed = people.uma.get("/api/keys").await.expects(200);
            assert_eq!(listed["rows"][0][field], tighter, "{field}: {listed}");
            assert_eq!(sets(&people.anna, &Value::Null).await[field], tighter, "{field}");
            assert_eq!(sets(&people.uma, &Value::Null).await[field], default, "{field}");
            people.uma.delete(&path).await.expects(200);
        }
    }

    async fn limits_of_a_key_that_an_admin_makes_for_somebody_are_the_admins(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        for (field, default, admins, ..) in limits() {
            let key = people.anna.makes_key(json!({"name": field, "userId": uma, field: admins})).await;
            assert_eq!((&key[field], &key["ownerLimits"][field], &key["adminLimits"][field]), (&admins, &default, &admins), "{field}");
            let now = people.uma.patch(&format!("/api/keys/{}", key["id"]), json!({field: null})).await.expects(200);
            assert_eq!(now[field], admins, "{field}");
            // An admin's own key is limited by its owner like any other.
            let own = people.anna.makes_key(json!({"name": field, field: admins})).await;
            let path = format!("/api/keys/{}", own["id"]);
            assert_eq!((&own["ownerLimits"][field], &own["adminLimits"][field]), (&admins, &default), "{field}");
            people.root.patch(&path, json!({field: admins})).await.expects(200);
            assert_eq!(people.anna.patch(&path, json!({field: null})).await.expects(200)[field], admins, "{field}");
        }
    }

    async fn lists_without_anything_in_common_allow_nothing(app: TestApp) {
        let people = app.people().await;
        for (field, owners, admins) in [
            ("models", json!(["gpt-5", "o3*"]), json!(["claude-*"])),
            ("allowedIps", json!(["192.0.2.0/24"]), json!(["10.0.0.0/8", "2001:db8::/32"])),
        ] {
            let key = people.uma.makes_key(json!({"name": field, field: owners})).await;
            assert_eq!(key["allowsNothing"], false);
            let now = people.anna.patch(&format!("/api/keys/{}", key["id"]), json!({field: admins})).await.expects(200);
            assert_eq!((&now["allowsNothing"], &now[field]), (&json!(true), &json!([])));
            assert_eq!((&now["ownerLimits"][field], &now["adminLimits"][field]), (&owners, &admins));
        }
    }

    async fn keys_are_sorted_by_the_earlier_of_both_expiries(app: TestApp) {
        let people = app.people().await;
        let at = |days: i64| json!(1_900_000_000_000_i64 + days * 86_400_000);
        for (name, owners, admins) in [
            ("second", at(2), Value::Null),
            ("never", Value::Null, Value::Null),
            ("third", at(9), at(3)),
            ("first", at(1), at(8)),
            ("fourth", Value::Null, at(4)),
        ] {
            let key = people.uma.makes_key(json!({"name": name, "expiresAt": owners})).await;
            people.anna.patch(&format!("/api/keys/{}", key["id"]), json!({"expiresAt": admins})).await.expects(200);
        }
        let sorted = people.uma.get("/api/keys?sort=expiresAt&sortDir=asc").await.expects(200);
        let names: Vec<&str> = sorted["rows"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["first", "second", "third", "fourth", "never"]);
    }

    async fn an_owner_cannot_lift_the_scope_an_admin_set(app: TestApp) {
        let people = app.people().await;
        let key = people.uma.makes_key(json!({"name": "mine"})).await;
        let path = format!("/api/keys/{}", key["id"]);
        people.anna.patch(&path, json!({"channelScope": "claude"})).await.expects(200);
        for all in [json!("all"), json!(null)] {
            let tried = people.uma.patch(&path, json!({"channelScope": all, "channelId": null})).await.expects(200);
            assert_eq!(tried["channelScope"], "claude");
        }
        people.uma.patch(&path, json!({"channelScope": "openai"})).await.refused(403, "forbidden");
        people.uma.patch(&path, json!({"channelId": 1})).await.refused(403, "forbidden");
        people.uma.post("/api/keys", json!({"name": "x", "channelScope": "claude"})).await.refused(403, "forbidden");
    }

    async fn keys_belong_to_their_owner(app: TestApp) {
        let people = app.people().await;
        let key = people.uma.makes_key(json!({"name": "mine"})).await;
        let path = format!("/api/keys/{}", key["id"]);
        people.otto.patch(&path, json!({"name": "his"})).await.refused(404, "not_found");
        people.otto.delete(&path).await.refused(404, "not_found");
        people.otto.post(&format!("{path}/rotate"), json!({})).await.refused(404, "not_found");
        let uma = people.uma.id().await;
        assert_eq!(people.otto.get(&format!("/api/keys?userId={uma}")).await.expects(200)["total"], 0);
        people.otto.post("/api/keys", json!({"name": "x", "userId": uma})).await.refused(403, "forbidden");
        let given = people.anna.makes_key(json!({"name": "given", "userId": uma, "maxConcurrency": 2})).await;
        assert_eq!((&given["userId"], &given["username"], &given["maxConcurrency"]), (&json!(uma), &json!("uma"), &json!(2)));
        assert_eq!(people.uma.get("/api/keys?sort=name&sortDir=asc").await.expects(200)["rows"][0]["name"], "given");
        assert_eq!(people.anna.get(&format!("/api/keys?userId={uma}&query=MINE")).await.expects(200)["total"], 1);
        let root = people.root.id().await;
        people.anna.post("/api/keys", json!({"name": "x", "userId": root})).await.refused(403, "super_admin_only");
    }

    async fn an_admin_may_take_over_a_key_made_elsewhere(app: TestApp) {
        let people = app.people().await;
        let wish = json!({"name": "old", "key": "legacy-0123456789-abcdef"});
        let taken = people.anna.makes_key(wish.clone()).await;
        assert_eq!((&taken["key"], &taken["prefix"]), (&json!("legacy-0123456789-abcdef"), &json!("legacy")));
        people.anna.post("/api/keys", wish).await.refused(409, "key_exists");
        people.anna.post("/api/keys", json!({"name": "old", "key": "short"})).await.refused(400, "invalid_request");
        people.uma.post("/api/keys", json!({"name": "old", "key": "legacy-0123456789-abcdeX"})).await.refused(403, "forbidden");
    }

    async fn an_admin_token_ends_with_the_rights_it_was_made_under(app: TestApp) {
        let people = app.people().await;
        let made = people.anna.post("/api/admin-tokens", json!({"name": "backup"})).await.expects(201);
        let token = made["token"].as_str().unwrap();
        assert!(token.starts_with("sk-admin-"), "{token}");
        let script = app.stranger().with_token(token);
        script.get("/api/users").await.expects(200);
        assert!(!people.anna.get("/api/admin-tokens").await.text.contains(token));
        assert_eq!(people.root.get("/api/admin-tokens").await.expects(200)["rows"][0]["username"], "anna");
        let anna = people.anna.id().await;
        people.root.patch(&format!("/api/users/{anna}"), json!({"role": "user"})).await.expects(200);
        script.get("/api/me").await.refused(401, "not_signed_in");
        people.root.patch(&format!("/api/users/{anna}"), json!({"role": "admin", "status": "disabled"})).await.expects(200);
        people.root.patch(&format!("/api/users/{anna}"), json!({"status": "active"})).await.expects(200);
        script.get("/api/users").await.refused(401, "not_signed_in");
        let made = people.root.post("/api/admin-tokens", json!({"name": "mine"})).await.expects(201);
        let script = app.stranger().with_token(made["token"].as_str().unwrap());
        script.get("/api/users").await.expects(200);
        script.delete(&format!("/api/admin-tokens/{}", made["id"])).await.expects(200);
        script.get("/api/users").await.refused(401, "not_signed_in");
        let soon = people.root.post("/api/admin-tokens", json!({"name": "soon", "expiresAt": 4_000_000_000_000_i64})).await.expects(201);
        let soon = app.stranger().with_token(soon["token"].as_str().unwrap());
        soon.get("/api/me").await.expects(200);
        app.clock.forward(4_000_000_000_000);
        soon.get("/api/me").await.refused(401, "not_signed_in");
        people.root.post("/api/admin-tokens", json!({"name": "past", "expiresAt": 1})).await.refused(401, "not_signed_in");
    }
}
