//! What the charts of an overview draw. Figures for the eye alone: floats, unlike everything that is written out.

use minijinja::{Value, context};
use serde_json::json;

use super::overview::cached;
use crate::console::visit::Visit;
use crate::services::reports::{Numbers, Stats};

const MINUTE_MS: f64 = 60_000.0;

/// Tokens by kind, cost and requests, and (for admins) throughput, over time.
pub(super) fn of(visit: &Visit, stats: &Stats) -> Value {
    let numbers = || stats.series.iter().map(|point| &point.numbers);
    let series = |pick: fn(&Numbers) -> f64| numbers().map(pick).collect::<Vec<_>>();
    let tokens = json!([
        { "name": visit.say("tokens-in"), "c": "c1", "fmt": "n", "y": series(|numbers| numbers.tokens_in as f64 + numbers.cache_creation_tokens as f64) },
        { "name": visit.say("cached"), "c": "c3", "fmt": "n", "y": series(|numbers| numbers.cache_read_tokens as f64) },
        { "name": visit.say("tokens-out"), "c": "c2", "fmt": "n", "y": series(|numbers| numbers.tokens_out as f64) },
    ]);
    let cost = json!([
        { "name": visit.say("cost"), "c": "c1", "fmt": "usd", "fill": true, "y": series(|numbers| numbers.cost_usd.0.0 as f64 / 1e9) },
        { "name": visit.say("requests"), "c": "c2", "fmt": "n", "axis": "r", "dash": [4, 3], "y": series(|numbers| numbers.requests as f64) },
    ]);
    let (requests, tokens_out) = (per_minute(stats, |numbers| numbers.requests), per_minute(stats, all_tokens));
    let peak = |rates: &[f64]| format!("{:.1}", rates.iter().copied().fold(0.0, f64::max));
    let (most_requests, most_tokens) = (peak(&requests), peak(&tokens_out));
    let throughput = json!([
        { "name": visit.say("requests-per-minute"), "c": "c1", "fmt": "rate", "fill": true, "y": requests },
        { "name": visit.say("tokens-per-minute"), "c": "c2", "fmt": "rate", "axis": "r", "dash": [4, 3], "y": tokens_out },
    ]);
    context! {
        tokens => chart(visit, stats, "stack", tokens),
        cost => chart(visit, stats, "line", cost),
        throughput => chart(visit, stats, "line", throughput),
        most_requests,
        most_tokens,
    }
}

fn chart(visit: &Visit, stats: &Stats, kind: &str, series: serde_json::Value) -> String {
    let times: Vec<i64> = stats.series.iter().map(|point| point.ts / 1_000).collect();
    let zone = visit.services().settings.settings().timezone;
    json!({ "x": times, "zone": zone, "bucket": stats.bucket, "kind": kind, "series": series }).to_string()
}

/// Lines as small as words, for the tiles: how each figure went over the range.
pub(super) fn lines(stats: &Stats) -> Value {
    let amount = |pick: fn(&Numbers) -> i64| line(stats, |numbers| Some(pick(numbers) as f64), None);
    context! {
        requests => amount(|numbers| numbers.requests),
        success => line(stats, |numbers| numbers.success_rate, Some(1.0)),
        tokens => amount(all_tokens),
        cost => amount(|numbers| numbers.cost_usd.0.0),
        cached => line(stats, cached, Some(1.0)),
    }
}

/// The points of a polyline in a box of 100 by 24, from 0 at its bottom to `most` (or the largest) at its top. A point
/// without a figure is left out; nothing where fewer than two have one.
fn line(stats: &Stats, pick: impl Fn(&Numbers) -> Option<f64>, most: Option<f64>) -> Option<String> {
    let known: Vec<(f64, f64)> =
        stats.series.iter().enumerate().filter_map(|(at, point)| Some((at as f64, pick(&point.numbers)?))).collect();
    drawn(&known, stats.series.len(), most)
}

/// The points of one of a ranking, as those of a tile's line.
pub(super) fn trend(amounts: &[i64]) -> Option<String> {
    let known: Vec<(f64, f64)> = amounts.iter().enumerate().map(|(at, amount)| (at as f64, *amount as f64)).collect();
    drawn(&known, amounts.len(), None)
}

fn drawn(known: &[(f64, f64)], places: usize, most: Option<f64>) -> Option<String> {
    let last = places.saturating_sub(1) as f64;
    let most = most.unwrap_or_else(|| known.iter().map(|(_, figure)| *figure).fold(0.0, f64::max));
    if known.len() < 2 || most <= 0.0 {
        return None;
    }
    let point = |(at, figure): &(f64, f64)| format!("{:.1},{:.1}", at / last * 100.0, 23.0 - figure / most * 22.0);
    Some(known.iter().map(point).collect::<Vec<_>>().join(" "))
}

fn all_tokens(numbers: &Numbers) -> i64 {
    let others = [numbers.tokens_out, numbers.cache_read_tokens, numbers.cache_creation_tokens];
    others.into_iter().fold(numbers.tokens_in, i64::saturating_add)
}

/// Means over each point's time: of the first and the last only the part that is in the range.
fn per_minute(stats: &Stats, pick: fn(&Numbers) -> i64) -> Vec<f64> {
    let ends = stats.series.iter().skip(1).map(|point| point.ts).chain([stats.to]);
    let means = stats.series.iter().zip(ends).map(|(point, end)| {
        let minutes = (end.min(stats.to) - point.ts.max(stats.from)) as f64 / MINUTE_MS;
        // A point that has only begun says nothing of a minute yet.
        pick(&point.numbers) as f64 / minutes.max(1.0)
    });
    means.collect()
}
