//! Everything a user does, without scripts: plain links and forms.

use reqwest::Method;
use serde_json::json;

use crate::visitor::File;
use crate::world::World;

#[actix_web::test]
async fn a_user_makes_changes_uses_and_removes_a_key_without_scripts() {
    let world = World::start();
    let user = world.user().await;
    let form = user.get("/console/keys/new").await.shown();
    let refused = user.submit(&form, "form.panel", &[("name", "laptop"), ("budgetUsd", "much")]).await;
    assert_eq!((refused.status, refused.alarm()), (422, None));
    assert_eq!(refused.problem("name"), None);
    assert!(refused.problem("budgetUsd").unwrap().contains("12.50"), "{refused}");
    assert_eq!((refused.value("name").unwrap(), refused.value("budgetUsd").unwrap()), ("laptop".into(), "much".into()));

    let made = user.submit(&refused, "form.panel", &[("budgetUsd", "1")]).await.shown();
    let key = made.attribute("#secret", "value").unwrap();
    assert!(made.texts("pre").iter().any(|snippet| snippet.contains(&key)), "{made}");
    let relayed = world.relays(&key, "claude-haiku-4-5", json!({ "usage": { "input": 1_000, "output": 100 } })).await;
    assert_eq!(relayed.status, 200);
    let refused = world.relays(&key, "claude-haiku-4-5", json!({ "status": 400 })).await;
    assert_eq!(refused.status, 400);

    let logs = user.get("/console/logs").await.shown();
    assert_eq!(logs.rows().iter().map(|row| row.cell("Key").to_owned()).collect::<Vec<_>>(), ["laptop", "laptop", "demo"]);
    let good = user.submit(&logs, "form.filters", &[("ending", "completed"), ("query", &relayed.request_id)]).await.shown();
    assert_eq!(good.rows()[0].cell("Cost"), "$0.001500");
    assert_eq!(good.attributes("tbody td a", "href").len(), 2);

    let list = user.get("/console/keys").await.shown();
    assert_eq!(list.count("tbody tr"), 2);
    let row = list.rows_of("table.stack").into_iter().find(|row| row.cells()[0].starts_with("laptop")).unwrap();
    assert_eq!(row.cell("Spent"), "$0.0015 / $1.00");
    let id = world.books().number("SELECT id FROM api_keys WHERE name = 'laptop'").await;
    let off = user.post(&format!("/console/keys/{id}/status"), &[("status", "disabled")]).await;
    assert_eq!(user.follow(&off.location.unwrap()).await.text(".toast"), "The key was disabled.");
    let asked = user.get(&format!("/console/keys/{id}/remove")).await.shown();
    let removed = user.submit(&asked, "main form[method=post]", &[]).await;
    assert_eq!(removed.location.as_deref(), Some("/console/keys?done=removed"), "{removed}");
    assert_eq!(user.get(&format!("/console/keys/{id}")).await.status, 404);
    assert_eq!(world.stranger().follow("/console").await.text("h1"), "Sign in to api-proxy");
}

#[actix_web::test]
async fn a_form_without_a_file_takes_none_and_a_user_no_more_than_is_a_users() {
    let world = World::start();
    let user = world.other_user().await;
    user.speaks("zh");
    let file = File { field: "name", name: "name.txt", content: "文件" };
    let refused = user.post_file("/console/keys", &[("budgetUsd", "much")], &file).await;
    assert_eq!((refused.status, refused.value("name").as_deref()), (409, Some("")));
    let refused = user.submit(&refused, "form.panel", &[("name", "文件"), ("budgetUsd", "much")]).await;
    assert_eq!((refused.status, refused.value("name").as_deref()), (422, Some("文件")));
    assert!(refused.policy.as_deref().unwrap().starts_with("default-src 'none'; script-src 'self';"));
    let key = user
        .api(Method::POST, "/api/keys", json!({ "name": "by script", "models": ["claude-haiku-4-5", "claude-sonnet-4-5"] }))
        .await;
    let page = user.get(&format!("/console/keys/{}", key["id"])).await.shown();
    assert_eq!(page.values("models"), ["claude-haiku-4-5\nclaude-sonnet-4-5"]);
    let channel = json!({ "name": "mine", "type": "claude", "baseUrl": world.provider().await, "apiKey": "sk-1" });
    assert_eq!(user.asks_api(Method::POST, "/api/channels", channel).await.0, 403);
}
