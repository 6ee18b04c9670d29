//! Balances and gift cards: what pages say of money is what the ledger holds.

use reqwest::Method;
use serde_json::{Value, json};

use crate::page::Page;
use crate::visitor::Visitor;
use crate::world::World;

/// Makes cards by the form; their codes, as the page shows them this once.
async fn makes_cards(admin: &Visitor, typed: &[(&str, &str)]) -> Vec<String> {
    let form = admin.get("/admin/gift-cards/new").await.shown();
    let made = admin.submit(&form, "form.panel", typed).await.shown();
    made.text("#codes").split_whitespace().map(str::to_owned).collect()
}

async fn redeems(visitor: &Visitor, code: &str) -> Page {
    let form = visitor.get("/console/redeem").await.shown();
    visitor.submit(&form, "form.redeem", &[("code", code)]).await
}

/// The exact amounts that a page holds, in dollars.
fn exact(page: &Page, selector: &str) -> Vec<f64> {
    page.attributes(selector, "title").iter().map(|amount| amount.parse().unwrap()).collect()
}

/// An amount of the JSON API.
fn usd(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap()
}

#[actix_web::test]
async fn cards_are_made_shown_once_redeemed_once_and_revoked() {
    let world = World::start();
    let (admin, user) = (world.admin().await, world.other_user().await);
    let form = admin.get("/admin/gift-cards/new").await.shown();
    let refused = admin.submit(&form, "form.panel", &[("amountUsd", "much"), ("count", "3")]).await;
    assert_eq!(
        (refused.status, refused.value("amountUsd"), refused.value("count")),
        (422, Some("much".into()), Some("3".into()))
    );
    assert!(refused.problem("amountUsd").unwrap().contains("12.50"), "{refused}");
    let refused = admin.submit(&form, "form.panel", &[("amountUsd", "0")]).await;
    assert!(refused.problem("amountUsd").is_some(), "{refused}");
    let refused = admin.submit(&form, "form.panel", &[("amountUsd", "1"), ("count", "101")]).await;
    assert!(refused.problem("count").unwrap().contains("100"), "{refused}");
    let refused = admin.submit(&form, "form.panel", &[("amountUsd", "1"), ("expiresAt", "2020-01-01T00:00")]).await;
    assert!(refused.problem("expiresAt").is_some(), "{refused}");
    assert_eq!(world.books().number("SELECT count(*) FROM gift_cards").await, 0);

    let codes = makes_cards(&admin, &[("amountUsd", "$12.345678901"), ("count", "3")]).await;
    assert_eq!((codes.len(), world.books().number("SELECT count(*) FROM gift_cards").await), (3, 3));
    let list = admin.get("/admin/gift-cards").await.shown();
    assert!(codes.iter().all(|code| !list.body.contains(code.as_str())), "a list shows a whole code");
    assert_eq!(list.rows().iter().map(|row| row.cell("Status").to_owned()).collect::<Vec<_>>(), ["Unused"; 3]);

    let typed = codes[0].to_lowercase().replace('-', " ");
    let done = redeems(&user, &typed).await;
    assert_eq!((done.status, done.location.as_deref()), (303, Some("/console/redeem?done=redeemed")));
    let done = user.follow("/console/redeem?done=redeemed").await;
    assert!(done.text("form.redeem [role=status]").contains("added $12.35. Your balance is now $15.35."), "{done}");
    assert_eq!(done.text("[data-figure=balance]"), "$15.35");
    for (code, status, says) in [(typed.as_str(), 409, "used"), ("GC-AAAA", 404, "no gift card")] {
        let refused = redeems(&user, code).await;
        assert_eq!((refused.status, refused.value("code").as_deref()), (status, Some(code)));
        assert!(refused.problem("code").unwrap().contains(says), "{refused}");
    }

    let used = admin.get("/admin/gift-cards?status=used").await.shown();
    assert_eq!((used.rows().len(), used.rows()[0].cell("Redeemed by")), (1, "other"));
    let found = admin.get(&format!("/admin/gift-cards?query={}", &codes[1][codes[1].len() - 4..])).await.shown();
    assert_eq!(found.rows().len(), 1);
    let ask = found.attributes(".pop a.danger", "href").remove(0);
    assert_eq!(user.get(&ask).await.status, 403);
    assert_eq!(user.post(&ask, &[]).await.status, 403);
    let question = admin.get(&ask).await.shown();
    let revoked = admin.submit(&question, "form.question", &[]).await;
    assert_eq!(revoked.location.as_deref(), Some("/admin/gift-cards?done=revoked"));
    let refused = redeems(&user, &codes[1]).await;
    assert_eq!(refused.status, 410);
    assert!(refused.problem("code").unwrap().contains("revoked"), "{refused}");
    let id = world.books().number("SELECT id FROM gift_cards WHERE redeemed_by IS NOT NULL").await;
    assert_eq!(admin.post(&format!("/admin/gift-cards/{id}/revoke"), &[]).await.status, 409);
    assert_eq!(admin.get("/admin/gift-cards/1/revoke").await.status, 404);
    assert_eq!(
        admin.get("/admin/gift-cards?query=nothing+like+it").await.shown().text(".empty b"),
        "Nothing matches these filters"
    );
    let file = admin.get("/api/export?type=gift_cards").await.shown();
    assert!(file.body.lines().count() == 4 && codes.iter().all(|code| !file.body.contains(code.as_str())), "{}", file.body);
}

#[actix_web::test]
async fn several_cards_are_revoked_at_once_but_for_those_that_are_redeemed() {
    let world = World::start();
    let (admin, user) = (world.admin().await, world.other_user().await);
    let codes = makes_cards(&admin, &[("amountUsd", "2"), ("count", "4")]).await;
    assert_eq!(redeems(&user, &codes[0]).await.status, 303);
    let ids: Vec<String> = world.books().rows("SELECT id FROM gift_cards").await.into_iter().flatten().flatten().collect();
    let chosen = |act| ids.iter().map(|id| ("id", id.as_str())).chain([("act", act), ("back", "/admin/gift-cards?query=x")]);
    let nothing = admin.post("/admin/gift-cards/several", &[("act", "revoke")]).await;
    assert!(admin.follow(&nothing.location.unwrap()).await.alarm().unwrap().contains("Nothing was chosen"));

    let question = admin.post("/admin/gift-cards/several", &chosen("revoke").collect::<Vec<_>>()).await.shown();
    assert_eq!(question.text("main h1"), "Revoke 3 gift cards?");
    assert!(question.text("form.question").contains("1 of those you chose stays as it is"), "{question}");
    assert_eq!(world.books().number("SELECT count(*) FROM gift_cards WHERE revoked_at IS NOT NULL").await, 0);
    // One more is redeemed while the question stands.
    assert_eq!(redeems(&user, &codes[1]).await.status, 303);
    let done = admin.submit(&question, "form.question", &[]).await;
    assert_eq!(done.location.as_deref(), Some("/admin/gift-cards?query=x&done=revoked-but.2.1"));
    let told = admin.follow("/admin/gift-cards?done=revoked-but.2.1").await;
    assert_eq!(told.text(".toast"), "2 cards were revoked; 1 had been redeemed meanwhile.");
    for sql in ["gift_cards WHERE revoked_at IS NOT NULL", "audit WHERE action = 'gift_card.revoke'"] {
        assert_eq!(world.books().number(&format!("SELECT count(*) FROM {sql}")).await, 2, "{sql}");
    }
    let question = admin.post("/admin/gift-cards/several", &chosen("revoke").collect::<Vec<_>>()).await.shown();
    assert_eq!(question.text("main h1"), "None of these cards can be revoked");
    assert!(!question.has("form.question [type=submit]"), "{question}");
}

#[actix_web::test]
async fn whoever_guesses_codes_is_told_when_to_try_again() {
    let world = World::start();
    let user = world.other_user().await;
    user.speaks("zh");
    for _ in 0..10 {
        assert_eq!(redeems(&user, "GC-WRONG").await.status, 404);
    }
    let refused = redeems(&user, "GC-WRONG").await;
    assert_eq!((refused.status, refused.value("code").as_deref()), (429, Some("GC-WRONG")));
    let said = refused.problem("code").unwrap();
    assert!(said.contains("秒后重试"), "{said}");
}

#[actix_web::test]
async fn the_history_is_the_ledger_and_its_sums_agree() {
    let world = World::start();
    let (admin, user) = (world.admin().await, world.user().await);
    let me = user.api(Method::GET, "/api/me", Value::Null).await;
    let quota = format!("/api/users/{}/quota", me["id"]);
    admin.api(Method::PATCH, &quota, json!({ "adjustUsd": -0.000000001, "reason": "a <b>correction</b>" })).await;
    let code = makes_cards(&admin, &[("amountUsd", "5")]).await.remove(0);
    assert_eq!(redeems(&user, &code).await.status, 303);
    world.relays(&world.key, "claude-haiku-4-5", json!({ "usage": { "input": 1_000, "output": 100 } })).await;

    let page = user.get("/console/balance").await.shown();
    let api = user.api(Method::GET, "/api/me/ledger?pageSize=50", Value::Null).await;
    let rows = api["rows"].as_array().unwrap();
    let amounts: Vec<f64> = rows.iter().map(|row| usd(row, "amountUsd")).collect();
    let balances: Vec<f64> = rows.iter().map(|row| usd(row, "balanceUsd")).collect();
    assert_eq!(exact(&page, "#list td:nth-child(4) [title]"), amounts);
    assert_eq!(exact(&page, "#list td:nth-child(5)[title]"), balances);
    assert_eq!(exact(&page, "[data-figure=added]"), [usd(&api, "addedUsd")]);
    assert_eq!(exact(&page, "[data-figure=taken]"), [usd(&api, "takenUsd")]);
    let sum = "SELECT sum(amount_nanos) FROM ledger l JOIN users u ON u.id = l.user_id WHERE u.username = 'demo'";
    let me = user.api(Method::GET, "/api/me", Value::Null).await;
    let nanos = (usd(&me, "balanceUsd") * 1e9).round() as i64;
    assert_eq!((nanos, balances[0]), (world.books().number(sum).await, usd(&me, "balanceUsd")));
    assert!(page.body.contains("a &lt;b&gt;correction&lt;&#x2f;b&gt;"), "a note is text");
    assert_eq!(page.rows()[0].cells()[2], "claude-haiku-4-5");

    for (kind, rows) in [("usage", 2), ("card", 1), ("refund", 0)] {
        let of_kind = user.submit(&page, "form.filters", &[("kind", kind)]).await.shown();
        assert_eq!(of_kind.count("#list tbody tr"), rows, "{kind}");
    }
    assert_eq!(user.get("/console/balance?query=correction&range=24h").await.shown().count("#list tbody tr"), 1);
    assert_eq!(
        user.get("/console/balance?from=2020-01-01&to=2020-01-02").await.shown().text(".empty b"),
        "Nothing matches these filters"
    );
    assert!(user.get("/console/balance?sortDir=asc").await.shown().has("#list th[aria-sort=ascending]"));
    assert_eq!(user.get("/console/balance?kind=nonsense").await.status, 422);
    let file = user.get(&page.attribute(".acts a[download]", "href").unwrap()).await.shown();
    assert_eq!(file.body.lines().count(), rows.len() + 1, "{}", file.body);
    let own = admin.get("/console/balance").await.shown();
    let file = admin.get(&own.attribute(".acts a[download]", "href").unwrap()).await.shown();
    assert_eq!(file.body.lines().count(), own.count("#list tbody tr") + 1, "an admin's own file has others' rows");
}
