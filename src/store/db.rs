//! The two databases behind one face: pools, connections, transactions, migrations.
//!
//! A PostgreSQL socket belongs to the reactor of the thread that opened it. Every connection is therefore
//! opened on a thread of its own that lives as long as the process, never on an HTTP worker; the queries
//! themselves may run anywhere. SQLite has one writer (WAL, `BEGIN IMMEDIATE`) and readers apart.

mod copies;
mod instance;
mod migrating;
mod opening;
mod space;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::ports::StorageIll;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::runtime::Handle;

use super::unusable::{Target, UnusableDatabase, plain};

pub use instance::{Company, Exclusivity, InstanceLock};
pub use opening::file_of;

/// Longest wait for a free connection.
const ACQUIRE_DEADLINE: Duration = Duration::from_secs(5);
/// How a transaction begins on PostgreSQL that reads one moment.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Why a statement failed, as far as callers can act on it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique index refused the row.
    #[error("duplicate")]
    Duplicate,
    /// A foreign key refused the change: something it names is missing, or something still names it.
    #[error("still referenced, or a missing reference")]
    Reference,
    /// The lease that this work was begun under has changed hands: nothing of it was written.
    #[error("the lease has changed hands")]
    LeaseLost,
    /// The database did not answer, or not in a way we understand.
    #[error("the database did not do what was asked of it: {}", plain(.0))]
    Ill(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error().map(sqlx::error::DatabaseError::kind) {
            Some(sqlx::error::ErrorKind::UniqueViolation) => Self::Duplicate,
            Some(sqlx::error::ErrorKind::ForeignKeyViolation) => Self::Reference,
            _ if is_sqlite_restrict(&error) => Self::Reference,
            _ => Self::Ill(error),
        }
    }
}

/// SQLite tells of `ON DELETE RESTRICT` as of a trigger that said no (`SQLITE_CONSTRAINT_TRIGGER`). We have no triggers.
fn is_sqlite_restrict(error: &sqlx::Error) -> bool {
    let database = error.as_database_error().and_then(|error| error.try_downcast_ref::<sqlx::sqlite::SqliteError>());
    database.and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "1811")
}

impl From<StoreError> for StorageIll {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// What every store function returns.
pub type Stored<T> = Result<T, StoreError>;

/// A database, cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pools: Pools,
}

#[derive(Clone, Debug)]
enum Pools {
    Lite { readers: SqlitePool, writer: SqlitePool, file: PathBuf, directory: PathBuf },
    Pg { pool: PgPool, reactor: Handle, target: Arc<Target> },
}

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its version.
    pub version: String,
    /// Bytes it takes on disk.
    pub bytes: i64,
}

/// A connection for reading.
pub(super) enum Reader {
    Lite(PoolConnection<Sqlite>),
    Pg(PoolConnection<Postgres>),
}

/// A transaction for writing.
pub(super) enum Writer {
    Lite(Transaction<'static, Sqlite>),
    Pg(Transaction<'static, Postgres>),
}

/// A row of either database.
pub(super) trait Fetched:
    for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin
{
}

impl<T> Fetched for T where
    T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin
{
}

/// Runs one body against either database: `read!(db, conn => query.fetch_one(&mut *conn).await?)`.
/// The body stands in a function that returns [`Stored`].
macro_rules! read {
    ($db:expr, $conn:ident => $body:expr) => {
        match $db.reader().await? {
            $crate::store::db::Reader::Lite(mut $conn) => $body,
            $crate::store::db::Reader::Pg(mut $conn) => $body,
        }
    };
}

/// Runs one body in a transaction of either database and commits it: `write!(db, tx => …)`.
/// Leaving the body early (`?`, `return`) rolls back.
macro_rules! write {
    ($db:expr, $tx:ident => $body:expr) => {
        match $db.begin().await? {
            $crate::store::db::Writer::Lite(mut $tx) => {
                let done = $body;
                $tx.commit().await?;
                done
            }
            $crate::store::db::Writer::Pg(mut $tx) => {
                let done = $body;
                $tx.commit().await?;
                done
            }
        }
    };
}

/// Runs one body in a read-only transaction of either database, so that all its statements see one moment:
/// `snapshot!(db, tx => …)`.
macro_rules! snapshot {
    ($db:expr, $tx:ident => $body:expr) => {
        match $db.begin_snapshot().await? {
            $crate::store::db::Writer::Lite(mut $tx) => $body,
            $crate::store::db::Writer::Pg(mut $tx) => $body,
        }
    };
}

/// Implements a crate-private trait for the connections of both databases with one text:
/// `on_both!(Trait { async fn … })`. Its methods can then be called on any transaction or connection.
macro_rules! on_both {
    ($trait:ident { $($body:tt)* }) => {
        impl $trait for sqlx::SqliteConnection { $($body)* }
        impl $trait for sqlx::PgConnection { $($body)* }
    };
}

pub(crate) use {on_both, read, snapshot, write};

impl Db {
    /// Opens (and for SQLite creates) the database at `url`. Does not migrate.
    ///
    /// A PostgreSQL that is not there yet is waited for, 5 s at most; one that refuses us is not.
    ///
    /// # Errors
    /// When there is none, or it lets nobody in: says where, why, and what can be done.
    pub async fn open(url: &str, pool_size: u32) -> Result<Self, UnusableDatabase> {
        let pools =
            if url.starts_with("sqlite:") { opening::sqlite(url).await? } else { opening::postgres(url, pool_size).await? };
        Ok(Self { pools })
    }

    /// Keeps every other process that serves away from this database, for as long as what is returned lives. One that has
    /// just been killed is waited for, 5 s at most.
    ///
    /// # Errors
    /// When another process is in, or the database does not answer.
    pub async fn claim(&self, company: Company) -> Result<InstanceLock, UnusableDatabase> {
        match &self.pools {
            Pools::Lite { file, .. } => instance::embedded(file),
            Pools::Pg { pool, reactor, target } => instance::postgres(&pool.connect_options(), target, reactor, company).await,
        }
    }

    /// Whether this is the embedded database.
    pub fn is_embedded(&self) -> bool {
        matches!(self.pools, Pools::Lite { .. })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Stored<()> {
        let _one: i64 = read!(self, conn => sqlx::query_scalar("SELECT CAST(1 AS BIGINT)").fetch_one(&mut *conn).await?);
        Ok(())
    }

    /// Version and size of the database.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn describe(&self) -> Stored<Description> {
        const LITE: &str = "SELECT sqlite_version(), page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        const PG: &str = "SELECT current_setting('server_version'), pg_database_size(current_database())";
        let (version, bytes) = match self.reader().await? {
            Reader::Lite(mut conn) => sqlx::query_as(LITE).fetch_one(&mut *conn).await?,
            Reader::Pg(mut conn) => sqlx::query_as(PG).fetch_one(&mut *conn).await?,
        };
        Ok(Description { version, bytes })
    }

    /// Open connections, and those of them that nobody uses.
    pub fn connections(&self) -> (u32, usize) {
        match &self.pools {
            Pools::Lite { readers, writer, .. } => (readers.size() + writer.size(), readers.num_idle() + writer.num_idle()),
            Pools::Pg { pool, .. } => (pool.size(), pool.num_idle()),
        }
    }

    /// Bytes left on the disk of the embedded database, where the system tells.
    pub fn disk_free(&self) -> Option<u64> {
        let Pools::Lite { directory, .. } = &self.pools else { return None };
        let told = rustix::fs::statvfs(directory).ok()?;
        Some(told.f_bavail.saturating_mul(told.f_frsize))
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Lite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Pg { pool, .. } => pool.close().await,
        }
    }

    pub(super) async fn reader(&self) -> Stored<Reader> {
        match &self.pools {
            Pools::Lite { readers, .. } => Ok(Reader::Lite(readers.acquire().await?)),
            Pools::Pg { pool, reactor, .. } => {
                let pool = pool.clone();
                let acquired = reactor.spawn(async move { pool.acquire().await }).await;
                Ok(Reader::Pg(acquired.map_err(|_| sqlx::Error::WorkerCrashed)??))
            }
        }
    }

    /// A connection for one statement that writes, which is a transaction by itself: PostgreSQL is asked once and not three times.
    pub(super) async fn alone(&self) -> Stored<Reader> {
        match &self.pools {
            Pools::Lite { writer, .. } => Ok(Reader::Lite(writer.acquire().await?)),
            Pools::Pg { .. } => self.reader().await,
        }
    }

    pub(super) async fn begin_snapshot(&self) -> Stored<Writer> {
        match &self.pools {
            Pools::Lite { readers, .. } => Ok(Writer::Lite(readers.begin().await?)),
            Pools::Pg { pool, reactor, .. } => {
                let pool = pool.clone();
                let begun = reactor.spawn(async move { pool.begin_with(SNAPSHOT).await }).await;
                Ok(Writer::Pg(begun.map_err(|_| sqlx::Error::WorkerCrashed)??))
            }
        }
    }

    pub(super) async fn begin(&self) -> Stored<Writer> {
        match &self.pools {
            Pools::Lite { writer, .. } => Ok(Writer::Lite(writer.begin_with("BEGIN IMMEDIATE").await?)),
            Pools::Pg { pool, reactor, .. } => {
                let pool = pool.clone();
                let begun = reactor.spawn(async move { pool.begin().await }).await;
                Ok(Writer::Pg(begun.map_err(|_| sqlx::Error::WorkerCrashed)??))
            }
        }
    }
}
