//! One form of each kind in a browser that runs no scripts: what opens as a sheet is a page, menus and boxes are the
//! browser's own, files are chosen, and a page that told a secret is loaded again.

use std::io::Write as _;

use fantoccini::Locator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::world::{Login, World};

struct Unscripted {
    world: World,
    browser: Browser,
}

impl Unscripted {
    async fn start() -> Self {
        let (world, browser) = (World::start(), Browser::open().await);
        browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
        Self { world, browser }
    }

    async fn go(&self, path: &str) {
        self.browser.page.goto(&format!("{}{path}", self.world.site)).await.unwrap();
    }

    async fn press(&self, selector: &str) {
        let found = self.browser.page.find(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}")).click().await.unwrap();
    }

    /// Presses what leads to another page, and waits until that is there.
    async fn is_led_to(&self, selector: &str, path: &str) {
        self.press(selector).await;
        let address = url::Url::parse(&format!("{}{path}", self.world.site)).unwrap();
        self.browser
            .page
            .wait()
            .for_url(&address)
            .await
            .unwrap_or_else(|error| panic!("{selector} does not lead to {path}: {error}"));
    }

    async fn types(&self, fields: &[(&str, &str)]) {
        for (name, text) in fields {
            let field = self.browser.page.find(Locator::Css(&format!("main [name='{name}']:not([type=hidden])"))).await.unwrap();
            if field.tag_name().await.unwrap() == "select" {
                field.select_by_value(text).await.unwrap();
                continue;
            }
            if field.attr("type").await.unwrap().as_deref() != Some("file") {
                field.clear().await.unwrap();
            }
            field.send_keys(text).await.unwrap();
        }
    }

    /// What a field of the page holds.
    async fn value(&self, selector: &str) -> String {
        let found = self.browser.page.wait().for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}")).prop("value").await.unwrap().unwrap()
    }

    async fn number(&self, sql: &str) -> i64 {
        self.world.books().number(sql).await
    }

    async fn signs_in(&self, login: &Login) {
        self.go("/sign-in").await;
        self.types(&[("account", &login.account), ("password", &login.password)]).await;
        self.is_led_to("form.panel [type=submit]", "/console").await;
    }

    async fn makes_a_card_that_is_not_made_again_when_the_page_is_loaded_again(&self) {
        self.go("/admin/gift-cards").await;
        self.is_led_to("a[href='/admin/gift-cards/new']", "/admin/gift-cards/new").await;
        self.types(&[("amountUsd", "much")]).await;
        self.is_led_to("form.panel [type=submit]", "/admin/gift-cards").await;
        assert_eq!(self.value("[name=amountUsd][aria-invalid=true]").await, "much");
        self.types(&[("amountUsd", "5")]).await;
        self.press("form.panel [type=submit]").await;
        let code = self.value("#codes").await;
        let copies = self.browser.page.find_all(Locator::Css("button[data-copy]:not([hidden])")).await.unwrap();
        assert!(copies.is_empty(), "a script ran");
        self.browser.page.refresh().await.unwrap();
        assert_eq!(self.value("#codes").await, code, "whoever loads the page again sees the same card");
        assert_eq!(self.number("SELECT count(*) FROM gift_cards").await, 1);
    }

    async fn acts_on_several_and_answers_a_question(&self) {
        self.go("/admin/models").await;
        for row in [1, 2] {
            self.press(&format!("table.picks tbody tr:nth-child({row}) td.pick input")).await;
        }
        self.is_led_to("button[form=several][value=disable]", "/admin/models?done=disabled.2").await;
        assert_eq!(self.number("SELECT count(*) FROM catalogue_models WHERE NOT enabled").await, 2);
        self.press("tbody tr:first-child [popovertarget]").await;
        let first = self.number("SELECT id FROM catalogue_models ORDER BY model LIMIT 1").await;
        self.is_led_to("tbody tr:first-child .pop a.danger", &format!("/admin/models/{first}/remove")).await;
        self.press("form.question [type=submit]").await;
        self.browser.page.wait().for_element(Locator::Css(".toast")).await.unwrap();
        assert_eq!(self.number(&format!("SELECT count(*) FROM catalogue_models WHERE id = {first}")).await, 0);
    }

    async fn makes_a_mapping_for_the_channels_it_ticks(&self) {
        self.go("/admin/mappings/new").await;
        self.types(&[
            ("provider", "openai"),
            ("inboundModels", "gpt-9"),
            ("upstreamModel", "claude-haiku-4-5"),
            ("targetProvider", "claude"),
        ])
        .await;
        let channel = self.number("SELECT id FROM channels WHERE name = 'Scripted Claude'").await;
        self.press(&format!("[name=channelIds][value='{channel}']")).await;
        self.is_led_to("form.panel [type=submit]", "/admin/mappings?done=added.1").await;
        assert_eq!(self.number(&format!("SELECT count(*) FROM model_mapping_channels WHERE channel_id = {channel}")).await, 1);
    }

    async fn changes_settings_by_typing_and_by_a_switch(&self) {
        self.go("/admin/settings").await;
        self.types(&[("siteName", "Without scripts")]).await;
        self.press("#f-maintenanceMode").await;
        self.is_led_to("#group-site footer button", "/admin/settings?done=saved#group-site").await;
        let settings = self.world.admin().await.api(Method::GET, "/api/settings", Value::Null).await;
        assert_eq!((&settings["siteName"], &settings["maintenanceMode"]), (&json!("Without scripts"), &json!(true)));
    }

    async fn imports_a_file_after_a_look(&self) {
        let mut file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        file.write_all(br#"{"version":1,"settings":{"siteName":"Imported"}}"#).unwrap();
        self.go("/admin/data").await;
        self.types(&[("configFile", file.path().to_str().unwrap())]).await;
        self.is_led_to("form[action='/admin/data/config'] button", "/admin/data/config").await;
        self.is_led_to("form[action='/admin/data/config/import'] button", "/admin/data/config/import").await;
        let settings = self.world.admin().await.api(Method::GET, "/api/settings", Value::Null).await;
        assert_eq!(settings["siteName"], "Imported");
    }
}

#[actix_web::test]
async fn forms_of_every_kind_work_in_a_browser_without_scripts() {
    let unscripted = Unscripted::start().await;
    unscripted.signs_in(&unscripted.world.admin).await;
    unscripted.makes_a_card_that_is_not_made_again_when_the_page_is_loaded_again().await;
    unscripted.acts_on_several_and_answers_a_question().await;
    unscripted.makes_a_mapping_for_the_channels_it_ticks().await;
    unscripted.changes_settings_by_typing_and_by_a_switch().await;
    unscripted.imports_a_file_after_a_look().await;
    unscripted.browser.close().await;
}
