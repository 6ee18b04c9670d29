//! Streams: failover before the commit and never after it, legal endings, silence, clients that leave, and
//! what the row says of each.

use std::time::Duration;

use actors::vocabulary::Protocol;
use api_proxy::config::Patience;
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Usage};
use bytes::Bytes;
use serde_json::json;

use crate::app::{CLAUDE, TestApp, Wish, eventually, spawn_app, spawn_app_with};
use crate::on_both;

const TALKING: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];

/// Two channels per family: the first is asked first, with the upstream key `sk-first`; the second answers.
async fn two_channels(app: &TestApp) {
    for (kind, second) in [("claude", app.claude_channel), ("openai", app.openai_channel)] {
        app.channel(json!({"name": format!("{kind}-first"), "type": kind, "priority": 10, "apiKey": "sk-first"})).await;
        app.changes_channel(second, json!({"apiKey": "sk-second"})).await;
    }
    app.provider().for_key("sk-second", Scripted::text("from the second").usage(Usage::new(7, 3)));
}

on_both! {
    async fn a_stream_arrives_whole_and_is_billed(storage) {
        let app = spawn_app(storage).await;
        for protocol in TALKING {
            app.provider().push(Scripted::pieces(["Hel", "lo ", "you"]).usage(Usage::new(100, 10)));
            let reply = app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
            assert_eq!((reply.text().as_str(), reply.ends_legally(), reply.ended), ("Hello you", true, true), "{}", reply.said());
            assert!(reply.header("content-type").starts_with("text/event-stream"));
            assert!(reply.error_event().is_none());
        }
        let rows = app.rows().await;
        assert_eq!(rows.iter().map(|row| row.cost_nanos).collect::<Vec<_>>(), [150_000, 45_000, 45_000]);
        for row in rows {
            assert_eq!((row.status, row.ending.as_str(), row.stream, row.estimated), (200, "completed", true, false));
            assert_eq!((row.tokens_in, row.tokens_out), (100, 10));
            assert!(row.ttft_ms.is_some());
        }
        app.finish().await;
    }

    async fn a_stream_cut_by_the_provider_is_billed_for_what_arrived(storage) {
        let app = spawn_app(storage).await;
        for protocol in TALKING {
            app.provider().push(Scripted::pieces(["Hel", "lo", "never"]).usage(Usage::new(100, 10)).cut_connection_after(2));
            let reply = app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
            assert_eq!(reply.text(), "Hello");
            assert!(reply.ends_legally() && reply.ended, "{}", reply.said());
            assert!(reply.error_event().is_some());
        }
        assert_eq!(app.provider().count(), 3, "after the commit there is no other try");
        for row in app.rows().await {
            assert_eq!((row.status, row.ending.as_str(), row.estimated, row.tokens_out), (200, "upstream_failed", true, 2), "{row:?}");
            assert!(row.cost_nanos > 0 && row.error.is_some());
            if row.protocol == "messages" {
                assert_eq!(row.tokens_in, 100, "the input was known");
                assert_eq!(row.cost_nanos, 100_000 + 2 * 5_000);
            }
        }
        app.finish().await;
    }

    async fn before_the_commit_another_channel_takes_over(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitEnabled": false, "firstByteTimeoutSec": 0.3, "wholeAnswerTimeoutSec": 0.3, "streamIdleTimeoutSec": 0.3})).await;
        two_channels(&app).await;
        let accidents = [
            Scripted::status(500), Scripted::status(503), Scripted::status(529), Scripted::status(429), Scripted::status(408),
            Scripted::status(401), Scripted::status(402), Scripted::status(403), Scripted::status(404),
            Scripted::new().cut_connection_after(0), Scripted::new().ends_without_terminal_after(0), Scripted::new().error_event_first(),
            Scripted::new().error_event_after(0), Scripted::new().hang(), Scripted::new().hang_after(0),
            Scripted::new().raw_body("text/event-stream", ""), Scripted::new().raw_body("application/json", ""),
            Scripted::new().raw_body("text/html", "<h1>Bad gateway</h1>"), Scripted::new().garbage(),
        ];
        let mut asked = 0;
        for protocol in TALKING {
            for accident in &accidents {
                app.provider().for_key("sk-first", about_the_model(accident));
                let reply = app.caller().speaking(protocol).asks("hello").streamed().await;
                assert_eq!((reply.status, reply.text().as_str()), (200, "from the second"), "{protocol:?} {accident:?} {}", reply.said());
                assert!(reply.ends_legally());
                assert_eq!(reply.said().matches("\"message_start\"").count(), usize::from(protocol == Protocol::Messages));
                asked += 1;
            }
        }
        let rows = app.rows().await;
        assert_eq!(rows.len(), asked);
        for row in &rows {
            let expected = if row.protocol == "messages" { ("claude", 22_000) } else { ("openai", 7_750) };
            assert_eq!((row.channel_name.as_deref().unwrap(), row.cost_nanos), expected, "{row:?}");
            assert_eq!((row.ending.as_str(), row.estimated, row.tokens_in), ("completed", false, 7));
            let attempts: serde_json::Value = serde_json::from_str(&app.detail(row).await.attempts).unwrap();
            assert_eq!(attempts.as_array().unwrap().len(), 2, "{attempts}");
            assert!(attempts[0]["error"].is_string() && attempts[1]["error"].is_null(), "{attempts}");
        }
        app.finish().await;
    }

    async fn whole_answers_fail_over_too(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitEnabled": false, "wholeAnswerTimeoutSec": 0.3})).await;
        two_channels(&app).await;
        let accidents = [
            Scripted::status(500), Scripted::status(401), Scripted::status(404), Scripted::new().cut_connection_after(1),
            Scripted::new().ends_without_terminal_after(1), Scripted::new().hang(), Scripted::new().hang_after(1), Scripted::new().empty(), Scripted::new().garbage(),
        ];
        for protocol in TALKING {
            for accident in &accidents {
                app.provider().for_key("sk-first", about_the_model(accident));
                let reply = app.caller().speaking(protocol).asks("hello").whole().await;
                assert_eq!((reply.status, reply.text().as_str()), (200, "from the second"), "{accident:?} {}", reply.said());
            }
        }
        assert!(app.rows().await.iter().all(|row| matches!(row.cost_nanos, 22_000 | 7_750) && row.ending == "completed"));
        app.finish().await;
    }

    async fn after_the_commit_there_is_no_failover(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitEnabled": false, "streamIdleTimeoutSec": 0.2})).await;
        two_channels(&app).await;
        let one = || Scripted::pieces(["one", "two"]);
        let accidents = [one().cut_connection_after(1), one().ends_without_terminal_after(1), one().error_event_after(1), one().hang_after(1)];
        for protocol in TALKING {
            for accident in &accidents {
                app.provider().for_key("sk-first", accident.clone());
                app.provider().forget_requests();
                let reply = app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
                assert_eq!(reply.text(), "one");
                assert!(reply.ends_legally(), "{protocol:?} {accident:?} {}", reply.said());
                let is_error = |data: &str| ["{\"error\"", "{\"type\":\"error\"", "{\"code\"", "{\"type\":\"response.failed\""].iter().any(|start| data.starts_with(start));
                let errors = reply.events().iter().filter(|(_, data)| is_error(data)).count();
                let told_by_upstream = format!("{accident:?}").contains("ErrorEvent") && protocol == Protocol::Responses;
                assert!(errors == 1 || (told_by_upstream && errors == 2), "{errors} errors: {}", reply.said());
                assert_eq!(app.provider().count(), 1);
            }
        }
        let rows = app.rows().await;
        assert!(rows.iter().all(|row| matches!(row.ending.as_str(), "upstream_failed" | "timed_out") && row.status == 200 && row.cost_nanos > 0), "{rows:?}");
        app.finish().await;
    }

    async fn a_silent_upstream_ends_with_a_timeout_event(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"streamIdleTimeoutSec": 0.2})).await;
        for protocol in TALKING {
            app.provider().push(Scripted::pieces(["one", "two"]).hang_after(1));
            let reply = app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
            assert!(reply.ends_legally(), "{}", reply.said());
            let error = reply.error_event().unwrap().to_string();
            assert!(error.contains("timeout"), "{error}");
        }
        app.provider().wait_for_dropped(3).await.unwrap();
        assert!(app.rows().await.iter().all(|row| row.ending == "timed_out" && row.status == 200 && row.cost_nanos > 0));
        app.finish().await;
    }

    async fn a_quiet_stream_shows_signs_of_life(storage) {
        let patience = Patience { keep_alive: Duration::from_millis(30), ..Patience::default() };
        let app = spawn_app_with(storage, Wish { patience, ..Wish::default() }).await;
        for (protocol, sign) in [(Protocol::Messages, "event: ping\ndata: {\"type\": \"ping\"}"), (Protocol::ChatCompletions, ": keep-alive"), (Protocol::Responses, ": keep-alive")] {
            let gate = Gate::new();
            app.provider().push(Scripted::pieces(["one ", "two"]).wait_for_after(1, gate.clone()));
            let mut stream = app.caller().speaking(protocol).asks("hello").streaming().await;
            stream.until("one").await;
            stream.until(sign).await;
            gate.open();
            let reply = stream.rest().await;
            assert_eq!((reply.text().as_str(), reply.ends_legally()), ("one two", true));
        }
        assert!(app.rows().await.iter().all(|row| row.ending == "completed"));
        app.finish().await;
    }

    async fn a_client_that_leaves_before_the_head_pays_nothing(storage) {
        let app = spawn_app(storage).await;
        let mut gone = 0;
        for protocol in TALKING {
            for streams in [false, true] {
                app.provider().push(Scripted::new().hang());
                let asking = app.caller().speaking(protocol).asks("hello");
                let asked = if streams { asking.spawn_streamed() } else { asking.spawn() };
                app.provider().wait_until_in_flight(1).await.unwrap();
                asked.abort();
                gone += 1;
                app.provider().wait_for_dropped(gone).await.unwrap();
                app.provider().wait_until_in_flight_at_most(0).await.unwrap();
            }
        }
        let rows = app.rows().await;
        assert_eq!(rows.len(), 6);
        for row in rows {
            assert_eq!((row.ending.as_str(), row.status, row.cost_nanos, row.tokens_in, row.estimated), ("client_left", 499, 0, 0, false));
        }
        let health = app.running().cellar.health.observe().await.unwrap();
        assert!(health.iter().all(|channel| channel.failures == 0), "the channel did nothing wrong: {health:?}");
        app.finish().await;
    }

    async fn a_client_that_leaves_mid_stream_pays_for_what_was_sent(storage) {
        let app = spawn_app(storage).await;
        for (at, protocol) in TALKING.into_iter().enumerate() {
            let gate = Gate::new();
            app.provider().push(Scripted::pieces(["Hel", "lo", "never"]).usage(Usage::new(100, 10)).wait_for_after(2, gate.clone()));
            let mut stream = app.caller().speaking(protocol).asks("hello").streaming().await;
            stream.until("lo").await;
            drop(stream);
            app.provider().wait_for_dropped(at + 1).await.unwrap();
        }
        for row in app.rows().await {
            assert_eq!((row.ending.as_str(), row.status, row.tokens_out, row.estimated), ("client_left", 499, 2, true), "{row:?}");
            match row.protocol.as_str() {
                "messages" => assert_eq!((row.tokens_in, row.cost_nanos), (100, 110_000)),
                _ => assert!(row.tokens_in > 0 && row.cost_nanos == row.tokens_in * 250 + 2 * 2_000, "{row:?}"),
            }
        }
        let health = app.running().cellar.health.observe().await.unwrap();
        assert!(health.iter().all(|channel| channel.failures == 0), "the channel did nothing wrong: {health:?}");
        app.finish().await;
    }

    async fn a_client_that_leaves_while_queueing_frees_its_place(storage) {
        let app = spawn_app(storage).await;
        let caller = app.makes_caller(app.user, json!({"maxConcurrency": 1, "rateLimitRpm": 3})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("first").wait_for(gate.clone()));
        let first = caller.asks("first").spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        let waiting = async |count: usize| {
            eventually("so many wait", async || app.running().cellar.gates.observe_all().iter().map(|(_, gate)| gate.waiting).sum::<usize>() == count).await;
        };
        for _ in 0..4 {
            let second = caller.asks("second").spawn();
            waiting(1).await;
            second.abort();
            waiting(0).await;
        }
        gate.open();
        first.await.unwrap().expects(200);
        caller.asks("third").whole().await.expects(200);
        caller.asks("fourth").whole().await.expects(200);
        assert_eq!(app.provider().count(), 3, "those who left were never asked upstream, and gave back their place in the rate");
        let rows = app.rows().await;
        assert_eq!(rows.iter().filter(|row| row.ending == "client_left" && row.cost_nanos == 0).count(), 4);
        app.finish().await;
    }

    async fn a_deadline_between_head_and_commit_costs_nothing(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"requestDeadlineSec": 0.3, "circuitEnabled": false})).await;
        for protocol in TALKING {
            app.provider().push(Scripted::text("late").usage(Usage::new(100, 10)).hang_after(0));
            let reply = app.caller().speaking(protocol).asks("hello").streamed().await.expects(504);
            assert!(reply.json()["error"].is_object());
        }
        for row in app.rows().await {
            assert_eq!((row.ending.as_str(), row.cost_nanos, row.tokens_in), ("timed_out", 0, 0), "nothing went out: {row:?}");
            let attempts: serde_json::Value = serde_json::from_str(&app.detail(&row).await.attempts).unwrap();
            assert_eq!(attempts.as_array().unwrap().len(), 1, "the attempt is shown");
        }
        app.finish().await;
    }

    async fn a_stream_without_its_last_event_gets_one_when_the_answer_was_complete(storage) {
        let app = spawn_app(storage).await;
        let claude = ["event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":4}}\n\n"];
        let chat = ["data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n", "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\n"];
        for (protocol, chunks) in [(Protocol::Messages, claude), (Protocol::ChatCompletions, chat)] {
            app.provider().push(Scripted::new().raw_chunks("text/event-stream", chunks.map(|chunk| Bytes::from_static(chunk.as_bytes())).into()));
            let reply = app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
            assert!(reply.ends_legally() && reply.error_event().is_none(), "{}", reply.said());
        }
        for row in app.rows().await {
            assert_eq!((row.ending.as_str(), row.tokens_in, row.tokens_out, row.estimated), ("completed", 9, 4, false), "{row:?}");
        }
        app.finish().await;
    }

    async fn a_stream_that_just_ends_is_a_failure(storage) {
        let app = spawn_app(storage).await;
        for protocol in TALKING {
            app.provider().push(Scripted::pieces(["one", "two"]).ends_without_terminal_after(2));
            let reply = app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
            assert_eq!(reply.text(), "onetwo");
            assert!(reply.ends_legally() && reply.error_event().is_some(), "{}", reply.said());
        }
        assert!(app.rows().await.iter().all(|row| row.ending == "upstream_failed" && row.estimated));
        app.finish().await;
    }

    async fn an_answer_without_usage_is_counted_from_its_text(storage) {
        let app = spawn_app(storage).await;
        app.provider().always(Scripted::text("nine bytes").without_usage());
        for protocol in TALKING {
            app.caller().speaking(protocol).asks("hello").streamed().await.expects(200);
            app.caller().speaking(protocol).asks("hello").whole().await.expects(200);
        }
        for row in app.rows().await {
            assert_eq!((row.estimated, row.ending.as_str(), row.tokens_out), (true, "completed", 4), "{row:?}");
            assert!(row.tokens_in >= 2 && row.cost_nanos > 0);
        }
        app.finish().await;
    }

    async fn a_404_of_the_model_rests_that_model_on_that_channel_only(storage) {
        let app = spawn_app(storage).await;
        two_channels(&app).await;
        app.prices("claude", "claude-other", r#""inputPricePerMTok":1,"outputPricePerMTok":1"#).await;
        app.provider().for_key("sk-first", Scripted::status(404).error_body(format!("{{\"error\":{{\"message\":\"model: {CLAUDE}\"}}}}")));
        app.caller().asks("hello").whole().await.expects(200);
        let keys = || app.provider().requests().iter().map(|seen| seen.header("x-api-key").unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(keys(), ["sk-first", "sk-second"]);
        eventually("the model rests", async || app.running().cellar.health.observe().await.unwrap().iter().any(|channel| !channel.resting_models.is_empty())).await;
        app.provider().forget_requests();
        app.caller().asks("hello").whole().await.expects(200);
        assert_eq!(keys(), ["sk-second"]);
        app.provider().for_key("sk-first", Scripted::text("here"));
        app.provider().forget_requests();
        app.caller().asks("another conversation").model("claude-other").whole().await.expects(200);
        assert_eq!(keys(), ["sk-first"]);
        app.finish().await;
    }

    async fn a_404_that_everybody_says_reaches_the_client_in_the_upstreams_words(storage) {
        let app = spawn_app(storage).await;
        let words = format!("{{\"type\":\"error\",\"error\":{{\"type\":\"not_found_error\",\"message\":\"model: {CLAUDE}\"}}}}");
        app.provider().always(Scripted::status(404).error_body(words.clone()));
        let reply = app.caller().asks("hello").whole().await;
        assert_eq!((reply.status, reply.said(), reply.header("x-relay-error-origin")), (404, words, "upstream"));
        app.finish().await;
    }

    async fn without_content_the_commit_comes_after_three_seconds(storage) {
        let app = spawn_app(storage).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("late").wait_for_after(0, gate.clone()));
        let mut stream = app.caller().asks("hello").streaming().await;
        stream.until("message_start").await;
        assert!(!stream.read().contains("late"));
        gate.open();
        assert_eq!(stream.rest().await.text(), "late");
        app.finish().await;
    }

    async fn without_content_the_commit_comes_after_64_kib(storage) {
        let app = spawn_app(storage).await;
        let long = format!("event: message_start\ndata: {{\"type\":\"message_start\",\"pad\":\"{}\",\"message\":{{}}}}\n\n", "x".repeat(70_000));
        let rest = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let gate = Gate::new();
        let chunks = vec![Bytes::from(long), Bytes::from_static(rest.as_bytes())];
        app.provider().push(Scripted::new().raw_chunks("text/event-stream", chunks).wait_for_after(1, gate.clone()));
        let mut stream = app.caller().asks("hello").streaming().await;
        stream.until("message_start").await;
        gate.open();
        assert!(stream.rest().await.ends_legally());
        app.finish().await;
    }

    async fn thinking_and_tool_calls_commit_and_count(storage) {
        let app = spawn_app(storage).await;
        for protocol in TALKING {
            for reply in [Scripted::new().thinking("let me see", "c2ln"), Scripted::new().tool_call("weather", r#"{"location":"Paris"}"#)] {
                let gate = Gate::new();
                app.provider().push(reply.wait_for_after(1, gate.clone()).without_usage());
                let stream = app.caller().speaking(protocol).asks("hello").streaming().await;
                assert_eq!(stream.status, 200, "the head is here while the provider still waits");
                gate.open();
                assert!(stream.rest().await.ends_legally());
            }
        }
        for row in app.rows().await {
            assert!(row.tokens_out > 0 && row.estimated, "{row:?}");
        }
        app.finish().await;
    }
}

/// A 404 must name the model to be about it.
fn about_the_model(accident: &Scripted) -> Scripted {
    if format!("{accident:?}").contains("status: Some(404)") {
        return accident.clone().error_body(r#"{"error":{"message":"no such model","code":"model_not_found"}}"#);
    }
    accident.clone()
}
