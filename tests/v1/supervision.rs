//! Actors that panic under load: every request still gets an answer or a proper error, and all books agree.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actors::ports::Faults;
use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Reply as Scripted, Usage};
use serde_json::json;

use crate::app::{TestApp, Wish, eventually, spawn_app_with};
use crate::database::Storage;
use crate::on_both;

const REQUESTS: usize = 200;
const AT_ONCE: usize = 25;

/// Panics at one place, once in so many times, while it is armed.
struct OneIn {
    place: &'static str,
    times: u64,
    armed: AtomicBool,
    reached: AtomicU64,
}

impl Faults for OneIn {
    fn reached(&self, place: &'static str) {
        if place != self.place || !self.armed.load(Ordering::SeqCst) {
            return;
        }
        let reached = self.reached.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(!reached.is_multiple_of(self.times), "a fault at {place}, on purpose");
    }
}

/// Asks 200 times, with many kinds of requests at once, while `actor` panics at `place`.
async fn survives(storage: Storage, actor: &str, place: &'static str, times: u64) {
    let faults = Arc::new(OneIn { place, times, armed: AtomicBool::new(false), reached: AtomicU64::new(0) });
    let app = spawn_app_with(storage, Wish { faults: Arc::<OneIn>::clone(&faults), ..Wish::default() }).await;
    app.limits(app.user, json!({"maxConcurrency": 8})).await;
    app.provider().always(Scripted::pieces(["one ", "two ", "three"]).usage(Usage::new(10, 3)));
    let watching = app.running().cellar.logs.subscribe().await.unwrap();
    faults.armed.store(true, Ordering::SeqCst);
    let mut served = 0;
    for round in 0..REQUESTS / AT_ONCE {
        app.running().cellar.cache.forget_all_keys();
        app.sets(json!({"siteName": format!("round {round}")})).await;
        served += one_round(&app, round).await;
    }
    faults.armed.store(false, Ordering::SeqCst);
    drop(watching);
    let signs = app.running().cellar.vital_signs();
    let signs = signs.iter().find(|signs| signs.name == actor).unwrap();
    assert!(signs.crashes + signs.deaths > 0, "nothing panicked: {signs:?}");
    assert!(served > REQUESTS / 2, "only {served} of {REQUESTS} were served");
    let rows = app.rows().await;
    assert_eq!(rows.iter().filter(|row| row.status == 200).count(), served, "one row per answer");
    assert!(
        rows.iter().filter(|row| row.status == 200).all(|row| row.tokens_in == 10 && row.tokens_out == 3 && row.cost_nanos > 0)
    );
    app.caller().asks("after the storm").whole().await.expects(200);
    let quiet = async || app.running().cellar.vital_signs().iter().all(|signs| signs.alive && signs.waiting == 0);
    eventually("every actor lives and nothing waits", quiet).await;
    app.finish().await;
}

/// One round of requests at once; answers how many were served whole.
async fn one_round(app: &TestApp, round: usize) -> usize {
    let protocols = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];
    let asked: Vec<_> = (0..AT_ONCE)
        .map(|at| {
            let asking = app.caller().speaking(protocols[at % 3]).asks(&format!("request {at} of round {round}"));
            if at % 2 == 0 { asking.spawn_streamed() } else { asking.spawn() }
        })
        .collect();
    let mut served = 0;
    for reply in asked {
        let reply = reply.await.unwrap();
        if reply.status == 200 {
            // A stream whose receipt could not be written ends with the protocol's error event.
            assert!(reply.ended && (reply.text() == "one two three" || reply.ends_legally()), "{}", reply.said());
            served += 1;
        } else {
            assert!(matches!(reply.status, 429 | 500..=504), "{} {}", reply.status, reply.said());
            let _proper = reply.error();
        }
    }
    served
}

on_both! {
    async fn a_gate_that_panics_when_it_admits(storage) {
        survives(storage, "UserGate", "user_gate.admit", 5).await;
    }

    async fn channel_health_that_panics_when_it_chooses(storage) {
        survives(storage, "ChannelHealth", "channel_health.choose", 5).await;
    }

    async fn channel_health_that_panics_when_an_attempt_begins(storage) {
        survives(storage, "ChannelHealth", "channel_health.begin", 5).await;
    }

    async fn channel_health_that_panics_over_a_report(storage) {
        survives(storage, "ChannelHealth", "channel_health.report", 5).await;
    }

    async fn settings_that_panic_when_they_are_read(storage) {
        survives(storage, "SettingsCache", "settings_cache.reload", 2).await;
    }

    async fn settings_that_panic_over_a_key(storage) {
        survives(storage, "SettingsCache", "settings_cache.key", 3).await;
    }

    async fn a_broadcaster_that_panics_when_it_publishes(storage) {
        survives(storage, "LogBroadcaster", "log_broadcaster.publish", 5).await;
    }

    async fn a_ledger_that_panics_over_a_receipt(storage) {
        survives(storage, "UsageLedger", "usage_ledger.post", 7).await;
    }

    async fn a_ledger_that_panics_after_the_journal_was_written(storage) {
        survives(storage, "UsageLedger", "usage_ledger.journal_written", 5).await;
    }

    async fn a_ledger_that_panics_after_a_booking(storage) {
        survives(storage, "UsageLedger", "usage_ledger.booked", 2).await;
    }
}
