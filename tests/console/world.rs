//! A running gateway with an admin, a user and one request in the log: the binary's own demo.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::books::Books;
use crate::browser::Browser;
use crate::visitor::Visitor;

/// Longest wait for a request's row in the log, in looks.
const LOOKS: usize = 400;
/// What the process says is wrong, beside its data.
const COMPLAINTS: &str = "complaints";
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// Somebody who can sign in.
#[derive(Clone, Debug)]
pub struct Login {
    pub account: String,
    pub password: String,
}

pub struct World {
    pub site: String,
    pub key: String,
    pub admin: Login,
    pub user: Login,
    process: Child,
    data: tempfile::TempDir,
}

/// What came of a request through `/v1`.
#[derive(Clone, Debug)]
pub struct Relayed {
    pub status: u16,
    pub request_id: String,
}

impl World {
    pub fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_api-proxy"))
            .arg("demo")
            .env("DATA_DIR", data.path())
            .env("PORT", "0")
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(fs::File::create(data.path().join(COMPLAINTS)).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.take_while(|line| !line.starts_with("Stop with")).collect();
        let after = |start: &str| {
            let found = said.iter().find_map(|line| line.strip_prefix(start));
            let said = || panic!("the demo did not start: {}", fs::read_to_string(data.path().join(COMPLAINTS)).unwrap());
            found.unwrap_or_else(said).trim().to_owned()
        };
        let mut logins = said.iter().filter_map(|line| line.trim().strip_prefix("sign in as ")?.split_once(" with password "));
        let mut login = || logins.next().map(|(account, password)| Login { account: account.into(), password: password.into() });
        Self {
            site: after("Console").trim_end_matches("/sign-in").to_owned(),
            key: after("Key"),
            admin: login().unwrap(),
            user: login().unwrap(),
            process,
            data,
        }
    }

    /// Somebody whom nobody knows.
    pub fn stranger(&self) -> Visitor {
        Visitor::stranger(&self.site)
    }

    pub async fn admin(&self) -> Visitor {
        Visitor::signed_in(&self.site, &self.admin).await
    }

    pub async fn user(&self) -> Visitor {
        Visitor::signed_in(&self.site, &self.user).await
    }

    /// A user beside the demo's, with $3 and without a key.
    pub async fn other_user(&self) -> Visitor {
        let login = Login { account: "other".to_owned(), password: "another long password".to_owned() };
        self.add_user(&login, "3").await;
        Visitor::signed_in(&self.site, &login).await
    }

    /// Makes an account with some money; its id.
    pub async fn add_user(&self, login: &Login, usd: &str) -> i64 {
        let admin = self.admin().await;
        let Login { account, password } = login;
        let wish = json!({ "username": account, "email": format!("{account}@example.com"), "password": password });
        let id = admin.api(Method::POST, "/api/users", wish).await["id"].as_i64().unwrap();
        let money = json!({ "adjustUsd": serde_json::from_str::<Value>(usd).unwrap(), "reason": "test" });
        admin.api(Method::PATCH, &format!("/api/users/{id}/quota"), money).await;
        id
    }

    /// What the gateway found wrong with itself.
    pub fn errors(&self) -> Vec<String> {
        fs::read_to_string(self.data.path().join(COMPLAINTS)).unwrap().lines().map(str::to_owned).collect()
    }

    /// What is there, by SQL.
    pub fn books(&self) -> Books {
        Books::of(self.data.path())
    }

    /// Changes what is there, behind the gateway's back.
    pub async fn alter(&self, sql: &str) {
        self.books().alter(sql).await;
    }

    /// Where the scripted provider is, for channels of one's own.
    pub async fn provider(&self) -> String {
        let channels = self.admin().await.api(Method::GET, "/api/channels", Value::Null).await;
        channels["rows"][0]["baseUrl"].as_str().unwrap().to_owned()
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

impl Drop for World {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _gone_already = self.process.wait();
    }
}
