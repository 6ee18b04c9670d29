//! The history of a balance.

use actors::vocabulary::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::NOT_FOUND;
use super::values::{ListQuery, Page, Usd, check};
use super::{Served, ServiceError, Services};
use crate::store::ledger::{self, LedgerRow, ToldLedgerRow};
use crate::store::{Db, users};

pub use crate::store::ledger::{Difference, Reconciled};

/// A row of a ledger. Rows stand in the order of booking, in which each balance is the one before plus the amount.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerView {
    /// Its id.
    pub id: i64,
    /// When the request came, or the card was redeemed; epoch milliseconds.
    pub ts: i64,
    /// `usage`, `card`, `adjustment` or `refund`.
    pub kind: String,
    /// The change.
    pub amount_usd: Usd,
    /// The balance after it.
    pub balance_usd: Usd,
    /// The request billed: its row in the log.
    pub log_id: Option<i64>,
    /// The card redeemed.
    pub gift_card_id: Option<i64>,
    /// Who did it, if a person did.
    pub actor_id: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

/// A row with what its kind says of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// The row.
    #[serde(flatten)]
    pub row: LedgerView,
    /// The last four characters of the card redeemed.
    pub card_last4: Option<String>,
    /// The model of the request billed, while the log keeps it.
    pub model: Option<String>,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct LedgerFilter {
    /// `usage`, `card`, `adjustment` or `refund`.
    pub kind: Option<String>,
    /// From the first row booked of those that came at or after this, epoch milliseconds.
    pub from: Option<i64>,
    /// Before the first row booked of those that came at or after this, epoch milliseconds.
    pub to: Option<i64>,
}

/// One page of a ledger, with the sums of everything that matches.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerPage {
    /// The rows.
    #[serde(flatten)]
    pub page: Page<LedgerEntry>,
    /// What all rows that match added.
    pub added_usd: Usd,
    /// What all rows that match took: not above 0.
    pub taken_usd: Usd,
}

/// One page of a user's ledger, what was booked last first.
///
/// # Errors
/// `not_found`, `invalid_request`.
pub async fn list(services: &Services, user: i64, asked: &ListQuery, filter: &LedgerFilter) -> Served<LedgerPage> {
    const KINDS: [&str; 4] = ["usage", "card", "adjustment", "refund"];
    if filter.kind.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) {
        return Err(check::bad("kind", KINDS.join(", ")));
    }
    let window = asked.window(ledger::SORTS)?;
    users::by_id(&services.db, user).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    let wanted = ledger::LedgerFilter { kind: filter.kind.clone(), from: filter.from, to: filter.to };
    let (rows, sums) = ledger::list(&services.db, user, &wanted, &window).await?;
    Ok(LedgerPage {
        page: Page::new(asked, (rows, sums.rows), LedgerEntry::from),
        added_usd: Usd(Nanos(sums.added_nanos)),
        taken_usd: Usd(Nanos(sums.taken_nanos)),
    })
}

/// Compares every balance with the sum of its ledger, in one reading of the database.
///
/// # Errors
/// When the database fails.
pub async fn reconcile(db: &Db) -> Served<Reconciled> {
    Ok(ledger::reconcile(db).await?)
}

impl From<ToldLedgerRow> for LedgerEntry {
    fn from(told: ToldLedgerRow) -> Self {
        Self { row: LedgerView::from(told.row), card_last4: told.card_last4, model: told.model }
    }
}

impl From<LedgerRow> for LedgerView {
    fn from(row: LedgerRow) -> Self {
        Self {
            id: row.id,
            ts: row.ts,
            kind: row.kind,
            amount_usd: Usd(Nanos(row.amount_nanos)),
            balance_usd: Usd(Nanos(row.balance_nanos)),
            log_id: row.receipt_id,
            gift_card_id: row.gift_card_id,
            actor_id: row.actor_id,
            reason: row.reason,
        }
    }
}
