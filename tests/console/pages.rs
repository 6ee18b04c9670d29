//! Every page in a browser: as stranger, user and admin, in both languages and colours, on a desk and on a phone.

use serde_json::Value;

use crate::browser::Browser;
use crate::world::World;

const OUTSIDE: [&str; 4] = ["/", "/docs", "/sign-in", "/register"];
const OWN: [&str; 5] = ["/console", "/console/keys", "/console/keys/new", "/console/logs", "/console/account"];
const OF_ALL: [&str; 3] = ["/admin", "/admin/logs", "/admin/system"];

/// Opens pages in every language, colour and width; each must be whole, and the browser have nothing to say.
async fn look_at(world: &World, browser: &Browser, pages: &[&str]) {
    for path in pages {
        for (language, tag) in [("en", "en"), ("zh", "zh-CN")] {
            for theme in ["light", "dark"] {
                for width in [1440, 390] {
                    browser.resize(width, 844).await;
                    world.show(browser, path, language, theme).await;
                    let seen = format!("{path} {language} {theme} {width}");
                    assert_eq!(browser.run("return location.pathname").await, *path, "{seen}");
                    assert_eq!(browser.run("return document.documentElement.lang").await, tag, "{seen}");
                    assert_eq!(browser.run("return document.documentElement.dataset.theme").await, theme, "{seen}");
                    let wide = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
                    assert!(wide.as_i64().is_some_and(|pixels| pixels <= 0), "{seen} is {wide} pixels too wide");
                    assert_eq!(browser.run("return document.querySelectorAll('h1').length").await, 1, "{seen}");
                    assert_eq!(browser.complaints().await, Vec::<String>::new(), "{seen}");
                }
            }
        }
    }
}

#[actix_web::test]
async fn every_page_is_whole_for_everybody_in_every_language_colour_and_width() {
    let (world, browser) = (World::start(), Browser::open().await);
    browser.page.goto(&format!("{}/sign-in", world.site)).await.unwrap();
    look_at(&world, &browser, &OUTSIDE).await;
    world.sign_in(&browser, &world.user).await;
    look_at(&world, &browser, &OWN).await;
    world.sign_in(&browser, &world.admin).await;
    look_at(&world, &browser, &OWN).await;
    look_at(&world, &browser, &OF_ALL).await;
    browser.close().await;
}

#[actix_web::test]
async fn pages_are_shown_to_whom_they_belong() {
    let world = World::start();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for path in OWN.iter().chain(&OF_ALL) {
        let answer = http.get(format!("{}{path}", world.site)).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{path} to a stranger");
        assert!(answer.headers()["location"].to_str().unwrap().starts_with("/sign-in"), "{path}");
    }
    let session = |login: &crate::world::Login| {
        let form = format!("account={}&password={}", login.account, login.password);
        let sent = http
            .post(format!("{}/sign-in", world.site))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send();
        async { sent.await.unwrap().headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned() }
    };
    let user = session(&world.user).await;
    for path in OF_ALL {
        let answer = http.get(format!("{}{path}", world.site)).header("cookie", &user).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{path} to a user");
    }
    for path in ["/console", "/console/logs", "/console/keys"] {
        let page = http.get(format!("{}{path}", world.site)).header("cookie", &user).send().await.unwrap();
        let page = page.text().await.unwrap();
        assert!(!page.contains("/admin") && !page.contains("Scripted"), "{path} shows a user what is the admin's");
        assert!(!page.contains(&world.key), "{path} shows a whole key");
    }
    let foreign =
        http.post(format!("{}/console/keys", world.site)).header("cookie", &user).header("origin", "https://evil.example");
    assert_eq!(foreign.body("name=x").send().await.unwrap().status(), 403);
}

#[actix_web::test]
async fn a_key_is_made_shown_once_used_and_its_request_appears_live() {
    let (world, browser) = (World::start(), Browser::open().await);
    world.sign_in(&browser, &world.user).await;
    world.show(&browser, "/console/keys", "en", "light").await;
    browser.run("document.querySelector('.head [data-sheet]').click()").await;
    browser.until("document.querySelector('dialog[open] [name=name]')").await;
    browser.run("const form = document.querySelector('dialog form'); form.elements.budgetUsd.value = 'much'; form.elements.name.value = 'laptop'; form.requestSubmit()").await;
    browser.until("document.querySelector('[aria-invalid=true]')").await;
    assert_eq!(browser.run("return document.querySelector('[aria-invalid=true]').name").await, "budgetUsd");
    assert_eq!(browser.run("return document.querySelector('[name=name]').value").await, "laptop");
    let refused = browser.complaints().await;
    assert!(refused.iter().all(|line| line.contains("422")), "{refused:?}");
    browser
        .run("const form = document.querySelector('form.panel'); form.elements.budgetUsd.value = '1'; form.requestSubmit()")
        .await;
    browser.until("document.getElementById('secret')").await;
    let Value::String(key) = browser.run("return document.getElementById('secret').value").await else {
        unreachable!("a field's value is a text")
    };
    assert!(key.starts_with("sk-relay-"));

    world.show(&browser, "/console/keys", "en", "light").await;
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length").await, 2);
    world.show(&browser, "/console/logs?query=laptop", "en", "light").await;
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length").await, 0);
    world.show(&browser, "/console/logs", "en", "light").await;
    browser.until("!document.querySelector('[data-live-state]').hidden").await;
    let asked = serde_json::json!({
        "model": "claude-haiku-4-5", "max_tokens": 64, "stream": true, "messages": [{ "role": "user", "content": "hello" }],
    });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.post(format!("{}/v1/messages", world.site)).header("x-api-key", &key).json(&asked).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap();
    browser.until("[...document.querySelectorAll('tbody tr:not(.live)')].some(row => row.textContent.includes('laptop'))").await;
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length").await, 2);

    // The row is live before it is booked; until then there is no detail to open.
    browser.until("(await fetch(document.querySelector('tbody a').href, { method: 'GET' })).ok").await;
    browser.complaints().await;
    browser.run("document.querySelector('tbody a').click()").await;
    browser.until("document.querySelector('dialog .cost tfoot')").await;
    let amounts = "[...document.querySelectorAll('dialog .cost tbody td:last-child')].reduce((sum, cell) => sum + Math.round(parseFloat(cell.textContent.slice(1)) * 1e9), 0)";
    let total = "Math.round(parseFloat(document.querySelector('dialog .cost tfoot td:last-child').textContent.slice(1)) * 1e9)";
    assert_eq!(browser.run(&format!("return {amounts} === {total}")).await, true, "the lines of the bill add up");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}
