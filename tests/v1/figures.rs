//! What pages add up to beside what clients were answered: with refusals far beyond what gets rows, clients that leave, and
//! requests of one user side by side.

use std::collections::BTreeMap;

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Gate, Reply as Scripted};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::app::{CLAUDE, TestApp, spawn_app};
use crate::caller::{Asking, Caller};
use crate::money::waiting;
use crate::on_both;

/// Requests of one user at the same time.
const AT_ONCE: usize = 8;
/// Rows that a key's requests without cost get in a minute at most.
const ROWS: i64 = 10;

/// What clients counted: by status, 499 = left before an answer.
type Counted = BTreeMap<i64, i64>;

/// Sends all of them, some at a time, and counts the statuses.
async fn answers(all: Vec<Asking>) -> Counted {
    let mut counted = Counted::new();
    let mut rest = all.into_iter();
    loop {
        let some: Vec<Asking> = rest.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return counted;
        }
        for reply in join_all(some.into_iter().map(Asking::whole)).await {
            *counted.entry(i64::from(reply.status)).or_default() += 1;
        }
    }
}

/// Clients that send half of a body and leave. What they left behind is a broken body to the gateway, or a client that left:
/// nobody heard which ([`heard`]).
async fn leaves(app: &TestApp, caller: &Caller, times: i64) -> Counted {
    for _ in 0..times {
        let mut socket = tokio::net::TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{{\"model\":",
            caller.key
        );
        let before = app.running().in_flight();
        socket.write_all(head.as_bytes()).await.unwrap();
        crate::app::eventually("the request under way", async || app.running().in_flight() > before).await;
        drop(socket);
        crate::app::eventually("the request gone", async || app.running().in_flight() <= before).await;
    }
    Counted::from([(499, times)])
}

fn all(counted: &Counted) -> i64 {
    counted.values().sum()
}

/// Statuses as far as somebody heard them: a body that broke off is a 400 to nobody.
fn heard(status: i64) -> i64 {
    if status == 499 { 400 } else { status }
}

fn by_status(all: impl IntoIterator<Item = (i64, i64)>) -> Counted {
    let mut counted = Counted::new();
    for (status, many) in all {
        *counted.entry(heard(status)).or_default() += many;
    }
    counted
}

fn good(counted: &Counted) -> i64 {
    counted.iter().filter(|(status, _)| **status < 400).map(|(_, many)| many).sum()
}

/// Nano-dollars of an amount as JSON has it.
fn nanos(amount: &Value) -> i64 {
    let text = amount.to_string();
    let (sign, text) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    sign * (whole.parse::<i64>().unwrap() * 1_000_000_000 + format!("{fraction:0<9}").parse::<i64>().unwrap())
}

fn times(many: usize, asking: impl Fn(usize) -> Asking) -> Vec<Asking> {
    (0..many).map(asking).collect()
}

/// Every figure of the gateway beside what the clients of each key counted.
async fn adds_up(app: &TestApp, keys: &[(&Caller, Counted)]) {
    let whole = by_status(keys.iter().flat_map(|(_, counted)| counted).map(|(status, many)| (*status, *many)));
    let stats = app.admin("GET", "/api/stats?range=24h", Value::Null).await;
    assert_eq!((&stats["totals"]["requests"], &stats["totals"]["successes"]), (&json!(all(&whole)), &json!(good(&whole))));
    assert_eq!(stats["totals"]["errors"], all(&whole) - good(&whole));
    let sum = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["requests"].as_i64().unwrap()).sum::<i64>();
    for part in ["series", "byModel", "byKey", "byChannel", "byProtocol"] {
        assert_eq!(sum(&stats[part]), all(&whole), "{part}");
    }
    let errors = stats["byError"].as_array().unwrap().iter();
    let told = by_status(errors.map(|row| (row["status"].as_i64().unwrap(), row["requests"].as_i64().unwrap())));
    assert_eq!(told, whole.iter().filter(|(status, _)| **status >= 400).map(|(status, many)| (*status, *many)).collect());
    let mut listed = Counted::new();
    for status in whole.keys().copied().chain([499]) {
        let page = app.admin("GET", &format!("/api/logs?status={status}"), Value::Null).await;
        *listed.entry(heard(status)).or_default() += page["total"].as_i64().unwrap() + page["unlisted"].as_i64().unwrap();
    }
    assert_eq!(listed, whole, "the log lists or counts every answer");
    for by in ["users", "keys", "models", "channels"] {
        let ranking = app.admin("GET", &format!("/api/rankings?range=24h&by={by}&sort=requests&limit=100"), Value::Null).await;
        assert_eq!((sum(&ranking["rows"]), &ranking["totals"]["requests"]), (all(&whole), &json!(all(&whole))), "{by}");
    }
    for (caller, counted) in keys {
        let row = stats["byKey"].as_array().unwrap().iter().find(|row| row["keyId"] == caller.key_id).unwrap();
        assert_eq!((&row["requests"], &row["successes"]), (&json!(all(counted)), &json!(good(counted))), "{row}");
        let usage = app.http.get(format!("{}/api/v1/usage/{}?range=24h", app.base, caller.key)).send().await.unwrap();
        let usage: Value = serde_json::from_str(&usage.text().await.unwrap()).unwrap();
        let told = (&usage["summary"]["requests"], &usage["summary"]["success"], sum(&usage["byModel"]));
        assert_eq!(told, (&json!(all(counted)), &json!(good(counted)), all(counted)), "{usage}");
        let listed = app.admin("GET", &format!("/api/logs?keyId={}", caller.key_id), Value::Null).await;
        assert_eq!(listed["total"].as_i64().unwrap() + listed["unlisted"].as_i64().unwrap(), all(counted), "{listed}");
    }
    let most = "SELECT CAST(count(*) AS BIGINT) FROM request_log WHERE attempts = '[]' GROUP BY key_id, ts / 60000";
    let rows = app.peek().numbers(most).await;
    assert!(rows.iter().all(|rows| *rows <= ROWS), "a key has {rows:?} rows of requests without cost in a minute");
}

/// Each line of a ledger is the one before plus its amount, whatever range it is read in, and the last is the balance.
async fn follows(app: &TestApp, user: i64) {
    for range in ["", "&from=1", &format!("&from={}", now() - 3_000), &format!("&to={}", now() - 1_000)] {
        let (mut page, mut lines) = (1, Vec::new());
        loop {
            let path = format!("/api/users/{user}/ledger?pageSize=100&page={page}{range}");
            let found = app.admin("GET", &path, Value::Null).await;
            let rows = found["rows"].as_array().unwrap().clone();
            lines.extend(rows.iter().map(|row| (nanos(&row["amountUsd"]), nanos(&row["balanceUsd"]))));
            if rows.len() < 100 {
                assert_eq!(found["total"], lines.len());
                break;
            }
            page += 1;
        }
        for pair in lines.windows(2) {
            assert_eq!(pair[0].1, pair[1].1 + pair[0].0, "the newer of two lines does not follow from the older, {range}");
        }
        // A range that begins a moment ago may be empty by now.
        if let Some((_, newest)) = lines.first().filter(|_| !range.contains("to=")) {
            assert_eq!(*newest, app.balance(user).await);
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

on_both! {
    async fn every_page_adds_up_to_what_clients_were_answered(storage) {
        let app = spawn_app(storage).await;
        let (rich, poor) = (app.user, app.customer("poor", "0").await);
        let busy = app.makes_caller(rich, json!({})).await;
        let limited = app.makes_caller(rich, json!({"rateLimitRpm": 3})).await;
        let narrow = app.makes_caller(rich, json!({"models": ["other-*"]})).await;
        let odd = app.makes_caller(rich, json!({})).await;
        let gone = app.makes_caller(rich, json!({})).await;
        let mut odd_ones = times(45, |at| odd.asks("hello").model(&format!("made-up-{at}")));
        odd_ones.extend(times(30, |_| odd.sends("{}")));
        let (busy_ones, limited_ones, narrow_ones, poor_ones, odd_ones) = tokio::join!(
            answers(times(60, |at| busy.speaking([Protocol::Messages, Protocol::ChatCompletions][at % 2]).asks("hello"))),
            answers(times(70, |_| limited.asks("hello"))),
            answers(times(40, |_| narrow.asks("hello"))),
            answers(times(118, |_| poor.asks("hello").model(CLAUDE))),
            answers(odd_ones),
        );
        // Only who is known is counted: the key is read before they leave.
        gone.gets("/v1/models").whole().await.expects(200);
        let left = leaves(&app, &gone, 35).await;
        crate::books::quiet(&app).await;
        assert_eq!((all(&busy_ones), good(&busy_ones), &poor_ones), (60, 60, &Counted::from([(402, 118)])));
        assert_eq!((&odd_ones, all(&limited_ones)), (&Counted::from([(400, 30), (404, 45)]), 70));
        let keys = [
            (&busy, busy_ones), (&limited, limited_ones), (&narrow, narrow_ones), (&poor, poor_ones), (&odd, odd_ones), (&gone, left),
        ];
        adds_up(&app, &keys).await;
        follows(&app, rich).await;
        let names = "SELECT CAST(count(DISTINCT model) AS BIGINT) FROM refusals";
        assert!(app.peek().numbers(names).await[0] <= 40, "made-up names are not kept without end");
        app.finish().await;
    }

    async fn clients_that_leave_while_they_wait_leave_ten_rows_and_are_counted(storage) {
        let app = spawn_app(storage).await;
        let caller = app.makes_caller(app.user, json!({"maxConcurrency": 1})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("hi").wait_for(gate.clone()));
        let first = caller.asks("hello").spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        let queued: Vec<_> = (0..25).map(|_| caller.asks("hello").spawn()).collect();
        waiting(&app, 25).await;
        queued.iter().for_each(|one| one.abort());
        waiting(&app, 0).await;
        gate.open();
        first.await.unwrap().expects(200);
        crate::books::quiet(&app).await;
        let page = app.admin("GET", "/api/logs?cause=client_left", Value::Null).await;
        let (listed, counted) = (page["total"].as_i64().unwrap(), page["unlisted"].as_i64().unwrap());
        // The minute may have changed between two of them.
        assert!(listed + counted == 25 && (10..=20).contains(&listed), "{page}");
        let stats = app.admin("GET", "/api/stats?range=24h", Value::Null).await;
        assert_eq!((&stats["totals"]["requests"], &stats["totals"]["successes"]), (&json!(26), &json!(1)));
        app.finish().await;
    }

    async fn a_counted_refusal_says_why_and_a_row_says_it_in_words(storage) {
        let app = spawn_app(storage).await;
        let poor = app.customer("poor", "0").await;
        let told = answers(times(25, |_| poor.asks("hello"))).await;
        assert_eq!(told, Counted::from([(402, 25)]));
        crate::books::quiet(&app).await;
        let page = app.admin("GET", "/api/logs?cause=no_balance", Value::Null).await;
        assert_eq!((&page["total"], &page["unlisted"]), (&json!(10), &json!(15)), "{page}");
        let reason = json!([{"ending": "refused", "status": 402, "cause": "no_balance", "requests": 15}]);
        assert_eq!(page["unlistedReasons"], reason);
        assert_eq!((&page["rows"][0]["cause"], &page["rows"][0]["error"]), (&json!("no_balance"), &json!("the balance is used up")));
        let none = app.admin("GET", "/api/logs?cause=maintenance", Value::Null).await;
        assert_eq!((&none["total"], &none["unlisted"]), (&json!(0), &json!(0)));
        app.finish().await;
    }
}
