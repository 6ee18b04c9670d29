//! The request log, read: what a row holds, which rows are wanted, all of them in order, single ones.

use sqlx::{AssertSqlSafe, FromRow};

use super::conditions::{Conditions, bind_all};
use super::db::{Db, Fetched, Stored, read};

/// A row of the log, as far as lists show it.
#[derive(Clone, Debug, FromRow)]
pub struct LogRow {
    /// Its id.
    pub id: i64,
    /// The gateway's request id.
    pub request_id: String,
    /// Arrival, epoch milliseconds.
    pub ts: i64,
    /// Who paid.
    pub user_id: i64,
    /// Their name at the time.
    pub username: String,
    /// The key used.
    pub key_id: i64,
    /// Its name at the time.
    pub key_name: String,
    /// Its visible start.
    pub key_prefix: String,
    /// What the client spoke.
    pub protocol: String,
    /// The model asked for.
    pub model: String,
    /// The model asked for upstream.
    pub upstream_model: Option<String>,
    /// The channel that answered.
    pub channel_id: Option<i64>,
    /// Its name at the time.
    pub channel_name: Option<String>,
    /// The status the client got.
    pub status: i64,
    /// How it ended.
    pub ending: String,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Whether the answer was converted.
    pub converted: bool,
    /// Milliseconds to the first output of a stream.
    pub ttft_ms: Option<i64>,
    /// Milliseconds to the end.
    pub duration_ms: i64,
    /// Uncached input.
    pub tokens_in: i64,
    /// Output.
    pub tokens_out: i64,
    /// Input read from the cache.
    pub cache_read_tokens: i64,
    /// Input written to the five-minute cache.
    pub cache_creation_5m_tokens: i64,
    /// Input written to the one-hour cache.
    pub cache_creation_1h_tokens: i64,
    /// Reasoning inside the output.
    pub reasoning_tokens: i64,
    /// Whether tokens were counted from text.
    pub estimated: bool,
    /// Whether it was served without a price.
    pub unpriced: bool,
    /// The bill.
    pub cost_nanos: i64,
    /// What went wrong.
    pub error: Option<String>,
    /// The same as a word.
    pub cause: Option<String>,
    /// What the word is about.
    pub cause_about: Option<String>,
}

/// A row of the log with everything that is kept of it.
#[derive(Clone, Debug, FromRow)]
pub struct LogDetailRow {
    /// What lists show.
    #[sqlx(flatten)]
    pub row: LogRow,
    /// The client's own id.
    pub client_request_id: Option<String>,
    /// What the channel was asked in; empty = none was asked; `None` = the row is older than the column.
    pub upstream_protocol: Option<String>,
    /// Prices and multipliers, JSON.
    pub tariff: Option<String>,
    /// Stages, JSON.
    pub timings: String,
    /// Tries, JSON.
    pub attempts: String,
    /// The client's address.
    pub client_ip: Option<String>,
    /// The recorded request.
    pub details: Option<String>,
}

/// Which rows are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Arrived at or after, epoch milliseconds.
    pub from: Option<i64>,
    /// Arrived before, epoch milliseconds.
    pub to: Option<i64>,
    /// With this status.
    pub status: Option<i64>,
    /// With this ending.
    pub ending: Option<String>,
    /// Of this model.
    pub model: Option<String>,
    /// In this protocol.
    pub protocol: Option<String>,
    /// With this key.
    pub key_id: Option<i64>,
    /// Of this user.
    pub user_id: Option<i64>,
    /// For this reason, a word.
    pub cause: Option<String>,
    /// Of which this channel was asked, whether or not it answered.
    pub channel_id: Option<i64>,
    /// Streams, or the rest.
    pub stream: Option<bool>,
}

impl LogFilter {
    /// Whether it asks for an ending that has an index of its own.
    pub(super) fn asks_for_failures(&self) -> bool {
        self.ending.as_deref().is_some_and(|ending| ending != COMPLETED)
    }

    /// Whether it asks for nothing but a range of time, and perhaps an ending.
    pub(super) fn is_range(&self) -> bool {
        let others = [self.status, self.key_id, self.user_id, self.channel_id];
        others.iter().all(Option::is_none)
            && self.cause.is_none()
            && self.model.is_none()
            && self.protocol.is_none()
            && self.stream.is_none()
    }
}

/// Where a page begins: after this row, in the order of arrival, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The row's arrival.
    pub ts: i64,
    /// Its id.
    pub id: i64,
}

impl Cursor {
    /// Before every row.
    pub const START: Self = Self { ts: i64::MIN, id: i64::MIN };
}

/// The ending that has no index of its own.
const COMPLETED: &str = "completed";

/// The columns of a [`LogRow`].
pub(super) const COLUMNS: &str = "id, request_id, ts, user_id, username, key_id, key_name, key_prefix, protocol, model, upstream_model, \
    channel_id, channel_name, status, ending, stream, converted, ttft_ms, duration_ms, tokens_in, tokens_out, \
    cache_read_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, reasoning_tokens, estimated, unpriced, cost_nanos, error, \
    cause, cause_about";

/// The rows after `after` in the order of arrival, oldest first: all of them, a page at a time.
///
/// # Errors
/// When the database fails.
pub async fn walk(db: &Db, filter: &LogFilter, after: Cursor, most: i64) -> Stored<Vec<LogRow>> {
    walked(db, COLUMNS, filter, after, most).await
}

/// As [`walk`], with everything that is kept of them.
///
/// # Errors
/// When the database fails.
pub async fn walk_details(db: &Db, filter: &LogFilter, after: Cursor, most: i64) -> Stored<Vec<LogDetailRow>> {
    walked(db, "*", filter, after, most).await
}

async fn walked<T: Fetched>(db: &Db, columns: &str, filter: &LogFilter, after: Cursor, most: i64) -> Stored<Vec<T>> {
    let mut rest = conditions(filter);
    let (ts, id) = (rest.push(after.ts), rest.push(after.id));
    rest.and(&format!("(ts, id) > ({ts}, {id})"));
    let sql = format!("SELECT {columns} FROM request_log{} ORDER BY ts, id LIMIT {most}", rest.sql());
    Ok(read!(db, conn => bind_all!(sqlx::query_as(AssertSqlSafe(sql)), &rest.binds).fetch_all(&mut *conn).await?))
}

/// The first and the last arrival before `before_ms`, epoch milliseconds.
///
/// # Errors
/// When the database fails.
pub async fn ends_before(db: &Db, before_ms: i64) -> Stored<(Option<i64>, Option<i64>)> {
    const SQL: &str = "SELECT (SELECT min(ts) FROM request_log WHERE ts < $1), (SELECT max(ts) FROM request_log WHERE ts < $1)";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(before_ms).fetch_one(&mut *conn).await?))
}

/// One row.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: i64) -> Stored<Option<LogDetailRow>> {
    const SQL: &str = "SELECT * FROM request_log WHERE id = $1";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(id).fetch_optional(&mut *conn).await?))
}

/// A condition for rows of which a channel was asked.
pub(super) fn asked(channel: i64) -> String {
    format!("(channel_id = {channel} OR id IN (SELECT log_id FROM request_log_asked WHERE channel_id = {channel}))")
}

/// What a filter asks of a row.
pub(super) fn conditions(filter: &LogFilter) -> Conditions {
    let mut all = Conditions::default();
    all.int("ts >=", filter.from);
    all.int("ts <", filter.to);
    all.int("status =", filter.status);
    all.text("ending =", filter.ending.as_deref());
    if filter.asks_for_failures() {
        // Says what the index of the other endings asks for.
        all.and(&format!("ending <> '{COMPLETED}'"));
    }
    all.text("model =", filter.model.as_deref());
    all.text("protocol =", filter.protocol.as_deref());
    all.int("key_id =", filter.key_id);
    all.int("user_id =", filter.user_id);
    all.text("cause =", filter.cause.as_deref());
    if let Some(channel) = filter.channel_id {
        all.and(&asked(channel));
    }
    all.switch("stream =", filter.stream);
    all
}
