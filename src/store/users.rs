//! Accounts.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, on_both, read, write};
use super::ledger::{Enter, LedgerRow};
use super::locks::{Lock, Locks};
use super::names::{FoldedNames, folded, folded_address};
use super::paging::{Sorts, Window};
use super::trail::{Leave, Trail};

/// An account.
#[derive(Clone, Debug, Default, FromRow)]
pub struct UserRow {
    /// Its id.
    pub id: i64,
    /// Its name, unique in any case; no other looks like it.
    pub username: String,
    /// Its name for people.
    pub display_name: Option<String>,
    /// Its address, unique in any case.
    pub email: String,
    /// The password's argon2id hash; empty = cannot sign in.
    pub password_hash: String,
    /// `user`, `admin` or `super_admin`.
    pub role: String,
    /// `active`, `pending` or `disabled`.
    pub status: String,
    /// Money granted so far, in nano-dollars.
    pub quota_nanos: i64,
    /// Money spent so far, in nano-dollars.
    pub used_nanos: i64,
    /// `None` = system default, 0 = unlimited.
    pub rate_limit_rpm: Option<i64>,
    /// As above.
    pub rate_limit_tpm: Option<i64>,
    /// As above.
    pub max_concurrency: Option<i64>,
    /// `en`, `zh`, or what the browser says.
    pub language: Option<String>,
    /// `light`, `dark`, or what the system says.
    pub theme: Option<String>,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
    /// Epoch milliseconds.
    pub last_login_at: Option<i64>,
}

impl UserRow {
    fn rules(&self) -> bool {
        self.role == "super_admin" && self.status == "active"
    }
}

/// Who may be added.
#[derive(Clone, Copy, Debug)]
pub struct Openings {
    /// Whether the very first account may be made (as super admin).
    pub first: bool,
    /// Whether further ones may.
    pub later: bool,
}

/// How adding went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// As the first account ever, now super admin.
    First,
    /// As one of many.
    Later,
    /// Not: the first account may not be made this way.
    NotFirst,
    /// Not: further accounts may not be made this way.
    NotLater,
    /// Not: the name looks like another account's.
    LooksTaken,
}

/// What goes along with a change of an account, in its transaction.
#[derive(Debug, Default)]
pub struct Edit {
    /// Audit and change log.
    pub trail: Trail,
    /// The ledger row of a changed quota.
    pub ledger: Option<LedgerRow>,
    /// Which sessions end.
    pub sessions: Ends,
    /// Which admin tokens end.
    pub tokens: Ends,
    /// Removes the account: its name and address become free, its sessions, keys and tokens go, its ledger stays.
    pub remove: bool,
}

/// Which of an account's sessions or admin tokens a change ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// All but one, by its id.
    Others(i64),
}

/// How a change went.
#[derive(Debug)]
pub enum Changing<E> {
    /// Done; the account as it is now.
    Done(Box<UserRow>),
    /// No such account.
    Missing,
    /// Nobody active would be left as super admin.
    LastSuperAdmin,
    /// The new name looks like another account's.
    LooksTaken,
    /// The edit itself said no.
    Refused(E),
}

/// Which accounts are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Those of one role.
    pub role: Option<String>,
    /// Those of one status.
    pub status: Option<String>,
}

/// What accounts may be sorted by.
pub const SORTS: Sorts = &[
    ("createdAt", "created_at"),
    ("username", "lower(username)"),
    ("email", "lower(email)"),
    ("role", "role"),
    ("status", "status"),
    ("quotaUsd", "quota_nanos"),
    ("usedUsd", "used_nanos"),
    ("balanceUsd", "quota_nanos - CASE WHEN used_nanos > 8000000000000000000 THEN 8000000000000000000 ELSE used_nanos END"),
    ("lastLoginAt", "last_login_at"),
];

const MATCHES: &str = "deleted_at IS NULL AND (CAST($1 AS TEXT) IS NULL OR role = $1) AND (CAST($2 AS TEXT) IS NULL OR status = $2) \
     AND (CAST($3 AS TEXT) IS NULL OR lower(username) LIKE $3 ESCAPE '\\' OR lower(email) LIKE $3 ESCAPE '\\' \
     OR folded_name LIKE $3 ESCAPE '\\' OR folded_email LIKE $3 ESCAPE '\\' OR lower(display_name) LIKE $3 ESCAPE '\\')";

/// Adds an account, with the ledger row of its opening quota. The first account ever becomes super admin:
/// who is first is decided under a lock.
///
/// # Errors
/// `Duplicate` when name or address is taken.
pub async fn add(db: &Db, user: &UserRow, opening: Option<&LedgerRow>, openings: Openings, trail: &Trail) -> Stored<Added> {
    write!(db, tx => {
        tx.lock(Lock::SuperAdmins).await?;
        let first: bool = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM users").fetch_one(&mut *tx).await? == 0;
        match (first, openings) {
            (true, Openings { first: false, .. }) => return Ok(Added::NotFirst),
            (false, Openings { later: false, .. }) => return Ok(Added::NotLater),
            _ => {}
        }
        tx.insert_user(user, if first { "super_admin" } else { &user.role }).await?;
        tx.set_name(user.id, &user.username).await?;
        tx.set_address(user.id, &user.email).await?;
        if tx.looks_taken(user.id, &user.username).await? {
            return Ok(Added::LooksTaken);
        }
        if let Some(row) = opening {
            tx.enter(row).await?;
        }
        tx.leave(trail).await?;
        Ok(if first { Added::First } else { Added::Later })
    })
}

/// Changes one account: `edit` gets it as it is, locked, and says what goes along. Money spent is never
/// written here.
///
/// # Errors
/// `Duplicate` when name or address is taken.
pub async fn change<E>(db: &Db, id: i64, now_ms: i64, edit: impl FnOnce(&mut UserRow) -> Result<Edit, E>) -> Stored<Changing<E>> {
    write!(db, tx => {
        tx.lock(Lock::SuperAdmins).await?;
        let Some(before) = tx.lock_user(id).await? else { return Ok(Changing::Missing) };
        let mut after = before.clone();
        let edit = match edit(&mut after) {
            Ok(edit) => edit,
            Err(refusal) => return Ok(Changing::Refused(refusal)),
        };
        if before.rules() && (edit.remove || !after.rules()) && !tx.others_rule(id).await? {
            return Ok(Changing::LastSuperAdmin);
        }
        after.updated_at = now_ms;
        tx.update_user(&after).await?;
        if before.username != after.username {
            tx.set_name(id, &after.username).await?;
            if tx.looks_taken(id, &after.username).await? {
                return Ok(Changing::LooksTaken);
            }
        }
        if before.email != after.email {
            tx.set_address(id, &after.email).await?;
        }
        tx.end("sessions", id, edit.sessions).await?;
        tx.end("admin_tokens", id, edit.tokens).await?;
        if let Some(row) = &edit.ledger {
            tx.enter(row).await?;
        }
        if edit.remove {
            tx.remove_user(id, now_ms).await?;
        }
        tx.leave(&edit.trail).await?;
        Ok(Changing::Done(Box::new(after)))
    })
}

/// The account with this id, unless it was removed.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: i64) -> Stored<Option<UserRow>> {
    let select = "SELECT * FROM users WHERE id = $1 AND deleted_at IS NULL";
    read!(db, conn => Ok(sqlx::query_as(select).bind(id).fetch_optional(&mut *conn).await?))
}

/// The account with this name or address, in any case. Of old accounts with one name in two cases, the one that is
/// written so.
///
/// # Errors
/// When the database fails.
pub async fn by_account(db: &Db, account: &str) -> Stored<Option<UserRow>> {
    let select = "SELECT * FROM users WHERE deleted_at IS NULL AND (folded_name = $1 OR folded_email = $2 \
         OR lower(username) = lower($3) OR lower(email) = lower($3)) \
         ORDER BY CASE WHEN username = $3 OR email = $3 THEN 0 WHEN folded_name = $1 OR folded_email = $2 THEN 1 ELSE 2 END LIMIT 1";
    let (name, address) = (folded(account), folded_address(account));
    read!(db, conn => {
        Ok(sqlx::query_as(select).bind(name).bind(address).bind(account.trim()).fetch_optional(&mut *conn).await?)
    })
}

/// Whether there has ever been an account.
///
/// # Errors
/// When the database fails.
pub async fn any(db: &Db) -> Stored<bool> {
    let select = "SELECT count(*) FROM (SELECT 1 AS one FROM users LIMIT 1) AS some_user";
    read!(db, conn => Ok(sqlx::query_scalar::<_, i64>(select).fetch_one(&mut *conn).await? > 0))
}

/// One page of accounts, and how many match in all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, filter: &UserFilter, window: &Window) -> Stored<(Vec<UserRow>, i64)> {
    let rows = format!("SELECT * FROM users WHERE {MATCHES}{}", window.tail("id"));
    let count = format!("SELECT count(*) FROM users WHERE {MATCHES}");
    let pattern = window.pattern();
    read!(db, conn => {
        let found = sqlx::query_as(AssertSqlSafe(rows))
            .bind(&filter.role).bind(&filter.status).bind(&pattern).fetch_all(&mut *conn).await?;
        let total = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(&filter.role).bind(&filter.status).bind(&pattern).fetch_one(&mut *conn).await?;
        Ok((found, total))
    })
}

/// The single statements of this aggregate.
trait Statements {
    async fn insert_user(&mut self, user: &UserRow, role: &str) -> Stored<()>;
    async fn lock_user(&mut self, id: i64) -> Stored<Option<UserRow>>;
    async fn others_rule(&mut self, id: i64) -> Stored<bool>;
    async fn update_user(&mut self, user: &UserRow) -> Stored<()>;
    async fn end(&mut self, table: &str, user: i64, which: Ends) -> Stored<()>;
    async fn remove_user(&mut self, id: i64, now_ms: i64) -> Stored<()>;
}

on_both!(Statements {
    async fn insert_user(&mut self, user: &UserRow, role: &str) -> Stored<()> {
        let insert = "INSERT INTO users (id, username, display_name, email, password_hash, role, status, quota_nanos, rate_limit_rpm, \
             rate_limit_tpm, max_concurrency, language, theme, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
        sqlx::query(insert)
            .bind(user.id).bind(&user.username).bind(&user.display_name).bind(&user.email).bind(&user.password_hash).bind(role)
            .bind(&user.status).bind(user.quota_nanos).bind(user.rate_limit_rpm).bind(user.rate_limit_tpm)
            .bind(user.max_concurrency).bind(&user.language).bind(&user.theme).bind(user.created_at).bind(user.updated_at)
            .execute(self).await?;
        Ok(())
    }

    /// A write that changes nothing: it locks the row on both databases.
    async fn lock_user(&mut self, id: i64) -> Stored<Option<UserRow>> {
        let lock = "UPDATE users SET updated_at = updated_at WHERE id = $1 AND deleted_at IS NULL RETURNING *";
        Ok(sqlx::query_as(lock).bind(id).fetch_optional(self).await?)
    }

    async fn others_rule(&mut self, id: i64) -> Stored<bool> {
        let count = "SELECT count(*) FROM users WHERE role = 'super_admin' AND status = 'active' AND deleted_at IS NULL AND id <> $1";
        Ok(sqlx::query_scalar::<_, i64>(count).bind(id).fetch_one(self).await? > 0)
    }

    async fn update_user(&mut self, user: &UserRow) -> Stored<()> {
        let update = "UPDATE users SET username = $2, display_name = $3, email = $4, password_hash = $5, role = $6, status = $7, \
             quota_nanos = $8, rate_limit_rpm = $9, rate_limit_tpm = $10, max_concurrency = $11, language = $12, theme = $13, \
             updated_at = $14 WHERE id = $1";
        sqlx::query(update)
            .bind(user.id).bind(&user.username).bind(&user.display_name).bind(&user.email).bind(&user.password_hash)
            .bind(&user.role).bind(&user.status).bind(user.quota_nanos).bind(user.rate_limit_rpm).bind(user.rate_limit_tpm)
            .bind(user.max_concurrency).bind(&user.language).bind(&user.theme).bind(user.updated_at)
            .execute(self).await?;
        Ok(())
    }

    /// Ends what stands in `table`: `sessions` or `admin_tokens`.
    async fn end(&mut self, table: &str, user: i64, which: Ends) -> Stored<()> {
        let spared = match which {
            Ends::None => return Ok(()),
            Ends::All => None,
            Ends::Others(id) => Some(id),
        };
        let delete = format!("DELETE FROM {table} WHERE user_id = $1 AND (CAST($2 AS BIGINT) IS NULL OR id <> $2)");
        sqlx::query(AssertSqlSafe(delete)).bind(user).bind(spared).execute(self).await?;
        Ok(())
    }

    async fn remove_user(&mut self, id: i64, now_ms: i64) -> Stored<()> {
        let update = "UPDATE users SET deleted_at = $2, username = username || '~' || CAST(id AS TEXT), \
             email = CAST(id AS TEXT) || '@removed.invalid', folded_name = folded_name || '~' || CAST(id AS TEXT), \
             folded_email = CAST(id AS TEXT) || '@removed.invalid', password_hash = '', status = 'disabled' WHERE id = $1";
        sqlx::query(update).bind(id).bind(now_ms).execute(&mut *self).await?;
        for table in ["sessions", "admin_tokens", "api_keys", "user_looks"] {
            let delete = format!("DELETE FROM {table} WHERE user_id = $1");
            sqlx::query(AssertSqlSafe(delete)).bind(id).execute(&mut *self).await?;
        }
        Ok(())
    }
});
