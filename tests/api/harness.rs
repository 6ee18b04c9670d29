//! A gateway's JSON door on port 0 over a database of its own, and people to call it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use crate::fakes::{FakeSystem, FakeUpstreams};
use actix_rt::Arbiter;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use actors::log_broadcaster::LogBroadcaster;
use actors::ports::{Changed, Clock, Encoded, EntryEncoder, NoFaults, NoPeers, SystemClock};
use actors::settings_cache::Snapshot;
use actors::vocabulary::{IdMaker, Receipt, Settings};
use api_proxy::api::{ApiContext, Routes, probes, routes};
use api_proxy::config::TrustedProxies;
use api_proxy::secrets::{Sealer, random_base62};
use api_proxy::services::channels::UpstreamsHandle;
use api_proxy::services::passwords::Passwords;
use api_proxy::services::system::SystemHandle;
use api_proxy::services::{CurrentSettings, News, Services, SetupGate};
use api_proxy::session::Doorstep;
use api_proxy::store::Db;
use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::Connection;

/// Makes each test run on SQLite and on PostgreSQL: `name::on_sqlite`, `name::on_postgres`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident: TestApp) $body:block)+) => {$(
        async fn $name($app: $crate::harness::TestApp) $body

        mod $name {
            use $crate::harness::{Storage, TestApp};

            #[actix_web::test]
            async fn on_sqlite() {
                super::$name(TestApp::start(Storage::Sqlite).await).await;
            }

            #[actix_web::test]
            async fn on_postgres() {
                super::$name(TestApp::start(Storage::Postgres).await).await;
            }
        }
    )+};
}

pub const PASSWORD: &str = "correct horse battery";

#[derive(Clone, Copy)]
pub enum Storage {
    Sqlite,
    Postgres,
}

#[derive(Default)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// The time in `ms` milliseconds.
    pub fn forwarded(&self, ms: i64) -> i64 {
        self.now_ms() + ms
    }

    pub fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> i64 {
        SystemClock.monotonic_ms() + self.0.load(Ordering::SeqCst)
    }
}

/// The settings, and the snapshot that they are part of.
#[derive(Default)]
pub struct TestSettings(pub Mutex<Settings>, pub Mutex<Option<Arc<Snapshot>>>);

impl CurrentSettings for TestSettings {
    fn settings(&self) -> Settings {
        self.0.lock().unwrap().clone()
    }

    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.1.lock().unwrap().clone()
    }
}

#[derive(Default)]
pub struct HeardNews(pub Mutex<Vec<Changed>>);

#[async_trait]
impl News for HeardNews {
    async fn changed(&self, what: Changed) {
        self.0.lock().unwrap().push(what);
    }
}

pub struct TestApp {
    pub base: String,
    pub clock: Arc<TestClock>,
    pub settings: Arc<TestSettings>,
    pub news: Arc<HeardNews>,
    pub services: Services,
    pub routes: Routes,
    pub upstreams: Arc<FakeUpstreams>,
    pub system: Arc<FakeSystem>,
    http: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl TestApp {
    pub async fn start(storage: Storage) -> Self {
        Self::start_with(storage, SetupGate::Local(SecretString::from("open sesame"))).await
    }

    pub async fn start_with(storage: Storage, setup: SetupGate) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match storage {
            Storage::Sqlite => format!("sqlite://{}", dir.path().join("test.db").display()),
            Storage::Postgres => fresh_postgres().await,
        };
        let (clock, settings, news) = (Arc::<TestClock>::default(), Arc::<TestSettings>::default(), Arc::<HeardNews>::default());
        let services = Services {
            db: open(&url).await,
            ids: Arc::new(IdMaker::new(7)),
            clock: clock.clone(),
            sealer: Sealer::new(&SecretString::from("a secret of the tests, 32 chars long"), &[]).unwrap(),
            news: news.clone(),
            settings: settings.clone(),
            passwords: Passwords::new().unwrap(),
            throttles: Arc::default(),
            setup,
            square: Arc::default(),
            watching: Arc::default(),
        };
        let routes = routes();
        let (upstreams, system) = (Arc::<FakeUpstreams>::default(), Arc::<FakeSystem>::default());
        let parts = (UpstreamsHandle(upstreams.clone()), SystemHandle(system.clone()));
        let base = serve(&routes, &services, parts);
        Self { base, clock, settings, news, services, routes, upstreams, system, http: reqwest::Client::new(), _dir: dir }
    }

    /// Somebody without credentials.
    pub fn stranger(&self) -> Caller {
        Caller { http: self.http.clone(), base: self.base.clone(), headers: Vec::new() }
    }

    /// Somebody without credentials at another address of this machine.
    pub fn stranger_at(&self, address: [u8; 4]) -> Caller {
        let http = reqwest::Client::builder().local_address(std::net::IpAddr::from(address)).build().unwrap();
        Caller { http, ..self.stranger() }
    }

    /// Registers an account and signs in; the first one is super admin.
    pub async fn registers(&self, name: &str) -> Caller {
        let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        let reply = self.stranger().post("/api/auth/register", body).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        self.stranger().with_cookie(&reply)
    }

    /// Signs in.
    pub async fn signs_in(&self, name: &str) -> Caller {
        let reply = self.stranger().post("/api/auth/login", json!({"account": name, "password": PASSWORD})).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        self.stranger().with_cookie(&reply)
    }

    /// A super admin `root`, and by their hand an admin `anna`, and users `uma` and `otto`.
    pub async fn people(&self) -> People {
        let root = self.registers("root").await;
        for (name, role) in [("anna", "admin"), ("uma", "user"), ("otto", "user")] {
            root.makes_user(name, role).await;
        }
        let (anna, uma, otto) = (self.signs_in("anna").await, self.signs_in("uma").await, self.signs_in("otto").await);
        People { root, anna, uma, otto }
    }
}

pub struct People {
    pub root: Caller,
    pub anna: Caller,
    pub uma: Caller,
    pub otto: Caller,
}

#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    headers: Vec<(String, String)>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Reply {
    /// Asserts the status and returns the body.
    #[track_caller]
    pub fn expects(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.body
    }

    /// Asserts a refusal.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        let body = self.expects(status);
        assert_eq!(body["code"], code, "{body}");
        assert!(body["error"].is_string(), "{body}");
        body
    }
}

impl Caller {
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name.to_owned(), value.to_owned()));
        caller
    }

    pub fn with_token(&self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    pub fn with_cookie(&self, reply: &Reply) -> Self {
        let cookie = reply.headers.get("set-cookie").expect("a session cookie").to_str().unwrap();
        self.with_header("cookie", cookie.split(';').next().unwrap())
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Reply {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let reply = request.send().await.unwrap();
        let (status, headers) = (reply.status(), reply.headers().clone());
        let endless = reply.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if endless { String::new() } else { reply.text().await.unwrap() };
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status, headers, text, body }
    }

    /// Begins to read what does not end by itself.
    pub async fn opens(&self, path: &str) -> reqwest::Response {
        let mut request = self.http.get(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap()
    }

    /// The text of the session they are signed in by.
    pub fn session(&self) -> &str {
        let cookie = self.headers.iter().find(|(name, _)| name == "cookie").expect("a session");
        cookie.1.split_once('=').unwrap().1
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn id(&self) -> i64 {
        self.get("/api/me").await.expects(200)["id"].as_i64().unwrap()
    }

    pub async fn makes_user(&self, name: &str, role: &str) -> i64 {
        let email = format!("{name}@example.com");
        let body = json!({"username": name, "email": email, "password": PASSWORD, "role": role});
        self.post("/api/users", body).await.expects(201)["id"].as_i64().unwrap()
    }

    pub async fn makes_key(&self, body: Value) -> Value {
        self.post("/api/keys", body).await.expects(201)
    }
}

/// The live log's rows are proved on the road's own tests.
struct NothingToRead;

impl EntryEncoder for NothingToRead {
    fn encode(&self, _: &Receipt, _: bool) -> Encoded {
        Encoded { admin: actix_web::web::Bytes::new(), user: actix_web::web::Bytes::new() }
    }
}

fn serve(routes: &Routes, services: &Services, (upstreams, system): (UpstreamsHandle, SystemHandle)) -> String {
    let context = ApiContext(Doorstep { services: services.clone(), proxies: TrustedProxies::default() });
    let routes = routes.clone();
    let (upstreams, system) = (Data::new(upstreams), Data::new(system));
    let logs = LogBroadcaster::start(Arbiter::new().handle(), Arc::new(NothingToRead), Arc::new(NoPeers), Arc::new(NoFaults));
    let logs = Data::new(logs);
    let app = move || {
        let app = App::new().app_data(upstreams.clone()).app_data(system.clone()).app_data(logs.clone());
        app.configure(|config| routes.configure(config, &context)).configure(probes)
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    format!("http://{address}")
}

async fn open(url: &str) -> Db {
    let db = Db::open(url, 8).await.unwrap();
    db.migrate().await.unwrap();
    db
}

/// A fresh database on the server of `TEST_POSTGRES_URL`.
#[expect(clippy::disallowed_methods, reason = "the harness is the tests' configuration")]
async fn fresh_postgres() -> String {
    let server = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names no PostgreSQL server: run scripts/test");
    let name = format!("test_{}", random_base62(16).unwrap().to_lowercase());
    let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    url.into()
}
