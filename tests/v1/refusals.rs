//! The table of the contract's §2: what a client is told when there is no answer, in both vendors' shapes.

use actors::vocabulary::Protocol;
use api_proxy::config::TrustedProxies;
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Step};
use serde_json::json;

use crate::app::{GPT, Wish, eventually, spawn_app, spawn_app_with};
use crate::caller::Caller;
use crate::on_both;
use crate::reply::Reply;

pub(crate) const SHAPES: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];

/// Asserts one row of the table: `anthropic` is Anthropic's type, `openai` OpenAI's code.
#[track_caller]
pub(crate) fn told(reply: &Reply, protocol: Protocol, status: u16, anthropic: &str, openai: &str) {
    assert_eq!(reply.status, status, "{}", reply.said());
    let (kind, code) = reply.error();
    let id = reply.header("x-request-id").to_owned();
    assert!(id.starts_with("req_"), "x-request-id: {id:?}");
    assert_eq!(reply.header("x-relay-error-origin"), "gateway");
    assert_eq!(reply.header("content-type"), "application/json");
    if matches!(protocol, Protocol::Messages | Protocol::CountTokens) {
        assert_eq!((kind.as_str(), reply.json()["type"].as_str()), (anthropic, Some("error")));
        assert_eq!(reply.header("request-id"), id);
        assert_eq!(reply.json()["request_id"], id);
    } else {
        assert_eq!(code, openai, "{}", reply.said());
        assert!(reply.json()["error"].as_object().unwrap().contains_key("param"));
        assert!(!kind.is_empty());
    }
}

#[track_caller]
pub(crate) fn retry_after(reply: &Reply) -> u64 {
    reply.header("retry-after").parse().unwrap_or_else(|_| panic!("Retry-After: {:?}", reply.header("retry-after")))
}

/// Asserts the protocol's rate-limit headers.
#[track_caller]
fn shows_limit(reply: &Reply, protocol: Protocol, what: &str, limit: &str) {
    let (names, reset) = if protocol == Protocol::Messages {
        (
            [format!("anthropic-ratelimit-{what}-limit"), format!("anthropic-ratelimit-{what}-remaining")],
            format!("anthropic-ratelimit-{what}-reset"),
        )
    } else {
        ([format!("x-ratelimit-limit-{what}"), format!("x-ratelimit-remaining-{what}")], format!("x-ratelimit-reset-{what}"))
    };
    assert_eq!((reply.header(&names[0]), reply.header(&names[1])), (limit, "0"), "{:?}", reply.headers);
    assert!(reply.has(&reset), "{reset}");
}

pub(crate) async fn ask(caller: &Caller, protocol: Protocol) -> Reply {
    caller.speaking(protocol).asks("hello").whole().await
}

on_both! {
    async fn a_key_is_taken_from_any_of_the_headers_that_clients_use(storage) {
        let app = spawn_app(storage).await;
        for protocol in SHAPES {
            let caller = app.caller().speaking(protocol);
            let bare = caller.asks("hello").no_header("authorization").no_header("x-api-key");
            bare.clone().header("authorization", &format!("Bearer {}", caller.key)).whole().await.expects(200);
            bare.clone().header("authorization", &format!("bearer {}", caller.key)).whole().await.expects(200);
            bare.clone().header("x-api-key", &caller.key).whole().await.expects(200);
            bare.clone().header("api-key", &caller.key).whole().await.expects(200);
            let ours = bare.clone().header("authorization", "Bearer sk-wrong").header("x-api-key", &caller.key);
            ours.whole().await.expects(200);
            bare.header("x-api-key", &caller.key).header("api-key", "sk-wrong").whole().await.expects(200);
        }
        app.finish().await;
    }

    async fn a_stranger_is_told_401_and_leaves_no_row(storage) {
        let app = spawn_app(storage).await;
        for protocol in SHAPES {
            let caller = app.caller().speaking(protocol);
            let nobody = caller.asks("hello").no_header("authorization").no_header("x-api-key").whole().await;
            told(&nobody, protocol, 401, "authentication_error", "invalid_api_key");
            let unknown = ask(&caller.with_key("sk-relay-AAAA-doesnotexist"), protocol).await;
            told(&unknown, protocol, 401, "authentication_error", "invalid_api_key");
            let prefix = &caller.key[..caller.key.len() - 1];
            told(&ask(&caller.with_key(prefix), protocol).await, protocol, 401, "authentication_error", "invalid_api_key");
            assert!(!unknown.said().contains("doesnotexist"));
        }
        assert_eq!(app.rows().await.len(), 0);
        assert_eq!(app.provider().count(), 0);
        app.finish().await;
    }

    async fn an_address_that_guesses_keys_is_slowed_down_but_known_keys_go_on(storage) {
        let app = spawn_app(storage).await;
        let caller = app.caller();
        ask(&caller, Protocol::Messages).await.expects(200);
        let mut last = None;
        for guess in 0..80 {
            let reply = ask(&caller.with_key(&format!("sk-guess-{guess}")), Protocol::Messages).await;
            let closed = reply.status == 429;
            last = Some(reply);
            if closed {
                break;
            }
        }
        let last = last.unwrap();
        told(&last, Protocol::Messages, 429, "rate_limit_error", "rate_limit_exceeded");
        assert!((1..=60).contains(&retry_after(&last)));
        ask(&caller, Protocol::Messages).await.expects(200);
        app.finish().await;
    }

    async fn a_key_that_may_not_be_used_is_told_403(storage) {
        let app = spawn_app(storage).await;
        let refused = [
            json!({"status": "disabled"}),
            json!({"expiresAt": 1_000}),
            json!({"allowedIps": ["203.0.113.0/24"]}),
            json!({"models": ["other-*"]}),
            json!({"channelId": app.channel(json!({"name": "pinned", "type": "claude", "models": ["other-model"]})).await}),
        ];
        for fields in refused {
            let caller = app.makes_caller(app.user, fields.clone()).await;
            for protocol in SHAPES {
                let reply = ask(&caller, protocol).await;
                assert_eq!(reply.status, 403, "{fields} {}", reply.said());
                told(&reply, protocol, 403, "permission_error", "permission_denied");
            }
        }
        for (scope, protocol) in [("claude", Protocol::ChatCompletions), ("openai", Protocol::Messages)] {
            let caller = app.makes_caller(app.user, json!({"channelScope": scope})).await;
            told(&ask(&caller, protocol).await, protocol, 403, "permission_error", "permission_denied");
        }
        assert_eq!(app.provider().count(), 0);
        let rows = app.rows().await;
        assert!(rows.iter().all(|row| row.ending == "refused" && row.status == 403 && row.cost_nanos == 0), "{rows:?}");
        assert_eq!(rows.len(), 5 * 3 + 2);
        app.finish().await;
    }

    async fn a_key_may_what_its_lists_allow(storage) {
        let app = spawn_app(storage).await;
        let allowed = [
            json!({"expiresAt": 4_102_444_800_000_i64}),
            json!({"allowedIps": ["127.0.0.0/8", "::1"]}),
            json!({"models": ["claude-*", GPT]}),
            json!({"channelScope": "all"}),
        ];
        for fields in allowed {
            let caller = app.makes_caller(app.user, fields).await;
            for protocol in SHAPES {
                ask(&caller, protocol).await.expects(200);
            }
        }
        let pinned = app.makes_caller(app.user, json!({"channelId": app.claude_channel, "channelScope": "claude"})).await;
        ask(&pinned, Protocol::Messages).await.expects(200);
        app.finish().await;
    }

    async fn keys_of_a_disabled_owner_stop_at_once_and_come_back(storage) {
        let app = spawn_app(storage).await;
        ask(&app.caller(), Protocol::Messages).await.expects(200);
        app.admin("PATCH", &format!("/api/users/{}", app.user), json!({"status": "disabled"})).await;
        for protocol in SHAPES {
            told(&ask(&app.caller(), protocol).await, protocol, 403, "permission_error", "permission_denied");
        }
        app.caller().gets("/v1/models").whole().await.expects(403);
        app.caller().gets("/v1/usage").whole().await.expects(403);
        app.admin("PATCH", &format!("/api/users/{}", app.user), json!({"status": "active"})).await;
        ask(&app.caller(), Protocol::Messages).await.expects(200);
        app.finish().await;
    }

    async fn models_are_unknown_disabled_or_unpriced(storage) {
        let app = spawn_app(storage).await;
        app.admin("POST", "/api/models", json!({"provider": "claude", "model": "off", "displayName": "off", "enabled": false})).await;
        app.admin("POST", "/api/models", json!({"provider": "openai", "model": "off", "displayName": "off", "enabled": false})).await;
        app.admin("POST", "/api/models", json!({"provider": "claude", "model": "free", "displayName": "free"})).await;
        app.admin("POST", "/api/models", json!({"provider": "openai", "model": "free", "displayName": "free"})).await;
        for protocol in SHAPES {
            let caller = app.caller().speaking(protocol);
            let unknown = caller.asks("hello").model("nobody-knows-it").whole().await;
            told(&unknown, protocol, 404, "not_found_error", "model_not_found");
            assert!(unknown.said().contains("nobody-knows-it"));
            told(&caller.asks("hello").model("off").whole().await, protocol, 403, "permission_error", "permission_denied");
            told(&caller.asks("hello").model("free").whole().await, protocol, 403, "permission_error", "permission_denied");
        }
        app.sets(json!({"allowUnpricedModels": true})).await;
        for protocol in SHAPES {
            app.caller().speaking(protocol).asks("hello").model("free").whole().await.expects(200);
        }
        let rows = app.rows().await;
        assert!(rows.iter().filter(|row| row.status == 200).all(|row| row.unpriced && row.cost_nanos == 0));
        app.finish().await;
    }

    async fn a_known_model_without_a_channel_is_503(storage) {
        let app = spawn_app(storage).await;
        for channel in [app.claude_channel, app.openai_channel] {
            app.changes_channel(channel, json!({"enabled": false})).await;
        }
        for protocol in SHAPES {
            let reply = ask(&app.caller(), protocol).await;
            told(&reply, protocol, 503, "overloaded_error", "service_unavailable");
            retry_after(&reply);
        }
        app.finish().await;
    }

    async fn bodies_that_are_no_request_are_400_and_name_the_field(storage) {
        let app = spawn_app(storage).await;
        let bodies: [&[u8]; 9] = [
            b"", b"not json", b"[1]", b"\"text\"", b"{}", b"{\"model\":7}", b"{\"model\":\"\"}", b"{\"model\":\"a\"", b"{\"model\":\"\xff\"}",
        ];
        for protocol in SHAPES {
            let caller = app.makes_caller(app.user, json!({})).await.speaking(protocol);
            for body in bodies {
                let reply = caller.sends(body).whole().await;
                told(&reply, protocol, 400, "invalid_request_error", "invalid_request_error");
            }
            let reply = caller.sends("{}").whole().await;
            assert!(reply.said().contains("model"), "{}", reply.said());
        }
        assert_eq!(app.provider().count(), 0);
        app.finish().await;
    }

    async fn a_user_without_money_is_told_402(storage) {
        let app = spawn_app(storage).await;
        let poor = app.customer("poor", "0").await;
        let small = app.customer("small", "0.000000001").await;
        let broke = app.makes_caller(app.user, json!({"budgetUsd": 0.000_000_001})).await;
        for protocol in SHAPES {
            for caller in [&poor, &small, &broke] {
                let reply = ask(caller, protocol).await;
                told(&reply, protocol, 402, "billing_error", "insufficient_quota");
                assert!(!reply.has("retry-after"));
            }
        }
        assert_eq!(app.provider().count(), 0);
        app.finish().await;
    }

    async fn limits_are_429_with_the_protocols_headers(storage) {
        let app = spawn_app(storage).await;
        for protocol in SHAPES {
            let rpm = app.makes_caller(app.user, json!({"rateLimitRpm": 1})).await;
            ask(&rpm, protocol).await.expects(200);
            let reply = ask(&rpm, protocol).await;
            told(&reply, protocol, 429, "rate_limit_error", "rate_limit_exceeded");
            assert!((1..=60).contains(&retry_after(&reply)));
            shows_limit(&reply, protocol, "requests", "1");
            assert!(!reply.has("x-should-retry"));

            let tpm = app.makes_caller(app.user, json!({"rateLimitTpm": 5})).await;
            ask(&tpm, protocol).await.expects(200);
            let reply = ask(&tpm, protocol).await;
            told(&reply, protocol, 429, "rate_limit_error", "rate_limit_exceeded");
            retry_after(&reply);
            shows_limit(&reply, protocol, "tokens", "5");

            let daily = app.makes_caller(app.user, json!({"quota": 1})).await;
            ask(&daily, protocol).await.expects(200);
            let reply = ask(&daily, protocol).await;
            told(&reply, protocol, 429, "rate_limit_error", "rate_limit_exceeded");
            assert_eq!(reply.header("x-should-retry"), "false");
            retry_after(&reply);
            shows_limit(&reply, protocol, "tokens", "1");
        }
        app.finish().await;
    }

    async fn no_slot_in_time_is_429(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"concurrencyWaitSec": 0.05})).await;
        for protocol in SHAPES {
            let busy = app.makes_caller(app.user, json!({"maxConcurrency": 1})).await.speaking(protocol);
            let gate = Gate::new();
            app.provider().push(Scripted::text("late").wait_for(gate.clone()));
            let first = busy.asks("hello").spawn();
            app.provider().wait_until_in_flight(1).await.unwrap();
            let reply = busy.asks("hello").whole().await;
            told(&reply, protocol, 429, "rate_limit_error", "rate_limit_exceeded");
            retry_after(&reply);
            shows_limit(&reply, protocol, "requests", "1");
            gate.open();
            first.await.unwrap().expects(200);
            app.provider().wait_until_in_flight_at_most(0).await.unwrap();
        }
        app.finish().await;
    }

    async fn maintenance_refuses_posts_alone_in_the_admins_words(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"maintenanceMode": true, "maintenanceMessage": "Back at nine."})).await;
        for protocol in SHAPES {
            let reply = ask(&app.caller(), protocol).await;
            told(&reply, protocol, 503, "overloaded_error", "service_unavailable");
            assert!(reply.said().contains("Back at nine."));
            assert_eq!(reply.header("x-should-retry"), "false");
            retry_after(&reply);
            told(&ask(&app.caller().with_key("sk-no"), protocol).await, protocol, 401, "authentication_error", "invalid_api_key");
        }
        app.caller().gets("/v1/models").whole().await.expects(200);
        app.caller().gets("/v1/usage").whole().await.expects(200);
        app.sets(json!({"maintenanceMode": null})).await;
        ask(&app.caller(), Protocol::Messages).await.expects(200);
        app.finish().await;
    }

    async fn a_clients_own_request_id_is_only_a_label(storage) {
        let app = spawn_app(storage).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let reply = app.caller().asks("hello").header("x-request-id", "mine").whole().await.expects(200);
            assert_eq!(reply.header("x-request-id"), reply.header("request-id"));
            ids.push(reply.header("x-request-id").to_owned());
        }
        let rows = app.rows().await;
        assert_eq!(rows.iter().map(|row| row.request_id.clone()).collect::<Vec<_>>(), ids);
        assert_eq!(app.detail(&rows[0]).await.client_request_id.as_deref(), Some("mine"));
        assert!(rows.iter().all(|row| row.cost_nanos > 0), "a repeated label is no free ride");
        app.finish().await;
    }

    async fn refusals_write_ten_rows_a_minute_and_key_at_most(storage) {
        let app = spawn_app(storage).await;
        let one = app.makes_caller(app.user, json!({})).await;
        let other = app.makes_caller(app.user, json!({})).await;
        for caller in [&one, &other] {
            for _ in 0..25 {
                caller.sends("{}").whole().await.expects(400);
            }
        }
        let rows = app.rows().await;
        for caller in [&one, &other] {
            let mut minutes = std::collections::HashMap::new();
            for row in rows.iter().filter(|row| row.key_id == caller.key_id) {
                *minutes.entry(row.ts / 60_000).or_insert(0) += 1;
            }
            assert!((1..=2).contains(&minutes.len()) && minutes.values().all(|rows| *rows <= 10), "{minutes:?}");
            assert!(minutes.values().any(|rows| *rows == 10));
        }
        one.asks("hello").whole().await.expects(200);
        assert_eq!(app.rows().await.len(), rows.len() + 1, "answers are always written");
        app.finish().await;
    }

    async fn forwarded_addresses_are_believed_from_trusted_proxies_alone(storage) {
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        let app = spawn_app_with(storage, Wish { trusted_proxies: TrustedProxies::new(networks), ..Wish::default() }).await;
        let inside = app.makes_caller(app.user, json!({"allowedIps": ["203.0.113.7"]})).await;
        inside.asks("hello").header("x-forwarded-for", "203.0.113.7").whole().await.expects(200);
        inside.asks("hello").header("x-forwarded-for", "203.0.113.7, 203.0.113.8").whole().await.expects(403);
        inside.asks("hello").whole().await.expects(403);
        app.finish().await;
        let app = spawn_app(storage).await;
        let inside = app.makes_caller(app.user, json!({"allowedIps": ["203.0.113.7"]})).await;
        inside.asks("hello").header("x-forwarded-for", "203.0.113.7").whole().await.expects(403);
        app.finish().await;
    }

    async fn a_refused_request_gives_back_its_place_in_the_rate(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"concurrencyWaitSec": 0.05, "proxyMaxRetries": 0, "circuitEnabled": false})).await;
        let caller = app.makes_caller(app.user, json!({"rateLimitRpm": 3, "maxConcurrency": 1})).await;
        let gate = Gate::new();
        app.provider().push(Scripted::text("late").wait_for(gate.clone()));
        let first = caller.asks("hello").spawn();
        app.provider().wait_until_in_flight(1).await.unwrap();
        for _ in 0..5 {
            let refused = caller.asks("hello").whole().await.expects(429);
            assert!(refused.said().contains("slot"), "{}", refused.said());
        }
        gate.open();
        first.await.unwrap().expects(200);
        app.provider().push(Step::new(Scripted::status(500)).times(1));
        eventually("the slot is free", async || app.running().cellar.gates.observe_all().iter().all(|(_, gate)| gate.slots == 0)).await;
        caller.asks("hello").whole().await.expects(500);
        caller.asks("hello").whole().await.expects(200);
        let reply = caller.asks("hello").whole().await.expects(429);
        assert!(reply.said().contains("per minute"), "the upstream's failure kept its place: {}", reply.said());
        app.finish().await;
    }
}
