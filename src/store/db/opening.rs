//! How the pools come about: settings of the connections, and the wait for a server that is about to be there.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgConnection, SqlitePool};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::super::unusable::{self, Target, UnusableDatabase};
use super::{ACQUIRE_DEADLINE, Pools};

/// Longest run of one statement.
const STATEMENT_DEADLINE: &str = "20s";
/// Readers beside SQLite's one writer.
const SQLITE_READERS: u32 = 4;
/// SQLite's page cache of the writer, in KiB (negative by SQLite's rule): the ends of all indexes that grow.
const WRITER_CACHE: &str = "-16384";
/// Pages in the WAL before they are written back: 16 MiB. A page that many transactions touch is written back once.
const CHECKPOINT_PAGES: &str = "4096";
/// Rows that SQLite's thread may be ahead of who reads them: those of one statement of a booking.
const WRITER_ROWS: usize = 256;
/// Longest wait for a server that is starting, or not there yet.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// The oldest version that every statement runs on.
const OLDEST_POSTGRES: u32 = 140_000;

/// The file of an embedded database.
pub fn file_of(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") || [":memory:", "mode=memory"].iter().any(|in_memory| url.contains(in_memory)) {
        return None;
    }
    SqliteConnectOptions::from_str(url).ok().map(|options| options.get_filename().to_owned())
}

pub(super) async fn sqlite(url: &str) -> Result<Pools, UnusableDatabase> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| {
        UnusableDatabase::new("the SQLite database of DATABASE_URL", format_args!("its address cannot be read: {error}"))
    })?;
    let file = options.get_filename().to_owned();
    let directory = file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    let by = Instant::now() + CONNECT_DEADLINE;
    let (writer, readers) = loop {
        match sqlite_pools(options.clone()).await {
            // Another process makes it at this moment; SQLite itself does not wait for that.
            Err(error) if is_busy(&error) && Instant::now() < by => tokio::time::sleep(PAUSE).await,
            opened => break opened.map_err(|error| UnusableDatabase::embedded(&file, &error))?,
        }
    };
    Ok(Pools::Lite { readers, writer, file, directory })
}

/// `SQLITE_BUSY` or `SQLITE_LOCKED`, of whatever kind.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|told| told.code()?.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

async fn sqlite_pools(options: SqliteConnectOptions) -> Result<(SqlitePool, SqlitePool), sqlx::Error> {
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .statement_cache_capacity(200)
        .optimize_on_close(true, None);
    // Only a database without a table can begin to keep what giving space back needs; a connection that asks for it writes a page.
    if std::fs::metadata(options.get_filename()).map_or(true, |about| about.len() == 0) {
        options.clone().auto_vacuum(SqliteAutoVacuum::Incremental).connect().await?.close().await?;
    }
    let pool = |size| {
        let pool = SqlitePoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE_DEADLINE);
        pool.after_release(|connection, _| Box::pin(is_sound(connection)))
    };
    let writing = options.clone().pragma("cache_size", WRITER_CACHE).pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
    let writer = pool(1).connect_with(writing.row_buffer_size(WRITER_ROWS)).await?;
    let readers = pool(SQLITE_READERS).connect_with(options.read_only(true)).await?;
    Ok((writer, readers))
}

pub(super) async fn postgres(url: &str, pool_size: u32) -> Result<Pools, UnusableDatabase> {
    let options = PgConnectOptions::from_str(url).map_err(|error| UnusableDatabase::new("DATABASE_URL", error))?;
    let options = options.application_name("api-proxy").options([("statement_timeout", STATEMENT_DEADLINE)]);
    let target = Arc::new(Target::of(&options));
    let unusable = |error: sqlx::Error| UnusableDatabase::new(&target, target.problem(&error).words);
    let reactor = start_reactor().map_err(|error| UnusableDatabase::new(&target, unusable::plain(&error)))?;
    let waiting = Arc::clone(&target);
    let connecting = reactor.spawn(async move {
        answers(&options, &waiting).await?;
        let pool = PgPoolOptions::new().max_connections(pool_size).acquire_timeout(ACQUIRE_DEADLINE);
        let pool = pool.after_release(|connection, _| Box::pin(is_sound(connection))).connect_with(options).await;
        pool.map_err(|error| UnusableDatabase::new(&waiting, waiting.problem(&error).words))
    });
    let pool = connecting.await.map_err(|_| unusable(sqlx::Error::WorkerCrashed))??;
    Ok(Pools::Pg { pool, reactor, target })
}

/// Waits until the server lets us in. What waiting cannot change (a wrong password) is told at once.
async fn answers(options: &PgConnectOptions, target: &Target) -> Result<(), UnusableDatabase> {
    let by = Instant::now() + CONNECT_DEADLINE;
    let mut told = None;
    loop {
        let problem = match tokio::time::timeout_at(by, PgConnection::connect_with(options)).await {
            Ok(Ok(connection)) => return is_new_enough(connection, target).await,
            Ok(Err(error)) => target.problem(&error),
            Err(_) => Target::silence(),
        };
        if !problem.may_pass {
            return Err(UnusableDatabase::new(target, problem.words));
        }
        if Instant::now() + PAUSE >= by {
            let waited = format!("{} (waited {} s)", problem.words, CONNECT_DEADLINE.as_secs());
            return Err(UnusableDatabase::new(target, waited));
        }
        if told.as_ref() != Some(&problem) {
            tracing::warn!(reason = problem.words, "waiting up to {} s for {target}", CONNECT_DEADLINE.as_secs());
            told = Some(problem);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn is_new_enough(connection: PgConnection, target: &Target) -> Result<(), UnusableDatabase> {
    let version = connection.server_version_num().unwrap_or(OLDEST_POSTGRES);
    // Whatever becomes of the farewell, the connection is closed.
    let _farewell = connection.close().await;
    if version < OLDEST_POSTGRES {
        let reason = format!("it runs PostgreSQL {}; 14 or newer is needed", version / 10_000);
        return Err(UnusableDatabase::new(target, reason));
    }
    Ok(())
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
fn start_reactor() -> Result<Handle, sqlx::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(sqlx::Error::Io)?;
    let handle = runtime.handle().clone();
    let run = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name("storage".to_owned()).spawn(run).map_err(sqlx::Error::Io)?;
    Ok(handle)
}
