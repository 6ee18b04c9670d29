//! A user's books as they are shown.

use crate::vocabulary::{KeyId, Nanos};

/// One open hold, for the system page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHold {
    /// The gateway's request id.
    pub request_id: String,
    /// The key.
    pub key: KeyId,
    /// Money held.
    pub money: Nanos,
    /// Whether it takes a concurrency slot.
    pub slot: bool,
    /// When it was granted, epoch milliseconds.
    pub since_ms: i64,
}

/// A user's books at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateState {
    /// Quota minus spending; `None` before the account was read.
    pub balance: Option<Nanos>,
    /// Money held.
    pub held: Nanos,
    /// Concurrency slots taken.
    pub slots: u32,
    /// Requests waiting.
    pub waiting: usize,
    /// Requests in the last 60 seconds.
    pub requests: i64,
    /// Tokens in the last 60 seconds.
    pub tokens: i64,
    /// The holds.
    pub holds: Vec<OpenHold>,
}

/// What is under way at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were let in and have not ended.
    pub running: usize,
    /// Requests waiting to be let in.
    pub waiting: usize,
    /// Money held for them.
    pub held: Nanos,
}

impl Traffic {
    /// The sum of both.
    pub(super) fn with(self, more: &Self) -> Self {
        Self { running: self.running + more.running, waiting: self.waiting + more.waiting, held: self.held.plus(more.held) }
    }
}

impl GateState {
    /// Whether a key has nothing open.
    pub fn is_quiet_for(&self, key: KeyId) -> bool {
        self.holds.iter().all(|hold| hold.key != key)
    }
}
