//! Protocols, endings and times taken over a span: whole hours out of the roll-ups.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, read};
use super::stats::{EVERYBODY, Span, only, parts_of_hours, whole_hours};

const HOUR_MS: i64 = 3_600_000;

/// Requests that were asked and ended alike.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct TrafficSums {
    /// What clients spoke.
    pub protocol: String,
    /// What the channel was asked in; empty = none was asked.
    pub upstream_protocol: String,
    /// How they ended.
    pub ending: String,
    /// The status clients got.
    pub status: i64,
    /// How many.
    pub requests: i64,
}

/// Completed requests by time taken: the end of a step in milliseconds, and how many took that or a little less.
pub type Steps = Vec<(i64, i64)>;

/// What was asked in which protocol, and how it ended; the most frequent first.
///
/// # Errors
/// When the database is ill.
pub async fn traffic(db: &Db, span: &Span) -> Stored<Vec<TrafficSums>> {
    const ROLL_UPS: &str = "SELECT protocol, upstream_protocol, ending, status, requests FROM traffic_hourly";
    // Rows that are older than the column tell it by their client's protocol (migrations/0003_traffic.sql).
    const LOG: &str = "SELECT protocol, coalesce(upstream_protocol, CASE WHEN channel_id IS NOT NULL AND NOT converted \
        THEN protocol ELSE '' END) AS upstream_protocol, ending, status, CAST(1 AS BIGINT) AS requests FROM request_log";
    let (first, last) = whole_hours(span);
    let mut arms = vec![format!("{ROLL_UPS} WHERE user_id = {} AND hour >= {first} AND hour < {last}", whose(span))];
    let only = only(span);
    arms.extend(parts_of_hours(span).into_iter().map(|(from, to)| format!("{LOG} WHERE ts >= {from} AND ts < {to}{only}")));
    let sql = format!(
        "SELECT protocol, upstream_protocol, ending, status, CAST(sum(requests) AS BIGINT) AS requests FROM ({}) AS s \
         GROUP BY protocol, upstream_protocol, ending, status ORDER BY 5 DESC, 1, 2, 3, 4",
        arms.join(" UNION ALL ")
    );
    Ok(read!(db, conn => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?))
}

/// How long completed requests took and when their streams began, in the hours that the span touches.
///
/// # Errors
/// When the database is ill.
pub async fn latencies(db: &Db, span: &Span) -> Stored<(Steps, Steps)> {
    let sql = format!(
        "SELECT measure, up_to_ms, CAST(sum(requests) AS BIGINT) FROM latency_hourly WHERE user_id = {} AND hour >= {} AND hour < {} \
         GROUP BY measure, up_to_ms ORDER BY up_to_ms",
        whose(span),
        span.from - span.from.rem_euclid(HOUR_MS),
        span.to
    );
    let steps: Vec<(String, i64, i64)> = read!(db, conn => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?);
    let (durations, ttfts): (Vec<_>, Vec<_>) = steps.into_iter().partition(|(measure, ..)| measure == "duration");
    let times = |steps: Vec<(String, i64, i64)>| steps.into_iter().map(|(_, up_to_ms, requests)| (up_to_ms, requests)).collect();
    Ok((times(durations), times(ttfts)))
}

/// Whose counts are read.
fn whose(span: &Span) -> i64 {
    span.user_id.unwrap_or(EVERYBODY)
}
