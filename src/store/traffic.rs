//! Protocols, endings and times taken over a span: whole hours out of the roll-ups.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, read};
use super::stats::{DAY_MS, HOUR_MS, Span, ceiling, floor, only, rest, whole, whose};

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
/// When the database fails.
pub async fn traffic(db: &Db, span: &Span) -> Stored<Vec<TrafficSums>> {
    const ROLL_UPS: &str = "SELECT protocol, upstream_protocol, ending, status, requests FROM traffic_hourly";
    // Rows that are older than the column tell it by their client's protocol (migrations/0003_traffic.sql).
    const LOG: &str = "SELECT protocol, coalesce(upstream_protocol, CASE WHEN channel_id IS NOT NULL AND NOT converted \
        THEN protocol ELSE '' END) AS upstream_protocol, ending, status, CAST(1 AS BIGINT) AS requests FROM request_log";
    let (first, last) = whole(span, HOUR_MS);
    let mut arms = vec![format!("{ROLL_UPS} WHERE user_id = {} AND hour >= {first} AND hour < {last}", whose(span))];
    const COUNTED: &str = "SELECT protocol, '' AS upstream_protocol, ending, status, requests FROM refusals";
    let only = only(span);
    for (from, to) in rest(span, HOUR_MS) {
        arms.extend([LOG, COUNTED].map(|rows| format!("{rows} WHERE ts >= {from} AND ts < {to}{only}")));
    }
    let sql = format!(
        "SELECT protocol, upstream_protocol, ending, status, CAST(sum(requests) AS BIGINT) AS requests FROM ({}) AS s \
         GROUP BY protocol, upstream_protocol, ending, status ORDER BY 5 DESC, 1, 2, 3, 4",
        arms.join(" UNION ALL ")
    );
    Ok(read!(db, conn => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?))
}

/// How long completed requests took and when their streams began: of everybody in the hours that the span touches, of a user in
/// the days (UTC) that it touches.
///
/// # Errors
/// When the database fails.
pub async fn latencies(db: &Db, span: &Span) -> Stored<(Steps, Steps)> {
    let days = |from: i64, to: i64| {
        let days = "SELECT measure, up_to_ms, requests FROM latency_daily WHERE user_id =";
        format!("{days} {} AND day >= {from} AND day < {to}", whose(span))
    };
    let hours = |from: i64, to: i64| {
        format!("SELECT measure, up_to_ms, requests FROM latency_hourly WHERE hour >= {from} AND hour < {to}")
    };
    let (first, last) = (floor(span.from, HOUR_MS), span.to);
    let (first_day, last_day) = (ceiling(first, DAY_MS), floor(last, DAY_MS));
    let arms = match span.user_id {
        Some(_) => vec![days(floor(first, DAY_MS), last)],
        None if first_day < last_day => vec![hours(first, first_day), days(first_day, last_day), hours(last_day, last)],
        None => vec![hours(first, last)],
    };
    let sql = format!(
        "SELECT measure, up_to_ms, CAST(sum(requests) AS BIGINT) FROM ({}) AS s GROUP BY measure, up_to_ms ORDER BY up_to_ms",
        arms.join(" UNION ALL ")
    );
    let steps: Vec<(String, i64, i64)> = read!(db, conn => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?);
    let (durations, ttfts): (Vec<_>, Vec<_>) = steps.into_iter().partition(|(measure, ..)| measure == "duration");
    let times = |steps: Vec<(String, i64, i64)>| steps.into_iter().map(|(_, up_to_ms, requests)| (up_to_ms, requests)).collect();
    Ok((times(durations), times(ttfts)))
}
