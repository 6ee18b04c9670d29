//! A running gateway with an admin, a user and one request in the log: the binary's own demo.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::Gateway;
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
}

impl World {
    pub fn start() -> Self {
        let mut gateway = Gateway::run("demo", "error", Stdio::piped());
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
        Self { key, admin: login().unwrap(), user: login().unwrap(), gateway }
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
