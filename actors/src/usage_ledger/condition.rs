//! How the books stand: read by readiness, by the door for requests and by pages, written by the ledger alone.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::ports::Room;

/// A figure that is not known.
const UNKNOWN: u64 = u64::MAX;

/// Something that went wrong with journal or booking, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When, epoch milliseconds.
    pub at: i64,
    /// What.
    pub words: String,
}

/// How the books stand.
#[derive(Debug)]
pub(super) struct Condition {
    /// Whether the last append to the journal succeeded.
    takes: AtomicBool,
    /// Whether the journal has room for what is under way.
    has_room: AtomicBool,
    /// Bytes left on the journal's disk.
    free: AtomicU64,
    /// When the oldest receipt that is not booked was written; 0 = all are booked.
    oldest_unbooked: AtomicI64,
    /// When receipts were last booked; 0 = not since the start.
    last_booked: AtomicI64,
    set_aside: AtomicU64,
    disbelieved: AtomicU64,
    failure: Mutex<Option<Failure>>,
}

impl Default for Condition {
    fn default() -> Self {
        Self {
            takes: AtomicBool::new(true),
            has_room: AtomicBool::new(true),
            free: AtomicU64::new(UNKNOWN),
            oldest_unbooked: AtomicI64::new(0),
            last_booked: AtomicI64::new(0),
            set_aside: AtomicU64::new(0),
            disbelieved: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }
}

impl Condition {
    /// Whether a request that is let in now can be recorded.
    pub(super) fn can_record(&self) -> bool {
        self.takes.load(Ordering::Acquire) && self.has_room.load(Ordering::Acquire)
    }

    pub(super) fn takes(&self) -> bool {
        self.takes.load(Ordering::Acquire)
    }

    pub(super) fn appended(&self, succeeded: bool) {
        self.takes.store(succeeded, Ordering::Release);
    }

    pub(super) fn has(&self, room: Room) {
        self.has_room.store(room.is_enough, Ordering::Release);
        self.free.store(room.free.unwrap_or(UNKNOWN), Ordering::Release);
    }

    pub(super) fn free(&self) -> Option<u64> {
        Some(self.free.load(Ordering::Acquire)).filter(|free| *free != UNKNOWN)
    }

    /// `since` is when the oldest of what is not booked was written; `None` = all is booked.
    pub(super) fn waits_since(&self, since: Option<i64>) {
        self.oldest_unbooked.store(since.unwrap_or(0), Ordering::Release);
    }

    pub(super) fn oldest_unbooked(&self) -> Option<i64> {
        Some(self.oldest_unbooked.load(Ordering::Acquire)).filter(|since| *since > 0)
    }

    pub(super) fn booked(&self, at: i64) {
        self.last_booked.store(at, Ordering::Release);
    }

    pub(super) fn last_booked(&self) -> Option<i64> {
        Some(self.last_booked.load(Ordering::Acquire)).filter(|at| *at > 0)
    }

    pub(super) fn holds_aside(&self, count: u64) {
        self.set_aside.store(count, Ordering::Release);
    }

    pub(super) fn set_aside(&self) -> u64 {
        self.set_aside.load(Ordering::Acquire)
    }

    pub(super) fn disbelieved_one(&self) {
        self.disbelieved.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn disbelieved(&self) -> u64 {
        self.disbelieved.load(Ordering::Acquire)
    }

    pub(super) fn failed(&self, at: i64, words: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(Failure { at, words });
    }

    pub(super) fn last_failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
