//! A gateway with everything the cases need: channels, models, people with and without money, keys with limits.
//! All of it is set up through the JSON API, as an admin would.

use std::path::PathBuf;
use std::process::{Command, Output};

use api_proxy::app::Running;
use api_proxy::mock_upstream::MockUpstream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::embedded::{self, Admin};

/// Money of those who have enough.
const PLENTY: u32 = 100;

/// A gateway, its provider and its admin.
pub struct World {
    gateway: Running,
    provider: MockUpstream,
    admin: Admin,
    _dir: tempfile::TempDir,
}

impl World {
    /// Everything set up; `settings` come last.
    pub async fn start(settings: Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let provider = MockUpstream::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        let gateway = embedded::gateway(dir.path()).await;
        let admin = Admin::registers(&gateway).await;
        let world = Self { gateway, provider, admin, _dir: dir };
        world
            .settings(json!({
                "circuitEnabled": false, "proxyMaxRetries": 0, "concurrencyWaitSec": 0.2, "maxRequestBytes": 100_000
            }))
            .await;
        world.channels().await;
        world.people().await;
        world.settings(settings).await;
        world
    }

    /// Runs one case of a script; its output is the failure.
    pub async fn runs(self, script: &'static str, case: &'static str) {
        let url = self.admin.url.clone();
        let output = actix_web::rt::task::spawn_blocking(move || python(script, case, &url)).await.unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script} {case}: {}\n{told}", output.status);
        self.provider.script().clear();
        assert!(self.gateway.stop().await, "requests or receipts were left over");
    }

    async fn settings(&self, settings: Value) {
        self.admin.call(Method::PATCH, "/api/settings", settings).await;
    }

    /// One live channel per vendor, and one that is switched off.
    async fn channels(&self) {
        for (family, models) in [("claude", vec!["claude-sonnet-4-5"]), ("openai", vec!["gpt-5-mini", "text-embedding-3-small"])]
        {
            let mut served: Vec<String> = models.iter().map(ToString::to_string).collect();
            for (state, is_enabled, is_priced) in [("disabled", false, true), ("unpriced", true, false), ("asleep", true, true)] {
                let name = format!("{family}-{state}");
                self.admin.adds_model(family, &name, is_enabled, is_priced).await;
                if state != "asleep" {
                    served.push(name);
                }
            }
            for model in models {
                self.admin.adds_model(family, model, true, true).await;
            }
            self.channel(json!({"name": family, "type": family, "models": served})).await;
            let asleep = [format!("{family}-asleep")];
            self.channel(json!({"name": format!("{family} asleep"), "type": family, "models": asleep, "enabled": false})).await;
        }
    }

    async fn channel(&self, mut channel: Value) {
        channel["baseUrl"] = self.provider.base_url().into();
        channel["apiKey"] = "sk-provider".into();
        self.admin.call(Method::POST, "/api/channels", channel).await;
    }

    /// The keys that the scripts know by name.
    async fn people(&self) {
        let rich = self.user("rich", json!(PLENTY), "active").await;
        let friend = self.user("friend", json!(PLENTY), "active").await;
        let broke = self.user("broke", json!(0), "active").await;
        let nearly_broke = self.user("nearlybroke", json!(0.000_000_001), "active").await;
        let inactive = self.user("inactive", json!(PLENTY), "disabled").await;
        let keys = [
            (&rich, "rich", json!({})),
            (&friend, "friend", json!({})),
            (&broke, "broke", json!({})),
            (&nearly_broke, "nearlybroke", json!({})),
            (&inactive, "inactive", json!({})),
            (&rich, "budget", json!({"budgetUsd": 0.000_1})),
            (&rich, "disabled", json!({"status": "disabled"})),
            (&rich, "expired", json!({"expiresAt": 1})),
            (&rich, "elsewhere", json!({"allowedIps": ["192.0.2.0/24"]})),
            (&rich, "othermodels", json!({"models": ["another-model"]})),
            (&rich, "openai-only", json!({"channelScope": "openai"})),
            (&rich, "claude-only", json!({"channelScope": "claude"})),
            (&rich, "onerequest", json!({"rateLimitRpm": 1})),
            (&rich, "tentokens", json!({"rateLimitTpm": 10})),
            (&rich, "oneslot", json!({"maxConcurrency": 1})),
            (&rich, "onetokenaday", json!({"quota": 1})),
        ];
        for (owner, name, mut key) in keys {
            key["userId"] = owner.clone();
            key["name"] = name.into();
            key["key"] = format!("sk-sdk-test-{name}-0123456789abcdef").into();
            self.admin.call(Method::POST, "/api/keys", key).await;
        }
    }

    async fn user(&self, name: &str, money: Value, status: &str) -> Value {
        let account = json!({"username": format!("user-{name}"), "email": format!("{name}@example.com"),
            "password": "correct horse battery", "status": status});
        let id = self.admin.call(Method::POST, "/api/users", account).await["id"].clone();
        if money != json!(0) {
            let change = json!({"adjustUsd": money, "reason": "test"});
            self.admin.call(Method::PATCH, &format!("/api/users/{id}/quota"), change).await;
        }
        id
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sdk")
}

/// Runs a case with an environment of its own: no proxies, no keys of the person at the terminal.
fn python(script: &str, case: &str, url: &str) -> Output {
    let python = std::env::var_os("SDK_PYTHON");
    let python = python.expect("SDK_PYTHON names no Python with the SDKs: run scripts/test, which installs them");
    let mut command = Command::new(python);
    command
        .current_dir(folder())
        .args(["-B", "-W", "ignore::DeprecationWarning", script, case])
        .env_clear()
        .env("GATEWAY_URL", url)
        .env("PYTHONUNBUFFERED", "1");
    command.output().expect("SDK_PYTHON cannot be run: run scripts/test, which installs it")
}

/// The names of the functions marked `@case`, in their order.
pub fn cases_of(script: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder().join(script)).unwrap();
    let marked = text.split("@case\ndef ").skip(1);
    marked.map(|rest| rest.split('(').next().unwrap_or_default().to_owned()).collect()
}
