//! An attempt's place at a channel, and the letterbox where it leaves what it showed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix::WeakAddr;

use super::actor::{ChannelHealthActor, Freed};
use super::state::{Candidate, Verdict};
use crate::ports::{Clock, SharedSlots};
use crate::vocabulary::ChannelId;

/// What an attempt showed of its channel.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) channel: ChannelId,
    pub(super) model: Arc<str>,
    pub(super) verdict: Verdict,
    pub(super) decides: bool,
    pub(super) conversation: Option<u64>,
    /// When, by the clock that nobody can set.
    pub(super) at_ms: i64,
}

/// Shared by the actor and the slots it gave out; outlives its deaths.
///
/// A report changes what the actor answers next and nothing else, so none wakes it: it reads them all before
/// anything it is asked. Requests begin with a question, so there are at most as many as requests under way.
pub(super) struct Letterbox {
    reports: Mutex<VecDeque<Report>>,
    /// Requests that wait for a saturated channel.
    waiting: AtomicUsize,
    clock: Arc<dyn Clock>,
}

impl Letterbox {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { reports: Mutex::default(), waiting: AtomicUsize::new(0), clock }
    }

    /// The oldest report, taken out: one that makes the actor crash is not read again.
    pub(super) fn next(&self) -> Option<Report> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    pub(super) fn wait(&self, waiting: usize) {
        self.waiting.store(waiting, Ordering::Release);
    }

    pub(super) fn nobody_waits(&self) {
        self.wait(0);
    }
}

/// One attempt's place at a channel, given back when dropped.
#[must_use = "a slot that is dropped is given back"]
pub struct ChannelSlot {
    channel: ChannelId,
    model: Arc<str>,
    in_flight: Arc<AtomicU32>,
    decides: bool,
    letters: Arc<Letterbox>,
    health: WeakAddr<ChannelHealthActor>,
    /// Told when it is given back, where other instances share the channel's slots.
    shared: Option<Arc<dyn SharedSlots>>,
}

impl std::fmt::Debug for ChannelSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChannelSlot({})", self.channel)
    }
}

impl ChannelSlot {
    /// A place that was counted in `in_flight`; `decides` when its attempt decides a half-open circuit.
    pub(super) fn new(
        candidate: &Candidate,
        in_flight: Arc<AtomicU32>,
        decides: bool,
        letters: Arc<Letterbox>,
        health: WeakAddr<ChannelHealthActor>,
    ) -> Self {
        Self {
            channel: candidate.channel,
            model: Arc::clone(&candidate.model),
            in_flight,
            decides,
            letters,
            health,
            shared: None,
        }
    }

    /// Asks for the place where other instances share the channel's slots, too. Without it the attempt must not run.
    pub(super) async fn take_shared(&mut self, slots: &Arc<dyn SharedSlots>, limit: u32) -> bool {
        // From now on, dropping it tells the others, whatever came of the question.
        self.shared = Some(Arc::clone(slots));
        slots.take(self.channel, &self.in_flight, limit).await
    }

    /// Tells what the attempt showed. `conversation` is remembered for a channel that answered.
    pub fn report(&mut self, verdict: Verdict, conversation: Option<u64>) {
        let report = Report {
            channel: self.channel,
            model: Arc::clone(&self.model),
            verdict,
            decides: std::mem::take(&mut self.decides),
            conversation,
            at_ms: self.letters.clock.monotonic_ms(),
        };
        self.letters.reports.lock().unwrap_or_else(PoisonError::into_inner).push_back(report);
    }
}

impl Drop for ChannelSlot {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        if let Some(shared) = &self.shared {
            shared.give_back(self.channel, &self.in_flight);
        }
        if self.decides {
            self.report(Verdict::Nothing, None);
        }
        if self.letters.waiting.load(Ordering::Acquire) > 0
            && let Some(health) = self.health.upgrade()
        {
            health.do_send(Freed);
        }
    }
}
