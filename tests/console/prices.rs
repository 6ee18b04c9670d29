//! The pages of prices and their import, without scripts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::page::Page;
use crate::visitor::{File, Visitor};
use crate::world::World;

const FILE: &str = r#"{
    "claude-haiku-4-5": {"litellm_provider": "anthropic", "input_cost_per_token": 1e-06, "output_cost_per_token": 6e-06,
        "cache_read_input_token_cost": 1e-07, "cache_creation_input_token_cost": 1.25e-06},
    "claude-new": {"litellm_provider": "anthropic", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05},
    "gpt-served": {"litellm_provider": "openai", "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
    "gpt-foreign": {"litellm_provider": "openai", "input_cost_per_token": 2e-06},
    "bedrock/claude": {"litellm_provider": "bedrock", "input_cost_per_token": 3e-06},
    "tts": {"litellm_provider": "openai", "input_cost_per_character": 3e-06}}"#;

fn file(content: &str) -> File<'_> {
    File { field: "priceList", name: "prices.json", content }
}

fn figures(page: &Page) -> Vec<String> {
    page.texts("[data-figure]")
}

async fn model(admin: &Visitor, provider: &str, model: &str) {
    admin.api(Method::POST, "/api/models", json!({ "provider": provider, "model": model })).await;
}

/// Every price there is, as a text that shows any difference.
async fn stored(world: &World) -> Vec<Vec<Option<String>>> {
    world.books().rows("SELECT model, provider, channel_id, input_price, output_price, cache_read_price, cache_creation_price, cache_creation_1h_price FROM model_prices ORDER BY model, provider").await
}

#[actix_web::test]
async fn a_price_is_made_changed_and_deleted_without_scripts() {
    let world = World::start();
    let admin = world.admin().await;
    model(&admin, "claude", "claude-new").await;
    let list = admin.get("/admin/prices").await.shown();
    let missing = &list.rows_of("section[aria-labelledby=unpriced] table")[0];
    assert_eq!(
        (missing.cells()[0], missing.cell("Channels"), missing.cell("Requests, 7 days")),
        ("claude-new", "Scripted Claude", "—")
    );
    let form = admin.get(&list.attribute("section[aria-labelledby=unpriced] a.btn", "href").unwrap()).await.shown();
    assert_eq!((form.value("model").as_deref(), form.value("provider").as_deref()), (Some("claude-new"), Some("claude")));
    let typed = [("inputPricePerMTok", "3"), ("outputPricePerMTok", "much"), ("cacheReadPricePerMTok", "0.300000001")];
    let refused = admin.submit(&form, "form.panel", &typed).await;
    assert_eq!((refused.status, refused.value("outputPricePerMTok").as_deref()), (422, Some("much")));
    assert!(refused.problem("outputPricePerMTok").unwrap().contains("1.25"), "{refused}");
    assert_eq!((refused.value("model").as_deref(), refused.problem("inputPricePerMTok")), (Some("claude-new"), None));
    let empty = admin.submit(&refused, "form.panel", &[("outputPricePerMTok", "")]).await;
    assert_eq!(empty.problem("outputPricePerMTok").as_deref(), Some("Output is required"), "{empty}");
    let made = admin.submit(&empty, "form.panel", &[("outputPricePerMTok", "$15.5")]).await;
    let list = admin.follow(&made.location.unwrap()).await;
    assert_eq!((list.text(".toast").as_str(), list.has("section[aria-labelledby=unpriced]")), ("The price was created.", false));
    let row = list.rows_of("#list table").into_iter().find(|row| row.cells()[0] == "claude-new").unwrap();
    let told =
        [row.cell("Applies to"), row.cell("Input"), row.cell("Output"), row.cell("Cache read"), row.cell("Cache write, 5 min")];
    assert_eq!(told, ["All Claude channels", "$3.00", "$15.50", "$0.300000001", "$3.75"]);

    let twice = admin.submit(&form, "form.panel", &[("inputPricePerMTok", "1"), ("outputPricePerMTok", "1")]).await;
    assert_eq!(twice.status, 409);
    assert!(twice.problem("model").is_some(), "{twice}");

    let id = world.books().number("SELECT id FROM model_prices WHERE model = 'claude-new'").await;
    let channel = world.books().text("SELECT CAST(id AS TEXT) FROM channels WHERE name = 'Scripted Claude'").await;
    let edit = admin.get(&format!("/admin/prices/{id}")).await.shown();
    assert_eq!(edit.value("cacheReadPricePerMTok").as_deref(), Some("0.300000001"));
    let change = [("provider", channel.as_str()), ("cacheReadPricePerMTok", ""), ("cacheCreation1hPricePerMTok", "6")];
    let saved = admin.submit(&edit, "form.panel", &change).await;
    assert_eq!(saved.location.as_deref(), Some("/admin/prices?done=saved.1"), "{saved}");
    let there = admin.api(Method::GET, &format!("/api/model-prices?channelId={channel}"), Value::Null).await;
    let row = &there["rows"][0];
    let told = [&row["inputPricePerMTok"], &row["cacheReadPricePerMTok"], &row["cacheCreation1hPricePerMTok"], &row["provider"]];
    assert_eq!(told, [&json!(3), &json!(3), &json!(6), &Value::Null]);
    let of_channel = admin.get(&format!("/admin/prices?scope={channel}")).await.shown();
    assert_eq!(of_channel.rows_of("#list table")[0].cell("Applies to"), "Scripted Claude");
    let asked = admin.get(&format!("/admin/prices/{id}/remove")).await.shown();
    let gone = admin.submit(&asked, "main form[method=post]", &[]).await;
    assert_eq!(admin.follow(&gone.location.unwrap()).await.text(".toast"), "The price was deleted.");
    assert_eq!(admin.post(&format!("/admin/prices/{id}/remove"), &[]).await.status, 404);
}

#[actix_web::test]
async fn an_import_is_looked_through_and_exactly_what_was_chosen_is_written() {
    let world = World::start();
    let admin = world.admin().await;
    model(&admin, "openai", "gpt-served").await;
    let before = stored(&world).await;
    assert!(admin.get("/admin/prices/import").await.shown().has("input[type=file][name=priceList]"));
    let seen = admin.post_file("/admin/prices/import", &[("known", "on")], &file(FILE)).await.shown();
    assert_eq!(figures(&seen), ["1", "1", "0", "2", "2"], "changed, new, unchanged, left out, not usable");
    assert_eq!(seen.rows_of("section[aria-labelledby=changed] table")[0].cell("Output"), "$6.00before:$5.00");
    assert!(seen.text("section[aria-labelledby=skipped]").contains("bedrock/claude"), "{seen}");
    let all = admin.submit(&seen, "form.filters", &[("known", "")]).await.shown();
    assert_eq!(figures(&all), ["1", "3", "0", "0", "2"]);
    let of_one = admin.submit(&all, "form.filters", &[("provider", "claude")]).await.shown();
    assert_eq!(figures(&of_one), ["1", "1", "0", "2", "2"]);
    assert_eq!(stored(&world).await, before, "nothing is written before it is confirmed");

    let chosen: Vec<String> =
        all.values("row").into_iter().filter(|row| !row.contains("gpt-foreign") && !row.contains("claude-new")).collect();
    let fields: Vec<(&str, &str)> = chosen.iter().map(|row| ("row", row.as_str())).collect();
    assert_eq!(fields.len(), 2);
    let done = admin.post("/admin/prices/import/apply", &fields).await;
    assert_eq!(admin.follow(&done.location.unwrap()).await.text(".toast"), "2 prices were imported.");
    let after = stored(&world).await;
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(
        world.books().number("SELECT output_price FROM model_prices WHERE model = 'claude-haiku-4-5'").await,
        6_000_000_000
    );
    assert_eq!(world.books().number("SELECT input_price FROM model_prices WHERE model = 'gpt-served'").await, 50_000_000);
    assert_eq!(world.books().number("SELECT count(*) FROM audit WHERE action = 'price.import'").await, 1);
    let again = admin.post_file("/admin/prices/import", &[("known", "on")], &file(FILE)).await.shown();
    assert_eq!(figures(&again), ["0", "0", "2", "2", "2"]);
    assert!(again.text(".chosen-rows .empty").contains("Nothing would change"), "{again}");
}

#[actix_web::test]
async fn an_import_that_is_wrong_says_so_at_the_file_and_writes_nothing() {
    let world = World::start();
    let (admin, user) = (world.admin().await, world.user().await);
    let before = stored(&world).await;
    for (content, said) in [
        ("", "Price list is required"),
        ("{", "not valid JSON"),
        (r#"[{"provider":"claude","model":"m","inputPricePerMTok":-1,"outputPricePerMTok":1}]"#, "rows[0]"),
        (r#"[{"channelId":7,"model":"m","inputPricePerMTok":1,"outputPricePerMTok":1}]"#, "no such channel"),
        (r#"[{"provider":"claude","model":"m"}]"#, "missing field"),
    ] {
        let refused = admin.post_file("/admin/prices/import", &[("provider", "claude")], &file(content)).await;
        assert_eq!((refused.status, refused.value("provider").as_deref()), (422, Some("claude")), "{refused}");
        assert!(refused.problem("priceList").unwrap().contains(said), "{content}: {refused}");
    }
    let nothing = admin.post("/admin/prices/import/apply", &[]).await;
    assert_eq!(nothing.status, 422);
    assert!(nothing.alarm().unwrap().contains("nothing was written"), "{nothing}");
    let good = r#"{"provider":"claude","model":"m","inputPricePerMTok":1,"outputPricePerMTok":1}"#;
    let half = admin.post("/admin/prices/import/apply", &[("row", good), ("row", "{\"model\":\"n\"}")]).await;
    assert_eq!(half.status, 422, "all or none");
    assert_eq!(user.post("/admin/prices/import/apply", &[("row", good)]).await.status, 403);
    assert_eq!(stored(&world).await, before);
}
