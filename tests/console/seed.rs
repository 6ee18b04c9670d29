//! A gateway with something of everything, so that no page is opened empty.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::Database;
use crate::history;
use crate::pages::Role;
use crate::visitor::Visitor;
use crate::world::{Login, World};

/// As long as a name gets: pages must hold it.
const LONG: &str = "claude-eu-west-3-reserved-capacity-of-the-research-department-01";

/// A world in which people have worked for a while.
pub async fn lived_in() -> World {
    lived_in_by(World::start()).await
}

/// The same in this world, which is new.
pub async fn lived_in_by(world: World) -> World {
    let admin = world.admin().await;
    lives(&world, &admin).await;
    world
}

/// The same with two months behind it, on either database, by a clock that is not UTC's.
pub async fn grown_old(database: Database, timezone: &str) -> World {
    let world = World::served(database, timezone).await;
    let admin = world.admin().await;
    history::book(&world, &admin, timezone).await;
    let demo = Role::User.id(&world.books()).await;
    let money = json!({ "adjustUsd": 5, "reason": "demo" });
    admin.api(Method::PATCH, &format!("/api/users/{demo}/quota"), money).await;
    admin.api(Method::PATCH, "/api/settings", json!({ "claudeBillingMultiplier": 1.37 })).await;
    let claude = world.books().number("SELECT id FROM channels WHERE name = 'Scripted Claude'").await;
    let own = json!({ "channelId": claude, "model": "claude-sonnet-4-5", "inputPricePerMTok": 3.3, "outputPricePerMTok": 16.000_000_1,
        "cacheReadPricePerMTok": 0.2, "cacheCreationPricePerMTok": 4, "cacheCreation1hPricePerMTok": 7 });
    admin.api(Method::POST, "/api/model-prices", own).await;
    lives(&world, &admin).await;
    world
}

async fn lives(world: &World, admin: &Visitor) {
    supply(world, admin).await;
    people(world, admin).await;
    requests(world, admin).await;
}

/// Channels, models, names and prices.
async fn supply(world: &World, admin: &Visitor) {
    let provider = world.provider().await;
    let channel = json!({ "name": LONG, "type": "claude", "baseUrl": format!("{provider}/{LONG}/{LONG}"), "apiKey": "sk-of-a-channel", "priority": 2,
        "weight": 3, "models": ["claude-haiku-4-5", "claude-sonnet-4-5"], "testModel": "claude-haiku-4-5" });
    let made = admin.api(Method::POST, "/api/channels", channel).await;
    let off = json!({ "name": "Off", "type": "openai", "baseUrl": provider, "apiKey": "sk-of-a-channel", "enabled": false });
    admin.api(Method::POST, "/api/channels", off).await;
    admin.api(Method::POST, "/api/channels/test-all", Value::Null).await;
    let model = json!({ "provider": "claude", "model": LONG, "displayName": "A model of our own", "enabled": false });
    admin.api(Method::POST, "/api/models", model).await;
    let mapping = json!({ "provider": "openai", "targetProvider": "claude", "inboundModels": ["gpt-5-pro", "o5"], "upstreamModel": "claude-sonnet-4-5",
        "channelIds": [made["id"]] });
    admin.api(Method::POST, "/api/model-mappings", mapping).await;
    let price = json!({ "channelId": made["id"], "model": "claude-haiku-4-5", "inputPricePerMTok": 2, "outputPricePerMTok": 10 });
    admin.api(Method::POST, "/api/model-prices", price).await;
    // It would be asked before the demo's.
    admin.api(Method::PATCH, &format!("/api/channels/{}", made["id"]), json!({ "enabled": false })).await;
}

/// Accounts, gift cards, tokens.
async fn people(world: &World, admin: &Visitor) {
    let login = Login { account: "somebody-with-a-rather-long-name".to_owned(), password: "a long password".to_owned() };
    let id = world.add_user(&login, "1").await;
    admin.api(Method::PATCH, &format!("/api/users/{id}"), json!({ "status": "disabled", "displayName": "王小明" })).await;
    let cards = admin.api(Method::POST, "/api/gift-cards", json!({ "amountUsd": 2.5, "count": 3 })).await;
    let code = &cards["cards"][0]["code"];
    world.user().await.api(Method::POST, "/api/gift-cards/redeem", json!({ "code": code })).await;
    admin.api(Method::DELETE, &format!("/api/gift-cards/{}", cards["cards"][1]["id"]), Value::Null).await;
    admin.api(Method::POST, "/api/admin-tokens", json!({ "name": "nightly export" })).await;
}

/// The admin's own, and every way in which one can end.
async fn requests(world: &World, admin: &Visitor) {
    let me = admin.api(Method::GET, "/api/me", Value::Null).await;
    let money = json!({ "adjustUsd": 5, "reason": "test" });
    admin.api(Method::PATCH, &format!("/api/users/{}/quota", me["id"]), money).await;
    let key = admin.api(Method::POST, "/api/keys", json!({ "name": LONG, "quota": 100_000, "budgetUsd": 3 })).await;
    world.relays(key["key"].as_str().unwrap(), "claude-sonnet-4-5", Value::Null).await;
    let usage = json!({ "input": 1_200, "output": 340, "cacheRead": 9_000, "cacheCreation5m": 700, "cacheCreation1h": 60 });
    world.relays(&world.key, "claude-sonnet-4-5", json!({ "usage": usage })).await;
    world.relays(&world.key, "claude-haiku-4-5", json!({ "status": 400 })).await;
    world.relays(&world.key, "claude-haiku-4-5", json!({ "status": 500 })).await;
    world.relays(&world.key, "no-such-model", Value::Null).await;
}
