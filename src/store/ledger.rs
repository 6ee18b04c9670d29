//! The append-only account of every change of a balance.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, on_both, read};
use super::paging::{Sorts, Window};

/// A row of the ledger.
#[derive(Clone, Debug, Default, FromRow)]
pub struct LedgerRow {
    /// Its id.
    pub id: i64,
    /// Whose balance.
    pub user_id: i64,
    /// When, epoch milliseconds.
    pub ts: i64,
    /// `usage`, `card`, `adjustment` or `refund`.
    pub kind: String,
    /// The change, in nano-dollars.
    pub amount_nanos: i64,
    /// The balance after it, in nano-dollars.
    pub balance_nanos: i64,
    /// The request billed.
    pub receipt_id: Option<i64>,
    /// The card redeemed.
    pub gift_card_id: Option<i64>,
    /// Who did it, if a person did.
    pub actor_id: Option<i64>,
    /// Why, in their words.
    pub reason: Option<String>,
}

/// What a ledger may be sorted by.
pub const SORTS: Sorts = &[("ts", "ts")];

const MATCHES: &str = "user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR kind = $2) \
     AND (CAST($3 AS TEXT) IS NULL OR lower(reason) LIKE $3 ESCAPE '\\')";

/// One page of a user's ledger, of one kind or of all, and how many rows match.
///
/// # Errors
/// When the database is ill.
pub async fn list(db: &Db, user: i64, kind: Option<&str>, window: &Window) -> Stored<(Vec<LedgerRow>, i64)> {
    let rows = format!("SELECT * FROM ledger WHERE {MATCHES}{}", window.tail("id"));
    let count = format!("SELECT count(*) FROM ledger WHERE {MATCHES}");
    let pattern = window.pattern();
    read!(db, conn => {
        let found = sqlx::query_as(AssertSqlSafe(rows)).bind(user).bind(kind).bind(&pattern).fetch_all(&mut *conn).await?;
        let total = sqlx::query_scalar(AssertSqlSafe(count)).bind(user).bind(kind).bind(&pattern).fetch_one(&mut *conn).await?;
        Ok((found, total))
    })
}

/// Enters a row in the transaction that changes the balance: `tx.enter(&row)`.
pub(super) trait Enter {
    async fn enter(&mut self, row: &LedgerRow) -> Stored<()>;
}

on_both!(Enter {
    async fn enter(&mut self, row: &LedgerRow) -> Stored<()> {
        let insert = "INSERT INTO ledger (id, user_id, ts, kind, amount_nanos, balance_nanos, receipt_id, gift_card_id, actor_id, \
             reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        sqlx::query(insert)
            .bind(row.id).bind(row.user_id).bind(row.ts).bind(&row.kind).bind(row.amount_nanos).bind(row.balance_nanos)
            .bind(row.receipt_id).bind(row.gift_card_id).bind(row.actor_id).bind(&row.reason)
            .execute(self).await?;
        Ok(())
    }
});

/// An account whose balance is not the sum of its ledger.
#[derive(Clone, Debug, FromRow)]
pub struct Difference {
    /// Whose.
    pub username: String,
    /// `quota_nanos - used_nanos`.
    pub balance_nanos: i64,
    /// The sum of its ledger rows, in nano-dollars.
    pub ledger_nanos: i64,
}

/// What a check of all balances found.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// Accounts looked at.
    pub accounts: i64,
    /// Those that differ.
    pub differences: Vec<Difference>,
}

/// Compares every balance with its ledger, in one reading of the database.
///
/// # Errors
/// When the database is ill.
pub async fn reconcile(db: &Db) -> Stored<Reconciled> {
    const DIFFERENT: &str = "SELECT username, balance_nanos, ledger_nanos FROM ( \
        SELECT u.username AS username, u.quota_nanos - u.used_nanos AS balance_nanos, \
        CAST(coalesce((SELECT sum(l.amount_nanos) FROM ledger l WHERE l.user_id = u.id), 0) AS BIGINT) AS ledger_nanos \
        FROM users u) sums WHERE balance_nanos <> ledger_nanos ORDER BY username";
    read!(db, conn => {
        let accounts = sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM users").fetch_one(&mut *conn).await?;
        let differences = sqlx::query_as(DIFFERENT).fetch_all(&mut *conn).await?;
        Ok(Reconciled { accounts, differences })
    })
}
