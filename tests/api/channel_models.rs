//! Models that a channel's provider lists, added with their prices; the price list of this release.

use serde_json::{Value, json};

use crate::channels::channel;
use crate::harness::{Caller, TestApp};
use crate::on_both;

/// A Claude channel whose provider lists these; its id.
async fn listing(app: &TestApp, admin: &Caller, own: Value, listed: &[&str]) -> i64 {
    *app.upstreams.lists.lock().unwrap() = Some(listed.iter().map(|name| (*name).to_owned()).collect());
    let mut body = channel("listing");
    body["models"] = own;
    admin.post("/api/channels", body).await.expects(201)["id"].as_i64().unwrap()
}

/// The names in a part of an answer.
fn names(answer: &Value, part: &str) -> Vec<String> {
    answer[part].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// What becomes of each listed model.
async fn states(admin: &Caller, path: &str) -> Vec<(String, String)> {
    let told = admin.get(path).await.expects(200);
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    told["models"].as_array().unwrap().iter().map(|row| (word(row, "model"), word(row, "state"))).collect()
}

async fn total(admin: &Caller, path: &str) -> i64 {
    admin.get(path).await.expects(200)["total"].as_i64().unwrap()
}

const LISTED: [&str; 4] = ["claude-opus-4-5", "made-up", "claude-haiku-5-5", "claude-haiku-4-5"];

on_both! {
    async fn models_of_a_channel_are_added_with_their_prices_in_one_step(app: TestApp) {
        let anna = app.people().await.anna;
        let id = listing(&app, &anna, json!([]), &LISTED).await;
        let path = format!("/api/channels/{id}/models");
        anna.post("/api/models", json!({"provider": "claude", "model": "claude-haiku-4-5", "displayName": "Ours", "visible": false})).await.expects(201);
        let stored = json!({"provider": "claude", "model": "claude-haiku-4-5", "inputPricePerMTok": 7, "outputPricePerMTok": 9});
        anna.post("/api/model-prices", stored).await.expects(201);
        let told = anna.get(&path).await.expects(200);
        assert_eq!((&told["provider"], &told["more"], &told["channelId"]), (&json!("claude"), &json!(0), &json!(id)));
        let known: Vec<(&Value, &Value)> = told["models"].as_array().unwrap().iter().map(|row| (&row["model"], &row["state"])).collect();
        let state = |name: &'static str, state: &'static str| (json!(name), json!(state));
        let expected = [state("claude-haiku-4-5", "there"), state("claude-haiku-5-5", "ready"), state("claude-opus-4-5", "ready"), state("made-up", "unpriced")];
        assert_eq!(known, expected.iter().map(|(name, state)| (name, state)).collect::<Vec<_>>());
        let prices: Vec<&Value> = told["models"].as_array().unwrap().iter().map(|row| &row["price"]["from"]).collect();
        assert_eq!(prices, [&json!("stored"), &json!("list"), &json!("list"), &json!(null)]);
        assert_eq!(told["models"][1]["price"]["longPrompt"]["above"], 100_000);

        let added = anna.post(&path, json!({})).await.expects(200);
        assert_eq!(names(&added, "added"), ["claude-haiku-5-5", "claude-opus-4-5"]);
        assert_eq!((names(&added, "priced"), names(&added, "unpriced")), (names(&added, "added"), vec!["made-up".to_owned()]));
        assert_eq!(names(&added, "listed"), [""; 0], "it serves every model anyway");
        assert_eq!((total(&anna, "/api/models").await, total(&anna, "/api/model-prices").await), (3, 2 + 1));
        let price = anna.get("/api/model-prices?query=claude-opus-4-5").await.expects(200)["rows"][0].clone();
        let figure = |name: &str| price[name].to_string();
        assert_eq!((&price["provider"], figure("inputPricePerMTok"), figure("outputPricePerMTok")), (&json!("claude"), "5".to_owned(), "25".to_owned()));
        assert_eq!((figure("cacheReadPricePerMTok"), figure("cacheCreationPricePerMTok"), figure("cacheCreation1hPricePerMTok")), ("0.5".into(), "6.25".into(), "10".into()));
        let kept = anna.get("/api/models?query=claude-haiku-4-5").await.expects(200)["rows"][0].clone();
        assert_eq!((&kept["displayName"], &kept["visible"]), (&json!("Ours"), &json!(false)), "what was there stays");
        let kept = anna.get("/api/model-prices?query=claude-haiku-4-5").await.expects(200)["rows"][0].clone();
        assert_eq!(kept["inputPricePerMTok"], 7);

        let deeds = total(&anna, "/api/activity").await;
        let again = anna.post(&path, json!({})).await.expects(200);
        assert_eq!([names(&again, "added"), names(&again, "priced"), names(&again, "listed")].concat(), [""; 0]);
        assert_eq!(total(&anna, "/api/activity").await, deeds, "nothing was done, nothing is noted");
        let deed = anna.get("/api/activity?pageSize=1").await.expects(200)["rows"][0].clone();
        assert_eq!((&deed["action"], &deed["subjectId"]), (&json!("channel.add_models"), &json!(id)));
    }

    async fn chosen_models_join_the_channels_own_list(app: TestApp) {
        let anna = app.people().await.anna;
        let id = listing(&app, &anna, json!(["claude-haiku-4-5"]), &LISTED).await;
        let path = format!("/api/channels/{id}/models");
        anna.post("/api/models", json!({"provider": "claude", "model": "claude-opus-4-5"})).await.expects(201);
        let wish = json!({"visible": false, "models": [{"model": " claude-opus-4-5 "}, {"model": "claude-haiku-4-5"}, {"model": "claude-haiku-4-5"},
            {"model": "made-up", "inputPricePerMTok": 0.5, "outputPricePerMTok": 2}]});
        let added = anna.post(&path, wish.clone()).await.expects(200);
        assert_eq!((names(&added, "added"), names(&added, "listed")), (vec!["claude-haiku-4-5".to_owned(), "made-up".to_owned()], vec!["claude-opus-4-5".to_owned(), "made-up".to_owned()]));
        assert_eq!(names(&added, "priced"), ["claude-opus-4-5", "claude-haiku-4-5", "made-up"]);
        let own = anna.get("/api/channels").await.expects(200)["rows"][0]["models"].clone();
        assert_eq!(own, json!(["claude-haiku-4-5", "claude-opus-4-5", "made-up"]));
        assert_eq!(total(&anna, "/api/models?visible=false").await, 2);
        let price = anna.get("/api/model-prices?query=made-up").await.expects(200)["rows"][0].clone();
        assert_eq!((price["inputPricePerMTok"].to_string(), price["cacheCreationPricePerMTok"].to_string()), ("0.5".to_owned(), "0.625".to_owned()));
        let again = anna.post(&path, wish).await.expects(200);
        assert_eq!([names(&again, "added"), names(&again, "priced"), names(&again, "listed")].concat(), [""; 0]);
        let there = |name: &str| (name.to_owned(), "there".to_owned());
        let unlisted = ("claude-haiku-5-5".to_owned(), "ready".to_owned());
        assert_eq!(states(&anna, &path).await, [there("claude-haiku-4-5"), unlisted, there("claude-opus-4-5"), there("made-up")]);
    }

    async fn a_model_without_a_price_is_never_added_and_refusals_add_nothing(app: TestApp) {
        let anna = app.people().await.anna;
        let id = listing(&app, &anna, json!([]), &LISTED).await;
        let path = format!("/api/channels/{id}/models");
        let ours = json!({"provider": "claude", "model": "claude-opus-4-5", "inputPricePerMTok": 6, "outputPricePerMTok": 30});
        anna.post("/api/model-prices", ours).await.expects(201);
        for (model, status, code) in [
            (json!({"model": "made-up"}), 400, "invalid_request"),
            (json!({"model": "made-up", "inputPricePerMTok": 1}), 400, "invalid_request"),
            (json!({"model": "made-up", "inputPricePerMTok": -1, "outputPricePerMTok": 1}), 400, "invalid_request"),
            (json!({"model": "made-up", "inputPricePerMTok": "much", "outputPricePerMTok": 1}), 400, "invalid_request"),
            (json!({"model": ""}), 400, "invalid_request"),
            (json!({"model": "x".repeat(257), "inputPricePerMTok": 1, "outputPricePerMTok": 1}), 400, "invalid_request"),
            (json!({"model": "claude-opus-4-5", "inputPricePerMTok": 5, "outputPricePerMTok": 25}), 409, "conflict"),
        ] {
            let wish = json!({"models": [{"model": "claude-haiku-4-5"}, model]});
            anna.post(&path, wish).await.refused(status, code);
        }
        let refused = anna.post(&path, json!({"models": [{"model": "made-up"}]})).await.refused(400, "invalid_request");
        assert!(refused["error"].as_str().unwrap().contains("made-up"), "{refused}");
        let many: Vec<Value> = (0..2_001).map(|at| json!({"model": format!("m{at}"), "inputPricePerMTok": 1, "outputPricePerMTok": 1})).collect();
        assert_eq!(anna.post(&path, json!({"models": many})).await.refused(400, "invalid_request")["field"], "models");
        assert_eq!((total(&anna, "/api/models").await, total(&anna, "/api/model-prices").await), (0, 1));
        let free = json!({"models": [{"model": "made-up", "inputPricePerMTok": 0, "outputPricePerMTok": 0}]});
        assert_eq!(names(&anna.post(&path, free).await.expects(200), "priced"), ["made-up"], "0 is a price when it is written");
    }

    async fn additions_at_the_same_time_lose_nothing_and_add_nothing_twice(app: TestApp) {
        let anna = app.people().await.anna;
        let id = listing(&app, &anna, json!(["mine"]), &LISTED).await;
        let path = format!("/api/channels/{id}/models");
        let wish = |names: &[&str]| json!({"models": names.iter().map(|name| json!({"model": name})).collect::<Vec<_>>()});
        let both = ["claude-opus-4-5", "claude-haiku-4-5"];
        let replies = futures_util::future::join_all([
            anna.post(&path, wish(&both[..1])), anna.post(&path, wish(&both[1..])), anna.post(&path, wish(&both)), anna.post(&path, wish(&both)),
        ]);
        for reply in replies.await {
            reply.expects(200);
        }
        let mut own: Vec<String> = serde_json::from_value(anna.get("/api/channels").await.expects(200)["rows"][0]["models"].clone()).unwrap();
        own.sort();
        assert_eq!(own, ["claude-haiku-4-5", "claude-opus-4-5", "mine"]);
        assert_eq!((total(&anna, "/api/models").await, total(&anna, "/api/model-prices").await), (2, 2));
    }

    async fn a_provider_that_does_not_answer_is_told_of_and_long_lists_are_cut(app: TestApp) {
        let anna = app.people().await.anna;
        let down = anna.post("/api/channels", channel("down")).await.expects(201)["id"].clone();
        for reply in [anna.get(&format!("/api/channels/{down}/models")).await, anna.post(&format!("/api/channels/{down}/models"), json!({})).await] {
            let refused = reply.refused(502, "upstream_error");
            assert!(refused["error"].as_str().unwrap().contains("401"), "{refused}");
        }
        anna.get("/api/channels/7/models").await.refused(404, "not_found");
        anna.post("/api/channels/7/models", json!({"models": []})).await.refused(404, "not_found");
        let named: Vec<String> = (0..2_100).map(|at| format!("model-{at:04}")).collect();
        let id = listing(&app, &anna, json!([]), &named.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let told = anna.get(&format!("/api/channels/{id}/models")).await.expects(200);
        assert_eq!((told["models"].as_array().unwrap().len(), &told["more"]), (2_000, &json!(100)));
    }

    async fn the_price_list_of_this_release_is_imported_as_it_is(app: TestApp) {
        let anna = app.people().await.anna;
        let list = anna.get("/api/price-list").await;
        let (text, rows) = (list.text.clone(), list.expects(200));
        let many = rows["rows"].as_array().unwrap().len();
        assert!(many > 50 && rows["asOf"].as_str().unwrap().len() == 10 && rows["sources"][0]["url"].is_string(), "{rows}");
        let import = async || anna.send(reqwest::Method::POST, "/api/model-prices/import", Some(text.clone())).await.expects(200);
        let first = import().await;
        assert_eq!((first["added"].as_array().unwrap().len(), &first["skipped"], &first["dryRun"]), (many, &json!(0), &json!(false)));
        for price in first["added"].as_array().unwrap() {
            assert!(price["inputPricePerMTok"].as_f64() > Some(0.0) && price["outputPricePerMTok"].as_f64() > Some(0.0), "{price}");
        }
        assert_eq!(import().await["unchanged"], many);
    }
}
