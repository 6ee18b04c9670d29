//! Stored settings: only those that differ from their default have a row.

use actors::vocabulary::Settings;

use super::catalogue::settings_in_force;
use super::db::{Db, Stored, on_both, read, write};
use super::trail::{Leave, Trail};

/// The settings in force, as the database has them now.
///
/// # Errors
/// When the database fails.
pub async fn load(db: &Db) -> Stored<Settings> {
    const SQL: &str = "SELECT name, value FROM settings ORDER BY name";
    let rows = read!(db, conn => sqlx::query_as(SQL).fetch_all(&mut *conn).await?);
    Ok(settings_in_force(db, rows))
}

/// Sets some settings and puts others back to their default (`None`), all or nothing.
///
/// # Errors
/// When the database fails.
pub async fn write_all(db: &Db, changes: &[(&str, Option<String>)], now_ms: i64, trail: &Trail) -> Stored<()> {
    write!(db, tx => {
        for (name, value) in changes {
            tx.put_setting(name, value.as_deref(), now_ms).await?;
        }
        tx.leave(trail).await?;
    });
    Ok(())
}

/// Sets a setting, or puts it back to its default (`None`).
pub(super) trait PutSetting {
    async fn put_setting(&mut self, name: &str, value: Option<&str>, now_ms: i64) -> Stored<()>;
}

on_both!(PutSetting {
    async fn put_setting(&mut self, name: &str, value: Option<&str>, now_ms: i64) -> Stored<()> {
        const SET: &str = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
        match value {
            Some(value) => sqlx::query(SET).bind(name).bind(value).bind(now_ms).execute(self).await?.rows_affected(),
            None => sqlx::query("DELETE FROM settings WHERE name = $1").bind(name).execute(self).await?.rows_affected(),
        };
        Ok(())
    }
});
