//! What a client is told when providers refuse, fail or keep silent.

use actors::vocabulary::Protocol;
use api_proxy::mock_upstream::Reply as Scripted;
use serde_json::json;

use crate::app::spawn_app;
use crate::on_both;
use crate::refusals::{SHAPES, ask, retry_after};

on_both! {
    async fn an_upstreams_own_4xx_passes_unchanged(storage) {
        let app = spawn_app(storage).await;
        for protocol in SHAPES {
            for status in [400, 404, 413, 422] {
                let words = format!("{{\"error\" : {{\"message\":\"prompt is too long: {status} tokens\",\"x\":[1, 2]}}}}");
                app.provider().push(Scripted::status(status).error_body(words.clone()));
                let reply = ask(&app.caller(), protocol).await;
                assert_eq!((reply.status, reply.said()), (status, words));
                assert_eq!(reply.header("x-relay-error-origin"), "upstream");
                assert!(reply.header("x-request-id").starts_with("req_"));
                assert!(!reply.header("x-upstream-request-id").is_empty());
                assert!(!reply.has("set-cookie"));
            }
        }
        assert_eq!(app.provider().count(), 12, "a caller's own error is not tried elsewhere");
        let rows = app.rows().await;
        assert!(rows.iter().all(|row| row.cost_nanos == 0 && row.status >= 400 && row.ending == "completed"), "{rows:?}");
        let health = app.running().cellar.health.observe().await.unwrap();
        assert!(health.iter().all(|channel| channel.failures == 0), "{health:?}");
        app.finish().await;
    }

    async fn when_all_failed_the_last_status_is_kept_under_our_words(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"proxyMaxRetries": 0, "circuitEnabled": false})).await;
        let kept = [
            (408, "timeout_error", "timeout"),
            (429, "rate_limit_error", "rate_limit_exceeded"),
            (500, "api_error", "upstream_error"),
            (502, "api_error", "upstream_error"),
            (503, "overloaded_error", "service_unavailable"),
            (504, "timeout_error", "timeout"),
            (529, "overloaded_error", "service_unavailable"),
        ];
        for protocol in SHAPES {
            for (status, anthropic, openai) in kept {
                app.provider().push(Scripted::status(status).header("retry-after", "7"));
                let reply = ask(&app.caller(), protocol).await;
                assert_eq!(reply.status, status, "{}", reply.said());
                let (kind, code) = reply.error();
                assert_eq!(if protocol == Protocol::Messages { kind } else { code }, if protocol == Protocol::Messages { anthropic } else { openai });
                assert_eq!((retry_after(&reply), reply.header("x-relay-error-origin")), (7, "upstream"));
                assert!(reply.said().contains('1') && !reply.said().contains("scripted"), "{}", reply.said());
                for secret in ["sk-upstream", "127.0.0.1", "\"claude\"", "\"openai\"", "Internal server error"] {
                    assert!(!reply.said().contains(secret), "{}", reply.said());
                }
            }
            for status in [401, 402, 403] {
                app.provider().push(Scripted::status(status));
                let reply = ask(&app.caller(), protocol).await;
                let (kind, code) = reply.error();
                assert_eq!((reply.status, reply.header("x-relay-error-origin")), (502, "upstream"));
                assert_eq!(if protocol == Protocol::Messages { kind } else { code }, if protocol == Protocol::Messages { "api_error" } else { "upstream_error" });
            }
            app.provider().push(Scripted::new().cut_connection_after(0));
            ask(&app.caller(), protocol).await.expects(502);
            app.provider().push(Scripted::new().garbage());
            ask(&app.caller(), protocol).await.expects(502);
        }
        let rows = app.rows().await;
        assert!(rows.iter().all(|row| row.ending == "upstream_failed" && row.cost_nanos == 0), "{rows:?}");
        app.finish().await;
    }

    async fn the_last_kept_status_wins_over_later_failures_of_another_kind(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"circuitEnabled": false, "proxyMaxRetries": 1})).await;
        app.channel(json!({"name": "second", "type": "claude", "priority": -1})).await;
        app.provider().push_all([Scripted::status(529).header("retry-after", "3"), Scripted::status(401)]);
        let reply = ask(&app.caller(), Protocol::Messages).await.expects(529);
        assert_eq!(retry_after(&reply), 3);
        assert!(reply.said().contains('2'), "how many were tried: {}", reply.said());
        app.finish().await;
    }

    async fn a_deadline_is_504(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"requestDeadlineSec": 0.2, "circuitEnabled": false})).await;
        for protocol in SHAPES {
            app.provider().push(Scripted::new().hang());
            let reply = ask(&app.caller(), protocol).await;
            let (kind, code) = reply.error();
            assert_eq!(reply.status, 504, "{}", reply.said());
            assert_eq!(if protocol == Protocol::Messages { kind } else { code }, if protocol == Protocol::Messages { "timeout_error" } else { "timeout" });
        }
        app.provider().wait_for_dropped(3).await.unwrap();
        let rows = app.rows().await;
        assert!(rows.iter().all(|row| row.ending == "timed_out" && row.cost_nanos == 0), "{rows:?}");
        app.finish().await;
    }
}
