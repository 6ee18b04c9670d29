//! The way of whoever sets a gateway up and of the first who uses it, in one browser, from the first start on.

use std::net::{Ipv4Addr, SocketAddr};

use api_proxy::mock_upstream::MockUpstream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::gateway::{Database, Gateway};
use crate::visitor::Visitor;
use crate::world::Login;

const MODEL: &str = "claude-haiku-4-5";
/// 1,000 tokens in at $2, 100 out at $10 the million.
const COST: &str = "$0.003000";

struct Walk {
    gateway: Gateway,
    browser: Browser,
    provider: MockUpstream,
}

fn login(account: &str) -> Login {
    Login { account: account.to_owned(), password: "correct horse battery".to_owned() }
}

impl Walk {
    async fn go(&self, path: &str) {
        self.browser.page.goto(&format!("{}{path}", self.gateway.site)).await.unwrap();
    }

    async fn is_at(&self, path: &str) {
        self.browser.until(&format!("location.pathname === '{path}' && document.readyState === 'complete'")).await;
    }

    /// Opens the sheet that makes something new, fills it and sends it.
    async fn makes(&self, list: &str, fields: &[(&str, &str)]) {
        self.go(list).await;
        self.browser.press(&format!(".head a[href='{list}/new']")).await;
        self.browser.until("document.querySelector('dialog[open] form')").await;
        self.browser.fill(fields).await;
        self.browser.press("dialog[open] footer .primary").await;
        // Away, or what is shown once in its place.
        self.browser.until("!document.querySelector('dialog[open] form') && document.readyState === 'complete'").await;
        self.is_at(list).await;
    }

    async fn registers(&self, login: &Login) {
        self.go("/register").await;
        let email = format!("{}@example.com", login.account);
        self.browser.fill(&[("username", &login.account), ("email", &email), ("password", &login.password)]).await;
        self.browser.press("main form [type=submit]").await;
        self.is_at("/console").await;
    }

    /// Makes a key on the page and reads it where it is shown once.
    async fn key(&self, name: &str) -> String {
        self.makes("/console/keys", &[("name", name)]).await;
        self.browser.run("return document.getElementById('secret').value").await.as_str().unwrap().to_owned()
    }

    /// Reads cards where they are shown once.
    async fn card(&self, usd: &str) -> String {
        self.makes("/admin/gift-cards", &[("amountUsd", usd), ("count", "1")]).await;
        let code = self.browser.run("return document.getElementById('codes').value").await.as_str().unwrap().trim().to_owned();
        assert!(code.starts_with("GC-") && code.len() == 27, "{code}");
        code
    }

    async fn redeems(&self, code: &str) {
        self.go("/console/redeem").await;
        self.browser.fill(&[("code", code)]).await;
        self.browser.press("form.redeem [type=submit]").await;
    }

    async fn asks(&self, key: &str) {
        let usage = json!({ "usage": { "input": 1_000, "output": 100 } });
        assert_eq!(self.gateway.relays(key, MODEL, usage).await.status, 200);
    }

    /// The newest row comes by itself into the open log, and its detail explains the cost.
    async fn follows_its_request(&self, key: &str) {
        self.browser.until("document.querySelector('[data-live-state]')?.hidden === false").await;
        let before = self.browser.run("return document.querySelectorAll('tbody tr').length").await.as_i64().unwrap();
        self.asks(key).await;
        self.browser.until(&format!("document.querySelectorAll('tbody tr:not(.live)').length === {}", before + 1)).await;
        assert!(self.browser.text("tbody tr").await.ends_with(COST));
        self.browser.press("tbody a.when").await;
        self.browser.until("document.querySelector('dialog[open] .cost tfoot')").await;
        let lines = "[...document.querySelectorAll('dialog .cost tbody td:last-child')]";
        let sum =
            format!("return {lines}.reduce((sum, cell) => sum + Math.round(parseFloat(cell.textContent.slice(1)) * 1e9), 0)");
        assert_eq!(self.browser.run(&sum).await.as_f64(), Some(3_000_000.0), "the lines of the bill add up");
        assert_eq!(self.browser.text("dialog .cost tfoot td:last-child").await.trim_end_matches('0'), COST.trim_end_matches('0'));
    }

    /// Balance and ledger say the same, and what the database says.
    async fn balances(&self, user: &str, nanos: i64) {
        let books = self.gateway.books();
        let kept = books.number(&format!("SELECT quota_nanos - used_nanos FROM users WHERE username = '{user}'")).await;
        let booked =
            format!("SELECT sum(amount_nanos) FROM ledger WHERE user_id = (SELECT id FROM users WHERE username = '{user}')");
        assert_eq!((kept, books.number(&booked).await), (nanos, nanos));
        self.go("/console/balance").await;
        let sum = "return [...document.querySelectorAll('table.ledger tbody td:nth-last-child(2) [title]')].reduce((sum, cell) => sum + Math.round(parseFloat(cell.title) * 1e9), 0)";
        assert_eq!(self.browser.run(sum).await.as_f64(), Some(nanos as f64), "the rows of the ledger add up");
        let last = "return Math.round(parseFloat(document.querySelector('table.ledger tbody td:last-child').title) * 1e9)";
        assert_eq!(self.browser.run(last).await.as_f64(), Some(nanos as f64), "the balance after the newest row");
        let shown = self.browser.text("[data-figure=balance]").await;
        let cents = (nanos + 5_000_000) / 10_000_000;
        assert_eq!(shown, format!("${}.{:02}", cents / 100, cents % 100));
    }

    /// What an admin sets up before anybody can ask.
    async fn is_set_up(&self) {
        let provider = self.provider.base_url();
        let channel = [
            ("name", "Upstream of the walk"),
            ("type", "claude"),
            ("baseUrl", provider.as_str()),
            ("apiKey", "sk-of-the-provider"),
        ];
        self.makes("/admin/channels", &channel).await;
        let price = [("provider", "claude"), ("model", MODEL), ("inputPricePerMTok", "2"), ("outputPricePerMTok", "10")];
        self.makes("/admin/prices", &price).await;
        self.makes("/admin/models", &[("provider", "claude"), ("model", MODEL), ("displayName", "Haiku")]).await;
        let list = self.browser.text("tbody").await;
        assert!(list.contains("Haiku") && list.contains("Upstream of the walk"), "{list}");
    }

    /// A user sees nothing of what is the admin's.
    async fn user_sees_only_their_own(&self, user: &Login) {
        let visitor = Visitor::signed_in(&self.gateway.site, user).await;
        for path in ["/console", "/console/keys", "/console/logs", "/console/balance", "/console/redeem", "/console/account"] {
            let page = visitor.get(path).await.shown();
            for hidden in ["/admin", "Upstream of the walk", "root", "key of the root"] {
                assert!(!page.body.contains(hidden), "{page} shows {hidden}");
            }
        }
        for path in ["/admin", "/admin/logs", "/admin/users", "/admin/channels", "/admin/gift-cards"] {
            assert_eq!(visitor.get(path).await.status, 403, "{path}");
        }
        assert_eq!(visitor.asks_api(Method::GET, "/api/channels", Value::Null).await.0, 403);
        let others = self.gateway.books().number("SELECT max(id) FROM request_log WHERE username = 'root'").await;
        assert_eq!(visitor.get(&format!("/console/logs/{others}")).await.status, 404);
    }
}

#[actix_web::test]
async fn a_gateway_is_set_up_used_and_paid_for_in_the_browser() {
    let provider = MockUpstream::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let walk = Walk { gateway: Gateway::fresh(Database::Sqlite).await, browser: Browser::open().await, provider };
    let (root, user) = (login("root"), login("user"));
    walk.browser.resize(1440, 900).await;
    walk.go("/").await;
    walk.is_at("/register").await;
    walk.browser.until("!document.querySelector('[name=setupCode]')").await;
    walk.registers(&root).await;
    assert_eq!(walk.gateway.books().text("SELECT role FROM users").await, "super_admin");
    walk.is_set_up().await;
    let code = walk.card("5").await;
    walk.redeems(&code).await;
    walk.browser.until("document.querySelector('form.redeem [role=status]')").await;
    let key = walk.key("key of the root").await;
    walk.go("/admin/logs").await;
    walk.follows_its_request(&key).await;
    walk.balances("root", 4_997_000_000).await;

    let code = walk.card("2.50").await;
    walk.browser.press(".side-f form[action='/sign-out'] button").await;
    walk.is_at("/sign-in").await;
    walk.registers(&user).await;
    let own = walk.key("key of the user").await;
    let refused = walk.gateway.relays(&own, MODEL, Value::Null).await;
    assert_eq!(refused.status, 402, "nobody spends what they do not have");
    walk.redeems("GC-AAAA-BBBB-CCCC-DDDD-EEEE").await;
    walk.browser.until("document.querySelector('[name=code][aria-invalid=true]')").await;
    walk.redeems(&code).await;
    walk.browser.until("document.querySelector('form.redeem [role=status]')").await;
    walk.redeems(&code).await;
    walk.browser.until("document.querySelector('[name=code][aria-invalid=true]')").await;
    walk.balances("user", 2_500_000_000).await;
    walk.go("/console/logs").await;
    walk.follows_its_request(&own).await;
    walk.balances("user", 2_497_000_000).await;
    walk.user_sees_only_their_own(&user).await;
    assert_eq!(walk.gateway.errors(), Vec::<String>::new());
    walk.browser.close().await;
}
