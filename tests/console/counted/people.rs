//! Users, as admins see them.

use super::claims::Claims;
use super::format::{count, number, share, usd};
use super::overview::{self, EVERY, SUMS, Sums};
use super::range::Span;
use super::{Look, charts, keys, logs, money};
use crate::history::midnight;

/// Rows of a user's requests and ledger on the user's page.
const NEWEST: i64 = 10;

/// `/admin/users`
pub async fn list(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    // The other address of this page finds nobody.
    let only = if look.asked("query").is_some() { "false" } else { "deleted_at IS NULL" };
    let all = look.number(&format!("SELECT count(*) FROM users WHERE {only}")).await;
    claims.text(".head p", count(all, "user", "users"));
    let sql = format!(
        "SELECT username, display_name, (SELECT coalesce(sum(amount_nanos), 0) FROM ledger WHERE user_id = users.id AND kind <> 'usage'), \
         (SELECT coalesce(sum(cost_nanos), 0) FROM request_log WHERE user_id = users.id), \
         rate_limit_rpm, rate_limit_tpm, max_concurrency FROM users WHERE {only} ORDER BY created_at DESC, id DESC"
    );
    let told = look.rows(&sql).await.into_iter().map(|row| {
        let [balance, spent] = money::in_list(row.number(2), row.number(3));
        let chips = [(4, "requests/min"), (5, "tokens/min"), (6, "at once")];
        let chip = |limit: i64| if limit == 0 { "∞".to_owned() } else { number(limit) };
        let chips = chips.into_iter().filter_map(|(at, unit)| row.some(at).map(|limit| format!("{} {unit}", chip(limit))));
        let limits = Some(chips.collect::<String>()).filter(|chips| !chips.is_empty()).unwrap_or("Site default".to_owned());
        vec![format!("{}{}", row.text(0), row.0[1].clone().unwrap_or_default()), balance, spent, limits]
    });
    claims.table("#list table", &["Username", "Balance", "Spent", "Limits"], told.collect());
    look.foot(&mut claims, all);
    claims
}

/// `/admin/users/{id}`
pub async fn one(look: &Look<'_>) -> Claims {
    let (mut claims, user) = (Claims::default(), look.id());
    let [granted, spent, left] = money::of_account(look, user).await;
    claims.texts("section[aria-labelledby=money] dd", [left, granted, spent].map(|nanos| usd(nanos, 6)).to_vec());
    let span = Span::asked(look, "30d").unwrap();
    let whose = format!("user_id = {user}");
    overview::tiles(look, &mut claims, span, &whose).await;
    charts::drawn(look, &mut claims, span, &whose).await;
    limits(look, &mut claims, user).await;
    let sql = format!(
        "SELECT k.name, k.prefix, {} FROM api_keys k WHERE k.user_id = {user} ORDER BY k.created_at DESC, k.id DESC",
        keys::used(midnight(look.now, 0, &look.zone))
    );
    let found = look.rows(&sql).await;
    let told = found.iter().map(|row| {
        let last = row.some(4).map_or("Never".to_owned(), |ts| look.moment(ts, "%Y-%m-%d %H:%M"));
        vec![format!("{}{}…", row.text(0), row.text(1)), number(row.number(2)), usd(row.number(3), 4), last]
    });
    claims.table("section[aria-labelledby=keys] table", &["Key", "Tokens today", "Spent", "Last used"], told.collect());
    claims.text("section[aria-labelledby=keys] .sub", count(found.len() as i64, "key", "keys"));
    let rows = format!("{} AND {whose}", span.sql());
    let models = format!("SELECT model, {SUMS} FROM {EVERY} WHERE {rows} GROUP BY model ORDER BY sum(cost_nanos) DESC, 2 DESC");
    let told = look.rows(&models).await.into_iter().map(|row| {
        let sums = Sums::of(&row, 1);
        vec![row.text(0), number(sums.requests), share(sums.good, sums.requests), usd(sums.cost, 4)]
    });
    let heads = ["Model", "Requests", "Success rate", "Cost"];
    claims.ordered("section[aria-labelledby=models] table", &heads, &["Cost", "Requests"], told.collect());
    logs::newest(look, &mut claims, "section[aria-labelledby=requests] table", &whose, NEWEST).await;
    money::of_somebody(look, &mut claims, "section[aria-labelledby=ledger] table", user, NEWEST).await;
    let rows = look.number(&format!("SELECT count(*) FROM ledger WHERE {whose}")).await;
    if rows > NEWEST {
        claims.text("section[aria-labelledby=ledger] .right", money::all_rows(rows));
    }
    sessions(look, &mut claims, user).await;
    claims
}

/// `/console/account`
pub async fn account(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    sessions(look, &mut claims, look.me).await;
    claims
}

/// Where somebody is signed in.
async fn sessions(look: &Look<'_>, claims: &mut Claims, user: i64) {
    let only = format!("user_id = {user} AND expires_at > {}", look.now);
    let sql = format!("SELECT client_ip, created_at, last_seen_at FROM sessions WHERE {only} ORDER BY last_seen_at DESC");
    let told = look.rows(&sql).await.into_iter().map(|row| {
        let time = |at: usize| look.moment(row.number(at), "%Y-%m-%d %H:%M");
        vec![row.text(0), time(1), time(2)]
    });
    let heads = ["Address", "Signed in", "Last seen"];
    claims.ordered("section[aria-labelledby=sessions] table", &heads, &["Last seen"], told.collect());
}

/// The user's own limits, else the site's.
async fn limits(look: &Look<'_>, claims: &mut Claims, user: i64) {
    let own = format!("SELECT rate_limit_rpm, rate_limit_tpm, max_concurrency FROM users WHERE id = {user}");
    let own = look.rows(&own).await.remove(0);
    let settings = look.visitor.api(reqwest::Method::GET, "/api/settings", serde_json::Value::Null).await;
    let names = ["defaultRateLimitRpm", "defaultRateLimitTpm", "defaultMaxConcurrency"];
    let limit = |limit: i64| if limit == 0 { "Unlimited".to_owned() } else { number(limit) };
    let told = names.into_iter().enumerate().map(|(at, name)| match own.some(at) {
        Some(own) => limit(own),
        None => format!("{} site default", limit(settings[name].as_i64().unwrap())),
    });
    claims.texts("section[aria-labelledby=limits] dd", told.collect());
}

/// `/admin/users/{id}/balance`
pub async fn balance(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let [granted, spent, left] = money::of_account(look, look.id()).await;
    claims.texts("dl.pairs dd", vec![usd(granted, 6), format!("− {}", usd(spent, 6)), usd(left, 6)]);
    claims
}
