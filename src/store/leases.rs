//! Leases: what one of the processes on a database does at a time, and until when.
//!
//! The database's own clock judges them, so that processes need not agree on the time. Each change of holder makes the token
//! grow. The transactions of the work itself name the token they were begun under: a process that was stopped, lost its lease
//! and goes on later writes nothing any more, whatever it believes.

use std::time::Duration;

use actors::vocabulary::InstanceId;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, SqliteConnection};

use super::db::{Db, Reader, StoreError, Stored, read};

/// How long PostgreSQL lets a transaction of leased work stand still, in milliseconds: a process that is stopped in the middle
/// of one must not keep its rows from whoever takes over.
const STANDSTILL_MS: &str = "10000";

/// What a lease was taken under: named by the transactions of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The lease.
    pub name: String,
    /// Its token at that time.
    pub token: i64,
}

/// A lease as it is in the database.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// The instance that has it, or had it last.
    pub holder: String,
    /// How often it has changed hands.
    pub token: i64,
    /// Since when, epoch milliseconds of the database's clock.
    pub taken_at: i64,
    /// Until when unless it is renewed, epoch milliseconds of the database's clock; 0 once it was given back.
    pub expires_at: i64,
    /// Whether that is still to come.
    pub is_held: bool,
}

/// Runs one statement that writes: `alone!(db, conn => query.execute(&mut *conn).await?)`.
macro_rules! alone {
    ($db:expr, $conn:ident => $body:expr) => {
        match $db.alone().await? {
            Reader::Lite(mut $conn) => $body,
            Reader::Pg(mut $conn) => $body,
        }
    };
}

/// The database's clock in epoch milliseconds. PostgreSQL: of this moment, not of the transaction's start, which may have
/// waited for another one since.
pub(super) fn now(db: &Db) -> &'static str {
    if db.is_embedded() {
        "CAST(unixepoch('subsec') * 1000 AS BIGINT)"
    } else {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    }
}

pub(super) fn milliseconds(lasts: Duration) -> i64 {
    i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)
}

/// Takes a lease that nobody has. `None` = somebody has it: also this very instance, if it did not give it back before it ended.
///
/// # Errors
/// When the database does not answer.
pub async fn take(db: &Db, name: &str, holder: &InstanceId, lasts: Duration) -> Stored<Option<Fence>> {
    // An end further away than any lease reaches was set by a clock that has been put back since. The condition stands twice: the
    // first keeps those who find it held from locking the row, the second decides.
    let sql = format!(
        "INSERT INTO leases (name, holder, token, taken_at, expires_at) SELECT $1, $2, 1, {now}, {now} + $3 WHERE NOT EXISTS \
         (SELECT 1 FROM leases WHERE name = $1 AND expires_at > {now} AND expires_at <= {now} + 2 * $3) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = leases.token + 1, taken_at = excluded.taken_at, \
         expires_at = excluded.expires_at WHERE leases.expires_at <= {now} OR leases.expires_at > {now} + 2 * $3 RETURNING token",
        now = now(db)
    );
    let token: Option<i64> = alone!(db, conn => sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(name).bind(holder.as_str()).bind(milliseconds(lasts)).fetch_optional(&mut *conn).await?);
    Ok(token.map(|token| Fence { name: name.to_owned(), token }))
}

/// Makes a lease last `lasts` from now on, also one that ran out and that nobody took. `false` = it changed hands.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(db: &Db, fence: &Fence, lasts: Duration) -> Stored<bool> {
    let sql = format!("UPDATE leases SET expires_at = {} + $3 WHERE name = $1 AND token = $2", now(db));
    let renewed = alone!(db, conn => sqlx::query(AssertSqlSafe(sql))
        .bind(&fence.name).bind(fence.token).bind(milliseconds(lasts)).execute(&mut *conn).await?.rows_affected());
    Ok(renewed > 0)
}

/// Gives a lease back, so that the next process takes it at once. Nothing happens to one that has changed hands.
///
/// # Errors
/// When the database does not answer.
pub async fn release(db: &Db, fence: &Fence) -> Stored<()> {
    const SQL: &str = "UPDATE leases SET expires_at = 0 WHERE name = $1 AND token = $2";
    alone!(db, conn => { sqlx::query(SQL).bind(&fence.name).bind(fence.token).execute(&mut *conn).await?; });
    Ok(())
}

/// All leases by name, also those that nobody has at the moment.
///
/// # Errors
/// When the database does not answer.
pub async fn all(db: &Db) -> Stored<Vec<Lease>> {
    let sql = format!(
        "SELECT name, holder, token, taken_at, expires_at, expires_at > {} AS is_held FROM leases ORDER BY name",
        now(db)
    );
    Ok(read!(db, conn => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?))
}

/// What makes a transaction one of leased work. `None` = somebody asked for it, and no lease is needed.
pub(super) trait Fenced {
    /// Begins it.
    async fn enter(&mut self, fence: Option<&Fence>) -> Stored<()>;
    /// Ends it, as its last statement: [`StoreError::LeaseLost`] if the lease has changed hands. Nobody can take it before the commit.
    async fn fence(&mut self, fence: Option<&Fence>) -> Stored<()>;
}

impl Fenced for SqliteConnection {
    async fn enter(&mut self, _fence: Option<&Fence>) -> Stored<()> {
        Ok(())
    }

    /// SQLite has one writer: nobody takes a lease while this transaction lasts.
    async fn fence(&mut self, fence: Option<&Fence>) -> Stored<()> {
        const SQL: &str = "SELECT token FROM leases WHERE name = $1 AND token = $2";
        let Some(fence) = fence else { return Ok(()) };
        let found: Option<i64> = sqlx::query_scalar(SQL).bind(&fence.name).bind(fence.token).fetch_optional(self).await?;
        found.map(|_| ()).ok_or(StoreError::LeaseLost)
    }
}

impl Fenced for PgConnection {
    async fn enter(&mut self, fence: Option<&Fence>) -> Stored<()> {
        const SQL: &str = "SELECT set_config('idle_in_transaction_session_timeout', $1, true)";
        if fence.is_some() {
            sqlx::query(SQL).bind(STANDSTILL_MS).execute(self).await?;
        }
        Ok(())
    }

    async fn fence(&mut self, fence: Option<&Fence>) -> Stored<()> {
        const SQL: &str = "SELECT token FROM leases WHERE name = $1 AND token = $2 FOR SHARE";
        let Some(fence) = fence else { return Ok(()) };
        let found: Option<i64> = sqlx::query_scalar(SQL).bind(&fence.name).bind(fence.token).fetch_optional(self).await?;
        found.map(|_| ()).ok_or(StoreError::LeaseLost)
    }
}

/// Runs one body in a transaction and commits it, if the lease it was begun under is still the same: `fenced!(db, fence, tx => …)`.
/// `fence` is an `Option<&Fence>`.
macro_rules! fenced {
    ($db:expr, $fence:expr, $tx:ident => $body:expr) => {
        $crate::store::db::write!($db, $tx => {
            use $crate::store::leases::Fenced as _;
            $tx.enter($fence).await?;
            let done = $body;
            $tx.fence($fence).await?;
            done
        })
    };
}

pub(super) use fenced;
