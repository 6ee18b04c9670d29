//! The shell: groups what is posted into one journal write, and books what the journal holds.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::condition::Condition;
use super::outbox::{Claim, Outbox};
use super::settling::{Settled, settle};
use super::tallies::Tallies;
use super::{Backlog, Sync};
use crate::ports::{Clock, Entry, Faults, Journal, LedgerStore};
use crate::supervision::{Crashed, Vitals, guard};
use crate::vocabulary::{Counted, Receipt, ReceiptId};

/// Messages that may wait before senders do.
const MAILBOX: usize = 16_384;
/// Entries read from the journal for one transaction.
pub(super) const BATCH: usize = 1_000;
/// How long a first receipt waits for others to share its transaction: most of what a transaction costs does not
/// depend on the number of rows.
const BOOKING_PAUSE: Duration = Duration::from_millis(100);
/// Pauses after a failed booking: doubling from the first to the last.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How often counts of requests without a row are written down: what a killed process loses of them.
const TELLING_PAUSE: Duration = Duration::from_secs(1);
/// Pause after a failed journal write.
const REWRITE_PAUSE: Duration = Duration::from_millis(100);
/// How often the journal's disk is looked at; while appending fails also how often it is tried.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What outlives the actor's deaths.
#[derive(Clone)]
pub(super) struct Parts {
    /// Locked by the actor alone; behind a lock so that a successor finds it where its predecessor left it.
    pub(super) journal: Arc<Mutex<Box<dyn Journal>>>,
    /// Committed answers whose receipt has not been posted yet.
    pub(super) running: Arc<Mutex<HashMap<ReceiptId, Arc<Receipt>>>>,
    pub(super) store: Arc<dyn LedgerStore>,
    pub(super) backlog: Backlog,
    pub(super) condition: Arc<Condition>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sync: Sync,
    pub(super) faults: Arc<dyn Faults>,
    pub(super) vitals: Arc<Vitals>,
    pub(super) tallies: Arc<Tallies>,
}

/// The actor.
pub(super) struct UsageLedgerActor {
    parts: Parts,
    outbox: Outbox,
    acknowledgements: Vec<oneshot::Sender<()>>,
    flush_planned: bool,
    booking: bool,
    booking_planned: bool,
    retry_pause: Duration,
    draining: Vec<oneshot::Sender<()>>,
}

/// Posts an entry. `written` is told when it is in the journal, and dropped when the actor restarts before.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Post {
    pub(super) entry: Entry,
    pub(super) claim: Arc<Claim>,
    pub(super) written: oneshot::Sender<()>,
}

/// Posts an entry from a place that cannot wait.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct PostLater(pub(super) Entry);

/// Answered when everything posted before is booked.
#[derive(Message)]
#[rtype(result = "Result<oneshot::Receiver<()>, Crashed>")]
pub(super) struct Drain;

#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

/// Books what the journal holds.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Book;

#[derive(Message)]
#[rtype(result = "()")]
struct Look;

#[derive(Message)]
#[rtype(result = "()")]
struct SyncNow;

#[derive(Message)]
#[rtype(result = "()")]
struct TellCounts;

impl UsageLedgerActor {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            outbox: Outbox::default(),
            acknowledgements: Vec::new(),
            flush_planned: false,
            booking: false,
            booking_planned: false,
            retry_pause: RETRY_PAUSE.0,
            draining: Vec::new(),
        }
    }

    fn with_journal<T>(&self, work: impl FnOnce(&mut dyn Journal) -> T) -> T {
        let mut journal = self.parts.journal.lock().unwrap_or_else(PoisonError::into_inner);
        work(journal.as_mut())
    }

    fn take(&mut self, entry: Entry, claim: Option<Arc<Claim>>, ctx: &mut Context<Self>) {
        self.parts.faults.reached("usage_ledger.post");
        if claim.is_none() && self.outbox.is_too_full_for(&entry) {
            return;
        }
        self.keep(entry, claim);
        // Notified after the mailbox is empty: all that is waiting in it shares one write.
        if !std::mem::replace(&mut self.flush_planned, true) {
            ctx.notify(Flush);
        }
    }

    /// Writes down what was counted. Not while the journal does not take what it was given before: the counts can wait.
    fn tell_counts(&mut self, ctx: &mut Context<Self>) {
        if self.outbox.is_empty() {
            for entry in self.parts.tallies.take() {
                self.take(entry, None, ctx);
            }
        }
    }

    fn keep(&mut self, entry: Entry, claim: Option<Arc<Claim>>) {
        let mut running = self.parts.running.lock().unwrap_or_else(PoisonError::into_inner);
        match &entry {
            Entry::Opened(receipt) => drop(running.insert(receipt.id, Arc::clone(receipt))),
            Entry::Closed(receipt) => {
                running.remove(&receipt.id);
                if self.parts.backlog.is_empty() {
                    self.parts.condition.waits_since(Some(self.parts.clock.now_ms()));
                }
                self.parts.backlog.grow(1);
            }
            Entry::Counted(_) => {}
        }
        drop(running);
        self.outbox.push(entry, claim);
    }

    fn flush(&mut self, ctx: &mut Context<Self>) {
        self.flush_planned = false;
        let written = {
            let mut journal = self.parts.journal.lock().unwrap_or_else(PoisonError::into_inner);
            self.outbox.write(journal.as_mut(), self.parts.sync == Sync::Always)
        };
        match written {
            Ok(()) => {
                self.parts.condition.appended(true);
                self.parts.faults.reached("usage_ledger.journal_written");
                for acknowledgement in self.acknowledgements.drain(..) {
                    let _caller_left = acknowledgement.send(());
                }
                self.plan_next_booking(false, ctx);
            }
            Err(error) => {
                self.append_failed(&error);
                self.flush_planned = true;
                ctx.notify_later(Flush, REWRITE_PAUSE);
            }
        }
    }

    fn append_failed(&self, error: &io::Error) {
        if self.parts.condition.takes() {
            tracing::error!(%error, "the usage journal cannot be written; requests are refused until it can");
        }
        self.parts.condition.appended(false);
        self.failed(format!("the usage journal cannot be written: {error}"));
    }

    fn failed(&self, words: String) {
        self.parts.condition.failed(self.parts.clock.now_ms(), words);
    }

    /// Looks after the journal's disk while nothing is posted.
    fn look(&mut self) {
        if self.outbox.is_empty() && !self.parts.condition.takes() {
            match self.with_journal(|journal| journal.probe()) {
                Ok(()) => {
                    tracing::info!("the usage journal can be written again");
                    self.parts.condition.appended(true);
                }
                Err(error) => self.append_failed(&error),
            }
        }
        let (room, aside) = self.with_journal(|journal| (journal.secure(), journal.aside()));
        if !room.is_enough {
            self.failed("the disk of the usage journal is full".to_owned());
        }
        self.parts.condition.has(room);
        self.parts.condition.holds_aside(aside);
    }

    fn plan_booking(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        if !self.booking && !std::mem::replace(&mut self.booking_planned, true) {
            ctx.notify_later(Book, pause);
        }
    }

    /// Reads a batch from the journal and books it; then the next, until nothing is left.
    fn book(&mut self, ctx: &mut Context<Self>) {
        self.booking_planned = false;
        if self.booking {
            return;
        }
        let entries = match self.with_journal(|journal| journal.read(BATCH)) {
            Ok(entries) => entries,
            Err(error) => return self.booking_failed(&error.to_string(), ctx),
        };
        if entries.is_empty() && !self.draining.is_empty() {
            // What was counted while the last entries were on their way is waited for, too.
            self.tell_counts(ctx);
        }
        if entries.is_empty() && !self.outbox.is_empty() {
            return;
        }
        if entries.is_empty() {
            for waiting in self.draining.drain(..) {
                let _caller_left = waiting.send(());
            }
            return;
        }
        self.booking = true;
        let more_waits = entries.len() == BATCH;
        let (receipts, counted) = ended(entries);
        if let Some(first) = receipts.first() {
            self.parts.condition.waits_since(Some(first.ended_at()));
        }
        let store = Arc::clone(&self.parts.store);
        let now = self.parts.clock.now_ms();
        let booking = async move { settle(store.as_ref(), &receipts, &counted, now).await };
        let booking = booking.into_actor(self).map(move |settled, actor, ctx| {
            actor.booking = false;
            let vitals = Arc::clone(&actor.parts.vitals);
            // Outside a handler a panic would kill the actor, and what it had not written yet with it.
            let _crash_is_counted = guard(&vitals, ctx, |ctx| match settled {
                Ok(settled) => actor.booked(&settled, more_waits, ctx),
                Err(words) => actor.booking_failed(&words, ctx),
            });
        });
        ctx.spawn(booking);
    }

    fn booked(&mut self, settled: &Settled, more_waits: bool, ctx: &mut Context<Self>) {
        self.parts.faults.reached("usage_ledger.booked");
        if let Err(error) = self.set_aside(settled) {
            return self.booking_failed(&format!("what cannot be booked could not be set aside: {error}"), ctx);
        }
        self.retry_pause = RETRY_PAUSE.0;
        self.parts.backlog.shrink((settled.booked + settled.refused.len()) as u64);
        let now = self.parts.clock.now_ms();
        if settled.booked > 0 {
            self.parts.condition.booked(now);
        }
        self.parts.condition.waits_since((!self.parts.backlog.is_empty()).then_some(now));
        let let_go = self.with_journal(|journal| if journal.mark() { self.carry_over(journal) } else { Ok(()) });
        if let Err(error) = let_go {
            tracing::error!(%error, "booked journal segments could not be let go");
        }
        self.plan_next_booking(more_waits, ctx);
    }

    /// Keeps what the database refuses, before the journal forgets it.
    fn set_aside(&self, settled: &Settled) -> io::Result<()> {
        let aside = self.with_journal(|journal| {
            if !settled.refused.is_empty() {
                journal.set_aside(&settled.refused)?;
            }
            Ok::<_, io::Error>(journal.aside())
        })?;
        for refused in &settled.refused {
            tracing::error!(receipt = refused.id, reason = refused.reason, "a receipt cannot be booked and is set aside");
            self.failed(format!("a receipt could not be booked: {}", refused.reason));
        }
        self.parts.condition.holds_aside(aside);
        Ok(())
    }

    /// Plans what follows a write or a booking. Without its pause the batches of a steady stream would shrink to
    /// what came while the last one was booked.
    fn plan_next_booking(&mut self, more_waits: bool, ctx: &mut Context<Self>) {
        if !self.draining.is_empty() && !self.booking {
            // A booking planned for later is not waited for; it will find nothing left to do.
            ctx.notify(Book);
        } else {
            self.plan_booking(if more_waits { Duration::ZERO } else { BOOKING_PAUSE }, ctx);
        }
    }

    /// Before old segments go, the requests still running are noted again in the newest.
    fn carry_over(&self, journal: &mut dyn Journal) -> io::Result<()> {
        let running = self.parts.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running: Vec<Entry> = running.values().cloned().map(Entry::Opened).collect();
        journal.append(&running)?;
        journal.release()
    }

    fn booking_failed(&mut self, reason: &str, ctx: &mut Context<Self>) {
        tracing::warn!(reason, backlog = self.parts.backlog.len(), "usage could not be booked; it stays in the journal");
        self.failed(format!("usage could not be booked: {reason}"));
        self.with_journal(|journal| journal.rewind());
        self.plan_booking(self.retry_pause, ctx);
        self.retry_pause = (self.retry_pause * 2).min(RETRY_PAUSE.1);
    }
}

/// The requests that ended, and the counts of those without a row.
fn ended(entries: Vec<Entry>) -> (Vec<Receipt>, Vec<Counted>) {
    let (mut receipts, mut counts) = (Vec::with_capacity(entries.len()), Vec::new());
    for entry in entries {
        match entry {
            Entry::Opened(_) => {}
            Entry::Closed(receipt) => receipts.push(Arc::unwrap_or_clone(receipt)),
            Entry::Counted(counted) => counts.push(Arc::unwrap_or_clone(counted)),
        }
    }
    (receipts, counts)
}

impl Actor for UsageLedgerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if let Sync::Every(pause) = self.parts.sync {
            ctx.notify_later(SyncNow, pause);
        }
        ctx.notify(Look);
        ctx.notify_later(TellCounts, TELLING_PAUSE);
        // Whatever a predecessor had read but not booked is read again: booking twice changes nothing.
        self.with_journal(|journal| journal.rewind());
        if self.outbox.waits() {
            self.flush_planned = true;
            ctx.notify(Flush);
        }
        self.plan_booking(Duration::ZERO, ctx);
    }
}

impl Supervised for UsageLedgerActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        // What was posted but not written keeps its callers waiting no longer: they post again.
        self.outbox.keep_what_ended();
        self.acknowledgements.clear();
        self.draining.clear();
        (self.flush_planned, self.booking, self.booking_planned) = (false, false, false);
    }
}

impl Handler<Post> for UsageLedgerActor {
    type Result = ();

    fn handle(&mut self, Post { entry, claim, written }: Post, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        vitals.took();
        let _crash_is_counted = guard(&vitals, ctx, |ctx| {
            self.take(entry, Some(claim), ctx);
            self.acknowledgements.push(written);
        });
    }
}

impl Handler<PostLater> for UsageLedgerActor {
    type Result = ();

    fn handle(&mut self, PostLater(entry): PostLater, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        vitals.took();
        let kept = entry.clone();
        if guard(&vitals, ctx, |ctx| self.take(entry, None, ctx)).is_err() {
            self.keep(kept, None);
        }
    }
}

impl Handler<Drain> for UsageLedgerActor {
    type Result = MessageResult<Drain>;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        MessageResult(guard(&vitals, ctx, |ctx| {
            let (booked, when_booked) = oneshot::channel();
            self.draining.push(booked);
            self.tell_counts(ctx);
            if self.outbox.is_empty() {
                self.plan_next_booking(true, ctx);
            }
            when_booked
        }))
    }
}

impl Handler<Flush> for UsageLedgerActor {
    type Result = ();

    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        let _crash_is_counted = guard(&vitals, ctx, |ctx| self.flush(ctx));
    }
}

impl Handler<Book> for UsageLedgerActor {
    type Result = ();

    fn handle(&mut self, _: Book, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        let _crash_is_counted = guard(&vitals, ctx, |ctx| self.book(ctx));
    }
}

impl Handler<Look> for UsageLedgerActor {
    type Result = ();

    fn handle(&mut self, _: Look, ctx: &mut Self::Context) {
        ctx.notify_later(Look, LOOK_EVERY);
        let vitals = Arc::clone(&self.parts.vitals);
        let _crash_is_counted = guard(&vitals, ctx, |_| self.look());
    }
}

impl Handler<SyncNow> for UsageLedgerActor {
    type Result = ();

    fn handle(&mut self, _: SyncNow, ctx: &mut Self::Context) {
        if let Sync::Every(pause) = self.parts.sync {
            ctx.notify_later(SyncNow, pause);
        }
        let vitals = Arc::clone(&self.parts.vitals);
        let synced = guard(&vitals, ctx, |_| self.with_journal(|journal| journal.sync()));
        if let Ok(Err(error)) = synced {
            tracing::error!(%error, "the usage journal could not be synced");
        }
    }
}

impl Handler<TellCounts> for UsageLedgerActor {
    type Result = ();

    fn handle(&mut self, _: TellCounts, ctx: &mut Self::Context) {
        ctx.notify_later(TellCounts, TELLING_PAUSE);
        let vitals = Arc::clone(&self.parts.vitals);
        let _crash_is_counted = guard(&vitals, ctx, |ctx| self.tell_counts(ctx));
    }
}
