//! Every setting the road reads, changed and seen to have changed something.

use std::time::{Duration, Instant};

use actors::channel_health::Circuit;
use actors::ports::{Clock, SystemClock};
use actors::vocabulary::{Protocol, Settings};
use api_proxy::admission::day_start;
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Step, Usage};
use serde_json::{Value, json};

use crate::app::{CLAUDE, GPT, TestApp, spawn_app};
use crate::database::Storage;
use crate::on_both;

/// Settings the road does not read: pages, accounts, mail, upkeep.
const NOT_OF_THE_ROAD: [&str; 11] = [
    "siteName",
    "siteUrl",
    "siteLogoUrl",
    "registrationEnabled",
    "logRetentionDays",
    "announcementEnabled",
    "announcementMode",
    "announcementTitle",
    "announcementHtml",
    "defaultQuotaUsd",
    "maxKeysPerUser",
];

async fn status(app: &TestApp, streams: bool) -> u16 {
    let asking = app.caller().asks(&format!("conversation {}", fastrand::u64(..)));
    if streams { asking.streamed().await.status } else { asking.whole().await.status }
}

/// The status of the next answer when the provider's first answer is this.
async fn after(app: &TestApp, accident: Scripted, streams: bool) -> u16 {
    app.provider().push(accident);
    let status = status(app, streams).await;
    while app.provider().queued() > 0 {
        let _spent = app.caller().asks("spend the script").whole().await;
    }
    status
}

/// The cost of an answer with this usage.
async fn cost(app: &TestApp, protocol: Protocol, usage: Usage) -> i64 {
    app.provider().push(Scripted::text("hi").usage(usage));
    app.caller().speaking(protocol).asks("hello").whole().await.expects(200);
    app.rows().await.iter().max_by_key(|row| row.id).unwrap().cost_nanos
}

/// Whether the caller gets through `times` requests that end, and the next one is refused.
async fn refused_after(app: &TestApp, times: usize) -> bool {
    for _ in 0..times {
        if status(app, false).await != 200 {
            return false;
        }
    }
    status(app, false).await == 429
}

/// A last resort of one family, and whether it is asked.
async fn falls_back(app: &TestApp, family: &str, setting: &str) -> bool {
    let (protocol, model) = if family == "claude" { (Protocol::Messages, CLAUDE) } else { (Protocol::ChatCompletions, GPT) };
    let last = app.channel(json!({"name": "last", "type": family, "apiKey": "sk-last", "models": ["last-model"]})).await;
    app.prices(family, "last-model", r#""inputPricePerMTok":1,"outputPricePerMTok":1"#).await;
    let all = [
        (format!("{family}FallbackEnabled"), json!(true)),
        (format!("{family}FallbackChannelId"), json!(last)),
        (format!("{family}FallbackModel"), json!("last-model")),
    ];
    app.sets(json!({"circuitEnabled": false, "proxyMaxRetries": 0})).await;
    app.provider().for_key("sk-upstream", Scripted::status(500));
    let asks = async || app.caller().speaking(protocol).asks("hello").model(model).whole().await.status;
    for (key, value) in all.iter().filter(|(key, _)| key != setting) {
        app.sets(json!({key.as_str(): value})).await;
    }
    let without = asks().await;
    let (key, value) = all.iter().find(|(key, _)| key == setting).unwrap();
    app.sets(json!({key.as_str(): value})).await;
    (without, asks().await) == (500, 200)
}

/// How long a request took that waits for the setting's time to pass, and its status.
async fn takes(app: &TestApp, accident: Scripted, streams: bool) -> (u16, Duration) {
    app.sets(json!({"circuitEnabled": false, "proxyMaxRetries": 0})).await;
    let started = Instant::now();
    let status = after(app, accident, streams).await;
    (status, started.elapsed())
}

/// Changes one setting and looks whether it has its effect; `None` for a key nobody wrote a look for.
async fn has_its_effect(app: &TestApp, key: &str) -> Option<bool> {
    if let Some(seen) = limits_and_the_day(app, key).await {
        return Some(seen);
    }
    if let Some(seen) = retries(app, key).await {
        return Some(seen);
    }
    if let Some(seen) = money(app, key).await {
        return Some(seen);
    }
    if let Some(seen) = clocks(app, key).await {
        return Some(seen);
    }
    circuits_and_doors(app, key).await
}

/// Looks at the day and the defaults of users.
async fn limits_and_the_day(app: &TestApp, key: &str) -> Option<bool> {
    let sets = async |value: Value| app.sets(json!({key: value})).await;
    Some(match key {
        "timezone" => {
            // From the zone whose day began first to the one whose day began last.
            let now = SystemClock.now_ms();
            let mut zones: Vec<String> = (-14..=12).map(|west: i32| format!("Etc/GMT{west:+}").replace("GMT+0", "UTC")).collect();
            zones.sort_by_key(|zone| day_start(now, zone));
            let caller = app.makes_caller(app.user, json!({})).await;
            let mut right = true;
            for zone in [zones.first().unwrap(), zones.last().unwrap()] {
                sets(json!(zone)).await;
                caller.asks("hello").whole().await.expects(200);
                app.rows().await;
                let began = app.peek().numbers(&format!("SELECT day_start FROM api_keys WHERE id = {}", caller.key_id)).await;
                right &= began == [day_start(SystemClock.now_ms(), zone)];
            }
            right && day_start(now, zones.first().unwrap()) < day_start(now, zones.last().unwrap())
        }
        "maintenanceMode" => {
            sets(json!(true)).await;
            status(app, false).await == 503
        }
        "maintenanceMessage" => {
            app.sets(json!({"maintenanceMode": true, "maintenanceMessage": "Gone fishing"})).await;
            app.caller().asks("hello").whole().await.said().contains("Gone fishing")
        }
        "bodyMemoryBytes" => {
            sets(json!(1 << 20)).await;
            app.caller().asks(&"x".repeat(600_000)).whole().await.status == 413
        }
        "maxRequestBytes" => {
            sets(json!(20)).await;
            status(app, false).await == 413
        }
        "defaultRateLimitRpm" => {
            sets(json!(2)).await;
            refused_after(app, 2).await
        }
        "defaultRateLimitTpm" => {
            sets(json!(100)).await;
            app.provider().always(Scripted::text("hi").usage(Usage::new(50, 50)));
            refused_after(app, 1).await
        }
        "defaultMaxConcurrency" => {
            app.sets(json!({"defaultMaxConcurrency": 1, "concurrencyWaitSec": 0.05})).await;
            let gate = Gate::new();
            app.provider().push(Scripted::text("late").wait_for(gate.clone()));
            let first = app.caller().asks("hello").spawn();
            app.provider().wait_until_in_flight(1).await.unwrap();
            let refused = status(app, false).await == 429;
            gate.open();
            refused && first.await.unwrap().status == 200
        }
        _ => return None,
    })
}

/// Looks at retries.
async fn retries(app: &TestApp, key: &str) -> Option<bool> {
    let sets = async |value: Value| app.sets(json!({key: value})).await;
    Some(match key {
        "proxyMaxRetries" => {
            app.sets(json!({"circuitEnabled": false, "proxyMaxRetries": 1})).await;
            app.provider().push(Step::new(Scripted::status(500)).times(2));
            status(app, false).await == 500 && app.provider().count() == 2
        }
        "proxyRetry429" => {
            app.sets(json!({"circuitEnabled": false, key: false})).await;
            after(app, Scripted::status(429), false).await == 429
        }
        "proxyRetry5xx" => {
            app.sets(json!({"circuitEnabled": false, key: false})).await;
            after(app, Scripted::status(500), false).await == 500
        }
        // A port nobody listens at.
        "proxyRetryNetwork" => {
            app.sets(json!({"circuitEnabled": false, key: false})).await;
            let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            app.changes_channel(app.claude_channel, json!({"baseUrl": format!("http://{closed}"), "apiKey": "sk-upstream"}))
                .await;
            let status = status(app, false).await;
            let attempts: Value = serde_json::from_str(&app.detail(&app.only_row().await).await.attempts).unwrap();
            status == 502 && attempts.as_array().unwrap().len() == 1
        }
        "proxyTreatEmptyOutputAsFailure" => {
            app.sets(json!({"circuitEnabled": false})).await;
            app.provider().push(Scripted::new().empty());
            let reply = app.caller().asks("hello").streamed().await.expects(200);
            sets(json!(true)).await;
            app.provider().push(Scripted::new().empty());
            reply.text().is_empty() && !app.caller().asks("hello").streamed().await.expects(200).text().is_empty()
        }
        _ => return None,
    })
}

/// Looks at fallbacks and money.
async fn money(app: &TestApp, key: &str) -> Option<bool> {
    let sets = async |value: Value| app.sets(json!({key: value})).await;
    Some(match key {
        "claudeFallbackEnabled" | "claudeFallbackChannelId" | "claudeFallbackModel" => falls_back(app, "claude", key).await,
        "openaiFallbackEnabled" | "openaiFallbackChannelId" | "openaiFallbackModel" => falls_back(app, "openai", key).await,
        "globalBillingMultiplier" | "claudeBillingMultiplier" => {
            sets(json!(2)).await;
            cost(app, Protocol::Messages, Usage::new(100, 10)).await == 300_000
        }
        "openaiBillingMultiplier" => {
            sets(json!(2)).await;
            cost(app, Protocol::Responses, Usage::new(100, 10)).await == 90_000
                && cost(app, Protocol::Messages, Usage::new(100, 10)).await == 150_000
        }
        "allowUnpricedModels" => {
            app.channel(json!({"name": "free", "type": "claude", "models": ["free"]})).await;
            let asks = async || app.caller().asks("hello").model("free").whole().await.status;
            let before = asks().await;
            sets(json!(true)).await;
            (before, asks().await) == (403, 200)
        }
        "balancePolicy" => {
            let small = app.customer("small", "0.001").await;
            let asks = async || small.asks("hello").max_tokens(1_000).whole().await.status;
            let before = asks().await;
            sets(json!("strict")).await;
            (before, asks().await) == (200, 402)
        }
        "holdOutputTokens" => {
            sets(json!(10)).await;
            let gate = Gate::new();
            app.provider().push(Scripted::text("late").wait_for(gate.clone()));
            let asked = app.caller().asks("hello").max_tokens(1_000).spawn_streamed();
            app.provider().wait_until_in_flight(1).await.unwrap();
            let held: i64 = app.running().cellar.gates.observe_all().iter().map(|(_, gate)| gate.held.0).sum();
            gate.open();
            asked.await.unwrap().status == 200 && (50_000..100_000).contains(&held)
        }
        "cutWhenExhausted" => {
            let small = app.customer("small", "0.001").await;
            sets(json!(true)).await;
            app.provider().push(Scripted::new().repeat_pieces(1_000, "word ").wait_for_after(200, Gate::new()));
            small.asks("hello").max_tokens(4_000).streamed().await.error_event().is_some()
        }
        _ => return None,
    })
}

/// Looks at records and clocks.
async fn clocks(app: &TestApp, key: &str) -> Option<bool> {
    let sets = async |value: Value| app.sets(json!({key: value})).await;
    let long = Duration::from_secs(20);
    Some(match key {
        "recordAllRequestDetails" => {
            let detail = async || {
                app.caller().asks("a very special prompt").whole().await.expects(200);
                let rows = app.rows().await;
                app.detail(rows.iter().max_by_key(|row| row.id).unwrap()).await.details
            };
            let before = detail().await;
            sets(json!(true)).await;
            let after = detail().await.unwrap_or_default();
            before.is_none() && after.contains("a very special prompt") && !after.contains(&app.caller().key)
        }
        // A connection to an address nobody answers takes as long as it may.
        "connectTimeoutSec" => {
            app.changes_channel(app.claude_channel, json!({"baseUrl": "http://192.0.2.1:81", "apiKey": "sk-upstream"})).await;
            sets(json!(0.1)).await;
            app.sets(json!({"circuitEnabled": false, "proxyMaxRetries": 0})).await;
            let started = Instant::now();
            matches!(status(app, false).await, 502 | 504) && started.elapsed() < long
        }
        "firstByteTimeoutSec" => {
            sets(json!(0.1)).await;
            let (status, took) = takes(app, Scripted::new().hang(), true).await;
            status == 504 && took < long
        }
        "wholeAnswerTimeoutSec" => {
            sets(json!(0.1)).await;
            let (status, took) = takes(app, Scripted::new().hang_after(1), false).await;
            status == 504 && took < long
        }
        "streamIdleTimeoutSec" => {
            sets(json!(0.1)).await;
            app.provider().push(Scripted::pieces(["one", "two"]).hang_after(1));
            app.caller().asks("hello").streamed().await.error_event().is_some()
        }
        "requestDeadlineSec" => {
            sets(json!(0.1)).await;
            let (status, took) = takes(app, Scripted::new().hang(), true).await;
            status == 504 && took < long
        }
        "concurrencyWaitSec" => {
            let caller = app.makes_caller(app.user, json!({"maxConcurrency": 1})).await;
            let gate = Gate::new();
            app.provider().push(Scripted::text("late").wait_for(gate.clone()));
            let first = caller.asks("hello").spawn();
            app.provider().wait_until_in_flight(1).await.unwrap();
            sets(json!(0.05)).await;
            let refused = caller.asks("hello").whole().await.status == 429;
            gate.open();
            refused && first.await.unwrap().status == 200
        }
        _ => return None,
    })
}

/// Looks at circuits and the door.
async fn circuits_and_doors(app: &TestApp, key: &str) -> Option<bool> {
    let sets = async |value: Value| app.sets(json!({key: value})).await;
    Some(match key {
        "circuitEnabled" => {
            app.sets(json!({"circuitMinRequests": 1, "proxyMaxRetries": 0, key: false})).await;
            let off = [after(app, Scripted::status(500), false).await, status(app, false).await];
            sets(json!(true)).await;
            let on = [after(app, Scripted::status(500), false).await, status(app, false).await];
            off == [500, 200] && on == [500, 503]
        }
        "circuitErrorRatePercent" => {
            app.sets(json!({"circuitMinRequests": 4, "proxyMaxRetries": 0, key: 25})).await;
            for _ in 0..3 {
                status(app, false).await;
            }
            after(app, Scripted::status(500), false).await == 500 && status(app, false).await == 503
        }
        "circuitMinRequests" => {
            app.sets(json!({key: 2, "proxyMaxRetries": 0})).await;
            let first = [after(app, Scripted::status(500), false).await, status(app, false).await];
            first == [500, 200] && after(app, Scripted::status(500), false).await == 500 && status(app, false).await == 503
        }
        "circuitCooldownSec" | "circuitCooldownMaxSec" => {
            app.sets(json!({"circuitMinRequests": 1, "proxyMaxRetries": 0, key: 5})).await;
            let failed = after(app, Scripted::status(500), false).await == 500;
            let rests = async || {
                let all = app.running().cellar.health.observe().await.unwrap();
                let rest = all.iter().find_map(|state| match state.circuit {
                    Circuit::Open { until_ms } => Some(until_ms - state.last_failure_ms?),
                    _ => None,
                });
                rest == Some(5_000)
            };
            crate::app::eventually("the channel rests for five seconds", rests).await;
            failed
        }
        "allowPrivateUpstreams" => {
            app.sets(json!({"circuitEnabled": false, key: false})).await;
            status(app, false).await == 502
        }
        "corsOrigins" => {
            let allowed = async || {
                app.caller()
                    .asks("hello")
                    .header("origin", "https://chat.example")
                    .whole()
                    .await
                    .header("access-control-allow-origin")
                    .to_owned()
            };
            let before = allowed().await;
            sets(json!("https://chat.example")).await;
            before.is_empty() && allowed().await == "https://chat.example"
        }
        _ => return None,
    })
}

/// Looks at every fourth setting of the road, from the `part`-th on: four tests share the work.
async fn looks_at(storage: Storage, part: usize) {
    let road = Settings::ALL.iter().filter(|info| !NOT_OF_THE_ROAD.contains(&info.key));
    let mut without_effect = Vec::new();
    for info in road.skip(part).step_by(4) {
        let started = Instant::now();
        let app = spawn_app(storage).await;
        match has_its_effect(&app, info.key).await {
            Some(true) => {}
            Some(false) => without_effect.push(info.key),
            None => panic!("nobody wrote a test for the setting {}", info.key),
        }
        app.sets(json!({info.key: null})).await;
        let settings = app.admin("GET", "/api/settings", Value::Null).await;
        let text = match &settings[info.key] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        // This one's default depends on the database.
        if info.key != "allowPrivateUpstreams" {
            assert_eq!(Some(text), Settings::default().get(info.key), "{}", info.key);
        }
        app.finish().await;
        println!("{} {:?}", info.key, started.elapsed());
    }
    assert!(without_effect.is_empty(), "settings without effect: {without_effect:?}");
}

on_both! {
    async fn every_setting_of_the_road_has_its_effect_1(storage) {
        looks_at(storage, 0).await;
    }

    async fn every_setting_of_the_road_has_its_effect_2(storage) {
        looks_at(storage, 1).await;
    }

    async fn every_setting_of_the_road_has_its_effect_3(storage) {
        looks_at(storage, 2).await;
    }

    async fn every_setting_of_the_road_has_its_effect_4(storage) {
        looks_at(storage, 3).await;
    }
}
