//! Rankings, the audit log, and what an archive would take.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::claims::Claims;
use super::format::{count, number, share, usd};
use super::overview::{EVERY, SUMS, Sums, TOKENS};
use super::range::Span;
use super::{Cells, Look};
use crate::history::midnight;

/// `/admin/rankings`
pub async fn rankings(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let span = Span::asked(look, "30d").unwrap();
    let rows = format!("WHERE {}", span.sql());
    let (by, sort) = (look.asked("by").unwrap_or("users".to_owned()), look.asked("sort").unwrap_or("cost".to_owned()));
    let (group, name, head) = match by.as_str() {
        "users" => {
            ("user_id", "(SELECT username FROM users WHERE id = user_id AND deleted_at IS NULL)", look.say("rankings-users"))
        }
        "keys" => ("key_id", "(SELECT name FROM api_keys WHERE id = key_id)", look.say("nav-keys")),
        "models" => ("model", "model", look.say("nav-models")),
        _ => (
            "coalesce(channel_id, 0)",
            "(SELECT name FROM channels WHERE id = coalesce(channel_id, 0))",
            look.say("nav-channels"),
        ),
    };
    let (measured, share_of): (String, fn(&Sums) -> i64) = match sort.as_str() {
        "cost" => ("sum(cost_nanos)".to_owned(), |sums| sums.cost),
        "tokens" => (format!("sum({TOKENS})"), Sums::tokens),
        _ => ("sum(n)".to_owned(), |sums| sums.requests),
    };
    let totals = Sums::of(&look.rows(&format!("SELECT {SUMS} FROM {EVERY} {rows}")).await[0], 0);
    let sql = format!("SELECT {group}, max({name}), {SUMS} FROM {EVERY} {rows} GROUP BY {group} ORDER BY {measured} DESC, 1");
    let attempts = if by == "channels" { super::channels::attempts(look, span).await } else { BTreeMap::new() };
    let mut told = Vec::new();
    let (mut bars, mut ranked) = (Vec::new(), Vec::new());
    for (at, row) in look.rows(&sql).await.iter().enumerate() {
        let sums = Sums::of(row, 2);
        ranked.push(row.text(0));
        let missing = if by == "channels" && row.text(0) == "0" { "None answered" } else { "deleted" };
        let name = row.0[1].clone().unwrap_or_else(|| missing.to_owned());
        let mut cells = vec![number(at as i64 + 1), name, share(share_of(&sums), share_of(&totals))];
        let mut figures = figures(&sums);
        if let Some(good) = row.text(0).parse().ok().and_then(|id: i64| attempts.get(&id)) {
            figures[1].clone_from(good);
        }
        cells.extend(figures);
        told.push(cells);
        bars.push(share_of(&sums) as f64 / share_of(&totals) as f64 * 100.0);
    }
    if told.is_empty() {
        return claims;
    }
    let share_head = look.say(&format!("rankings-share-{sort}"));
    let head: &'static str = Box::leak(head.into_boxed_str());
    let share_head: &'static str = Box::leak(share_head.into_boxed_str());
    let heads = ["No.", head, share_head, "Requests", "Success rate", "Input", "Cached", "Output", "Tokens", "Cost"];
    claims.table("table.ranked", &heads, told);
    claims.texts("table.ranked tfoot td:nth-child(n+5)", figures(&totals).to_vec());
    claims.widths("table.ranked tbody .bar rect", bars);
    claims.attributes("table.ranked tbody polyline", "points", lines(look, span, (group, &measured), &ranked).await);
    claims
}

/// The lines that rows draw: what each comes to by hour, or by day (UTC) where the range is long, without the parts of
/// hours at its ends. A row of which nothing else is left has none.
async fn lines(look: &Look<'_>, span: Span, (group, measured): (&str, &str), ranked: &[String]) -> Vec<String> {
    const HOUR: i64 = 3_600_000;
    let step = if span.hourly() { HOUR } else { 24 * HOUR };
    let ends_now = look.asked("from").is_none();
    let (from, to) = ((span.from + HOUR - 1) / HOUR * HOUR, if ends_now { span.to + HOUR } else { span.to / HOUR * HOUR });
    let (first, last) = (span.from / step, (span.to - 1) / step);
    let sql = format!(
        "SELECT {group}, ts / {step} - {first}, CAST({measured} AS BIGINT) FROM {EVERY} \
         WHERE ts >= {from} AND ts < {to} GROUP BY 1, 2 ORDER BY 2"
    );
    let found = look.rows(&sql).await;
    let line = |of: &String| {
        let steps: BTreeMap<i64, i64> =
            found.iter().filter(|row| row.text(0) == *of).map(|row| (row.number(1), row.number(2))).collect();
        let most = *steps.values().max()? as f64;
        let point = |at: i64| {
            let amount = *steps.get(&at).unwrap_or(&0) as f64;
            format!("{:.1},{:.1}", at as f64 / (last - first) as f64 * 100.0, 23.0 - amount / most * 22.0)
        };
        (most > 0.0 && last > first).then(|| (0..=last - first).map(point).collect::<Vec<_>>().join(" "))
    };
    ranked.iter().filter_map(line).collect()
}

fn figures(sums: &Sums) -> [String; 7] {
    let good = share(sums.good, sums.requests);
    [
        number(sums.requests),
        good,
        number(sums.input),
        number(sums.cached),
        number(sums.output),
        number(sums.tokens()),
        usd(sums.cost, 4),
    ]
}

/// `/admin/audit`
pub async fn audit(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let mut only = "true".to_owned();
    if let Some(what) = look.asked("what") {
        only += &format!(" AND subject_kind = '{what}'");
    }
    match look.asked("range").as_deref() {
        // What is offered here as the first range is everything.
        Some("24h" | "7d" | "30d") => only += &format!(" AND ts >= {}", Span::asked(look, "24h").unwrap().from),
        None if look.asked("from").is_some() => only += &format!(" AND {}", Span::asked(look, "24h").unwrap().sql()),
        _ => {}
    }
    let all = look.number(&format!("SELECT count(*) FROM audit WHERE {only}")).await;
    claims.judged(".head p", &format!("{all} entries"), {
        let said = count(all, "entry", "entries");
        move |text| text.starts_with(&format!("{said} ·"))
    });
    look.foot(&mut claims, all);
    let sql = format!("SELECT before_json, after_json FROM audit WHERE {only} ORDER BY ts DESC, id DESC LIMIT 50");
    for (at, row) in look.rows(&sql).await.iter().enumerate() {
        let known = values(&[row.0[0].as_deref(), row.0[1].as_deref()]);
        let cell = format!("#list tbody tr:nth-child({}) td:nth-child(5)", at + 1);
        let (before, after) = (state(row, 0), state(row, 1));
        let changed = if before.is_object() && after.is_object() { differences(&before, &after).0 } else { 0 };
        // Two are named, the others counted.
        let more = if changed > 2 { format!("+{}", changed - 2) } else { String::new() };
        claims.judged(&cell, &format!("out of {known:?}, and then {more:?}"), move |said| {
            said.strip_suffix(more.as_str()).is_some_and(|named| all_known(named, &known))
        });
    }
    claims
}

/// `/admin/audit/{id}`
pub async fn deed(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let row = look.rows(&format!("SELECT before_json, after_json FROM audit WHERE id = {}", look.id())).await.remove(0);
    let known = values(&[row.0[0].as_deref(), row.0[1].as_deref()]);
    let (before, after) = (state(&row, 0), state(&row, 1));
    let same = differences(&before, &after).1;
    if same > 0 && before.is_object() && after.is_object() {
        claims.text("section[aria-labelledby=changes] summary", count(same as i64, "other field", "other fields"));
    }
    let cells = "section[aria-labelledby=changes] td:not(:first-child)";
    claims.each(cells, &format!("out of {known:?}"), move |said| all_known(said, &known));
    claims
}

/// A state of something; null where there was none.
fn state(row: &Cells, at: usize) -> Value {
    row.0[at].as_deref().map(|state| serde_json::from_str(state).unwrap()).unwrap_or_default()
}

/// How many fields of two states differ, and how many others there are. The balance follows from what was granted and spent, so
/// it is among the others.
fn differences(before: &Value, after: &Value) -> (usize, usize) {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    leaves("", before, &mut old);
    leaves("", after, &mut new);
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs =
        |field: &&&String| old.get(**field) != new.get(**field) && !["balanceUsd", "updatedAt"].contains(&field.as_str());
    let changed = fields.iter().filter(differs).count();
    (changed, fields.len() - changed)
}

fn leaves<'a>(path: &str, value: &'a Value, found: &mut BTreeMap<String, &'a Value>) {
    match value.as_object() {
        Some(fields) => fields.iter().for_each(|(name, value)| leaves(&format!("{path}.{name}"), value, found)),
        None => found.extend((!path.is_empty()).then(|| (path.trim_start_matches('.').to_owned(), value))),
    }
}

/// Every figure that two states of something name.
fn values(states: &[Option<&str>]) -> Vec<String> {
    let text = states.iter().flatten().copied().collect::<Vec<_>>().join(" ");
    words(&text)
}

/// Figures in a text, each without zeros that say nothing.
pub fn words(text: &str) -> Vec<String> {
    let plain = text.replace(',', "");
    let figures = plain
        .split(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .filter(|word| word.contains(|l: char| l.is_ascii_digit()));
    figures
        .map(|word| if word.contains('.') { word.trim_end_matches('0').trim_matches('.').to_owned() } else { word.to_owned() })
        .collect()
}

/// Whether all figures in a text are among those known.
fn all_known(said: &str, known: &[String]) -> bool {
    words(said).iter().all(|figure| known.contains(figure))
}

/// `/admin/data`
pub async fn archive(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let Some(day) = look.asked("before") else { return claims };
    let date: jiff::civil::Date = day.parse().unwrap();
    let before = date.to_zoned(look.zone.clone()).unwrap().timestamp().as_millisecond();
    let found = look.rows(&format!("SELECT count(*), min(ts), max(ts) FROM request_log WHERE ts < {before}")).await.remove(0);
    let time = |ms: i64| look.moment(ms, "%Y-%m-%d %H:%M");
    let (from, to) = (time(found.number(1)), time(found.number(2)));
    claims.text("[data-figure=archived]", format!("{} requests, from {from} to {to}", number(found.number(0))));
    claims
}

/// `/admin/data/archive/remove`
pub async fn archive_removal(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let day: jiff::civil::Date = look.asked("before").unwrap().parse().unwrap();
    let before = day.to_zoned(look.zone.clone()).unwrap().timestamp().as_millisecond();
    assert!(before < midnight(look.now, 0, &look.zone));
    let rows = look.number(&format!("SELECT count(*) FROM request_log WHERE ts < {before}")).await;
    claims.text("main h1", format!("Delete {} from the log?", count(rows, "request", "requests")));
    claims
}
