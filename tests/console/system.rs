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
