//! The change log: tells every process that shares the database what to reload.
//!
//! Row 0 is the counter. Taking the next id locks it until the commit, so ids appear in the order of
//! commits and a poller that reads "above the last id I saw" misses nothing, whatever the clocks say.

use actors::ports::{Change, Changed};
use actors::vocabulary::{IdMaker, UserId};

use super::db::{Db, Stored, on_both, read, write};
use super::leases::{Fence, fenced};

/// How long a change is kept: longer than any process may be away without starting anew.
const KEPT_MS: i64 = 3_600_000;
/// The most changes given at once.
const BATCH: i64 = 1_000;

/// The next id: the fresh one, or one above the last, whichever is larger.
const NEXT_ID: &str = "INSERT INTO changes (id, kind, subject) VALUES (0, 'catalogue', $1) \
    ON CONFLICT (id) DO UPDATE SET subject = \
    CASE WHEN changes.subject >= excluded.subject THEN changes.subject + 1 ELSE excluded.subject END \
    RETURNING subject";

/// Notes a change in the transaction that makes it, as its last statement: `tx.note(id, Changed::Catalogue)`.
pub(super) trait Note {
    /// `id` is a fresh one.
    async fn note(&mut self, id: i64, what: Changed) -> Stored<()>;
}

on_both!(Note {
    async fn note(&mut self, id: i64, what: Changed) -> Stored<()> {
        let (kind, subject) = match what {
            Changed::Catalogue => ("catalogue", 0),
            Changed::User(user) => ("user", user.0),
        };
        let id: i64 = sqlx::query_scalar(NEXT_ID).bind(id).fetch_one(&mut *self).await?;
        let insert = "INSERT INTO changes (id, kind, subject) VALUES ($1, $2, $3)";
        sqlx::query(insert).bind(id).bind(kind).bind(subject).execute(self).await?;
        Ok(())
    }
});

/// Notes a change on its own, for changes made outside a store function. `id` is a fresh one.
///
/// # Errors
/// When the database does not answer.
pub async fn note(db: &Db, id: i64, what: Changed) -> Stored<()> {
    write!(db, tx => tx.note(id, what).await?);
    Ok(())
}

/// Changes with an id above `after`, oldest first, at most 1,000.
///
/// # Errors
/// When the database does not answer.
pub async fn after(db: &Db, after: i64) -> Stored<Vec<Change>> {
    const SQL: &str = "SELECT id, kind, subject FROM changes WHERE id > $1 ORDER BY id LIMIT $2";
    let rows: Vec<(i64, String, i64)> =
        read!(db, conn => sqlx::query_as(SQL).bind(after.max(0)).bind(BATCH).fetch_all(&mut *conn).await?);
    let change = |(id, kind, subject): (i64, String, i64)| {
        let what = if kind == "user" { Changed::User(UserId(subject)) } else { Changed::Catalogue };
        Change { id, what }
    };
    Ok(rows.into_iter().map(change).collect())
}

/// The id of the newest change; 0 when there is none. Where a process that just read everything starts polling.
///
/// # Errors
/// When the database does not answer.
pub async fn newest(db: &Db) -> Stored<i64> {
    const SQL: &str = "SELECT CAST(coalesce(max(id), 0) AS BIGINT) FROM changes";
    Ok(read!(db, conn => sqlx::query_scalar(SQL).fetch_one(&mut *conn).await?))
}

/// Deletes changes older than an hour. Returns how many went.
///
/// # Errors
/// When the database does not answer.
pub async fn prune(db: &Db, now_ms: i64, fence: Option<&Fence>) -> Stored<u64> {
    const SQL: &str = "DELETE FROM changes WHERE id > 0 AND id < $1";
    let before = IdMaker::floor_at(now_ms - KEPT_MS);
    Ok(fenced!(db, fence, tx => sqlx::query(SQL).bind(before).execute(&mut *tx).await?.rows_affected()))
}
