//! What the database takes and how fast it grows; and how the embedded one gives back what deleted rows leave.

use super::db::{Db, Reader, Stored, Writer, read};
use super::leases::{Fence, Fenced};
use super::stats::floor;

/// The step that sums are kept by.
const SLOT_MS: i64 = 900_000;
/// Pages that stay free for the rows to come: at least these, and a tenth of those in use.
const LEAST_RESERVE: i64 = 1_024;
/// Pages given back by one step: at most 1 MiB, some milliseconds of the one writer.
const STEP: i64 = 256;
/// How SQLite calls a database that gives back in steps.
const INCREMENTAL: i64 = 2;

/// The room that the database takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of all that is kept, with its indexes.
    pub used: i64,
    /// Bytes that the same tables and indexes would take without a row.
    pub empty: i64,
    /// Bytes in the embedded database's file that hold nothing: new rows fill them first.
    pub unused: i64,
    /// Whether space that is not needed any more goes back to the disk by itself.
    pub gives_back: bool,
}

/// How many requests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Since the oldest one that the log has.
    pub kept: i64,
    /// When that was, epoch milliseconds.
    pub oldest: Option<i64>,
    /// Since the moment asked for.
    pub lately: i64,
    /// When there was the first one at all, epoch milliseconds.
    pub first: Option<i64>,
}

/// The room that the database takes.
///
/// # Errors
/// When the database does not answer.
pub async fn room(db: &Db) -> Stored<Room> {
    // Each table and each index has one page at least.
    const LITE: &str = "SELECT (page_count - freelist_count) * page_size, \
        (SELECT count(*) FROM sqlite_master WHERE rootpage > 0) * page_size, freelist_count * page_size, auto_vacuum \
        FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size(), pragma_auto_vacuum()";
    // There, each index, and each index of what was too large for its row.
    const PG: &str = "SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS BIGINT), CAST(coalesce(sum( \
        (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid) + CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE 1 END \
        ), 0) AS BIGINT) * CAST(current_setting('block_size') AS BIGINT), CAST(0 AS BIGINT), CAST(2 AS BIGINT) \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'";
    let (used, empty, unused, vacuum): (i64, i64, i64, i64) = match db.reader().await? {
        Reader::Lite(mut conn) => sqlx::query_as(LITE).fetch_one(&mut *conn).await?,
        Reader::Pg(mut conn) => sqlx::query_as(PG).fetch_one(&mut *conn).await?,
    };
    Ok(Room { used, empty: empty.min(used), unused, gives_back: vacuum == INCREMENTAL })
}

/// How many requests there were, and how many of them since `since_ms`.
///
/// # Errors
/// When the database does not answer.
pub async fn counted(db: &Db, since_ms: i64) -> Stored<Counted> {
    const ENDS: &str = "SELECT (SELECT min(ts) FROM request_log), (SELECT min(slot) FROM usage_totals WHERE user_id = 0)";
    let sums = format!("SELECT {} FROM usage_totals WHERE user_id = 0 AND slot >= $1", db.sum("requests"));
    read!(db, conn => {
        let (oldest, first): (Option<i64>, Option<i64>) = sqlx::query_as(ENDS).fetch_one(&mut *conn).await?;
        let sum = |from: i64| sqlx::query_scalar(sqlx::AssertSqlSafe(sums.as_str())).bind(floor(from, SLOT_MS));
        let kept = match oldest {
            Some(oldest) => sum(oldest).fetch_one(&mut *conn).await?,
            None => 0,
        };
        let lately = sum(since_ms).fetch_one(&mut *conn).await?;
        Ok(Counted { kept, oldest, lately, first })
    })
}

/// Gives a little of what the embedded database does not need back to the disk: one short step, in which nothing else is
/// written. Returns the bytes; call again until 0, with a pause for others between.
///
/// # Errors
/// When the database does not answer.
pub async fn give_back(db: &Db, fence: Option<&Fence>) -> Stored<i64> {
    const STATE: &str = "SELECT page_count, freelist_count, page_size, auto_vacuum \
        FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size(), pragma_auto_vacuum()";
    if !db.is_embedded() {
        return Ok(0);
    }
    let (pages, free, size, vacuum): (i64, i64, i64, i64) = match db.reader().await? {
        Reader::Lite(mut conn) => sqlx::query_as(STATE).fetch_one(&mut *conn).await?,
        Reader::Pg(_) => return Ok(0),
    };
    let reserve = LEAST_RESERVE.max((pages - free) / 10);
    let step = (free - reserve).min(STEP);
    if vacuum != INCREMENTAL || step <= 0 {
        return Ok(0);
    }
    if let Writer::Lite(mut tx) = db.begin().await? {
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({step})"))).execute(&mut *tx).await?;
        tx.fence(fence).await?;
        tx.commit().await?;
    }
    if free - step <= reserve {
        // Else the file would keep its length until the next 16 MiB of rows.
        db.write_back().await?;
    }
    Ok(step * size)
}
