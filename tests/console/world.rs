//! A running gateway with an admin, a user and one request in the log: the binary's own demo.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;

use api_proxy::mock_upstream::MockUpstream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Database, Gateway};
use crate::visitor::Visitor;

/// Somebody who can sign in.
#[derive(Clone, Debug)]
pub struct Login {
    pub account: String,
    pub password: String,
}

pub struct World {
    pub key: String,
    pub admin: Login,
    pub user: Login,
    gateway: Gateway,
    /// The scripted provider, where it is not the gateway's own.
    _provider: Option<MockUpstream>,
}

/// The demo's models, with prices in USD per million tokens: input, output, cache read, cache creation.
const MODELS: [(&str, &str, &str); 4] = [
    ("claude", "claude-haiku-4-5", "[1, 5, 0.1, 1.25]"),
    ("claude", "claude-sonnet-4-5", "[3, 15, 0.3, 3.75]"),
    ("openai", "gpt-5-mini", "[0.25, 2, 0.025, 0]"),
    ("openai", "text-embedding-3-small", "[0.02, 0, 0, 0]"),
];

impl World {
    pub fn start() -> Self {
        Self::demo(&[])
    }

    /// With the console as a build without npm has it.
    pub fn without_npm() -> Self {
        Self::demo(&[("CONSOLE_WITHOUT_NPM", "1")])
    }

    fn demo(set: &[(&str, &str)]) -> Self {
        let mut gateway = Gateway::demo(set);
        let lines = BufReader::new(gateway.process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.take_while(|line| !line.starts_with("Stop with")).collect();
        let after = |start: &str| {
            let found = said.iter().find_map(|line| line.strip_prefix(start));
            let said = || panic!("the demo did not start: {}", gateway.said());
            found.unwrap_or_else(said).trim().to_owned()
        };
        let mut logins = said.iter().filter_map(|line| line.trim().strip_prefix("sign in as ")?.split_once(" with password "));
        let mut login = || logins.next().map(|(account, password)| Login { account: account.into(), password: password.into() });
        let (site, key) = (after("Console").trim_end_matches("/sign-in").to_owned(), after("Key"));
        gateway.site = site;
        Self { key, admin: login().unwrap(), user: login().unwrap(), gateway, _provider: None }
    }

    /// What the demo sets up, on either database, by another clock than UTC's and before anybody has money or asked.
    pub async fn served(database: Database, timezone: &str) -> Self {
        let provider = MockUpstream::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let gateway = Gateway::fresh(database).await;
        let login = |account: &str| Login { account: account.to_owned(), password: "correct horse battery".to_owned() };
        let (admin, user) = (login("admin"), login("demo"));
        let first = json!({ "username": "admin", "email": "admin@demo.example", "password": admin.password });
        gateway.stranger().api(Method::POST, "/api/auth/register", first).await;
        let (url, mut world) =
            (provider.base_url(), Self { key: String::new(), admin, user, gateway, _provider: Some(provider) });
        let admin = world.admin().await;
        admin.api(Method::PATCH, "/api/settings", json!({ "timezone": timezone, "allowPrivateUpstreams": true })).await;
        for (kind, name) in [("claude", "Scripted Claude"), ("openai", "Scripted OpenAI")] {
            let channel = json!({ "name": name, "type": kind, "baseUrl": url, "apiKey": "sk-scripted-provider" });
            admin.api(Method::POST, "/api/channels", channel).await;
        }
        for (provider, model, prices) in MODELS {
            let row = json!({ "provider": provider, "model": model, "displayName": model });
            admin.api(Method::POST, "/api/models", row).await;
            let prices: Vec<Value> = serde_json::from_str(prices).unwrap();
            let price = json!({ "provider": provider, "model": model, "inputPricePerMTok": prices[0], "outputPricePerMTok": prices[1],
                "cacheReadPricePerMTok": prices[2], "cacheCreationPricePerMTok": prices[3] });
            admin.api(Method::POST, "/api/model-prices", price).await;
        }
        let account = json!({ "username": "demo", "email": "user@demo.example", "password": world.user.password });
        let id = admin.api(Method::POST, "/api/users", account).await["id"].clone();
        let key = admin.api(Method::POST, "/api/keys", json!({ "name": "demo", "userId": id })).await;
        world.key = key["key"].as_str().unwrap().to_owned();
        world
    }

    pub async fn admin(&self) -> Visitor {
        Visitor::signed_in(&self.site, &self.admin).await
    }

    pub async fn user(&self) -> Visitor {
        Visitor::signed_in(&self.site, &self.user).await
    }

    /// A user beside the demo's, with $3 and without a key.
    pub async fn other_user(&self) -> Visitor {
        let login = Login { account: "other".to_owned(), password: "another long password".to_owned() };
        self.add_user(&login, "3").await;
        Visitor::signed_in(&self.site, &login).await
    }

    /// Makes an account with some money; its id.
    pub async fn add_user(&self, login: &Login, usd: &str) -> i64 {
        let admin = self.admin().await;
        let Login { account, password } = login;
        let wish = json!({ "username": account, "email": format!("{account}@example.com"), "password": password });
        let id = admin.api(Method::POST, "/api/users", wish).await["id"].as_i64().unwrap();
        let money = json!({ "adjustUsd": serde_json::from_str::<Value>(usd).unwrap(), "reason": "test" });
        admin.api(Method::PATCH, &format!("/api/users/{id}/quota"), money).await;
        id
    }

    /// Where the scripted provider is, for channels of one's own.
    pub async fn provider(&self) -> String {
        let channels = self.admin().await.api(Method::GET, "/api/channels", Value::Null).await;
        channels["rows"][0]["baseUrl"].as_str().unwrap().to_owned()
    }
}

impl Deref for World {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}
