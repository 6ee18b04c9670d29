//! What was spoken on either side of the gateway, what failed and how, and how long it took.

use schemars::JsonSchema;
use serde::Serialize;

use crate::services::{Served, Services};
use crate::store::stats::{self, SAMPLED, Span};
use crate::store::traffic::{self, TrafficSums};

/// How long completed requests took, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Half took at most this.
    pub duration_p50_ms: Option<i64>,
    /// 95 of 100 took at most this.
    pub duration_p95_ms: Option<i64>,
    /// Half of the streams began by then.
    pub ttft_p50_ms: Option<i64>,
    /// 95 of 100 streams began by then.
    pub ttft_p95_ms: Option<i64>,
    /// Whether the figures come from hourly counts, since there are more than 10,000 requests: up to an eighth too high.
    pub rounded: bool,
}

/// Requests that failed alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorNumbers {
    /// How they ended.
    pub ending: String,
    /// The status clients got.
    pub status: i64,
    /// How many.
    pub requests: i64,
}

/// Requests that were asked alike on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProtocolNumbers {
    /// What clients spoke.
    pub protocol: String,
    /// What the channel was asked in; null = none was asked.
    pub upstream_protocol: Option<String>,
    /// How many.
    pub requests: i64,
    /// Completed with a status below 400.
    pub successes: i64,
}

/// Percentiles: of the requests themselves, or of their hourly counts where they are too many to look at, or where the log keeps
/// fewer of them than the `successes` that were counted.
pub(super) async fn latency(services: &Services, span: &Span, successes: i64) -> Served<Latency> {
    if successes <= SAMPLED {
        let rows = stats::durations(&services.db, span).await?;
        if i64::try_from(rows.len()).is_ok_and(|kept| (successes..=SAMPLED).contains(&kept)) {
            return Ok(Latency::of_rows(&rows));
        }
    }
    let (durations, ttfts) = traffic::latencies(&services.db, span).await?;
    Ok(Latency {
        duration_p50_ms: step(&durations, 50),
        duration_p95_ms: step(&durations, 95),
        ttft_p50_ms: step(&ttfts, 50),
        ttft_p95_ms: step(&ttfts, 95),
        rounded: true,
    })
}

impl Latency {
    fn of_rows(rows: &[(i64, Option<i64>)]) -> Self {
        let mut durations: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let mut ttfts: Vec<i64> = rows.iter().filter_map(|row| row.1).collect();
        durations.sort_unstable();
        ttfts.sort_unstable();
        Self {
            duration_p50_ms: percentile(&durations, 50),
            duration_p95_ms: percentile(&durations, 95),
            ttft_p50_ms: percentile(&ttfts, 50),
            ttft_p95_ms: percentile(&ttfts, 95),
            rounded: false,
        }
    }
}

/// What did not succeed, the most frequent first.
pub(super) fn by_error(asked: &[TrafficSums]) -> Vec<ErrorNumbers> {
    let mut kinds: Vec<ErrorNumbers> = Vec::new();
    for sums in asked.iter().filter(|sums| !succeeded(sums)) {
        match kinds.iter_mut().find(|kind| kind.ending == sums.ending && kind.status == sums.status) {
            Some(kind) => kind.requests += sums.requests,
            None => kinds.push(ErrorNumbers { ending: sums.ending.clone(), status: sums.status, requests: sums.requests }),
        }
    }
    kinds.sort_by_key(|kind| -kind.requests);
    kinds
}

/// What was spoken on either side, the most frequent first.
pub(super) fn by_protocol(asked: &[TrafficSums]) -> Vec<ProtocolNumbers> {
    let mut pairs: Vec<ProtocolNumbers> = Vec::new();
    for sums in asked {
        let upstream_protocol = Some(sums.upstream_protocol.clone()).filter(|name| !name.is_empty());
        let same = |pair: &&mut ProtocolNumbers| pair.protocol == sums.protocol && pair.upstream_protocol == upstream_protocol;
        let successes = if succeeded(sums) { sums.requests } else { 0 };
        match pairs.iter_mut().find(same) {
            Some(pair) => {
                pair.requests += sums.requests;
                pair.successes += successes;
            }
            None => {
                let protocol = sums.protocol.clone();
                pairs.push(ProtocolNumbers { protocol, upstream_protocol, requests: sums.requests, successes });
            }
        }
    }
    pairs.sort_by_key(|pair| -pair.requests);
    pairs
}

fn succeeded(sums: &TrafficSums) -> bool {
    sums.ending == "completed" && sums.status < 400
}

/// The smallest value that `percent` of all are not above.
pub(in crate::services) fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

/// [`percentile`] of what was counted by steps, the smallest first.
fn step(steps: &[(i64, i64)], percent: i64) -> Option<i64> {
    let all: i64 = steps.iter().map(|step| step.1).sum();
    let wanted = (all * percent + 99) / 100;
    let mut seen = 0;
    steps
        .iter()
        .find(|step| {
            seen += step.1;
            seen >= wanted
        })
        .map(|step| step.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let sorted: Vec<i64> = (1..=100).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 95)), (Some(50), Some(95)));
        assert_eq!((percentile(&[7], 95), percentile(&[], 50)), (Some(7), None));
    }

    #[test]
    fn steps_give_the_percentiles_of_what_they_count() {
        let each: Vec<(i64, i64)> = (1..=100).map(|ms| (ms, 1)).collect();
        assert_eq!((step(&each, 50), step(&each, 95)), (Some(50), Some(95)));
        assert_eq!((step(&[(8, 9), (64, 1)], 50), step(&[(8, 9), (64, 1)], 95)), (Some(8), Some(64)));
        assert_eq!((step(&[], 50), step(&[(7, 1)], 95)), (None, Some(7)));
    }
}
