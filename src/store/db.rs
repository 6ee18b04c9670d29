//! The two databases behind one face: pools, connections, transactions, migrations.
//!
//! A PostgreSQL socket belongs to the reactor of the thread that opened it. Every connection is therefore
//! opened on a thread of its own that lives as long as the process, never on an HTTP worker; the queries
//! themselves may run anywhere. SQLite has one writer (WAL, `BEGIN IMMEDIATE`) and readers apart.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use actors::ports::StorageIll;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::runtime::Handle;

/// Longest wait for a free connection.
const ACQUIRE_DEADLINE: Duration = Duration::from_secs(5);
/// Longest run of one statement.
const STATEMENT_DEADLINE: &str = "20s";
/// How a transaction begins on PostgreSQL that reads one moment.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Readers beside SQLite's one writer.
const SQLITE_READERS: u32 = 4;
/// SQLite's page cache of the writer, in KiB (negative by SQLite's rule): the ends of all indexes that grow.
const WRITER_CACHE: &str = "-16384";
/// Pages in the WAL before they are written back: 16 MiB. A page that many transactions touch is written back once.
const CHECKPOINT_PAGES: &str = "4096";
/// Rows that SQLite's thread may be ahead of who reads them: those of one statement of a booking.
const WRITER_ROWS: usize = 256;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Why a statement failed, as far as callers can act on it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique index refused the row.
    #[error("duplicate")]
    Duplicate,
    /// A foreign key refused the change: something it names is missing, or something still names it.
    #[error("still referenced, or a missing reference")]
    Reference,
    /// The database did not answer, or not in a way we understand.
    #[error("storage is ill: {0}")]
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
    Lite { readers: SqlitePool, writer: SqlitePool, directory: PathBuf },
    Pg { pool: PgPool, reactor: Handle },
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
    /// # Errors
    /// When the URL is of neither database, or nobody answers there.
    pub async fn open(url: &str, pool_size: u32) -> Stored<Self> {
        let pools = if url.starts_with("sqlite:") { open_sqlite(url).await? } else { open_postgres(url, pool_size).await? };
        Ok(Self { pools })
    }

    /// Whether this is the embedded database.
    pub fn is_embedded(&self) -> bool {
        matches!(self.pools, Pools::Lite { .. })
    }

    /// Runs the migrations that have not run yet. `lock_dir` holds the lock file that keeps a second
    /// process from migrating the same SQLite file; PostgreSQL has an advisory lock of its own.
    ///
    /// # Errors
    /// When a migration fails; then nothing of it stays.
    pub async fn migrate(&self, lock_dir: &Path) -> Result<(), sqlx::migrate::MigrateError> {
        match &self.pools {
            Pools::Lite { writer, .. } => {
                let lock = std::fs::File::create(lock_dir.join("migrate.lock")).map_err(sqlx::Error::Io)?;
                lock.lock().map_err(sqlx::Error::Io)?;
                MIGRATIONS.run(writer).await
            }
            Pools::Pg { pool, reactor } => {
                let pool = pool.clone();
                let run = reactor.spawn(async move {
                    // On a connection of its own: a large table takes longer than a statement may.
                    let patient = pool.connect_options().as_ref().clone().options([("statement_timeout", "0")]);
                    let alone =
                        PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_DEADLINE).connect_with(patient).await?;
                    let migrated = MIGRATIONS.run(&alone).await;
                    alone.close().await;
                    migrated
                });
                run.await.map_err(|_| sqlx::Error::WorkerCrashed)?
            }
        }
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
            Pools::Pg { pool, reactor } => {
                let pool = pool.clone();
                let acquired = reactor.spawn(async move { pool.acquire().await }).await;
                Ok(Reader::Pg(acquired.map_err(|_| sqlx::Error::WorkerCrashed)??))
            }
        }
    }

    pub(super) async fn begin_snapshot(&self) -> Stored<Writer> {
        match &self.pools {
            Pools::Lite { readers, .. } => Ok(Writer::Lite(readers.begin().await?)),
            Pools::Pg { pool, reactor } => {
                let pool = pool.clone();
                let begun = reactor.spawn(async move { pool.begin_with(SNAPSHOT).await }).await;
                Ok(Writer::Pg(begun.map_err(|_| sqlx::Error::WorkerCrashed)??))
            }
        }
    }

    pub(super) async fn begin(&self) -> Stored<Writer> {
        match &self.pools {
            Pools::Lite { writer, .. } => Ok(Writer::Lite(writer.begin_with("BEGIN IMMEDIATE").await?)),
            Pools::Pg { pool, reactor } => {
                let pool = pool.clone();
                let begun = reactor.spawn(async move { pool.begin().await }).await;
                Ok(Writer::Pg(begun.map_err(|_| sqlx::Error::WorkerCrashed)??))
            }
        }
    }
}

async fn open_sqlite(url: &str) -> Stored<Pools> {
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .statement_cache_capacity(200)
        .optimize_on_close(true, None);
    let directory = options.get_filename().parent().filter(|path| !path.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new(".")).to_owned();
    let pool = |size| {
        let pool = SqlitePoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE_DEADLINE);
        pool.after_release(|connection, _| Box::pin(is_sound(connection)))
    };
    let writing = options.clone().pragma("cache_size", WRITER_CACHE).pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
    let writer = pool(1).connect_with(writing.row_buffer_size(WRITER_ROWS)).await?;
    let readers = pool(SQLITE_READERS).connect_with(options.read_only(true)).await?;
    Ok(Pools::Lite { readers, writer, directory })
}

async fn open_postgres(url: &str, pool_size: u32) -> Stored<Pools> {
    let options =
        PgConnectOptions::from_str(url)?.application_name("api-proxy").options([("statement_timeout", STATEMENT_DEADLINE)]);
    let reactor = start_reactor()?;
    let connecting = reactor.spawn(async move {
        let pool = PgPoolOptions::new().max_connections(pool_size).acquire_timeout(ACQUIRE_DEADLINE);
        pool.after_release(|connection, _| Box::pin(is_sound(connection))).connect_with(options).await
    });
    let pool = connecting.await.map_err(|_| sqlx::Error::WorkerCrashed)??;
    Ok(Pools::Pg { pool, reactor })
}

/// Whether a connection that comes back may be used again: one that is still inside a transaction may not. A full disk ends
/// a transaction inside the database, its rollback then fails, and to the driver the transaction goes on for ever. The pool
/// closes such a connection and opens another.
async fn is_sound<C: Connection>(connection: &mut C) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A rollback may be on its way.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Starts the thread whose reactor owns PostgreSQL's sockets.
fn start_reactor() -> Stored<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(sqlx::Error::Io)?;
    let handle = runtime.handle().clone();
    let run = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name("storage".to_owned()).spawn(run).map_err(sqlx::Error::Io)?;
    Ok(handle)
}
