//! What happens in a page while one looks at it.

use serde_json::Value;

use crate::browser::Browser;
use crate::world::World;

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
    assert_eq!(
        browser.run("return document.querySelector('dialog[open] [name=name]').value").await,
        "laptop",
        "the drawer stays"
    );
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

#[actix_web::test]
async fn a_list_is_busy_while_the_page_that_replaces_it_is_on_its_way() {
    let (world, browser) = (World::start(), Browser::open().await);
    world.sign_in(&browser, &world.user).await;
    world.show(&browser, "/console/logs", "en", "light").await;
    // After the page's own listeners: nothing leads anywhere.
    browser.run("for (const kind of ['click', 'submit']) addEventListener(kind, (event) => event.preventDefault())").await;
    for act in ["querySelector('#list th a').click()", "querySelector('[data-filters]').requestSubmit()"] {
        assert_eq!(browser.run("return document.getElementById('list').ariaBusy").await, Value::Null, "{act}");
        browser.run(&format!("document.{act}")).await;
        assert_eq!(browser.run("return document.getElementById('list').ariaBusy").await, "true", "{act}");
        browser.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await;
    }
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.close().await;
}
