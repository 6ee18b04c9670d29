//! Two whole gateways on one PostgreSQL and one Redis, an admin and a provider.

use std::sync::Arc;

use actors::ports::NoFaults;
use api_proxy::app::{self, Running};
use api_proxy::config::Config;
use api_proxy::mock_upstream::{MockUpstream, Script};
use reqwest::{Method, RequestBuilder, StatusCode};
use scraper::{Html, Selector};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::pair::eventually;
use crate::redis::RedisServer;

const PASSWORD: &str = "correct horse battery";
pub const CLAUDE: &str = "claude-haiku-4-5";
pub const GPT: &str = "gpt-5-mini";

/// Two gateways, an admin who is signed in at both, and a key.
pub struct Fleet {
    pub redis: RedisServer,
    gateways: [Option<Running>; 2],
    pub urls: [String; 2],
    pub http: reqwest::Client,
    cookie: String,
    key: String,
    provider: MockUpstream,
    database: String,
    _dirs: [tempfile::TempDir; 2],
}

impl Fleet {
    pub async fn start() -> Self {
        let redis = RedisServer::start().await;
        let database = fresh_database().await;
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let one = gateway(&database, &redis.url(), &dirs[0]).await;
        let other = gateway(&database, &redis.url(), &dirs[1]).await;
        let urls = [&one, &other].map(|gateway| format!("http://{}", gateway.listening));
        let redirect = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(redirect).build().unwrap();
        let account = json!({"username": "root", "email": "root@example.com", "password": PASSWORD});
        let reply = http.post(format!("{}/api/auth/register", urls[0])).json(&account).send().await.unwrap();
        let cookie = reply.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let provider = MockUpstream::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let gateways = [Some(one), Some(other)];
        let mut fleet = Self { redis, gateways, urls, http, cookie, key: String::new(), provider, database, _dirs: dirs };
        fleet.settle_in().await;
        fleet
    }

    async fn settle_in(&mut self) {
        self.admin(Method::PATCH, "/api/settings", json!({"allowPrivateUpstreams": true})).await;
        for (provider, model) in [("claude", CLAUDE), ("openai", GPT)] {
            let price = json!({"provider": provider, "model": model, "inputPricePerMTok": 1, "outputPricePerMTok": 5});
            self.admin(Method::POST, "/api/model-prices", price).await;
        }
        self.channel("claude", "claude", "sk-claude").await;
        self.channel("openai low", "openai", "sk-low").await;
        let me = self.admin(Method::GET, "/api/me", Value::Null).await["id"].as_i64().unwrap();
        let grant = json!({"adjustUsd": 10, "reason": "test"});
        self.admin(Method::PATCH, &format!("/api/users/{me}/quota"), grant).await;
        self.key = self.admin(Method::POST, "/api/keys", json!({"name": "test"})).await["key"].as_str().unwrap().to_owned();
    }

    /// Makes a channel that both know.
    pub async fn channel(&self, name: &str, kind: &str, key: &str) {
        let channel = json!({"name": name, "type": kind, "baseUrl": self.provider.base_url(), "apiKey": key});
        self.admin(Method::POST, "/api/channels", channel).await;
        let is_known = |gateway: &Running| gateway.cellar.cache.reader().load().channels().iter().any(|one| one.name == name);
        eventually("all know the channel", async || self.gateways.iter().flatten().all(is_known)).await;
    }

    pub fn script(&self) -> Script {
        self.provider.script()
    }

    /// A request of the admin to one of them.
    pub fn as_admin(&self, at: usize, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.urls[at])).header("cookie", &self.cookie)
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let reply = self.as_admin(0, method, path).json(&body).send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// What one of them answers a Responses client.
    pub async fn responds(&self, at: usize, fields: Value) -> (StatusCode, Value) {
        let url = format!("{}/v1/responses", self.urls[at]);
        let reply = self.http.post(url).bearer_auth(&self.key).json(&fields).send().await.unwrap();
        (reply.status(), reply.json().await.unwrap())
    }

    /// The same, once it knows what the others remember: nobody waited until that was written.
    pub async fn goes_on(&self, at: usize, fields: Value) -> Value {
        let mut answer = Value::Null;
        eventually("the other's answer is known", async || {
            let (status, told) = self.responds(at, fields.clone()).await;
            answer = told;
            status == StatusCode::OK
        })
        .await;
        answer
    }

    /// The ticket on a page of one of them.
    pub async fn ticket(&self, at: usize, path: &str) -> String {
        let page = self.as_admin(at, Method::GET, path).send().await.unwrap().text().await.unwrap();
        let field = Selector::parse("input[name=ticket]").unwrap();
        Html::parse_document(&page).select(&field).next().unwrap().attr("value").unwrap().to_owned()
    }

    /// Sends the form of a new gift card to one of them.
    pub async fn makes_card(&self, at: usize, ticket: &str) -> (StatusCode, String) {
        let fields = [("ticket", ticket), ("amountUsd", "7"), ("count", "1"), ("expiresAt", "")];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.as_admin(at, Method::POST, "/admin/gift-cards").body(body);
        let reply = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        (reply.status(), reply.text().await.unwrap())
    }

    pub async fn cards(&self) -> i64 {
        let mut database = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM gift_cards").fetch_one(&mut database).await.unwrap()
    }

    pub async fn finish(mut self) {
        for gateway in &mut self.gateways {
            assert!(gateway.take().unwrap().stop().await, "a gateway did not stop in time");
        }
        let name = self.database.rsplit('/').next().unwrap().to_owned();
        let mut server = PgConnection::connect(&server()).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).execute(&mut server).await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "the harness is the tests' configuration")]
fn server() -> String {
    std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names no PostgreSQL server: run scripts/test")
}

async fn fresh_database() -> String {
    let name = format!("fleet_{:016x}", fastrand::u64(..));
    let mut admin = PgConnection::connect(&server()).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    let mut url = url::Url::parse(&server()).unwrap();
    url.set_path(&name);
    url.into()
}

async fn gateway(database: &str, redis: &str, dir: &tempfile::TempDir) -> Running {
    let data_dir = dir.path().to_string_lossy().into_owned();
    let variables = [
        ("DATA_DIR", data_dir.as_str()),
        ("DATABASE_URL", database),
        ("REDIS_URL", redis),
        ("APP_SECRET", "a secret of the tests, 32 chars long"),
        ("PORT", "0"),
        ("WORKERS", "1"),
        ("METRICS_LISTEN", "off"),
    ];
    let config = Config::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
    app::start(config.unwrap(), Arc::new(NoFaults)).await.unwrap()
}
