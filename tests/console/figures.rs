//! The overviews: every figure is that of the JSON API.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::visitor::Visitor;
use crate::world::World;

async fn stats(visitor: &Visitor, path: &str) -> Value {
    visitor.api(Method::GET, path, Value::Null).await
}

#[actix_web::test]
async fn figures_are_those_of_the_api_for_oneself_and_for_all() {
    let world = World::start();
    let (admin, user) = (world.admin().await, world.user().await);
    world.relays(&world.key, "claude-haiku-4-5", json!({ "usage": { "input": 1_000, "output": 100 } })).await;
    world.relays(&world.key, "claude-haiku-4-5", json!({ "status": 400 })).await;
    let chat = json!({ "model": "claude-haiku-4-5", "messages": [{ "role": "user", "content": "hello" }] });
    let request = world.stranger().request(Method::POST, "/v1/chat/completions").header("x-api-key", &world.key);
    assert_eq!(request.json(&chat).send().await.unwrap().status(), 200);
    let missing = world.stranger().request(Method::POST, "/v1/messages").header("x-api-key", &world.key);
    let unknown = json!({ "model": "no-such-model", "max_tokens": 1, "messages": [] });
    assert_eq!(missing.json(&unknown).send().await.unwrap().status(), 404);
    while world.books().number("SELECT count(*) FROM request_log").await < 5 {
        tokio::time::sleep(Duration::from_millis(25)).await;
    }

    for (visitor, page, api) in [(&user, "/console", "/api/stats?range=7d"), (&admin, "/admin", "/api/stats?range=7d")] {
        let said = visitor.get(&format!("{page}?range=7d")).await.shown();
        let truth = stats(visitor, api).await;
        let totals = &truth["totals"];
        let sum = ["tokensIn", "tokensOut", "cacheReadTokens", "cacheCreationTokens"].map(|name| totals[name].as_i64().unwrap());
        assert_eq!(said.text("[data-figure=requests]"), totals["requests"].to_string(), "{page}");
        assert_eq!(said.text("[data-figure=tokens]").replace(',', ""), sum.iter().sum::<i64>().to_string(), "{page}");
        let rate = totals["successRate"].as_f64().unwrap() * 100.0;
        assert_eq!(said.text("[data-figure=success]"), format!("{rate:.1}%"), "{page}");
        assert_eq!(said.text("[data-figure=running]"), "0", "{page}");
        let errors = truth["byError"].as_array().unwrap();
        let named: Vec<String> =
            errors.iter().map(|row| format!("{} {}", row["ending"].as_str().unwrap(), row["status"])).collect();
        assert_eq!((said.attributes("[data-error]", "data-error"), named.len()), (named, 2), "{page}");
    }
    let truth = stats(&admin, "/api/stats?range=7d").await;
    let pairs: Vec<String> = truth["byProtocol"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["protocol"].as_str().unwrap(), row["upstreamProtocol"].as_str().unwrap_or_default()))
        .collect();
    let said = admin.get("/admin?range=7d").await.shown();
    assert_eq!(said.attributes("[data-protocols]", "data-protocols"), pairs);
    assert!(
        pairs.contains(&"messages messages".to_owned()) && pairs.contains(&"chat_completions messages".to_owned()),
        "{pairs:?}"
    );
    assert!(pairs.contains(&"messages ".to_owned()), "{pairs:?}");
    let counted = world.books().number("SELECT sum(requests) FROM traffic_hourly WHERE user_id <> 0").await;
    assert_eq!(counted, world.books().number("SELECT count(*) FROM request_log").await);
    let own = user.get("/console").await.shown();
    assert!(!own.has("[data-protocols]") && !own.body.contains("Scripted"), "a user sees what is behind the gateway");
    let other = world.other_user().await.get("/console").await.shown();
    assert_eq!((other.text("[data-figure=requests]"), other.text(".empty b")), ("0".into(), "No requests in this range".into()));
}

#[actix_web::test]
async fn what_runs_now_is_counted_while_it_runs() {
    let world = World::start();
    let (admin, user, other) = (world.admin().await, world.user().await, world.other_user().await);
    let slow = json!({
        "model": "claude-haiku-4-5", "max_tokens": 64, "messages": [{ "role": "user", "content": "hello" }],
        "x_mock": { "delayMs": 4_000 },
    });
    let request = world.stranger().request(Method::POST, "/v1/messages").header("x-api-key", &world.key).json(&slow);
    let running = actix_rt::spawn(async move { request.send().await.unwrap().status() });
    let mut seen = String::new();
    for _ in 0..100 {
        seen = user.get("/console").await.shown().text("[data-figure=running]");
        if seen == "1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(seen, "1");
    assert_eq!(admin.get("/admin").await.shown().text("[data-figure=running]"), "1");
    assert_eq!(other.get("/console").await.shown().text("[data-figure=running]"), "0");
    assert!(user.api(Method::GET, "/api/traffic", Value::Null).await["heldUsd"].as_f64().unwrap() > 0.0);
    assert_eq!(running.await.unwrap(), 200);
    assert_eq!(user.get("/console").await.shown().text("[data-figure=running]"), "0");
}
