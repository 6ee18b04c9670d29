//! The page of the system: its figures are those of the API, and requests under way are on it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

const PAGE: &str = "/admin/system";

#[actix_web::test]
async fn figures_are_those_of_the_api_and_every_actor_is_there() {
    let world = World::start();
    let admin = world.admin().await;
    let page = admin.get(PAGE).await.shown();
    let system = admin.api(Method::GET, "/api/system", Value::Null).await;
    for figure in ["inFlight", "slotsHeld", "unwrittenReceipts", "activeUsers", "cachedKeys", "liveReaders", "actorRestarts"] {
        assert_eq!(page.text(&format!("[data-figure={figure}]")), system[figure].to_string(), "{figure}");
    }
    assert_eq!(system["heldUsd"], json!(0));
    let actors = system["actors"].as_array().unwrap();
    assert_eq!(actors.len(), 5);
    for actor in actors {
        let name = actor["name"].as_str().unwrap();
        let row = page.rows_of("table:has([data-actor])").into_iter().find(|row| row.cells()[0].starts_with(name)).unwrap();
        assert_eq!((row.cell("Status"), row.cell("Mailbox")), ("Running", "0"), "{name}");
        assert_eq!(row.cell("Restarts"), actor["restarts"].to_string(), "{name}");
        assert_eq!((&actor["state"], &actor["mailbox"]), (&json!("running"), &json!(0)));
    }
    let about = page.text("dl.stats");
    assert!(about.contains(system["databaseVersion"].as_str().unwrap()), "{about}");
    assert!(system["databaseBytes"].as_i64().unwrap() > 0 && system["databaseLatencyUs"].as_i64().unwrap() > 0);
    assert!(page.has(&format!("a[href='{PAGE}']")) && page.has(".empty"));
    assert!(!admin.get(PAGE).await.body.contains(&world.key));
}

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
