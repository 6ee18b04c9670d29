//! Bringing the tables up to date: one process at a time, while others that start wait for it.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgPoolOptions;
use tokio::time::{Instant, MissedTickBehavior};

use super::super::unusable::{self, UnusableDatabase};
use super::super::{StoreError, names};
use super::{ACQUIRE_DEADLINE, Db, Pools};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Longest wait for another process that does the same, or for one table that somebody keeps locked: far longer than a large log takes.
const LOCK_DEADLINE: Duration = Duration::from_secs(600);
/// The same as PostgreSQL reads it. It holds for the lock that keeps other processes from migrating, too.
const LOCK_TIMEOUT: &str = "600s";
/// How often whoever reads the log is told that this still goes on.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Between two tries to lock a file.
const PAUSE: Duration = Duration::from_millis(50);

impl Db {
    /// Runs the migrations that have not run yet, then folds names that an older version stored. Of processes that start at once one does
    /// it and the others wait, 10 minutes at most: on PostgreSQL an advisory lock decides, for SQLite the file `migrate.lock` beside the
    /// database, which every process that uses it finds there, whatever its own directory is.
    ///
    /// # Errors
    /// When a migration fails; then nothing of it stays.
    pub async fn migrate(&self) -> Result<(), UnusableDatabase> {
        let migrating = self.run_migrations();
        tokio::pin!(migrating);
        let mut telling = tokio::time::interval_at(Instant::now() + TELL_EVERY, TELL_EVERY);
        telling.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                migrated = &mut migrating => return migrated.map_err(|error| self.unmigrated(&error)),
                _ = telling.tick() => tracing::info!("the database is being brought up to date, here or by another process that started"),
            }
        }
    }

    /// Why the migrations did not run, with what this database says about it.
    fn unmigrated(&self, error: &MigrateError) -> UnusableDatabase {
        let refused = match error {
            MigrateError::Execute(refused) | MigrateError::ExecuteMigration(refused, _) => Some(refused),
            _ => None,
        };
        match (&self.pools, refused) {
            (Pools::Lite { file, .. }, Some(refused)) => UnusableDatabase::embedded(file, refused),
            (Pools::Lite { file, .. }, None) => UnusableDatabase::new(unusable::file(file), unusable::migration(error)),
            (Pools::Pg { target, .. }, refused) => {
                let reason = refused.and_then(|refused| target.migration(refused));
                UnusableDatabase::new(target, reason.unwrap_or_else(|| unusable::migration(error)))
            }
        }
    }

    async fn run_migrations(&self) -> Result<(), MigrateError> {
        match &self.pools {
            Pools::Lite { writer, directory, .. } => {
                let _alone = locked(directory).await?;
                MIGRATIONS.run(writer).await?;
            }
            Pools::Pg { pool, reactor, .. } => {
                let run = reactor.spawn(on_postgres(pool.clone()));
                run.await.map_err(|_| sqlx::Error::WorkerCrashed)??;
            }
        }
        names::fold_old(self).await.map_err(|error| match error {
            StoreError::Ill(error) => error.into(),
            other => sqlx::Error::Protocol(other.to_string()).into(),
        })
    }
}

/// On a connection of its own: a large table takes longer than a statement may.
async fn on_postgres(pool: PgPool) -> Result<(), MigrateError> {
    let patient = [("statement_timeout", "0"), ("lock_timeout", LOCK_TIMEOUT)];
    let options = pool.connect_options().as_ref().clone().options(patient);
    let alone = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_DEADLINE).connect_with(options).await?;
    let migrated = MIGRATIONS.run(&alone).await;
    // Its end also ends the lock of a migration that failed.
    alone.close().await;
    migrated
}

/// Locks the file that keeps other processes from migrating the databases of this directory.
async fn locked(directory: &Path) -> Result<File, sqlx::Error> {
    let lock = crate::files::open_lock(&directory.join("migrate.lock")).map_err(sqlx::Error::Io)?;
    let by = Instant::now() + LOCK_DEADLINE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < by => tokio::time::sleep(PAUSE).await,
            Err(TryLockError::WouldBlock) => {
                let waited = "another api-proxy process has been bringing it up to date for ten minutes: stop that one";
                return Err(sqlx::Error::Io(std::io::Error::other(waited)));
            }
            Err(TryLockError::Error(error)) => return Err(sqlx::Error::Io(error)),
        }
    }
}
