//! The pages of models and mappings, without scripts.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::page::Page;
use crate::visitor::Visitor;
use crate::world::World;

async fn channel(world: &World, admin: &Visitor, name: &str, kind: &str, models: &[&str]) -> i64 {
    let body =
        json!({ "name": name, "type": kind, "baseUrl": world.provider().await, "apiKey": "sk-upstream", "models": models });
    admin.api(Method::POST, "/api/channels", body).await["id"].as_i64().unwrap()
}

/// The id of the row that says `text`.
fn id_of(page: &Page, text: &str) -> String {
    let at = page.rows_of("table.picks").iter().position(|row| row.cells()[1].starts_with(text));
    page.attributes("table.picks td.pick input", "value")[at.unwrap_or_else(|| panic!("no {text} on {page}"))].clone()
}

#[actix_web::test]
async fn a_model_is_added_changed_switched_and_deleted_without_scripts() {
    let world = World::start();
    let admin = world.admin().await;
    let form = admin.get("/admin/models/new").await.shown();
    let refused = admin.submit(&form, "form.panel", &[("provider", "openai"), ("model", " "), ("displayName", "Mine")]).await;
    assert_eq!((refused.status, refused.value("displayName").as_deref()), (422, Some("Mine")));
    assert!(refused.problem("model").unwrap().contains("Model"), "{refused}");
    assert_eq!((refused.value("provider").as_deref(), refused.value("enabled").as_deref()), (Some("openai"), Some("on")));
    let made = admin.submit(&refused, "form.panel", &[("model", "mine/one")]).await;
    let list = admin.follow(&made.location.unwrap()).await;
    assert_eq!(list.text(".toast"), "The model was added.");
    let row = list.rows().into_iter().find(|row| row.cells()[1].starts_with("mine/one")).unwrap();
    assert_eq!(
        (row.cell("Provider"), row.cell("Status"), row.cell("Shown"), row.cell("Prices")),
        ("OpenAI", "Active", "Shown", "No price")
    );
    assert_eq!(row.cell("Channels"), "Scripted OpenAI");

    let twice = admin.submit(&form, "form.panel", &[("provider", "openai"), ("model", "mine/one")]).await;
    assert_eq!((twice.status, twice.problem("model").as_deref()), (409, Some("Model is already in use")));

    let id = id_of(&list, "mine/one");
    let edit = admin.get(&format!("/admin/models/{id}")).await.shown();
    assert_eq!((edit.value("model").as_deref(), edit.value("displayName").as_deref()), (Some("mine/one"), Some("Mine")));
    let cleared =
        [("was-visible", "on"), ("was-enabled", "on"), ("provider", "openai"), ("model", "mine/one"), ("displayName", "")];
    let saved = admin.post(&format!("/admin/models/{id}"), &cleared).await;
    assert_eq!(saved.location.as_deref(), Some("/admin/models?done=saved.1"));
    let stored = admin.api(Method::GET, "/api/models?query=mine/one", Value::Null).await;
    let row = &stored["rows"][0];
    assert_eq!((&row["displayName"], &row["visible"], &row["enabled"]), (&json!("mine/one"), &json!(false), &json!(false)));

    let several =
        |act: &'static str| [("id", id.clone()), ("act", act.to_owned()), ("back", "/admin/models?query=mine".to_owned())];
    for (act, said, field) in [("enable", "The model was enabled.", "enabled"), ("show", "The model is shown now.", "visible")] {
        let fields = several(act);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let list = admin.follow(&admin.post("/admin/models/several", &fields).await.location.unwrap()).await;
        assert_eq!((list.text(".toast").as_str(), list.count("tbody tr")), (said, 1), "the filter is kept");
        assert_eq!(admin.api(Method::GET, "/api/models?query=mine/one", Value::Null).await["rows"][0][field], true);
    }
    let asked = admin.get(&format!("/admin/models/{id}/remove")).await.shown();
    assert!(asked.text("h1").contains("mine/one"));
    let gone = admin.submit(&asked, "main form[method=post]", &[]).await;
    assert_eq!(admin.follow(&gone.location.unwrap()).await.text(".toast"), "The model was deleted.");
    assert_eq!(admin.get(&format!("/admin/models/{id}")).await.status, 404);
    let elsewhere = admin.post("/admin/models/several", &[("id", &id), ("act", "hide"), ("back", "//evil.example")]).await;
    assert_eq!(elsewhere.location.as_deref(), Some("/admin/models?done=hidden.0"));
    let fields = [("provider", "openai"), ("model", "another"), ("back", "/admin/models?query=an&done=added.1&page=2")];
    let back = admin.post("/admin/models", &fields).await;
    assert_eq!(back.location.as_deref(), Some("/admin/models?query=an&page=2&done=added.1"), "back to where it was opened");
    assert_eq!(admin.post("/admin/models/several", &[("id", "1"), ("act", "sell")]).await.status, 422);
}

#[actix_web::test]
async fn models_are_filtered_sorted_and_paged_by_the_address() {
    let world = World::start();
    let admin = world.admin().await;
    for at in 0..60 {
        let body =
            json!({ "provider": "openai", "model": format!("many-{at:02}"), "visible": at % 2 == 0, "enabled": at % 3 == 0 });
        admin.api(Method::POST, "/api/models", body).await;
    }
    let names = |page: &Page| page.texts("table.picks td.main-cell a");
    let first = admin.get("/admin/models?query=many").await.shown();
    assert_eq!((names(&first).len(), names(&first)[0].as_str()), (50, "many-00"));
    assert!(first.text(".foot:last-child").contains("1–50 of 60"), "{first}");
    let second = admin.get(&first.attribute("a[rel=next]", "href").unwrap()).await.shown();
    assert_eq!((names(&second).len(), names(&second)[0].as_str()), (10, "many-50"));
    let down = admin.get("/admin/models?query=many&sort=model&sortDir=desc").await.shown();
    assert_eq!(names(&down)[0], "many-59");
    let filtered = admin.submit(&first, "form.filters", &[("visible", "false"), ("enabled", "true")]).await.shown();
    let told = admin.api(Method::GET, "/api/models?query=many&visible=false&enabled=true", Value::Null).await;
    assert_eq!(Some(i64::try_from(names(&filtered).len()).unwrap()), told["total"].as_i64());
    assert_eq!((filtered.value("visible").as_deref(), filtered.value("query").as_deref()), (Some("false"), Some("many")));
    let none = admin.get("/admin/models?query=no-such-model").await.shown();
    assert_eq!((none.text(".empty b").as_str(), none.has("table")), ("Nothing matches these filters", false));
    assert_eq!(admin.get("/admin/models?sort=colour").await.status, 422);
}

#[actix_web::test]
async fn models_that_channels_serve_are_taken_over_in_one_step() {
    let world = World::start();
    let admin = world.admin().await;
    channel(&world, &admin, "listing", "claude", &["claude-one", "claude-two", "claude-three"]).await;
    let list = admin.get("/admin/models").await.shown();
    assert!(list.text(".head .acts").contains("3 to add"), "{list}");
    let page = admin.get("/admin/models/discover").await.shown();
    assert_eq!(page.attributes("td.pick input", "value"), ["claude claude-one", "claude claude-three", "claude claude-two"]);
    let rows: BTreeMap<String, String> =
        page.rows().iter().map(|row| (row.cells()[1].to_owned(), row.cell("Channels").to_owned())).collect();
    assert!(rows["claude-one"].contains("listing"), "{page}");
    let nothing = admin.post("/admin/models/discover", &[("visible", "on")]).await;
    assert_eq!(nothing.status, 422);
    assert!(nothing.alarm().unwrap().contains("Tick at least one"), "{nothing}");
    let picks = [("pick", "claude claude-one"), ("pick", "claude claude-two"), ("visible", "on")];
    let done = admin.post("/admin/models/discover", &picks).await;
    assert_eq!(admin.follow(&done.location.unwrap()).await.text(".toast"), "2 models were added.");
    let again = admin.post("/admin/models/discover", &picks).await;
    assert_eq!(again.location.as_deref(), Some("/admin/models?done=added.0"), "those that are there stay");
    assert_eq!(admin.get("/admin/models/discover").await.attributes("td.pick input", "value"), ["claude claude-three"]);
    assert_eq!(world.books().number("SELECT count(*) FROM catalogue_models WHERE model LIKE 'claude-t%o'").await, 1);
}

#[actix_web::test]
async fn mappings_are_made_changed_and_switched_several_at_once() {
    let world = World::start();
    let admin = world.admin().await;
    let one = channel(&world, &admin, "one", "openai", &["gpt-up"]).await.to_string();
    let other = channel(&world, &admin, "other", "claude", &["claude-up"]).await.to_string();
    let form = admin.get("/admin/mappings/new").await.shown();
    let wrong = [
        ("provider", "claude"),
        ("targetProvider", "openai"),
        ("inboundModels", "a\nb"),
        ("upstreamModel", "gpt-up"),
        ("channelIds", &other),
        ("enabled", "on"),
    ];
    let refused = admin.submit(&form, "form.panel", &wrong).await;
    assert_eq!((refused.status, refused.values("channelIds")), (422, vec![other.clone()]));
    assert!(refused.problem("channelIds").unwrap().contains("channel type"), "{refused}");
    assert_eq!(
        (refused.values("inboundModels"), refused.value("upstreamModel").unwrap()),
        (vec!["a\nb".to_owned()], "gpt-up".to_owned())
    );
    let empty = admin.submit(&refused, "form.panel", &[("channelIds", &one), ("inboundModels", "")]).await;
    assert_eq!((empty.status, empty.problem("inboundModels").as_deref()), (422, Some("Inbound models is required")));
    let made = admin.submit(&empty, "form.panel", &[("channelIds", &one), ("inboundModels", "a, b c\nd")]).await;
    let list = admin.follow(&made.location.unwrap()).await;
    assert_eq!(list.text(".toast"), "The mapping was created.");
    let row = &list.rows()[0];
    assert_eq!((row.cells()[1], row.cell("Upstream model"), row.cell("Channels")), ("a, b, c +1", "→ gpt-up", "one"));
    let told = admin.api(Method::GET, "/api/model-mappings", Value::Null).await;
    assert_eq!((&told["rows"][0]["inboundModels"], &told["total"]), (&json!(["a", "b", "c", "d"]), &json!(1)));

    let first = id_of(&list, "a, b");
    let edit = admin.get(&format!("/admin/mappings/{first}")).await.shown();
    assert_eq!((edit.values("channelIds"), edit.value("targetProvider").as_deref()), (vec![one.clone()], Some("openai")));
    let fields = [
        ("provider", "claude"),
        ("targetProvider", ""),
        ("inboundModels", "z"),
        ("upstreamModel", "claude-up"),
        ("enabled", "on"),
    ];
    admin.post(&format!("/admin/mappings/{first}"), &fields).await;
    let second = [("provider", "openai"), ("inboundModels", "y"), ("upstreamModel", "claude-up"), ("targetProvider", "")];
    admin.submit(&admin.get("/admin/mappings/new").await, "form.panel", &second).await;
    let list = admin.get("/admin/mappings").await.shown();
    let (first, second) = (id_of(&list, "z"), id_of(&list, "y"));
    let off = admin.post("/admin/mappings/several", &[("id", &first), ("id", &second), ("id", "9"), ("act", "disable")]).await;
    assert_eq!(admin.follow(&off.location.unwrap()).await.text(".toast"), "2 mappings were disabled.");
    assert_eq!(world.books().number("SELECT count(*) FROM model_mappings WHERE enabled").await, 0);
    deleted_after_asking_once(&world, &admin, &first, &second).await;
}

async fn deleted_after_asking_once(world: &World, admin: &Visitor, first: &str, second: &str) {
    let none = admin.follow(&admin.post("/admin/mappings/several", &[("act", "enable")]).await.location.unwrap()).await;
    assert!(none.alarm().unwrap().contains("Nothing was chosen"), "{none}");
    let asked = admin
        .post("/admin/mappings/several", &[("id", first), ("id", second), ("act", "remove"), ("back", "/admin/mappings")])
        .await
        .shown();
    assert_eq!(asked.text("h1"), "Delete 2 mappings?");
    assert_eq!(world.books().number("SELECT count(*) FROM model_mappings").await, 2, "it asks first");
    let removed = admin.submit(&asked, "main form[method=post]", &[]).await;
    assert_eq!(admin.follow(&removed.location.unwrap()).await.text(".toast"), "2 mappings were deleted.");
    assert_eq!(world.books().number("SELECT count(*) FROM model_mappings").await, 0);
    assert!(admin.get("/admin/mappings").await.text(".empty b").contains("No mappings yet"));
}

#[actix_web::test]
async fn a_mapping_to_channels_that_nobody_has_made_is_kept_and_marked() {
    let world = World::start();
    let admin = world.admin().await;
    channel(&world, &admin, "one", "claude", &["claude-up"]).await;
    let channels = admin.api(Method::GET, "/api/channels", Value::Null).await;
    for channel in channels["rows"].as_array().unwrap().iter().filter(|channel| channel["type"] == "openai") {
        admin.api(Method::DELETE, &format!("/api/channels/{}", channel["id"]), Value::Null).await;
    }
    for target in ["claude", "openai"] {
        let mapping = [("provider", "claude"), ("targetProvider", target), ("inboundModels", target), ("upstreamModel", "up")];
        admin.submit(&admin.get("/admin/mappings/new").await, "form.panel", &mapping).await;
    }
    let list = admin.get("/admin/mappings").await.shown();
    let mut channels: Vec<String> = list.rows().iter().map(|row| row.cell("Channels").to_owned()).collect();
    channels.sort();
    assert_eq!(channels, ["All Claude channels", "No channel"]);
}
