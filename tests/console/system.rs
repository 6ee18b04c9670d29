//! The page of the system: its figures are those of the API, and requests under way are on it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

const PAGE: &str = "/admin/system";

#[actix_web::test]
async fn a_request_under_way_is_shown_with_its_owner_and_what_it_holds() {
    let world = World::start();
    let admin = world.admin().await;
    let asked = json!({
        "model": "claude-haiku-4-5", "max_tokens": 64, "messages": [{ "role": "user", "content": "hello" }],
        "x_mock": { "delayMs": 4_000 },
    });
    let request = world.stranger().request(Method::POST, "/v1/messages").header("x-api-key", &world.key).json(&asked);
    let under_way = actix_web::rt::spawn(request.send());
    let mut system = Value::Null;
    for _ in 0..100 {
        system = admin.api(Method::GET, "/api/system", Value::Null).await;
        if system["holds"] == json!(1) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let hold = &system["oldestHolds"][0];
    assert_eq!((&hold["username"], &hold["keyName"], &hold["slot"]), (&json!("demo"), &json!("demo"), &json!(true)), "{system}");
    assert_eq!((&system["slotsHeld"], &hold["heldUsd"]), (&json!(1), &system["heldUsd"]));
    let page = admin.get(PAGE).await.shown();
    let row = page.rows_of("section[aria-labelledby=holds] table").remove(0);
    assert_eq!((row.cell("User"), row.cell("Slot")), ("demo", "taken"));
    assert_eq!(row.cell("Request"), hold["requestId"].as_str().unwrap());
    let held: f64 = row.cell("Money held").trim_start_matches('$').parse().unwrap();
    assert!((held - hold["heldUsd"].as_f64().unwrap()).abs() < 1e-6, "{held}");
    assert_eq!(page.text("[data-figure=slotsHeld]"), "1");
    assert_eq!(under_way.await.unwrap().unwrap().status(), 200);
}

#[actix_web::test]
async fn who_does_what_is_done_once_is_shown_in_both_languages() {
    let world = World::start();
    let admin = world.admin().await;
    let mut system = Value::Null;
    for _ in 0..100 {
        system = admin.api(Method::GET, "/api/system", Value::Null).await;
        if system["leases"].as_array().unwrap().iter().all(|lease| lease["isThisInstance"] == json!(true)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let page = admin.get(PAGE).await.shown();
    let rows = page.rows_of("section[aria-labelledby=leases] table");
    let shown: Vec<(&str, &str)> = rows.iter().map(|row| (row.cell("Work"), row.cell("Instance"))).collect();
    let holder = format!("{} this instance", system["instanceId"].as_str().unwrap());
    assert_eq!(shown, [("Deleting what is past its time", holder.as_str()), ("Probes of channels", holder.as_str())]);
    assert!(rows.iter().all(|row| row.cell("Since").len() == 19 && row.cell("Until, unless renewed").len() == 8));
    let taken =
        "UPDATE leases SET token = token + 1, holder = 'another00000', expires_at = expires_at + 10000 WHERE name = 'probes'";
    world.alter(taken).await;
    admin.speaks("zh");
    let page = admin.get(PAGE).await.shown();
    let rows = page.rows_of("section[aria-labelledby=leases] table");
    assert_eq!((rows[0].cell("任务"), rows[1].cell("任务")), ("清理过期数据", "渠道探测"));
    assert!(rows[0].cell("实例").ends_with("当前实例"), "{:?}", rows[0].cells());
    assert_eq!(rows[1].cell("实例"), "another00000");
}
