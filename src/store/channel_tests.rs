//! What tests and probes of channels found.

use actors::vocabulary::ChannelId;
use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, read};
use super::leases::{Fence, fenced};
use super::paging::{Sorts, Window};

/// What tests may be sorted by.
pub const SORTS: Sorts = &[("ts", "ts"), ("latencyMs", "latency_ms")];

/// One test.
#[derive(Clone, Debug, FromRow)]
pub struct ChannelTestRow {
    /// Its id.
    pub id: i64,
    /// The channel.
    pub channel_id: i64,
    /// When, epoch milliseconds.
    pub ts: i64,
    /// `manual` or `probe`.
    pub origin: String,
    /// The model asked.
    pub model: Option<String>,
    /// Whether a good answer came.
    pub reachable: bool,
    /// Milliseconds to the answer.
    pub latency_ms: Option<i64>,
    /// The upstream's status.
    pub status: Option<i64>,
    /// What went wrong, without secrets.
    pub error: Option<String>,
}

/// Adds a test. A channel deleted meanwhile takes none.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &Db, row: &ChannelTestRow, fence: Option<&Fence>) -> Stored<()> {
    const SQL: &str = "INSERT INTO channel_tests (id, channel_id, ts, origin, model, reachable, latency_ms, status, error) \
        SELECT $1, id, $3, $4, $5, $6, $7, $8, $9 FROM channels WHERE id = $2";
    fenced!(db, fence, tx => { sqlx::query(SQL)
        .bind(row.id).bind(row.channel_id).bind(row.ts).bind(&row.origin).bind(&row.model).bind(row.reachable)
        .bind(row.latency_ms).bind(row.status).bind(&row.error)
        .execute(&mut *tx).await?; });
    Ok(())
}

/// When a channel was probed last, if that was after `since_ms` (epoch milliseconds).
///
/// # Errors
/// When the database fails.
pub async fn last_probe(db: &Db, channel: ChannelId, since_ms: i64) -> Stored<Option<i64>> {
    const SQL: &str =
        "SELECT ts FROM channel_tests WHERE channel_id = $1 AND ts > $2 AND origin = 'probe' ORDER BY ts DESC LIMIT 1";
    Ok(read!(db, conn => sqlx::query_scalar(SQL).bind(channel.0).bind(since_ms).fetch_optional(&mut *conn).await?))
}

/// One page of a channel's tests, and how many there are.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, channel: ChannelId, window: &Window) -> Stored<(Vec<ChannelTestRow>, i64)> {
    let rows = format!("SELECT * FROM channel_tests WHERE channel_id = $1{}", window.tail("id"));
    const COUNT: &str = "SELECT CAST(count(*) AS BIGINT) FROM channel_tests WHERE channel_id = $1";
    read!(db, conn => {
        let found = sqlx::query_as(AssertSqlSafe(rows)).bind(channel.0).fetch_all(&mut *conn).await?;
        Ok((found, sqlx::query_scalar(COUNT).bind(channel.0).fetch_one(&mut *conn).await?))
    })
}
