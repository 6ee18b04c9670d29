//! What the charts of an overview draw. Figures for the eye alone: floats, unlike everything that is written out.

use minijinja::{Value, context};
use serde_json::json;

use crate::console::visit::Visit;
use crate::services::reports::{Numbers, Stats};

const MINUTE_MS: f64 = 60_000.0;

/// Tokens by kind, cost and requests, and (for admins) throughput, over time.
pub(super) fn of(visit: &Visit, stats: &Stats) -> Value {
    let numbers = || stats.series.iter().map(|point| &point.numbers);
    let series = |pick: fn(&Numbers) -> f64| numbers().map(pick).collect::<Vec<_>>();
    let tokens = json!([
        { "name": visit.say("tokens-in"), "c": "c1", "fmt": "n", "y": series(|numbers| (numbers.tokens_in + numbers.cache_creation_tokens) as f64) },
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

fn all_tokens(numbers: &Numbers) -> i64 {
    numbers.tokens_in + numbers.tokens_out + numbers.cache_read_tokens + numbers.cache_creation_tokens
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
