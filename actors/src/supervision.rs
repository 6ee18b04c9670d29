//! Supervision that survives panics.
//!
//! actix's `Supervisor` restarts an actor that stops, but a panic in a handler unwinds out of the
//! supervisor's task and leaves an address that is dead for ever. So two nets are spread:
//!
//! 1. [`guard`] runs each handler's body under `catch_unwind`. A panic becomes [`Crashed`] for the one
//!    caller, and the actor is told to stop, so its supervisor restarts it on the same mailbox.
//! 2. [`Line`], the handle's side, asks again after a crash, and starts a new actor when the address is dead.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::dev::{MessageResponse, ToEnvelope};
use actix::{Actor, ActorContext, Addr, Context, Handler, Message};
use arc_swap::ArcSwap;

/// How often a question is put again when the actor crashed over it or died.
const ASKS: usize = 4;
/// Pause before a request is put again to an actor that restarts: all that waited for it come at once.
pub(crate) const RESTART_PAUSE: Duration = Duration::from_millis(10);
/// Longest wait for an answer that needs no I/O.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// A handler panicked; its actor restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the actor crashed and restarts")]
pub struct Crashed;

/// The actor did not answer: it crashed over the question again and again, or hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{actor} does not answer")]
pub struct Unanswered {
    /// Which actor.
    pub actor: &'static str,
}

/// What an actor forgets when it restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing that matters: what it owns lives beside it.
    Nothing,
    /// What it learned of its channels' health.
    HealthMemory,
    /// The places of those who read along.
    Readers,
}

/// Counters of one actor, for the system page and for tests.
#[derive(Debug)]
pub struct Vitals {
    name: &'static str,
    loss: Loss,
    handled: AtomicU64,
    crashes: AtomicU64,
    deaths: AtomicU64,
    /// Questions that have no answer yet.
    asked: AtomicUsize,
    /// Words that were said and not taken yet.
    told: AtomicUsize,
}

/// What [`Vitals`] showed at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VitalSigns {
    /// The actor's name.
    pub name: &'static str,
    /// What a restart loses.
    pub loss: Loss,
    /// Whether it takes messages. One that does not is replaced when somebody next needs it.
    pub alive: bool,
    /// Messages that wait for it or are at work.
    pub waiting: usize,
    /// Messages handled so far.
    pub handled: u64,
    /// Panics caught, each followed by a restart on the same mailbox.
    pub crashes: u64,
    /// Times a new actor replaced a dead one.
    pub deaths: u64,
}

impl Vitals {
    /// Fresh counters.
    pub fn new(name: &'static str, loss: Loss) -> Arc<Self> {
        let (handled, crashes, deaths) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { name, loss, handled, crashes, deaths, asked: AtomicUsize::new(0), told: AtomicUsize::new(0) })
    }

    /// The counters now, of an actor that is or is not alive.
    pub fn signs(&self, alive: bool) -> VitalSigns {
        VitalSigns {
            name: self.name,
            loss: self.loss,
            alive,
            waiting: self.asked.load(Ordering::Relaxed) + self.told.load(Ordering::Relaxed),
            handled: self.handled.load(Ordering::Relaxed),
            crashes: self.crashes.load(Ordering::Relaxed),
            deaths: self.deaths.load(Ordering::Relaxed),
        }
    }

    /// Counts a question until what this returns is dropped: answered, late or given up.
    pub(crate) fn asking(&self) -> Asking<'_> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asking(self)
    }

    /// Counts a word that was said as taken.
    pub(crate) fn took(&self) {
        let _never_negative = self.told.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |told| Some(told.saturating_sub(1)));
    }

    pub(crate) fn count_death(&self) {
        // What stood in a dead actor's mailbox is gone.
        self.told.store(0, Ordering::Relaxed);
        self.deaths.fetch_add(1, Ordering::Relaxed);
        tracing::error!(actor = self.name, "an actor died and was replaced");
    }
}

/// A question under way.
pub(crate) struct Asking<'a>(&'a Vitals);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a handler's body; a panic stops the actor (its supervisor restarts it) and becomes [`Crashed`].
///
/// # Errors
/// [`Crashed`] when the body panicked.
pub(crate) fn guard<A, R>(vitals: &Vitals, ctx: &mut Context<A>, body: impl FnOnce(&mut Context<A>) -> R) -> Result<R, Crashed>
where
    A: Actor<Context = Context<A>>,
{
    vitals.handled.fetch_add(1, Ordering::Relaxed);
    catch_unwind(AssertUnwindSafe(|| body(ctx))).map_err(|_| {
        vitals.crashes.fetch_add(1, Ordering::Relaxed);
        tracing::error!(actor = vitals.name, "a handler panicked; the actor restarts");
        ctx.stop();
        Crashed
    })
}

/// A line to a supervised singleton that outlives its deaths.
pub(crate) struct Line<A: Actor> {
    addr: ArcSwap<Addr<A>>,
    start: Box<dyn Fn() -> Addr<A> + Send + Sync>,
    vitals: Arc<Vitals>,
}

impl<A: Actor> fmt::Debug for Line<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({})", self.vitals.name)
    }
}

impl<A: Actor<Context = Context<A>>> Line<A> {
    /// Starts the actor; `start` is called again whenever it has died.
    pub(crate) fn open(vitals: Arc<Vitals>, start: impl Fn() -> Addr<A> + Send + Sync + 'static) -> Self {
        Self { addr: ArcSwap::from_pointee(start()), start: Box::new(start), vitals }
    }

    pub(crate) fn signs(&self) -> VitalSigns {
        self.vitals.signs(self.addr.load().connected())
    }

    /// Puts a question; again after a crash, to a new actor after a death.
    ///
    /// # Errors
    /// When no answer came after all tries.
    pub(crate) async fn ask<M, R>(&self, question: impl Fn() -> M) -> Result<R, Unanswered>
    where
        M: Message<Result = Result<R, Crashed>> + Send + 'static,
        R: Send + 'static,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        Result<R, Crashed>: MessageResponse<A, M>,
    {
        let _counted = self.vitals.asking();
        for _ in 0..ASKS {
            let request = self.addr.load().send(question()).timeout(ANSWER_DEADLINE);
            match request.await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Crashed)) => {}
                Err(actix::MailboxError::Closed) => self.revive(),
                Err(actix::MailboxError::Timeout) => break,
            }
        }
        Err(Unanswered { actor: self.vitals.name })
    }

    /// Says something that needs no answer. The mailbox takes it at once, whatever its length: use it only
    /// for messages whose number is bounded by the requests under way. Their handlers count them as
    /// [taken](Vitals::took).
    pub(crate) fn tell<M>(&self, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
    {
        if !self.addr.load().connected() {
            self.revive();
        }
        self.vitals.told.fetch_add(1, Ordering::Relaxed);
        self.addr.load().do_send(message);
    }

    /// Replaces a dead actor, once however many notice.
    fn revive(&self) {
        let seen = self.addr.load_full();
        if seen.connected() {
            return;
        }
        let fresh = Arc::new((self.start)());
        let before = self.addr.compare_and_swap(&seen, fresh);
        if Arc::ptr_eq(&before, &seen) {
            self.vitals.count_death();
        }
    }
}
