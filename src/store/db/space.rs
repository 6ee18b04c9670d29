//! Space of the embedded database's file: what deleted rows leave is kept in it until it is given back.

use sqlx::Executor;

use super::super::unusable::UnusableDatabase;
use super::{Db, Pools, Stored};

impl Db {
    /// Writes an embedded database anew, without what deleted rows left, and so that it gives such space back by itself from
    /// then on. Takes as much of the disk again as it has rows; nothing else is written meanwhile. `false` = it is PostgreSQL,
    /// which fills the room of deleted rows by itself.
    ///
    /// # Errors
    /// When there is no room, or somebody else uses it.
    pub async fn vacuum(&self) -> Result<bool, UnusableDatabase> {
        let Pools::Lite { writer, file, .. } = &self.pools else { return Ok(false) };
        let all = sqlx::raw_sql("PRAGMA auto_vacuum = INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
        let unusable = |error: sqlx::Error| UnusableDatabase::embedded(file, &error);
        let mut connection = writer.acquire().await.map_err(unusable)?;
        all.execute(&mut *connection).await.map_err(unusable)?;
        Ok(true)
    }

    /// Writes what the write-ahead log of an embedded database holds into its file, which becomes as short as it may be. Nobody
    /// waits for it but the next write.
    pub(crate) async fn write_back(&self) -> Stored<()> {
        if let Pools::Lite { writer, .. } = &self.pools {
            writer.acquire().await?.execute("PRAGMA wal_checkpoint(PASSIVE)").await?;
        }
        Ok(())
    }
}
