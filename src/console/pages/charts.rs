//! What the charts of an overview draw. Figures for the eye alone: floats, unlike everything that is written out.

use minijinja::{Value, context};
use serde::Serialize;

use super::drawn::Drawing;
use super::overview::cached;
use crate::console::render::shown;
use crate::console::visit::Visit;
use crate::services::reports::{Numbers, Stats};

const MINUTE_MS: f64 = 60_000.0;
const DASHES: [u8; 2] = [4, 3];

/// A chart over time, as `static/src/chart.js` reads it.
#[derive(Serialize)]
pub(super) struct Chart {
    /// Epoch seconds.
    pub(super) x: Vec<i64>,
    pub(super) zone: String,
    pub(super) bucket: &'static str,
    /// `stack` or `line`.
    pub(super) kind: &'static str,
    pub(super) series: Vec<Series>,
}

/// One figure of a chart.
#[derive(Serialize)]
pub(super) struct Series {
    pub(super) name: String,
    /// Its colour's token.
    pub(super) c: &'static str,
    /// How its figures are written: `n`, `rate` or `usd`.
    pub(super) fmt: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fill: Option<bool>,
    /// `r` for the axis on the right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) axis: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dash: Option<[u8; 2]>,
    pub(super) y: Vec<f64>,
}

impl Series {
    fn new(name: String, c: &'static str, fmt: &'static str, y: Vec<f64>) -> Self {
        Self { name, c, fmt, fill: None, axis: None, dash: None, y }
    }

    /// The line of what the chart is about.
    fn main(name: String, fmt: &'static str, y: Vec<f64>) -> Self {
        Self { fill: Some(true), ..Self::new(name, "c1", fmt, y) }
    }

    /// The line on an axis of its own.
    fn beside(name: String, fmt: &'static str, y: Vec<f64>) -> Self {
        Self { axis: Some("r"), dash: Some(DASHES), ..Self::new(name, "c2", fmt, y) }
    }
}

/// Tokens by kind, cost and requests, and (for admins) throughput, over time.
pub(super) fn of(visit: &Visit, stats: &Stats) -> Value {
    let series = |pick: fn(&Numbers) -> f64| stats.series.iter().map(|point| pick(&point.numbers)).collect::<Vec<_>>();
    let tokens = vec![
        Series::new(
            visit.say("tokens-in"),
            "c1",
            "n",
            series(|numbers| numbers.tokens_in as f64 + numbers.cache_creation_tokens as f64),
        ),
        Series::new(visit.say("cached"), "c3", "n", series(|numbers| numbers.cache_read_tokens as f64)),
        Series::new(visit.say("tokens-out"), "c2", "n", series(|numbers| numbers.tokens_out as f64)),
    ];
    let cost = vec![
        Series::main(visit.say("cost"), "usd", series(|numbers| numbers.cost_usd.0.0 as f64 / 1e9)),
        Series::beside(visit.say("requests"), "n", series(|numbers| numbers.requests as f64)),
    ];
    let (requests, tokens_out) = (per_minute(stats, |numbers| numbers.requests), per_minute(stats, all_tokens));
    let peak = |rates: &[f64]| format!("{:.1}", rates.iter().copied().fold(0.0, f64::max));
    let (most_requests, most_tokens) = (peak(&requests), peak(&tokens_out));
    let throughput = vec![
        Series::main(visit.say("requests-per-minute"), "rate", requests),
        Series::beside(visit.say("tokens-per-minute"), "rate", tokens_out),
    ];
    context! {
        tokens => chart(visit, stats, "stack", tokens),
        cost => chart(visit, stats, "line", cost),
        throughput => chart(visit, stats, "line", throughput),
        most_requests,
        most_tokens,
    }
}

/// What the front end's chart library draws; drawn already where it has none.
fn chart(visit: &Visit, stats: &Stats, kind: &'static str, series: Vec<Series>) -> Value {
    let zone = visit.services().settings.settings().timezone;
    let x = stats.series.iter().map(|point| point.ts / 1_000).collect();
    let chart = Chart { x, zone, bucket: stats.bucket, kind, series };
    if visit.console.front_end.with_npm {
        return context! { json => serde_json::to_string(&chart).unwrap_or_default() };
    }
    context! { drawn => shown(&Drawing::of(&chart)) }
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
