//! Channels: what is refused, what is never shown, what a PATCH does.

use serde_json::{Value, json};

use crate::on_both;

/// A channel that can be created.
pub fn channel(name: &str) -> Value {
    json!({"name": name, "type": "claude", "baseUrl": "https://api.example.com", "apiKey": "sk-upstream-secret-9876"})
}

fn with(name: &str, field: &str, value: Value) -> Value {
    let mut body = channel(name);
    body[field] = value;
    body
}

on_both! {
    async fn secrets_go_in_and_never_come_out(app: TestApp) {
        let anna = app.people().await.anna;
        let mut body = channel("one");
        body["headers"] = json!({"X-Team": "header-secret"});
        let made = anna.post("/api/channels", body).await;
        assert!(!made.text.contains("secret"), "{}", made.text);
        let made = made.expects(201);
        assert_eq!((&made["apiKeyLast4"], &made["headerNames"]), (&json!("9876"), &json!(["x-team"])));
        assert_eq!(made["effectiveBaseUrl"], "https://api.example.com/v1");
        for path in ["/api/channels", "/api/channel-status", "/api/activity"] {
            let reply = anna.get(path).await;
            assert!(!reply.text.contains("secret"), "{path}: {}", reply.text);
        }
        let id = made["id"].as_i64().unwrap();
        let tested = anna.post(&format!("/api/channels/{id}/test"), json!({"model": "m"})).await.expects(200);
        assert_eq!(tested, json!({"reachable": true, "latencyMs": 12, "status": 200, "error": null}));
        let asked = app.upstreams.asked.lock().unwrap().clone();
        assert_eq!(asked, [("https://api.example.com/v1".to_owned(), "sk-upstream-secret-9876".to_owned(), Some("m".to_owned()))]);
    }

    async fn a_bad_field_is_named(app: TestApp) {
        let anna = app.people().await.anna;
        for (field, value) in [
            ("name", json!("")), ("type", json!("gemini")), ("openAiProtocol", json!("x")), ("apiKey", json!(" ")),
            ("baseUrl", json!("ftp://x")), ("baseUrl", json!("https://u:p@x/")), ("baseUrl", json!("https://x/?a=b")),
            ("baseUrl", json!("http://127.0.0.1:9")), ("baseUrl", json!("http://169.254.169.254/")), ("baseUrl", json!("http://[::ffff:10.0.0.1]/")),
            ("weight", json!(-1)), ("priority", json!("high")), ("maxConcurrency", json!(-1)), ("monitorIntervalSec", json!(0.01)),
            ("headers", json!({"host": "x"})), ("headers", json!({"a b": "x"})), ("headers", json!({"x-a": "a\nb"})), ("models", json!([""])),
        ] {
            let refused = anna.post("/api/channels", with("one", field, value.clone())).await.refused(400, "invalid_request");
            assert!(refused["field"].as_str().unwrap().starts_with(field), "{field} {value}: {refused}");
        }
        app.settings.0.lock().unwrap().allow_private_upstreams = true;
        anna.post("/api/channels", with("one", "baseUrl", json!("http://127.0.0.1:9"))).await.expects(201);
        anna.post("/api/channels", channel("ONE")).await.refused(409, "conflict");
    }

    async fn an_address_that_parsers_read_differently_is_refused(app: TestApp) {
        let anna = app.people().await.anna;
        let made = anna.post("/api/channels", channel("kept")).await.expects(201);
        let path = format!("/api/channels/{}", made["id"]);
        for url in [
            "http://h.example/\r\nx: y", "http://h.example/\n", "\thttp://h.example", "http://h.example/a\tb", "http://h.exa\nmple/", "http://h.example/a b",
            "http://h.example/\u{1}", "http://h.example/\u{85}", "http://h.example/\u{7f}", "http://h.example\\@evil.example/", "http://@h.example/",
            "http://u@h.example/", "http://u:p@h.example/", "http:\\\\h.example", "http://h.example/\0", "http://h.example/\u{2028}",
        ] {
            let patch = json!({"baseUrl": url, "apiKey": "sk-upstream-secret-9876"});
            for reply in [anna.post("/api/channels", with("one", "baseUrl", json!(url))).await, anna.patch(&path, patch).await] {
                assert_eq!(reply.refused(400, "invalid_request")["field"], "baseUrl", "{url:?}");
            }
            // Settings are taken without the blanks around them.
            for setting in ["siteUrl", "siteLogoUrl"] {
                if url.trim() == url {
                    let reply = anna.patch("/api/settings", json!({setting: url})).await;
                    assert_eq!(reply.refused(400, "invalid_request")["field"], setting, "{url:?}");
                }
            }
        }
        for headers in [
            json!({"x-a": "a\r\nb: c"}), json!({"x-a": "a\u{0}"}), json!({"x-a": "\u{7f}"}), json!({"x\r\ny": "z"}), json!({"x y": "z"}), json!({"": "z"}),
            json!({"Content-Length": "1"}), json!({"HOST": "x"}), json!({"Transfer-Encoding": "chunked"}), json!({"connection": "x"}),
            json!({"keep-alive": "x"}), json!({"te": "x"}), json!({"trailer": "x"}), json!({"upgrade": "x"}), json!({"proxy-authorization": "x"}),
            json!({"proxy-authenticate": "x"}), json!({"proxy-connection": "x"}), json!({"expect": "x"}), json!({"content-encoding": "gzip"}),
            json!({"http2-settings": "x"}), json!({"accept-encoding": "gzip"}), json!({"cookie": "a=b"}),
        ] {
            let refused = anna.post("/api/channels", with("one", "headers", headers.clone())).await.refused(400, "invalid_request");
            assert!(refused["field"].as_str().unwrap().starts_with("headers"), "{headers}: {refused}");
        }
    }

    async fn null_puts_a_field_back_and_absence_leaves_it(app: TestApp) {
        let anna = app.people().await.anna;
        let mut body = channel("one");
        for (field, value) in [
            ("priority", json!(5)), ("weight", json!(7)), ("maxConcurrency", json!(3)), ("testModel", json!("t")), ("enabled", json!(false)),
            ("monitorIntervalSec", json!(0.5)), ("models", json!(["a", "b"])), ("openAiProtocol", json!("responses")), ("headers", json!({"x-a": "1"})),
        ] {
            body[field] = value;
        }
        let made = anna.post("/api/channels", body).await.expects(201);
        assert_eq!(made["monitorIntervalSec"].to_string(), "0.5");
        let path = format!("/api/channels/{}", made["id"]);
        let same = anna.patch(&path, json!({})).await.expects(200);
        for field in ["priority", "weight", "maxConcurrency", "testModel", "enabled", "monitorIntervalSec", "models", "openAiProtocol", "headerNames", "apiKeyLast4"] {
            assert_eq!(same[field], made[field], "{field}");
        }
        let reset = json!({"priority": null, "weight": null, "maxConcurrency": null, "testModel": null, "enabled": null,
            "monitorIntervalSec": null, "models": null, "openAiProtocol": null, "headers": null});
        let reset = anna.patch(&path, reset).await.expects(200);
        assert_eq!((&reset["priority"], &reset["weight"], &reset["enabled"]), (&json!(0), &json!(1), &json!(true)));
        assert_eq!((&reset["maxConcurrency"], &reset["testModel"], &reset["monitorIntervalSec"]), (&json!(null), &json!(null), &json!(null)));
        assert_eq!((&reset["models"], &reset["openAiProtocol"], &reset["headerNames"]), (&json!([]), &json!("auto"), &json!([])));
        anna.patch("/api/channels/1", json!({})).await.refused(404, "not_found");
    }

    async fn a_stored_key_never_follows_to_another_host(app: TestApp) {
        let anna = app.people().await.anna;
        let made = anna.post("/api/channels", channel("one")).await.expects(201);
        let path = format!("/api/channels/{}", made["id"]);
        anna.patch(&path, json!({"baseUrl": "https://api.example.com/v2"})).await.expects(200);
        let refused = anna.patch(&path, json!({"baseUrl": "https://evil.example/v1"})).await.refused(400, "invalid_request");
        assert_eq!(refused["field"], "apiKey");
        anna.patch(&path, json!({"baseUrl": "https://other.example", "apiKey": "sk-another-key-1234"})).await.expects(200);
    }

    async fn a_channel_that_is_named_elsewhere_stays(app: TestApp) {
        let people = app.people().await;
        let (anna, root) = (people.anna, people.root);
        let id = anna.post("/api/channels", channel("one")).await.expects(201)["id"].clone();
        let path = format!("/api/channels/{id}");
        let key = root.makes_key(json!({"name": "k", "channelId": id})).await["id"].clone();
        anna.delete(&path).await.refused(409, "in_use");
        root.delete(&format!("/api/keys/{key}")).await.expects(200);
        let mut mapping = crate::catalogue::mapping("m");
        mapping["channelIds"] = json!([id]);
        let mapping = anna.post("/api/model-mappings", mapping).await.expects(201)["id"].clone();
        anna.delete(&path).await.refused(409, "in_use");
        anna.delete(&format!("/api/model-mappings/{mapping}")).await.expects(200);
        anna.patch("/api/settings", json!({"claudeFallbackChannelId": id})).await.expects(200);
        anna.delete(&path).await.refused(409, "in_use");
        anna.patch("/api/settings", json!({"claudeFallbackChannelId": null})).await.expects(200);
        anna.post("/api/model-prices", json!({"channelId": id, "model": "m", "inputPricePerMTok": 1, "outputPricePerMTok": 2})).await.expects(201);
        anna.delete(&path).await.expects(200);
        assert_eq!(anna.get("/api/model-prices").await.expects(200)["total"], 0);
        anna.delete(&path).await.refused(404, "not_found");
    }

    async fn tests_circuits_and_upstream_models(app: TestApp) {
        let anna = app.people().await.anna;
        let one = anna.post("/api/channels", channel("one")).await.expects(201)["id"].clone();
        let down = anna.post("/api/channels", with("two is down", "models", json!(["m"]))).await.expects(201)["id"].clone();
        anna.post("/api/channels", with("off", "enabled", json!(false))).await.expects(201);
        let all = anna.post("/api/channels/test-all", json!({})).await.expects(200);
        assert_eq!(all["results"].as_array().unwrap().len(), 2);
        assert_eq!((&all["results"][0]["reachable"], &all["results"][1]["error"]), (&json!(true), &json!("nobody answered")));
        let log = anna.get(&format!("/api/channels/{down}/test-logs")).await.expects(200);
        assert_eq!((&log["total"], &log["rows"][0]["reachable"], &log["rows"][0]["origin"]), (&json!(1), &json!(false), &json!("manual")));
        let models = anna.get(&format!("/api/channels/{one}/upstream-models")).await.expects(200);
        assert_eq!(models["models"], json!(["a", "b"]));
        anna.get(&format!("/api/channels/{down}/upstream-models")).await.refused(502, "upstream_error");
        anna.post(&format!("/api/channels/{one}/circuit"), json!({"state": "open"})).await.refused(400, "invalid_request");
        anna.post(&format!("/api/channels/{one}/circuit"), json!({"state": "closed"})).await.expects(200);
        let status = anna.get("/api/channel-status").await.expects(200);
        let of = |id: &Value| status["channels"].as_array().unwrap().iter().find(|c| c["channelId"] == *id).unwrap()["circuit"].clone();
        assert_eq!((of(&one), of(&down)), (json!("half_open"), json!("closed")));
        let found = |id: &Value| status["channels"].as_array().unwrap().iter().find(|c| c["channelId"] == *id).unwrap().clone();
        let (first, second) = (found(&one), found(&down));
        assert_eq!((&first["standing"], &first["grade"], &first["openedAt"]), (&json!("half_open"), &json!("warn"), &json!(null)));
        assert_eq!((&second["standing"], &second["grade"], &second["lastTest"]["error"]), (&json!("test_failed"), &json!("warn"), &json!("nobody answered")));
        let (did, cells) = (&second["last24h"], second["last24h"]["cells"].as_array().unwrap());
        assert_eq!((did["answered"].clone(), did["successRate"].clone(), cells.len()), (json!(0), json!(null), 48));
        assert_eq!((&cells[47]["tests"], &cells[47]["failedTests"], &cells[47]["state"]), (&json!(1), &json!(1), &json!("down")));
        assert_eq!((&first["last24h"]["cells"][47]["state"], &cells[0]["state"]), (&json!("fine"), &json!("quiet")));
        let page = anna.get("/api/channels?pageSize=2&sort=name&sortDir=asc").await.expects(200);
        assert_eq!((&page["total"], page["rows"].as_array().unwrap().len(), &page["rows"][0]["name"]), (&json!(3), 2, &json!("off")));
        let found = anna.get("/api/channels?query=DOWN&type=claude&enabled=true").await.expects(200);
        assert_eq!((&found["total"], &found["rows"][0]["name"]), (&json!(1), &json!("two is down")));
    }
}
