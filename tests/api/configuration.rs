//! The configuration as a file: out, and in again.

use actors::ports::Changed;
use api_proxy::store::catalogue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, Reply, Storage, TestApp};
use crate::on_both;

const EXPORT: &str = "/api/config/export";

impl Caller {
    async fn imports(&self, file: &str) -> Reply {
        self.send(Method::POST, "/api/config/import", Some(file.to_owned())).await
    }

    async fn channel_named(&self, name: &str) -> Value {
        self.get(&format!("/api/channels?query={name}")).await.expects(200)["rows"][0].clone()
    }

    /// Two channels, models, mappings, prices and settings.
    async fn configures(&self) {
        let id = |made: Value| made["id"].as_i64().unwrap();
        let mut one = crate::channels::channel("One");
        one["headers"] = json!({"X-Team": "header-secret", "x-zone": "other-secret"});
        let one = id(self.post("/api/channels", one).await.expects(201));
        let mut two = crate::channels::channel("two");
        (two["type"], two["weight"], two["monitorIntervalSec"]) = (json!("openai"), json!(7), json!(0.5));
        let two = id(self.post("/api/channels", two).await.expects(201));
        for model in ["claude-x", "claude-y"] {
            self.post("/api/models", json!({"provider": "claude", "model": model, "visible": model == "claude-x"}))
                .await
                .expects(201);
        }
        let mut mapping = crate::catalogue::mapping("gpt-x");
        mapping["channelIds"] = json!([one]);
        self.post("/api/model-mappings", mapping).await.expects(201);
        self.post("/api/model-mappings", crate::catalogue::mapping("gpt-y")).await.expects(201);
        self.post("/api/model-prices", crate::catalogue::price("claude-x")).await.expects(201);
        let price = json!({"channelId": two, "model": "gpt-x", "inputPricePerMTok": 9007.199254741, "outputPricePerMTok": 0, "cacheCreation1hPricePerMTok": 1});
        self.post("/api/model-prices", price).await.expects(201);
        let settings = json!({"siteName": "Haus", "claudeFallbackChannelId": one, "globalBillingMultiplier": 1.000000001, "announcementHtml": "<b>hi</b>"});
        self.patch("/api/settings", settings).await.expects(200);
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

on_both! {
    async fn what_was_exported_comes_back_whatever_was_done_in_between(app: TestApp) {
        let anna = app.people().await.anna;
        anna.configures().await;
        let file = anna.get(EXPORT).await.text;
        for secret in ["sk-upstream", "9876", "header-secret", "other-secret", "sealed", "apiKey"] {
            assert!(!file.contains(secret), "{secret} in {file}");
        }
        let same = anna.imports(&file).await.expects(200);
        for (part, unchanged) in [("channels", 2), ("models", 2), ("mappings", 2), ("prices", 2)] {
            assert_eq!(same[part], json!({"added": 0, "changed": 0, "removed": 0, "unchanged": unchanged}), "{part}");
        }
        assert_eq!((&same["settings"], &same["incomplete"]), (&json!([]), &json!([])));
        assert_eq!(anna.get("/api/activity?action=config.import").await.expects(200)["total"], 0);
        anna.post("/api/channels", crate::channels::channel("three")).await.expects(201);
        let one = anna.channel_named("one").await["id"].as_i64().unwrap();
        anna.patch(&format!("/api/channels/{one}"), json!({"enabled": false, "priority": 5, "name": "ONE"})).await.expects(200);
        anna.patch("/api/settings", json!({"siteName": "x", "claudeFallbackChannelId": null, "concurrencyWaitSec": 3, "globalBillingMultiplier": null})).await.expects(200);
        for (list, change) in [("models", json!({"model": "other"})), ("model-mappings", json!({"enabled": false})), ("model-prices", json!({"inputPricePerMTok": 5}))] {
            let id = anna.get(&format!("/api/{list}")).await.expects(200)["rows"][0]["id"].clone();
            anna.patch(&format!("/api/{list}/{id}"), change).await.expects(200);
        }
        let messy = anna.get(EXPORT).await.text;
        let planned = anna.send(Method::POST, "/api/config/import?dryRun=true", Some(file.clone())).await.expects(200);
        assert_eq!((&planned["dryRun"], &planned["channels"]), (&json!(true), &json!({"added": 0, "changed": 1, "removed": 1, "unchanged": 1})));
        assert_eq!(anna.get(EXPORT).await.text, messy);
        app.news.0.lock().unwrap().clear();
        let done = anna.imports(&file).await.expects(200);
        assert_eq!((&done["models"], &done["prices"]["changed"], &done["mappings"]["removed"]), (&json!({"added": 1, "changed": 0, "removed": 1, "unchanged": 1}), &json!(1), &json!(1)));
        assert_eq!(done["settings"], json!(["concurrencyWaitSec", "globalBillingMultiplier", "siteName", "claudeFallbackChannelId"]));
        assert_eq!(anna.get(EXPORT).await.text, file);
        assert!(app.news.0.lock().unwrap().contains(&Changed::Catalogue));
        anna.post(&format!("/api/channels/{one}/test"), json!({})).await.expects(200);
        assert_eq!(app.upstreams.asked.lock().unwrap()[0].1, "sk-upstream-secret-9876");
        let audit = anna.get("/api/activity?action=config.import").await.expects(200);
        assert_eq!((&audit["total"], &audit["rows"][0]["after"]["channels"]["removed"]), (&json!(1), &json!(1)));
    }

    async fn a_new_place_gets_everything_but_the_secrets(app: TestApp) {
        let anna = app.people().await.anna;
        anna.configures().await;
        let file = anna.get(EXPORT).await.text;
        let other = TestApp::start(Storage::Sqlite).await;
        other.settings.0.lock().unwrap().allow_private_upstreams = false;
        let root = other.registers("root").await;
        let done = root.imports(&file).await.expects(200);
        assert_eq!(done["incomplete"], json!(["One", "two"]));
        assert_eq!(root.get(EXPORT).await.text, file);
        let live = async || catalogue::load(&other.services.db, &other.services.sealer).await.unwrap().channels.len();
        assert_eq!(live().await, 0);
        let one = root.channel_named("one").await;
        assert_eq!((&one["enabled"], &one["incomplete"], &one["headerNames"]), (&json!(true), &json!(true), &json!(["x-team", "x-zone"])));
        let path = format!("/api/channels/{}", one["id"]);
        root.post(&format!("{path}/test"), json!({})).await.refused(409, "unreadable_channel");
        root.patch(&path, json!({"apiKey": "sk-new-key-of-this-place"})).await.expects(200);
        assert_eq!(live().await, 0);
        let whole = root.patch(&path, json!({"headers": {"x-team": "a", "x-zone": "b"}})).await.expects(200);
        assert_eq!((&whole["incomplete"], live().await), (&json!(false), 1));
        assert_eq!(root.get(EXPORT).await.text, file);
    }

    async fn a_stored_key_never_follows_a_channel_to_another_host(app: TestApp) {
        let anna = app.people().await.anna;
        anna.configures().await;
        let mut file = anna.get(EXPORT).await.expects(200);
        file["channels"][0]["baseUrl"] = json!("https://api.example.com/proxy/v1");
        file["channels"][0]["headerNames"] = json!(["x-zone"]);
        file["channels"][1]["baseUrl"] = json!("https://evil.example");
        let done = anna.imports(&file.to_string()).await.expects(200);
        assert_eq!(done["incomplete"], json!(["two"]));
        let (one, two) = (anna.channel_named("one").await, anna.channel_named("two").await);
        assert_eq!((&one["incomplete"], &one["headerNames"], &one["apiKeyLast4"]), (&json!(false), &json!(["x-zone"]), &json!("9876")));
        assert_eq!((&two["incomplete"], &two["apiKeyLast4"]), (&json!(true), &json!("")));
        anna.post(&format!("/api/channels/{}/test", two["id"]), json!({})).await.refused(409, "unreadable_channel");
        file["channels"][1]["baseUrl"] = json!("https://api.example.com");
        assert_eq!(anna.imports(&file.to_string()).await.expects(200)["incomplete"], json!(["two"]));
        file["channels"][1]["apiKey"] = json!("sk-given-in-the-file-1234");
        assert_eq!(anna.imports(&file.to_string()).await.expects(200)["incomplete"], json!([]));
        assert!(!anna.get("/api/activity?subjectKind=config").await.text.contains("sk-given"));
    }

    async fn a_wrong_file_changes_nothing(app: TestApp) {
        let anna = app.people().await.anna;
        anna.configures().await;
        let before = anna.get(EXPORT).await.text;
        let change = |pointer: &str, value: Value| {
            let mut file = parsed(&before);
            file["settings"]["siteName"] = json!("never");
            *file.pointer_mut(pointer).unwrap() = value;
            file.to_string()
        };
        for (pointer, value, field) in [
            ("/version", json!(2), "version"), ("/settings/siteName", json!(" "), "siteName"), ("/channels/1/name", json!("oNE"), "channels[1]"),
            ("/channels/0/baseUrl", json!("ftp://x"), "channels[0]"), ("/channels/0/weight", json!(-1), "channels[0]"), ("/models/1/model", json!("claude-x"), "models[1]"),
            ("/mappings/0/channels", json!(["none"]), "mappings[0]"), ("/mappings/0/channels", json!(["two"]), "mappings[0]"), ("/mappings/0/inboundModels", json!([]), "mappings[0]"),
            ("/prices/0/channel", json!("none"), "prices[0]"), ("/prices/0/inputPricePerMTok", json!(-1), "prices[0]"), ("/fallbackChannels/claude", json!("none"), "fallbackChannels"),
            ("/settings/siteName", json!(5), "siteName"),
        ] {
            let refused = anna.imports(&change(pointer, value)).await.refused(400, "invalid_request");
            assert_eq!(refused["field"], field, "{pointer}: {refused}");
        }
        anna.imports(r#"{"version":1,"settings":{"noSuchKey":1}}"#).await.refused(400, "unknown_setting");
        anna.imports(r#"{"version":1,"settings":{"claudeFallbackChannelId":1}}"#).await.refused(400, "invalid_request");
        let two = anna.channel_named("two").await["id"].clone();
        anna.makes_key(json!({"name": "bound", "channelId": two})).await;
        let mut less = parsed(&before);
        less["settings"]["siteName"] = json!("never");
        less["channels"].as_array_mut().unwrap().remove(1);
        less["prices"].as_array_mut().unwrap().retain(|price| price["channel"] != "two");
        anna.imports(&less.to_string()).await.refused(409, "in_use");
        assert_eq!(anna.get(EXPORT).await.text, before);
        let part = anna.imports(r#"{"version":1,"settings":{"siteName":null}}"#).await.expects(200);
        assert_eq!((&part["settings"], &part["channels"]["removed"]), (&json!(["siteName"]), &json!(0)));
        assert_eq!(anna.get("/api/settings").await.expects(200)["siteName"], "api-proxy");
    }
}
