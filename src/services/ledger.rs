//! The history of a balance.

use actors::vocabulary::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::NOT_FOUND;
use super::values::{ListQuery, Page, Usd, check};
use super::{Served, ServiceError, Services};
use crate::store::ledger::{self, LedgerRow};
use crate::store::{Db, users};

pub use crate::store::ledger::{Difference, Reconciled};

/// A row of a ledger.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerView {
    /// Its id.
    pub id: i64,
    /// Epoch milliseconds.
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

/// Which rows are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct LedgerFilter {
    /// `usage`, `card`, `adjustment` or `refund`.
    pub kind: Option<String>,
}

/// One page of a user's ledger, the newest first.
///
/// # Errors
/// `not_found`, `invalid_request`.
pub async fn list(services: &Services, user: i64, asked: &ListQuery, filter: &LedgerFilter) -> Served<Page<LedgerView>> {
    const KINDS: [&str; 4] = ["usage", "card", "adjustment", "refund"];
    let kind = filter.kind.as_deref();
    if kind.is_some_and(|kind| !KINDS.contains(&kind)) {
        return Err(check::bad("kind", KINDS.join(", ")));
    }
    let window = asked.window(ledger::SORTS)?;
    users::by_id(&services.db, user).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    let found = ledger::list(&services.db, user, kind, &window).await?;
    Ok(Page::new(asked, found, LedgerView::from))
}

/// Compares every balance with the sum of its ledger, in one reading of the database.
///
/// # Errors
/// When the database is ill.
pub async fn reconcile(db: &Db) -> Served<Reconciled> {
    Ok(ledger::reconcile(db).await?)
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
