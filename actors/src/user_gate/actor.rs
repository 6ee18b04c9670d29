//! The shell around a user's books and queue: one actor per active user.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::WeakAddr;
use actix::prelude::*;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::books::{Books, HoldId, Turn};
use super::hold::Hold;
use super::line::Line;
use super::messages::{Admit, Answer, Ask, Extend, Extending, Queued, Refresh, Refusal, Retry, Wake, Withdraw};
use super::queue::{Charged, Queue};
use super::registry::Shelf;
use super::shared::SharedAccounts;
use crate::ports::Account;
use crate::supervision::{Crashed, guard};
use crate::vocabulary::UserId;

/// Messages that may wait before senders do.
const MAILBOX: usize = 1_024;
/// Longest wait for the database when the account is read.
const LOAD_DEADLINE: Duration = Duration::from_secs(5);

/// The actor.
pub(super) struct UserGate {
    pub(super) user: UserId,
    pub(super) shelf: Weak<Shelf>,
    pub(super) books: Arc<Books>,
    /// Those who wait, where these books alone decide.
    pub(super) queue: Queue,
    /// Those who wait, where other instances have a share, too.
    pub(super) line: Line,
    /// By how much the shared clock is ahead of the monotonic one, as the last answer told.
    pub(super) ahead_ms: Option<i64>,
    /// Whether the shared state decided when this gate looked last.
    pub(super) was_together: bool,
    pub(super) loading: Vec<oneshot::Sender<Result<(), Refusal>>>,
    pub(super) is_loading: bool,
    /// Readings of the account begun, and the latest of them that was taken in: they overlap, and an earlier
    /// one must not replace a later one.
    pub(super) readings: (u64, u64),
    pub(super) retired: bool,
}

impl Actor for UserGate {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if let Some(shelf) = self.shelf.upgrade() {
            ctx.run_interval(shelf.idle_after / 2, Self::retire_if_idle);
        }
    }
}

impl Supervised for UserGate {
    /// Those who waited are dropped with the queue; their handles ask again. Holds live in the books.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.queue = Queue::default();
        self.line = Line::default();
        self.books.tell_all();
        self.loading.clear();
        self.is_loading = false;
        self.books.set_waiting(0);
    }
}

impl UserGate {
    /// Windows and holds are measured by the clock that nobody can set.
    pub(super) fn now_ms(&self) -> i64 {
        self.shelf.upgrade().map_or(0, |shelf| shelf.clock.monotonic_ms())
    }

    pub(super) fn hold(&self, id: HoldId, gate: WeakAddr<Self>) -> Hold {
        Hold { books: Arc::clone(&self.books), gate, id, open: true, queued: Duration::ZERO }
    }

    fn admit(&mut self, ask: Ask, ctx: &mut Context<Self>) -> Result<Answer, Refusal> {
        if let Some(shelf) = self.shelf.upgrade() {
            shelf.faults.reached("user_gate.admit");
        }
        if !self.books.is_loaded() {
            let (read, when_read) = oneshot::channel();
            self.loading.push(read);
            self.load(ctx);
            return Ok(Answer::Loading(when_read));
        }
        let now = self.now_ms();
        if self.shared().is_some() {
            return self.join_line(ask, ctx);
        }
        self.books.check(&ask)?;
        let mut charged = Charged::new(&self.books, ask, now)?;
        let gate = ctx.address().downgrade();
        let in_the_way = if self.queue.is_empty() {
            match charged.take_turn(now) {
                Turn::Granted(id) => return Ok(Answer::Granted(self.hold(id, gate))),
                Turn::Never(refusal) => return Err(refusal),
                Turn::UserFull(refusal) | Turn::KeyFull(refusal) => Some(refusal),
            }
        } else {
            None
        };
        let (ticket, decision) = self.queue.join(charged, in_the_way)?;
        self.advance(&gate);
        Ok(Answer::Queued(Queued { ticket, decision }))
    }

    fn advance(&mut self, gate: &WeakAddr<Self>) {
        let books = &self.books;
        let hold = |id| Hold { books: Arc::clone(books), gate: gate.clone(), id, open: true, queued: Duration::ZERO };
        self.queue.advance(self.now_ms(), hold);
        self.books.set_waiting(self.queue.len());
    }

    fn begin_reading(&mut self) -> u64 {
        self.readings.0 += 1;
        self.readings.0
    }

    fn take_in(&mut self, reading: u64, account: &Account) {
        if reading > self.readings.1 {
            self.readings.1 = reading;
            self.books.load(account);
        }
    }

    pub(super) fn shared(&self) -> Option<Arc<dyn SharedAccounts>> {
        self.shelf.upgrade()?.shared.clone()
    }

    /// Reads the account; those who came meanwhile ask again when it is there.
    fn load(&mut self, ctx: &mut Context<Self>) {
        let Some(shelf) = self.shelf.upgrade().filter(|_| !self.is_loading) else { return };
        self.is_loading = true;
        let (user, reading, began) = (self.user, self.begin_reading(), self.shared_now_ms());
        let read = async move { tokio::time::timeout(LOAD_DEADLINE, shelf.source.account(user)).await };
        let read = std::panic::AssertUnwindSafe(read).catch_unwind();
        ctx.spawn(read.into_actor(self).map(move |read, gate, _| {
            gate.is_loading = false;
            let account = match read {
                Ok(Ok(Ok(account))) => Ok(account.unwrap_or_default()),
                Ok(Ok(Err(_)) | Err(_)) | Err(_) => Err(Refusal::StorageIll),
            };
            if let Ok(account) = &account {
                gate.take_in(reading, account);
                gate.books.account_read(account, began);
            }
            for waiting in std::mem::take(&mut gate.loading) {
                let _caller_left = waiting.send(account.as_ref().map(|_| ()).map_err(Clone::clone));
            }
        }));
    }

    /// Leaves the shelf when nothing is held, awaited, counting or unbooked; at the next tick it ends.
    fn retire_if_idle(&mut self, ctx: &mut Context<Self>) {
        let Some(shelf) = self.shelf.upgrade() else { return ctx.stop() };
        if self.retired {
            return ctx.stop();
        }
        let idle_ms = i64::try_from(shelf.idle_after.as_millis()).unwrap_or(i64::MAX);
        let idle = self.loading.is_empty() && self.books.is_idle(self.now_ms(), idle_ms) && shelf.backlog.is_empty();
        if idle && shelf.take_down(self.user, &ctx.address()) {
            self.retired = true;
        }
    }
}

impl Handler<Admit> for UserGate {
    type Result = MessageResult<Admit>;

    fn handle(&mut self, Admit(ask): Admit, ctx: &mut Self::Context) -> Self::Result {
        if self.retired {
            return MessageResult(Ok(Answer::Retired));
        }
        let Some(shelf) = self.shelf.upgrade() else { return MessageResult(Err(Crashed)) };
        let decided = guard(&shelf.vitals, ctx, |ctx| self.admit(ask, ctx));
        MessageResult(decided.map(|decided| decided.unwrap_or_else(Answer::Refused)))
    }
}

impl Handler<Withdraw> for UserGate {
    type Result = Result<Option<Refusal>, Crashed>;

    fn handle(&mut self, Withdraw(ticket): Withdraw, ctx: &mut Self::Context) -> Self::Result {
        let Some(shelf) = self.shelf.upgrade() else { return Err(Crashed) };
        guard(&shelf.vitals, ctx, |ctx| {
            if self.shared().is_some() {
                let in_the_way = self.line.leave(ticket);
                self.pump(ctx);
                return in_the_way;
            }
            let in_the_way = self.queue.leave(ticket);
            self.advance(&ctx.address().downgrade());
            in_the_way
        })
    }
}

impl Handler<Extend> for UserGate {
    type Result = MessageResult<Extend>;

    fn handle(&mut self, Extend { hold, least, wished }: Extend, ctx: &mut Self::Context) -> Self::Result {
        let Some(shelf) = self.shelf.upgrade() else { return MessageResult(Err(Crashed)) };
        MessageResult(guard(&shelf.vitals, ctx, |ctx| match &shelf.shared {
            Some(_) => Extending::Asked(self.wish(hold, least, wished, ctx)),
            None => Extending::Done(self.books.extend(hold, least, wished)),
        }))
    }
}

impl Handler<Wake> for UserGate {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        if let Some(shelf) = self.shelf.upgrade() {
            let _crash_is_counted = guard(&shelf.vitals, ctx, |ctx| match &shelf.shared {
                Some(_) => self.retry(ctx),
                None => self.advance(&ctx.address().downgrade()),
            });
        }
    }
}

impl Handler<Retry> for UserGate {
    type Result = ();

    fn handle(&mut self, _: Retry, ctx: &mut Self::Context) {
        self.line.is_retry_planned = false;
        if let Some(shelf) = self.shelf.upgrade() {
            let _crash_is_counted = guard(&shelf.vitals, ctx, |ctx| self.retry(ctx));
        }
    }
}

impl Handler<Refresh> for UserGate {
    type Result = ResponseActFuture<Self, Result<(), Crashed>>;

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) -> Self::Result {
        let shelf = self.shelf.upgrade();
        let (user, reading, began) = (self.user, self.begin_reading(), self.shared_now_ms());
        let read = async move {
            match shelf {
                Some(shelf) => tokio::time::timeout(LOAD_DEADLINE, shelf.source.account(user)).await.ok()?.ok()?,
                None => None,
            }
        };
        let read = std::panic::AssertUnwindSafe(read).catch_unwind();
        Box::pin(read.into_actor(self).map(move |read, gate, ctx| {
            // A gate that is still reading its account for the first time may have begun before the change.
            let wanted = gate.books.is_loaded() || gate.is_loading;
            if let Some(account) = read.map_err(|_| Crashed)?.filter(|_| wanted) {
                gate.take_in(reading, &account);
                gate.books.account_read(&account, began);
                match gate.shared() {
                    Some(_) => gate.retry(ctx),
                    None => gate.advance(&ctx.address().downgrade()),
                }
            }
            Ok(())
        }))
    }
}
