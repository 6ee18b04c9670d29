//! Models, mappings, prices and their import.

use serde_json::{Value, json};

use crate::channels::channel;
use crate::on_both;

/// A mapping that can be created.
pub fn mapping(inbound: &str) -> Value {
    json!({"provider": "openai", "targetProvider": "claude", "inboundModels": [inbound], "upstreamModel": "claude-up"})
}

/// Prices that can be created.
pub fn price(model: &str) -> Value {
    json!({"provider": "claude", "model": model, "inputPricePerMTok": 3, "outputPricePerMTok": 15.000000001})
}

on_both! {
    async fn models_are_listed_and_only_the_visible_enabled_ones_are_public(app: TestApp) {
        let anna = app.people().await.anna;
        for (model, visible, enabled) in [("a", true, true), ("b", false, true), ("c", true, false), ("d", true, true)] {
            let body = json!({"provider": "claude", "model": model, "displayName": model, "visible": visible, "enabled": enabled});
            anna.post("/api/models", body).await.expects(201);
        }
        anna.post("/api/models", json!({"provider": "claude", "model": "a"})).await.refused(409, "conflict");
        anna.post("/api/models", json!({"provider": "x", "model": "a"})).await.refused(400, "invalid_request");
        anna.post("/api/models", json!({"provider": "claude"})).await.refused(400, "invalid_request");
        anna.post("/api/model-prices", price("a")).await.expects(201);
        app.settings.0.lock().unwrap().claude_billing_multiplier = "1.5".parse().unwrap();
        let square = app.stranger().get("/api/model-square").await.expects(200);
        let rows = square["models"].as_array().unwrap();
        assert_eq!(rows.iter().map(|row| row["model"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "d"]);
        assert_eq!((rows[0]["inputPricePerMTok"].to_string(), &rows[0]["unpriced"]), ("4.5".to_owned(), &json!(false)));
        assert_eq!((&rows[1]["inputPricePerMTok"], &rows[1]["unpriced"]), (&json!(null), &json!(true)));
        let hidden = anna.get("/api/models?visible=false").await.expects(200);
        assert_eq!((&hidden["total"], &hidden["rows"][0]["model"]), (&json!(1), &json!("b")));
        let path = format!("/api/models/{}", hidden["rows"][0]["id"]);
        let changed = anna.patch(&path, json!({"visible": null, "displayName": "B", "model": "b2"})).await.expects(200);
        assert_eq!((&changed["visible"], &changed["displayName"], &changed["enabled"]), (&json!(true), &json!("B"), &json!(true)));
        assert_eq!(anna.patch(&path, json!({"displayName": null})).await.expects(200)["displayName"], "b2");
        anna.delete(&path).await.expects(200);
        anna.delete(&path).await.refused(404, "not_found");
    }

    async fn mappings_name_channels_that_exist_and_fit(app: TestApp) {
        let anna = app.people().await.anna;
        let one = anna.post("/api/channels", channel("one")).await.expects(201)["id"].clone();
        let with = |field: &str, value: Value| {
            let mut body = mapping("m");
            body[field] = value;
            body
        };
        for (field, value) in [
            ("channelIds", json!([5])), ("inboundModels", json!([])), ("inboundModels", json!([" "])), ("provider", json!("x")), ("upstreamModel", json!("")),
        ] {
            assert_eq!(anna.post("/api/model-mappings", with(field, value)).await.refused(400, "invalid_request")["field"], field);
        }
        let mut wrong = with("channelIds", json!([one]));
        wrong["targetProvider"] = json!("openai");
        anna.post("/api/model-mappings", wrong).await.refused(400, "invalid_request");
        let made = anna.post("/api/model-mappings", with("channelIds", json!([one, one]))).await.expects(201);
        assert_eq!((&made["channelIds"], &made["inboundModels"], &made["enabled"]), (&json!([one]), &json!(["m"]), &json!(true)));
        let path = format!("/api/model-mappings/{}", made["id"]);
        let changed = anna.patch(&path, json!({"inboundModels": ["z", "y"], "enabled": false})).await.expects(200);
        assert_eq!((&changed["inboundModels"], &changed["channelIds"], &changed["enabled"]), (&json!(["y", "z"]), &json!([one]), &json!(false)));
        let changed = anna.patch(&path, json!({"channelIds": null, "enabled": null, "targetProvider": null})).await.expects(200);
        assert_eq!((&changed["channelIds"], &changed["targetProvider"]), (&json!([]), &json!("openai")));
        let found = anna.get("/api/model-mappings?query=Y&provider=openai").await.expects(200);
        assert_eq!((&found["total"], &found["rows"][0]["inboundModels"]), (&json!(1), &json!(["y", "z"])));
        assert_eq!(anna.get(&format!("/api/model-mappings?channelId={one}")).await.expects(200)["total"], 0);
    }

    async fn a_price_belongs_to_a_provider_or_to_a_channel(app: TestApp) {
        let anna = app.people().await.anna;
        let one = anna.post("/api/channels", channel("one")).await.expects(201)["id"].clone();
        let made = anna.post("/api/model-prices", price("m")).await;
        assert!(made.text.contains("\"outputPricePerMTok\":15.000000001"), "{}", made.text);
        let path = format!("/api/model-prices/{}", made.expects(201)["id"]);
        anna.post("/api/model-prices", price("m")).await.refused(409, "conflict");
        let mut both = price("m");
        both["channelId"] = one.clone();
        anna.post("/api/model-prices", both.clone()).await.refused(400, "invalid_request");
        both["provider"] = json!(null);
        anna.post("/api/model-prices", both.clone()).await.expects(201);
        both["channelId"] = json!(77);
        anna.post("/api/model-prices", both).await.refused(400, "invalid_request");
        let mut bad = price("n");
        bad["inputPricePerMTok"] = json!(-1);
        assert_eq!(anna.post("/api/model-prices", bad).await.refused(400, "invalid_request")["field"], "inputPricePerMTok");
        let changed = anna.patch(&path, json!({"cacheCreation1hPricePerMTok": 6, "inputPricePerMTok": 2.5})).await.expects(200);
        assert_eq!((changed["inputPricePerMTok"].to_string(), changed["cacheCreation1hPricePerMTok"].to_string()), ("2.5".into(), "6".into()));
        let reset = anna.patch(&path, json!({"cacheCreation1hPricePerMTok": null, "cacheReadPricePerMTok": null})).await.expects(200);
        assert_eq!((reset["cacheReadPricePerMTok"].to_string(), reset["cacheCreation1hPricePerMTok"].to_string()), ("2.5".into(), "5".into()));
        let reset = anna.patch(&path, json!({"inputPricePerMTok": null})).await.expects(200);
        assert_eq!((&reset["inputPricePerMTok"], reset["cacheReadPricePerMTok"].to_string()), (&json!(0), "2.5".to_owned()));
        anna.patch(&path, json!({"provider": null})).await.refused(400, "invalid_request");
        anna.patch(&path, json!({"provider": null, "channelId": one})).await.refused(409, "conflict");
        anna.patch(&path, json!({"provider": "openai"})).await.expects(200);
        assert_eq!(anna.get("/api/model-prices?provider=openai").await.expects(200)["total"], 1);
        assert_eq!(anna.get(&format!("/api/model-prices?channelId={one}&query=M")).await.expects(200)["total"], 1);
    }

    async fn a_cache_price_left_out_is_the_providers_usual_one(app: TestApp) {
        let anna = app.people().await.anna;
        let claude = anna.post("/api/channels", channel("c")).await.expects(201)["id"].clone();
        let open_ai = anna.post("/api/channels", json!({"name": "o", "type": "openai", "baseUrl": "https://api.example.com", "apiKey": "sk-1"})).await;
        let open_ai = open_ai.expects(201)["id"].clone();
        for (place, read, five_minutes, hour) in [
            (json!({"provider": "claude"}), "3", "3.75", "6"),
            (json!({"provider": "openai"}), "3", "3", "3"),
            (json!({"channelId": claude}), "3", "3.75", "6"),
            (json!({"channelId": open_ai}), "3", "3", "3"),
        ] {
            let mut price = json!({"model": "left-out", "inputPricePerMTok": 3, "outputPricePerMTok": 15});
            price.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
            let made = anna.post("/api/model-prices", price.clone()).await.expects(201);
            let figure = |name: &str| made[name].to_string();
            assert_eq!(figure("cacheReadPricePerMTok"), read, "{place}");
            assert_eq!(figure("cacheCreationPricePerMTok"), five_minutes, "{place}");
            assert_eq!(figure("cacheCreation1hPricePerMTok"), hour, "{place}");
            price["model"] = json!("written");
            price["cacheReadPricePerMTok"] = json!(0);
            price["cacheCreation1hPricePerMTok"] = json!(0);
            let free = anna.post("/api/model-prices", price).await.expects(201);
            assert_eq!((&free["cacheReadPricePerMTok"], &free["cacheCreation1hPricePerMTok"]), (&json!(0), &json!(0)), "0 is free only when written");
        }
    }

    async fn an_import_tells_what_it_changes_and_changes_all_or_nothing(app: TestApp) {
        let anna = app.people().await.anna;
        anna.post("/api/model-prices", price("known")).await.expects(201);
        anna.post("/api/model-prices", price("same")).await.expects(201);
        let file = r#"{"known": {"litellm_provider": "anthropic", "input_cost_per_token": 5e-06, "output_cost_per_token": 2.5e-05},
            "new": {"litellm_provider": "openai", "input_cost_per_token": 1.25e-07, "output_cost_per_token": 1e-06, "cache_read_input_token_cost": 1.25e-8},
            "bedrock/x": {"litellm_provider": "bedrock", "input_cost_per_token": 1e-06}}"#;
        let import = async |path: &str, body: &str| anna.send(reqwest::Method::POST, path, Some(body.to_owned())).await;
        let diff = import("/api/model-prices/import?dryRun=true", file).await.expects(200);
        assert_eq!((&diff["dryRun"], &diff["skipped"], &diff["unchanged"]), (&json!(true), &json!(1), &json!(0)));
        assert_eq!((&diff["added"][0]["model"], diff["added"][0]["inputPricePerMTok"].to_string()), (&json!("new"), "0.125".to_owned()));
        assert_eq!((diff["changed"][0]["before"]["inputPricePerMTok"].to_string(), diff["changed"][0]["after"]["inputPricePerMTok"].to_string()), ("3".into(), "5".into()));
        assert_eq!(anna.get("/api/model-prices").await.expects(200)["total"], 2);
        assert_eq!(import("/api/model-prices/import", file).await.expects(200)["dryRun"], false);
        let again = import("/api/model-prices/import", file).await.expects(200);
        assert_eq!((&again["unchanged"], &again["added"], &again["changed"]), (&json!(2), &json!([]), &json!([])));
        let rows = json!([price("same"), price("third"), {"provider": "claude", "model": "bad", "inputPricePerMTok": -1, "outputPricePerMTok": 1}]);
        import("/api/model-prices/import", &rows.to_string()).await.refused(400, "invalid_request");
        import("/api/model-prices/import", &json!([price("a"), price("a")]).to_string()).await.refused(400, "invalid_request");
        assert_eq!(anna.get("/api/model-prices").await.expects(200)["total"], 3);
        let rows = import("/api/model-prices/import", &json!({"rows": [price("same"), price("third")], "dryRun": false}).to_string()).await.expects(200);
        assert_eq!((&rows["unchanged"], &rows["added"][0]["model"]), (&json!(1), &json!("third")));
        assert_eq!(anna.get("/api/model-prices").await.expects(200)["total"], 4);
    }
}
