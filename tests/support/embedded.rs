//! A gateway on the embedded database, and its admin, who sets everything up through the JSON API.

use std::path::Path;
use std::sync::Arc;

use actors::ports::NoFaults;
use api_proxy::app::{self, Running};
use api_proxy::config::Config;
use reqwest::Method;
use serde_json::{Value, json};

/// A gateway on a port of its own, with its data in `dir`.
pub async fn gateway(dir: &Path) -> Running {
    let data_dir = dir.to_string_lossy().into_owned();
    let variables = [("DATA_DIR", data_dir.as_str()), ("PORT", "0"), ("WORKERS", "1"), ("METRICS_LISTEN", "off")];
    let config = Config::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
    app::start(config.unwrap(), Arc::new(NoFaults)).await.unwrap()
}

/// The first user of a gateway.
pub struct Admin {
    pub url: String,
    http: reqwest::Client,
    cookie: String,
}

impl Admin {
    /// Registers at the gateway.
    pub async fn registers(gateway: &Running) -> Self {
        let url = format!("http://{}", gateway.listening);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let account = json!({"username": "root", "email": "root@example.com", "password": "correct horse battery"});
        let reply = http.post(format!("{url}/api/auth/register")).json(&account).send().await.unwrap();
        let cookie = reply.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { url, http, cookie }
    }

    /// Calls the JSON API, which must agree; its answer.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.url)).header("cookie", &self.cookie);
        let reply = request.json(&body).send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Adds a model to the catalogue, and perhaps its price.
    pub async fn adds_model(&self, provider: &str, model: &str, is_enabled: bool, is_priced: bool) {
        let row = json!({"provider": provider, "model": model, "displayName": model, "enabled": is_enabled});
        self.call(Method::POST, "/api/models", row).await;
        if is_priced {
            let price = json!({"provider": provider, "model": model, "inputPricePerMTok": 3, "outputPricePerMTok": 15,
                "cacheReadPricePerMTok": 1, "cacheCreationPricePerMTok": 4});
            self.call(Method::POST, "/api/model-prices", price).await;
        }
    }
}
