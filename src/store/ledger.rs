//! The append-only account of every change of a balance.

use actors::vocabulary::IdMaker;
use sqlx::{AssertSqlSafe, FromRow};

use super::conditions::{Conditions, bind_all};
use super::db::{Db, Stored, on_both, read, snapshot};
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

/// What a ledger may be sorted by: the order of booking alone, in which each balance follows from the one before. Ids are made
/// while the account is locked, so they have that order; `ts` is when the request came, and requests do not end in that order.
pub const SORTS: Sorts = &[("ts", "l.id")];

/// Which rows are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct LedgerFilter {
    /// Of one kind.
    pub kind: Option<String>,
    /// From the first row booked of those that came at or after this, epoch milliseconds.
    pub from: Option<i64>,
    /// Before the first row booked of those that came at or after this, epoch milliseconds.
    pub to: Option<i64>,
}

/// A row with what its kind says of it.
#[derive(Clone, Debug, FromRow)]
pub struct ToldLedgerRow {
    /// The row.
    #[sqlx(flatten)]
    pub row: LedgerRow,
    /// The last four characters of the card redeemed.
    pub card_last4: Option<String>,
    /// The model of the request billed, while the log keeps it.
    pub model: Option<String>,
}

/// Sums of the rows that match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct LedgerSums {
    /// How many rows.
    pub rows: i64,
    /// What was added, in nano-dollars.
    pub added_nanos: i64,
    /// What was taken, in nano-dollars: not above 0.
    pub taken_nanos: i64,
}

/// One page of a user's ledger, and the sums of all rows that match, of one moment.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, user: i64, filter: &LedgerFilter, window: &Window) -> Stored<(Vec<ToldLedgerRow>, LedgerSums)> {
    let matching = conditions(user, filter, window);
    // What rows tell is looked up for those of the page alone.
    let (direction, limit, offset) = (window.direction(), window.limit, window.offset);
    let rows = format!(
        "SELECT l.*, g.code_last4 AS card_last4, r.model \
         FROM (SELECT l.* FROM ledger l{} ORDER BY {column} {direction} LIMIT {limit} OFFSET {offset}) AS l \
         LEFT JOIN gift_cards g ON g.id = l.gift_card_id LEFT JOIN request_log r ON r.id = l.receipt_id \
         ORDER BY {column} {direction}",
        matching.sql(),
        column = window.column,
    );
    let sums = format!(
        "SELECT CAST(count(*) AS BIGINT) AS rows, {} AS added_nanos, {} AS taken_nanos FROM ledger l{}",
        db.sum("CASE WHEN amount_nanos > 0 THEN amount_nanos ELSE 0 END"),
        db.sum("CASE WHEN amount_nanos < 0 THEN amount_nanos ELSE 0 END"),
        matching.sql()
    );
    Ok(snapshot!(db, tx => {
        let found = bind_all!(sqlx::query_as(AssertSqlSafe(rows)), &matching.binds).fetch_all(&mut *tx).await?;
        let sums = bind_all!(sqlx::query_as(AssertSqlSafe(sums)), &matching.binds).fetch_one(&mut *tx).await?;
        (found, sums)
    }))
}

/// Selects the first row that was booked of those that came at or after a time. Ranges begin and end at such rows: what lies
/// between is without a gap, so that each balance still follows from the one before; ranges that meet share no row.
pub(super) fn first_since(user: Option<i64>, ts: &str) -> String {
    let own = user.map(|id| format!(" AND p.user_id = {id}")).unwrap_or_default();
    // Not `min(p.id)`: that may be looked for along all ids instead of among the few rows since then.
    format!("(SELECT coalesce(min(p.id + 0), {}) FROM ledger p WHERE p.ts >= {ts}{own})", i64::MAX)
}

fn conditions(user: i64, filter: &LedgerFilter, window: &Window) -> Conditions {
    let mut all = Conditions::default();
    all.int("l.user_id =", Some(user));
    all.text("l.kind =", filter.kind.as_deref());
    for (test, since) in [("l.id >=", filter.from), ("l.id <", filter.to)] {
        if let Some(since) = since {
            let place = all.push(since);
            all.and(&format!("{test} {}", first_since(Some(user), &place)));
        }
    }
    if let Some(pattern) = window.pattern() {
        let place = all.push(pattern);
        all.and(&format!("lower(l.reason) LIKE {place} ESCAPE '\\'"));
    }
    all
}

/// Enters a row in the transaction that changes the balance, behind the account's rows so far: `tx.enter(&row)`.
pub(super) trait Enter {
    async fn enter(&mut self, row: &LedgerRow) -> Stored<()>;
}

on_both!(Enter {
    async fn enter(&mut self, row: &LedgerRow) -> Stored<()> {
        let newest = "SELECT max(id) FROM ledger WHERE user_id = $1";
        let last: Option<i64> = sqlx::query_scalar(newest).bind(row.user_id).fetch_one(&mut *self).await?;
        let insert = "INSERT INTO ledger (id, user_id, ts, kind, amount_nanos, balance_nanos, receipt_id, gift_card_id, actor_id, \
             reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        sqlx::query(insert)
            .bind(last.map_or(row.id, |last| IdMaker::above(row.id, last))).bind(row.user_id).bind(row.ts).bind(&row.kind).bind(row.amount_nanos).bind(row.balance_nanos)
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
/// When the database fails.
pub async fn reconcile(db: &Db) -> Stored<Reconciled> {
    let different = format!(
        "SELECT username, balance_nanos, ledger_nanos FROM (SELECT u.username AS username, {} AS balance_nanos, \
         (SELECT {} FROM ledger l WHERE l.user_id = u.id) AS ledger_nanos FROM users u) sums \
         WHERE balance_nanos <> ledger_nanos ORDER BY username",
        db.difference("u.quota_nanos", "u.used_nanos"),
        db.sum("l.amount_nanos"),
    );
    read!(db, conn => {
        let accounts = sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM users").fetch_one(&mut *conn).await?;
        let differences = sqlx::query_as(AssertSqlSafe(different)).fetch_all(&mut *conn).await?;
        Ok(Reconciled { accounts, differences })
    })
}
