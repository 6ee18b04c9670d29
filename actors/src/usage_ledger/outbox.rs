//! What was posted and is not in the journal yet.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::pending::forgiven;
use crate::ports::{Entry, Journal};
use crate::vocabulary::{Ending, Nanos};

/// Entries that wait in memory for a journal that takes none; refusals beyond are not noted.
const MOST_UNWRITTEN: usize = 10_000;

/// What waits to be written.
#[derive(Default)]
pub(super) struct Outbox {
    entries: Vec<Entry>,
    /// For each of them, whether somebody waits for it.
    claims: Vec<Option<Arc<Claim>>>,
    /// Those who wait for what was appended and is not synced yet.
    appended: Vec<Arc<Claim>>,
    /// What was appended waits for its sync.
    unsynced: bool,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a write has something to do.
    pub(super) fn waits(&self) -> bool {
        self.unsynced || !self.entries.is_empty()
    }

    /// Whether an entry that nobody waits for is one too many.
    pub(super) fn is_too_full_for(&self, entry: &Entry) -> bool {
        self.entries.len() >= MOST_UNWRITTEN && is_mere_refusal(entry)
    }

    pub(super) fn push(&mut self, entry: Entry, claim: Option<Arc<Claim>>) {
        self.entries.push(entry);
        self.claims.push(claim);
    }

    /// Forgets what was only opened: a successor of the actor writes what has ended.
    pub(super) fn keep_what_ended(&mut self) {
        let all = std::mem::take(&mut self.entries).into_iter().zip(std::mem::take(&mut self.claims));
        (self.entries, self.claims) = all.filter(|(entry, _)| matches!(entry, Entry::Closed(_))).unzip();
    }

    /// Appends what waits, and syncs it where that is asked for. Whoever gave up waiting is not billed.
    pub(super) fn write(&mut self, journal: &mut dyn Journal, syncs: bool) -> io::Result<()> {
        if !self.entries.is_empty() {
            self.forgive();
            if let Err(error) = journal.append(&self.entries) {
                self.claims.iter().flatten().for_each(|claim| claim.waits_on());
                return Err(error);
            }
            self.unsynced = syncs;
            self.entries.clear();
            self.appended.extend(self.claims.drain(..).flatten());
        }
        // Not appended again when this fails: the lines are there.
        if self.unsynced {
            journal.sync()?;
            self.unsynced = false;
        }
        self.appended.drain(..).for_each(|claim| claim.is_kept());
        Ok(())
    }

    fn forgive(&mut self) {
        for (entry, claim) in self.entries.iter_mut().zip(&mut self.claims) {
            if claim.as_ref().is_some_and(|claim| !claim.writes()) {
                *claim = None;
                if let Entry::Closed(receipt) = entry {
                    *receipt = Arc::new(forgiven(receipt));
                }
            }
        }
    }
}

/// Whether nothing is lost with an entry but the line that a request was refused.
fn is_mere_refusal(entry: &Entry) -> bool {
    matches!(entry, Entry::Closed(receipt) if receipt.ending == Ending::Refused && receipt.cost == Nanos::ZERO)
}

const WAITING: u8 = 0;
const WRITING: u8 = 1;
const WITHDRAWN: u8 = 2;
const WRITTEN: u8 = 3;

/// What becomes of a posted entry: agreed between whoever waits for it and the actor that writes it, so that an answer
/// that was kept back is never billed, and a billed one never kept back.
#[derive(Debug, Default)]
pub(super) struct Claim(AtomicU8);

impl Claim {
    /// The actor writes it now; `false` = whoever waited has given up.
    pub(super) fn writes(&self) -> bool {
        self.0.compare_exchange(WAITING, WRITING, Ordering::AcqRel, Ordering::Acquire) != Err(WITHDRAWN)
    }

    /// The write, and its sync where that is asked for, succeeded: said here, too, since an actor that crashes takes the
    /// acknowledgement along.
    pub(super) fn is_kept(&self) {
        let _written_before = self.0.compare_exchange(WRITING, WRITTEN, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether the entry is in the journal.
    pub(super) fn is_written(&self) -> bool {
        self.0.load(Ordering::Acquire) == WRITTEN
    }

    /// Whether the entry is being written at this moment.
    pub(super) fn is_in_writing(&self) -> bool {
        self.0.load(Ordering::Acquire) == WRITING
    }

    /// The write failed: whoever waits may give up again.
    pub(super) fn waits_on(&self) {
        let _withdrawn_stays = self.0.compare_exchange(WRITING, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whoever waited gives up; `false` = it is being written at this moment, or has been.
    pub(super) fn withdraws(&self) -> bool {
        !matches!(self.0.compare_exchange(WAITING, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire), Err(WRITING | WRITTEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_either_written_or_withdrawn() {
        let claim = Claim::default();
        assert!(claim.writes() && claim.writes(), "a successor of the actor writes on");
        assert!(!claim.withdraws(), "while it is written nobody gives up");
        claim.waits_on();
        assert!(claim.withdraws() && claim.withdraws());
        assert!(!claim.writes(), "who has given up is not billed");
        claim.waits_on();
        assert!(!claim.writes());
    }

    #[test]
    fn what_is_written_stays_written_whoever_asks_later() {
        let claim = Claim::default();
        assert!(claim.writes() && claim.is_in_writing());
        claim.is_kept();
        assert!(claim.is_written() && !claim.withdraws());
        assert!(claim.writes(), "posted again, it is appended again: the second line is booked as the first");
        claim.waits_on();
        assert!(claim.is_written(), "a later failure takes nothing out of the journal");
    }
}
