//! What channels serve and what it costs there, and what pages do with it.

use std::sync::Arc;

use actors::vocabulary::{Role, UserId};
use api_proxy::services::catalogue::models::{self, Model, NewModel};
use api_proxy::services::catalogue::reach::{self, Priced};
use api_proxy::services::catalogue::{ImportBody, PreviewFilter, Reach, SkipReason, preview};
use api_proxy::services::{Actor, Via};
use serde_json::{Value, json};

use crate::catalogue::{mapping, price};
use crate::channels::channel;
use crate::harness::{Caller, TestApp};
use crate::on_both;

fn admin() -> Actor {
    Actor { id: UserId(1), name: "anna".to_owned(), role: Role::Admin, ip: None, via: Via::Session(1) }
}

fn new_model(provider: &str, model: &str) -> NewModel {
    NewModel { provider: provider.to_owned(), model: model.to_owned(), display_name: None, visible: None, enabled: None }
}

async fn serving(anna: &Caller, name: &str, kind: &str, models: Value) -> i64 {
    let mut body = channel(name);
    body["type"] = json!(kind);
    body["models"] = models;
    anna.post("/api/channels", body).await.expects(201)["id"].as_i64().unwrap()
}

async fn square(app: &TestApp) -> Vec<(String, String)> {
    let square = app.stranger().get("/api/model-square").await.expects(200);
    let price = |row: &Value| format!("{}/{}", row["inputPricePerMTok"], row["outputPricePerMTok"]);
    square["models"].as_array().unwrap().iter().map(|row| (row["model"].as_str().unwrap().to_owned(), price(row))).collect()
}

fn names(of: &[reach::ChannelName]) -> Vec<&str> {
    of.iter().map(|channel| channel.name.as_str()).collect()
}

on_both! {
    async fn the_square_shows_the_most_that_a_request_is_billed_with(app: TestApp) {
        let anna = app.people().await.anna;
        let one = serving(&anna, "one", "claude", json!(["claude-up"])).await;
        serving(&anna, "two", "claude", json!(["claude-up"])).await;
        serving(&anna, "free", "openai", json!(["nowhere-priced"])).await;
        anna.post("/api/model-mappings", mapping("mapped")).await.expects(201);
        for (provider, model) in [("openai", "mapped"), ("openai", "nowhere-priced"), ("openai", "unserved")] {
            anna.post("/api/models", json!({"provider": provider, "model": model})).await.expects(201);
        }
        anna.post("/api/model-prices", json!({"provider": "openai", "model": "mapped", "inputPricePerMTok": 99, "outputPricePerMTok": 99})).await.expects(201);
        anna.post("/api/model-prices", json!({"provider": "openai", "model": "unserved", "inputPricePerMTok": 7, "outputPricePerMTok": 8})).await.expects(201);
        anna.post("/api/model-prices", json!({"provider": "claude", "model": "nowhere-priced", "inputPricePerMTok": 1, "outputPricePerMTok": 1})).await.expects(201);
        let told = |mapped: &str| [("mapped", mapped), ("nowhere-priced", "null/null"), ("unserved", "7/8")].map(|(model, price)| (model.to_owned(), price.to_owned()));
        assert_eq!(square(&app).await, told("null/null"), "the price of the name clients use is not what is billed");
        anna.post("/api/model-prices", price("claude-up")).await.expects(201);
        app.settings.0.lock().unwrap().claude_billing_multiplier = "2".parse().unwrap();
        assert_eq!(square(&app).await, told("6/30.000000002"));
        anna.post("/api/model-prices", json!({"channelId": one, "model": "claude-up", "inputPricePerMTok": 4, "outputPricePerMTok": 1})).await.expects(201);
        assert_eq!(square(&app).await, told("8/30.000000002"), "each figure is the dearest");
    }

    async fn the_square_is_computed_once_for_all_that_look_until_something_changes(app: TestApp) {
        let anna = app.people().await.anna;
        anna.post("/api/models", json!({"provider": "openai", "model": "one"})).await.expects(201);
        let changes = || *app.settings.1.lock().unwrap() = Some(Arc::default());
        let names = |rows: Vec<(String, String)>| rows.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        changes();
        assert_eq!(names(square(&app).await), ["one"]);
        anna.post("/api/models", json!({"provider": "openai", "model": "two"})).await.expects(201);
        assert_eq!(names(square(&app).await), ["one"], "nothing was computed while no change was heard of");
        changes();
        assert_eq!(names(square(&app).await), ["one", "two"]);
        // Another object of the same value is another snapshot.
        anna.post("/api/models", json!({"provider": "openai", "model": "three"})).await.expects(201);
        changes();
        assert_eq!(names(square(&app).await), ["one", "three", "two"]);
    }

    async fn models_that_channels_serve_are_found_and_added_at_once(app: TestApp) {
        let anna = app.people().await.anna;
        serving(&anna, "listing", "claude", json!(["claude-up", "claude-b"])).await;
        serving(&anna, "open", "openai", json!([])).await;
        anna.post("/api/model-mappings", mapping("mapped")).await.expects(201);
        anna.post("/api/model-prices", price("claude-b")).await.expects(201);
        anna.post("/api/model-prices", json!({"provider": "openai", "model": "priced", "inputPricePerMTok": 1, "outputPricePerMTok": 1})).await.expects(201);
        anna.post("/api/model-prices", price("served-by-nobody")).await.expects(201);
        anna.post("/api/models", json!({"provider": "openai", "model": "claude-up"})).await.expects(201);
        let reach = Reach::load(&app.services).await.unwrap();
        let found: Vec<_> = reach.candidates().into_iter().map(|one| (one.provider, one.model, one.reach.priced, one.known_elsewhere)).collect();
        let wanted = [("claude", "claude-b", Priced::All, false), ("claude", "claude-up", Priced::None, true), ("openai", "mapped", Priced::None, false), ("openai", "priced", Priced::All, false)];
        assert_eq!(found, wanted.map(|(provider, model, priced, known)| (provider.to_owned(), model.to_owned(), priced, known)));
        assert_eq!(reach.open_channels().iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>(), ["open"]);

        let wishes = || vec![new_model("claude", "claude-b"), new_model("openai", "claude-up"), new_model("openai", "mapped")];
        assert_eq!(models::create_all(&app.services, &admin(), wishes()).await.unwrap(), 2);
        assert_eq!(models::create_all(&app.services, &admin(), wishes()).await.unwrap(), 0);
        let mut broken = wishes();
        broken.extend([new_model("claude", "another"), new_model("nobody", "x")]);
        assert!(models::create_all(&app.services, &admin(), broken).await.is_err());
        let listed = anna.get("/api/models?sort=model&sortDir=asc").await.expects(200);
        assert_eq!(listed["rows"].as_array().unwrap().iter().map(|row| row["model"].as_str().unwrap()).collect::<Vec<_>>(), ["claude-b", "claude-up", "mapped"]);
        let deeds = anna.get("/api/activity?query=model.add").await.expects(200);
        assert_eq!(deeds["total"], 1, "{deeds}");
    }

    async fn what_has_no_price_is_told_with_the_channels_it_lacks_one_at(app: TestApp) {
        let anna = app.people().await.anna;
        let one = serving(&anna, "one", "claude", json!(["claude-up", "claude-b"])).await;
        serving(&anna, "two", "claude", json!(["claude-up"])).await;
        serving(&anna, "open", "openai", json!([])).await;
        anna.post("/api/model-mappings", mapping("mapped")).await.expects(201);
        anna.post("/api/models", json!({"provider": "openai", "model": "mapped"})).await.expects(201);
        anna.post("/api/models", json!({"provider": "claude", "model": "claude-b", "enabled": false})).await.expects(201);
        anna.post("/api/models", json!({"provider": "openai", "model": "gpt"})).await.expects(201);
        anna.post("/api/model-prices", json!({"channelId": one, "model": "claude-up", "inputPricePerMTok": 1, "outputPricePerMTok": 1})).await.expects(201);
        let reach = Reach::load(&app.services).await.unwrap();
        let unpriced = reach::unpriced(&app.services, &reach).await.unwrap();
        let told: Vec<_> = unpriced.iter().map(|row| (row.provider.as_str(), row.model.as_str(), names(&row.channels), row.requests)).collect();
        assert_eq!(told, [("claude", "claude-up", vec!["two"], 0), ("openai", "gpt", vec!["open"], 0)]);
        let listed = anna.get("/api/models?query=mapped").await.expects(200);
        let row = &listed["rows"][0];
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let model = Model { id: row["id"].as_i64().unwrap(), provider: text("provider"), model: text("model"), display_name: text("displayName"), visible: true, enabled: true, created_at: 0, updated_at: 0 };
        let served = reach.of_model(&model);
        assert_eq!((names(&served.channels), served.upstream, served.priced), (vec!["one", "two"], vec!["claude-up".to_owned()], Priced::Some));
    }

    async fn a_preview_writes_nothing_and_says_what_it_passes_over(app: TestApp) {
        let anna = app.people().await.anna;
        serving(&anna, "one", "claude", json!(["listed"])).await;
        anna.post("/api/model-prices", price("known")).await.expects(201);
        let file = r#"{"known": {"litellm_provider": "anthropic", "input_cost_per_token": 3e-06, "output_cost_per_token": 16e-06},
            "listed": {"litellm_provider": "anthropic", "input_cost_per_token": 1e-06}, "foreign": {"litellm_provider": "anthropic", "input_cost_per_token": 1e-06},
            "anthropic/listed": {"litellm_provider": "anthropic", "input_cost_per_token": 9e-06}, "picture": {"litellm_provider": "openai"},
            "gpt": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}, "odd": {"litellm_provider": "openai", "input_cost_per_token": -1}}"#;
        let body = ImportBody::of(file.to_owned()).unwrap();
        let all = preview(&app.services, &body, &PreviewFilter::default()).await.unwrap();
        assert_eq!((all.diff.added.len(), all.diff.changed.len(), all.diff.skipped, all.left_out, all.rows.len()), (3, 1, 3, 0, 4));
        let why: Vec<_> = all.passed_over.iter().map(|group| (group.reason, group.examples.concat())).collect();
        assert_eq!(why, [(SkipReason::NoTokenPrice, "picture".to_owned()), (SkipReason::BadPrice, "odd".to_owned()), (SkipReason::Twice, "anthropic/listed".to_owned())]);
        let known = preview(&app.services, &body, &PreviewFilter { provider: None, known_only: true }).await.unwrap();
        assert_eq!((known.diff.added[0].model.as_str(), known.diff.added.len(), known.left_out), ("listed", 1, 2));
        let of_one = preview(&app.services, &body, &PreviewFilter { provider: Some("openai".to_owned()), known_only: false }).await.unwrap();
        assert_eq!((of_one.diff.added[0].model.as_str(), of_one.diff.changed.len(), of_one.left_out), ("gpt", 0, 3));
        assert!(ImportBody::of("{".to_owned()).is_err());
        assert_eq!(anna.get("/api/model-prices").await.expects(200)["total"], 1, "nothing was written");
    }
}
