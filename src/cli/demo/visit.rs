//! The demo's way through the API: what an admin would do, then what a client would do.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use actix_web::http::Method;
use actors::vocabulary::Nanos;
use awc::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::files;
use crate::translation::Framer;

/// Longest wait for any answer of the gateway's own.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often the log is asked for the request's row: booking happens in batches.
const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// The model asked for, one of the demo's.
const MODEL: &str = "claude-haiku-4-5";

/// What the scripted provider takes, as it takes any key.
const PROVIDER_KEY: &str = "sk-scripted-provider";

/// The demo's models with prices in USD per million tokens: provider, name, input, output, cache read, cache creation.
const MODELS: [(&str, &str, &str, &str, &str, &str); 4] = [
    ("claude", "claude-haiku-4-5", "1", "5", "0.1", "1.25"),
    ("claude", "claude-sonnet-4-5", "3", "15", "0.3", "3.75"),
    ("openai", "gpt-5-mini", "0.25", "2", "0.025", "0"),
    ("openai", "text-embedding-3-small", "0.02", "0", "0", "0"),
];

/// Who can sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Login {
    pub(super) account: String,
    pub(super) password: String,
}

/// What is kept between two runs, readable by its owner alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    admin: Login,
    user: Login,
    key: String,
}

/// What the tour has to show.
pub(super) struct Shown {
    pub(super) answer: String,
    pub(super) tokens_in: i64,
    pub(super) tokens_out: i64,
    pub(super) cost: String,
    pub(super) key: String,
    pub(super) logins: [Login; 2],
}

/// A visitor with a client of its own.
pub(super) struct Visit {
    site: String,
    client: Client,
    setup_code: Option<SecretString>,
}

type Told<T> = Result<T, String>;

impl Visit {
    pub(super) fn new(listening: SocketAddr, setup_code: Option<SecretString>) -> Self {
        let host = if listening.ip().is_unspecified() { "127.0.0.1".to_owned() } else { listening.ip().to_string() };
        let client = Client::builder().timeout(DEADLINE).finish();
        Self { site: format!("http://{host}:{}", listening.port()), client, setup_code }
    }

    /// Sets everything up that is missing, asks, and reads the bill.
    pub(super) async fn tour(&self, provider: &str, kept_in: &Path) -> Told<Shown> {
        let kept = match read_kept(kept_in) {
            Some(kept) => kept,
            None => self.settle_in(provider, kept_in).await?,
        };
        let session = self.sign_in(&kept.admin).await?;
        self.point_channels_at(provider, &session).await?;
        let (answer, request_id) = self.ask(&kept.key).await?;
        let row = self.bill(&session, &request_id).await?;
        let number = |field: &str| row.get(field).and_then(Value::as_i64).unwrap_or_default();
        let cost = row.get("costUsd").map(ToString::to_string).unwrap_or_default();
        let cost: Nanos = cost.parse().map_err(|_| format!("the cost is no amount: {cost}"))?;
        Ok(Shown {
            answer,
            tokens_in: number("tokensIn"),
            tokens_out: number("tokensOut"),
            cost: cost.to_string(),
            key: kept.key,
            logins: [kept.admin, kept.user],
        })
    }

    /// The first run: accounts, channels, models, prices, money, a key.
    async fn settle_in(&self, provider: &str, kept_in: &Path) -> Told<Kept> {
        let (admin, user) = (login("admin")?, login("demo")?);
        let mut registration = json!({"username": admin.account, "email": "admin@demo.example", "password": admin.password});
        if let Some(code) = &self.setup_code {
            registration["setupCode"] = code.expose_secret().into();
        }
        self.call(Method::POST, "/api/auth/register", None, &registration).await?;
        let session = self.sign_in(&admin).await?;
        let session = Some(session.as_str());
        for (kind, name) in [("claude", "Scripted Claude"), ("openai", "Scripted OpenAI")] {
            let channel = json!({"name": name, "type": kind, "baseUrl": provider, "apiKey": PROVIDER_KEY});
            self.call(Method::POST, "/api/channels", session, &channel).await?;
        }
        for (provider, model, input, output, cache_read, cache_creation) in MODELS {
            let row = json!({"provider": provider, "model": model, "displayName": model});
            self.call(Method::POST, "/api/models", session, &row).await?;
            let price = format!(
                r#"{{"provider":"{provider}","model":"{model}","inputPricePerMTok":{input},"outputPricePerMTok":{output},"cacheReadPricePerMTok":{cache_read},"cacheCreationPricePerMTok":{cache_creation}}}"#
            );
            let price: Value = serde_json::from_str(&price).map_err(|error| error.to_string())?;
            self.call(Method::POST, "/api/model-prices", session, &price).await?;
        }
        let account = json!({"username": user.account, "email": "user@demo.example", "password": user.password});
        let made = self.call(Method::POST, "/api/users", session, &account).await?;
        let id = made.get("id").ok_or("no user was made")?.clone();
        let money = json!({"adjustUsd": 5, "reason": "demo"});
        self.call(Method::PATCH, &format!("/api/users/{id}/quota"), session, &money).await?;
        let key = json!({"name": "demo", "userId": id});
        let made = self.call(Method::POST, "/api/keys", session, &key).await?;
        let key = made.get("key").and_then(Value::as_str).ok_or("no key was made")?.to_owned();
        let kept = Kept { admin, user, key };
        write_kept(kept_in, &kept)?;
        Ok(kept)
    }

    /// Signs in and answers the session's cookie.
    async fn sign_in(&self, login: &Login) -> Told<String> {
        let credentials = json!({"account": login.account, "password": login.password});
        let request = self.client.post(format!("{}/api/auth/login", self.site));
        let response = request.send_json(&credentials).await.map_err(|error| format!("sign-in: {error}"))?;
        let cookie = response.headers().get("set-cookie").and_then(|value| value.to_str().ok()?.split(';').next());
        cookie.map(str::to_owned).ok_or_else(|| format!("sign-in: status {}", response.status()))
    }

    /// The scripted provider has another port in every run.
    async fn point_channels_at(&self, provider: &str, session: &str) -> Told<()> {
        let channels = self.call(Method::GET, "/api/channels", Some(session), &Value::Null).await?;
        for channel in channels.get("rows").and_then(Value::as_array).into_iter().flatten() {
            let is_ours = channel.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("Scripted"));
            if let Some(id) = channel.get("id").filter(|_| is_ours) {
                // A stored key stays with its host, so that a new one needs it again.
                let there = json!({"baseUrl": provider, "apiKey": PROVIDER_KEY});
                self.call(Method::PATCH, &format!("/api/channels/{id}"), Some(session), &there).await?;
            }
        }
        Ok(())
    }

    /// One streamed request, as an SDK would send it. Answers the text and the gateway's request id.
    async fn ask(&self, key: &str) -> Told<(String, String)> {
        let body = json!({
            "model": MODEL, "max_tokens": 128, "stream": true,
            "messages": [{"role": "user", "content": "Say hello."}]
        });
        let request = self.client.post(format!("{}/v1/messages", self.site));
        let request = request.insert_header(("x-api-key", key)).insert_header(("anthropic-version", "2023-06-01"));
        let mut response = request.send_json(&body).await.map_err(|error| format!("the request: {error}"))?;
        let id = response.headers().get("request-id").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let bytes = response.body().await.map_err(|error| format!("the answer: {error}"))?;
        if !response.status().is_success() {
            return Err(format!("the request: {}", String::from_utf8_lossy(&bytes)));
        }
        let frames = Framer::default().feed(bytes).map_err(|error| error.to_string())?;
        let deltas = frames.iter().filter_map(|frame| serde_json::from_slice::<Value>(frame.data.as_deref()?).ok());
        Ok((deltas.filter_map(|event| event["delta"]["text"].as_str().map(str::to_owned)).collect(), id))
    }

    /// The request's row in the log.
    async fn bill(&self, session: &str, request_id: &str) -> Told<Value> {
        for _ in 0..LOOKS {
            let found = self.call(Method::GET, &format!("/api/logs?query={request_id}"), Some(session), &Value::Null).await?;
            if let Some(row) = found.get("rows").and_then(|rows| rows.get(0)) {
                return Ok(row.clone());
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Err("the request's row did not appear in the log".to_owned())
    }

    /// One call of the JSON door.
    async fn call(&self, method: Method, path: &str, session: Option<&str>, body: &Value) -> Told<Value> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.site));
        if let Some(session) = session {
            request = request.insert_header(("cookie", session));
        }
        let sent = if body.is_null() { request.send().await } else { request.send_json(body).await };
        let mut response = sent.map_err(|error| format!("{method} {path}: {error}"))?;
        let bytes = response.body().await.map_err(|error| format!("{method} {path}: {error}"))?;
        if !response.status().is_success() {
            return Err(format!("{method} {path}: {}", String::from_utf8_lossy(&bytes)));
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

fn login(account: &str) -> Told<Login> {
    let password = crate::secrets::random_base62(16).map_err(|error| error.to_string())?;
    Ok(Login { account: account.to_owned(), password })
}

fn read_kept(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn write_kept(path: &Path, kept: &Kept) -> Told<()> {
    let text = serde_json::to_string_pretty(kept).map_err(|error| error.to_string())?;
    let file = files::open(path, OpenOptions::new().write(true).create(true).truncate(true));
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| format!("{}: {error}", path.display()))
}
