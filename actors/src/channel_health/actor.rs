//! The shell around [`Health`]: messages, waiters for a saturated channel, and the slot guards.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use actix::WeakAddr;
use actix::prelude::*;
use tokio::sync::oneshot;

use super::breaker::Rules;
use super::state::{Candidate, ChannelState, Health, NoneLive, Verdict};
use crate::ports::{Clock, Faults};
use crate::settings_cache::SnapshotReader;
use crate::supervision::{Crashed, Vitals, guard};
use crate::vocabulary::ChannelId;

/// Messages that may wait before senders do.
const MAILBOX: usize = 8_192;
/// Most requests that may wait for a saturated channel.
const MOST_WAITING: usize = 2_000;

/// What the actor is made of, kept over its deaths.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) snapshot: SnapshotReader,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) faults: Arc<dyn Faults>,
    pub(super) vitals: Arc<Vitals>,
    pub(super) waiting: Arc<AtomicUsize>,
}

/// The actor.
pub(super) struct ChannelHealthActor {
    parts: Parts,
    health: Health,
    waiters: VecDeque<Waiter>,
}

struct Waiter {
    candidates: Arc<[Candidate]>,
    slot: oneshot::Sender<Begun>,
}

/// An attempt that may start.
#[derive(Debug)]
pub struct Begun {
    /// Which of the candidates.
    pub index: usize,
    /// Its slot.
    pub slot: ChannelSlot,
}

/// How the actor answers [`Begin`].
pub(super) enum Start {
    Begun(Begun),
    NoneLive(NoneLive),
    Queued(oneshot::Receiver<Begun>),
}

#[derive(Message)]
#[rtype(result = "Result<Result<Vec<usize>, NoneLive>, Crashed>")]
pub(super) struct Choose {
    pub(super) candidates: Arc<[Candidate]>,
    pub(super) conversation: Option<u64>,
    pub(super) random: u64,
}

#[derive(Message)]
#[rtype(result = "Result<Start, Crashed>")]
pub(super) struct Begin {
    pub(super) candidates: Arc<[Candidate]>,
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Report {
    pub(super) channel: ChannelId,
    pub(super) model: Arc<str>,
    pub(super) verdict: Verdict,
    pub(super) decides: bool,
    pub(super) conversation: Option<u64>,
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Freed;

#[derive(Message)]
#[rtype(result = "Result<(), Crashed>")]
pub(super) struct Close(pub(super) ChannelId);

#[derive(Message)]
#[rtype(result = "Result<Vec<ChannelState>, Crashed>")]
pub(super) struct Observe;

impl ChannelHealthActor {
    pub(super) fn new(parts: Parts) -> Self {
        parts.waiting.store(0, Ordering::Release);
        Self { parts, health: Health::default(), waiters: VecDeque::new() }
    }

    fn rules(&self) -> Rules {
        Rules::from(&self.parts.snapshot.load().settings)
    }

    fn begin(&mut self, candidates: Arc<[Candidate]>, addr: &Addr<Self>) -> Start {
        self.parts.faults.reached("channel_health.begin");
        match self.try_begin(&candidates, addr) {
            Ok(begun) => Start::Begun(begun),
            Err(true) if self.waiters.len() < MOST_WAITING => {
                let (slot, freed) = oneshot::channel();
                self.waiters.push_back(Waiter { candidates, slot });
                self.parts.waiting.store(self.waiters.len(), Ordering::Release);
                // A slot may have come back while the counter still said that nobody waits.
                self.serve_waiters(addr);
                Start::Queued(freed)
            }
            Err(_) => Start::NoneLive(NoneLive { retry_ms: 1_000 }),
        }
    }

    fn try_begin(&mut self, candidates: &[Candidate], addr: &Addr<Self>) -> Result<Begun, bool> {
        let now = self.parts.clock.now_ms();
        let rules = self.rules();
        let (index, in_flight, decides) = self.health.begin(candidates, &rules, now)?;
        let candidate = &candidates[index];
        let slot = ChannelSlot {
            channel: candidate.channel,
            model: Arc::clone(&candidate.model),
            in_flight,
            decides,
            waiting: Arc::clone(&self.parts.waiting),
            health: addr.downgrade(),
        };
        Ok(Begun { index, slot })
    }

    fn serve_waiters(&mut self, addr: &Addr<Self>) {
        let mut still_waiting = VecDeque::new();
        while let Some(waiter) = self.waiters.pop_front() {
            if waiter.slot.is_closed() {
                continue;
            }
            match self.try_begin(&waiter.candidates, addr) {
                Ok(begun) => drop(waiter.slot.send(begun)),
                Err(true) => still_waiting.push_back(waiter),
                Err(false) => {}
            }
        }
        self.waiters = still_waiting;
        self.parts.waiting.store(self.waiters.len(), Ordering::Release);
    }
}

impl Actor for ChannelHealthActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Supervised for ChannelHealthActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.health.forget();
        self.waiters.clear();
        self.parts.waiting.store(0, Ordering::Release);
    }
}

impl Handler<Choose> for ChannelHealthActor {
    type Result = Result<Result<Vec<usize>, NoneLive>, Crashed>;

    fn handle(&mut self, ask: Choose, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        guard(&vitals, ctx, |_| {
            self.parts.faults.reached("channel_health.choose");
            let rules = self.rules();
            self.health.choose(&ask.candidates, ask.conversation, ask.random, &rules, self.parts.clock.now_ms())
        })
    }
}

impl Handler<Begin> for ChannelHealthActor {
    type Result = MessageResult<Begin>;

    fn handle(&mut self, ask: Begin, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        MessageResult(guard(&vitals, ctx, |ctx| self.begin(ask.candidates, &ctx.address())))
    }
}

impl Handler<Report> for ChannelHealthActor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        let _crash_is_counted = guard(&vitals, ctx, |_| {
            self.parts.faults.reached("channel_health.report");
            let rules = self.rules();
            let now = self.parts.clock.now_ms();
            self.health.report(report.channel, &report.model, report.verdict, report.decides, &rules, now);
            if let Some(conversation) = report.conversation {
                self.health.remember(conversation, report.channel);
            }
        });
    }
}

impl Handler<Freed> for ChannelHealthActor {
    type Result = ();

    fn handle(&mut self, _: Freed, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        let _crash_is_counted = guard(&vitals, ctx, |ctx| self.serve_waiters(&ctx.address()));
    }
}

impl Handler<Close> for ChannelHealthActor {
    type Result = Result<(), Crashed>;

    fn handle(&mut self, Close(channel): Close, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        guard(&vitals, ctx, |ctx| {
            self.health.close(channel);
            self.serve_waiters(&ctx.address());
        })
    }
}

impl Handler<Observe> for ChannelHealthActor {
    type Result = Result<Vec<ChannelState>, Crashed>;

    fn handle(&mut self, _: Observe, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        guard(&vitals, ctx, |_| {
            let rules = self.rules();
            self.health.observe(&rules, self.parts.clock.now_ms())
        })
    }
}

/// One attempt's place at a channel, given back when dropped.
#[derive(Debug)]
#[must_use = "a slot that is dropped is given back"]
pub struct ChannelSlot {
    channel: ChannelId,
    model: Arc<str>,
    in_flight: Arc<AtomicU32>,
    decides: bool,
    waiting: Arc<AtomicUsize>,
    health: WeakAddr<ChannelHealthActor>,
}

impl ChannelSlot {
    /// Tells what the attempt showed. `conversation` is remembered for a channel that answered.
    pub fn report(&mut self, verdict: Verdict, conversation: Option<u64>) {
        let decides = std::mem::take(&mut self.decides);
        if let Some(health) = self.health.upgrade() {
            health.do_send(Report { channel: self.channel, model: Arc::clone(&self.model), verdict, decides, conversation });
        }
    }
}

impl Drop for ChannelSlot {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        if self.decides {
            self.report(Verdict::Nothing, None);
        }
        if let Some(health) = self.health.upgrade().filter(|_| self.waiting.load(Ordering::Acquire) > 0) {
            health.do_send(Freed);
        }
    }
}
