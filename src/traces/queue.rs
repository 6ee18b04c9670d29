//! What has ended and is not sent yet: bounded, and nobody is woken for one request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actors::vocabulary::{Receipt, Trace};
use tokio::sync::Notify;

/// Most requests that wait.
const MOST_REQUESTS: usize = 4_096;
/// And most bytes of the records that some of them carry.
const MOST_BYTES: usize = 16 << 20;
/// So many are sent at once; whoever brings the last of them wakes the sender before its time.
pub(super) const BATCH: usize = 512;

/// A request that has ended, with what its receipt does not say.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) receipt: Arc<Receipt>,
    pub(super) trace: Trace,
    pub(super) overhead: Option<Duration>,
    pub(super) queued: Option<Duration>,
}

impl Finished {
    /// How many spans it has.
    pub(super) fn spans(&self) -> usize {
        1 + self.trace.attempts().len() + usize::from(self.trace.unanswered().is_some())
    }

    fn bytes(&self) -> usize {
        self.receipt.details.as_ref().map_or(0, String::len)
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    is_batch: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Finished>,
    bytes: usize,
}

impl Queue {
    /// Takes a request, or gives it back when it is full.
    pub(super) fn push(&self, finished: Finished) -> Result<(), Box<Finished>> {
        let mut waiting = self.lock();
        if waiting.requests.len() >= MOST_REQUESTS || waiting.bytes + finished.bytes() > MOST_BYTES {
            return Err(Box::new(finished));
        }
        waiting.bytes += finished.bytes();
        waiting.requests.push_back(finished);
        let is_batch = waiting.requests.len() == BATCH;
        drop(waiting);
        if is_batch {
            self.is_batch.notify_one();
        }
        Ok(())
    }

    /// The oldest, as many as are sent at once.
    pub(super) fn batch(&self) -> Vec<Finished> {
        let mut waiting = self.lock();
        let count = waiting.requests.len().min(BATCH);
        let batch: Vec<Finished> = waiting.requests.drain(..count).collect();
        waiting.bytes -= batch.iter().map(Finished::bytes).sum::<usize>();
        batch
    }

    /// Until a batch is there.
    pub(super) async fn filled(&self) {
        self.is_batch.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
