//! Settings: each can be set and put back, all or nothing; what anybody may know; signs of life.

use std::sync::atomic::Ordering;

use actors::ports::Changed;
use actors::vocabulary::Settings;
use actors::vocabulary::settings::Kind;
use serde_json::{Value, json};

use crate::on_both;

/// A value of the setting that is not its default.
fn another(key: &str, kind: Kind, channel: &Value) -> Value {
    match (key, kind) {
        ("timezone", _) => json!("Asia/Shanghai"),
        ("balancePolicy", _) => json!("strict"),
        ("announcementMode", _) => json!("modal"),
        ("corsOrigins", _) => json!("https://a.example, https://b.example:8443"),
        ("siteUrl" | "siteLogoUrl", _) => json!("https://gate.example/logo.png"),
        ("registrationEnabled" | "proxyRetry429" | "proxyRetry5xx" | "proxyRetryNetwork" | "circuitEnabled", _) => json!(false),
        (_, Kind::Text | Kind::OptionalText) => json!("something"),
        (_, Kind::Switch) => json!(true),
        (_, Kind::OptionalNumber) => channel.clone(),
        ("bodyMemoryBytes", _) => json!(67_108_864),
        ("defaultQuotaUsd", _) => json!(1.5),
        (_, Kind::Number) => json!(7),
    }
}

on_both! {
    async fn every_setting_can_be_set_and_put_back(app: TestApp) {
        let anna = app.people().await.anna;
        let channel = anna.post("/api/channels", crate::channels::channel("one")).await.expects(201)["id"].clone();
        let defaults = anna.get("/api/settings").await.expects(200);
        assert_eq!(defaults.as_object().unwrap().len(), Settings::ALL.len());
        assert_eq!(defaults["allowPrivateUpstreams"], json!(app.services.db.is_embedded()));
        for info in Settings::ALL {
            let mut value = another(info.key, info.kind, &channel);
            if value == defaults[info.key] {
                value = json!(!value.as_bool().unwrap());
            }
            let set = anna.patch("/api/settings", json!({info.key: value})).await.expects(200);
            assert_eq!(set[info.key], value, "{}", info.key);
            assert_eq!(anna.get("/api/settings").await.expects(200)[info.key], value, "{}", info.key);
            let back = anna.patch("/api/settings", json!({info.key: null})).await.expects(200);
            assert_eq!(back, defaults, "{}", info.key);
            if info.kind == Kind::Number {
                let zero = anna.patch("/api/settings", json!({info.key: 0})).await.expects(200);
                assert_eq!(zero[info.key], 0, "{}", info.key);
                anna.patch("/api/settings", json!({info.key: null})).await.expects(200);
            }
        }
        assert!(app.news.0.lock().unwrap().contains(&Changed::Catalogue));
    }

    async fn a_wrong_setting_is_named_and_nothing_changes(app: TestApp) {
        let anna = app.people().await.anna;
        for (key, value) in [
            ("timezone", json!("Mars/Base")), ("proxyMaxRetries", json!("3")), ("proxyMaxRetries", json!(1.5)), ("connectTimeoutSec", json!(0.01)),
            ("connectTimeoutSec", json!(-1)), ("claudeFallbackChannelId", json!(5)), ("siteUrl", json!("javascript:alert(1)")), ("maintenanceMode", json!("yes")),
            ("corsOrigins", json!("https://a.example/path")), ("balancePolicy", json!("x")), ("circuitErrorRatePercent", json!(101)), ("siteName", json!(" ")),
        ] {
            let refused = anna.patch("/api/settings", json!({"siteLogoUrl": "/logo.png", key: value})).await.refused(400, "invalid_request");
            assert_eq!(refused["field"], key, "{refused}");
        }
        let refused = anna.patch("/api/settings", json!({"siteLogoUrl": "/logo.png", "noSuchKey": 1})).await.refused(400, "unknown_setting");
        assert_eq!(refused["field"], "noSuchKey");
        assert_eq!(anna.get("/api/settings").await.expects(200)["siteLogoUrl"], json!(null));
    }

    async fn an_announcement_loses_what_could_run(app: TestApp) {
        let anna = app.people().await.anna;
        let html = "<b>Hi</b><svg/onload=alert(1)><script>x</script><a href=\"javascript:y\">z</a>";
        let set = anna.patch("/api/settings", json!({"announcementHtml": html})).await.expects(200);
        let clean = set["announcementHtml"].as_str().unwrap();
        assert!(clean.contains("<b>Hi</b>") && !clean.contains("svg") && !clean.contains("script"), "{clean}");
    }

    async fn an_announcement_that_came_another_way_is_cleaned_on_its_way_out(app: TestApp) {
        {
            let mut settings = app.settings.0.lock().unwrap();
            settings.announcement_enabled = true;
            settings.announcement_mode = actors::vocabulary::settings::AnnouncementMode::Modal;
            settings.announcement_html = Some("<b>Hi</b><img src=x onerror=alert(1)><a href=\"javascript:y\">z</a>".to_owned());
            settings.maintenance_mode = true;
            settings.maintenance_message = Some("back soon".to_owned());
        }
        let site = app.stranger().get("/api/site").await.expects(200);
        let html = site["announcement"]["html"].as_str().unwrap();
        assert!(html.contains("<b>Hi</b>") && !html.contains("onerror") && !html.contains("javascript"), "{html}");
        assert_eq!((&site["announcement"]["mode"], &site["maintenanceMode"], &site["maintenanceMessage"]), (&json!("modal"), &json!(true), &json!("back soon")));
    }

    async fn anybody_may_know_the_site_and_little_else(app: TestApp) {
        let site = app.stranger().get("/api/site").await.expects(200);
        assert_eq!((&site["siteName"], &site["announcement"], &site["maintenanceMode"]), (&json!("api-proxy"), &json!(null), &json!(false)));
        {
            let mut settings = app.settings.0.lock().unwrap();
            settings.announcement_enabled = true;
            settings.announcement_title = Some("News".to_owned());
            settings.maintenance_message = Some("back soon".to_owned());
        }
        let site = app.stranger().get("/api/site").await.expects(200);
        assert_eq!((&site["announcement"]["mode"], &site["announcement"]["title"], &site["maintenanceMessage"]), (&json!("marquee"), &json!("News"), &json!(null)));
        assert!(site.get("claudeFallbackChannelId").is_none());
    }

    async fn the_system_tells_of_its_database(app: TestApp) {
        let anna = app.people().await.anna;
        let system = anna.get("/api/system").await.expects(200);
        assert_eq!(system["database"], if app.services.db.is_embedded() { "sqlite" } else { "postgres" });
        assert!(system["databaseVersion"].as_str().unwrap().starts_with(|first: char| first.is_ascii_digit()), "{system}");
        assert!(system["databaseBytes"].as_i64().unwrap() > 10_000 && system["databaseLatencyUs"].as_i64().unwrap() > 0, "{system}");
        assert_eq!((&system["inFlight"], &system["actors"], &system["oldestHolds"]), (&json!(3), &json!([]), &json!([])));
    }

    async fn health_names_the_part_that_fails(app: TestApp) {
        let alone = "Redis does not answer: each instance keeps to its part of every limit, one in 3";
        let stranger = app.stranger();
        let well = stranger.get("/api/health").await.expects(200);
        assert_eq!((&well["ok"], &well["db"], &well["redis"]), (&json!(true), &json!("ok"), &json!("off")));
        assert!(well["ts"].is_i64() && well["version"].is_string());
        app.system.redis_is_down.store(true, Ordering::SeqCst);
        let ill = stranger.get("/api/health").await.expects(503);
        assert_eq!((&ill["ok"], &ill["redis"], &ill["failing"]), (&json!(false), &json!("down"), &json!(["redis"])));
        let ready = stranger.get("/readyz").await.expects(200);
        assert_eq!((&ready["ready"], &ready["degraded"], &ready["worries"]), (&json!(true), &json!(true), &json!([alone])));
        assert_eq!((&ready["unbooked"], &ready["oldestUnbookedSec"], &ready["setAside"]), (&json!(0), &json!(0), &json!(0)));
        app.services.db.close().await;
        assert_eq!(stranger.get("/api/health").await.expects(503)["db"], "down");
        let ready = stranger.get("/readyz").await.expects(200);
        assert_eq!((&ready["degraded"], &ready["worries"]), (&json!(true), &json!(["db is down", alone])));
        app.system.stopping.store(true, Ordering::SeqCst);
        stranger.get("/readyz").await.expects(503);
        assert_eq!(stranger.get("/livez").await.text, "ok");
    }
}
