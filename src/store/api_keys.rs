//! Relay keys as their owners and admins manage them.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, on_both, read, write};
use super::key_limits::{AdminColumns, KeyLimits};
use super::paging::{Sorts, Window};
use super::trail::{Leave, Trail};

/// A relay key.
#[derive(Clone, Debug, Default, FromRow)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: i64,
    /// Whose it is.
    pub user_id: i64,
    /// Its name.
    pub name: String,
    /// Its visible start.
    pub prefix: String,
    /// SHA-256 of it, hexadecimal.
    pub digest: String,
    /// `active` or `disabled`.
    pub status: String,
    /// Whether an admin switched it off, so that its owner cannot switch it on again.
    pub disabled_by_admin: bool,
    /// `all`, `claude` or `openai`.
    pub channel_scope: String,
    /// The one channel it may use.
    pub channel_id: Option<i64>,
    /// The owner's limits.
    #[sqlx(flatten)]
    pub owner: KeyLimits,
    /// The admins' limits; the tighter of both count.
    #[sqlx(flatten, try_from = "AdminColumns")]
    pub admin: KeyLimits,
    /// Money spent so far, in nano-dollars.
    pub used_nanos: i64,
    /// Requests so far.
    pub used_requests: i64,
    /// The day `day_tokens` counts.
    pub day_start: i64,
    /// Tokens counted on that day.
    pub day_tokens: i64,
    /// Epoch milliseconds.
    pub last_used_at: Option<i64>,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

/// A key with its owner.
#[derive(Clone, Debug, FromRow)]
pub struct OwnedKey {
    /// The key.
    #[sqlx(flatten)]
    pub key: ApiKeyRow,
    /// Its owner's name.
    pub username: String,
    /// Its owner's role.
    pub role: String,
}

/// Which keys are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Those of one account.
    pub user_id: Option<i64>,
    /// Those of one status.
    pub status: Option<String>,
}

/// How adding went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// Done.
    Done,
    /// Not: the owner has as many as may be.
    TooMany,
}

/// How a change went.
#[derive(Debug)]
pub enum Changing<E> {
    /// Done; the key as it is now.
    Done(Box<ApiKeyRow>),
    /// No such key.
    Missing,
    /// The edit itself said no.
    Refused(E),
}

/// What keys may be sorted by.
pub const SORTS: Sorts = &[
    ("createdAt", "k.created_at"),
    ("name", "lower(k.name)"),
    ("status", "k.status"),
    ("usedUsd", "k.used_nanos"),
    ("lastUsedAt", "k.last_used_at"),
    // The earlier of both.
    (
        "expiresAt",
        "CASE WHEN k.admin_expires_at IS NULL OR k.expires_at < k.admin_expires_at THEN k.expires_at ELSE k.admin_expires_at END",
    ),
    ("username", "lower(u.username)"),
];

/// Keys beside their owners.
pub(super) const FROM: &str = "FROM api_keys k JOIN users u ON u.id = k.user_id";
const MATCHES: &str = "(CAST($1 AS BIGINT) IS NULL OR k.user_id = $1) AND (CAST($2 AS TEXT) IS NULL OR k.status = $2) \
     AND (CAST($3 AS TEXT) IS NULL OR lower(k.name) LIKE $3 ESCAPE '\\' OR lower(k.prefix) LIKE $3 ESCAPE '\\' \
     OR lower(u.username) LIKE $3 ESCAPE '\\' OR u.folded_name LIKE $3 ESCAPE '\\')";

/// Adds a key, unless its owner has `most` already. Their row is locked meanwhile, so that parallel calls all count.
///
/// # Errors
/// `Duplicate` when this very key exists, `Reference` when its owner or channel does not.
pub async fn add(db: &Db, key: &ApiKeyRow, most: Option<i64>, trail: &Trail) -> Stored<Added> {
    write!(db, tx => {
        if let Some(most) = most
            && tx.keys_of_locked(key.user_id).await? >= most
        {
            return Ok(Added::TooMany);
        }
        tx.insert_key(key).await?;
        tx.leave(trail).await?;
        Ok(Added::Done)
    })
}

/// Changes one key: `edit` gets it as it is, locked. What it has used is never written here.
///
/// # Errors
/// `Reference` when its channel does not exist.
pub async fn change<E>(
    db: &Db,
    id: i64,
    now_ms: i64,
    edit: impl FnOnce(&mut ApiKeyRow) -> Result<Trail, E>,
) -> Stored<Changing<E>> {
    write!(db, tx => {
        let Some(mut key) = tx.lock_key(id).await? else { return Ok(Changing::Missing) };
        let trail = match edit(&mut key) {
            Ok(trail) => trail,
            Err(refusal) => return Ok(Changing::Refused(refusal)),
        };
        key.updated_at = now_ms;
        tx.update_key(&key).await?;
        tx.leave(&trail).await?;
        Ok(Changing::Done(Box::new(key)))
    })
}

/// Removes a key; `false` when it is gone already.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &Db, id: i64, trail: &Trail) -> Stored<bool> {
    write!(db, tx => {
        let gone = sqlx::query("DELETE FROM api_keys WHERE id = $1").bind(id).execute(&mut *tx).await?.rows_affected() > 0;
        if gone {
            tx.leave(trail).await?;
        }
        Ok(gone)
    })
}

/// One key with its owner.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: i64) -> Stored<Option<OwnedKey>> {
    let select = format!("SELECT k.*, u.username, u.role {FROM} WHERE k.id = $1");
    read!(db, conn => Ok(sqlx::query_as(AssertSqlSafe(select)).bind(id).fetch_optional(&mut *conn).await?))
}

/// One page of keys, and how many match in all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, filter: &KeyFilter, window: &Window) -> Stored<(Vec<OwnedKey>, i64)> {
    let rows = format!("SELECT k.*, u.username, u.role {FROM} WHERE {MATCHES}{}", window.tail("k.id"));
    let count = format!("SELECT count(*) {FROM} WHERE {MATCHES}");
    let pattern = window.pattern();
    read!(db, conn => {
        let found = sqlx::query_as(AssertSqlSafe(rows))
            .bind(filter.user_id).bind(&filter.status).bind(&pattern).fetch_all(&mut *conn).await?;
        let total = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(filter.user_id).bind(&filter.status).bind(&pattern).fetch_one(&mut *conn).await?;
        Ok((found, total))
    })
}

/// The single statements of this aggregate.
trait Statements {
    async fn insert_key(&mut self, key: &ApiKeyRow) -> Stored<()>;
    async fn keys_of_locked(&mut self, user: i64) -> Stored<i64>;
    async fn lock_key(&mut self, id: i64) -> Stored<Option<ApiKeyRow>>;
    async fn update_key(&mut self, key: &ApiKeyRow) -> Stored<()>;
}

on_both!(Statements {
    async fn insert_key(&mut self, key: &ApiKeyRow) -> Stored<()> {
        let insert = "INSERT INTO api_keys (id, user_id, name, prefix, digest, status, channel_scope, channel_id, created_at, updated_at, \
             disabled_by_admin, daily_tokens, budget_nanos, expires_at, models, allowed_ips, rate_limit_rpm, rate_limit_tpm, \
             max_concurrency, admin_daily_tokens, admin_budget_nanos, admin_expires_at, admin_models, admin_allowed_ips, \
             admin_rate_limit_rpm, admin_rate_limit_tpm, admin_max_concurrency) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
             $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)";
        let (owner, admin) = (&key.owner, &key.admin);
        sqlx::query(insert)
            .bind(key.id).bind(key.user_id).bind(&key.name).bind(&key.prefix).bind(&key.digest).bind(&key.status)
            .bind(&key.channel_scope).bind(key.channel_id).bind(key.created_at).bind(key.updated_at).bind(key.disabled_by_admin)
            .bind(owner.daily_tokens).bind(owner.budget_nanos).bind(owner.expires_at).bind(&owner.models).bind(&owner.allowed_ips)
            .bind(owner.rate_limit_rpm).bind(owner.rate_limit_tpm).bind(owner.max_concurrency)
            .bind(admin.daily_tokens).bind(admin.budget_nanos).bind(admin.expires_at).bind(&admin.models).bind(&admin.allowed_ips)
            .bind(admin.rate_limit_rpm).bind(admin.rate_limit_tpm).bind(admin.max_concurrency)
            .execute(self).await?;
        Ok(())
    }

    /// How many keys a user has, whose row is locked by a write that changes nothing.
    async fn keys_of_locked(&mut self, user: i64) -> Stored<i64> {
        sqlx::query("UPDATE users SET updated_at = updated_at WHERE id = $1").bind(user).execute(&mut *self).await?;
        let count = "SELECT count(*) FROM api_keys WHERE user_id = $1";
        Ok(sqlx::query_scalar(count).bind(user).fetch_one(self).await?)
    }

    /// A write that changes nothing: it locks the row on both databases.
    async fn lock_key(&mut self, id: i64) -> Stored<Option<ApiKeyRow>> {
        let lock = "UPDATE api_keys SET updated_at = updated_at WHERE id = $1 RETURNING *";
        Ok(sqlx::query_as(lock).bind(id).fetch_optional(self).await?)
    }

    async fn update_key(&mut self, key: &ApiKeyRow) -> Stored<()> {
        let update = "UPDATE api_keys SET name = $2, prefix = $3, digest = $4, status = $5, channel_scope = $6, channel_id = $7, \
             updated_at = $8, disabled_by_admin = $9, daily_tokens = $10, budget_nanos = $11, expires_at = $12, models = $13, \
             allowed_ips = $14, rate_limit_rpm = $15, rate_limit_tpm = $16, max_concurrency = $17, admin_daily_tokens = $18, \
             admin_budget_nanos = $19, admin_expires_at = $20, admin_models = $21, admin_allowed_ips = $22, \
             admin_rate_limit_rpm = $23, admin_rate_limit_tpm = $24, admin_max_concurrency = $25 WHERE id = $1";
        let (owner, admin) = (&key.owner, &key.admin);
        sqlx::query(update)
            .bind(key.id).bind(&key.name).bind(&key.prefix).bind(&key.digest).bind(&key.status)
            .bind(&key.channel_scope).bind(key.channel_id).bind(key.updated_at).bind(key.disabled_by_admin)
            .bind(owner.daily_tokens).bind(owner.budget_nanos).bind(owner.expires_at).bind(&owner.models).bind(&owner.allowed_ips)
            .bind(owner.rate_limit_rpm).bind(owner.rate_limit_tpm).bind(owner.max_concurrency)
            .bind(admin.daily_tokens).bind(admin.budget_nanos).bind(admin.expires_at).bind(&admin.models).bind(&admin.allowed_ips)
            .bind(admin.rate_limit_rpm).bind(admin.rate_limit_tpm).bind(admin.max_concurrency)
            .execute(self).await?;
        Ok(())
    }
});
