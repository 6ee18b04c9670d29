//! What is sent as a file: exports, and the log before a date.

use std::collections::BTreeSet;

use actors::ports::Clock;
use actors::vocabulary::{Nanos, Protocol, Receipt, ReceiptId, UserId};
use api_proxy::services::ledger::reconcile;
use serde_json::{Value, json};

use crate::harness::{Caller, TestApp};
use crate::on_both;
use crate::reports::{book, book_all, receipt};

const TABLES: &[&str] = &["request_logs", "users", "keys", "ledger", "usage", "gift_cards", "audit"];
const DAY: i64 = 86_400_000;

impl Caller {
    async fn exports(&self, query: &str) -> Vec<Value> {
        let reply = self.get(&format!("/api/export?format=json&type={query}")).await;
        assert_eq!(reply.headers["content-type"], "application/json");
        reply.expects(200).as_array().unwrap().clone()
    }

    async fn exports_csv(&self, query: &str) -> String {
        let reply = self.get(&format!("/api/export?type={query}")).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.headers["content-type"]),
            (200, &"text/csv; charset=utf-8".parse().unwrap()),
            "{}",
            reply.text
        );
        // Excel reads a file without a byte order mark in the system's code page.
        reply.text.strip_prefix('\u{feff}').expect("a byte order mark").to_owned()
    }
}

fn many(app: &TestApp, user: i64, count: i64) -> Vec<Receipt> {
    (0..count).map(|_| Receipt { id: ReceiptId(app.services.id()), user_id: UserId(user), ..receipt(app) }).collect()
}

on_both! {
    async fn every_table_is_exported_whole_in_both_formats(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        people.uma.makes_key(json!({"name": "laptop"})).await;
        people.anna.post("/api/gift-cards", json!({"amountUsd": 1})).await.expects(201);
        book_all(&app, &many(&app, uma, 1_203)).await;
        for table in TABLES {
            let rows = people.anna.exports(table).await;
            let csv = people.anna.exports_csv(table).await;
            let header: BTreeSet<&str> = csv.lines().next().unwrap().split(',').collect();
            let fields: BTreeSet<&str> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(header, fields, "{table}");
            assert!(!csv.to_lowercase().contains("hash") && !csv.contains("digest"), "{table}");
        }
        let rows = people.anna.exports("request_logs").await;
        let ids: BTreeSet<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!((rows.len(), ids.len()), (1_203, 1_203));
        assert_eq!(people.anna.exports_csv("request_logs").await.split("\r\n").count(), 1_205);
        let ledger = people.anna.exports(&format!("ledger&userId={uma}")).await;
        assert_eq!((ledger.len(), &ledger[0]["username"], ledger[0]["amountUsd"].to_string()), (1_203, &json!("uma"), "-0.000123".to_owned()));
        assert!(people.anna.exports_csv("ledger").await.contains(",usage,-0.000123,"));
        let usage = people.anna.exports("usage").await;
        assert_eq!(usage.iter().map(|row| row["requests"].as_i64().unwrap()).sum::<i64>(), 1_203);
        assert!(people.anna.exports("request_logs&model=other").await.is_empty());
        assert!(people.anna.exports_csv("request_logs&from=1&to=2").await.starts_with("id,requestId,"));
        let audit = people.anna.get("/api/activity?action=export.download&pageSize=1").await.expects(200);
        assert_eq!((&audit["total"], &audit["rows"][0]["after"]["type"]), (&json!(21), &json!("request_logs")));
        for bad in ["type=settings", "type=users&format=xml", "format=csv"] {
            people.anna.get(&format!("/api/export?{bad}")).await.refused(400, "invalid_request");
        }
    }

    async fn users_export_their_own_and_nothing_behind_the_gateway(app: TestApp) {
        let people = app.people().await;
        let (uma, otto) = (people.uma.id().await, people.otto.id().await);
        let hers = book(&app, |receipt| receipt.user_id = UserId(uma)).await;
        book(&app, |receipt| receipt.user_id = UserId(otto)).await;
        let csv = people.uma.exports_csv("request_logs").await;
        assert!(!csv.contains("hidden") && !csv.contains("channel") && !csv.contains("upstream"), "{csv}");
        assert_eq!(csv.lines().count(), 2);
        let rows = people.uma.exports("request_logs").await;
        assert_eq!((rows.len(), &rows[0]["id"], rows[0]["costUsd"].to_string()), (1, &json!(hers), "0.000123".to_owned()));
        assert!(!Value::from(rows).to_string().contains("hidden"));
        let ledger = people.uma.exports("ledger").await;
        assert_eq!((ledger.len(), &ledger[0]["userId"], &ledger[0]["logId"]), (1, &json!(uma), &json!(hers)));
        for table in TABLES.iter().filter(|table| !["request_logs", "ledger"].contains(table)) {
            people.uma.get(&format!("/api/export?type={table}")).await.refused(403, "forbidden");
        }
        people.uma.get(&format!("/api/export?type=ledger&userId={otto}")).await.refused(403, "forbidden");
        people.uma.get("/api/export?type=request_logs&channelId=7").await.refused(403, "forbidden");
    }

    async fn formulas_in_cells_are_made_text(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        let names = ["=HYPERLINK(\"http://evil\",\"x\")", "+1", "-1", "@sum(1)", "fine, \"really\""];
        for name in names {
            book(&app, |receipt| (receipt.user_id, receipt.key_name) = (UserId(uma), name.to_owned())).await;
        }
        people.uma.patch("/api/me", json!({"displayName": "=1+1"})).await.expects(200);
        let csv = people.uma.exports_csv("request_logs").await;
        for cell in [",\"'=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\",", ",\"'+1\",", ",\"'-1\",", ",\"'@sum(1)\",", ",\"fine, \"\"really\"\"\","] {
            assert!(csv.contains(cell), "{cell} is not in {csv}");
        }
        assert!(people.anna.exports_csv("users").await.contains(",\"'=1+1\","));
        assert_eq!(people.uma.exports("request_logs").await[0]["keyName"], names[0]);
    }

    async fn the_log_before_a_date_is_looked_at_downloaded_and_deleted(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        let now = app.clock.now_ms();
        let mut old = many(&app, uma, 250);
        for (age, receipt) in (0..).zip(&mut old) {
            receipt.ts = now - 3 * DAY + age;
        }
        (old[0].upstream_protocol, old[1].upstream_protocol) = (Some(Protocol::ChatCompletions), None);
        book_all(&app, &old).await;
        book(&app, |receipt| (receipt.user_id, receipt.cost) = (UserId(uma), Nanos(7))).await;
        let before = now - 2 * DAY;
        let path = format!("/api/settings/archive?before={before}");
        let preview = people.anna.get(&path).await.expects(200);
        assert_eq!((&preview["rows"], &preview["from"], &preview["to"]), (&json!(250), &json!(now - 3 * DAY), &json!(now - 3 * DAY + 249)));
        let file = people.anna.get(&format!("/api/settings/archive/download?before={before}")).await;
        assert_eq!(file.headers["content-type"], "application/x-ndjson");
        let lines: Vec<Value> = file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[0]["id"], &lines[0]["channelName"]), (250, &json!(old[0].id.0), &json!("hidden-channel")));
        assert_eq!((&lines[249]["id"], &lines[0]["attempts"][0]["status"], lines[0]["costUsd"].to_string()), (&json!(old[249].id.0), &json!(200), "0.000123".to_owned()));
        assert_eq!((&lines[0]["upstreamProtocol"], &lines[1]["upstreamProtocol"]), (&json!("chat_completions"), &json!(null)));
        let stats = |anna: Caller| async move { anna.get("/api/stats?range=7d").await.expects(200)["totals"].clone() };
        let sums = stats(people.anna.clone()).await;
        let refused = people.anna.delete(&format!("/api/settings/archive?before={}", now - DAY + 60_000)).await.refused(400, "invalid_request");
        assert_eq!(refused["field"], "before");
        assert_eq!(people.anna.get(&path).await.expects(200)["rows"], 250);
        assert_eq!(people.anna.delete(&path).await.expects(200), json!({"deleted": 250, "remaining": 0}));
        assert_eq!(people.anna.get(&path).await.expects(200)["from"], json!(null));
        assert_eq!(people.anna.get("/api/logs").await.expects(200)["total"], 1);
        assert_eq!(stats(people.anna.clone()).await, sums);
        let ledger = people.anna.get(&format!("/api/users/{uma}/ledger?kind=usage")).await.expects(200);
        assert!((2..=3).contains(&ledger["total"].as_i64().unwrap()), "{ledger}");
        assert!(reconcile(&app.services.db).await.unwrap().differences.is_empty());
        let audit = people.anna.get("/api/activity?subjectKind=archive").await.expects(200);
        assert_eq!((&audit["total"], &audit["rows"][0]["before"]), (&json!(2), &json!({"before": before, "rows": 250})));
    }

    async fn a_date_is_read_by_the_sites_clock(app: TestApp) {
        let anna = app.people().await.anna;
        app.settings.0.lock().unwrap().timezone = "Asia/Shanghai".to_owned();
        for (text, ms) in [("2026-01-31", 1_769_788_800_000_i64), ("2026-01-31T00:00:00Z", 1_769_817_600_000), ("1769817600000", 1_769_817_600_000)] {
            let preview = anna.get(&format!("/api/settings/archive?before={text}")).await.expects(200);
            assert_eq!((&preview["before"], &preview["deletable"]), (&json!(ms), &json!(true)), "{text}");
        }
        anna.get("/api/settings/archive?before=soon").await.refused(400, "invalid_request");
        anna.get("/api/settings/archive?before=-1").await.refused(400, "invalid_request");
    }
}
