//! Sessions: one row per signed-in browser, found by the digest of its token.

use sqlx::FromRow;

use super::db::{Db, Stored, read, write};
use super::trail::{Leave, Trail};

/// Sessions kept per account; the oldest make room.
const PER_USER: i64 = 50;

/// A session.
#[derive(Clone, Debug, Default, FromRow)]
pub struct SessionRow {
    /// Its id.
    pub id: i64,
    /// SHA-256 of its token, hexadecimal.
    pub token_hash: String,
    /// Whose it is.
    pub user_id: i64,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub last_seen_at: i64,
    /// Epoch milliseconds.
    pub expires_at: i64,
    /// Where it was last seen.
    pub client_ip: Option<String>,
    /// The browser's name for itself.
    pub user_agent: Option<String>,
}

/// A credential with the account behind it as it is now.
#[derive(Clone, Debug, FromRow)]
pub struct Holder {
    /// The credential's id.
    pub credential_id: i64,
    /// When it was last used.
    pub last_seen_at: Option<i64>,
    /// The account.
    pub user_id: i64,
    /// Its name.
    pub username: String,
    /// Its role.
    pub role: String,
}

/// Adds the session of a fresh sign-in, in place of the one with the digest `replaced`.
///
/// # Errors
/// When the database fails.
pub async fn add(db: &Db, session: &SessionRow, replaced: Option<&str>, trail: &Trail) -> Stored<()> {
    let insert = "INSERT INTO sessions (id, token_hash, user_id, created_at, last_seen_at, expires_at, client_ip, user_agent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let crowded = "DELETE FROM sessions WHERE user_id = $1 AND id NOT IN \
         (SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)";
    write!(db, tx => {
        sqlx::query("DELETE FROM sessions WHERE expires_at < $1 OR token_hash = $2")
            .bind(session.created_at).bind(replaced).execute(&mut *tx).await?;
        sqlx::query(insert)
            .bind(session.id).bind(&session.token_hash).bind(session.user_id).bind(session.created_at)
            .bind(session.last_seen_at).bind(session.expires_at).bind(&session.client_ip).bind(&session.user_agent)
            .execute(&mut *tx).await?;
        sqlx::query(crowded).bind(session.user_id).bind(PER_USER).execute(&mut *tx).await?;
        sqlx::query("UPDATE users SET last_login_at = $2 WHERE id = $1")
            .bind(session.user_id).bind(session.created_at).execute(&mut *tx).await?;
        tx.leave(trail).await?;
        Ok(())
    })
}

/// The active account behind the session with this id, if it has not ended.
///
/// # Errors
/// When the database fails.
pub async fn holder_of(db: &Db, id: i64, now_ms: i64) -> Stored<Option<Holder>> {
    let select = "SELECT s.id AS credential_id, s.last_seen_at, u.id AS user_id, u.username, u.role FROM sessions s \
         JOIN users u ON u.id = s.user_id \
         WHERE s.id = $1 AND s.expires_at > $2 AND u.status = 'active' AND u.deleted_at IS NULL";
    read!(db, conn => Ok(sqlx::query_as(select).bind(id).bind(now_ms).fetch_optional(&mut *conn).await?))
}

/// The active account behind a session that has not expired.
///
/// # Errors
/// When the database fails.
pub async fn holder(db: &Db, token_hash: &str, now_ms: i64) -> Stored<Option<Holder>> {
    let select = "SELECT s.id AS credential_id, s.last_seen_at, u.id AS user_id, u.username, u.role FROM sessions s \
         JOIN users u ON u.id = s.user_id \
         WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.status = 'active' AND u.deleted_at IS NULL";
    read!(db, conn => Ok(sqlx::query_as(select).bind(token_hash).bind(now_ms).fetch_optional(&mut *conn).await?))
}

/// Notes that a session was used, and moves its end.
///
/// # Errors
/// When the database fails.
pub async fn touch(db: &Db, id: i64, now_ms: i64, expires_at: i64, client_ip: Option<&str>) -> Stored<()> {
    let update = "UPDATE sessions SET last_seen_at = $2, expires_at = $3, client_ip = $4 WHERE id = $1";
    write!(db, tx => {
        sqlx::query(update).bind(id).bind(now_ms).bind(expires_at).bind(client_ip).execute(&mut *tx).await?;
        Ok(())
    })
}

/// An account's sessions, the last seen first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &Db, user: i64, now_ms: i64) -> Stored<Vec<SessionRow>> {
    let select = "SELECT * FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, id DESC";
    read!(db, conn => Ok(sqlx::query_as(select).bind(user).bind(now_ms).fetch_all(&mut *conn).await?))
}

/// Ends one of an account's sessions; `false` when there is no such one. Nothing is left in the trail then.
///
/// # Errors
/// When the database fails.
pub async fn end(db: &Db, user: i64, id: i64, trail: Option<&Trail>) -> Stored<bool> {
    write!(db, tx => {
        let delete = sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id = $2");
        let ended = delete.bind(user).bind(id).execute(&mut *tx).await?.rows_affected() > 0;
        if let Some(trail) = trail.filter(|_| ended) {
            tx.leave(trail).await?;
        }
        Ok(ended)
    })
}

/// Ends all of an account's sessions but one.
///
/// # Errors
/// When the database fails.
pub async fn end_others(db: &Db, user: i64, spared: Option<i64>, trail: Option<&Trail>) -> Stored<()> {
    let delete = "DELETE FROM sessions WHERE user_id = $1 AND (CAST($2 AS BIGINT) IS NULL OR id <> $2)";
    write!(db, tx => {
        sqlx::query(delete).bind(user).bind(spared).execute(&mut *tx).await?;
        if let Some(trail) = trail {
            tx.leave(trail).await?;
        }
        Ok(())
    })
}
