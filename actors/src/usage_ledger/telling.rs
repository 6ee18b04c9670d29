//! Tells the gates what is booked, where other instances count what is not.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use crate::ports::{BookingFailed, CatalogueSource, LedgerStore};
use crate::user_gate::UserGates;
use crate::vocabulary::{Counted, Receipt, ReceiptId, UserId};

/// A store that tells what it booked. Until the gates know, the other instances count it as not booked: never twice, and
/// never not at all.
pub(crate) struct TellingStore {
    pub(crate) store: Arc<dyn LedgerStore>,
    pub(crate) source: Arc<dyn CatalogueSource>,
    /// The gates start after the ledger.
    pub(crate) gates: Arc<OnceLock<UserGates>>,
}

#[async_trait]
impl LedgerStore for TellingStore {
    async fn book(&self, receipts: &[Receipt]) -> Result<usize, BookingFailed> {
        let booked = self.store.book(receipts).await;
        // A single receipt that is refused will be set aside: it will not be in the balance, and is not counted any more.
        let is_settled = booked.is_ok() || (receipts.len() == 1 && matches!(booked, Err(BookingFailed::Refused(_))));
        let Some(gates) = self.gates.get().filter(|_| is_settled) else { return booked };
        let users: BTreeSet<UserId> = receipts.iter().map(|receipt| receipt.user_id).collect();
        let users: Vec<UserId> = users.into_iter().collect();
        // What is booked twice changes nothing, so the whole is tried again where this cannot be read.
        let accounts = self.source.accounts(&users).await.map_err(|ill| BookingFailed::Unavailable(ill.0))?;
        let settled: Vec<(UserId, ReceiptId)> = receipts.iter().map(|receipt| (receipt.user_id, receipt.id)).collect();
        gates.booked(&settled, &accounts);
        booked
    }

    async fn count(&self, counted: &[Counted]) -> Result<(), BookingFailed> {
        self.store.count(counted).await
    }
}
