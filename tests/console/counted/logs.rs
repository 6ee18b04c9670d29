//! The log: its rows, and how each bill comes about.

use serde_json::Value;

use super::claims::Claims;
use super::format::{self, duration, exact, none, number, plain, usd};
use super::range::Span;
use super::{Cells, Look};

/// Rows of a page of the log.
pub const ROWS: i64 = 100;

/// `/console/logs` and `/admin/logs`
pub async fn list(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let mut rows = if look.of_all() { "true".to_owned() } else { format!("user_id = {}", look.me) };
    if let Some(span) = Span::asked(look, "all of time") {
        rows += &format!(" AND {}", span.sql());
    }
    if let Some(ending) = look.asked("ending") {
        rows += &format!(" AND ending = '{ending}'");
    }
    newest(look, &mut claims, "#list table", &rows, ROWS).await;
    let all = look.number(&format!("SELECT count(*) FROM request_log WHERE {rows}")).await;
    look.foot_of(&mut claims, all, ROWS);
    unlisted(look, &mut claims, &rows).await;
    claims
}

/// What is counted beside these rows.
async fn unlisted(look: &Look<'_>, claims: &mut Claims, rows: &str) {
    let sql = format!(
        "SELECT cause, ending, status, sum(requests) FROM refusals WHERE {rows} GROUP BY cause, ending, status ORDER BY 4 DESC, 3, 1"
    );
    let found = look.rows(&sql).await;
    let all: i64 = found.iter().map(|row| row.number(3)).sum();
    let said = match all {
        0 => Vec::new(),
        1 => vec!["and 1 more request that cost nothing and has no row of its own:".to_owned()],
        all => vec![format!("and {} more requests that cost nothing and have no row of their own:", number(all))],
    };
    claims.texts("[data-figure=unlisted] span", said);
    let reason = |row: &Cells| match row.0[0].as_ref() {
        Some(cause) => look.say(&format!("reason-{cause}")),
        None => look.say(&format!("ending-{}", row.text(1))),
    };
    let told = found.iter().map(|row| format!("{} {} × {}", reason(row), row.text(2), number(row.number(3))));
    claims.texts("[data-figure=unlisted] a", told.collect());
}

/// A table of the newest of these rows.
pub async fn newest(look: &Look<'_>, claims: &mut Claims, table: &str, rows: &str, most: i64) {
    let columns = "ts, username, key_name, model, channel_name, ending, status, ttft_ms, duration_ms, tokens_in, \
        cache_read_tokens, tokens_out, cost_nanos";
    let sql = format!("SELECT {columns} FROM request_log WHERE {rows} ORDER BY ts DESC, id DESC LIMIT {most}");
    let told = look.rows(&sql).await.iter().map(|row| told(look, row)).collect();
    let mut heads = vec!["Time", "Key", "Model", "Result", "First output", "Duration", "Input", "Cached", "Output", "Cost"];
    if look.of_all() {
        heads[1] = "User / key";
        heads.insert(3, "Channel");
    }
    claims.table(table, &heads, told);
}

fn told(look: &Look<'_>, row: &Cells) -> Vec<String> {
    let time = look.moment(row.number(0), "%m-%d %H:%M:%S");
    let key = if look.of_all() { format!("{} / {}", row.text(1), row.text(2)) } else { row.text(2) };
    let ending = look.say(&format!("ending-{}", row.text(5)));
    let result =
        if ["refused", "upstream_failed"].contains(&row.text(5).as_str()) { format!("{ending} {}", row.text(6)) } else { ending };
    let mut cells = vec![time.clone(), key, format!("{}{time}", row.text(3))];
    if look.of_all() {
        cells.push(row.text(4));
    }
    cells.push(result);
    cells.push(row.some(7).map_or_else(none, duration));
    cells.push(duration(row.number(8)));
    cells.extend([9, 10, 11].map(|at| number(row.number(at))));
    cells.push(usd(row.number(12), 6));
    cells
}

/// `/console/logs/{id}` and `/admin/logs/{id}`
pub async fn detail(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let columns = "timings, attempts, ending, status, error, tariff, tokens_in, cache_read_tokens, cache_creation_5m_tokens, \
        cache_creation_1h_tokens, tokens_out, cost_nanos, reasoning_tokens, unpriced, client_ip, key_prefix";
    let row = look.rows(&format!("SELECT {columns} FROM request_log WHERE id = {}", look.id())).await.remove(0);
    claims.texts(".steps > li", steps(look, &row));
    let tariff: Value = row.0[5].as_deref().map(|tariff| serde_json::from_str(tariff).unwrap()).unwrap_or_default();
    if tariff["prices"].is_object() {
        bill(look, &mut claims, &row, &tariff);
        let reasoning = Some(row.number(12)).filter(|tokens| *tokens > 0);
        let said = reasoning.map(|tokens| format!("{} of the output tokens are reasoning.", number(tokens)));
        claims.texts("table.cost + .hint", said.into_iter().collect());
    }
    claims
}

/// Where the time went.
fn steps(look: &Look<'_>, row: &Cells) -> Vec<String> {
    let timings: Value = serde_json::from_str(&row.text(0)).unwrap();
    let attempts: Vec<Value> = serde_json::from_str(&row.text(1)).unwrap();
    let step = |ms: i64, words: &str| format!("{}{}", duration(ms), words);
    let timed = |name: &str, text: &str| timings[name].as_i64().map(|ms| step(ms, &look.say(text)));
    let mut steps = vec![step(0, &look.say("step-arrived"))];
    steps.extend(timed("bodyReadMs", "step-body-read"));
    steps.extend(timed("admittedMs", "step-admitted"));
    for attempt in attempts.iter().filter(|_| look.of_all()) {
        let (channel, model) = (attempt["channelName"].as_str().unwrap(), attempt["upstreamModel"].as_str().unwrap());
        let status = attempt["status"].as_i64().map(|status| format!(" · {status}")).unwrap_or_default();
        let words = match attempt["error"].as_str() {
            Some(error) => {
                let took = duration(attempt["durationMs"].as_i64().unwrap());
                format!("{channel} failed for {model} after {took}{status}{error}")
            }
            None => format!("{channel} answered for {model}{status}"),
        };
        steps.push(step(attempt["startedMs"].as_i64().unwrap(), &words));
    }
    steps.extend(timed("headMs", "step-head"));
    steps.extend(timed("firstOutputMs", "step-first-output"));
    let ended =
        format!("{} · {}{}", look.say(&format!("ending-{}", row.text(2))), row.text(3), row.0[4].as_deref().unwrap_or(""));
    steps.push(step(timings["endedMs"].as_i64().unwrap(), &ended));
    steps
}

/// The bill: lines in quadrillionths of a dollar, which add up to what was charged.
fn bill(look: &Look<'_>, claims: &mut Claims, row: &Cells, tariff: &Value) {
    let prices = &tariff["prices"];
    let price = |name: &str| prices[name].as_i64();
    let created = price("cacheCreation").unwrap();
    let kinds = [
        ("cost-input", 6, price("input").unwrap()),
        ("cost-cache-read", 7, price("cacheRead").unwrap()),
        ("cost-cache-5m", 8, created),
        ("cost-cache-1h", 9, price("cacheCreation1h").unwrap_or(created)),
        ("cost-output", 10, price("output").unwrap()),
    ];
    let (mut lines, mut tokens, mut sum) = (Vec::new(), 0, 0);
    for (kind, at, price) in kinds {
        let used = row.number(at);
        if used == 0 && !["cost-input", "cost-output"].contains(&kind) {
            continue;
        }
        let amount = i128::from(used) * i128::from(price);
        lines.push(vec![look.say(kind), number(used), format::price(price), exact(amount)]);
        (tokens, sum) = (tokens + used, sum + amount);
    }
    let charged = i128::from(row.number(11)) * 1_000_000;
    let by = |name: &str| tariff[name].as_i64().unwrap();
    if charged != sum {
        let multiplied = format!("Multipliers × {} × {}, rounded to $0.000000001", plain(by("global")), plain(by("provider")));
        let one = (by("global"), by("provider")) == (1_000_000_000, 1_000_000_000);
        lines.push(vec![if one { look.say("bill-rounded") } else { multiplied }, exact(charged - sum)]);
        sum = charged;
    }
    assert_eq!(sum, charged, "the lines add up to the bill");
    claims.texts("table.cost tbody td", lines.concat());
    let total = vec![look.say("charged"), number(tokens), String::new(), exact(charged)];
    claims.texts("table.cost tfoot td", total);
}
