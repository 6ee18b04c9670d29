//! What channels did lately: attempts and tests by half hour, samples of their answers, their last failures.

use actors::vocabulary::ChannelId;
use sqlx::{AssertSqlSafe, FromRow};

use super::channel_tests::ChannelTestRow;
use super::db::{Db, Stored, read};

/// The length of what is summed: half an hour.
pub const SLOT_MS: i64 = 1_800_000;
/// Requests that are searched for a channel's failures: the newest ones.
const SEARCHED: i64 = 20_000;

/// A channel's half hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct SlotRow {
    /// Its start, epoch milliseconds.
    pub slot: i64,
    /// The channel.
    pub channel_id: i64,
    /// Attempts that were answered.
    pub answered: i64,
    /// Attempts that failed by the channel's fault.
    pub failed: i64,
    /// Attempts it refused for being too many.
    pub throttled: i64,
}

/// Tests and probes of a channel's half hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct TestedSlotRow {
    /// Its start, epoch milliseconds.
    pub slot: i64,
    /// The channel.
    pub channel_id: i64,
    /// How many there were.
    pub tests: i64,
    /// How many of them failed.
    pub failed_tests: i64,
}

/// A request in which a channel failed.
#[derive(Clone, Debug, FromRow)]
pub struct FailureRow {
    /// The request's row in the log.
    pub id: i64,
    /// Its arrival, epoch milliseconds.
    pub ts: i64,
    /// The channel that was tried last.
    pub channel_id: Option<i64>,
    /// How it ended.
    pub ending: String,
    /// What it says of its own failure.
    pub error: Option<String>,
    /// Tries, JSON.
    pub attempts: String,
}

/// Attempts by half hour and channel since `from_ms`.
///
/// # Errors
/// When the database is ill.
pub async fn slots(db: &Db, from_ms: i64) -> Stored<Vec<SlotRow>> {
    const SQL: &str = "SELECT slot, channel_id, answered, failed, throttled FROM channel_activity WHERE slot >= $1";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(from_ms).fetch_all(&mut *conn).await?))
}

/// Tests by half hour and channel since `from_ms`.
///
/// # Errors
/// When the database is ill.
pub async fn tested_slots(db: &Db, from_ms: i64) -> Stored<Vec<TestedSlotRow>> {
    const SQL: &str = "SELECT ts - ts % 1800000 AS slot, channel_id, CAST(count(*) AS BIGINT) AS tests, \
        CAST(sum(CASE WHEN reachable THEN 0 ELSE 1 END) AS BIGINT) AS failed_tests \
        FROM channel_tests WHERE ts >= $1 GROUP BY ts - ts % 1800000, channel_id";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(from_ms).fetch_all(&mut *conn).await?))
}

/// The last test of every channel that was ever tested.
///
/// # Errors
/// When the database is ill.
pub async fn last_tests(db: &Db) -> Stored<Vec<ChannelTestRow>> {
    const SQL: &str = "SELECT t.* FROM channels c JOIN channel_tests t ON t.id = \
        (SELECT n.id FROM channel_tests n WHERE n.channel_id = c.id ORDER BY n.ts DESC, n.id DESC LIMIT 1)";
    Ok(read!(db, conn => sqlx::query_as(SQL).fetch_all(&mut *conn).await?))
}

/// Durations and first outputs (streams alone) of the newest completed requests of each channel since `from_ms`: at
/// most `most` of each.
///
/// # Errors
/// When the database is ill.
pub async fn samples(db: &Db, channels: &[i64], from_ms: i64, most: i64) -> Stored<Vec<Vec<(i64, Option<i64>)>>> {
    const SQL: &str = "SELECT duration_ms, ttft_ms FROM request_log WHERE channel_id = $1 AND ts >= $2 \
        AND ending = 'completed' AND status < 400 ORDER BY ts DESC, id DESC LIMIT $3";
    read!(db, conn => {
        let mut found = Vec::with_capacity(channels.len());
        for channel in channels {
            found.push(sqlx::query_as(SQL).bind(channel).bind(from_ms).bind(most).fetch_all(&mut *conn).await?);
        }
        Ok(found)
    })
}

/// The newest requests since `from_ms` in which some attempt failed and this channel was tried; of the newest 20,000
/// requests alone.
///
/// # Errors
/// When the database is ill.
pub async fn failures(db: &Db, channel: ChannelId, from_ms: i64, most: i64) -> Stored<Vec<FailureRow>> {
    let sql = format!(
        "SELECT id, ts, channel_id, ending, error, attempts FROM (SELECT id, ts, channel_id, ending, error, attempts \
         FROM request_log WHERE ts >= $1 ORDER BY ts DESC, id DESC LIMIT {SEARCHED}) AS newest \
         WHERE attempts LIKE $2 AND (attempts LIKE '%\"error\":\"%' OR ending IN ('upstream_failed', 'timed_out')) \
         ORDER BY ts DESC, id DESC LIMIT $3"
    );
    let pattern = format!("%\"channelId\":{},%", channel.0);
    Ok(read!(db, conn => {
        sqlx::query_as(AssertSqlSafe(sql)).bind(from_ms).bind(&pattern).bind(most).fetch_all(&mut *conn).await?
    }))
}
