//! What channels did lately: attempts and tests by half hour, samples of their answers, their last failures.

use actors::vocabulary::ChannelId;
use sqlx::{AssertSqlSafe, FromRow};

use super::channel_tests::ChannelTestRow;
use super::conditions::{Conditions, bind_all};
use super::db::{Db, Stored, read};

/// The length of what is summed: half an hour.
pub const SLOT_MS: i64 = 1_800_000;
/// Requests that are searched for a channel's failures at a time: the newest ones.
const SEARCHED: i64 = 50_000;
/// Channels asked for by one statement; SQLite joins at most 500 of its parts.
const AT_ONCE: usize = 400;

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
    /// The same as a word.
    pub cause: Option<String>,
    /// What the word is about.
    pub cause_about: Option<String>,
    /// Tries, JSON.
    pub attempts: String,
}

/// Attempts by half hour and channel since `from_ms`.
///
/// # Errors
/// When the database fails.
pub async fn slots(db: &Db, from_ms: i64) -> Stored<Vec<SlotRow>> {
    const SQL: &str = "SELECT slot, channel_id, answered, failed, throttled FROM channel_activity WHERE slot >= $1";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(from_ms).fetch_all(&mut *conn).await?))
}

/// What a channel's attempts of a range come to.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct AttemptSums {
    /// The channel.
    pub channel_id: i64,
    /// Its name, if it still exists.
    pub name: Option<String>,
    /// Attempts that were answered.
    pub answered: i64,
    /// Attempts that failed by the channel's fault.
    pub failed: i64,
    /// Attempts it refused for being too many.
    pub throttled: i64,
}

/// The attempts of every channel in the half hours that a range touches, also those after which another channel answered.
///
/// # Errors
/// When the database fails.
pub async fn sums(db: &Db, from_ms: i64, to_ms: i64) -> Stored<Vec<AttemptSums>> {
    const SQL: &str = "SELECT s.channel_id, (SELECT c.name FROM channels c WHERE c.id = s.channel_id) AS name, \
        CAST(sum(s.answered) AS BIGINT) AS answered, CAST(sum(s.failed) AS BIGINT) AS failed, \
        CAST(sum(s.throttled) AS BIGINT) AS throttled FROM channel_activity s WHERE s.slot >= $1 AND s.slot < $2 \
        GROUP BY s.channel_id ORDER BY s.channel_id";
    let first = from_ms - from_ms.rem_euclid(SLOT_MS);
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(first).bind(to_ms).fetch_all(&mut *conn).await?))
}

/// Tests by half hour and channel since `from_ms`.
///
/// # Errors
/// When the database fails.
pub async fn tested_slots(db: &Db, from_ms: i64) -> Stored<Vec<TestedSlotRow>> {
    const SQL: &str = "SELECT ts - ts % 1800000 AS slot, channel_id, CAST(count(*) AS BIGINT) AS tests, \
        CAST(sum(CASE WHEN reachable THEN 0 ELSE 1 END) AS BIGINT) AS failed_tests \
        FROM channel_tests WHERE ts >= $1 GROUP BY ts - ts % 1800000, channel_id";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(from_ms).fetch_all(&mut *conn).await?))
}

/// The last test of every channel that was ever tested.
///
/// # Errors
/// When the database fails.
pub async fn last_tests(db: &Db) -> Stored<Vec<ChannelTestRow>> {
    const SQL: &str = "SELECT t.* FROM channels c JOIN channel_tests t ON t.id = \
        (SELECT n.id FROM channel_tests n WHERE n.channel_id = c.id ORDER BY n.ts DESC, n.id DESC LIMIT 1)";
    Ok(read!(db, conn => sqlx::query_as(SQL).fetch_all(&mut *conn).await?))
}

/// How long a completed request took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct SampleRow {
    /// The channel that answered.
    pub channel_id: i64,
    /// Milliseconds to the end.
    pub duration_ms: i64,
    /// Milliseconds to the first output of a stream.
    pub ttft_ms: Option<i64>,
}

/// The newest completed requests of each of these channels since `from_ms`: at most `most` of each.
///
/// # Errors
/// When the database fails.
pub async fn samples(db: &Db, channels: &[i64], from_ms: i64, most: i64) -> Stored<Vec<SampleRow>> {
    let mut found = Vec::new();
    for some in channels.chunks(AT_ONCE) {
        let mut all = Conditions::default();
        let (from, most) = (all.push(from_ms), all.push(most));
        // Each channel's own way through the index; a window over all of them would read the whole day.
        let of_one = |id: &i64| {
            let channel = all.push(*id);
            format!(
                "SELECT * FROM (SELECT channel_id, duration_ms, ttft_ms FROM request_log WHERE channel_id = {channel} \
                 AND ts >= {from} AND ending = 'completed' AND status < 400 ORDER BY ts DESC, id DESC LIMIT {most}) AS newest"
            )
        };
        let sql = some.iter().map(of_one).collect::<Vec<_>>().join(" UNION ALL ");
        let rows: Vec<SampleRow> =
            read!(db, conn => bind_all!(sqlx::query_as(AssertSqlSafe(sql)), &all.binds).fetch_all(&mut *conn).await?);
        found.extend(rows);
    }
    Ok(found)
}

/// The newest requests in which this channel failed, of all half hours since `from_ms` in which one of its failures
/// counted, where such a half hour and the one before have at most 50,000 requests: else the newest of those.
///
/// # Errors
/// When the database fails.
pub async fn failures(db: &Db, channel: ChannelId, from_ms: i64, most: usize) -> Stored<Vec<FailureRow>> {
    const FAILED: &str = "SELECT slot FROM channel_activity WHERE channel_id = $1 AND slot > $2 AND failed + throttled > 0 \
        ORDER BY slot DESC";
    let slots: Vec<i64> =
        read!(db, conn => sqlx::query_scalar(FAILED).bind(channel.0).bind(from_ms - SLOT_MS).fetch_all(&mut *conn).await?);
    let sql = failures_between(db);
    let (of_channel, mut before, mut found) = (format!("{{\"channelId\":{},", channel.0), i64::MAX, Vec::new());
    for slot in slots {
        // An attempt counts in the half hour in which it began; its request may have come in the one before.
        let (from, to) = ((slot - SLOT_MS).max(from_ms), (slot + SLOT_MS).min(before));
        let rest = i64::try_from(most.saturating_sub(found.len())).unwrap_or(i64::MAX);
        if rest == 0 || from >= to {
            break;
        }
        let rows: Vec<FailureRow> = read!(db, conn => {
            let query = sqlx::query_as(AssertSqlSafe(sql.as_str())).bind(from).bind(to).bind(&of_channel).bind(channel.0);
            query.bind(rest).fetch_all(&mut *conn).await?
        });
        found.extend(rows);
        before = from;
    }
    Ok(found)
}

/// Requests whose attempts have one of the channel with an error in it, or whose answer broke there. No text inside the
/// JSON can look like the start of an attempt or like its error: quotes in it are escaped.
fn failures_between(db: &Db) -> String {
    let find = if db.is_embedded() { "instr" } else { "strpos" };
    let own = format!("substr(attempts, {find}(attempts, $3) + 1)");
    let (error, next) = (format!("{find}({own}, '\"error\":\"')"), format!("{find}({own}, '{{\"channelId\":')"));
    format!(
        "SELECT id, ts, channel_id, ending, error, cause, cause_about, attempts \
         FROM (SELECT id, ts, channel_id, ending, error, cause, cause_about, attempts \
         FROM request_log WHERE ts >= $1 AND ts < $2 ORDER BY ts DESC, id DESC LIMIT {SEARCHED}) AS newest \
         WHERE {find}(attempts, $3) > 0 AND (({error} > 0 AND ({next} = 0 OR {error} < {next})) \
         OR (channel_id = $4 AND ending IN ('upstream_failed', 'timed_out') AND error IS NOT NULL)) \
         ORDER BY ts DESC, id DESC LIMIT $5"
    )
}
