//! Counts of protocols, endings and times taken, by hour and by day.

use std::collections::BTreeMap;

use actors::vocabulary::{Ending, Receipt};
use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::counted::Times;
use super::tables::pieces;
use super::usage::{day_of, hour_of};
use crate::store::db::Stored;
use crate::store::stats::EVERYBODY;

const ADD_TRAFFIC: &str = "INSERT INTO traffic_hourly (user_id, hour, protocol, upstream_protocol, ending, status, requests) ";
const ON_TRAFFIC: &str = " ON CONFLICT (user_id, hour, protocol, upstream_protocol, ending, status) DO UPDATE SET \
    requests = traffic_hourly.requests + excluded.requests";
const ADD_HOURS: &str = "INSERT INTO latency_hourly (hour, measure, up_to_ms, requests) ";
const ON_HOUR: &str =
    " ON CONFLICT (hour, measure, up_to_ms) DO UPDATE SET requests = latency_hourly.requests + excluded.requests";
const ADD_DAYS: &str = "INSERT INTO latency_daily (user_id, day, measure, up_to_ms, requests) ";
const ON_DAY: &str =
    " ON CONFLICT (user_id, day, measure, up_to_ms) DO UPDATE SET requests = latency_daily.requests + excluded.requests";

/// What one hour gains by way of asking and ending.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TrafficRow {
    user_id: i64,
    hour: i64,
    protocol: &'static str,
    upstream_protocol: &'static str,
    ending: &'static str,
    status: i64,
    requests: i64,
}

/// What one hour of everybody, or one day of a user, gains by way of time taken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LatencyRow {
    user_id: i64,
    start: i64,
    measure: &'static str,
    up_to_ms: i64,
    requests: i64,
}

/// The tables of these counts.
#[async_trait]
pub(super) trait TrafficTables: Send {
    /// Adds to the hourly counts of protocols and endings.
    async fn add_traffic(&mut self, rows: &[TrafficRow]) -> Stored<()>;
    /// Adds to the hourly counts of times taken.
    async fn add_latencies(&mut self, rows: &[LatencyRow]) -> Stored<()>;
    /// Adds to the daily counts of times taken.
    async fn add_daily_latencies(&mut self, rows: &[LatencyRow]) -> Stored<()>;
}

/// One body for both databases; `$kept` as for the other tables of booking.
macro_rules! traffic_tables {
    ($database:ty, $connection:ty, $kept:literal) => {
        #[async_trait]
        impl TrafficTables for $connection {
            async fn add_traffic(&mut self, rows: &[TrafficRow]) -> Stored<()> {
                for chunk in pieces(rows, $kept) {
                    let mut upsert = QueryBuilder::<$database>::new(ADD_TRAFFIC);
                    upsert.push_values(chunk, |mut row, traffic| {
                        row.push_bind(traffic.user_id)
                            .push_bind(traffic.hour)
                            .push_bind(traffic.protocol)
                            .push_bind(traffic.upstream_protocol)
                            .push_bind(traffic.ending)
                            .push_bind(traffic.status)
                            .push_bind(traffic.requests);
                    });
                    upsert.push(ON_TRAFFIC);
                    upsert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn add_latencies(&mut self, rows: &[LatencyRow]) -> Stored<()> {
                for chunk in pieces(rows, $kept) {
                    let mut upsert = QueryBuilder::<$database>::new(ADD_HOURS);
                    upsert.push_values(chunk, |mut row, latency| {
                        row.push_bind(latency.start)
                            .push_bind(latency.measure)
                            .push_bind(latency.up_to_ms)
                            .push_bind(latency.requests);
                    });
                    upsert.push(ON_HOUR);
                    upsert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn add_daily_latencies(&mut self, rows: &[LatencyRow]) -> Stored<()> {
                for chunk in pieces(rows, $kept) {
                    let mut upsert = QueryBuilder::<$database>::new(ADD_DAYS);
                    upsert.push_values(chunk, |mut row, latency| {
                        row.push_bind(latency.user_id)
                            .push_bind(latency.start)
                            .push_bind(latency.measure)
                            .push_bind(latency.up_to_ms)
                            .push_bind(latency.requests);
                    });
                    upsert.push(ON_DAY);
                    upsert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }
        }
    };
}

traffic_tables!(sqlx::Sqlite, sqlx::SqliteConnection, true);
traffic_tables!(sqlx::Postgres, sqlx::PgConnection, false);

/// Requests of each user and of everybody by what was spoken on either side and how they ended, in the order of their primary key.
pub(super) fn traffic_of(times: &[Times<'_>]) -> Vec<TrafficRow> {
    let mut counts: BTreeMap<TrafficRow, i64> = BTreeMap::new();
    for (times, user_id) in times.iter().flat_map(|times| [(times, EVERYBODY), (times, times.receipt.user_id.0)]) {
        let receipt = times.receipt;
        let row = TrafficRow {
            user_id,
            hour: hour_of(receipt),
            protocol: receipt.protocol.as_str(),
            upstream_protocol: receipt.upstream_protocol.map_or("", |protocol| protocol.as_str()),
            ending: receipt.ending.as_str(),
            status: i64::from(receipt.status),
            requests: 0,
        };
        *counts.entry(row).or_default() += times.requests;
    }
    counts.into_iter().map(|(row, requests)| TrafficRow { requests, ..row }).collect()
}

/// Completed requests of everybody by hour, by the time they took and the time their stream began after, in the order of their
/// primary key.
pub(super) fn latencies_of(receipts: &[&Receipt]) -> Vec<LatencyRow> {
    counted(receipts, |receipt| vec![(EVERYBODY, hour_of(receipt))])
}

/// The same by day, of everybody and of each user.
pub(super) fn daily_latencies_of(receipts: &[&Receipt]) -> Vec<LatencyRow> {
    counted(receipts, |receipt| [EVERYBODY, receipt.user_id.0].map(|user| (user, day_of(receipt))).to_vec())
}

fn counted(receipts: &[&Receipt], places: impl Fn(&Receipt) -> Vec<(i64, i64)>) -> Vec<LatencyRow> {
    let mut counts: BTreeMap<LatencyRow, i64> = BTreeMap::new();
    for receipt in receipts.iter().filter(|receipt| receipt.ending == Ending::Completed) {
        let times = [("duration", Some(receipt.timings.ended_ms)), ("ttft", receipt.ttft_ms())];
        for (measure, ms) in times.into_iter().filter_map(|(measure, ms)| Some((measure, ms?))) {
            for (user_id, start) in places(receipt) {
                let row = LatencyRow { user_id, start, measure, up_to_ms: step_of(ms), requests: 0 };
                *counts.entry(row).or_default() += 1;
            }
        }
    }
    counts.into_iter().map(|(row, requests)| LatencyRow { requests, ..row }).collect()
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
