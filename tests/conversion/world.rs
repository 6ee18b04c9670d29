//! A gateway with one channel of each kind, all at the strict provider, and one user with money and a key.

use std::process::{Command, Output};

use api_proxy::app::Running;
use reqwest::Method;
use serde_json::json;

use crate::embedded::{self, Admin};
use crate::provider::{Provider, folder, node_modules, python};

/// The user's key.
pub const KEY: &str = "sk-conversion-test-0123456789abcdef0123456789abcdef";

/// The three kinds of channel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Claude,
    Chat,
    Responses,
}

/// Models of makers that want to see again what they attached to an answer.
pub const MAKERS: [&str; 4] = ["deepseek-reasoner", "kimi-k2-thinking", "magistral-medium", "gemini-3-pro"];

/// What each kind serves; no model is served by two.
const SERVED: [(Kind, &[&str]); 3] = [
    (Kind::Claude, &["claude-sonnet-4-5", "claude-opus-4-8"]),
    (Kind::Chat, &["gpt-5-mini", "gpt-4o", "deepseek-reasoner", "kimi-k2-thinking", "magistral-medium", "gemini-3-pro"]),
    (Kind::Responses, &["gpt-5", "gpt-4.1"]),
];

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Chat => "chat",
            Self::Responses => "responses",
        }
    }

    /// The gateway's channel type.
    const fn family(self) -> &'static str {
        if matches!(self, Self::Claude) { "claude" } else { "openai" }
    }

    /// One model that is asked to think, one that is not, one that thinks adaptively.
    const fn models(self) -> [&'static str; 3] {
        match self {
            Self::Claude => ["claude-sonnet-4-5", "claude-sonnet-4-5", "claude-opus-4-8"],
            Self::Chat => ["gpt-5-mini", "gpt-4o", "gpt-5-mini"],
            Self::Responses => ["gpt-5", "gpt-4.1", "gpt-5"],
        }
    }
}

/// The gateway, the provider, the admin, and the kind that is spoken to.
pub struct World {
    pub kind: Kind,
    pub url: String,
    pub provider: Provider,
    gateway: Running,
    admin: Admin,
    _dir: tempfile::TempDir,
}

impl World {
    /// Everything set up through the JSON API, as an admin would.
    pub async fn start(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let provider = actix_web::rt::task::spawn_blocking(Provider::start).await.unwrap();
        let gateway = embedded::gateway(dir.path()).await;
        let admin = Admin::registers(&gateway).await;
        let world = Self { kind, url: admin.url.clone(), provider, gateway, admin, _dir: dir };
        world.admin.call(Method::PATCH, "/api/settings", json!({"circuitEnabled": false, "proxyMaxRetries": 0})).await;
        for (kind, models) in SERVED {
            world.channel(kind, models).await;
        }
        world.person().await;
        world
    }

    /// One channel whose models have a price.
    async fn channel(&self, kind: Kind, models: &[&str]) {
        let mut channel = json!({"name": kind.name(), "type": kind.family(), "models": models,
            "baseUrl": self.provider.url, "apiKey": "sk-provider"});
        if kind != Kind::Claude {
            channel["openAiProtocol"] = if kind == Kind::Chat { "chat_completions" } else { "responses" }.into();
        }
        self.admin.call(Method::POST, "/api/channels", channel).await;
        for model in models {
            self.admin.adds_model(kind.family(), model, true, true).await;
        }
    }

    async fn person(&self) {
        let account =
            json!({"username": "client", "email": "client@example.com", "password": "correct horse battery", "status": "active"});
        let id = self.admin.call(Method::POST, "/api/users", account).await["id"].clone();
        let change = json!({"adjustUsd": 1000, "reason": "test"});
        self.admin.call(Method::PATCH, &format!("/api/users/{id}/quota"), change).await;
        self.admin.call(Method::POST, "/api/keys", json!({"userId": id, "name": "key", "key": KEY})).await;
    }

    /// Leads a model name of one client family to this world's kind, where that does not serve it itself.
    pub async fn leads(&self, family: &str, inbound: &str) {
        let [upstream, ..] = self.kind.models();
        self.leads_to(family, inbound, upstream).await;
    }

    /// Leads a model name of one client family to this model of this world's kind.
    pub async fn leads_to(&self, family: &str, inbound: &str, upstream: &str) {
        let mapping = json!({"provider": family, "targetProvider": self.kind.family(), "inboundModels": [inbound],
            "upstreamModel": upstream, "enabled": true});
        self.admin.call(Method::POST, "/api/model-mappings", mapping).await;
    }

    /// Runs a client's script; its output is the failure.
    pub async fn runs(self, script: &'static str) {
        let command = self.script(script);
        let output = finish(command).await;
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}: {}\n{told}", output.status);
        self.ends().await;
    }

    /// The script with an environment of its own: no proxies, no keys of the person at the terminal.
    fn script(&self, script: &str) -> Command {
        let [thinks, plain, adapts] = self.kind.models();
        let is_node = script.ends_with(".mjs");
        let mut command = if is_node { Command::new("node") } else { Command::new(python()) };
        if !is_node {
            command.args(["-B", "-W", "ignore"]);
        }
        command
            .current_dir(folder())
            .arg(format!("clients/{script}"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GATEWAY_URL", &self.url)
            .env("GATEWAY_KEY", KEY)
            .env("PROVIDER_URL", &self.provider.url)
            .env("CHANNEL_KIND", self.kind.name())
            .env(
                "MODELS",
                json!({"thinks": thinks, "plain": plain, "adapts": adapts, "shows": "deepseek-reasoner", "makers": MAKERS})
                    .to_string(),
            );
        if is_node {
            command.env("SDK_NODE_MODULES", node_modules());
        }
        command
    }

    /// Stops the gateway, which must have nothing left over.
    pub async fn ends(self) {
        assert!(self.gateway.stop().await, "requests or receipts were left over");
    }
}

/// Runs a process to its end without holding up the gateway.
pub async fn finish(mut command: Command) -> Output {
    actix_web::rt::task::spawn_blocking(move || command.output().expect("cannot be run")).await.unwrap()
}
