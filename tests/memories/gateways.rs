//! Two whole gateways on one PostgreSQL and one Redis, and clients that a load balancer sends now to this one, now to that.

use std::sync::Arc;
use std::time::Duration;

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
const CLAUDE: &str = "claude-haiku-4-5";
const GPT: &str = "gpt-5-mini";

/// Two gateways, an admin who is signed in at both, and a key.
struct Fleet {
    redis: RedisServer,
    gateways: [Option<Running>; 2],
    urls: [String; 2],
    http: reqwest::Client,
    cookie: String,
    key: String,
    provider: MockUpstream,
    database: String,
    _dirs: [tempfile::TempDir; 2],
}

impl Fleet {
    async fn start() -> Self {
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

    async fn channel(&self, name: &str, kind: &str, key: &str) {
        let channel = json!({"name": name, "type": kind, "baseUrl": self.provider.base_url(), "apiKey": key});
        self.admin(Method::POST, "/api/channels", channel).await;
    }

    fn script(&self) -> Script {
        self.provider.script()
    }

    /// A request of the admin to one of them.
    fn as_admin(&self, at: usize, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.urls[at])).header("cookie", &self.cookie)
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let reply = self.as_admin(0, method, path).json(&body).send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// What one of them answers a Responses client.
    async fn responds(&self, at: usize, fields: Value) -> (StatusCode, Value) {
        let url = format!("{}/v1/responses", self.urls[at]);
        let reply = self.http.post(url).bearer_auth(&self.key).json(&fields).send().await.unwrap();
        (reply.status(), reply.json().await.unwrap())
    }

    /// The same, once it knows what the others remember: nobody waited until that was written.
    async fn goes_on(&self, at: usize, fields: Value) -> Value {
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
    async fn ticket(&self, at: usize, path: &str) -> String {
        let page = self.as_admin(at, Method::GET, path).send().await.unwrap().text().await.unwrap();
        let field = Selector::parse("input[name=ticket]").unwrap();
        Html::parse_document(&page).select(&field).next().unwrap().attr("value").unwrap().to_owned()
    }

    /// Sends the form of a new gift card to one of them.
    async fn makes_card(&self, at: usize, ticket: &str) -> (StatusCode, String) {
        let fields = [("ticket", ticket), ("amountUsd", "7"), ("count", "1"), ("expiresAt", "")];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.as_admin(at, Method::POST, "/admin/gift-cards").body(body);
        let reply = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        (reply.status(), reply.text().await.unwrap())
    }

    async fn cards(&self) -> i64 {
        let mut database = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM gift_cards").fetch_one(&mut database).await.unwrap()
    }

    async fn finish(mut self) {
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

/// The keys the provider was asked with.
fn asked(script: &Script) -> Vec<String> {
    let key = |seen: api_proxy::mock_upstream::Seen| {
        let bearer = seen.header("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned());
        bearer.unwrap_or_default()
    };
    script.requests().into_iter().map(key).collect()
}

#[actix_web::test]
async fn an_earlier_response_is_gone_on_from_on_another_instance() {
    let fleet = Fleet::start().await;
    fleet.channel("openai high", "openai", "sk-high").await;
    let first = fleet.goes_on(0, json!({"model": GPT, "input": "one"})).await;
    let id = first["id"].as_str().unwrap();
    fleet.goes_on(1, json!({"model": GPT, "input": "two", "previous_response_id": id})).await;
    for at in 0..6 {
        let (status, told) = fleet.responds(at % 2, json!({"model": GPT, "input": "on", "previous_response_id": id})).await;
        assert_eq!(status, StatusCode::OK, "{told}");
    }
    let asked = asked(&fleet.script());
    assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
    let (status, _) = fleet.responds(1, json!({"model": GPT, "input": "x", "previous_response_id": "resp_unknown"})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    fleet.finish().await;
}

#[actix_web::test]
async fn a_converted_conversation_goes_on_wherever_it_is_sent() {
    let fleet = Fleet::start().await;
    let mut previous = Value::Null;
    for (turn, at) in [0, 1, 0, 0, 1].into_iter().enumerate() {
        let text = format!("private turn {turn}");
        let answer = fleet.goes_on(at, json!({"model": CLAUDE, "input": text, "previous_response_id": previous})).await;
        previous = answer["id"].clone();
    }
    let messages = fleet.script().last_request().unwrap().json()["messages"].to_string();
    assert!((0..5).all(|turn| messages.contains(&format!("private turn {turn}"))), "{messages}");
    let (_, answer) = fleet.responds(0, json!({"model": CLAUDE, "input": "hi"})).await;
    let reference = json!({"type": "item_reference", "id": answer["output"][0]["id"]});
    let input = json!([{"role": "user", "content": "hi"}, reference, {"role": "user", "content": "go on"}]);
    // What it goes on from and what it refers to, both from elsewhere.
    let both = json!({"model": CLAUDE, "input": input, "previous_response_id": previous});
    fleet.goes_on(0, both).await;
    fleet.goes_on(1, json!({"model": CLAUDE, "input": input})).await;
    assert_eq!(fleet.script().last_request().unwrap().json()["messages"][1]["role"], "assistant");
    let everything = fleet.redis.everything().await;
    assert!(!everything.contains("private") && !everything.contains("go on") && !everything.contains("resp_"));
    fleet.finish().await;
}

#[actix_web::test]
async fn a_conversation_stays_with_its_channel_on_every_instance() {
    let fleet = Fleet::start().await;
    fleet.channel("openai high", "openai", "sk-high").await;
    for conversation in 0..6 {
        fleet.script().forget_requests();
        let input = format!("conversation {conversation}");
        fleet.goes_on(0, json!({"model": GPT, "input": input})).await;
        let known = "return #redis.call('KEYS', 'api-proxy:conversation:*')";
        eventually("it is remembered", async || fleet.redis.eval::<i64>(known, &[], &[]).await == conversation + 1).await;
        for _ in 0..4 {
            fleet.goes_on(1, json!({"model": GPT, "input": input})).await;
        }
        let asked = asked(&fleet.script());
        assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
    }
    fleet.finish().await;
}

#[actix_web::test]
async fn a_form_opened_on_one_instance_may_be_sent_to_another_and_acts_once() {
    let fleet = Fleet::start().await;
    let ticket = fleet.ticket(0, "/admin/gift-cards/new").await;
    let sent = futures_util::future::join_all((0..6).map(|press| fleet.makes_card(press % 2, &ticket))).await;
    assert!(sent.iter().all(|(status, page)| *status == StatusCode::OK && *page == sent[0].1), "{sent:?}");
    assert!(sent[0].1.contains("GC-"));
    assert_eq!(fleet.cards().await, 1);
    let code = sent[0].1.split("GC-").nth(1).unwrap().get(..9).unwrap();
    let everything = fleet.redis.everything().await;
    assert!(!everything.contains(code) && !everything.contains(&ticket));
    fleet.finish().await;
}

#[actix_web::test]
async fn guesses_at_a_password_count_on_all_instances_together() {
    let fleet = Fleet::start().await;
    let mut refused = 0;
    for guess in 0..14 {
        let wrong = json!({"account": "root", "password": "a guess"});
        let reply = fleet.http.post(format!("{}/api/auth/login", fleet.urls[guess % 2])).json(&wrong).send().await.unwrap();
        refused += usize::from(reply.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!((3..=4).contains(&refused), "{refused}: one may have come back meanwhile");
    let everything = fleet.redis.everything().await;
    let tries = everything.lines().filter(|line| line.starts_with("api-proxy:tries:"));
    assert!(tries.clone().count() >= 3 && tries.clone().all(|line| !line.contains("127.0.0.1") && !line.contains("root")));
    fleet.finish().await;
}

#[actix_web::test]
async fn without_redis_every_instance_goes_on_by_itself() {
    let mut fleet = Fleet::start().await;
    let before = fleet.ticket(0, "/admin/gift-cards/new").await;
    let (_, first) = fleet.responds(0, json!({"model": CLAUDE, "input": "one"})).await;
    fleet.redis.kill();
    let alone = async |at: usize| {
        let health = fleet.as_admin(at, Method::GET, "/api/health").send().await.unwrap().json::<Value>().await.unwrap();
        health["redis"] == "down"
    };
    eventually("both notice", async || alone(0).await && alone(1).await).await;
    for at in [0, 1, 0, 1] {
        let (status, told) = fleet.responds(at, json!({"model": CLAUDE, "input": "one"})).await;
        assert_eq!(status, StatusCode::OK, "{told}");
    }
    let on = json!({"model": CLAUDE, "input": "two", "previous_response_id": first["id"]});
    assert_eq!(fleet.responds(0, on.clone()).await.0, StatusCode::OK, "it knows by itself");
    // It may have been sent elsewhere before Redis went away.
    assert_eq!(fleet.makes_card(0, &before).await.0, StatusCode::CONFLICT);
    let ticket = fleet.ticket(0, "/admin/gift-cards/new").await;
    assert_eq!(fleet.makes_card(1, &ticket).await.0, StatusCode::CONFLICT);
    assert_eq!(fleet.makes_card(0, &ticket).await.0, StatusCode::OK);
    assert_eq!(fleet.makes_card(0, &ticket).await.0, StatusCode::OK, "the same answer again");
    assert_eq!(fleet.cards().await, 1);
    tokio::time::timeout(Duration::from_secs(60), fleet.finish()).await.unwrap();
}
