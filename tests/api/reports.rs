//! The log and sums: what is shown to whom.

use std::sync::Arc;

use actors::ports::{Clock, LedgerStore, NoFaults};
use actors::vocabulary::{
    Attempt, ChannelId, Ending, KeyId, Multiplier, Nanos, Price, PriceList, Protocol, Receipt, ReceiptId, Tariff, Timings, Usage,
    UserId,
};
use api_proxy::store::Booking;
use serde_json::json;

use crate::harness::TestApp;
use crate::on_both;

const COST: i64 = 123_000;

/// Books a completed request, changed by `change`; returns its id.
pub async fn book(app: &TestApp, change: impl FnOnce(&mut Receipt)) -> i64 {
    let mut receipt = receipt(app);
    change(&mut receipt);
    book_all(app, std::slice::from_ref(&receipt)).await;
    receipt.id.0
}

/// Books requests.
pub async fn book_all(app: &TestApp, receipts: &[Receipt]) {
    let booking =
        Booking::new(app.services.db.clone(), Arc::clone(&app.services.ids), app.services.clock.clone(), Arc::new(NoFaults));
    booking.book(receipts).await.unwrap();
}

/// A completed request of a second ago.
pub fn receipt(app: &TestApp) -> Receipt {
    let now = app.clock.now_ms();
    let prices = PriceList { input: Price(3_000_000_000), output: Price(15_000_000_000), ..PriceList::default() };
    Receipt {
        id: ReceiptId(app.services.id()),
        request_id: format!("req_{}", app.services.id()),
        client_request_id: None,
        ts: now - 1_000,
        day_start: 0,
        user_id: UserId(1),
        username: "somebody".to_owned(),
        key_id: KeyId(1),
        key_name: "laptop".to_owned(),
        key_prefix: "sk-relay-ABCD".to_owned(),
        protocol: Protocol::Messages,
        model: "claude-x".to_owned(),
        upstream_model: Some("hidden-upstream".to_owned()),
        channel_id: Some(ChannelId(7)),
        channel_name: Some("hidden-channel".to_owned()),
        status: 200,
        ending: Ending::Completed,
        stream: true,
        converted: false,
        upstream_protocol: Some(Protocol::Messages),
        usage: Usage { input: 10, output: 5, cache_creation_5m: 2, cache_creation_1h: 1, ..Usage::default() },
        estimated: false,
        tariff: Some(Tariff { prices: Some(prices), global: Multiplier::ONE, provider: Multiplier(1_500_000_000) }),
        cost: Nanos(COST),
        timings: Timings { first_output_ms: Some(120), ended_ms: 900, ..Timings::default() },
        attempts: vec![Attempt {
            channel_id: ChannelId(7),
            channel_name: "hidden-channel".to_owned(),
            upstream_model: "hidden-upstream".to_owned(),
            status: Some(200),
            started_ms: 1,
            duration_ms: 800,
            error: None,
            cause: None,
        }],
        error: None,
        cause: None,
        client_ip: Some("203.0.113.9".to_owned()),
        details: Some("hidden-details".to_owned()),
    }
}

on_both! {
    async fn users_see_their_own_and_nothing_behind_the_gateway(app: TestApp) {
        let people = app.people().await;
        let (uma, otto) = (people.uma.id().await, people.otto.id().await);
        let hers = book(&app, |receipt| receipt.user_id = UserId(uma)).await;
        let his = book(&app, |receipt| (receipt.user_id, receipt.key_id) = (UserId(otto), KeyId(2))).await;
        let list = people.uma.get("/api/logs").await;
        assert!(!list.text.contains("hidden"), "{}", list.text);
        let list = list.expects(200);
        assert_eq!((&list["total"], &list["rows"][0]["id"], &list["totalCapped"]), (&json!(1), &json!(hers), &json!(false)));
        let row = list["rows"][0].as_object().unwrap();
        let fields = ["id", "requestId", "ts", "keyName", "keyPrefix", "username", "protocol", "model", "status", "ending", "stream", "ttftMs", "durationMs",
            "tokensIn", "tokensOut", "cacheReadTokens", "cacheCreationTokens", "reasoningTokens", "costUsd", "estimated", "error", "cause", "causeAbout"];
        for field in fields {
            assert!(row.contains_key(field), "{field}");
        }
        assert_eq!((row.len(), row["costUsd"].to_string(), &row["cacheCreationTokens"]), (fields.len(), "0.000123".to_owned(), &json!(3)));
        let detail = people.uma.get(&format!("/api/logs/{hers}")).await;
        assert!(!detail.text.contains("hidden"), "{}", detail.text);
        let detail = detail.expects(200);
        assert_eq!((detail["prices"]["inputPricePerMTok"].to_string(), detail["providerMultiplier"].to_string()), ("3".into(), "1.5".into()));
        assert_eq!((&detail["timings"]["firstOutputMs"], &detail["timings"]["endedMs"]), (&json!(120), &json!(900)));
        people.uma.get(&format!("/api/logs/{his}")).await.refused(404, "not_found");
        people.uma.get(&format!("/api/logs?userId={otto}")).await.refused(403, "forbidden");
        people.uma.get("/api/logs?channelId=7").await.refused(403, "forbidden");
        assert_eq!(people.uma.get("/api/logs?query=hidden").await.expects(200)["total"], 0);
        let all = people.anna.get("/api/logs").await.expects(200);
        assert_eq!((&all["total"], &all["rows"][0]["channelName"], &all["rows"][0]["upstreamModel"]), (&json!(2), &json!("hidden-channel"), &json!("hidden-upstream")));
        let detail = people.anna.get(&format!("/api/logs/{his}")).await.expects(200);
        assert_eq!((&detail["attempts"][0]["channelName"], &detail["details"]), (&json!("hidden-channel"), &json!("hidden-details")));
        assert!(detail.get("upstreamProtocol").is_some() && people.uma.get(&format!("/api/logs/{hers}")).await.expects(200).get("upstreamProtocol").is_none());
        assert_eq!(people.anna.get(&format!("/api/logs?userId={otto}&channelId=7&status=200&ending=completed&stream=true&protocol=messages&model=claude-x&keyId=2&query=LAPTOP")).await.expects(200)["total"], 1);
    }

    async fn a_cursor_walks_the_log_without_gaps(app: TestApp) {
        let anna = app.people().await.anna;
        let mut booked = Vec::new();
        for age in 0..7 {
            booked.push(book(&app, |receipt| receipt.ts -= age / 2).await);
        }
        let mut seen = Vec::new();
        let mut next = String::new();
        loop {
            let page = anna.get(&format!("/api/logs?pageSize=3&cursor={next}")).await.expects(200);
            assert_eq!(page["total"], 7);
            seen.extend(page["rows"].as_array().unwrap().iter().map(|row| (row["ts"].as_i64().unwrap(), row["id"].as_i64().unwrap())));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            next = cursor.to_owned();
        }
        assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
        assert_eq!(seen.len(), booked.len());
        let second = anna.get("/api/logs?pageSize=5&page=2").await.expects(200);
        assert_eq!((second["rows"].as_array().unwrap().len(), &second["page"], &second["nextCursor"]), (2, &json!(2), &json!(null)));
        let dear = anna.get("/api/logs?sort=costUsd&sortDir=asc&pageSize=2").await.expects(200);
        assert_eq!(dear["nextCursor"], json!(null));
        anna.get("/api/logs?cursor=x").await.refused(400, "invalid_request");
        anna.get("/api/logs?sort=secret").await.refused(400, "invalid_request");
        anna.get("/api/logs?page=9999&pageSize=100").await.refused(400, "invalid_request");
    }

    async fn sums_are_of_oneself_or_for_admins_of_all(app: TestApp) {
        let people = app.people().await;
        let (uma, otto) = (people.uma.id().await, people.otto.id().await);
        book(&app, |receipt| receipt.user_id = UserId(uma)).await;
        book(&app, |receipt| receipt.user_id = UserId(otto)).await;
        book(&app, |receipt| {
            (receipt.user_id, receipt.status, receipt.ending, receipt.cost) = (UserId(otto), 502, Ending::UpstreamFailed, Nanos(0));
        }).await;
        let own = people.uma.get("/api/stats?range=24h").await;
        assert!(!own.text.contains("byChannel"), "{}", own.text);
        let own = own.expects(200);
        assert_eq!((&own["totals"]["requests"], own["totals"]["costUsd"].to_string()), (&json!(1), "0.000123".to_owned()));
        people.uma.get(&format!("/api/stats?userId={otto}")).await.refused(403, "forbidden");
        let all = people.anna.get("/api/stats?range=24h").await.expects(200);
        assert_eq!((&all["totals"]["requests"], &all["totals"]["successes"], &all["totals"]["errors"]), (&json!(3), &json!(2), &json!(1)));
        assert_eq!((&all["byModel"][0]["model"], &all["byChannel"][0]["channelId"], &all["latency"]["durationP95Ms"]), (&json!("claude-x"), &json!(7), &json!(900)));
        assert_eq!(all["bucket"], "hour");
        let series = all["series"].as_array().unwrap();
        assert!(series.len() >= 24 && series.iter().map(|point| point["requests"].as_i64().unwrap()).sum::<i64>() == 3);
        let week = people.anna.get("/api/stats?range=7d").await.expects(200);
        assert_eq!((&week["bucket"], &week["totals"]["requests"]), (&json!("day"), &json!(3)));
        assert_eq!(people.anna.get(&format!("/api/stats?range=30d&userId={uma}")).await.expects(200)["totals"]["requests"], 1);
        for bad in ["range=year", "range=custom", "range=custom&from=5&to=4", "range=custom&from=0&to=99999999999999"] {
            people.anna.get(&format!("/api/stats?{bad}")).await.refused(400, "invalid_request");
        }
        let now = app.clock.now_ms();
        let custom = people.anna.get(&format!("/api/stats?range=custom&from={}&to={now}", now - 5_000)).await.expects(200);
        assert_eq!(custom["totals"]["requests"], 3);
    }

    async fn failures_and_protocols_are_counted_by_hour_and_row(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        for age in [0, 3 * 3_600_000] {
            book(&app, |receipt| (receipt.user_id, receipt.ts) = (UserId(uma), receipt.ts - age)).await;
            book(&app, |receipt| {
                (receipt.user_id, receipt.ts, receipt.protocol, receipt.converted) = (UserId(uma), receipt.ts - age, Protocol::Responses, true);
            }).await;
            book(&app, |receipt| {
                (receipt.user_id, receipt.ts, receipt.status, receipt.ending) = (UserId(uma), receipt.ts - age, 429, Ending::Refused);
                (receipt.upstream_protocol, receipt.cost) = (None, Nanos(0));
            }).await;
        }
        let now = app.clock.now_ms();
        // Out of whole hours with parts of hours, and out of a part of one hour alone.
        for (range, times) in [("range=24h".to_owned(), 2), (format!("range=custom&from={}&to={}", now - 5_000, now - 500), 1)] {
            let all = people.anna.get(&format!("/api/stats?{range}")).await.expects(200);
            assert_eq!(all["byError"], json!([{"ending": "refused", "status": 429, "requests": times}]), "{range}");
            let mut pairs: Vec<String> = all["byProtocol"].as_array().unwrap().iter().map(ToString::to_string).collect();
            pairs.sort();
            let mut wanted = [
                json!({"protocol": "messages", "upstreamProtocol": "messages", "requests": times, "successes": times}).to_string(),
                json!({"protocol": "messages", "upstreamProtocol": null, "requests": times, "successes": 0}).to_string(),
                json!({"protocol": "responses", "upstreamProtocol": "messages", "requests": times, "successes": times}).to_string(),
            ];
            wanted.sort();
            assert_eq!(pairs, wanted, "{range}");
        }
        let own = people.uma.get("/api/stats?range=24h").await;
        assert!(!own.text.contains("byProtocol"), "{}", own.text);
        assert_eq!(own.expects(200)["byError"][0]["requests"], 2);
        assert_eq!(people.otto.get("/api/stats?range=24h").await.expects(200)["byError"], json!([]));
    }

    async fn percentiles_of_many_requests_come_from_hourly_counts(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        let (now, mut receipts) = (app.clock.now_ms(), Vec::new());
        for at in 1..=10_001 {
            let mut one = receipt(&app);
            (one.user_id, one.ts, one.cost) = (UserId(uma), now - 1_000 - at * 100, Nanos(0));
            (one.timings.ended_ms, one.timings.first_output_ms) = (at, (at % 2 == 0).then_some(100));
            receipts.push(one);
        }
        book_all(&app, &receipts).await;
        book_all(&app, &receipts[..50]).await;
        let latency = people.anna.get("/api/stats?range=24h").await.expects(200)["latency"].clone();
        assert_eq!(latency, json!({"durationP50Ms": 5_120, "durationP95Ms": 10_240, "ttftP50Ms": 104, "ttftP95Ms": 104, "rounded": true}));
        let few = people.anna.get(&format!("/api/stats?range=custom&from={}&to={now}", now - 102_000)).await.expects(200)["latency"].clone();
        assert_eq!((&few["rounded"], &few["ttftP50Ms"]), (&json!(false), &json!(100)));
        assert_eq!(people.otto.get("/api/stats?range=24h").await.expects(200)["latency"]["durationP50Ms"], json!(null));
    }

    async fn what_is_under_way_is_ones_own_or_for_admins_anybodys(app: TestApp) {
        let people = app.people().await;
        let (uma, otto) = (people.uma.id().await, people.otto.id().await);
        assert_eq!(people.uma.get("/api/traffic").await.expects(200)["running"], 2);
        assert_eq!(people.uma.get(&format!("/api/traffic?userId={uma}")).await.expects(200)["running"], 2);
        people.uma.get(&format!("/api/traffic?userId={otto}")).await.refused(403, "forbidden");
        assert_eq!(people.anna.get("/api/traffic").await.expects(200)["running"], 5);
        assert_eq!(people.anna.get(&format!("/api/traffic?userId={otto}")).await.expects(200)["running"], 2);
    }

    async fn days_begin_at_midnight_where_clocks_are_half_an_hour_off(app: TestApp) {
        const MINUTE: i64 = 60_000;
        app.settings.0.lock().unwrap().timezone = "Asia/Kolkata".to_owned();
        let (people, day, east) = (app.people().await, 1_440 * MINUTE, 330 * MINUTE);
        let now = app.clock.now_ms();
        let midnight = now - (now + east).rem_euclid(day) - day;
        for ts in [midnight - MINUTE, midnight + MINUTE, midnight + 2 * MINUTE] {
            book(&app, |receipt| receipt.ts = ts).await;
        }
        let stats = people.anna.get("/api/stats?range=7d").await.expects(200);
        let of_day = |start: i64| stats["series"].as_array().unwrap().iter().find(|point| point["ts"] == start).unwrap()["requests"].clone();
        assert_eq!((of_day(midnight - day), of_day(midnight)), (json!(1), json!(2)));
    }

    async fn the_largest_are_ranked_with_their_share(app: TestApp) {
        let people = app.people().await;
        let (uma, otto) = (people.uma.id().await, people.otto.id().await);
        let key = people.uma.makes_key(json!({"name": "phone"})).await["id"].as_i64().unwrap();
        book(&app, |receipt| (receipt.user_id, receipt.cost, receipt.key_id) = (UserId(uma), Nanos(300_000), KeyId(key))).await;
        book(&app, |receipt| (receipt.user_id, receipt.cost, receipt.channel_id) = (UserId(otto), Nanos(50_000), None)).await;
        book(&app, |receipt| (receipt.user_id, receipt.cost, receipt.model) = (UserId(otto), Nanos(50_000), "gpt-x".to_owned())).await;
        let rank = |query: &'static str| {
            let anna = people.anna.clone();
            async move { anna.get(&format!("/api/rankings?range=24h&{query}")).await.expects(200) }
        };
        let ids = |ranking: &serde_json::Value, field: &str| -> Vec<serde_json::Value> {
            ranking["rows"].as_array().unwrap().iter().map(|row| row[field].clone()).collect()
        };
        let users = rank("").await;
        assert_eq!((&users["by"], &users["sort"], &users["totals"]["requests"]), (&json!("users"), &json!("cost"), &json!(3)));
        assert_eq!((ids(&users, "name"), ids(&users, "share")), (vec![json!("uma"), json!("otto")], vec![json!(0.75), json!(0.25)]));
        assert_eq!((users["rows"][0]["costUsd"].to_string(), &users["rows"][0]["tokens"]), ("0.0003".to_owned(), &json!(18)));
        let busy = rank("by=users&sort=requests&limit=1").await;
        assert_eq!((ids(&busy, "id"), &busy["totals"]["requests"]), (vec![json!(otto)], &json!(3)));
        assert_eq!(ids(&rank("by=models&sort=tokens").await, "name"), [json!("claude-x"), json!("gpt-x")]);
        assert_eq!(ids(&rank("by=keys").await, "name"), [json!("phone"), json!(null)]);
        assert_eq!(ids(&rank("by=channels&sort=requests").await, "id"), [json!(7), json!(null)]);
        let none = people.anna.get("/api/rankings?range=custom&from=1&to=2").await.expects(200);
        assert_eq!((&none["rows"], &none["totals"]["successRate"]), (&json!([]), &json!(null)));
        for bad in ["by=x", "sort=x", "limit=0", "limit=101", "range=x"] {
            people.anna.get(&format!("/api/rankings?{bad}")).await.refused(400, "invalid_request");
        }
    }

    async fn a_whole_key_may_ask_for_its_own_usage(app: TestApp) {
        let people = app.people().await;
        let uma = people.uma.id().await;
        let key = people.uma.makes_key(json!({"name": "laptop"})).await;
        let (id, text) = (key["id"].as_i64().unwrap(), key["key"].as_str().unwrap());
        book(&app, |receipt| (receipt.user_id, receipt.key_id) = (UserId(uma), KeyId(id))).await;
        let usage = app.stranger().get(&format!("/api/v1/usage/{text}?range=7d")).await.expects(200);
        assert_eq!((&usage["keyName"], &usage["range"], &usage["summary"]["requests"], &usage["summary"]["success"]), (&json!("laptop"), &json!("7d"), &json!(1), &json!(1)));
        assert_eq!((&usage["byModel"][0]["model"], usage["summary"]["costUsd"].to_string()), (&json!("claude-x"), "0.000123".to_owned()));
        app.stranger().get(&format!("/api/v1/usage/{text}?range=1y")).await.refused(400, "invalid_request");
        app.stranger().get(&format!("/api/v1/usage/{}", &text[..20])).await.refused(401, "invalid_api_key");
        for _ in 0..40 {
            app.stranger().get("/api/v1/usage/sk-relay-nothing").await;
        }
        let refused = app.stranger().get("/api/v1/usage/sk-relay-nothing").await;
        assert!(refused.headers.contains_key("retry-after"));
        refused.refused(429, "too_many_requests");
    }
}
