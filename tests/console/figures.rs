//! What runs now, on the overviews.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

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
