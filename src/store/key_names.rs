//! A key by its digest, as far as its own usage report needs it.

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
