//! Numbers of a range beside those of the range before: one's own at `/console`, everybody's at `/admin`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use minijinja::{Value, context};
use serde::Serialize;

use super::charts;
use crate::console::format;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::reports::{self, Numbers, RankingQuery, Rankings, Stats, StatsQuery};
use crate::services::system::{self, TrafficQuery};
use crate::services::{Actor, Served, accounts, keys};

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
    let (stats, figures) = figures(visit, actor, StatsQuery { user_id, ..wanted(visit, "24h") }).await?;
    let of_whom = if visit.of_all() {
        let keys: Vec<i64> = stats.by_key.iter().take(ROWS).map(|row| row.key_id).collect();
        let owners = keys::owners(visit.services(), actor, &keys).await?;
        context! { users => shown(&largest_users(visit, actor, &stats).await?), owners => shown(&owners) }
    } else {
        context! { account => shown(&accounts::me(visit.services(), actor).await?) }
    };
    let traffic = system::traffic(&*visit.console.system.0, actor, &TrafficQuery { user_id })?;
    let traffic = context! { traffic => shown(&traffic) };
    Ok(visit.page(StatusCode::OK, "overview.html", context! { ..traffic, ..of_whom, ..figures }))
}

/// The figures of a range beside those of the range before, as they are and as `figures/` shows them.
pub(super) async fn figures(visit: &Visit, actor: &Actor, query: StatsQuery) -> Served<(Stats, Value)> {
    let services = visit.services();
    let user_id = query.user_id;
    let stats = reports::stats(services, actor, query).await?;
    let custom = |from, to| StatsQuery { range: Some("custom".to_owned()), from: Some(from), to: Some(to), user_id };
    let before = custom((stats.from - (stats.to - stats.from)).max(0), stats.from);
    let before = reports::totals(services, actor, &before).await?;
    let figures = context! {
        stats => shown(&stats),
        ranges => shown(&RANGES),
        changes => changes(&stats.totals, &before),
        cached => cached(&stats.totals),
        tokens => tokens(&stats.totals),
        chart => charts::of(visit, &stats),
        lines => charts::lines(&stats),
        rows => ROWS,
    };
    Ok((stats, figures))
}

async fn largest_users(visit: &Visit, actor: &Actor, stats: &Stats) -> Served<Rankings> {
    let limit = i64::try_from(ROWS).ok();
    let query = RankingQuery {
        range: Some("custom".to_owned()),
        from: Some(stats.from),
        to: Some(stats.to.max(stats.from + 1)),
        limit,
        ..RankingQuery::default()
    };
    reports::rankings(visit.services(), actor, query).await
}

/// The range in the address: a named one, or two days with the last one whole; else `usual`.
pub(super) fn wanted(visit: &Visit, usual: &str) -> StatsQuery {
    if let (Some(from), Some(to)) = days(visit) {
        return StatsQuery { range: Some("custom".to_owned()), from: Some(from), to: Some(to), ..StatsQuery::default() };
    }
    let range = visit.asked("range").filter(|range| RANGES.contains(&range.as_str()));
    StatsQuery { range: Some(range.unwrap_or_else(|| usual.to_owned())), ..StatsQuery::default() }
}

/// From when to when the days in the address are, the last one whole.
pub(super) fn days(visit: &Visit) -> (Option<i64>, Option<i64>) {
    let zone = format::zone(&visit.services().settings.settings().timezone);
    let day = |name, time| visit.asked(name).and_then(|day| format::read_moment(&format!("{day}T{time}"), &zone));
    (day("from", "00:00"), day("to", "23:59:59.999").map(|last| last + 1))
}

/// All input tokens, cached or not.
fn input(numbers: &Numbers) -> i64 {
    numbers.tokens_in.saturating_add(numbers.cache_read_tokens).saturating_add(numbers.cache_creation_tokens)
}

/// All tokens.
pub(super) fn tokens(numbers: &Numbers) -> i64 {
    input(numbers) + numbers.tokens_out
}

/// The part of the input that came from a cache.
pub(super) fn cached(numbers: &Numbers) -> Option<f64> {
    let all = input(numbers);
    (all > 0).then(|| numbers.cache_read_tokens as f64 / all as f64)
}

/// A change against the range before.
#[derive(Serialize)]
struct Change {
    /// `12.4%` or `0.3 pt`, without a sign.
    text: String,
    up: bool,
}

/// What changed against the range before; nothing where there was nothing to compare with.
fn changes(now: &Numbers, before: &Numbers) -> Value {
    let relative = |now: i64, before: i64| {
        (before > 0).then(|| {
            let tenths = (i128::from(now - before).abs() * 1_000 + i128::from(before) / 2) / i128::from(before);
            // Beyond that the figure says nothing but that there was little before.
            let text = if tenths < 10_000 { format!("{}.{}%", tenths / 10, tenths % 10) } else { ">999%".to_owned() };
            Change { text, up: now > before }
        })
    };
    let points = |now: Option<f64>, before: Option<f64>| {
        let change = (now? - before?) * 100.0;
        Some(Change { text: format!("{:.1} pt", change.abs()), up: change > 0.0 })
    };
    context! {
        requests => shown(&relative(now.requests, before.requests)),
        tokens => shown(&relative(tokens(now), tokens(before))),
        cost => shown(&relative(now.cost_usd.0.0, before.cost_usd.0.0)),
        success => shown(&points(now.success_rate, before.success_rate)),
        cached => shown(&points(cached(now), cached(before))),
    }
}
