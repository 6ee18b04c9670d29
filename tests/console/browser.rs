//! Headless Chromium, driven over WebDriver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// Longest wait for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// As the machine's closed network and its superuser need it.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
];

/// A browser of its own, with a fresh profile.
pub struct Browser {
    pub page: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub async fn open() -> Self {
        let mut driver =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let started = said.map(Result::unwrap).find(|line| line.contains("started successfully on port")).unwrap();
        let port = started.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned();
        let profile = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wish = json!({ "goog:chromeOptions": { "args": flags }, "goog:loggingPrefs": { "browser": "ALL" } });
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(wish.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { page, driver, _profile: profile }
    }

    /// Runs a script in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.page.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until a condition is true; it may await.
    pub async fn until(&self, condition: &str) {
        let script = format!(
            "const done = arguments[0]; const look = async () => {{ if ({condition}) done(true); else setTimeout(look, 20); }}; look();"
        );
        let waited = tokio::time::timeout(PATIENCE, self.page.execute_async(&script, Vec::new())).await;
        assert!(waited.is_ok_and(|answer| answer.is_ok()), "never came true: {condition}");
    }

    /// Types into fields of the form in front: the one in the open sheet, or the page's own.
    pub async fn fill(&self, fields: &[(&str, &str)]) {
        for (name, text) in fields {
            let (name, text) = (json!(name), json!(text));
            let script = format!(
                "const form = (document.querySelector('dialog[open]') ?? document.querySelector('main')).querySelector('form[method=post]');
                 const found = form.elements.namedItem({name});
                 const field = found instanceof RadioNodeList ? [...found].find((one) => one.value === {text}) : found;
                 if (field.type === 'radio') field.click(); else {{ field.value = {text}; field.dispatchEvent(new Event('input', {{ bubbles: true }})); }}
                 return field.type === 'radio' || field.value === {text};"
            );
            assert_eq!(self.run(&script).await, true, "{name} takes {text}");
        }
    }

    /// Clicks what a reader sees; nothing may lie over it.
    pub async fn press(&self, selector: &str) {
        self.until(&format!("document.querySelector({})", json!(selector))).await;
        let found = self.page.find(fantoccini::Locator::Css(selector)).await.unwrap();
        found.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// The text of what must be there.
    pub async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({}).textContent", json!(selector));
        self.run(&script).await.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Shows pages at this size, as a phone or a desk would.
    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// A command of the browser's own protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.page.issue_cmd(Extra { path: "goog/cdp/execute", body }).await.unwrap();
    }

    /// What the browser's console said since the last look.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.page.issue_cmd(Extra { path: "se/log", body: json!({ "type": "browser" }) }).await.unwrap();
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub async fn close(self) {
        let Self { page, mut driver, .. } = self;
        page.close().await.unwrap();
        driver.kill().unwrap();
        driver.wait().unwrap();
    }
}

/// A command that the standard does not know.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
