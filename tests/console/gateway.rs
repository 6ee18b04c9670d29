//! A running gateway: the binary, with its data in a directory of its own.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::books::Books;
use crate::browser::Browser;
use crate::visitor::Visitor;
use crate::world::Login;

/// Longest wait for something that has to happen, in looks.
const LOOKS: usize = 1_200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);
/// What the process says of itself, beside its data.
const SAID: &str = "said";

/// Where a gateway keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    /// One of its own, at the server of `TEST_POSTGRES_URL`.
    Postgres,
}

pub struct Gateway {
    pub site: String,
    pub process: Child,
    database: String,
    data: tempfile::TempDir,
}

/// What came of a request through `/v1`.
#[derive(Clone, Debug)]
pub struct Relayed {
    pub status: u16,
    pub request_id: String,
}

impl Gateway {
    /// As it is after installing: nobody has an account.
    pub async fn fresh(database: Database) -> Self {
        Self::serving(database, &[]).await
    }

    /// As it is after installing, where the first account needs this code.
    pub async fn guarded(setup_code: &str) -> Self {
        Self::serving(Database::Sqlite, &[("SETUP_CODE", setup_code)]).await
    }

    /// With the console as a build without npm has it.
    pub async fn without_npm() -> Self {
        Self::serving(Database::Sqlite, &[("CONSOLE_WITHOUT_NPM", "1")]).await
    }

    async fn serving(database: Database, set: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let database = match database {
            Database::Sqlite => format!("sqlite://{}", data.path().join("api-proxy.db").display()),
            Database::Postgres => empty_database().await,
        };
        let mut gateway = Self::run("serve", "error,api_proxy::cli::serve=info", Stdio::null(), (data, database), set);
        for _ in 0..LOOKS {
            if let Some((_, address)) = gateway.said().split_once("address=") {
                gateway.site = format!("http://{}", address.split_whitespace().next().unwrap());
                return gateway;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        panic!("the gateway did not start: {}", gateway.said())
    }

    /// As `demo` sets it up, with these variables; its standard output is not read yet.
    pub fn demo(set: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", data.path().join("demo/api-proxy.db").display());
        Self::run("demo", "error", Stdio::piped(), (data, database), set)
    }

    /// Runs a command of the binary.
    fn run(
        command: &str,
        tells: &str,
        stdout: Stdio,
        (data, database): (tempfile::TempDir, String),
        set: &[(&str, &str)],
    ) -> Self {
        let secret = "of no secret, yet long enough for one";
        let process = Command::new(env!("CARGO_BIN_EXE_api-proxy"))
            .arg(command)
            .envs([("PORT", "0"), ("METRICS_LISTEN", "off"), ("RUST_LOG", tells), ("NO_COLOR", "1"), ("APP_SECRET", secret)])
            .env("DATA_DIR", data.path())
            .env("DATABASE_URL", &database)
            .envs(set.iter().copied())
            .stdout(stdout)
            .stderr(fs::File::create(data.path().join(SAID)).unwrap())
            .spawn()
            .unwrap();
        Self { site: String::new(), process, database, data }
    }

    /// What it said of itself.
    pub fn said(&self) -> String {
        fs::read_to_string(self.data.path().join(SAID)).unwrap()
    }

    /// What the gateway found wrong with itself.
    pub fn errors(&self) -> Vec<String> {
        self.said().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect()
    }

    /// The address of its database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// What is there, by SQL.
    pub fn books(&self) -> Books {
        Books::of(&self.database)
    }

    /// Changes what is there, behind the gateway's back.
    pub async fn alter(&self, sql: &str) {
        self.books().alter(sql).await;
    }

    /// Somebody whom nobody knows.
    pub fn stranger(&self) -> Visitor {
        Visitor::stranger(&self.site)
    }

    /// One request through `/v1/messages`, whole; `mock` tells the scripted provider what to do, null = as it likes.
    /// Returns when it is in the log.
    pub async fn relays(&self, key: &str, model: &str, mock: Value) -> Relayed {
        let mut asked = json!({ "model": model, "max_tokens": 64, "messages": [{ "role": "user", "content": "hello" }] });
        if !mock.is_null() {
            asked["x_mock"] = mock;
        }
        let request = self.stranger().request(Method::POST, "/v1/messages").header("x-api-key", key);
        let answer = request.json(&asked).send().await.unwrap();
        let status = answer.status().as_u16();
        let request_id = answer.headers()["request-id"].to_str().unwrap().to_owned();
        answer.text().await.unwrap();
        self.is_booked(&request_id).await;
        Relayed { status, request_id }
    }

    async fn is_booked(&self, request_id: &str) {
        let (books, row) = (self.books(), format!("SELECT count(*) FROM request_log WHERE request_id = '{request_id}'"));
        for _ in 0..LOOKS {
            if books.number(&row).await == 1 {
                return;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        panic!("{request_id} never came into the log")
    }

    /// Opens a page with this language and these colours.
    pub async fn show(&self, browser: &Browser, path: &str, language: &str, theme: &str) {
        browser.run(&format!("document.cookie = 'language={language};path=/'; document.cookie = 'theme={theme};path=/'")).await;
        browser.page.goto(&format!("{}{path}", self.site)).await.unwrap();
    }

    /// Signs in through the form, as a person would.
    pub async fn sign_in(&self, browser: &Browser, login: &Login) {
        browser.page.delete_all_cookies().await.unwrap();
        browser.page.goto(&format!("{}/sign-in", self.site)).await.unwrap();
        let field = |name: &str| format!("[name={name}]");
        for (name, text) in [("account", &login.account), ("password", &login.password)] {
            browser.page.find(fantoccini::Locator::Css(&field(name))).await.unwrap().send_keys(text).await.unwrap();
        }
        browser.page.find(fantoccini::Locator::Css("form.panel [type=submit]")).await.unwrap().click().await.unwrap();
        browser.until("location.pathname === '/console'").await;
    }
}

/// A database of its own on the tests' server.
async fn empty_database() -> String {
    let server = std::env::var_os("TEST_POSTGRES_URL").and_then(|url| url.into_string().ok());
    let server =
        server.unwrap_or_else(|| panic!("no TEST_POSTGRES_URL: run scripts/test, which starts a PostgreSQL for the tests"));
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let name = format!("c{}", u64::from_ne_bytes(random));
    let mut admin = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    format!("{server}/{name}")
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _gone_already = self.process.wait();
    }
}
