//! What a process does first: books what its predecessor left in the journal.

use std::collections::HashMap;
use std::sync::Arc;

use super::actor::BATCH;
use crate::ports::{Entry, Journal, LedgerStore, StorageIll};
use crate::vocabulary::{Receipt, ReceiptId};

/// What a journal held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Receipts read; those booked before count, too.
    pub receipts: usize,
    /// Requests that were under way when the process was killed; each became a row of its own, at cost 0.
    pub killed: usize,
}

/// Books everything in the journal, then empties it. Run before the listener opens.
///
/// # Errors
/// When journal or database cannot be used; then the journal is as it was.
pub async fn recover(journal: &mut dyn Journal, store: &dyn LedgerStore) -> Result<Recovered, StorageIll> {
    let mut open: HashMap<ReceiptId, Arc<Receipt>> = HashMap::new();
    let mut recovered = Recovered::default();
    loop {
        let entries = journal.read(BATCH).map_err(|error| StorageIll(error.to_string()))?;
        if entries.is_empty() {
            break;
        }
        let (mut receipts, mut counts) = (Vec::with_capacity(entries.len()), Vec::new());
        for entry in entries {
            match entry {
                Entry::Opened(receipt) => drop(open.insert(receipt.id, receipt)),
                Entry::Closed(receipt) => {
                    open.remove(&receipt.id);
                    receipts.push(Arc::unwrap_or_clone(receipt));
                }
                Entry::Counted(counted) => counts.push(Arc::unwrap_or_clone(counted)),
            }
        }
        recovered.receipts += receipts.len();
        store.count(&counts).await?;
        store.book(&receipts).await?;
    }
    let killed: Vec<Receipt> = open.into_values().map(Arc::unwrap_or_clone).collect();
    recovered.killed = killed.len();
    for batch in killed.chunks(BATCH) {
        store.book(batch).await?;
    }
    journal.mark();
    journal.release().map_err(|error| StorageIll(error.to_string()))?;
    Ok(recovered)
}
