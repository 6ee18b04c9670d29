//! Money and slots: exact bills, holds that never overspend, limits that return what was taken.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Usage};
use serde_json::{Value, json};

use crate::app::{CLAUDE, GPT, TestApp, eventually, spawn_app};
use crate::on_both;

const TALKING: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];

/// Waits until so many requests wait at the gates.
pub(crate) async fn waiting(app: &TestApp, count: usize) {
    let waiting = || app.running().cellar.gates.observe_all().iter().map(|(_, gate)| gate.waiting).sum::<usize>();
    eventually(&format!("{count} requests wait"), async || waiting() == count).await;
}

/// Waits until no slot is taken.
pub(crate) async fn no_slots(app: &TestApp) {
    let quiet = || app.running().cellar.gates.observe_all().iter().all(|(_, gate)| gate.slots == 0 && gate.holds.is_empty());
    eventually("every slot is free", async || quiet()).await;
}

/// Money held by everybody, in nano-dollars.
fn held(app: &TestApp) -> i64 {
    app.running().cellar.gates.observe_all().iter().map(|(_, gate)| gate.held.0).sum()
}

on_both! {
    async fn every_kind_of_token_has_its_price(storage) {
        let app = spawn_app(storage).await;
        let usage = Usage::new(100, 50).cache_read(1_000).cache_creation_5m(10).cache_creation_1h(20).reasoning(7);
        app.provider().always(Scripted::text("hi").usage(usage));
        app.caller().asks("hello").whole().await.expects(200);
        app.caller().asks("hello").streamed().await.expects(200);
        let rows = app.rows().await;
        for row in &rows {
            assert_eq!(row.cost_nanos, 100 * 1_000 + 50 * 5_000 + 1_000 * 100 + 10 * 1_250 + 20 * 2_000);
            assert_eq!((row.tokens_in, row.tokens_out, row.cache_read_tokens, row.reasoning_tokens), (100, 50, 1_000, 7));
            assert_eq!((row.cache_creation_5m_tokens, row.cache_creation_1h_tokens, row.estimated), (10, 20, false));
        }
        app.provider().always(Scripted::text("hi").usage(Usage::new(100, 50).cache_read(1_000).reasoning(7)));
        for protocol in [Protocol::ChatCompletions, Protocol::Responses] {
            app.caller().speaking(protocol).asks("hello").whole().await.expects(200);
            app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
        }
        for row in &app.rows().await[2..] {
            assert_eq!(row.cost_nanos, 100 * 250 + 50 * 2_000 + 1_000 * 25, "cached tokens are inside OpenAI's input: {row:?}");
            assert_eq!((row.tokens_in, row.tokens_out, row.cache_read_tokens, row.reasoning_tokens), (100, 50, 1_000, 7));
        }
        let embedding = app.caller().speaking(Protocol::Embeddings);
        app.provider().always(Scripted::new().usage(Usage::new(1_000, 0)));
        embedding.asks("hello").whole().await.expects(200);
        let rows = app.rows().await;
        assert_eq!((rows[6].tokens_in, rows[6].tokens_out, rows[6].cost_nanos), (1_000, 0, 20_000));
        app.finish().await;
    }

    async fn multipliers_are_exact_and_rounded_once(storage) {
        let app = spawn_app(storage).await;
        let patch = r#"{"globalBillingMultiplier":1.5,"claudeBillingMultiplier":0.333333333,"openaiBillingMultiplier":0.000000001}"#;
        app.admin_text("PATCH", "/api/settings", patch.to_owned()).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(100, 50).cache_read(1_525)));
        app.caller().asks("hello").whole().await.expects(200);
        app.caller().speaking(Protocol::ChatCompletions).asks("hello").whole().await.expects(200);
        let rows = app.rows().await;
        // 502,500 nano-dollars × 1.5 × 0.333333333 = 251,249.99974875
        assert_eq!(rows[0].cost_nanos, 251_250);
        assert_eq!(rows[1].cost_nanos, 0, "163,125 × 1.5e-9 is less than half a nano-dollar");
        app.sets(json!({"globalBillingMultiplier": 0})).await;
        app.caller().asks("hello").whole().await.expects(200);
        assert_eq!(app.rows().await[2].cost_nanos, 0);
        app.sets(json!({"globalBillingMultiplier": null, "claudeBillingMultiplier": null})).await;
        app.caller().asks("hello").whole().await.expects(200);
        assert_eq!(app.rows().await[3].cost_nanos, 502_500);
        app.finish().await;
    }

    async fn a_row_keeps_the_prices_it_was_billed_with(storage) {
        let app = spawn_app(storage).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(1_000, 1_000)));
        app.caller().asks("hello").whole().await.expects(200);
        app.prices("claude", CLAUDE, r#""inputPricePerMTok":2,"outputPricePerMTok":10"#).await;
        app.caller().asks("hello").whole().await.expects(200);
        let rows = app.rows().await;
        assert_eq!([rows[0].cost_nanos, rows[1].cost_nanos], [6_000_000, 12_000_000]);
        let detail = app.admin("GET", &format!("/api/logs/{}", rows[0].id), Value::Null).await;
        assert_eq!(detail["costUsd"], 0.006);
        assert_eq!((detail["prices"]["inputPricePerMTok"].as_f64(), detail["prices"]["outputPricePerMTok"].as_f64()), (Some(1.0), Some(5.0)));
        app.finish().await;
    }

    async fn a_channels_own_price_goes_before_its_familys(storage) {
        let app = spawn_app(storage).await;
        let own = format!(r#"{{"channelId":{},"model":"{CLAUDE}","inputPricePerMTok":7,"outputPricePerMTok":7}}"#, app.claude_channel);
        app.admin_text("POST", "/api/model-prices", own).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(1_000, 1_000)));
        app.caller().asks("hello").whole().await.expects(200);
        assert_eq!(app.only_row().await.cost_nanos, 14_000_000);
        app.finish().await;
    }

    async fn fifty_at_once_on_money_for_three_hold_strictly(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"balancePolicy": "strict"})).await;
        let user = app.makes_user("tight", "0.016").await;
        let caller = app.makes_caller(user, json!({})).await;
        let gate = Gate::new();
        app.provider().always(Scripted::text("hi").usage(Usage::new(10, 10)).wait_for(gate.clone()));
        let asked: Vec<_> = (0..50).map(|_| caller.asks("hello").max_tokens(1_000).spawn()).collect();
        waiting(&app, 47).await;
        app.provider().wait_until_in_flight(3).await.unwrap();
        assert!(held(&app) <= 16_000_000 && held(&app) > 15_000_000, "{}", held(&app));
        gate.open();
        for reply in asked {
            reply.await.unwrap().expects(200);
        }
        assert!(app.provider().max_in_flight() <= 3, "{}", app.provider().max_in_flight());
        assert_eq!(app.balance(user).await, 16_000_000 - 50 * 60_000);
        app.finish().await;
    }

    async fn fifty_at_once_overshoot_by_what_was_produced_beyond_the_holds_at_most(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"balancePolicy": "spend_remainder", "holdOutputTokens": 1_000})).await;
        let user = app.makes_user("tight", "0.016").await;
        let caller = app.makes_caller(user, json!({})).await;
        let gate = Gate::new();
        app.provider().always(Scripted::text("hi").usage(Usage::new(10, 1_500)).wait_for(gate.clone()));
        let asked: Vec<_> = (0..50).map(|_| caller.asks("hello").max_tokens(32_000).spawn_streamed()).collect();
        waiting(&app, 47).await;
        app.provider().wait_until_in_flight(3).await.unwrap();
        let (held, owed) = (held(&app), 3 * (10 * 1_000 + 1_500 * 5_000));
        gate.open();
        let mut statuses = Vec::new();
        for reply in asked {
            statuses.push(reply.await.unwrap().status);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [&[200; 3][..], &[402; 47]].concat(), "nobody goes on below zero");
        app.rows().await;
        let balance = app.balance(user).await;
        assert_eq!(balance, 16_000_000 - owed);
        assert!(-balance <= owed - held, "{balance} left, {held} held, {owed} owed");
        app.finish().await;
    }

    async fn those_who_wait_for_held_money_end_as_429_and_never_as_402(storage) {
        let app = spawn_app(storage).await;
        let user = app.makes_user("tight", "0.016").await;
        let caller = app.makes_caller(user, json!({})).await;
        for policy in ["strict", "spend_remainder"] {
            app.sets(json!({"balancePolicy": policy, "concurrencyWaitSec": 0.2, "holdOutputTokens": 1_000})).await;
            let gate = Gate::new();
            app.provider().always(Scripted::text("hi").usage(Usage::new(10, 10)).wait_for(gate.clone()));
            let first: Vec<_> = (0..3).map(|_| caller.asks("hello").max_tokens(1_000).spawn()).collect();
            app.provider().wait_until_in_flight(3).await.unwrap();
            for reply in [caller.asks("hello").max_tokens(1_000).spawn(), caller.asks("hello").max_tokens(1_000).spawn_streamed()] {
                let reply = reply.await.unwrap().expects(429);
                assert!(reply.has("retry-after"));
            }
            gate.open();
            for reply in first {
                reply.await.unwrap().expects(200);
            }
        }
        assert_eq!(app.balance(user).await, 16_000_000 - 6 * 60_000);
        app.finish().await;
    }

    async fn the_rest_of_a_balance_is_spent_one_request_at_a_time(storage) {
        let app = spawn_app(storage).await;
        let user = app.makes_user("tight", "0.010").await;
        let caller = app.makes_caller(user, json!({})).await;
        let gate = Gate::new();
        app.provider().always(Scripted::text("hi").usage(Usage::new(10, 10)).wait_for(gate.clone()));
        let asked: Vec<_> = (0..50).map(|_| caller.asks("hello").max_tokens(32_000).spawn()).collect();
        waiting(&app, 49).await;
        app.provider().wait_until_in_flight(1).await.unwrap();
        assert_eq!(held(&app), 10_000_000, "the whole rest");
        gate.open();
        for reply in asked {
            reply.await.unwrap().expects(200);
        }
        assert_eq!(app.provider().max_in_flight(), 1);
        assert_eq!(app.balance(user).await, 10_000_000 - 50 * 60_000);
        app.finish().await;
    }

    async fn a_large_max_tokens_does_not_lock_a_small_balance_out(storage) {
        let app = spawn_app(storage).await;
        let caller = app.customer("thirty", "0.30").await;
        for protocol in TALKING {
            caller.speaking(protocol).asks("hello").max_tokens(32_000).whole().await.expects(200);
            caller.speaking(protocol).asks("hello").max_tokens(32_000).streamed().await.expects(200);
        }
        let many: Vec<_> = (0..10).map(|_| caller.asks("hello").max_tokens(32_000).spawn()).collect();
        for reply in many {
            reply.await.unwrap().expects(200);
        }
        app.sets(json!({"balancePolicy": "strict"})).await;
        app.caller().asks("hello").max_tokens(32_000).whole().await.expects(200);
        caller.asks("hello").max_tokens(64_000).whole().await.expects(402);
        app.finish().await;
    }

    async fn a_hold_grows_with_its_output(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"holdOutputTokens": 50})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::new().repeat_pieces(300, "word ").wait_for_after(150, gate.clone()));
        let mut stream = app.caller().asks("hello").max_tokens(4_000).streaming().await;
        stream.until("word").await;
        eventually("750 bytes, 250 tokens, are held for", async || held(&app) >= 250 * 5_000).await;
        gate.open();
        assert!(stream.rest().await.ends_legally());
        app.finish().await;
    }

    async fn a_stream_may_finish_when_the_balance_runs_out(storage) {
        let app = spawn_app(storage).await;
        let user = app.makes_user("last", "0.001").await;
        let caller = app.makes_caller(user, json!({})).await;
        app.provider().push(Scripted::new().repeat_pieces(400, "word ").usage(Usage::new(10, 400)));
        let reply = caller.asks("hello").max_tokens(4_000).streamed().await.expects(200);
        assert!(reply.ends_legally() && reply.error_event().is_none());
        assert_eq!(app.only_row().await.cost_nanos, 10_000 + 400 * 5_000, "what was delivered is owed");
        assert_eq!(app.balance(user).await, 1_000_000 - 2_010_000);
        caller.asks("hello").whole().await.expects(402);
        app.finish().await;
    }

    async fn a_stream_is_cut_when_the_balance_runs_out_if_so_set(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"cutWhenExhausted": true})).await;
        for (at, protocol) in TALKING.into_iter().enumerate() {
            let caller = app.customer(&format!("last{at}"), if protocol == Protocol::Messages { "0.001" } else { "0.0004" }).await;
            app.provider().push(Scripted::new().repeat_pieces(1_000, "word ").wait_for_after(200, Gate::new()));
            let reply = caller.speaking(protocol).asks("hello").max_tokens(4_000).streamed().await.expects(200);
            assert!(reply.ends_legally() && reply.ended, "{}", reply.said());
            let error = reply.error_event().unwrap().to_string();
            assert!(error.contains(if protocol == Protocol::Messages { "billing_error" } else { "insufficient_quota" }), "{error}");
        }
        app.provider().wait_for_dropped(3).await.unwrap();
        for row in app.rows().await {
            assert!(row.cost_nanos > 0 && row.tokens_out > 0 && row.status == 200, "{row:?}");
        }
        app.finish().await;
    }

    async fn a_keys_budget_is_for_life(storage) {
        let app = spawn_app(storage).await;
        let caller = app.makes_caller(app.user, json!({"budgetUsd": 0.001})).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(100, 80)));
        caller.asks("hello").whole().await.expects(200);
        let usage = caller.gets("/v1/usage").whole().await.expects(200).json();
        assert_eq!((usage["key"]["usedUsd"].as_f64(), usage["key"]["budgetUsd"].as_f64()), (Some(0.000_5), Some(0.001)));
        caller.asks("hello").whole().await.expects(200);
        let reply = caller.asks("hello").whole().await.expects(402);
        assert!(reply.said().contains("budget"));
        app.caller().asks("hello").whole().await.expects(200);
        app.admin_text("PATCH", &format!("/api/keys/{}", caller.key_id), r#"{"budgetUsd":0.002}"#.to_owned()).await;
        caller.asks("hello").whole().await.expects(200);
        app.finish().await;
    }

    async fn twenty_at_once_do_not_pass_a_keys_budget(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"balancePolicy": "strict"})).await;
        let caller = app.makes_caller(app.user, json!({"budgetUsd": 0.016})).await;
        let gate = Gate::new();
        app.provider().always(Scripted::text("hi").usage(Usage::new(10, 1_000)).wait_for(gate.clone()));
        let asked: Vec<_> = (0..20).map(|_| caller.asks("hello").max_tokens(1_000).spawn()).collect();
        waiting(&app, 17).await;
        gate.open();
        let mut statuses = Vec::new();
        for reply in asked {
            statuses.push(reply.await.unwrap().status);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [&[200; 3][..], &[402; 17]].concat());
        let used = app.peek().numbers(&format!("SELECT used_nanos FROM api_keys WHERE id = {}", caller.key_id)).await;
        app.rows().await;
        assert!(used[0] <= 16_000_000);
        app.finish().await;
    }

    async fn a_daily_quota_counts_what_it_should(storage) {
        let app = spawn_app(storage).await;
        let caller = app.makes_caller(app.user, json!({"quota": 300})).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(100, 40).cache_read(5_000).cache_creation_5m(9).cache_creation_1h(1)));
        caller.asks("hello").whole().await.expects(200);
        assert_eq!(caller.gets("/v1/usage").whole().await.json()["key"]["usedToday"], 150);
        caller.asks("hello").whole().await.expects(200);
        caller.asks("hello").whole().await.expects(429);
        app.caller().asks("hello").whole().await.expects(200);
        caller.speaking(Protocol::CountTokens).asks("hello").whole().await.expects(200);
        app.rows().await;
        assert_eq!(app.peek().numbers(&format!("SELECT day_tokens FROM api_keys WHERE id = {}", caller.key_id)).await, [300]);
        app.finish().await;
    }

    async fn tokens_per_minute_are_settled_to_the_truth(storage) {
        let app = spawn_app(storage).await;
        let caller = app.makes_caller(app.user, json!({"rateLimitTpm": 1_000})).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(50, 50).cache_read(9_000)));
        for _ in 0..9 {
            caller.asks("hello").whole().await.expects(200);
        }
        app.provider().push(Scripted::status(400));
        caller.asks("hello").whole().await.expects(400);
        app.sets(json!({"proxyMaxRetries": 0})).await;
        app.provider().push(Scripted::status(500));
        caller.asks("hello").whole().await.expects(500);
        no_slots(&app).await;
        caller.asks("hello").whole().await.expects(200);
        let reply = caller.asks("hello").whole().await.expects(429);
        assert!(reply.said().contains("1000 tokens"), "{}", reply.said());
        let greedy = app.makes_caller(app.user, json!({"rateLimitTpm": 100})).await;
        greedy.asks("hello").max_tokens(32_000).whole().await.expects(200);
        app.finish().await;
    }

    async fn counting_tokens_is_free_but_counts_as_a_request(storage) {
        let app = spawn_app(storage).await;
        let poor = app.customer("poor", "0").await.speaking(Protocol::CountTokens);
        let reply = poor.asks("hello").whole().await.expects(200);
        assert!(reply.json()["input_tokens"].as_i64().unwrap() > 0);
        let caller = app.makes_caller(app.user, json!({"rateLimitRpm": 3, "maxConcurrency": 1})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("late").wait_for(gate.clone()));
        let busy = caller.asks("hello").spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        let counting = caller.speaking(Protocol::CountTokens);
        counting.asks("hello").whole().await.expects(200);
        counting.asks("hello").whole().await.expects(200);
        counting.asks("hello").whole().await.expects(429);
        // Its window is full, which its head alone says.
        counting.asks("hello").model("nobody-knows-it").whole().await.expects(429);
        gate.open();
        busy.await.unwrap().expects(200);
        let rows = app.rows().await;
        assert!(rows.iter().filter(|row| row.protocol == "count_tokens").all(|row| row.cost_nanos == 0 && row.tokens_in == 0));
        assert_eq!(rows.iter().filter(|row| row.status == 200).count(), 4);
        app.finish().await;
    }

    async fn many_choices_are_held_for(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"balancePolicy": "strict"})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("hi").wait_for(gate.clone()));
        let asked = app.caller().speaking(Protocol::ChatCompletions).asks("hello").max_tokens(1_000).field("n", 4).spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        assert!(held(&app) >= 4 * 1_000 * 2_000, "{}", held(&app));
        gate.open();
        asked.await.unwrap().expects(200);
        app.finish().await;
    }

    async fn money_is_exact_where_floats_are_not(storage) {
        let app = spawn_app(storage).await;
        let user = app.makes_user("rich", "200").await;
        let caller = app.makes_caller(user, json!({})).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(1, 1)));
        for _ in 0..20 {
            caller.asks("hello").whole().await.expects(200);
        }
        assert_eq!(app.balance(user).await, 200_000_000_000 - 20 * 6_000);
        let big = app.makes_user("big", "100000").await;
        let caller = app.makes_caller(big, json!({})).await;
        app.provider().always(Scripted::text("hi").usage(Usage::new(1_000_000_000, 999_999_999)));
        caller.speaking(Protocol::ChatCompletions).asks("hello").model(GPT).whole().await.expects(200);
        let rows = app.rows().await;
        let row = rows.iter().max_by_key(|row| row.tokens_in).unwrap();
        assert_eq!((row.tokens_in, row.cost_nanos), (1_000_000_000, 1_000_000_000 * 250 + 999_999_999 * 2_000));
        app.finish().await;
    }

    async fn a_redeemed_card_can_be_spent_at_once(storage) {
        let app = spawn_app(storage).await;
        let user = app.admin("GET", "/api/me", Value::Null).await["id"].as_i64().unwrap();
        let caller = app.makes_caller(user, json!({})).await;
        app.provider().always(Scripted::text("hi"));
        caller.asks("hello").whole().await.expects(402);
        let made = app.admin("POST", "/api/gift-cards", json!({"amountUsd": 2})).await;
        app.admin("POST", "/api/gift-cards/redeem", json!({"code": made["cards"][0]["code"]})).await;
        caller.asks("hello").whole().await.expects(200);
        app.finish().await;
    }

    async fn a_balance_that_grows_lets_those_who_wait_go(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"balancePolicy": "strict"})).await;
        let user = app.makes_user("tight", "0.006").await;
        let caller = app.makes_caller(user, json!({})).await;
        let gate = Gate::new();
        app.provider().always(Scripted::text("hi").wait_for(gate.clone()));
        let first = caller.asks("hello").max_tokens(1_000).spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        let second = caller.asks("hello").max_tokens(1_000).spawn();
        waiting(&app, 1).await;
        app.pays(user, "1").await;
        app.provider().wait_until_in_flight(2).await.unwrap();
        gate.open();
        first.await.unwrap().expects(200);
        second.await.unwrap().expects(200);
        app.finish().await;
    }
}
