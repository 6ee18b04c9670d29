//! Admin tokens: what scripts use in place of a session.

use sqlx::FromRow;

use super::db::{Db, Stored, read, write};
use super::sessions::Holder;
use super::trail::{Leave, Trail};

/// An admin token.
#[derive(Clone, Debug, Default, FromRow)]
pub struct AdminTokenRow {
    /// Its id.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// Its visible start.
    pub prefix: String,
    /// SHA-256 of it, hexadecimal.
    pub token_hash: String,
    /// Whose it is.
    pub user_id: i64,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds; `None` = never.
    pub expires_at: Option<i64>,
    /// Epoch milliseconds.
    pub last_used_at: Option<i64>,
}

/// A token with its owner's name.
#[derive(Clone, Debug, FromRow)]
pub struct OwnedToken {
    /// The token.
    #[sqlx(flatten)]
    pub token: AdminTokenRow,
    /// Its owner's name.
    pub username: String,
    /// Its owner's role.
    pub role: String,
}

/// Adds a token; `false` when its owner has `most` already. Their row is locked meanwhile, so that parallel calls all count.
///
/// # Errors
/// When the database fails.
pub async fn add(db: &Db, token: &AdminTokenRow, most: i64, trail: &Trail) -> Stored<bool> {
    let insert = "INSERT INTO admin_tokens (id, name, prefix, token_hash, user_id, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let lock = "UPDATE users SET updated_at = updated_at WHERE id = $1";
    let count = "SELECT count(*) FROM admin_tokens WHERE user_id = $1";
    write!(db, tx => {
        sqlx::query(lock).bind(token.user_id).execute(&mut *tx).await?;
        if sqlx::query_scalar::<_, i64>(count).bind(token.user_id).fetch_one(&mut *tx).await? >= most {
            return Ok(false);
        }
        sqlx::query(insert)
            .bind(token.id).bind(&token.name).bind(&token.prefix).bind(&token.token_hash).bind(token.user_id)
            .bind(token.created_at).bind(token.expires_at).execute(&mut *tx).await?;
        tx.leave(trail).await?;
        Ok(true)
    })
}

/// The tokens of one account, or of all, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, user: Option<i64>) -> Stored<Vec<OwnedToken>> {
    let select = "SELECT t.*, u.username, u.role FROM admin_tokens t JOIN users u ON u.id = t.user_id \
         WHERE (CAST($1 AS BIGINT) IS NULL OR t.user_id = $1) ORDER BY t.created_at DESC, t.id DESC LIMIT 1000";
    read!(db, conn => Ok(sqlx::query_as(select).bind(user).fetch_all(&mut *conn).await?))
}

/// One token.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: i64) -> Stored<Option<OwnedToken>> {
    let select = "SELECT t.*, u.username, u.role FROM admin_tokens t JOIN users u ON u.id = t.user_id WHERE t.id = $1";
    read!(db, conn => Ok(sqlx::query_as(select).bind(id).fetch_optional(&mut *conn).await?))
}

/// Removes a token; `false` when it is gone already.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &Db, id: i64, trail: &Trail) -> Stored<bool> {
    write!(db, tx => {
        let gone = sqlx::query("DELETE FROM admin_tokens WHERE id = $1").bind(id).execute(&mut *tx).await?.rows_affected() > 0;
        if gone {
            tx.leave(trail).await?;
        }
        Ok(gone)
    })
}

/// The active account behind the token with this id, if it has not expired.
///
/// # Errors
/// When the database fails.
pub async fn holder_of(db: &Db, id: i64, now_ms: i64) -> Stored<Option<Holder>> {
    let select = "SELECT t.id AS credential_id, t.last_used_at AS last_seen_at, u.id AS user_id, u.username, u.role \
         FROM admin_tokens t JOIN users u ON u.id = t.user_id WHERE t.id = $1 \
         AND (t.expires_at IS NULL OR t.expires_at > $2) AND u.status = 'active' AND u.deleted_at IS NULL";
    read!(db, conn => Ok(sqlx::query_as(select).bind(id).bind(now_ms).fetch_optional(&mut *conn).await?))
}

/// The active account behind a token that has not expired.
///
/// # Errors
/// When the database fails.
pub async fn holder(db: &Db, token_hash: &str, now_ms: i64) -> Stored<Option<Holder>> {
    let select = "SELECT t.id AS credential_id, t.last_used_at AS last_seen_at, u.id AS user_id, u.username, u.role \
         FROM admin_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = $1 \
         AND (t.expires_at IS NULL OR t.expires_at > $2) AND u.status = 'active' AND u.deleted_at IS NULL";
    read!(db, conn => Ok(sqlx::query_as(select).bind(token_hash).bind(now_ms).fetch_optional(&mut *conn).await?))
}

/// Notes that a token was used.
///
/// # Errors
/// When the database fails.
pub async fn touch(db: &Db, id: i64, now_ms: i64) -> Stored<()> {
    write!(db, tx => {
        sqlx::query("UPDATE admin_tokens SET last_used_at = $2 WHERE id = $1").bind(id).bind(now_ms).execute(&mut *tx).await?;
        Ok(())
    })
}
