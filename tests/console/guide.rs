//! The front page and the documentation: true, and what is to be copied works.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

#[actix_web::test]
async fn the_front_page_leads_where_the_visitor_belongs() {
    let world = World::start();
    let stranger = world.stranger();
    let front = stranger.get("/").await.shown();
    assert_eq!(front.attribute("#base", "value").as_deref(), Some(world.site.as_str()));
    let links = front.attributes("a", "href");
    for wanted in ["/sign-in", "/register", "/docs", "/model-square"] {
        assert!(links.iter().any(|link| link == wanted), "no link to {wanted}");
    }
    stranger.speaks("zh");
    assert!(stranger.get("/").await.shown().text("h1").contains("一个地址"));
    let user = world.user().await;
    let links = user.get("/").await.shown().attributes(".front a", "href");
    assert!(links.iter().any(|link| link == "/console") && !links.iter().any(|link| link == "/register"), "{links:?}");
    let admin = world.admin().await;
    let closed = json!({ "registrationEnabled": false, "siteUrl": "https://models.example.com/" });
    admin.api(Method::PATCH, "/api/settings", closed).await;
    let front = world.stranger().get("/").await.shown();
    assert!(!front.attributes("a", "href").iter().any(|link| link == "/register"), "{front}");
    assert_eq!(front.attribute("#base", "value").as_deref(), Some("https://models.example.com"));
    assert!(world.stranger().get("/docs").await.shown().text("#code-chat-python").contains("https://models.example.com/v1"));
    assert_eq!(world.stranger().request(Method::HEAD, "/").send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn every_call_in_the_documentation_works() {
    let world = World::start();
    let docs = world.stranger().get("/docs").await.shown();
    let index = docs.attributes(".docs-index a", "href");
    assert!(index.len() > 15 && index.iter().all(|link| docs.count(link) == 1), "{index:?}");
    let mut calls = 0;
    for id in docs.attributes("pre[id$='-curl']", "id") {
        let call = docs.raw(&format!("#{id}")).replace("YOUR_API_KEY", &world.key);
        let run =
            Command::new("sh").args(["-c", &format!("{} --silent --fail-with-body --noproxy '*'", call.trim_end())]).output();
        let run = run.unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        assert!(run.status.success(), "{id}: {said}");
        assert!(serde_json::from_str::<Value>(&said).is_ok_and(|answer| answer.is_object()), "{id}: {said}");
        calls += 1;
    }
    assert_eq!(calls, 7);
}
