//! What is drawn of a range: charts with what they say of themselves, and the small lines of tiles.

use serde_json::Value;

use super::Look;
use super::claims::Claims;
use super::format::{number, usd};
use super::overview::{EVERY, SUMS, Sums, sums};
use super::range::Span;

/// What charts are drawn from, and what they say to those who do not see them.
pub async fn drawn(look: &Look<'_>, claims: &mut Claims, span: Span, whose: &str) {
    let all = sums(look, span, whose).await;
    if all.requests == 0 {
        return;
    }
    let points = by_point(look, span, whose).await;
    let draw = |pick: fn(&Sums) -> f64| points.iter().map(pick).collect::<Vec<_>>();
    let tokens = [draw(|sums| sums.input as f64), draw(|sums| sums.cached as f64), draw(|sums| sums.output as f64)];
    let cost = [draw(|sums| sums.cost as f64 / 1e9), draw(|sums| sums.requests as f64)];
    let total: f64 = tokens.iter().flatten().sum();
    assert_eq!(total as i64, all.tokens(), "points add up to the whole");
    for (name, series, says) in [
        ("chart-tokens", tokens.to_vec(), format!("{} tokens over the whole range", number(all.tokens()))),
        ("chart-cost", cost.to_vec(), format!("{} over the whole range", usd(all.cost, 4))),
    ] {
        let chart = format!("section[aria-labelledby={name}] [data-chart]");
        claims.attributes(&chart, "aria-label", vec![says]);
        points_of(look, claims, &format!("{chart} script"), span, series);
    }
}

/// Sums of each point of a range.
async fn by_point(look: &Look<'_>, span: Span, whose: &str) -> Vec<Sums> {
    let starts = span.points(&look.zone);
    let mut points = vec![Sums::default(); starts.len()];
    let each = format!("SELECT ts, {SUMS} FROM {EVERY} WHERE {} AND {whose} GROUP BY ts", span.sql());
    for row in look.rows(&each).await {
        let at = starts.iter().rposition(|start| *start <= row.number(0)).unwrap();
        points[at].add(&Sums::of(&row, 1));
    }
    points
}

/// The points that a chart draws.
fn points_of(look: &Look<'_>, claims: &mut Claims, script: &str, span: Span, series: Vec<Vec<f64>>) {
    let starts: Vec<i64> = span.points(&look.zone).into_iter().map(|ms| ms / 1_000).collect();
    let bucket = if span.hourly() { "hour" } else { "day" };
    claims.judged(script, &format!("{bucket}s {starts:?}: {series:?}"), move |json| {
        let chart: Value = serde_json::from_str(json).unwrap();
        let shown: Vec<Vec<f64>> =
            chart["series"].as_array().unwrap().iter().map(|one| serde_json::from_value(one["y"].clone()).unwrap()).collect();
        // The last point of what is per minute lasts until a moment ago.
        let near = |one: &f64, other: &f64| (one - other).abs() <= other.abs() * 0.15 + 1e-9;
        let exact = |one: &f64, other: &f64| (one - other).abs() < 1e-9;
        let alike = |shown: &[f64], known: &[f64]| {
            shown.len() == known.len()
                && shown.iter().zip(known).enumerate().all(|(at, (one, other))| {
                    let ends = at == 0 || at + 1 == known.len();
                    exact(one, other) || (ends && one.fract() != 0.0 && near(one, other))
                })
        };
        chart["x"] == serde_json::json!(starts)
            && chart["bucket"] == bucket
            && shown.len() == series.len()
            && shown.iter().zip(&series).all(|(shown, known)| alike(shown, known))
    });
}

/// Means per minute.
pub async fn throughput(look: &Look<'_>, claims: &mut Claims, span: Span) {
    let points = by_point(look, span, "true").await;
    if points.iter().all(|point| point.requests == 0) {
        return;
    }
    let starts = span.points(&look.zone);
    let ends = starts.iter().copied().skip(1).chain([span.to]);
    let minutes: Vec<f64> =
        starts.iter().zip(ends).map(|(from, to)| ((to - (*from).max(span.from)) as f64 / 60_000.0).max(1.0)).collect();
    let per_minute =
        |pick: fn(&Sums) -> i64| points.iter().zip(&minutes).map(|(sums, minutes)| pick(sums) as f64 / minutes).collect();
    let series: Vec<Vec<f64>> = vec![per_minute(|sums| sums.requests), per_minute(Sums::tokens)];
    let most = series.iter().map(|rates| rates.iter().copied().fold(0.0, f64::max)).collect::<Vec<_>>();
    let chart = "section[aria-labelledby=throughput] [data-chart]";
    claims.near(chart, "aria-label", "At most # requests and # tokens per minute", most);
    points_of(look, claims, &format!("{chart} script"), span, series);
}

/// How each figure of a tile went over the range: counts from nothing to the largest, shares from nothing to all.
pub async fn small(look: &Look<'_>, claims: &mut Claims, span: Span, whose: &str) {
    let points = by_point(look, span, whose).await;
    let part = |part: i64, whole: i64| (whole > 0).then(|| part as f64 / whole as f64);
    let amount = |pick: fn(&Sums) -> i64| {
        let most = points.iter().map(pick).max().unwrap_or(0);
        points.iter().map(|sums| part(pick(sums), most)).collect::<Vec<_>>()
    };
    let of = |pick: &dyn Fn(&Sums) -> Option<f64>| points.iter().map(pick).collect::<Vec<_>>();
    for (name, heights) in [
        ("requests", amount(|sums| sums.requests)),
        ("success", of(&|sums| part(sums.good, sums.requests))),
        ("tokens", amount(Sums::tokens)),
        ("cost", amount(|sums| sums.cost)),
        ("cached", of(&|sums| part(sums.cached, sums.input + sums.cached))),
    ] {
        let across = heights.len().saturating_sub(1) as f64;
        // From left to right, and from 23 at the bottom of the box to 1 near its top.
        let place = |(at, height): (usize, Option<f64>)| Some((at as f64 * 100.0 / across, 23.0 - 22.0 * height?));
        let corners: Vec<(f64, f64)> = heights.into_iter().enumerate().filter_map(place).collect();
        claims.line(&format!("[data-figure={name}] ~ .spark polyline"), corners);
    }
}
