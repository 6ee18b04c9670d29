//! Locks that last as long as the transaction that took them.

use sqlx::{PgConnection, SqliteConnection};

use super::db::Stored;

/// What is to be changed by one transaction at a time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lock {
    /// Who is super admin.
    SuperAdmins = 0x6170_6901,
    /// Which names of models that nobody serves are kept.
    MissingModels = 0x6170_6902,
    /// Who makes ids in which lane.
    Lanes = 0x6170_6903,
}

/// `tx.lock(Lock::SuperAdmins)`: waits until no other transaction holds it.
pub(super) trait Locks {
    async fn lock(&mut self, lock: Lock) -> Stored<()>;
}

impl Locks for SqliteConnection {
    /// SQLite has one writer: whoever is in a writing transaction has every lock.
    async fn lock(&mut self, _lock: Lock) -> Stored<()> {
        Ok(())
    }
}

impl Locks for PgConnection {
    async fn lock(&mut self, lock: Lock) -> Stored<()> {
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(lock as i64).execute(self).await?;
        Ok(())
    }
}
