//! The page of settings: all of them, each changed through its form and read back through the API.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::page::Page;
use crate::visitor::Visitor;
use crate::world::World;

const PAGE: &str = "/admin/settings";

/// The settings as the API has them.
async fn stored(admin: &Visitor) -> BTreeMap<String, Value> {
    serde_json::from_value(admin.api(Method::GET, "/api/settings", Value::Null).await).unwrap()
}

/// What a form would show of a value.
fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A setting's field as it is on the page: what is in it, or for a switch whether it is on.
fn shown(page: &Page, key: &str) -> String {
    if page.has(&format!("#f-{key}[role=switch]")) {
        return page.has(&format!("#f-{key}[checked]")).to_string();
    }
    page.value(key).unwrap_or_default()
}

/// Something else that the setting may be.
fn another(key: &str, now: &Value, channel: i64) -> String {
    match (key, now) {
        ("timezone", _) => "Asia/Shanghai".to_owned(),
        ("siteUrl" | "siteLogoUrl" | "corsOrigins", _) => "https://relay.example.com".to_owned(),
        ("balancePolicy", _) => "strict".to_owned(),
        ("announcementMode", _) => "modal".to_owned(),
        ("announcementHtml", _) => "<p>back at three</p>".to_owned(),
        ("claudeFallbackChannelId" | "openaiFallbackChannelId", _) => channel.to_string(),
        (_, Value::Bool(on)) => (!on).to_string(),
        (_, Value::Number(_)) if key.ends_with("Sec") || key.ends_with("Multiplier") || key.ends_with("Usd") => "7.25".to_owned(),
        ("bodyMemoryBytes", _) => "67108864".to_owned(),
        (_, Value::Number(_)) => "17".to_owned(),
        _ => format!("another {key}"),
    }
}

/// Each group's settings, as they stand on the page.
fn groups(page: &Page) -> Vec<(String, Vec<String>)> {
    let groups = page.attributes(".settings-all > section", "id");
    let settings = |group: &String| page.attributes(&format!("#{group} [data-setting]"), "data-setting");
    groups.iter().map(|group| (group.trim_start_matches("group-").to_owned(), settings(group))).collect()
}

fn form(group: &str) -> String {
    format!("form[action='{PAGE}/{group}']")
}

#[actix_web::test]
async fn every_setting_is_on_the_page_as_it_is_in_force() {
    let world = World::start();
    let admin = world.admin().await;
    for language in ["en", "zh"] {
        admin.speaks(language);
        let page = admin.get(PAGE).await.shown();
        for (key, value) in stored(&admin).await {
            assert_eq!(page.count(&format!("[data-setting='{key}']")), 1, "{key} is not on the page");
            assert_eq!(shown(&page, &key), as_text(&value), "{key}");
            assert!(!page.text(&format!("[data-setting='{key}'] .setting-t .hint")).is_empty(), "{key} is not explained");
            assert!(page.has(&format!("[data-setting='{key}'] .default")), "{key} shows no default");
        }
    }
}

#[actix_web::test]
async fn every_setting_is_changed_through_the_page_and_put_back() {
    let world = World::start();
    let admin = world.admin().await;
    let before = stored(&admin).await;
    let channels = admin.api(Method::GET, "/api/channels", Value::Null).await;
    let channel = channels["rows"][0]["id"].as_i64().unwrap();
    let page = admin.get(PAGE).await.shown();
    let mut seen = 0;
    for (group, keys) in groups(&page) {
        let wanted: Vec<(&str, String)> = keys.iter().map(|key| (key.as_str(), another(key, &before[key], channel))).collect();
        let typed: Vec<(&str, &str)> = wanted.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let saved = admin.submit(&page, &form(&group), &typed).await;
        assert_eq!(saved.location, Some(format!("{PAGE}?done=saved#group-{group}")), "{saved}");
        let (after, page) = (stored(&admin).await, admin.get(PAGE).await.shown());
        for (key, text) in &wanted {
            assert_eq!(&as_text(&after[*key]), text, "{key} through the API");
            assert_eq!(&shown(&page, key), text, "{key} on the page");
        }
        seen += keys.len();
    }
    assert_eq!(seen, before.len());
    for (group, keys) in groups(&page) {
        let mut page = admin.get(PAGE).await.shown();
        for key in &keys {
            let sent = page.form(&form(&group), &[]);
            let mut fields: Vec<(&str, &str)> = sent.fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            fields.push(("reset", key));
            let offered = page.attribute(&format!("[data-setting='{key}'] [name=reset]"), "data-default").unwrap();
            page = admin.post(&sent.action, &fields).await.shown();
            assert_eq!(shown(&page, key), offered, "the default of {key} is filled in");
        }
        assert_ne!(stored(&admin).await[&keys[0]], before[&keys[0]], "nothing is saved before it is said");
        let saved = admin.submit(&page, &form(&group), &[]).await;
        assert_eq!(saved.status, 303, "{saved}");
    }
    let kept = world.books().rows("SELECT name FROM settings").await;
    assert!(kept.is_empty(), "defaults have no row: {kept:?}");
    let page = admin.get(PAGE).await.shown();
    assert!(!page.has("[name=reset]"), "everything is at its default");
}

#[actix_web::test]
async fn what_is_wrong_is_said_at_the_field_and_nothing_of_the_group_is_saved() {
    let world = World::start();
    let admin = world.admin().await;
    let before = stored(&admin).await;
    let page = admin.get(PAGE).await.shown();
    let wrong = [
        ("site", "siteUrl", "javascript:alert(1)", "https://"),
        ("site", "timezone", "Mars/Base", "time zone"),
        ("users", "defaultQuotaUsd", "much", "12.50"),
        ("users", "defaultRateLimitRpm", "1.5", "whole number"),
        ("relaying", "proxyMaxRetries", "21", "20"),
        ("fallback", "claudeFallbackChannelId", "5", "still there"),
        ("billing", "globalBillingMultiplier", "1001", "1000"),
        ("billing", "balancePolicy", "generous", "one of the list"),
        ("deadlines", "connectTimeoutSec", "0.01", "0.05"),
        ("deadlines", "maxRequestBytes", "a lot", "whole number"),
        ("circuit", "circuitErrorRatePercent", "101", "100"),
        ("privacy", "logRetentionDays", "-1", "days"),
        ("cors", "corsOrigins", "https://app.example.com/path", "separated by commas"),
        ("announcement", "announcementMode", "song", "one of the list"),
    ];
    for (group, key, text, said) in wrong {
        let (_, keys) = groups(&page).into_iter().find(|(name, _)| name == group).unwrap();
        let other = keys.iter().find(|other| *other != key && before[*other].is_boolean());
        let mut typed = vec![(key, text)];
        let flipped = other.map(|other| (other.as_str(), (before[other] != json!(true)).to_string()));
        typed.extend(flipped.as_ref().map(|(other, on)| (*other, on.as_str())));
        let refused = admin.submit(&page, &form(group), &typed).await;
        assert_eq!(refused.status, 422, "{key}");
        let sentence = refused.problem(key).unwrap_or_else(|| panic!("nothing at {key}"));
        assert!(sentence.contains(said), "{key}: {sentence}");
        if !refused.has(&format!("select#f-{key}")) {
            assert_eq!(shown(&refused, key), text, "what was typed stays");
        }
        if let Some((other, on)) = &flipped {
            assert_eq!(&shown(&refused, other), on, "{other} beside {key} stays as it was chosen");
        }
        assert_eq!(stored(&admin).await, before, "{key}");
    }
}

#[actix_web::test]
async fn two_admins_change_one_group_without_undoing_each_other() {
    let world = World::start();
    let (one, other) = (world.admin().await, world.admin().await);
    let (first, second) = (one.get(PAGE).await.shown(), other.get(PAGE).await.shown());
    assert_eq!(one.submit(&first, &form("relaying"), &[("proxyMaxRetries", "5")]).await.status, 303);
    assert_eq!(other.submit(&second, &form("relaying"), &[("proxyRetry429", "false")]).await.status, 303);
    let now = stored(&one).await;
    assert_eq!((&now["proxyMaxRetries"], &now["proxyRetry429"]), (&json!(5), &json!(false)));
    let entries = one.api(Method::GET, "/api/activity", Value::Null).await;
    let changes: Vec<&Value> =
        entries["rows"].as_array().unwrap().iter().filter(|row| row["action"] == "settings.update").collect();
    assert_eq!(changes.len(), 2, "one entry a change: {entries}");
}

#[actix_web::test]
async fn settings_are_found_by_what_they_are_called_and_do() {
    let world = World::start();
    let admin = world.admin().await;
    let page = admin.get(PAGE).await.shown();
    let all = page.count("[data-setting]");
    let by_key = admin.submit(&page, "form.filters", &[("query", "proxyretry429")]).await.shown();
    assert_eq!(by_key.attributes("[data-setting]", "data-setting"), ["proxyRetry429"]);
    admin.speaks("zh");
    let by_words = admin.get("/admin/settings?query=%E7%BB%B4%E6%8A%A4%20%E8%AF%B4%E6%98%8E").await.shown();
    assert!(by_words.attributes("[data-setting]", "data-setting").contains(&"maintenanceMessage".to_owned()), "{by_words}");
    assert!(by_words.count("[data-setting]") < all);
    let saved = admin.submit(&by_key, &form("relaying?query=proxyretry429"), &[("proxyRetry429", "false")]).await;
    assert_eq!(saved.location.as_deref(), Some("/admin/settings?query=proxyretry429&done=saved#group-relaying"), "{saved}");
    assert_eq!(stored(&admin).await["proxyRetry429"], json!(false));
    assert_eq!(admin.post("/admin/settings/nowhere", &[("siteName", "x")]).await.status, 404);
    let none = admin.get("/admin/settings?query=nothing-like-this").await.shown();
    assert!(none.has(".empty a[href='/admin/settings']") && !none.has("[data-setting]"), "{none}");
}

#[actix_web::test]
async fn a_last_resort_without_a_channel_is_pointed_out() {
    let world = World::start();
    let admin = world.admin().await;
    let page = admin.get(PAGE).await.shown();
    assert!(!page.has("#group-fallback .alert"));
    admin.submit(&page, &form("fallback"), &[("openaiFallbackEnabled", "true")]).await;
    assert!(admin.get(PAGE).await.shown().text("#group-fallback .alert").contains("no channel or no model"));
}

#[actix_web::test]
async fn a_last_resort_is_tried_before_it_is_saved() {
    let world = World::start();
    let admin = world.admin().await;
    let before = stored(&admin).await;
    let channels = admin.api(Method::GET, "/api/channels", Value::Null).await;
    let channel = channels["rows"][0]["id"].to_string();
    let page = admin.get(PAGE).await.shown();
    let tries = async |typed: &[(&str, &str)]| {
        let sent = page.form(&form("fallback"), typed);
        let mut fields: Vec<(&str, &str)> = sent.fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        fields.push(("test", "claudeFallbackChannelId"));
        admin.post(&sent.action, &fields).await
    };
    let good = tries(&[("claudeFallbackChannelId", &channel), ("claudeFallbackModel", "claude-haiku-4-5")]).await.shown();
    assert!(good.text(".tested").starts_with("Answers in"), "{good}");
    assert_eq!(good.value("claudeFallbackChannelId").as_ref(), Some(&channel), "what was chosen stays");
    assert_eq!(good.value("claudeFallbackModel").as_deref(), Some("claude-haiku-4-5"));
    for nothing in ["", "5"] {
        let refused = tries(&[("claudeFallbackChannelId", nothing)]).await;
        assert_eq!(refused.status, 422);
        assert!(refused.problem("claudeFallbackChannelId").is_some(), "{refused}");
    }
    assert_eq!(stored(&admin).await, before);
}
