//! What must hold when requests come at the same moment.

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::PASSWORD;
use crate::on_both;

on_both! {
    async fn of_many_first_registrations_exactly_one_rules(app: TestApp) {
        let ask = |number: usize| {
            let name = format!("first{number}");
            let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
            let stranger = app.stranger();
            async move { stranger.post("/api/auth/register", body).await.expects(201)["role"].as_str().unwrap().to_owned() }
        };
        let roles = join_all((0..8).map(ask)).await;
        assert_eq!(roles.iter().filter(|role| *role == "super_admin").count(), 1, "{roles:?}");
    }

    async fn of_two_super_admins_who_demote_each_other_one_stays(app: TestApp) {
        let root = app.registers("root").await;
        let other = root.makes_user("other", "super_admin").await;
        let others = app.signs_in("other").await;
        let (first, second) = (format!("/api/users/{}", root.id().await), format!("/api/users/{other}"));
        let (a, b) = futures_util::join!(root.patch(&second, json!({"role": "user"})), others.delete(&first));
        let done = [a.status, b.status].iter().filter(|status| status.is_success()).count();
        assert_eq!(done, 1, "{} {}", a.text, b.text);
        let list = if root.get("/api/me").await.status.is_success() { root } else { others };
        assert_eq!(list.get("/api/users?role=super_admin").await.expects(200)["total"], 1);
    }

    async fn parallel_adjustments_all_count(app: TestApp) {
        let root = app.registers("root").await;
        let uma = root.makes_user("uma", "user").await;
        let path = format!("/api/users/{uma}/quota");
        let adjust = |_| root.patch(&path, json!({"adjustUsd": 0.1, "reason": "drip"}));
        for reply in join_all((0..30).map(adjust)).await {
            reply.expects(200);
        }
        assert_eq!(root.get(&path).await.expects(200)["quotaUsd"], json!(3));
        let ledger = root.get(&format!("/api/users/{uma}/ledger?pageSize=100")).await.expects(200);
        let mut balances: Vec<_> = ledger["rows"].as_array().unwrap().iter().map(|row| row["balanceUsd"].to_string()).collect();
        balances.sort();
        balances.dedup();
        assert_eq!(balances.len(), 30, "{balances:?}");
    }

    async fn of_many_absolute_changes_that_name_the_same_value_one_wins(app: TestApp) {
        let root = app.registers("root").await;
        let uma = root.makes_user("uma", "user").await;
        let path = format!("/api/users/{uma}/quota");
        let set = |number: usize| root.patch(&path, json!({"quotaUsd": number, "expectedQuotaUsd": 0, "reason": "form"}));
        let replies = join_all((1..=10).map(set)).await;
        assert_eq!(replies.iter().filter(|reply| reply.status.is_success()).count(), 1);
        assert!(replies.iter().all(|reply| reply.status.is_success() || reply.status.as_u16() == 409));
    }
}
