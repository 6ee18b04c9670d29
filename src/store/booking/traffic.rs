//! Counts of protocols, endings and times taken, per hour.

use std::collections::BTreeMap;

use actors::vocabulary::{Ending, Receipt};

use super::tables::{LatencyRow, TrafficRow};

const HOUR_MS: i64 = 3_600_000;

/// Requests by what was spoken on either side and how they ended, in the order of their primary key.
pub(super) fn traffic_of(receipts: &[&Receipt]) -> Vec<TrafficRow> {
    let mut counts: BTreeMap<TrafficRow, i64> = BTreeMap::new();
    for receipt in receipts {
        let row = TrafficRow {
            hour: hour_of(receipt),
            user_id: receipt.user_id.0,
            protocol: receipt.protocol.as_str(),
            upstream_protocol: receipt.upstream_protocol.map_or("", |protocol| protocol.as_str()),
            ending: receipt.ending.as_str(),
            status: i64::from(receipt.status),
            requests: 0,
        };
        *counts.entry(row).or_default() += 1;
    }
    counts.into_iter().map(|(row, requests)| TrafficRow { requests, ..row }).collect()
}

/// Completed requests by the time they took and the time their stream began after, in the order of their primary key.
pub(super) fn latencies_of(receipts: &[&Receipt]) -> Vec<LatencyRow> {
    let mut counts: BTreeMap<LatencyRow, i64> = BTreeMap::new();
    for receipt in receipts.iter().filter(|receipt| receipt.ending == Ending::Completed) {
        let times = [("duration", Some(receipt.timings.ended_ms)), ("ttft", receipt.ttft_ms())];
        for (measure, ms) in times.into_iter().filter_map(|(measure, ms)| Some((measure, ms?))) {
            let row =
                LatencyRow { hour: hour_of(receipt), user_id: receipt.user_id.0, measure, up_to_ms: step_of(ms), requests: 0 };
            *counts.entry(row).or_default() += 1;
        }
    }
    counts.into_iter().map(|(row, requests)| LatencyRow { requests, ..row }).collect()
}

fn hour_of(receipt: &Receipt) -> i64 {
    receipt.ts - receipt.ts.rem_euclid(HOUR_MS)
}

/// The end of the step that `ms` is counted in: up to 16 exact, then eight steps from each power of two to the next.
fn step_of(ms: i64) -> i64 {
    let ms = ms.max(0).cast_unsigned();
    if ms <= 16 {
        return ms.cast_signed();
    }
    let width = 1 << ((ms - 1).ilog2() - 3);
    (ms.div_ceil(width) * width).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_at_or_above_its_times_by_an_eighth_at_most() {
        for ms in (0..5_000).chain([600_000, 86_400_000]) {
            let step = step_of(ms);
            assert!(step >= ms && (step - ms) * 8 <= ms, "{ms} counts as {step}");
            assert_eq!(step_of(step), step, "an end belongs to its own step");
        }
        assert_eq!((step_of(16), step_of(17), step_of(1_000), step_of(1_025)), (16, 18, 1_024, 1_152));
    }
}
