//! Balances, ledgers and gift cards.

use super::claims::Claims;
use super::format::{count, none, number, plain, usd};
use super::range::Span;
use super::{Cells, Look};

/// A ledger's rows with the balance after each, which is the sum of all up to it.
const ROWS: &str = "SELECT l.ts, l.kind, coalesce((SELECT model FROM request_log r WHERE r.id = l.receipt_id), \
    (SELECT 'GC-…-' || code_last4 FROM gift_cards g WHERE g.id = l.gift_card_id), l.reason) AS note, l.amount_nanos, \
    sum(l.amount_nanos) OVER (PARTITION BY l.user_id ORDER BY l.id) AS after, l.id, \
    (SELECT username FROM users u WHERE u.id = l.actor_id) AS actor FROM ledger l";

/// A change as rows show it.
fn signed(nanos: i64) -> String {
    format!("{}{}", if nanos < 0 { "" } else { "+" }, usd(nanos, 6))
}

fn kind(look: &Look<'_>, row: &Cells) -> String {
    look.say(&format!("ledger-{}", row.text(1)))
}

/// The balance and what is held, as all pages of money begin.
async fn tiles(look: &Look<'_>, claims: &mut Claims) {
    let balance = look.number(&format!("SELECT sum(amount_nanos) FROM ledger WHERE user_id = {}", look.me)).await;
    claims.text("[data-figure=balance]", usd(balance, 2));
    claims.text("[data-figure=balance] + .d", format!("exactly {}", usd(balance, 6)));
    claims.text("[data-figure=held]", usd(0, 4));
    claims.text("[data-figure=held] + .d", "no request is running");
}

/// The exact amounts and balances that rows have.
fn amounts(claims: &mut Claims, rows: &[Cells]) {
    claims.attributes(
        "#list .ledger td:nth-child(4) [title], [aria-labelledby=ledger] .ledger td:nth-child(4) [title]",
        "title",
        rows.iter().map(|row| plain(row.number(3))).collect(),
    );
    claims.attributes("table.ledger td:nth-child(5)", "title", rows.iter().map(|row| plain(row.number(4))).collect());
}

/// Rows of one's own, as the history and the page for cards show them.
fn table(look: &Look<'_>, claims: &mut Claims, rows: &[Cells]) {
    let told = rows.iter().map(|row| {
        let (ts, note) = (row.number(0), row.text(2));
        let kind = format!("{}{note}{}", kind(look, row), look.moment(ts, "%Y-%m-%d %H:%M"));
        vec![look.moment(ts, "%Y-%m-%d %H:%M:%S"), kind, note, signed(row.number(3)), usd(row.number(4), 6)]
    });
    claims.table("table.ledger", &["Time", "Kind", "Note", "Amount", "Balance after"], told.collect());
    amounts(claims, rows);
}

/// `/console/balance`
pub async fn history(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    tiles(look, &mut claims).await;
    let mut only = format!("user_id = {}", look.me);
    if let Some(span) = Span::asked(look, "all of time") {
        only += &format!(" AND {}", span.sql());
    }
    if let Some(kind) = look.asked("kind") {
        only += &format!(" AND kind = '{kind}'");
    }
    let sums = "count(*), coalesce(sum(CASE WHEN amount_nanos > 0 THEN amount_nanos END), 0), \
        coalesce(sum(CASE WHEN amount_nanos < 0 THEN amount_nanos END), 0)";
    let sums = look.rows(&format!("SELECT {sums} FROM ledger WHERE {only}")).await.remove(0);
    for (name, at) in [("added", 1), ("taken", 2)] {
        claims.text(&format!("[data-figure={name}]"), usd(sums.number(at), 4));
        claims.attributes(&format!("[data-figure={name}]"), "title", vec![plain(sums.number(at))]);
    }
    let ids = format!("SELECT id FROM ledger WHERE {only}");
    let rows = look.rows(&format!("SELECT * FROM ({ROWS}) AS told WHERE id IN ({ids}) ORDER BY id DESC LIMIT 50")).await;
    table(look, &mut claims, &rows);
    look.foot(&mut claims, sums.number(0));
    claims
}

/// `/console/redeem`
pub async fn redeem(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    tiles(look, &mut claims).await;
    let me = look.me;
    let spent = look.number(&format!("SELECT coalesce(sum(cost_nanos), 0) FROM request_log WHERE user_id = {me}")).await;
    claims.text("[data-figure=spent]", usd(spent, 2));
    let cards = format!("SELECT count(*), coalesce(sum(amount_nanos), 0) FROM gift_cards WHERE redeemed_by = {me}");
    let cards = look.rows(&cards).await.remove(0);
    claims.text("[data-figure=redeemed]", usd(cards.number(1), 2));
    claims.text("[data-figure=redeemed] + .d", count(cards.number(0), "gift card", "gift cards"));
    let newest = format!("{ROWS} WHERE l.user_id = {me} ORDER BY l.id DESC LIMIT 8");
    table(look, &mut claims, &look.rows(&newest).await);
    if look.asked("done").is_some() && cards.number(0) > 0 {
        let last = format!(
            "SELECT code_last4, amount_nanos, (SELECT sum(amount_nanos) FROM ledger WHERE user_id = {me}) FROM gift_cards \
             WHERE redeemed_by = {me} ORDER BY redeemed_at DESC LIMIT 1"
        );
        let last = look.rows(&last).await.remove(0);
        let said = format!(
            "The card ending in {} added {}. Your balance is now {}.",
            last.text(0),
            usd(last.number(1), 2),
            usd(last.number(2), 2)
        );
        claims.text("form.redeem [role=status]", format!("{said} See the balance history"));
    }
    claims
}

/// The rows of somebody's ledger as admins see them.
pub async fn of_somebody(look: &Look<'_>, claims: &mut Claims, table: &str, user: i64, most: i64) {
    let rows = look.rows(&format!("{ROWS} WHERE l.user_id = {user} ORDER BY l.id DESC LIMIT {most}")).await;
    let told = rows.iter().map(|row| {
        let actor = row.0[6].as_ref().map(|name| format!(" · {name}")).unwrap_or_default();
        let time = look.moment(row.number(0), "%Y-%m-%d %H:%M:%S");
        vec![time, kind(look, row), format!("{}{actor}", row.text(2)), signed(row.number(3)), usd(row.number(4), 6)]
    });
    claims.table(table, &["Time", "Kind", "Note", "Amount", "Balance after"], told.collect());
    claims.attributes(
        &format!("{table} tbody td:nth-child(4) [title]"),
        "title",
        rows.iter().map(|row| plain(row.number(3))).collect(),
    );
    claims.attributes(&format!("{table} tbody td:nth-child(5)"), "title", rows.iter().map(|row| plain(row.number(4))).collect());
}

/// `/admin/users/{id}/ledger`
pub async fn of_user(look: &Look<'_>) -> Claims {
    let (mut claims, user) = (Claims::default(), look.id());
    let balance = look.number(&format!("SELECT coalesce(sum(amount_nanos), 0) FROM ledger WHERE user_id = {user}")).await;
    claims.text(".head p .tn", usd(balance, 6));
    of_somebody(look, &mut claims, "#list table", user, 50).await;
    look.foot(&mut claims, look.number(&format!("SELECT count(*) FROM ledger WHERE user_id = {user}")).await);
    claims
}

/// `/admin/gift-cards`
pub async fn cards(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    // The other address of this page finds none.
    let only = if look.asked("query").is_some() { "false" } else { "true" };
    let all = look.number(&format!("SELECT count(*) FROM gift_cards WHERE {only}")).await;
    claims.text(".head p", count(all, "gift card", "gift cards"));
    let sql = format!(
        "SELECT code_last4, amount_nanos, CASE WHEN redeemed_by IS NOT NULL THEN 'Redeemed' WHEN revoked_at IS NOT NULL THEN 'Revoked' \
         ELSE 'Unused' END, created_at, (SELECT username FROM users WHERE id = created_by), \
         CASE WHEN redeemed_by IS NOT NULL THEN \
         coalesce((SELECT username FROM users WHERE id = redeemed_by AND deleted_at IS NULL), 'deleted') END, redeemed_at FROM gift_cards WHERE {only} \
         ORDER BY created_at DESC, id DESC"
    );
    let told = look.rows(&sql).await.into_iter().map(|row| {
        let time = |ms: i64| look.moment(ms, "%Y-%m-%d %H:%M");
        let code = format!("GC-…-{}", row.text(0));
        let made = format!("{}{}", time(row.number(3)), row.text(4));
        vec![code, usd(row.number(1), 2), row.text(2), made, "Never".to_owned(), row.text(5), row.some(6).map_or_else(none, time)]
    });
    let heads = ["Code", "Amount", "Status", "Made", "Expires", "Redeemed by", "Redeemed at"];
    claims.ordered("#list table", &heads, &["Made"], told.collect());
    let named = look.rows(&format!("SELECT code_last4 FROM gift_cards WHERE {only} ORDER BY created_at DESC, id DESC")).await;
    for (what, says) in [("[popovertarget]", "Actions for"), (".pick [name=id]", "Choose")] {
        let said = named.iter().map(|row| format!("{says} GC-…-{}", row.text(0))).collect();
        claims.attributes(&format!("#list {what}"), "aria-label", said);
    }
    look.foot(&mut claims, all);
    claims
}

/// `/admin/gift-cards/{id}/revoke`
pub async fn revoke(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let sql = format!("SELECT code_last4, amount_nanos FROM gift_cards WHERE id = {}", look.id());
    let card = look.rows(&sql).await.remove(0);
    let asked = format!("Revoke the card ending in {}, worth {}?", card.text(0), usd(card.number(1), 2));
    claims.text("main h1", asked);
    claims
}

/// What was granted, spent and is left of an account, by its ledger and by the log.
pub async fn of_account(look: &Look<'_>, user: i64) -> [i64; 3] {
    let granted = format!("SELECT coalesce(sum(amount_nanos), 0) FROM ledger WHERE user_id = {user} AND kind <> 'usage'");
    let spent = format!("SELECT coalesce(sum(cost_nanos), 0) FROM request_log WHERE user_id = {user}");
    let (granted, spent) = (look.number(&granted).await, look.number(&spent).await);
    [granted, spent, granted - spent]
}

/// Amounts of several accounts: granted, spent, left.
pub fn in_list(granted: i64, spent: i64) -> [String; 2] {
    [usd(granted - spent, 2), usd(spent, 4)]
}

/// `12 rows` of a ledger.
pub fn all_rows(rows: i64) -> String {
    format!("All {} rows", number(rows))
}
