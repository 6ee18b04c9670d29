//! Numbers of a range beside those of the range before: one's own at `/console`, everybody's at `/admin`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use minijinja::{Value, context};
use serde::Serialize;
use serde_json::json;

use crate::console::format;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::reports::{self, Stats, StatsQuery};
use crate::services::{Actor, Served, accounts};

/// The ranges that are offered by name.
pub(super) const RANGES: [&str; 4] = ["today", "24h", "7d", "30d"];
/// Rows in a table of models, keys or channels.
const ROWS: usize = 10;

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/console", web::get().to(own)).route("/admin", web::get().to(of_all));
}

/// `GET /console`
async fn own(signed_in: SignedIn) -> HttpResponse {
    show(&signed_in).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

/// `GET /admin`
async fn of_all(Admin(signed_in): Admin) -> HttpResponse {
    own(signed_in).await
}

async fn show(SignedIn { visit, actor }: &SignedIn) -> Served<HttpResponse> {
    let user_id = (!visit.of_all()).then_some(actor.id.0);
    let figures = figures(visit, actor, StatsQuery { user_id, ..wanted(visit, "24h") }).await?;
    let me = accounts::me(visit.services(), actor).await?;
    Ok(visit.page(StatusCode::OK, "overview.html", context! { account => shown(&me), ..figures }))
}

/// The figures of a range beside those of the range before, as `figures/` shows them.
pub(super) async fn figures(visit: &Visit, actor: &Actor, query: StatsQuery) -> Served<Value> {
    let services = visit.services();
    let user_id = query.user_id;
    let stats = reports::stats(services, actor, query).await?;
    let length = stats.to - stats.from;
    let before =
        StatsQuery { range: Some("custom".to_owned()), from: Some((stats.from - length).max(0)), to: Some(stats.from), user_id };
    let before = reports::stats(services, actor, before).await?;
    Ok(context! {
        stats => shown(&stats),
        ranges => shown(&RANGES),
        changes => changes(&stats, &before),
        cached => share(stats.totals.cache_read_tokens, input(&stats)),
        tokens => input(&stats) + stats.totals.tokens_out,
        chart => chart(visit, &stats),
        rows => ROWS,
    })
}

/// The range in the address: a named one, or two days with the last one whole; else `usual`.
pub(super) fn wanted(visit: &Visit, usual: &str) -> StatsQuery {
    let zone = format::zone(&visit.services().settings.settings().timezone);
    let day = |name, time| visit.asked(name).and_then(|day| format::read_moment(&format!("{day}T{time}"), &zone));
    if let (Some(from), Some(to)) = (day("from", "00:00"), day("to", "23:59:59.999")) {
        return StatsQuery { range: Some("custom".to_owned()), from: Some(from), to: Some(to + 1), ..StatsQuery::default() };
    }
    let range = visit.asked("range").filter(|range| RANGES.contains(&range.as_str()));
    StatsQuery { range: Some(range.unwrap_or_else(|| usual.to_owned())), ..StatsQuery::default() }
}

/// All input tokens, cached or not.
fn input(stats: &Stats) -> i64 {
    stats.totals.tokens_in + stats.totals.cache_read_tokens + stats.totals.cache_creation_tokens
}

/// A change against the range before.
#[derive(Serialize)]
struct Change {
    /// `12.4%` or `0.3 pt`, without a sign.
    text: String,
    up: bool,
}

/// What changed against the range before; nothing where there was nothing to compare with.
fn changes(now: &Stats, before: &Stats) -> Value {
    let (after, earlier) = (&now.totals, &before.totals);
    let relative = |now: i64, before: i64| {
        (before > 0).then(|| {
            let tenths = (i128::from(now - before).abs() * 1_000 + i128::from(before) / 2) / i128::from(before);
            Change { text: format!("{}.{}%", tenths / 10, tenths % 10), up: now > before }
        })
    };
    let points = |now: Option<f64>, before: Option<f64>| {
        let change = (now? - before?) * 100.0;
        Some(Change { text: format!("{:.1} pt", change.abs()), up: change > 0.0 })
    };
    let cached = |stats: &Stats| share(stats.totals.cache_read_tokens, input(stats));
    context! {
        requests => shown(&relative(after.requests, earlier.requests)),
        tokens => shown(&relative(input(now) + after.tokens_out, input(before) + earlier.tokens_out)),
        cost => shown(&relative(after.cost_usd.0.0, earlier.cost_usd.0.0)),
        success => shown(&points(after.success_rate, earlier.success_rate)),
        cached => shown(&points(cached(now), cached(before))),
    }
}

fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What the charts draw: tokens by kind, and the cost, over time. Figures for the eye alone.
fn chart(visit: &Visit, stats: &Stats) -> Value {
    let series = |pick: fn(&reports::Numbers) -> f64| stats.series.iter().map(|point| pick(&point.numbers)).collect::<Vec<_>>();
    let times: Vec<i64> = stats.series.iter().map(|point| point.ts / 1_000).collect();
    let zone = visit.services().settings.settings().timezone;
    let common = json!({ "x": times, "zone": zone, "bucket": stats.bucket });
    let chart = |kind: &str, series: serde_json::Value| {
        let mut chart = common.clone();
        chart["kind"] = json!(kind);
        chart["series"] = series;
        chart.to_string()
    };
    let tokens = json!([
        { "name": visit.say("tokens-in"), "c": "c1", "fmt": "n", "y": series(|numbers| (numbers.tokens_in + numbers.cache_creation_tokens) as f64) },
        { "name": visit.say("cached"), "c": "c3", "fmt": "n", "y": series(|numbers| numbers.cache_read_tokens as f64) },
        { "name": visit.say("tokens-out"), "c": "c2", "fmt": "n", "y": series(|numbers| numbers.tokens_out as f64) },
    ]);
    let cost = json!([
        { "name": visit.say("cost"), "c": "c1", "fmt": "usd", "fill": true, "y": series(|numbers| numbers.cost_usd.0.0 as f64 / 1e9) },
        { "name": visit.say("requests"), "c": "c2", "fmt": "n", "axis": "r", "dash": [4, 3], "y": series(|numbers| numbers.requests as f64) },
    ]);
    context! { tokens => chart("stack", tokens), cost => chart("line", cost) }
}
