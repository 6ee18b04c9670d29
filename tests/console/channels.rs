//! The pages of channels: what they show is what the JSON door and the database say, and every button does one thing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::page::Page;
use crate::visitor::Visitor;
use crate::world::World;

const KEY: &str = "sk-upstream-secret-4321";

/// Makes a channel through the form; its id.
async fn made(admin: &Visitor, name: &str, typed: &[(&str, &str)]) -> i64 {
    let form = admin.get("/admin/channels/new").await.shown();
    let mut all = vec![("name", name), ("apiKey", KEY)];
    all.extend(typed);
    let done = admin.submit(&form, "form.panel", &all).await;
    assert_eq!(done.location.as_deref(), Some("/admin/channels?done=created"), "{done}");
    stored(admin, name).await["id"].as_i64().unwrap()
}

/// The channel of this name, as the JSON door tells it.
async fn stored(admin: &Visitor, name: &str) -> Value {
    let list = admin.api(Method::GET, "/api/channels?pageSize=100", Value::Null).await;
    list["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone()
}

fn row<'a>(page: &'a [crate::page::Row], name: &str) -> &'a crate::page::Row {
    page.iter().find(|row| row.cells()[0].starts_with(name)).unwrap_or_else(|| panic!("no row {name}"))
}

fn hides_secrets(page: &Page) {
    assert!(!page.body.contains("sk-upstream") && !page.body.contains("header-secret"), "a secret on {page}");
}

#[actix_web::test]
async fn a_channel_is_made_and_changed_and_its_secrets_never_come_back() {
    let world = World::start();
    let admin = world.admin().await;
    let good = [
        ("baseUrl", "https://api.example.com"),
        ("headers", "X-Team: header-secret"),
        ("models", "gpt-5"),
        ("priority", "3"),
        ("weight", "20"),
        ("maxConcurrency", "7"),
        ("monitorIntervalSec", "90"),
        ("testModel", "gpt-5"),
        ("type", "openai"),
        ("openAiProtocol", "responses"),
    ];
    let id = made(&admin, "one", &good).await;
    let one = stored(&admin, "one").await;
    assert_eq!(
        (&one["type"], &one["priority"], &one["weight"], &one["maxConcurrency"]),
        (&json!("openai"), &json!(3), &json!(20), &json!(7))
    );
    assert_eq!(
        (&one["headerNames"], &one["openAiProtocol"], one["monitorIntervalSec"].to_string()),
        (&json!(["x-team"]), &json!("responses"), "90".into())
    );

    let path = format!("/admin/channels/{id}/edit");
    let edit = admin.get(&path).await.shown();
    assert!(edit.text("#h-apiKey").contains("4321") && edit.text("#h-headers").contains("x-team"), "{edit}");
    hides_secrets(&edit);
    let moved = admin.submit(&edit, "form.panel", &[("baseUrl", "https://evil.example")]).await;
    assert!(moved.problem("headers").is_some() || moved.problem("apiKey").is_some(), "{moved}");
    let saved = admin.submit(&edit, "form.panel", &[("name", "first"), ("maxConcurrency", "")]).await;
    assert_eq!(saved.location.as_deref(), Some("/admin/channels?done=saved"), "{saved}");
    let first = stored(&admin, "first").await;
    assert_eq!(
        (&first["maxConcurrency"], &first["apiKeyLast4"], &first["headerNames"]),
        (&json!(null), &json!("4321"), &json!(["x-team"]))
    );
    let bare = admin.submit(&edit, "form.panel", &[("name", "first"), ("dropHeaders", "yes")]).await;
    assert_eq!((bare.status, stored(&admin, "first").await["headerNames"].clone()), (303, json!([])));
    let copy = admin.get(&format!("/admin/channels/new?from={id}")).await.shown();
    assert_eq!((copy.value("name").unwrap(), copy.value("baseUrl").unwrap()), (String::new(), "https://api.example.com".into()));
    for path in ["/admin/channels", &format!("/admin/channels/{id}"), "/admin/audit"] {
        hides_secrets(&admin.get(path).await);
    }
}

#[actix_web::test]
async fn a_channel_is_switched_and_removed_where_nothing_names_it() {
    let world = World::start();
    let admin = world.admin().await;
    let id = made(&admin, "first", &[("baseUrl", "https://api.example.com")]).await;
    let off = admin.post(&format!("/admin/channels/{id}/status"), &[("status", "disabled")]).await;
    assert_eq!(admin.follow(&off.location.unwrap()).await.text(".toast"), "The channel takes no more requests.");
    assert_eq!(stored(&admin, "first").await["enabled"], false);
    let key = admin.api(Method::POST, "/api/keys", json!({ "name": "k", "channelId": id })).await["id"].clone();
    let ask = admin.get(&format!("/admin/channels/{id}/remove")).await.shown();
    assert_eq!(admin.submit(&ask, "form.question", &[]).await.status, 409, "a key names it");
    admin.api(Method::DELETE, &format!("/api/keys/{key}"), Value::Null).await;
    let removed = admin.submit(&ask, "form.question", &[]).await;
    assert_eq!(removed.location.as_deref(), Some("/admin/channels?done=removed"), "{removed}");
    assert_eq!(admin.submit(&ask, "form.question", &[]).await.status, 404);
    let audited = format!("SELECT action FROM audit WHERE action LIKE 'channel.%' AND subject_id = {id} ORDER BY id");
    let deeds: Vec<_> = world.books().rows(&audited).await.into_iter().map(|mut row| row.remove(0).unwrap()).collect();
    assert_eq!(deeds, ["channel.create", "channel.update", "channel.delete"]);
}

#[actix_web::test]
async fn what_the_form_holds_is_tried_before_it_is_stored() {
    let world = World::start();
    let (admin, provider) = (world.admin().await, world.provider().await);
    let form = admin.get("/admin/channels/new").await.shown();
    let typed = [("baseUrl", provider.as_str()), ("apiKey", KEY), ("models", "claude-haiku-4-5")];
    let press = |act: &'static str, more: &[(&'static str, &'static str)]| {
        let mut fields = form.form("form.panel", &typed).fields;
        fields.push(("act".to_owned(), act.to_owned()));
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        fields
    };
    let post = async |fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        admin.post("/admin/channels", &fields).await
    };
    let tested = post(press("test", &[])).await.shown();
    assert!(tested.text("#outcome .alert.ok").contains("200"), "{tested}");
    assert_eq!(tested.value("baseUrl").unwrap(), provider);
    hides_secrets(&tested);
    let listed = post(press("models", &[])).await.shown();
    let candidates = listed.attributes("[name=candidate]", "value");
    assert!(
        candidates.contains(&"gpt-5-mini".to_owned()) && !candidates.contains(&"claude-haiku-4-5".to_owned()),
        "{candidates:?}"
    );
    assert!(listed.values("candidate").is_empty(), "nothing is chosen by itself");
    let taken = post(press("take", &[("candidate", "gpt-5-mini"), ("candidate", "gpt-5")])).await.shown();
    assert_eq!(taken.values("models"), ["claude-haiku-4-5\ngpt-5-mini\ngpt-5"]);
    let gone = admin.submit(&form, "form.panel", &[("baseUrl", "http://127.0.0.1:9"), ("apiKey", KEY), ("models", "m")]).await;
    assert!(gone.problem("name").is_some(), "a channel is not stored without a name: {gone}");
    let nobody = admin
        .post(
            "/admin/channels",
            &[("act", "test"), ("type", "claude"), ("baseUrl", "http://127.0.0.1:9"), ("apiKey", KEY), ("models", "m")],
        )
        .await
        .shown();
    assert!(nobody.has("#outcome .alert.bad"), "{nobody}");
    let wrong =
        admin.post("/admin/channels", &[("act", "test"), ("type", "claude"), ("baseUrl", "ftp://x"), ("apiKey", KEY)]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.problem("baseUrl").is_some(), "{wrong}");
    let books = world.books();
    assert_eq!(books.number("SELECT count(*) FROM channels").await, 2);
    assert_eq!(books.number("SELECT count(*) FROM channel_tests").await, 0);
}

#[actix_web::test]
async fn a_stored_key_is_tried_with_its_own_host_alone() {
    let world = World::start();
    let admin = world.admin().await;
    let id = stored(&admin, "Scripted Claude").await["id"].clone();
    let edit = admin.get(&format!("/admin/channels/{id}/edit")).await.shown();
    let with_stored_key = edit.form("form.panel", &[("testModel", "claude-haiku-4-5")]).fields;
    let mut fields: Vec<(&str, &str)> = with_stored_key.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.push(("act", "test"));
    let tested = admin.post(&format!("/admin/channels/{id}/edit"), &fields).await.shown();
    assert!(tested.has("#outcome .alert.ok"), "{tested}");
    for field in &mut fields {
        if field.0 == "baseUrl" {
            field.1 = "http://127.0.0.1:9";
        }
    }
    let stolen = admin.post(&format!("/admin/channels/{id}/edit"), &fields).await;
    assert!(stolen.problem("apiKey").is_some(), "a stored key goes to no other host: {stolen}");
}

#[actix_web::test]
async fn figures_are_those_of_the_database_also_where_another_channel_answered() {
    let world = World::start();
    let (admin, books) = (world.admin().await, world.books());
    let dead =
        made(&admin, "dead", &[("baseUrl", "http://127.0.0.1:9"), ("priority", "9"), ("models", "claude-haiku-4-5")]).await;
    for _ in 0..3 {
        assert_eq!(world.relays(&world.key, "claude-haiku-4-5", Value::Null).await.status, 200);
    }
    let failed = books.number(&format!("SELECT sum(failed) FROM channel_activity WHERE channel_id = {dead}")).await;
    assert!(failed >= 3, "each request was tried there first: {failed}");
    let good = stored(&admin, "Scripted Claude").await["id"].as_i64().unwrap();
    let answered = books.number(&format!("SELECT sum(answered) FROM channel_activity WHERE channel_id = {good}")).await;
    assert_eq!(answered, 4);

    let list = admin.get("/admin/channels").await.shown();
    let rows = list.rows();
    assert_eq!(row(&rows, "dead").cell("Success 24 h"), format!("0.0%{failed} failed"));
    assert_eq!(row(&rows, "Scripted Claude").cell("Success 24 h"), "100.0%");
    assert_eq!(row(&rows, "Scripted OpenAI").cell("Success 24 h"), "—");
    let api = admin.api(Method::GET, "/api/channel-status", Value::Null).await;
    let of = |id: i64| api["channels"].as_array().unwrap().iter().find(|one| one["channelId"] == id).unwrap().clone();
    assert_eq!((&of(dead)["last24h"]["failed"], &of(good)["last24h"]["answered"]), (&json!(failed), &json!(4)));

    let page = admin.get(&format!("/admin/channels/{dead}")).await.shown();
    assert_eq!(page.count(".failures li") as i64, failed);
    assert!(page.texts(".failures li").iter().all(|line| line.contains("answered by another channel")), "{page}");
    assert_eq!((page.count(".cells li"), page.text("[data-figure=success]")), (48, "0.0%".into()));
    let last = page.texts(".cells li").pop().unwrap();
    assert!(last.contains("down") && last.contains(&format!("{failed} requests, {failed} failed")), "{last}");
    let page = admin.get(&format!("/admin/channels/{good}")).await.shown();
    let cost = books.number(&format!("SELECT sum(cost_nanos) FROM request_log WHERE channel_id = {good}")).await;
    let tenths_of_mills = (cost + 50_000) / 100_000;
    assert_eq!(page.text("[data-figure=cost]"), format!("${}.{:04}", tenths_of_mills / 10_000, tenths_of_mills % 10_000));

    let states = admin.get("/admin/channel-status").await.shown();
    assert_eq!((states.count(".cells"), states.count(".cells li")), (3, 3 * 48));
    assert_eq!(row(&states.rows(), "dead").cell("Success 24 h"), "0.0%");
    let again = admin.request(Method::GET, "/admin/channel-status?every=30").send().await.unwrap();
    assert_eq!(again.headers()["refresh"], "30");
    assert!(admin.request(Method::GET, "/admin/channel-status?every=1").send().await.unwrap().headers().get("refresh").is_none());
}

#[actix_web::test]
async fn tests_are_shown_beside_their_channel_and_all_at_once() {
    let world = World::start();
    let (admin, books, provider) = (world.admin().await, world.books(), world.provider().await);
    let dead = made(&admin, "dead", &[("baseUrl", "http://127.0.0.1:9"), ("models", "m")]).await;
    let good = made(&admin, "good", &[("baseUrl", &provider), ("models", "claude-haiku-4-5")]).await;
    let off = made(&admin, "off", &[("baseUrl", "http://127.0.0.1:9"), ("models", "m")]).await;
    admin.post(&format!("/admin/channels/{off}/status"), &[("status", "disabled")]).await;

    let done = admin.post(&format!("/admin/channels/{dead}/test"), &[]).await;
    let page = admin.follow(&done.location.unwrap()).await.shown();
    let error = books.text(&format!("SELECT error FROM channel_tests WHERE channel_id = {dead}")).await;
    assert!(page.alarm().unwrap().contains(&error), "{page}");
    assert_eq!(page.rows()[0].cell("What went wrong"), error);
    let done = admin.post(&format!("/admin/channels/{good}/test"), &[]).await;
    assert_eq!(done.location.as_deref(), Some(format!("/admin/channels/{good}?done=reached").as_str()));

    let ask = admin.get("/admin/channels/test").await.shown();
    assert_eq!(ask.count("tbody tr"), 4, "the one that is off is not tested: {ask}");
    let all = admin.submit(&ask, "[data-test-all]", &[]).await.shown();
    let rows = all.rows();
    assert_eq!(row(&rows, "good").cell("Result"), "Answered");
    assert_eq!((row(&rows, "dead").cell("Result"), row(&rows, "dead").cell("What went wrong")), ("Not answered", error.as_str()));
    assert_eq!(books.number(&format!("SELECT count(*) FROM channel_tests WHERE channel_id = {off}")).await, 0);
    let part = admin.post(&format!("/admin/channels/{good}/test"), &[("part", "row")]).await.shown();
    assert!(part.body.trim_start().starts_with("<tr") && part.body.contains("Answered"), "{}", part.body);

    for _ in 0..11 {
        admin.post(&format!("/admin/channels/{dead}/test"), &[]).await;
    }
    let page = admin.get(&format!("/admin/channels/{dead}")).await.shown();
    assert!(page.text(".health").starts_with("Circuit open until"), "{}", page.text(".health"));
    assert_eq!(admin.get("/admin/channels?grade=bad").await.shown().count("tbody tr"), 1);
    let closed = admin.submit(&page, ".health form", &[]).await;
    let page = admin.follow(&closed.location.unwrap()).await.shown();
    assert_eq!((page.text(".toast"), page.has(".health form")), ("The channel takes requests again.".into(), false));
    assert!(page.text(".health").starts_with("Test failed"), "{page}");
    assert_eq!(books.number("SELECT count(*) FROM audit WHERE action = 'channel.close_circuit'").await, 1);
    books.text(&format!("SELECT count(*) FROM channel_tests WHERE channel_id = {dead}")).await;
    assert_eq!(page.texts(".foot").pop().unwrap(), "1–13 of 13");
}

#[actix_web::test]
async fn the_list_is_filtered_sorted_and_paged_by_the_database() {
    let world = World::start();
    let admin = world.admin().await;
    for number in 0..52 {
        let channel = json!({ "name": format!("c{number:02}"), "type": if number % 2 == 0 { "claude" } else { "openai" }, "baseUrl": "http://127.0.0.1:9",
            "apiKey": KEY, "weight": number, "enabled": number != 7, "models": [format!("model-{number}")] });
        admin.api(Method::POST, "/api/channels", channel).await;
    }
    let first = admin.get("/admin/channels").await.shown();
    assert_eq!((first.count("tbody tr"), first.rows()[0].cells()[0].starts_with("c00")), (50, true));
    assert!(first.text(".head p").contains("54 channels"), "{}", first.text(".head p"));
    let second = admin.get("/admin/channels?page=2").await.shown();
    assert_eq!(second.count("tbody tr"), 4);
    for (query, many) in [
        ("query=c1", 10),
        ("type=openai", 27),
        ("enabled=no", 1),
        ("grade=off", 1),
        ("model=model-3", 3),
        ("query=nothing", 0),
        ("grade=bad", 0),
    ] {
        let page = admin.get(&format!("/admin/channels?{query}")).await.shown();
        assert_eq!(page.count("tbody tr"), many, "{query}");
        assert_eq!(page.has(".empty"), many == 0, "{query}");
        assert_eq!(admin.get(&format!("/admin/channel-status?{query}")).await.shown().count("tbody tr"), many, "{query}");
    }
    let heavy = admin.get("/admin/channels?sort=weight&sortDir=desc").await.shown();
    assert!(heavy.rows()[0].cells()[0].starts_with("c51"));
    assert_eq!(admin.get("/admin/channels?sort=nonsense").await.status, 422);
    admin.speaks("zh");
    assert_eq!(admin.get("/admin/channels").await.shown().text("h1"), "渠道");
}

#[actix_web::test]
async fn with_scripts_the_form_is_tried_in_place_and_tests_come_one_by_one() {
    let (world, browser) = (World::start(), Browser::open().await);
    let provider = world.provider().await;
    world.sign_in(&browser, &world.admin).await;
    world.show(&browser, "/admin/channels", "en", "light").await;
    browser.run("document.querySelector('.acts [data-sheet]').click()").await;
    browser.until("document.querySelector('dialog[open] [name=baseUrl]')").await;
    let press = |act: &str| format!("document.querySelector('dialog [value={act}]').click()");
    browser.run(&format!("const form = document.querySelector('dialog form'); form.elements.apiKey.value = '{KEY}'; form.elements.models.value = 'claude-haiku-4-5'; form.elements.baseUrl.value = 'nowhere'; {}", press("test"))).await;
    browser.until("document.querySelector('dialog [name=baseUrl][aria-invalid=true]')").await;
    browser.complaints().await;
    browser.run(&format!("document.querySelector('dialog [name=baseUrl]').value = '{provider}'; {}", press("test"))).await;
    browser
        .until("document.querySelector('dialog #outcome .alert.ok') && !document.querySelector('dialog [aria-invalid=true]')")
        .await;
    browser.run(&press("models")).await;
    browser.until("document.querySelector('dialog [name=candidate]')").await;
    browser
        .run("document.querySelector('dialog [data-choose-all]').click(); document.querySelector('dialog [data-take]').click()")
        .await;
    let models = browser.run("return document.querySelector('dialog [name=models]').value").await;
    assert!(
        models.as_str().unwrap().starts_with("claude-haiku-4-5\n") && models.as_str().unwrap().contains("gpt-5-mini"),
        "{models}"
    );
    assert_eq!(browser.run("return document.querySelector('dialog [name=apiKey]').value").await, KEY, "what was typed stays");
    browser.run("const form = document.querySelector('dialog form'); form.elements.name.value = 'tried'; form.requestSubmit(form.querySelector('.primary'))").await;
    browser.until("document.querySelector('.toast')").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    world.show(&browser, "/admin/channels/test", "en", "light").await;
    browser.run("document.querySelector('[data-test-all] button').click()").await;
    browser.until("document.querySelector('[data-test-progress] p').textContent.startsWith('3 of 3')").await;
    let states = browser
        .run("return [...document.querySelectorAll('[data-test-rows] tr')].map(row => row.cells[1].textContent.trim())")
        .await;
    assert_eq!(states, json!(["Not answered", "Not answered", "Answered"]), "the demo's own channels name no model");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}
