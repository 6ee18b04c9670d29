//! Names of keys: of one by its digest, as far as its own usage report needs it, and of some by their ids.

use sqlx::{AssertSqlSafe, FromRow};

use super::conditions::listed;
use super::db::{Db, Stored, read};

/// Id and name of the key with this digest (lower-case hex), unless its owner is gone.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, digest: &str) -> Stored<Option<(i64, String)>> {
    const SQL: &str = "SELECT k.id, k.name FROM api_keys k JOIN users u ON u.id = k.user_id \
        WHERE k.digest = $1 AND u.deleted_at IS NULL";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(digest).fetch_optional(&mut *conn).await?))
}

/// A key's name beside its owner's.
#[derive(Clone, Debug, FromRow)]
pub struct NamedKey {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub user_id: i64,
    /// Their name.
    pub username: String,
}

/// The keys with these ids, as far as they are still there.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &Db, ids: &[i64]) -> Stored<Vec<NamedKey>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT k.id, k.name, k.user_id, u.username FROM api_keys k JOIN users u ON u.id = k.user_id \
         WHERE k.id IN ({}) AND u.deleted_at IS NULL",
        listed(ids)
    );
    read!(db, conn => Ok(sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?))
}
