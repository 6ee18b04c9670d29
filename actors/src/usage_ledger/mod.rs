//! Receipts → journal on disk → batches into the database, exactly once.
//!
//! The journal is the queue: what is posted is appended and acknowledged, what is booked is read back from
//! it, so memory holds no backlog however long the database is away. Booking is idempotent by receipt id,
//! so anything may be read again after a crash. **A restart loses** nothing: callers whose
//! acknowledgement was lost post again; a killed process replays its journal ([`recover`]).

mod actor;
mod condition;
mod outbox;
mod pending;
mod recovery;
mod settling;
mod tallies;
pub(crate) mod telling;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

pub use condition::Failure;
pub use pending::{Bookkeeper, PendingReceipt, Spent, Who};
pub use recovery::{Recovered, recover};

use actor::{Book, Drain, Parts, Post, PostLater, UsageLedgerActor};
use outbox::Claim;

use crate::ports::{Clock, Entry, Faults, Journal, LedgerStore, SetAside, StorageIll, Unbooked, Written};
use crate::supervision::{Line, Loss, RESTART_PAUSE, VitalSigns, Vitals};
use crate::vocabulary::Receipt;

/// Longest wait for the journal to take an entry.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// When what the journal took is made to survive a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before each acknowledgement.
    Always,
    /// This often.
    Every(Duration),
    /// When the system sees fit.
    Never,
}

/// Receipts in the journal that are not in the database yet.
#[derive(Clone, Debug, Default)]
pub struct Backlog(Arc<AtomicU64>);

impl Backlog {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Whether the database has them all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts what a predecessor left, before anybody reads it.
    pub(crate) fn grow(&self, count: u64) {
        self.0.fetch_add(count, Ordering::AcqRel);
    }

    fn shrink(&self, count: u64) {
        let _never_negative = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(n.saturating_sub(count)));
    }
}

/// The ledger at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerState {
    /// Whether a request that is let in now can be recorded.
    pub can_record: bool,
    /// Receipts not booked yet.
    pub backlog: u64,
    /// Since when the oldest of them waits, epoch milliseconds.
    pub oldest_unbooked: Option<i64>,
    /// Receipts, and lines of the journal, that cannot be booked.
    pub set_aside: u64,
    /// When receipts were last booked; `None` = not since the start.
    pub last_booked: Option<i64>,
    /// What last went wrong.
    pub last_failure: Option<Failure>,
    /// Answers whose usage the provider told in figures that nobody can believe, since the start.
    pub disbelieved: u64,
    /// Bytes left on the journal's disk.
    pub disk_free: Option<u64>,
    /// Committed answers under way.
    pub running: usize,
    /// Bytes of the journal on disk.
    pub journal_bytes: u64,
    /// What was written to the journal since the start.
    pub written: Written,
}

/// The handle.
#[derive(Clone, Debug)]
pub struct UsageLedger {
    line: Arc<Line<UsageLedgerActor>>,
    parts: LedgerParts,
}

#[derive(Clone)]
struct LedgerParts(Parts);

impl std::fmt::Debug for LedgerParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "backlog {}", self.0.backlog.len())
    }
}

impl UsageLedger {
    /// Starts the actor on `arbiter`, which should be its own: its journal writes block. The journal must
    /// have been [recovered](recover).
    pub fn start(
        arbiter: ArbiterHandle,
        journal: Box<dyn Journal>,
        store: Arc<dyn LedgerStore>,
        sync: Sync,
        backlog: Backlog,
        clock: Arc<dyn Clock>,
        faults: Arc<dyn Faults>,
    ) -> Self {
        let vitals = Vitals::new("UsageLedger", Loss::Nothing);
        let parts = Parts {
            journal: Arc::new(Mutex::new(journal)),
            running: Arc::new(Mutex::new(HashMap::new())),
            store,
            backlog,
            condition: Arc::default(),
            clock,
            sync,
            faults,
            vitals: Arc::clone(&vitals),
            tallies: Arc::default(),
        };
        let kept = LedgerParts(parts.clone());
        let line = Line::open(vitals, move || {
            let parts = parts.clone();
            Supervisor::start_in_arbiter(&arbiter, |_| UsageLedgerActor::new(parts))
        });
        Self { line: Arc::new(line), parts: kept }
    }

    /// Posts an entry; when this returns, a killed process cannot lose it any more.
    ///
    /// # Errors
    /// When the journal cannot be written in time. Then it never bills anything: the ledger writes it at cost 0 later.
    pub async fn post(&self, entry: &Entry) -> Result<(), StorageIll> {
        let until = tokio::time::Instant::now() + WRITE_DEADLINE;
        let claim = Arc::<Claim>::default();
        loop {
            // One message and one answer: the acknowledgement itself. An actor that restarts drops it.
            let (written, mut when_written) = oneshot::channel();
            self.line.tell(Post { entry: entry.clone(), claim: Arc::clone(&claim), written });
            match tokio::time::timeout_at(until, &mut when_written).await {
                Ok(Ok(())) => return Ok(()),
                // An actor that crashed after its write.
                _ if claim.is_written() => return Ok(()),
                Ok(Err(_actor_restarted)) if tokio::time::Instant::now() < until => tokio::time::sleep(RESTART_PAUSE).await,
                _ if claim.withdraws() => break,
                // It is being written at this moment: whether it was is known when the write returns.
                _ => {
                    let by = until + WRITE_DEADLINE;
                    while claim.is_in_writing() && tokio::time::Instant::now() < by {
                        tokio::time::sleep(RESTART_PAUSE).await;
                    }
                    if !claim.withdraws() && claim.is_written() {
                        return Ok(());
                    }
                    break;
                }
            }
        }
        Err(StorageIll("the usage journal could not be written in time".to_owned()))
    }

    /// Whether a request that is let in now can be recorded.
    pub fn can_record(&self) -> bool {
        self.parts.0.condition.can_record()
    }

    /// What is set aside, the oldest first, at most `limit`. Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list_aside(&self, limit: usize) -> Result<Vec<SetAside>, StorageIll> {
        let journal = self.parts.0.journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        journal.list_aside(limit).map_err(|error| StorageIll(error.to_string()))
    }

    /// Books what was set aside after all (`retry`), or lets it go. Writes a file. `None` = there is no such one, or it is
    /// no receipt that could be tried again.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn take_back(&self, id: i64, retry: bool) -> Result<Option<SetAside>, StorageIll> {
        let Parts { journal, backlog, condition, .. } = &self.parts.0;
        let mut journal = journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let taken = journal.take_back(id, retry).map_err(|error| StorageIll(error.to_string()))?;
        condition.holds_aside(journal.aside());
        drop(journal);
        if retry && taken.as_ref().is_some_and(|taken| matches!(taken.what, Unbooked::Receipt(_))) {
            backlog.grow(1);
            self.line.tell(Book);
        }
        Ok(taken)
    }

    fn disbelieved(&self) {
        self.parts.0.condition.disbelieved_one();
    }

    /// Posts an entry from a place that cannot wait.
    pub fn post_later(&self, entry: Entry) {
        self.line.tell(PostLater(entry));
    }

    /// Returns when everything posted before is in the database; `false` when that took longer than `patience`.
    pub async fn drain(&self, patience: Duration) -> bool {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let Ok(booked) = self.line.ask(|| Drain).await else { return false };
            match tokio::time::timeout_at(until, booked).await {
                Ok(Ok(())) => return true,
                Ok(Err(_actor_restarted)) => {}
                Err(_late) => return false,
            }
        }
    }

    /// Whether a request that cost nothing still gets a row of its own; else it has been [counted](tallies).
    fn keeps_row_of(&self, receipt: &Receipt) -> bool {
        let tallies = &self.parts.0.tallies;
        let has_a_row = tallies.has_a_row(receipt.key_id, receipt.ts);
        if !has_a_row && let Some(entry) = tallies.count(receipt) {
            self.post_later(entry);
        }
        has_a_row
    }

    /// The ledger now.
    pub fn observe(&self) -> LedgerState {
        let Parts { journal, running, backlog, condition, .. } = &self.parts.0;
        let journal = journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (journal_bytes, written) = (journal.size(), journal.written());
        drop(journal);
        let running = running.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
        LedgerState {
            can_record: condition.can_record(),
            backlog: backlog.len(),
            oldest_unbooked: condition.oldest_unbooked(),
            set_aside: condition.set_aside(),
            last_booked: condition.last_booked(),
            last_failure: condition.last_failure(),
            disbelieved: condition.disbelieved(),
            disk_free: condition.free(),
            running,
            journal_bytes,
            written,
        }
    }

    /// The actor's counters.
    pub fn vital_signs(&self) -> VitalSigns {
        self.line.signs()
    }
}
