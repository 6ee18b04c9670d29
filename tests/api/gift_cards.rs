//! Gift cards: made by admins, redeemed once, by anybody signed in.

use actors::ports::Changed;
use actors::vocabulary::{Nanos, UserId};
use api_proxy::services::ledger::reconcile;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Caller, TestApp};
use crate::on_both;

impl Caller {
    /// The codes of new cards.
    async fn makes_cards(&self, body: Value) -> Vec<(i64, String)> {
        let made = self.post("/api/gift-cards", body).await.expects(201);
        let card = |card: &Value| (card["id"].as_i64().unwrap(), card["code"].as_str().unwrap().to_owned());
        made["cards"].as_array().unwrap().iter().map(card).collect()
    }

    async fn redeems(&self, code: &str) -> crate::harness::Reply {
        self.post("/api/gift-cards/redeem", json!({"code": code})).await
    }

    /// The card in the admins' list.
    async fn card(&self, id: i64) -> Value {
        let list = self.get("/api/gift-cards?pageSize=100").await.expects(200);
        list["rows"].as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap().clone()
    }
}

async fn balances_agree(app: &TestApp) {
    let checked = reconcile(&app.services.db).await.unwrap();
    assert!(checked.accounts > 0 && checked.differences.is_empty(), "{:?}", checked.differences);
}

on_both! {
    async fn a_card_is_shown_once_and_redeemed_once(app: TestApp) {
        let people = app.people().await;
        let cards = people.anna.makes_cards(json!({"amountUsd": 12.000000001, "count": 2})).await;
        let (id, code) = cards[0].clone();
        let listed = people.anna.get("/api/gift-cards").await;
        assert!(!listed.text.contains(&code) && !listed.text.contains(&code[3..20]), "{}", listed.text);
        assert_eq!(listed.expects(200)["total"], 2);
        let typed = format!(" {}", code.to_lowercase().replace('-', " "));
        let redeemed = people.uma.redeems(&typed).await.expects(200);
        assert_eq!((redeemed["amountUsd"].to_string(), redeemed["balanceUsd"].to_string()), ("12.000000001".into(), "12.000000001".into()));
        let uma = people.uma.id().await;
        assert!(app.news.0.lock().unwrap().contains(&Changed::User(UserId(uma))));
        people.uma.redeems(&code).await.refused(409, "card_used");
        people.otto.redeems(&code).await.refused(409, "card_used");
        let ledger = people.uma.get("/api/me/ledger?kind=card").await.expects(200);
        let row = &ledger["rows"][0];
        assert_eq!((&ledger["total"], &row["giftCardId"], row["balanceUsd"].to_string()), (&json!(1), &json!(id), "12.000000001".to_owned()));
        let card = people.anna.card(id).await;
        assert_eq!((&card["status"], &card["redeemedBy"], &card["redeemedByName"], &card["createdByName"]), (&json!("used"), &json!(uma), &json!("uma"), &json!("anna")));
        people.anna.delete(&format!("/api/gift-cards/{id}")).await.refused(409, "card_used");
        let audit = people.anna.get("/api/activity?subjectKind=gift_card").await;
        assert!(!audit.text.contains(&code) && !audit.text.contains(&code[3..20]), "{}", audit.text);
        let audit = audit.expects(200);
        let done: Vec<_> = audit["rows"].as_array().unwrap().iter().map(|row| (row["action"].as_str().unwrap(), row["actorName"].as_str().unwrap())).collect();
        assert_eq!(done, [("gift_card.redeem", "uma"), ("gift_card.create", "anna")]);
        balances_agree(&app).await;
    }

    async fn cards_expire_and_are_revoked(app: TestApp) {
        let people = app.people().await;
        let expires = app.clock.forwarded(60_000);
        let (aging, old) = people.anna.makes_cards(json!({"amountUsd": 1, "expiresAt": expires})).await.remove(0);
        let (revoked, gone) = people.anna.makes_cards(json!({"amountUsd": 1})).await.remove(0);
        let (unused, _) = people.anna.makes_cards(json!({"amountUsd": 2})).await.remove(0);
        let (used, code) = people.anna.makes_cards(json!({"amountUsd": 1})).await.remove(0);
        people.uma.redeems(&code).await.expects(200);
        for _ in 0..2 {
            people.anna.delete(&format!("/api/gift-cards/{revoked}")).await.expects(200);
        }
        people.anna.delete("/api/gift-cards/5").await.refused(404, "not_found");
        people.uma.redeems(&gone).await.refused(410, "card_revoked");
        app.clock.forward(60_001);
        people.uma.redeems(&old).await.refused(410, "card_expired");
        for (status, id) in [("unused", unused), ("used", used), ("revoked", revoked), ("expired", aging)] {
            let list = people.anna.get(&format!("/api/gift-cards?status={status}")).await.expects(200);
            assert_eq!((&list["total"], &list["rows"][0]["id"], &list["rows"][0]["status"]), (&json!(1), &json!(id), &json!(status)));
        }
        let found = |query: String| {
            let anna = people.anna.clone();
            async move { anna.get(&format!("/api/gift-cards?query={query}")).await.expects(200)["rows"][0]["id"].clone() }
        };
        assert_eq!(found(code.to_lowercase()).await, json!(used));
        assert_eq!(found("UMA".to_owned()).await, json!(used));
        assert_eq!(found(old[23..].to_owned()).await, json!(aging));
        let batch = people.anna.card(used).await["batchId"].clone();
        assert_eq!(people.anna.get(&format!("/api/gift-cards?batchId={batch}&sort=amountUsd")).await.expects(200)["total"], 1);
        let revocations = people.anna.get("/api/activity?action=gift_card.revoke").await.expects(200);
        assert_eq!((&revocations["total"], &revocations["rows"][0]["subjectId"]), (&json!(1), &json!(revoked)));
        people.anna.get("/api/gift-cards?status=lost").await.refused(400, "invalid_request");
    }

    async fn a_wrong_wish_for_cards_names_its_field(app: TestApp) {
        let anna = app.people().await.anna;
        for (field, wish) in [
            ("count", json!({"amountUsd": 1, "count": 101})), ("count", json!({"amountUsd": 1, "count": 0})), ("amountUsd", json!({"amountUsd": 0})),
            ("amountUsd", json!({"amountUsd": -1})), ("amountUsd", json!({"amountUsd": 1000000.1})), ("amountUsd", json!({"amountUsd": 0.0000000001})),
            ("amountUsd", json!({"count": 1})), ("expiresAt", json!({"amountUsd": 1, "expiresAt": 1})),
        ] {
            assert_eq!(anna.post("/api/gift-cards", wish).await.refused(400, "invalid_request")["field"], field);
        }
        assert_eq!(anna.makes_cards(json!({"amountUsd": 1, "count": 100})).await.len(), 100);
    }

    async fn guesses_run_out_also_when_they_come_together(app: TestApp) {
        let people = app.people().await;
        let (_, code) = people.anna.makes_cards(json!({"amountUsd": 1})).await.remove(0);
        let replies = join_all((0..30).map(|_| people.uma.redeems("GC-2222-2222-2222-2222-2222"))).await;
        let unknown = replies.iter().filter(|reply| reply.status.as_u16() == 404).count();
        assert_eq!(unknown, 10);
        assert!(replies.iter().all(|reply| [404, 429].contains(&reply.status.as_u16())));
        let refused = people.uma.redeems(&code).await;
        assert!(refused.headers.contains_key("retry-after"));
        refused.refused(429, "too_many_requests");
        people.otto.redeems("nonsense").await.refused(404, "card_unknown");
        people.otto.redeems(&code).await.expects(200);
        let mut left = 0;
        while people.anna.redeems("GC").await.status.as_u16() == 404 {
            left += 1;
        }
        assert_eq!(left, 10);
        people.otto.redeems("GC").await.refused(404, "card_unknown");
        people.root.redeems("GC").await.refused(404, "card_unknown");
    }

    async fn of_two_hundred_parallel_redeems_one_wins(app: TestApp) {
        let people = app.people().await;
        let (id, code) = people.anna.makes_cards(json!({"amountUsd": 7.5})).await.remove(0);
        let callers = [&people.uma, &people.otto, &people.anna, &people.root];
        let replies = join_all((0..200).map(|number| callers[number % 4].redeems(&code))).await;
        let won: Vec<_> = replies.iter().filter(|reply| reply.status.is_success()).collect();
        assert_eq!(won.len(), 1);
        assert_eq!(won[0].body["balanceUsd"].to_string(), "7.5");
        assert!(replies.iter().all(|reply| reply.status.is_success() || reply.body["code"] == "card_used"));
        assert_eq!(people.anna.card(id).await["status"], "used");
        let mut balances = Vec::new();
        for caller in callers {
            balances.push(caller.get("/api/me").await.expects(200)["balanceUsd"].to_string());
            let entered = caller.get("/api/me/ledger?kind=card").await.expects(200)["total"].as_i64().unwrap();
            assert_eq!(entered == 1, balances.last().unwrap() == "7.5");
        }
        balances.sort();
        assert_eq!(balances, ["0", "0", "0", "7.5"]);
        balances_agree(&app).await;
    }

    async fn money_that_moves_at_once_adds_up_to_the_nano(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        let cards = people.anna.makes_cards(json!({"amountUsd": 0.000000007, "count": 30})).await;
        let path = format!("/api/users/{uma}/quota");
        let redeems = join_all(cards.iter().map(|(_, code)| people.uma.redeems(code)));
        let adjusts = join_all((0..30).map(|_| people.anna.patch(&path, json!({"adjustUsd": 1.000000001, "reason": "drip"}))));
        let bills = join_all((0..30).map(|_| crate::reports::book(&app, |receipt| (receipt.user_id, receipt.cost) = (UserId(uma), Nanos(40_000_001)))));
        let (redeemed, adjusted, _) = futures_util::join!(redeems, adjusts, bills);
        for reply in redeemed.into_iter().chain(adjusted) {
            reply.expects(200);
        }
        let quota = people.anna.get(&path).await.expects(200);
        let figures = ["quotaUsd", "usedUsd", "balanceUsd"].map(|field| quota[field].to_string());
        assert_eq!(figures, ["30.00000024", "1.20000003", "28.80000021"]);
        assert_eq!(people.anna.get(&format!("/api/users/{uma}/ledger")).await.expects(200)["total"], 90);
        balances_agree(&app).await;
    }
}
