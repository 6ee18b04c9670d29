//! The models of a channel's provider on the way into the catalogue, and the price list of this release, without scripts.

use std::net::{Ipv4Addr, SocketAddr};

use api_proxy::mock_upstream::MockUpstream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Database, Gateway};
use crate::visitor::Visitor;
use crate::world::{Login, World};

/// A gateway nobody has set up yet, its first admin, and a provider that lists models of both vendors.
async fn fresh(database: Database) -> (Gateway, Visitor, MockUpstream) {
    let provider = MockUpstream::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let gateway = Gateway::fresh(database).await;
    let root = Login { account: "root".to_owned(), password: "correct horse battery".to_owned() };
    let first = json!({ "username": root.account, "email": "root@example.com", "password": root.password });
    gateway.stranger().api(Method::POST, "/api/auth/register", first).await;
    let admin = Visitor::signed_in(&gateway.site, &root).await;
    admin.api(Method::PATCH, "/api/settings", json!({ "allowPrivateUpstreams": true })).await;
    (gateway, admin, provider)
}

async fn the_first_channel_is_offered_its_models_and_serves_them_at_once(database: Database) {
    let (gateway, admin, provider) = fresh(database).await;
    let form = admin.get("/admin/channels/new").await.shown();
    let typed = [("name", "first"), ("baseUrl", &provider.base_url()), ("apiKey", "sk-of-the-provider")];
    let made = admin.submit(&form, "form.panel", &typed).await;
    let list = admin.follow(&made.location.unwrap()).await;
    assert!(list.text(".alert.warn").contains("The catalogue has no model yet that “first” serves"), "{list}");
    let offer = list.attribute(".alert.warn a", "href").unwrap();
    for elsewhere in ["/admin/models", &offer.replace("/models", "")] {
        let page = admin.get(elsewhere).await.shown();
        assert!(page.attributes("main a", "href").contains(&offer), "{page} offers them, too");
    }
    let page = admin.get(&offer).await.shown();
    let ready: Vec<(String, String, String)> = page
        .rows_of("#ready-rows")
        .iter()
        .map(|row| (row.cells()[1].to_owned(), row.cell("Input").to_owned(), row.cell("Output").to_owned()))
        .collect();
    let row = |name: &str, input: &str, output: &str| (name.to_owned(), input.to_owned(), output.to_owned());
    let expected = [
        row("claude-haiku-4-5", "$1.00", "$5.00"),
        row("claude-opus-4-5", "$5.00", "$25.00"),
        row("claude-sonnet-4-5", "$3.00", "$15.00"),
    ];
    assert_eq!(ready, expected);
    assert!(page.text("#unpriced summary").contains("5 models without a known price"), "{page}");
    assert_eq!(page.values("pick").len(), 3, "all of them are chosen");
    let done = admin.submit(&page, "form.chosen-rows", &[]).await;
    let models = admin.follow(&done.location.unwrap()).await;
    assert_eq!(
        (models.text(".toast").as_str(), models.count("#list tbody tr")),
        ("3 models of the channel can be called now.", 3)
    );
    assert!(models.rows_of("table.picks").iter().all(|row| row.cell("Prices") == "Priced" && row.cell("Channels") == "first"));
    assert!(!admin.get("/admin/channels").await.shown().has(".alert.warn"), "it is offered no more");
    let again = admin.get(&offer).await.shown();
    assert_eq!((again.has("#ready-rows"), again.text("#there summary").as_str()), (false, "3 models are there already"));

    let me = admin.api(Method::GET, "/api/me", Value::Null).await["id"].clone();
    admin.api(Method::PATCH, &format!("/api/users/{me}/quota"), json!({ "adjustUsd": 5, "reason": "test" })).await;
    let key = admin.api(Method::POST, "/api/keys", json!({ "name": "k" })).await["key"].as_str().unwrap().to_owned();
    let usage = json!({ "usage": { "input": 1_000, "output": 100 } });
    assert_eq!(gateway.relays(&key, "claude-opus-4-5", usage).await.status, 200);
    let cost = gateway.books().number("SELECT cost_nanos FROM request_log").await;
    assert_eq!(cost, 1_000 * 5_000 + 100 * 25_000, "billed with the price of the list");
}

#[actix_web::test]
async fn the_first_channel_is_offered_its_models_and_serves_them_at_once_on_sqlite() {
    the_first_channel_is_offered_its_models_and_serves_them_at_once(Database::Sqlite).await;
}

#[actix_web::test]
async fn the_first_channel_is_offered_its_models_and_serves_them_at_once_on_postgres() {
    the_first_channel_is_offered_its_models_and_serves_them_at_once(Database::Postgres).await;
}

#[actix_web::test]
async fn a_model_without_a_known_price_needs_one_and_what_was_typed_stays() {
    let world = World::start();
    let admin = world.admin().await;
    let id = world.books().number("SELECT id FROM channels WHERE name = 'Scripted Claude'").await;
    let page = admin.get(&format!("/admin/channels/{id}/models")).await.shown();
    assert_eq!(page.text("#there summary"), "2 models are there already");
    assert_eq!(page.values("unpriced"), ["gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-5-mini", "text-embedding-3-small"]);
    let nothing = admin.post(&format!("/admin/channels/{id}/models"), &[("visible", "on")]).await;
    assert_eq!(nothing.status, 422);
    assert!(nothing.alarm().unwrap().contains("Tick at least one"), "{nothing}");
    let half = [
        ("unpriced", "gpt-4o"),
        ("inputPricePerMTok", ""),
        ("outputPricePerMTok", ""),
        ("unpriced", "gpt-5"),
        ("inputPricePerMTok", "1.5"),
        ("outputPricePerMTok", ""),
    ];
    let refused = admin.post(&format!("/admin/channels/{id}/models"), &half).await;
    assert_eq!((refused.status, refused.alarm().unwrap().contains("No price of gpt-5 is known")), (422, true), "{refused}");
    assert_eq!(refused.values("inputPricePerMTok"), ["", "", "1.5", "", ""]);
    assert!(refused.values("pick").is_empty(), "nothing was ticked");
    let mut whole = half;
    whole[5].1 = "3";
    let done = admin.post(&format!("/admin/channels/{id}/models"), &whole).await;
    assert_eq!(done.location.as_deref(), Some("/admin/models?done=taken.1"), "{done}");
    let price = world.books().rows("SELECT provider, input_price, output_price FROM model_prices WHERE model = 'gpt-5'").await;
    assert_eq!(price, [["claude", "1500000000", "3000000000"].map(|text| Some(text.to_owned())).to_vec()]);
    assert_eq!(world.books().number("SELECT count(*) FROM catalogue_models WHERE model = 'gpt-4o'").await, 0);
    assert_eq!(world.books().number("SELECT count(*) FROM audit WHERE action = 'channel.add_models'").await, 1);
}

#[actix_web::test]
async fn a_provider_that_does_not_tell_its_models_is_said_to_and_can_be_asked_again() {
    let world = World::start();
    let admin = world.admin().await;
    let dead = json!({ "name": "dead", "type": "claude", "baseUrl": "http://127.0.0.1:9", "apiKey": "sk-upstream", "models": ["nobody-asks"] });
    let id = admin.api(Method::POST, "/api/channels", dead).await["id"].clone();
    let path = format!("/admin/channels/{id}/models");
    let page = admin.get(&path).await.shown();
    assert!(page.alarm().unwrap().contains("no answer"), "{page}");
    assert_eq!(page.text(".empty b"), "Its models could not be fetched");
    assert!(page.attributes("main .empty a", "href").contains(&path), "{page}");
    let list = admin.get("/admin/channels").await.shown();
    assert_eq!(list.texts(".alert.warn a"), ["Add its models dead"], "the others serve the demo's models");
    assert_eq!(admin.get("/admin/channels/7/models").await.status, 404);
}

#[actix_web::test]
async fn long_lists_are_read_whole_and_a_key_that_is_not_taken_is_said_to_be() {
    let (_gateway, admin, provider) = fresh(Database::Sqlite).await;
    let body = json!({ "name": "one", "type": "claude", "baseUrl": provider.base_url(), "apiKey": "sk-of-the-provider" });
    let id = admin.api(Method::POST, "/api/channels", body).await["id"].clone();
    let names: Vec<String> = (0..4_500).map(|at| format!("model-{at:04}-{}", "x".repeat(230))).collect();
    provider.script().models(names);
    let told = admin.api(Method::GET, &format!("/api/channels/{id}/models"), Value::Null).await;
    assert_eq!((told["models"].as_array().unwrap().len(), &told["more"]), (2_000, &json!(2_500)));
    let asked = provider.script().requests().pop().unwrap();
    assert_eq!((asked.path.as_str(), asked.query.as_str()), ("/v1/models", "limit=1000"), "Anthropic's pages have 20 otherwise");
    provider.script().models(["claude-opus-5-5", "claude-haiku-5-5"]);
    let page = admin.get(&format!("/admin/channels/{id}/models")).await.shown();
    let haiku = &page.rows_of("#ready-rows")[0];
    assert!(haiku.cells()[1].contains("Over 100,000 tokens of prompt the provider charges $0.50 and $2.50"), "{page}");
    provider.script().require_key("sk-another");
    let refused = admin.get(&format!("/admin/channels/{id}/models")).await.shown();
    assert!(refused.alarm().unwrap().contains("status 401"), "{refused}");
    assert!(!refused.body.contains("sk-of-the-provider"), "{refused}");
}

#[actix_web::test]
async fn the_price_list_of_this_release_is_looked_through_like_a_file() {
    let world = World::start();
    let admin = world.admin().await;
    let day = admin.api(Method::GET, "/api/price-list", Value::Null).await["asOf"].as_str().unwrap().to_owned();
    let before = world.books().number("SELECT count(*) FROM model_prices").await;
    for path in ["/admin/prices", "/admin/models", "/admin/prices/import"] {
        let page = admin.get(path).await.shown();
        let form = "form:has([name=release])";
        assert_eq!(page.text(&format!("{form} button")), format!("Price list of {day}"), "{page}");
        let seen = admin.submit(&page, form, &[]).await.shown();
        assert_eq!(seen.text("h1"), "What the price list would change");
        assert!(seen.count("section[aria-labelledby=added] tbody tr") > 50, "{seen}");
        assert_eq!(seen.text("[data-figure=skipped]"), "0");
    }
    assert_eq!(
        world.books().number("SELECT count(*) FROM model_prices").await,
        before,
        "nothing is written before it is confirmed"
    );
    let seen = admin.post("/admin/prices/import", &[("release", "yes")]).await.shown();
    let known = admin.submit(&seen, "form.filters", &[("known", "on")]).await.shown();
    assert!(known.count("section[aria-labelledby=added] tbody tr") < 5, "filters work on it, too: {known}");
    let done = admin.submit(&seen, "form.chosen-rows", &[]).await;
    assert!(admin.follow(&done.location.unwrap()).await.text(".toast").contains("prices were imported"));
    assert_eq!(
        world.books().number("SELECT count(*) FROM model_prices WHERE input_price = 0 OR output_price = 0").await,
        1,
        "the demo's embeddings alone"
    );
}
