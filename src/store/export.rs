//! Tables walked from end to end, a page at a time, each page a reading of its own.

use sqlx::{AssertSqlSafe, FromRow};

use super::api_keys::{self, OwnedKey};
use super::audit::AuditRow;
use super::conditions::{Conditions, bind_all};
use super::db::{Db, Fetched, Stored, read};
use super::gift_cards::{self, NamedCardRow};
use super::ledger::{LedgerRow, first_since};
use super::stats::Sums;
use super::users::UserRow;

/// Which rows are wanted; `None` = all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// At or after, epoch milliseconds.
    pub from: Option<i64>,
    /// Before, epoch milliseconds.
    pub to: Option<i64>,
    /// Of one user.
    pub user_id: Option<i64>,
}

/// A row of a ledger with its owner's name.
#[derive(Clone, Debug, FromRow)]
pub struct NamedLedgerRow {
    /// The row.
    #[sqlx(flatten)]
    pub row: LedgerRow,
    /// Whose balance.
    pub username: String,
}

/// Sums of one hour, with the names of what they are about, where those still exist.
#[derive(Clone, Debug, FromRow)]
pub struct UsageRow {
    /// The hour's start, epoch milliseconds.
    pub hour: i64,
    /// Who paid.
    pub user_id: i64,
    /// Their name.
    pub username: Option<String>,
    /// The key used.
    pub key_id: i64,
    /// Its name.
    pub key_name: Option<String>,
    /// The channel that answered; 0 = none.
    pub channel_id: i64,
    /// Its name.
    pub channel_name: Option<String>,
    /// The model asked for.
    pub model: String,
    /// The sums.
    #[sqlx(flatten)]
    pub sums: Sums,
}

/// Accounts after the one with the id `after`, by id.
///
/// # Errors
/// When the database fails.
pub async fn users(db: &Db, after: i64, most: i64) -> Stored<Vec<UserRow>> {
    let mut rest = Conditions::default();
    rest.int("id >", Some(after));
    rest.and("deleted_at IS NULL");
    page(db, "SELECT * FROM users", &rest, "id", most).await
}

/// Keys after the one with the id `after`, by id.
///
/// # Errors
/// When the database fails.
pub async fn keys(db: &Db, scope: &Scope, after: i64, most: i64) -> Stored<Vec<OwnedKey>> {
    let mut rest = Conditions::default();
    rest.int("k.id >", Some(after));
    rest.int("k.user_id =", scope.user_id);
    page(db, &format!("SELECT k.*, u.username, u.role {}", api_keys::FROM), &rest, "k.id", most).await
}

/// The ids at which a scope's part of the ledger begins, and before which it ends ([`super::ledger::first_since`]).
///
/// # Errors
/// When the database fails.
pub async fn ledger_ends(db: &Db, scope: &Scope) -> Stored<(i64, i64)> {
    let mut ends = Conditions::default();
    let mut place = |since: Option<i64>| since.map(|since| first_since(scope.user_id, &ends.push(since)));
    let [from, to] = [scope.from, scope.to].map(&mut place);
    let end = |text: Option<String>, open: i64| text.unwrap_or_else(|| format!("CAST({open} AS BIGINT)"));
    let sql = format!("SELECT {}, {}", end(from, 0), end(to, i64::MAX));
    Ok(read!(db, conn => bind_all!(sqlx::query_as(AssertSqlSafe(sql)), &ends.binds).fetch_one(&mut *conn).await?))
}

/// Ledger rows with ids from `from` on and before `to`, in the order of booking.
///
/// # Errors
/// When the database fails.
pub async fn ledger(db: &Db, user: Option<i64>, (from, to): (i64, i64), most: i64) -> Stored<Vec<NamedLedgerRow>> {
    let mut rest = Conditions::default();
    rest.int("l.id >=", Some(from));
    rest.int("l.id <", Some(to));
    rest.int("l.user_id =", user);
    page(db, "SELECT l.*, u.username FROM ledger l JOIN users u ON u.id = l.user_id", &rest, "l.id", most).await
}

/// Gift cards after the one with the id `after`, by id.
///
/// # Errors
/// When the database fails.
pub async fn gift_cards(db: &Db, after: i64, most: i64) -> Stored<Vec<NamedCardRow>> {
    let mut rest = Conditions::default();
    rest.int("g.id >", Some(after));
    page(db, &format!("SELECT {} FROM {}", gift_cards::COLUMNS, gift_cards::FROM), &rest, "g.id", most).await
}

/// Audit rows after the one with the id `after`, by id.
///
/// # Errors
/// When the database fails.
pub async fn audit(db: &Db, scope: &Scope, after: i64, most: i64) -> Stored<Vec<AuditRow>> {
    let mut rest = Conditions::default();
    rest.int("id >", Some(after));
    rest.int("actor_id =", scope.user_id);
    rest.int("ts >=", scope.from);
    rest.int("ts <", scope.to);
    page(db, "SELECT * FROM audit", &rest, "id", most).await
}

/// Hourly sums after the row `after` (`None` = from the start), by hour, user, key, channel, model.
///
/// # Errors
/// When the database fails.
pub async fn usage(db: &Db, scope: &Scope, after: Option<&UsageRow>, most: i64) -> Stored<Vec<UsageRow>> {
    const SELECT: &str = "SELECT s.*, (SELECT u.username FROM users u WHERE u.id = s.user_id) AS username, \
        (SELECT k.name FROM api_keys k WHERE k.id = s.key_id) AS key_name, \
        (SELECT c.name FROM channels c WHERE c.id = s.channel_id) AS channel_name FROM usage_hourly s";
    const PLACE: &str = "s.hour, s.user_id, s.key_id, s.channel_id, s.model";
    let mut rest = Conditions::default();
    rest.int("s.hour >=", scope.from);
    rest.int("s.hour <", scope.to);
    rest.int("s.user_id =", scope.user_id);
    if let Some(last) = after {
        let numbers = [last.hour, last.user_id, last.key_id, last.channel_id].map(|number| rest.push(number)).join(", ");
        let model = rest.push(last.model.clone());
        rest.and(&format!("({PLACE}) > ({numbers}, {model})"));
    }
    page(db, SELECT, &rest, PLACE, most).await
}

async fn page<T: Fetched>(db: &Db, select: &str, rest: &Conditions, order: &str, most: i64) -> Stored<Vec<T>> {
    let sql = format!("{select}{} ORDER BY {order} LIMIT {most}", rest.sql());
    Ok(read!(db, conn => bind_all!(sqlx::query_as(AssertSqlSafe(sql)), &rest.binds).fetch_all(&mut *conn).await?))
}
