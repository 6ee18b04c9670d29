//! Everything around a gateway: its directory, its database, the provider, an admin, users with keys.

use std::net::{Ipv4Addr, SocketAddr};

use api_proxy::mock_upstream::{MockUpstream, Script};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::books::{Database, Storage};
use crate::gateway::{Gateway, command};

pub const ADMIN_PASSWORD: &str = "correct horse battery staple";
pub const UPSTREAM_KEY: &str = "sk-upstream-0123456789abcdef";
pub const APP_SECRET: &str = "a secret of the tests which is long enough";
pub const CLAUDE: &str = "claude-haiku-4-5";
pub const GPT: &str = "gpt-5-mini";

/// Survives the gateway's processes.
pub struct World {
    dir: TempDir,
    pub database: Database,
    pub provider: MockUpstream,
    /// The administrator's cookie.
    pub admin: String,
    /// One key per user.
    pub keys: Vec<String>,
}

impl World {
    /// A world in which no gateway has run yet.
    pub async fn untouched(storage: Storage) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::fresh(storage, dir.path()).await;
        let provider = MockUpstream::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        Self { dir, database, provider, admin: String::new(), keys: Vec::new() }
    }

    /// A world with an admin, a channel of each kind, two models with prices and so many users with a key
    /// each; and the gateway it was set up through.
    pub async fn start(storage: Storage, users: usize) -> (Self, Gateway) {
        Self::start_with(storage, users, &[]).await
    }

    /// The same, with more in the gateway's environment.
    pub async fn start_with(storage: Storage, users: usize, more: &[(&str, &str)]) -> (Self, Gateway) {
        let mut world = Self::untouched(storage).await;
        let gateway = world.serve_with(more).await;
        world.furnish(&gateway, users).await;
        (world, gateway)
    }

    /// Starts a process on this world's directory and database.
    pub async fn serve(&self) -> Gateway {
        self.serve_with(&[]).await
    }

    pub async fn serve_with(&self, more: &[(&str, &str)]) -> Gateway {
        Gateway::serve(&self.environment(more)).await
    }

    pub fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The environment of this world's processes; `more` wins.
    pub fn environment(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut environment = vec![
            ("DATA_DIR".to_owned(), self.dir.path().display().to_string()),
            ("PORT".to_owned(), "0".to_owned()),
            ("LOG_FORMAT".to_owned(), "json".to_owned()),
            ("WORKERS".to_owned(), "2".to_owned()),
        ];
        if self.database.is_postgres() {
            environment.push(("DATABASE_URL".to_owned(), self.database.url.clone()));
            environment.push(("APP_SECRET".to_owned(), APP_SECRET.to_owned()));
        }
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        environment
    }

    /// Runs a command to its end: whether it succeeded, and what it said on both channels.
    pub fn runs(&self, args: &[&str], more: &[(&str, &str)]) -> (bool, String) {
        let output = command(args, &self.environment(more)).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.success(), said)
    }

    pub fn script(&self) -> Script {
        self.provider.script()
    }

    /// Sets up what `start` promises, through the API.
    pub async fn furnish(&mut self, gateway: &Gateway, users: usize) {
        self.admin = register(gateway).await;
        self.equip(gateway, users).await;
    }

    /// Channels, models, prices and users, by the admin who is there.
    pub async fn equip(&mut self, gateway: &Gateway, users: usize) {
        self.api(gateway, Method::PATCH, "/api/settings", &json!({"allowPrivateUpstreams": true})).await;
        let base = self.provider.base_url();
        for (kind, model) in [("claude", CLAUDE), ("openai", GPT)] {
            let channel = json!({"name": kind, "type": kind, "baseUrl": base, "apiKey": UPSTREAM_KEY});
            self.api(gateway, Method::POST, "/api/channels", &channel).await;
            let row = json!({"provider": kind, "model": model, "displayName": model});
            self.api(gateway, Method::POST, "/api/models", &row).await;
            let price = json!({"provider": kind, "model": model, "inputPricePerMTok": 1, "outputPricePerMTok": 5,
                "cacheReadPricePerMTok": 0, "cacheCreationPricePerMTok": 0});
            self.api(gateway, Method::POST, "/api/model-prices", &price).await;
        }
        for number in 0..users {
            let key = self.makes_user(gateway, &format!("user{number}")).await;
            self.keys.push(key);
        }
    }

    /// A user with $1000 and a key, which is the answer.
    pub async fn makes_user(&self, gateway: &Gateway, name: &str) -> String {
        let account = json!({"username": name, "email": format!("{name}@example.com"), "password": ADMIN_PASSWORD});
        let id = self.api(gateway, Method::POST, "/api/users", &account).await["id"].clone();
        let money = json!({"adjustUsd": 1000, "reason": "tests"});
        self.api(gateway, Method::PATCH, &format!("/api/users/{id}/quota"), &money).await;
        let made = self.api(gateway, Method::POST, "/api/keys", &json!({"name": name, "userId": id})).await;
        made["key"].as_str().unwrap().to_owned()
    }

    /// A call as the administrator, which must succeed.
    pub async fn api(&self, gateway: &Gateway, method: Method, path: &str, body: &Value) -> Value {
        let mut request = reqwest::Client::new().request(method, gateway.url(path)).header("cookie", &self.admin);
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let reply = request.send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

/// Registers the first account and answers its cookie.
pub async fn register(gateway: &Gateway) -> String {
    let account = json!({"username": "root", "email": "root@example.com", "password": ADMIN_PASSWORD});
    let request = reqwest::Client::new().post(gateway.url("/api/auth/register"));
    let reply = request.header("content-type", "application/json").body(account.to_string()).send().await.unwrap();
    let cookie = reply.headers().get("set-cookie").map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned());
    let (status, text) = (reply.status(), reply.text().await.unwrap());
    assert_eq!(status, 201, "{text}");
    cookie.unwrap()
}
