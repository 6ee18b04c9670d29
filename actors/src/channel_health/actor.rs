//! The shell around [`Health`]: messages, and waiters for a saturated channel.

use std::collections::VecDeque;
use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::breaker::Rules;
use super::slot::{ChannelSlot, Letterbox};
use super::state::{Candidate, ChannelState, Health, NoneLive};
use crate::ports::{ChannelNews, Clock, Faults};
use crate::settings_cache::SnapshotReader;
use crate::supervision::{Crashed, Vitals, guard};
use crate::system::Shared;
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
    pub(super) letters: Arc<Letterbox>,
    pub(super) shared: Shared,
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

/// The live candidates, in the order to try.
#[derive(Debug)]
pub struct Chosen {
    /// Their indexes, at least one.
    pub order: Vec<usize>,
    /// A slot of the first of them, unless it is saturated: its attempt may start.
    pub first: Option<ChannelSlot>,
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
#[rtype(result = "Result<Result<Chosen, NoneLive>, Crashed>")]
pub(super) struct Choose {
    pub(super) candidates: Arc<[Candidate]>,
    pub(super) conversation: Option<u64>,
    pub(super) elsewhere: Option<ChannelId>,
    pub(super) random: u64,
}

#[derive(Message)]
#[rtype(result = "Result<Start, Crashed>")]
pub(super) struct Begin {
    pub(super) candidates: Arc<[Candidate]>,
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

/// Another instance learned something of a channel.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ApplyNews(pub(super) ChannelNews);

impl ChannelHealthActor {
    pub(super) fn new(parts: Parts) -> Self {
        parts.letters.nobody_waits();
        Self { parts, health: Health::default(), waiters: VecDeque::new() }
    }

    fn rules(&self) -> Rules {
        Rules::from(&self.parts.snapshot.load().settings)
    }

    /// Takes in what attempts have shown since the last message.
    fn read_letters(&mut self) {
        while let Some(report) = self.parts.letters.next() {
            self.parts.faults.reached("channel_health.report");
            let rules = self.rules();
            let tells = self.parts.shared.is_used();
            let before = tells.then(|| self.health.news(report.channel, &report.model, report.at_ms));
            self.health.report(report.channel, &report.model, report.verdict, report.decides, &rules, report.at_ms);
            let after = tells.then(|| self.health.news(report.channel, &report.model, report.at_ms));
            if let Some(after) = after.filter(|after| before.as_ref() != Some(after)) {
                self.parts.shared.peers.channel(after);
            }
            if let Some(conversation) = report.conversation {
                self.health.remember(conversation, report.channel);
            }
        }
    }

    fn choose(&mut self, ask: &Choose, addr: &Addr<Self>) -> Result<Chosen, NoneLive> {
        self.parts.faults.reached("channel_health.choose");
        let (rules, now) = (self.rules(), self.parts.clock.monotonic_ms());
        let here = ask.conversation.and_then(|conversation| self.health.served_last(conversation));
        let last = here.or(ask.elsewhere);
        let order = self.health.choose(&ask.candidates, last, ask.random, &rules, now)?;
        let first = order.first().and_then(|first| ask.candidates.get(*first));
        self.parts.faults.reached("channel_health.begin");
        let first = first.and_then(|first| self.try_begin(std::slice::from_ref(first), addr).ok());
        Ok(Chosen { order, first: first.map(|begun| begun.slot) })
    }

    fn begin(&mut self, candidates: Arc<[Candidate]>, addr: &Addr<Self>) -> Start {
        self.parts.faults.reached("channel_health.begin");
        match self.try_begin(&candidates, addr) {
            Ok(begun) => Start::Begun(begun),
            Err(true) if self.waiters.len() < MOST_WAITING => {
                let (slot, freed) = oneshot::channel();
                self.waiters.push_back(Waiter { candidates, slot });
                self.parts.letters.wait(self.waiters.len());
                // A slot may have come back while the counter still said that nobody waits.
                self.serve_waiters(addr);
                Start::Queued(freed)
            }
            Err(_) => Start::NoneLive(NoneLive { retry_ms: 1_000 }),
        }
    }

    fn try_begin(&mut self, candidates: &[Candidate], addr: &Addr<Self>) -> Result<Begun, bool> {
        let now = self.parts.clock.monotonic_ms();
        let rules = self.rules();
        let (index, in_flight, decides) = self.health.begin(candidates, &rules, now)?;
        let candidate = &candidates[index];
        let letters = Arc::clone(&self.parts.letters);
        Ok(Begun { index, slot: ChannelSlot::new(candidate, in_flight, decides, letters, addr.downgrade()) })
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
        self.parts.letters.wait(self.waiters.len());
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
        self.parts.letters.nobody_waits();
    }
}

impl Handler<Choose> for ChannelHealthActor {
    type Result = Result<Result<Chosen, NoneLive>, Crashed>;

    fn handle(&mut self, ask: Choose, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        guard(&vitals, ctx, |ctx| {
            self.read_letters();
            self.choose(&ask, &ctx.address())
        })
    }
}

impl Handler<Begin> for ChannelHealthActor {
    type Result = MessageResult<Begin>;

    fn handle(&mut self, ask: Begin, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        MessageResult(guard(&vitals, ctx, |ctx| {
            self.read_letters();
            self.begin(ask.candidates, &ctx.address())
        }))
    }
}

impl Handler<Freed> for ChannelHealthActor {
    type Result = ();

    fn handle(&mut self, _: Freed, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        let _crash_is_counted = guard(&vitals, ctx, |ctx| {
            self.read_letters();
            self.serve_waiters(&ctx.address());
        });
    }
}

impl Handler<Close> for ChannelHealthActor {
    type Result = Result<(), Crashed>;

    fn handle(&mut self, Close(channel): Close, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        guard(&vitals, ctx, |ctx| {
            self.read_letters();
            self.health.close(channel);
            self.parts.shared.peers.channel(self.health.news(channel, &Arc::from(""), self.parts.clock.monotonic_ms()));
            self.serve_waiters(&ctx.address());
        })
    }
}

impl Handler<Observe> for ChannelHealthActor {
    type Result = Result<Vec<ChannelState>, Crashed>;

    fn handle(&mut self, _: Observe, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        guard(&vitals, ctx, |_| {
            self.read_letters();
            let rules = self.rules();
            self.health.observe(&rules, &*self.parts.clock)
        })
    }
}

impl Handler<ApplyNews> for ChannelHealthActor {
    type Result = ();

    fn handle(&mut self, ApplyNews(news): ApplyNews, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        vitals.took();
        let _crash_is_counted = guard(&vitals, ctx, |ctx| {
            self.read_letters();
            self.health.apply_news(news, self.parts.clock.monotonic_ms());
            self.serve_waiters(&ctx.address());
        });
    }
}
