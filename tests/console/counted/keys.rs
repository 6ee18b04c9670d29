//! Keys: what they have used, and what they may.

use super::claims::Claims;
use super::format::{count, number, usd};
use super::{Cells, Look};
use crate::history::midnight;

/// What a key has used: today's tokens (what was read from a cache costs, and does not count), money.
pub fn used(midnight: i64) -> String {
    let counted = "tokens_in + tokens_out + cache_creation_5m_tokens + cache_creation_1h_tokens";
    let of_key = "FROM request_log l WHERE l.key_id = k.id";
    format!(
        "(SELECT coalesce(sum({counted}), 0) {of_key} AND ts >= {midnight} AND protocol <> 'count_tokens'), \
         (SELECT coalesce(sum(cost_nanos), 0) {of_key}), (SELECT max(ts) {of_key} AND NOT (ending = 'refused' AND tokens_in = 0))"
    )
}

/// The smaller of two limits in force, where 0 or null is none.
fn smaller(one: &str, other: &str) -> String {
    format!(
        "CASE WHEN coalesce({one}, 0) = 0 THEN {other} WHEN coalesce({other}, 0) = 0 OR {one} < {other} THEN {one} ELSE {other} END"
    )
}

/// `/console/keys` and `/admin/keys`
pub async fn list(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let only = match (look.of_all(), look.asked("user")) {
        (false, _) => format!("k.user_id = {}", look.me),
        (true, Some(name)) => format!("u.username = '{name}'"),
        (true, None) => "true".to_owned(),
    };
    let (quota, budget) = (smaller("daily_tokens", "admin_daily_tokens"), smaller("budget_nanos", "admin_budget_nanos"));
    let sql = format!(
        "SELECT k.name, k.prefix, u.username, {}, {quota}, {budget} FROM api_keys k JOIN users u ON u.id = k.user_id \
         WHERE {only} ORDER BY k.created_at DESC, k.id DESC",
        used(midnight(look.now, 0, &look.zone))
    );
    let told: Vec<Vec<String>> = look.rows(&sql).await.iter().map(|row| told(look, row)).collect();
    let all = look.number(&format!("SELECT count(*) FROM api_keys k JOIN users u ON u.id = k.user_id WHERE {only}")).await;
    claims.text(".head p", count(all, "key", "keys"));
    let heads = ["Name", "Tokens today", "Spent", "Last used"];
    claims.table("#list table", &heads, told);
    look.foot(&mut claims, all);
    claims
}

fn told(look: &Look<'_>, row: &Cells) -> Vec<String> {
    let limit = |at: usize, shown: fn(i64) -> String| match row.some(at) {
        None | Some(0) => String::new(),
        Some(limit) => format!(" / {}", shown(limit)),
    };
    let last = row.some(5).map_or("Never".to_owned(), |ts| look.moment(ts, "%Y-%m-%d %H:%M"));
    vec![
        format!("{}{}…", row.text(0), row.text(1)),
        number(row.number(3)) + &limit(6, number),
        usd(row.number(4), 4) + &limit(7, |nanos| usd(nanos, 2)),
        last,
    ]
}

/// `/console/keys/{id}` and `/admin/keys/{id}`: what the other side allows; one's own limits stand in the form.
pub async fn one(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let columns = ["budget_nanos", "daily_tokens", "rate_limit_rpm", "rate_limit_tpm", "max_concurrency"];
    let (owner, admin) = (columns.join(", "), columns.map(|name| format!("admin_{name}")).join(", "));
    let row = look.rows(&format!("SELECT user_id, {owner}, {admin} FROM api_keys WHERE id = {}", look.id())).await.remove(0);
    let first = if row.number(0) == look.me { 6 } else { 1 };
    let rate = |limit: i64| if limit == 0 { "Unlimited".to_owned() } else { number(limit) };
    let mut told: Vec<String> = row.some(first).map(|nanos| usd(nanos, 2)).into_iter().collect();
    told.extend(row.some(first + 1).filter(|tokens| *tokens > 0).map(number));
    told.extend((first + 2..first + 5).filter_map(|at| row.some(at)).map(rate));
    claims.texts(".other-side dd", told);
    claims
}
