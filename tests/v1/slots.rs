//! Slots of users and keys: in order, shared, never lost.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Step};
use serde_json::json;

use crate::app::spawn_app;
use crate::money::{no_slots, waiting};
use crate::on_both;

const TALKING: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];

on_both! {
    async fn the_users_limits_hold_over_all_keys_and_the_tighter_counts(storage) {
        let app = spawn_app(storage).await;
        app.limits(app.user, json!({"rateLimitRpm": 3})).await;
        let other = app.makes_caller(app.user, json!({"rateLimitRpm": 100})).await;
        app.caller().asks("hello").whole().await.expects(200);
        other.asks("hello").whole().await.expects(200);
        other.speaking(Protocol::CountTokens).asks("hello").whole().await.expects(200);
        app.caller().asks("hello").whole().await.expects(429);
        other.asks("hello").whole().await.expects(429);
        app.limits(app.user, json!({"rateLimitRpm": 0})).await;
        other.asks("hello").whole().await.expects(200);
        app.finish().await;
    }

    async fn two_slots_and_ten_callers_in_order(storage) {
        let app = spawn_app(storage).await;
        let caller = app.makes_caller(app.user, json!({"maxConcurrency": 2})).await;
        let gates: Vec<Gate> = (0..10).map(|_| Gate::new()).collect();
        app.provider().push_all(gates.iter().map(|gate| Scripted::text("hi").wait_for(gate.clone())));
        let mut asked = Vec::new();
        for number in 0..10_usize {
            asked.push(caller.asks(&format!("number {number}")).spawn());
            if number < 2 {
                app.provider().wait_until_in_flight(number + 1).await.unwrap();
            } else {
                waiting(&app, number - 1).await;
            }
        }
        assert_eq!(app.provider().count(), 2);
        for (number, (gate, reply)) in gates.iter().zip(asked).enumerate() {
            gate.open();
            reply.await.unwrap().expects(200);
            app.provider().wait_for_requests((number + 3).min(10)).await.unwrap();
        }
        let order: Vec<String> = app.provider().requests().iter().map(|seen| seen.json()["messages"][0]["content"].as_str().unwrap().to_owned()).collect();
        assert_eq!(order, (0..10).map(|number| format!("number {number}")).collect::<Vec<_>>());
        assert_eq!(app.provider().max_in_flight(), 2);
        app.finish().await;
    }

    async fn the_users_slots_are_shared_by_all_keys(storage) {
        let app = spawn_app(storage).await;
        app.limits(app.user, json!({"maxConcurrency": 2})).await;
        let callers = [app.caller(), app.makes_caller(app.user, json!({})).await, app.makes_caller(app.user, json!({})).await];
        let gate = Gate::new();
        app.provider().always(Scripted::text("hi").wait_for(gate.clone()));
        let asked: Vec<_> = (0..9).map(|at: usize| callers[at % 3].asks("hello").spawn_streamed()).collect();
        waiting(&app, 7).await;
        app.provider().wait_for_requests(2).await.unwrap();
        gate.open();
        for reply in asked {
            reply.await.unwrap().expects(200);
        }
        assert_eq!(app.provider().max_in_flight(), 2);
        app.finish().await;
    }

    async fn no_slot_is_lost_on_any_ending(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitEnabled": false, "proxyMaxRetries": 0, "streamIdleTimeoutSec": 0.2, "wholeAnswerTimeoutSec": 0.2, "concurrencyWaitSec": 0.1})).await;
        let caller = app.makes_caller(app.user, json!({"maxConcurrency": 1})).await;
        let two = || Scripted::pieces(["one", "two"]);
        let endings = [
            two(), two().cut_connection_after(1), two().cut_connection_after(0), two().ends_without_terminal_after(1), two().error_event_after(1),
            two().hang_after(1), Scripted::status(500), Scripted::status(400), Scripted::new().garbage(), Scripted::new().error_event_first(),
        ];
        for protocol in TALKING {
            for ending in &endings {
                for streams in [false, true] {
                    app.provider().push(Step::new(ending.clone()));
                    let asking = caller.speaking(protocol).asks("hello");
                    let _reply = if streams { asking.streamed().await } else { asking.whole().await };
                    no_slots(&app).await;
                }
            }
            let (before_head, mid_stream) = (Gate::new(), Gate::new());
            app.provider().push_all([two().wait_for(before_head), two().wait_for_after(1, mid_stream)]);
            let gone = caller.speaking(protocol).asks("hello").spawn();
            app.provider().wait_until_in_flight(1).await.unwrap();
            gone.abort();
            no_slots(&app).await;
            let mut gone = caller.speaking(protocol).asks("hello").streaming().await;
            gone.until("one").await;
            drop(gone);
            no_slots(&app).await;
            caller.speaking(protocol).asks("hello").whole().await.expects(200);
            no_slots(&app).await;
        }
        app.finish().await;
    }

    async fn a_busy_key_does_not_starve_the_users_other_keys(storage) {
        let app = spawn_app(storage).await;
        app.limits(app.user, json!({"maxConcurrency": 4})).await;
        let busy = app.makes_caller(app.user, json!({"maxConcurrency": 1})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("late").wait_for(gate.clone()));
        let mut asked = vec![busy.asks("hello").spawn()];
        app.provider().wait_until_in_flight(1).await.unwrap();
        asked.extend((0..10).map(|_| busy.asks("hello").spawn()));
        waiting(&app, 10).await;
        for _ in 0..5 {
            app.caller().asks("hello").whole().await.expects(200);
        }
        gate.open();
        for reply in asked {
            reply.await.unwrap().expects(200);
        }
        app.finish().await;
    }
}
