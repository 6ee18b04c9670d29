//! Data as files: out, in again, and away.

use reqwest::Method;
use serde_json::{Value, json};

use crate::visitor::{File, Visitor};
use crate::world::World;

const PAGE: &str = "/admin/data";
const TABLES: [&str; 7] = ["request_logs", "users", "keys", "ledger", "usage", "gift_cards", "audit"];

/// A file: its content type, what it is called, and what is in it.
async fn file(visitor: &Visitor, path: &str) -> (String, String, String) {
    let answer = visitor.request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let (kind, name) = (header("content-type"), header("content-disposition"));
    (kind, name, answer.text().await.unwrap())
}

async fn preview(admin: &Visitor, content: &str) -> crate::page::Page {
    admin.post_file("/admin/data/config", &[], &File { field: "configFile", name: "config.json", content }).await
}

async fn configuration(admin: &Visitor) -> Value {
    admin.api(Method::GET, "/api/config/export", Value::Null).await
}

#[actix_web::test]
async fn every_table_goes_out_as_the_api_gives_it() {
    let world = World::start();
    let admin = world.admin().await;
    let offered = admin.get(PAGE).await.shown().attributes("#exports button[name=file]", "value");
    assert_eq!(offered.len(), 2 * TABLES.len());
    for table in TABLES.iter().filter(|table| **table != "audit") {
        for format in ["csv", "json"] {
            assert!(offered.contains(&format!("{table}.{format}")));
            let (kind, name, content) = file(&admin, &format!("/admin/data/export?file={table}.{format}")).await;
            assert!(kind.contains(format) && name == format!("attachment; filename=\"{table}.{format}\""), "{kind} {name}");
            let (_, _, same) = file(&admin, &format!("/api/export?type={table}&format={format}")).await;
            assert_eq!(content, same, "{table}.{format}");
        }
    }
    let (_, _, audit) = file(&admin, "/admin/data/export?file=audit.csv").await;
    assert!(audit.lines().filter(|line| line.contains("export.download")).count() >= 24, "each export leaves an entry");
}

#[actix_web::test]
async fn a_range_holds_whole_days_and_a_day_that_is_none_is_refused() {
    let world = World::start();
    let admin = world.admin().await;
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let rows = async |query: &str| {
        let (_, _, content) = file(&admin, &format!("/admin/data/export?file=request_logs.csv&{query}")).await;
        content.lines().count() - 1
    };
    assert_eq!(rows(&format!("from={today}&to={today}")).await, 1);
    assert_eq!(rows("to=2020-01-01").await, 0);
    let refused = admin.get("/admin/data/export?file=request_logs.csv&from=soon").await;
    assert_eq!((refused.status, refused.problem("from").as_deref()), (422, Some("Enter a day.")));
    assert_eq!(admin.get("/admin/data/export?file=secrets.csv").await.status, 422);
    assert_eq!(admin.get("/admin/data/export?file=users.xml").await.status, 422);
}

#[actix_web::test]
async fn users_take_their_own_requests_along_as_they_filtered_them() {
    let world = World::start();
    let (user, other) = (world.user().await, world.other_user().await);
    let links = user.get("/console/logs?ending=completed").await.shown().attributes("#export a", "href");
    assert_eq!(links.len(), 2);
    let (_, _, csv) = file(&user, &links[0]).await;
    assert_eq!(csv.lines().count(), 2);
    assert!(!csv.contains("Scripted") && !csv.contains("channelName"), "{csv}");
    let (_, _, none) =
        file(&user, &user.get("/console/logs").await.attributes("#export a", "href")[1].replace("type=", "ending=refused&type="))
            .await;
    assert_eq!(serde_json::from_str::<Value>(&none).unwrap(), json!([]));
    assert!(!other.get("/console/logs").await.shown().has("#export"), "nothing to take along");
    assert_eq!(other.asks_api(Method::GET, &links[0], Value::Null).await.0, 403, "nothing of others");
}

#[actix_web::test]
async fn a_configuration_goes_out_without_secrets_and_in_after_a_look() {
    let world = World::start();
    let admin = world.admin().await;
    let (kind, name, text) = file(&admin, "/admin/data/config").await;
    assert!(kind.starts_with("application/json") && name.contains(".json"), "{kind} {name}");
    let exported: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(exported, configuration(&admin).await);
    assert!(!text.contains("apiKey\"") && admin.get(PAGE).await.shown().text("#config").contains("Secrets are left out"));

    let same = preview(&admin, &text).await.shown();
    assert!(same.text(".alert").contains("as in the file already") && !same.has("[name=kept]"), "{same}");

    let mut changed = exported.clone();
    changed["settings"]["siteName"] = json!("Imported");
    let channel = json!({ "name": "new one", "type": "claude", "baseUrl": world.provider().await, "apiKey": "sk-very-secret" });
    changed["channels"].as_array_mut().unwrap().push(channel);
    changed["models"].as_array_mut().unwrap().remove(0);
    let looked_at = preview(&admin, &changed.to_string()).await.shown();
    let counts = |part: &str| looked_at.texts(&format!("[data-part='{part}'] td.num"));
    assert_eq!(counts("channels")[..3], ["1", "0", "0"]);
    assert_eq!(counts("models")[..3], ["0", "0", "1"]);
    assert!(looked_at.text(".data-settings").contains("siteName"));
    assert!(!looked_at.body.contains("sk-very-secret"), "what was sent is not shown");
    assert_eq!(configuration(&admin).await, exported, "a look changes nothing");

    let form = looked_at.form("form[action='/admin/data/config/import']", &[]);
    let kept = form.fields.iter().find(|(name, _)| name == "kept").unwrap().1.clone();
    let done = admin.post("/admin/data/config/import", &[("kept", &kept)]).await.shown();
    assert_eq!(done.text("h1"), "Imported");
    assert_eq!(done.texts("[data-part='channels'] td.num")[..3], ["1", "0", "0"]);
    let now = configuration(&admin).await;
    assert_eq!(now["settings"]["siteName"], "Imported");
    assert_eq!(now["channels"].as_array().unwrap().len(), exported["channels"].as_array().unwrap().len() + 1);
    let twice = admin.post("/admin/data/config/import", &[("kept", &kept)]).await.shown();
    assert_eq!(twice.texts("[data-part='models'] td.num")[..3], ["0", "0", "0"]);
    assert_eq!(configuration(&admin).await, now, "twice is once");

    for forged in ["", "v1.x.y", &kept[..kept.len() - 2]] {
        let refused = admin.post("/admin/data/config/import", &[("kept", forged)]).await;
        assert_eq!(refused.status, 422);
        assert!(refused.problem("configFile").is_some(), "{refused}");
    }
}

#[actix_web::test]
async fn a_file_that_is_wrong_says_where_and_changes_nothing() {
    let world = World::start();
    let admin = world.admin().await;
    let before = configuration(&admin).await;
    let empty = preview(&admin, "").await;
    assert_eq!((empty.status, empty.problem("configFile").as_deref()), (422, Some("Choose a configuration file.")));
    let broken = preview(&admin, "{\n  \"version\": 1,\n  \"models\": oops\n}").await;
    assert_eq!(broken.status, 422);
    assert!(broken.problem("configFile").unwrap().starts_with("Line 3, column 1"), "{broken}");
    let mut wrong = before.clone();
    wrong["models"][1]["provider"] = json!("acme");
    let refused = preview(&admin, &wrong.to_string()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.alarm().unwrap().contains("models[1]"), "{refused}");
    admin.speaks("zh");
    let refused = preview(&admin, &wrong.to_string()).await;
    assert!(refused.alarm().unwrap().contains("models[1]"), "{refused}");
    let refused = preview(&admin, "[").await;
    assert!(refused.problem("configFile").unwrap().starts_with("第 1 行第 1 列"), "{refused}");
    assert_eq!(configuration(&admin).await, before);
}

#[actix_web::test]
async fn an_old_log_is_looked_at_downloaded_and_deleted_after_a_question() {
    let world = World::start();
    let admin = world.admin().await;
    world.relays(&world.key, "claude-haiku-4-5", Value::Null).await;
    world.alter("UPDATE request_log SET ts = ts - 3 * 86400000 WHERE id = (SELECT min(id) FROM request_log)").await;
    let day = |days: i64| {
        let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
        then.strftime("%Y-%m-%d").to_string()
    };
    let young = admin.get(&format!("{PAGE}?before={}", day(-1))).await.shown();
    assert!(young.text("[data-figure=archived]").starts_with("2 requests") && !young.has(".danger"), "{young}");
    let before = day(1);
    let found = admin.get(&format!("{PAGE}?before={before}")).await.shown();
    assert!(found.text("[data-figure=archived]").starts_with("One request"), "{found}");
    let (_, name, lines) = file(&admin, &format!("/admin/data/archive?before={before}")).await;
    assert!(lines.lines().count() == 1 && name.contains("request_logs.jsonl"), "{name}: {lines}");
    let asked = admin.get(&found.attribute("a.danger", "href").unwrap()).await.shown();
    assert_eq!(world.books().number("SELECT count(*) FROM request_log").await, 2);
    let gone = admin.submit(&asked, "form.question", &[]).await.shown();
    assert_eq!(gone.text(".alert.ok"), "One request was deleted.");
    assert_eq!(world.books().number("SELECT count(*) FROM request_log").await, 1);
    let again = admin.submit(&asked, "form.question", &[]).await.shown();
    assert_eq!(again.text(".alert.ok"), "0 requests were deleted.");
    let refused = admin.post("/admin/data/archive/remove", &[("before", &day(0))]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.problem("before").unwrap().contains("24 hours"), "{refused}");
    assert_eq!(admin.get("/admin/data?before=someday").await.status, 422);
}
