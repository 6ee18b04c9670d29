//! Which channel is asked: weights, priorities, slots, conversations, health, retries, the last resort.

use actors::channel_health::Circuit;
use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Step};
use serde_json::{Value, json};

use crate::app::{CLAUDE, GPT, TestApp, eventually, spawn_app};
use crate::on_both;

/// The upstream keys asked, in order of arrival.
fn asked(app: &TestApp) -> Vec<String> {
    let key = |seen: &api_proxy::mock_upstream::Seen| {
        let bearer = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        seen.header("x-api-key").or(bearer).unwrap_or_default().to_owned()
    };
    app.provider().requests().iter().map(key).collect()
}

/// The channel `claude` gets the key `sk-low`; a second one with the key `sk-high` and more fields is made.
async fn second_channel(app: &TestApp, fields: Value) -> i64 {
    app.changes_channel(app.claude_channel, json!({"apiKey": "sk-low"})).await;
    let mut channel = json!({"name": "high", "type": "claude", "apiKey": "sk-high"});
    channel.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    app.channel(channel).await
}

async fn circuit(app: &TestApp, channel: i64) -> Option<Circuit> {
    let all = app.running().cellar.health.observe().await.unwrap();
    all.iter().find(|state| state.channel.0 == channel).map(|state| state.circuit)
}

async fn opened(app: &TestApp, channel: i64) {
    eventually("the circuit is open", async || matches!(circuit(app, channel).await, Some(Circuit::Open { .. }))).await;
}

on_both! {
    async fn a_weight_of_ten_to_one_gives_ten_to_one(storage) {
        let app = spawn_app(storage).await;
        second_channel(&app, json!({"weight": 10})).await;
        let total = 440_usize;
        for at in 0..total {
            app.caller().asks(&format!("conversation {at}")).whole().await.expects(200);
        }
        let high = asked(&app).iter().filter(|key| *key == "sk-high").count() as f64;
        let (mean, sigma) = (total as f64 * 10.0 / 11.0, (total as f64 * 10.0 / 121.0).sqrt());
        assert!((high - mean).abs() <= 6.0 * sigma, "{high} of {total}, expected {mean} ± {sigma}");
        app.finish().await;
    }

    async fn a_higher_priority_goes_first(storage) {
        let app = spawn_app(storage).await;
        let high = second_channel(&app, json!({"priority": 5})).await;
        for at in 0..10 {
            app.caller().asks(&format!("conversation {at}")).whole().await.expects(200);
        }
        assert!(asked(&app).iter().all(|key| key == "sk-high"));
        app.changes_channel(high, json!({"enabled": false})).await;
        app.caller().asks("conversation 1").whole().await.expects(200);
        assert_eq!(asked(&app).last().unwrap(), "sk-low");
        app.finish().await;
    }

    async fn a_saturated_channel_comes_last(storage) {
        let app = spawn_app(storage).await;
        second_channel(&app, json!({"priority": 5, "maxConcurrency": 1})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("late").wait_for(gate.clone()));
        let first = app.caller().asks("one").spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        app.caller().asks("two").whole().await.expects(200);
        assert_eq!(asked(&app), ["sk-high", "sk-low"]);
        gate.open();
        first.await.unwrap().expects(200);
        eventually("the slot is free", async || app.running().cellar.health.observe().await.unwrap().iter().all(|channel| channel.in_flight == 0)).await;
        app.caller().asks("three").whole().await.expects(200);
        assert_eq!(asked(&app).last().unwrap(), "sk-high");
        app.finish().await;
    }

    async fn when_all_channels_are_full_one_waits_and_then_is_told_503(storage) {
        let app = spawn_app(storage).await;
        app.changes_channel(app.claude_channel, json!({"maxConcurrency": 2})).await;
        let gate = Gate::new();
        app.provider().always(Scripted::text("hi").wait_for(gate.clone()));
        let first = [app.caller().asks("one").spawn(), app.caller().asks("two").spawn()];
        app.provider().wait_until_in_flight(2).await.unwrap();
        app.sets(json!({"concurrencyWaitSec": 0.1})).await;
        let reply = app.caller().asks("three").whole().await.expects(503);
        assert!(reply.has("retry-after") && reply.error().0 == "overloaded_error", "{}", reply.said());
        app.sets(json!({"concurrencyWaitSec": null})).await;
        let waiting: Vec<_> = (0..6).map(|_| app.caller().asks("four").spawn()).collect();
        gate.open();
        for reply in first.into_iter().chain(waiting) {
            reply.await.unwrap().expects(200);
        }
        assert_eq!(app.provider().max_in_flight(), 2);
        app.finish().await;
    }

    async fn a_client_that_leaves_the_line_for_a_channel_frees_its_place(storage) {
        let app = spawn_app(storage).await;
        app.changes_channel(app.claude_channel, json!({"maxConcurrency": 1})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("late").wait_for(gate.clone()));
        let first = app.caller().asks("one").spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        let gone = app.caller().asks("two").spawn();
        eventually("both are admitted", async || app.running().cellar.gates.observe_all().iter().map(|(_, gate)| gate.holds.len()).sum::<usize>() == 2).await;
        gone.abort();
        eventually("the second left", async || app.running().cellar.gates.observe_all().iter().map(|(_, gate)| gate.holds.len()).sum::<usize>() == 1).await;
        gate.open();
        first.await.unwrap().expects(200);
        app.caller().asks("three").whole().await.expects(200);
        assert_eq!(app.provider().count(), 2);
        app.finish().await;
    }

    async fn a_conversation_stays_with_its_channel(storage) {
        let app = spawn_app(storage).await;
        second_channel(&app, json!({})).await;
        for header in ["session-id", "session_id", "x-claude-code-session-id"] {
            app.provider().forget_requests();
            for at in 0..12 {
                app.caller().asks(&format!("message {at}")).header(header, "same").whole().await.expects(200);
            }
            let asked = asked(&app);
            assert!(asked.iter().all(|key| *key == asked[0]), "{header}: {asked:?}");
        }
        for field in [json!({"user_id": "same"}), json!({"user_id": "other"})] {
            app.provider().forget_requests();
            for at in 0..12 {
                app.caller().asks(&format!("message {at}")).field("metadata", field.clone()).whole().await.expects(200);
            }
            let asked = asked(&app);
            assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
        }
        app.provider().forget_requests();
        for _ in 0..12 {
            app.caller().asks("the same first message").whole().await.expects(200);
        }
        let asked = asked(&app);
        assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
        app.finish().await;
    }

    async fn a_conversation_leaves_a_dead_channel(storage) {
        let app = spawn_app(storage).await;
        second_channel(&app, json!({"priority": 5})).await;
        app.caller().asks("hello").header("session-id", "s").whole().await.expects(200);
        app.provider().for_key("sk-high", Scripted::status(503).header("retry-after", "600"));
        for _ in 0..3 {
            app.caller().asks("hello").header("session-id", "s").whole().await.expects(200);
        }
        assert_eq!(asked(&app), ["sk-high", "sk-high", "sk-low", "sk-low", "sk-low"], "Retry-After is obeyed");
        app.finish().await;
    }

    async fn a_channel_that_only_asks_for_a_pause_rests_that_long(storage) {
        let app = spawn_app(storage).await;
        let high = second_channel(&app, json!({"priority": 5})).await;
        app.provider().push(Scripted::status(429).header("retry-after", "1"));
        app.caller().asks("one").whole().await.expects(200);
        app.caller().asks("two").whole().await.expects(200);
        assert_eq!(asked(&app), ["sk-high", "sk-low", "sk-low"]);
        eventually("its rest ends", async || app.running().cellar.health.observe().await.unwrap().iter().all(|state| state.resting_until_ms.is_none())).await;
        app.caller().asks("three").whole().await.expects(200);
        assert_eq!(asked(&app).last().unwrap(), "sk-high");
        assert_eq!(circuit(&app, high).await, Some(Circuit::Closed), "a throttled channel is not a broken one");
        app.finish().await;
    }

    async fn when_all_channels_rest_the_client_is_told_when_to_come_back(storage) {
        let app = spawn_app(storage).await;
        app.provider().push(Scripted::status(429).header("retry-after", "40"));
        app.caller().asks("one").whole().await.expects(429);
        let reply = app.caller().asks("two").whole().await.expects(503);
        let seconds: u64 = reply.header("retry-after").parse().unwrap();
        assert!((1..=40).contains(&seconds), "{seconds}");
        assert_eq!(app.provider().count(), 1);
        app.finish().await;
    }

    async fn a_circuit_opens_on_the_channels_faults_and_heals_by_itself(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitMinRequests": 3, "circuitCooldownSec": 0.3, "circuitCooldownMaxSec": 0.6, "proxyMaxRetries": 0})).await;
        app.provider().push(Step::new(Scripted::status(500)).times(4));
        for _ in 0..3 {
            app.caller().asks("hello").whole().await.expects(500);
        }
        opened(&app, app.claude_channel).await;
        let reply = app.caller().asks("hello").whole().await.expects(503);
        assert!(reply.has("retry-after"));
        assert_eq!(app.provider().count(), 3, "an open circuit is not asked");
        eventually("it is half-open", async || matches!(circuit(&app, app.claude_channel).await, Some(Circuit::HalfOpen))).await;
        app.caller().asks("hello").whole().await.expects(500);
        opened(&app, app.claude_channel).await;
        eventually("it is half-open again", async || matches!(circuit(&app, app.claude_channel).await, Some(Circuit::HalfOpen))).await;
        app.caller().asks("hello").whole().await.expects(200);
        eventually("it is closed", async || circuit(&app, app.claude_channel).await == Some(Circuit::Closed)).await;
        app.caller().asks("hello").whole().await.expects(200);
        app.finish().await;
    }

    async fn an_admin_closes_a_circuit(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitMinRequests": 1, "circuitCooldownSec": 60, "proxyMaxRetries": 0})).await;
        app.provider().push(Scripted::status(500));
        app.caller().asks("hello").whole().await.expects(500);
        opened(&app, app.claude_channel).await;
        app.admin("POST", &format!("/api/channels/{}/circuit", app.claude_channel), json!({"state": "closed"})).await;
        app.caller().asks("hello").whole().await.expects(200);
        app.finish().await;
    }

    async fn callers_cannot_open_a_circuit(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitMinRequests": 1, "circuitErrorRatePercent": 1})).await;
        for status in [400, 413, 422, 400, 404, 413, 422] {
            app.provider().push(Scripted::status(status));
            app.caller().asks("hello").whole().await.expects(status);
        }
        let gone = app.caller().asks("hello");
        app.provider().push(Scripted::new().hang());
        let gone = gone.spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        gone.abort();
        app.provider().wait_for_dropped(1).await.unwrap();
        app.caller().asks("hello").whole().await.expects(200);
        let health = app.running().cellar.health.observe().await.unwrap();
        assert!(health.iter().all(|channel| channel.circuit == Circuit::Closed && channel.failures == 0), "{health:?}");
        app.finish().await;
    }

    async fn without_circuits_a_failing_channel_is_asked_every_time(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitEnabled": false, "circuitMinRequests": 1, "proxyMaxRetries": 0})).await;
        app.provider().always(Scripted::status(503).header("retry-after", "60"));
        for _ in 0..5 {
            app.caller().asks("hello").whole().await.expects(503);
        }
        assert_eq!(app.provider().count(), 5);
        app.finish().await;
    }

    async fn retries_are_counted(storage) {
        let app = spawn_app(storage).await;
        app.provider().always(Scripted::status(500));
        for retries in [0, 1, 2, 5] {
            app.sets(json!({"circuitEnabled": false, "proxyMaxRetries": retries})).await;
            app.provider().forget_requests();
            app.caller().asks("hello").whole().await.expects(500);
            assert_eq!(app.provider().count(), 1 + retries);
        }
        app.finish().await;
    }

    async fn what_is_not_to_be_retried_is_not(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitEnabled": false, "proxyRetry429": false, "proxyRetry5xx": false, "proxyRetryNetwork": false, "wholeAnswerTimeoutSec": 0.2})).await;
        second_channel(&app, json!({"priority": 5})).await;
        for (accident, status) in [(Scripted::status(429), 429), (Scripted::status(500), 500), (Scripted::status(529), 529), (Scripted::new().cut_connection_after(0), 502), (Scripted::new().hang(), 504)] {
            app.provider().for_key("sk-high", accident);
            app.provider().forget_requests();
            app.caller().asks("hello").whole().await.expects(status);
            assert_eq!(app.provider().count(), 1, "{status}");
        }
        app.provider().for_key("sk-high", Scripted::status(401));
        app.caller().asks("hello").whole().await.expects(200);
        app.finish().await;
    }

    async fn the_last_resort_is_asked_when_all_else_failed(storage) {
        let app = spawn_app(storage).await;
        for (family, protocol, model) in [("claude", Protocol::Messages, CLAUDE), ("openai", Protocol::ChatCompletions, GPT), ("openai", Protocol::Responses, GPT)] {
            let name = format!("last-{}", protocol.as_str());
            let last = app.channel(json!({"name": name, "type": family, "apiKey": "sk-last", "models": [format!("{model}-last")]})).await;
            app.prices(family, &format!("{model}-last"), r#""inputPricePerMTok":1,"outputPricePerMTok":1"#).await;
            app.sets(json!({"circuitEnabled": false, "proxyMaxRetries": 1, format!("{family}FallbackEnabled"): true, format!("{family}FallbackChannelId"): last,
                format!("{family}FallbackModel"): format!("{model}-last")})).await;
            app.provider().for_key("sk-upstream", Scripted::status(500));
            app.provider().forget_requests();
            let reply = app.caller().speaking(protocol).asks("hello").whole().await.expects(200);
            assert_eq!(reply.json()["model"], model, "the answer names the model asked for");
            assert_eq!(asked(&app), ["sk-upstream", "sk-upstream", "sk-last"]);
            assert_eq!(app.provider().last_request().unwrap().json()["model"], format!("{model}-last"));
            let scoped = app.makes_caller(app.user, json!({"channelId": if family == "claude" { app.claude_channel } else { app.openai_channel }})).await;
            scoped.speaking(protocol).asks("hello").whole().await.expects(500);
        }
        app.finish().await;
    }

    async fn an_earlier_response_belongs_to_its_user_and_its_channel(storage) {
        let app = spawn_app(storage).await;
        app.changes_channel(app.openai_channel, json!({"apiKey": "sk-low"})).await;
        app.channel(json!({"name": "second", "type": "openai", "apiKey": "sk-high"})).await;
        let caller = app.caller().speaking(Protocol::Responses);
        for streams in [false, true] {
            app.provider().forget_requests();
            let asking = caller.asks(&format!("first {streams}"));
            let first = if streams { asking.streamed().await } else { asking.whole().await }.expects(200);
            let id = if streams {
                let created = first.events().iter().find(|(name, _)| name == "response.completed").unwrap().1.clone();
                serde_json::from_str::<Value>(&created).unwrap()["response"]["id"].clone()
            } else {
                first.json()["id"].clone()
            };
            for at in 0..8 {
                caller.asks(&format!("next {at}")).field("previous_response_id", id.clone()).whole().await.expects(200);
            }
            let asked = asked(&app);
            assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
            assert_eq!(app.provider().last_request().unwrap().json()["previous_response_id"], id);
            let stranger = app.customer(&format!("stranger{streams}"), "1").await.speaking(Protocol::Responses);
            let reply = stranger.asks("mine?").field("previous_response_id", id.clone()).whole().await.expects(404);
            assert!(!reply.error().1.is_empty());
            let other_key = app.makes_caller(app.user, json!({})).await.speaking(Protocol::Responses);
            other_key.asks("mine").field("previous_response_id", id).whole().await.expects(200);
        }
        caller.asks("no").field("previous_response_id", "resp_unknown").whole().await.expects(404);
        app.finish().await;
    }

    async fn a_channel_that_died_between_two_requests_is_noticed_and_passed_over(storage) {
        let app = spawn_app(storage).await;
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", dead.local_addr().unwrap());
        drop(dead);
        second_channel(&app, json!({"priority": 5, "baseUrl": url})).await;
        app.caller().asks("hello").whole().await.expects(200);
        app.caller().asks("hello").streamed().await.expects(200);
        app.finish().await;
    }

    async fn private_addresses_are_refused_unless_allowed(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"allowPrivateUpstreams": false, "circuitEnabled": false})).await;
        let reply = app.caller().asks("hello").whole().await.expects(502);
        assert!(!reply.said().contains("127.0.0.1"));
        assert_eq!(app.provider().count(), 0);
        app.sets(json!({"allowPrivateUpstreams": true})).await;
        app.caller().asks("hello").whole().await.expects(200);
        app.finish().await;
    }
}
