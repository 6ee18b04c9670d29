//! Names of keys: of one by its digest, as far as its own usage report needs it, and of some by their ids.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::conditions::{Conditions, bind_all};
use super::db::{Db, Stored, read};

/// Id and name of the key with this digest (lower-case hex), unless its owner is gone.
///
/// # Errors
/// When the database is ill.
pub async fn find(db: &Db, digest: &str) -> Stored<Option<(i64, String)>> {
    const SQL: &str = "SELECT k.id, k.name FROM api_keys k JOIN users u ON u.id = k.user_id \
        WHERE k.digest = $1 AND u.deleted_at IS NULL";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(digest).fetch_optional(&mut *conn).await?))
}

/// Owners' and own names of the keys with these ids, by id.
///
/// # Errors
/// When the database is ill.
pub async fn of(db: &Db, ids: &[i64]) -> Stored<HashMap<i64, (String, String)>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut all = Conditions::default();
    let places = ids.iter().map(|id| all.push(*id)).collect::<Vec<_>>().join(", ");
    let sql =
        format!("SELECT k.id, u.username, k.name FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id IN ({places})");
    let rows: Vec<(i64, String, String)> =
        read!(db, conn => bind_all!(sqlx::query_as(AssertSqlSafe(sql)), &all.binds).fetch_all(&mut *conn).await?);
    Ok(rows.into_iter().map(|(id, username, name)| (id, (username, name))).collect())
}
