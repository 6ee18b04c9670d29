//! What a process does first: books what its predecessor left in the journal.

use std::collections::HashMap;
use std::sync::Arc;

use super::actor::BATCH;
use super::settling::settle;
use crate::ports::{Clock, Entry, Journal, LedgerStore, StorageIll};
use crate::vocabulary::{Counted, Receipt, ReceiptId};

/// What a journal held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Receipts read; those booked before count, too.
    pub receipts: usize,
    /// Requests that were under way when the process was killed; each became a row of its own, at cost 0.
    pub killed: usize,
    /// Receipts that the database refused; they are set aside.
    pub set_aside: usize,
    /// Those that stay in the journal, since the database takes nothing now: the ledger books them later.
    pub left: usize,
}

/// Books everything in the journal, then empties it. Run before the listener opens. A database that cannot be written
/// holds up nothing: then all of it stays, and is booked when it can.
///
/// # Errors
/// When the journal cannot be used.
pub async fn recover(journal: &mut dyn Journal, store: &dyn LedgerStore, clock: &dyn Clock) -> Result<Recovered, StorageIll> {
    let ill = |error: std::io::Error| StorageIll(error.to_string());
    let mut open: HashMap<ReceiptId, Arc<Receipt>> = HashMap::new();
    let mut recovered = Recovered::default();
    let mut books = true;
    loop {
        let entries = journal.read(BATCH).map_err(ill)?;
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
        books = books && booked(journal, store, clock, &receipts, &counts, &mut recovered).await?;
    }
    let killed: Vec<Receipt> = open.into_values().map(Arc::unwrap_or_clone).collect();
    recovered.killed = killed.len();
    for batch in killed.chunks(BATCH) {
        books = books && booked(journal, store, clock, batch, &[], &mut recovered).await?;
    }
    if books {
        journal.mark();
        journal.release().map_err(ill)?;
    } else {
        // What was under way is noted as ended, since the ledger passes over what was only opened.
        let killed: Vec<Entry> = killed.into_iter().map(|receipt| Entry::Closed(receipt.into())).collect();
        journal.append(&killed).map_err(ill)?;
        journal.rewind();
        recovered.left = recovered.receipts + recovered.killed;
    }
    Ok(recovered)
}

/// Books a batch; `false` = the database takes nothing now.
async fn booked(
    journal: &mut dyn Journal,
    store: &dyn LedgerStore,
    clock: &dyn Clock,
    receipts: &[Receipt],
    counts: &[Counted],
    recovered: &mut Recovered,
) -> Result<bool, StorageIll> {
    match settle(store, receipts, counts, clock.now_ms()).await {
        Ok(settled) => {
            for refused in &settled.refused {
                tracing::error!(receipt = refused.id, reason = refused.reason, "a receipt cannot be booked and is set aside");
            }
            if !settled.refused.is_empty() {
                journal.set_aside(&settled.refused).map_err(|error| StorageIll(error.to_string()))?;
            }
            recovered.set_aside += settled.refused.len();
            Ok(true)
        }
        Err(words) => {
            tracing::warn!(reason = words, "the usage journal is not booked now; it stays for later");
            Ok(false)
        }
    }
}
