//! The state of the system: beside what the process tells programs of itself, and what the database says of itself.

use reqwest::Method;
use serde_json::Value;

use super::Look;
use super::claims::Claims;
use super::format::{number, usd};
use crate::books::Books;

/// `/admin/system`
pub async fn figures(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let told = look.visitor.api(Method::GET, "/api/system", Value::Null).await;
    for name in [
        "inFlight",
        "slotsHeld",
        "unwrittenReceipts",
        "activeUsers",
        "cachedKeys",
        "liveReaders",
        "actorRestarts",
        "lostLogLines",
    ] {
        claims.text(&format!("[data-figure={name}]"), number(told[name].as_i64().unwrap()));
    }
    claims.text("[data-figure=inFlight] + .d", "none waits");
    claims.text("[data-figure=heldUsd]", usd(0, 4));
    claims.text("[data-figure=heldUsd] + .d", "by no request");
    let journal = told["journalBytes"].as_i64().unwrap() / 1_024;
    claims.text("[data-figure=unwrittenReceipts] + .d", format!("Journal {} KiB", number(journal)));
    claims.text("[data-figure=version]", told["health"]["version"].as_str().unwrap());
    claims.judged("[data-figure=uptime]", "a minute or so since the start", |said| {
        said.starts_with("up 0 h ") && said.ends_with(" min")
    });
    let memory = told["memoryBytes"].as_i64().unwrap_or_default() / (1 << 20);
    claims.judged("[data-figure=memory]", &format!("about {memory} MiB"), move |said| {
        let shown = said.trim_end_matches("MiB").replace(',', "").parse::<i64>();
        shown.is_ok_and(|shown| shown > 0 && (shown - memory).abs() <= memory / 4 + 8)
    });
    let instance = told["instanceId"].as_str().unwrap();
    claims.texts("[data-lease] .mono", vec![instance.to_owned(); 2]);
    claims.texts("[data-lease] small", vec!["this instance".to_owned(); 2]);
    database(look, &mut claims, &told).await;
    books(&mut claims, &told["books"]);
    growth(look, &mut claims, &told["growth"]).await;
    let rows = told["actors"].as_array().unwrap();
    for (at, actor) in rows.iter().enumerate() {
        let cell = |nth: usize| format!("table:has([data-actor]) tbody tr:nth-child({}) td:nth-child({nth})", at + 1);
        claims.text(&cell(3), number(actor["mailbox"].as_i64().unwrap()));
        claims.text(&cell(5), number(actor["restarts"].as_i64().unwrap()));
        let before = actor["handled"].as_i64().unwrap();
        claims.judged(&cell(4), &format!("{before} or a few more"), move |said| {
            said.replace(',', "").parse::<i64>().is_ok_and(|shown| (before..before + 1_000).contains(&shown))
        });
    }
    claims
}

/// Nothing waits long, nothing is set aside; disks are those of the machine.
fn books(claims: &mut Claims, told: &Value) {
    for name in ["setAside", "disbelievedUsage"] {
        assert_eq!(told[name], 0, "{told}");
        claims.text(&format!("[data-figure={name}]"), "0");
    }
    claims.judged("[data-figure=oldestUnbooked]", "nothing, or a moment", |said| said == "–" || said.ends_with('s'));
    let moment = |said: &str| said == "–" || (said.len() == 19 && said.starts_with("20"));
    claims.judged("[data-figure=lastBooked]", "a moment", moment);
    let disk = |told: Option<u64>| {
        move |said: &str| {
            let shown = said.trim_end_matches(" MiB").replace(',', "").parse::<u64>().unwrap_or(0);
            told.is_some_and(|told| shown.abs_diff(told >> 20) < 1 << 12)
        }
    };
    for (figure, name) in [("journalDisk", "journalDiskFreeBytes"), ("databaseDisk", "databaseDiskFreeBytes")] {
        let free = told[name].as_u64();
        if free.is_some() {
            claims.judged(&format!("[data-figure={figure}]"), "what the disk has left", disk(free));
        }
    }
}

/// Too few requests to say what one takes; those of the last week by the log, on the days that there were any.
async fn growth(look: &Look<'_>, claims: &mut Claims, told: &Value) {
    let week = look.now - 7 * 86_400_000;
    let (counted, first) = (
        look.number(&format!("SELECT count(*) FROM request_log WHERE ts >= {week}")).await
            + look.number(&format!("SELECT coalesce(sum(requests), 0) FROM refusals WHERE ts >= {week}")).await,
        look.number("SELECT coalesce(min(ts), 0) FROM request_log").await,
    );
    let days = ((look.now - first) as f64 / 86_400_000.0).clamp(1.0, 7.0);
    let a_day = counted as f64 / days;
    // The first quarter of an hour counts as a whole.
    claims.judged("[data-figure=requestsPerDay]", &format!("about {a_day}"), move |said| {
        said.replace(',', "").parse::<f64>().is_ok_and(|shown| (shown - a_day).abs() <= 1.0 + a_day * 0.02)
    });
    let kept = look.number("SELECT count(*) FROM request_log").await;
    assert!(kept < 500 && told["bytesPerRequest"].is_null() && told["bytesPerDay"].is_null(), "{kept}: {told}");
    claims.text("[data-figure=bytesPerRequest]", "–");
    claims.text("[data-figure=bytesPerRequest] + .d", "known from 500 requests on");
    claims.text("[data-figure=bytesPerDay]", "–");
    claims.text("[data-figure=retention]", "90 days");
    if matches!(look.books, Books::Sqlite(_)) {
        claims.text("[data-figure=fullInDays]", "–");
        claims.judged("[data-figure=diskLeft]", "what the disk has left", |said| said.ends_with(" MiB left"));
        let free = look.number("SELECT freelist_count * page_size FROM pragma_freelist_count(), pragma_page_size()").await;
        claims.judged("[data-figure=unusedBytes]", &format!("about {free} bytes"), move |said| {
            let shown = said.trim_end_matches(" KiB").replace(',', "").parse::<i64>();
            shown.is_ok_and(|shown| (shown - free / 1_024).abs() < 1_024)
        });
    }
}

/// Its version and size, by its own word.
async fn database(look: &Look<'_>, claims: &mut Claims, told: &Value) {
    let (name, version) = match look.books {
        Books::Sqlite(_) => ("SQLite", look.books.text("SELECT sqlite_version()").await),
        Books::Postgres(..) => ("PostgreSQL", look.books.text("SHOW server_version").await),
    };
    let bytes = match look.books {
        Books::Sqlite(_) => look.number("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").await,
        Books::Postgres(..) => look.number("SELECT pg_database_size(current_database())").await,
    };
    claims.text("[data-figure=database]", format!("{name} {version}"));
    let shown = told["databaseBytes"].as_i64().unwrap();
    claims.judged("[data-figure=databaseSize]", &format!("{bytes} bytes, or {shown}"), move |said| {
        let Some((size, latency)) = said.split_once(" · answers in ") else { return false };
        let Some((size, unit)) = size.split_once(' ') else { return false };
        let unit = match unit {
            "KiB" => 1_024.0,
            "MiB" => 1_048_576.0,
            _ => return false,
        };
        let size = size.replace(',', "").parse::<f64>().map(|size| size * unit);
        let near = size.is_ok_and(|size| (size - bytes as f64).abs() <= bytes as f64 * 0.1 + unit);
        near && latency.ends_with('s')
    });
}

/// `/docs`: how large a body may be, which nothing here changes.
pub async fn guide(_: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let accepted = "A request body may have up to 32 MiB; gzip, deflate, br and zstd are understood.";
    claims.texts("[data-figure=largestBody]", vec!["The body is larger than 32 MiB.".to_owned(), accepted.to_owned()]);
    claims
}

/// `/admin/settings`: what is set stands in the form; beside it stand the defaults, which those are that nobody changed.
pub async fn settings(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let changed = look.rows("SELECT name FROM settings").await;
    let told = look.visitor.api(Method::GET, "/api/settings", Value::Null).await;
    for (name, value) in told.as_object().unwrap().iter().filter(|(_, value)| value.is_number()) {
        let is_changed = changed.iter().any(|row| row.text(0) == *name);
        assert!(!is_changed || name == "claudeBillingMultiplier", "{name} was changed: what was it?");
        let value = if is_changed { 1.0 } else { value.as_f64().unwrap() };
        claims.judged(&format!(".setting:has([name='{name}']) .default > span"), &format!("the default {value}"), move |said| {
            let figure: String = said.chars().filter(|letter| letter.is_ascii_digit() || *letter == '.').collect();
            figure.parse::<f64>().is_ok_and(|shown| shown == value)
        });
    }
    claims
}
