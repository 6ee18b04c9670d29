//! The same in a browser, with what scripts make of the pages.

use serde_json::{Value, json};

use super::overview::EVERY;
use super::range::custom;
use super::{Reader, ZONE};
use crate::browser::Browser;
use crate::gateway::Database;
use crate::page::Page;
use crate::pages::Role;
use crate::seed;
use crate::world::World;

/// When a page is as its reader sees it: its scripts have run, and its charts are drawn.
const SETTLED: &str = "document.readyState === 'complete' && document.querySelector('#main') \
    && [...document.querySelectorAll('[data-chart]')].every((chart) => chart.querySelector('canvas'))";
/// Points at the middle of what a chart shows.
const POINT: &str = "const over = document.querySelector('[aria-labelledby=chart-cost] .u-over'); \
    const box = over.getBoundingClientRect(); const at = { clientX: box.left + box.width / 2, clientY: box.top + 20, bubbles: true }; \
    over.dispatchEvent(new MouseEvent('mouseenter', at)); over.dispatchEvent(new MouseEvent('mousemove', at));";
/// What the chart says of the point, and what it draws there.
const POINTED: &str = "const box = document.querySelector('[aria-labelledby=chart-cost] [data-chart]'); \
    const at = box.plot.cursor.idx; const spec = JSON.parse(box.querySelector('script').textContent); \
    return { said: [...box.querySelectorAll('.tip b')].map((one) => one.textContent), y: spec.series.map((one) => one.y[at]), x: spec.x[at], \
      next: spec.x[at + 1] };";

/// The open page with all that scripts did.
async fn as_seen(browser: &Browser, address: &str) -> Page {
    browser.until(SETTLED).await;
    let Value::String(html) = browser.run("return document.documentElement.outerHTML").await else {
        unreachable!("a page is a text")
    };
    Page::new(address, 200, None, None, html)
}

async fn opened(world: &World, browser: &Browser, address: &str) -> Page {
    world.show(browser, address, "en", "light").await;
    as_seen(browser, address).await
}

/// What a chart says of a point is what the log has of its time.
async fn says_what_it_draws(reader: &Reader, browser: &Browser) {
    browser.run(POINT).await;
    browser.until("document.querySelector('[aria-labelledby=chart-cost] .tip b')").await;
    let pointed = browser.run(POINTED).await;
    let (from, to) = (pointed["x"].as_i64().unwrap() * 1_000, pointed["next"].as_i64().unwrap() * 1_000);
    let sums = format!(
        "SELECT coalesce(sum(n), 0), coalesce(sum(cost_nanos), 0) FROM {EVERY} WHERE user_id = {} AND ts >= {from} AND ts < {to}",
        reader.me
    );
    let sums = reader.look("/console", "/console").rows(&sums).await.remove(0);
    let (requests, cost) = (sums.number(0), sums.number(1) as f64 / 1e9);
    assert!(requests > 0, "nothing happened at the point: {pointed}");
    assert_eq!(pointed["y"][1].as_f64(), Some(requests as f64));
    let time = super::format::moment(from, &reader.look("/", "/").zone, "%m-%d");
    let said: Vec<&str> = pointed["said"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!((said[0], said[2]), (time.as_str(), requests.to_string().as_str()));
    let dollars: f64 = said[1].trim_start_matches('$').parse().unwrap();
    assert!((dollars - cost).abs() <= cost * 0.05, "{dollars} beside {cost}");
}

async fn in_a_browser(database: Database) {
    let (world, browser) = (seed::grown_old(database, ZONE).await, Browser::open().await);
    browser.resize(1440, 900).await;
    let mut wrong = Vec::new();
    let (user, admin) = (Reader::new(&world, Role::User).await, Reader::new(&world, Role::Admin).await);
    world.sign_in(&browser, &world.user).await;
    let days = format!("/console?{}", custom());
    for (route, address) in [
        ("/console", "/console"),
        ("/console", "/console?range=7d"),
        ("/console", &days),
        ("/console/balance", "/console/balance"),
    ] {
        wrong.extend(user.wrong_with(route, address, async || opened(&world, &browser, address).await).await);
    }
    opened(&world, &browser, "/console?range=7d").await;
    says_what_it_draws(&user, &browser).await;

    // A row comes into the open log by itself, and with it all that the page says of its rows.
    opened(&world, &browser, "/console/logs").await;
    browser.until("!document.querySelector('[data-live-state]').hidden").await;
    let usage = json!({ "usage": { "input": 4_321, "output": 123, "cacheRead": 77 } });
    world.relays(&world.key, "claude-haiku-4-5", usage).await;
    browser.until("document.querySelector('#list tbody tr:first-child:not(.live)').textContent.includes('4,321')").await;
    // The list ends after a hundred rows; the open page keeps what it had.
    browser.run("for (const row of [...document.querySelectorAll('#list tbody tr')].slice(100)) row.remove();").await;
    let foot = browser.text("[data-foot]").await;
    let all = user.books.number(&format!("SELECT count(*) FROM request_log WHERE user_id = {}", user.me)).await;
    assert_eq!(foot, format!("1–101 of {all}"));
    browser.run("document.querySelector('[data-foot]').textContent = document.querySelector('[data-foot]').textContent.replace('101', '100');").await;
    wrong.extend(user.wrong_with("/console/logs", "/console/logs", async || as_seen(&browser, "/console/logs").await).await);

    world.sign_in(&browser, &world.admin).await;
    let channel = admin.books.number("SELECT id FROM channels WHERE name = 'Scripted Claude'").await;
    let channel = format!("/admin/channels/{channel}");
    for (route, address) in [
        ("/admin", "/admin"),
        ("/admin", "/admin?range=30d"),
        ("/admin/logs", "/admin/logs"),
        ("/admin/channels/{id}", &channel),
        ("/admin/channel-status", "/admin/channel-status"),
    ] {
        wrong.extend(admin.wrong_with(route, address, async || opened(&world, &browser, address).await).await);
    }
    assert!(wrong.is_empty(), "{} figures are wrong or nobody's:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

mod a_browser_shows_what_sql_counts {
    use super::*;

    #[actix_web::test]
    async fn on_sqlite() {
        in_a_browser(Database::Sqlite).await;
    }

    #[actix_web::test]
    async fn on_postgres() {
        in_a_browser(Database::Postgres).await;
    }
}
