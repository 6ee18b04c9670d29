//! Copies of the whole database, and what a copy is put into.

use std::path::Path;

use super::migrating::MIGRATIONS;
use super::{Db, Pools, Stored};

impl Db {
    /// Writes a copy of an embedded database, as it is at one moment, into a file that does not exist yet. Others go on reading and
    /// writing. `false` = PostgreSQL, of which `pg_dump` makes copies.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn copy_into(&self, file: &Path) -> Stored<bool> {
        let Pools::Lite { writer, .. } = &self.pools else { return Ok(false) };
        let file = file.display().to_string();
        sqlx::query("VACUUM INTO $1").bind(file).execute(&mut *writer.acquire().await?).await?;
        Ok(true)
    }

    /// The number of the last migration that was applied; `None` where there are no tables of ours.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn level(&self) -> Stored<Option<i64>> {
        const LITE: &str = "SELECT CAST(count(*) AS BIGINT) FROM sqlite_master WHERE name = '_sqlx_migrations'";
        const PG: &str = "SELECT CAST(count(*) AS BIGINT) FROM information_schema.tables \
            WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations'";
        const LEVEL: &str = "SELECT CAST(max(version) AS BIGINT) FROM _sqlx_migrations";
        let there: i64 = match &self.pools {
            Pools::Lite { writer, .. } => sqlx::query_scalar(LITE).fetch_one(writer).await?,
            Pools::Pg { .. } => super::read!(self, conn => sqlx::query_scalar(PG).fetch_one(&mut *conn).await?),
        };
        if there == 0 {
            return Ok(None);
        }
        Ok(super::read!(self, conn => sqlx::query_scalar(LEVEL).fetch_one(&mut *conn).await?))
    }

    /// The number of the newest migration that this program knows.
    pub fn newest_level() -> i64 {
        MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
    }
}
