//! `spawn_app()`: the gateway on port 0 over its own database, a scripted provider behind it, an admin and a
//! paying user in front of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::ports::{Faults, NoFaults};
use api_proxy::app::{self, Running};
use api_proxy::config::{Config, JournalSync, MetricsListen, Patience, TracesConfig, TrustedProxies};
use api_proxy::mock_upstream::{MockUpstream, Script};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::database::{Peek, Storage, fresh_postgres};

/// Makes each test run on SQLite and on PostgreSQL: `name::on_sqlite`, `name::on_postgres`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($storage:ident) $body:block)+) => {$(
        mod $name {
            use super::*;
            use $crate::database::Storage;

            $(#[$meta])*
            async fn run($storage: Storage) $body

            #[actix_web::test]
            async fn on_sqlite() {
                run(Storage::Sqlite).await;
            }

            #[actix_web::test]
            async fn on_postgres() {
                run(Storage::Postgres).await;
            }
        }
    )+};
}

/// Longest wait for something that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse battery";

/// The models of the tests, with prices in USD per million tokens: family, name, input, output, cache read,
/// cache creation, cache creation for an hour.
pub const CLAUDE: &str = "claude-haiku-4-5";
pub const GPT: &str = "gpt-5-mini";
pub const EMBEDDING: &str = "text-embedding-3-small";
const PRICES: [(&str, &str, &str); 3] = [
    (
        "claude",
        CLAUDE,
        r#""inputPricePerMTok":1,"outputPricePerMTok":5,"cacheReadPricePerMTok":0.1,"cacheCreationPricePerMTok":1.25,"cacheCreation1hPricePerMTok":2"#,
    ),
    ("openai", GPT, r#""inputPricePerMTok":0.25,"outputPricePerMTok":2,"cacheReadPricePerMTok":0.025"#),
    ("openai", EMBEDDING, r#""inputPricePerMTok":0.02,"outputPricePerMTok":0"#),
];

/// What may differ between two apps.
pub struct Wish {
    pub faults: Arc<dyn Faults>,
    pub patience: Patience,
    pub workers: usize,
    pub trusted_proxies: TrustedProxies,
    pub traces: Option<TracesConfig>,
    /// Where the Redis is that it shares with others.
    pub redis: Option<String>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            faults: Arc::new(NoFaults),
            patience: Patience::default(),
            workers: 1,
            trusted_proxies: TrustedProxies::default(),
            traces: None,
            redis: None,
        }
    }
}

/// A running gateway with a provider, channels, prices, and a user with ten dollars.
pub struct TestApp {
    pub running: Option<Running>,
    pub base: String,
    pub peek: Option<Peek>,
    pub http: reqwest::Client,
    pub claude_channel: i64,
    pub openai_channel: i64,
    pub user: i64,
    provider: MockUpstream,
    admin: String,
    caller: Option<Caller>,
    finished: bool,
    _dir: tempfile::TempDir,
}

/// Starts an app as most tests need it.
pub async fn spawn_app(storage: Storage) -> TestApp {
    spawn_app_with(storage, Wish::default()).await
}

/// Starts an app.
pub async fn spawn_app_with(storage: Storage, wish: Wish) -> TestApp {
    let dir = tempfile::tempdir().unwrap();
    let url = match storage {
        Storage::Sqlite => format!("sqlite://{}", dir.path().join("api-proxy.db").display()),
        Storage::Postgres => fresh_postgres().await,
    };
    let faults = Arc::clone(&wish.faults);
    let running = app::start(config(dir.path().into(), &url, wish), faults).await.unwrap();
    let provider = MockUpstream::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut app = TestApp {
        base: format!("http://{}", running.listening),
        running: Some(running),
        peek: Some(Peek::open(&url).await),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        claude_channel: 0,
        openai_channel: 0,
        user: 0,
        provider,
        admin: String::new(),
        caller: None,
        finished: false,
        _dir: dir,
    };
    app.settle_in().await;
    app
}

fn config(data_dir: PathBuf, url: &str, wish: Wish) -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir,
        database_url: Some(SecretString::from(url.to_owned())),
        database_pool_size: 6,
        redis_url: wish.redis.map(SecretString::from),
        redis_required: true,
        app_secret: Some(SecretString::from("a secret of the tests, 32 chars long")),
        previous_secrets: Vec::new(),
        journal_sync: JournalSync::Never,
        trusted_proxies: wish.trusted_proxies,
        shutdown_timeout: Duration::from_secs(10),
        setup_code: None,
        own_certificates: false,
        workers: Some(wish.workers),
        patience: wish.patience,
        console_without_npm: false,
        metrics: MetricsListen::At("127.0.0.1:0".parse().unwrap()),
        traces: wish.traces,
    }
}

impl TestApp {
    async fn settle_in(&mut self) {
        let account = json!({"username": "root", "email": "root@example.com", "password": PASSWORD});
        let reply = self.http.post(format!("{}/api/auth/register", self.base)).body(account.to_string());
        let reply = reply.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(reply.status(), 201);
        let cookie = reply.headers()["set-cookie"].to_str().unwrap();
        self.admin = cookie.split(';').next().unwrap().to_owned();
        self.sets(json!({"allowPrivateUpstreams": true})).await;
        self.claude_channel = self.channel(json!({"name": "claude", "type": "claude"})).await;
        self.openai_channel = self.channel(json!({"name": "openai", "type": "openai"})).await;
        for (provider, model, prices) in PRICES {
            self.admin_text("POST", "/api/model-prices", format!(r#"{{"provider":"{provider}","model":"{model}",{prices}}}"#))
                .await;
        }
        self.user = self.makes_user("carl", "10").await;
        self.caller = Some(self.makes_caller(self.user, json!({})).await);
    }

    /// The provider's script.
    pub fn provider(&self) -> Script {
        self.provider.script()
    }

    /// Where the provider listens.
    pub fn provider_url(&self) -> String {
        self.provider.base_url()
    }

    /// The user with ten dollars, asking in the Messages protocol.
    pub fn caller(&self) -> Caller {
        self.caller.clone().unwrap()
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub fn peek(&self) -> &Peek {
        self.peek.as_ref().unwrap()
    }

    /// What the admin does; answers the body and demands success.
    #[track_caller]
    pub fn admin(&self, method: &str, path: &str, body: Value) -> impl Future<Output = Value> {
        self.admin_text(method, path, body.to_string())
    }

    /// The same with a body as it is written: for money.
    pub fn admin_text(&self, method: &str, path: &str, body: String) -> impl Future<Output = Value> + use<> {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base)).header("cookie", &self.admin);
        let request = if method == "GET" { request } else { request.header("content-type", "application/json").body(body) };
        let what = format!("{method} {path}");
        async move {
            let reply = request.send().await.unwrap();
            let status = reply.status();
            let text = reply.text().await.unwrap();
            assert!(status.is_success(), "{what}: {status} {text}");
            serde_json::from_str(&text).unwrap_or(Value::Null)
        }
    }

    /// A request by the admin, to be sent as it is.
    pub fn as_admin(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().unwrap(), format!("{}{path}", self.base)).header("cookie", &self.admin)
    }

    /// Changes settings; they are in force afterwards.
    pub async fn sets(&self, settings: Value) {
        self.admin("PATCH", "/api/settings", settings).await;
    }

    /// Makes a channel to the provider.
    pub async fn channel(&self, fields: Value) -> i64 {
        let mut channel = json!({"baseUrl": self.provider_url(), "apiKey": "sk-upstream"});
        merge(&mut channel, fields);
        self.admin("POST", "/api/channels", channel).await["id"].as_i64().unwrap()
    }

    /// Changes a channel.
    pub async fn changes_channel(&self, id: i64, fields: Value) {
        self.admin("PATCH", &format!("/api/channels/{id}"), fields).await;
    }

    /// Makes a mapping.
    pub async fn maps(&self, fields: Value) {
        self.admin("POST", "/api/model-mappings", fields).await;
    }

    /// Makes a user with money.
    pub async fn makes_user(&self, name: &str, usd: &str) -> i64 {
        let account = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        let id = self.admin("POST", "/api/users", account).await["id"].as_i64().unwrap();
        if usd != "0" {
            self.pays(id, usd).await;
        }
        id
    }

    /// Gives a user money.
    pub async fn pays(&self, user: i64, usd: &str) {
        let path = format!("/api/users/{user}/quota");
        self.admin_text("PATCH", &path, format!(r#"{{"adjustUsd":{usd},"reason":"test"}}"#)).await;
    }

    /// Sets a user's limits.
    pub async fn limits(&self, user: i64, limits: Value) {
        self.admin("PATCH", &format!("/api/users/{user}/quota"), limits).await;
    }

    /// Makes a key of a user.
    pub async fn makes_key(&self, user: i64, fields: Value) -> (i64, String) {
        let mut key = json!({"name": "test", "userId": user});
        merge(&mut key, fields);
        let made = self.admin("POST", "/api/keys", key).await;
        (made["id"].as_i64().unwrap(), made["key"].as_str().unwrap().to_owned())
    }

    /// A caller with a new key.
    pub async fn makes_caller(&self, user: i64, fields: Value) -> Caller {
        let (id, key) = self.makes_key(user, fields).await;
        Caller::new(&self.base, &key, id)
    }

    /// A new user with money, and a key.
    pub async fn customer(&self, name: &str, usd: &str) -> Caller {
        let user = self.makes_user(name, usd).await;
        self.makes_caller(user, json!({})).await
    }

    /// Changes the price of a model at a family's channels.
    pub async fn prices(&self, provider: &str, model: &str, prices: &str) {
        let listed = self.admin("GET", &format!("/api/model-prices?query={model}"), Value::Null).await;
        let row = listed["rows"].as_array().unwrap().iter().find(|row| row["provider"] == provider && row["model"] == model);
        match row {
            Some(row) => {
                let path = format!("/api/model-prices/{}", row["id"]);
                self.admin_text("PATCH", &path, format!("{{{prices}}}")).await;
            }
            None => {
                let body = format!(r#"{{"provider":"{provider}","model":"{model}",{prices}}}"#);
                self.admin_text("POST", "/api/model-prices", body).await;
            }
        }
    }

    /// Everything went back and every book agrees; then the gateway stops.
    pub async fn finish(mut self) {
        crate::books::agree(&self).await;
        let stopped = self.running.take().unwrap().stop().await;
        assert!(stopped, "the gateway did not stop in time");
        self.finished = true;
        self.peek.take().unwrap().drop_database().await;
        actix_web::rt::System::current().stop();
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if !self.finished && !std::thread::panicking() {
            panic!("a test ended without app.finish().await, so nobody looked at the books");
        }
    }
}

fn merge(into: &mut Value, fields: Value) {
    let (Value::Object(into), Value::Object(fields)) = (into, fields) else { panic!("two objects") };
    into.extend(fields);
}

/// Waits until `is_so`; fails with `what` when it never is.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let by = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < by, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
