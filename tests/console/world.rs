//! A running gateway with an admin, a user and one request in the log: the binary's own demo.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::browser::Browser;

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
    _data: tempfile::TempDir,
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
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.take_while(|line| !line.starts_with("Stop with")).collect();
        let after = |start: &str| said.iter().find_map(|line| line.strip_prefix(start)).unwrap().trim().to_owned();
        let mut logins = said.iter().filter_map(|line| line.trim().strip_prefix("sign in as ")?.split_once(" with password "));
        let mut login = || logins.next().map(|(account, password)| Login { account: account.into(), password: password.into() });
        Self {
            site: after("Console").trim_end_matches("/sign-in").to_owned(),
            key: after("Key"),
            admin: login().unwrap(),
            user: login().unwrap(),
            process,
            _data: data,
        }
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
