//! Requests of one user in the order they came, where the shared state decides: one question is under way at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::books::{Books, Charge, HoldId};
use super::hold::{Extension, Hold};
use super::messages::{Answer, Ask, Queued, Refusal};
use super::queue::MOST_WAITING;
use crate::vocabulary::{KeyId, Nanos};

/// What was charged to the windows here and there for a request that is not in yet; gives itself back unless it is kept.
#[derive(Debug)]
pub(super) struct Entry {
    books: Arc<Books>,
    key: KeyId,
    pub(super) charge: Charge,
    /// The second of the shared clock; `None` where the shared state was not there.
    pub(super) second: Option<i64>,
    kept: bool,
}

impl Entry {
    pub(super) fn new(books: &Arc<Books>, ask: &Ask, charge: Charge, second: Option<i64>) -> Self {
        Self { books: Arc::clone(books), key: ask.key, charge, second, kept: false }
    }

    /// From now on it belongs to a hold.
    pub(super) fn keep(mut self) -> (Charge, Option<i64>) {
        self.kept = true;
        (self.charge, self.second)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.kept {
            self.books.refund_shared(self.key, self.charge, self.second);
        }
    }
}

/// Who waits for an answer: to the question itself, or in line after a first answer.
enum Reply {
    First(oneshot::Sender<Answer>),
    InLine(oneshot::Sender<Result<Hold, Refusal>>),
}

/// One who wants in.
pub(super) struct Waiter {
    pub(super) ticket: u64,
    pub(super) ask: Ask,
    /// Monotonic.
    pub(super) since_ms: i64,
    /// `None` = new.
    pub(super) entry: Option<Entry>,
    reply: Reply,
    /// What it waited for when it was tried last; `None` = those before it.
    in_the_way: Option<Refusal>,
    /// The round in which it was tried last.
    tried: Option<u64>,
}

impl Waiter {
    fn is_gone(&self) -> bool {
        match &self.reply {
            Reply::First(reply) => reply.is_closed(),
            Reply::InLine(reply) => reply.is_closed(),
        }
    }
}

/// A hold that wants more money.
pub(super) struct Wish {
    pub(super) hold: HoldId,
    pub(super) least: Nanos,
    pub(super) wished: Nanos,
    pub(super) reply: oneshot::Sender<Extension>,
}

/// What to ask next about a waiter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) ticket: u64,
    /// It is new: it is charged to the windows.
    pub(super) charges: bool,
    /// It may have slots and money, since nobody before it waits for the same.
    pub(super) tries: bool,
}

/// The line.
#[derive(Default)]
pub(super) struct Line {
    waiters: VecDeque<Waiter>,
    pub(super) wishes: VecDeque<Wish>,
    next_ticket: u64,
    round: u64,
    /// Somebody waits for the user's slots or money in this round, so nobody behind them is tried.
    is_user_full: bool,
    /// A message is under way.
    pub(super) is_asking: bool,
    /// A next round is planned.
    pub(super) is_retry_planned: bool,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Takes a request in; the answer comes when it was asked about.
    pub(super) fn join(&mut self, ask: Ask, now_ms: i64) -> Result<oneshot::Receiver<Answer>, Refusal> {
        if self.waiters.len() >= MOST_WAITING {
            return Err(self.waiters.front().and_then(|first| first.in_the_way.clone()).unwrap_or(Refusal::BalanceHeld));
        }
        if self.waiters.is_empty() {
            // Whoever found the user busy has left.
            self.new_round();
        }
        let (reply, answer) = oneshot::channel();
        self.next_ticket += 1;
        let reply = Reply::First(reply);
        let ticket = self.next_ticket;
        self.waiters.push_back(Waiter { ticket, ask, since_ms: now_ms, entry: None, reply, in_the_way: None, tried: None });
        Ok(answer)
    }

    /// Takes a request out that no longer waits; answers what stood in its way.
    pub(super) fn leave(&mut self, ticket: u64) -> Option<Refusal> {
        let place = self.waiters.iter().position(|waiter| waiter.ticket == ticket)?;
        let of_the_first = self.waiters.front().and_then(|first| first.in_the_way.clone());
        self.waiters.remove(place)?.in_the_way.or(of_the_first)
    }

    /// Something changed: everybody may be tried once more.
    pub(super) fn new_round(&mut self) {
        self.round += 1;
        self.is_user_full = false;
    }

    /// For how long the first who waits for the user's slots or money has done so.
    pub(super) fn waits_ms(&self, now_ms: i64) -> Option<i64> {
        let first = self.waiters.iter().find(|waiter| waiter.in_the_way.is_some())?;
        Some((now_ms - first.since_ms).max(0))
    }

    /// Whom to ask about next, in order of arrival. Those whose callers left before they had an answer go; others say that
    /// they leave.
    pub(super) fn next(&mut self) -> Option<Next> {
        self.waiters.retain(|waiter| !(waiter.is_gone() && matches!(waiter.reply, Reply::First(_))));
        for (place, waiter) in self.waiters.iter().enumerate() {
            if waiter.is_gone() {
                continue;
            }
            let is_new = waiter.entry.is_none();
            // Others with the same key come first; those of another key need not wait for them.
            let is_behind = || self.waiters.iter().take(place).any(|before| before.ask.key == waiter.ask.key);
            let tries = waiter.ask.load.is_none() || (!self.is_user_full && waiter.tried != Some(self.round) && !is_behind());
            if is_new || tries {
                return Some(Next { ticket: waiter.ticket, charges: is_new, tries });
            }
        }
        None
    }

    /// The waiter with this ticket; `None` when it left.
    pub(super) fn find(&mut self, ticket: u64) -> Option<&mut Waiter> {
        self.waiters.iter_mut().find(|waiter| waiter.ticket == ticket)
    }

    /// A waiter stays in line.
    pub(super) fn stays(&mut self, next: Next, refusal: Option<Refusal>, is_user_full: bool) {
        let round = self.round;
        self.is_user_full |= is_user_full;
        let Some(waiter) = self.find(next.ticket) else { return };
        if next.tries {
            waiter.tried = Some(round);
            waiter.in_the_way = refusal;
        }
        if matches!(waiter.reply, Reply::First(_)) {
            let (decided, decision) = oneshot::channel();
            let Reply::First(first) = std::mem::replace(&mut waiter.reply, Reply::InLine(decided)) else { return };
            let ticket = waiter.ticket;
            if first.send(Answer::Queued(Queued { ticket, decision })).is_err() {
                self.leave(ticket);
            }
        }
    }

    /// A waiter's decision: it leaves the line. A hold that nobody is there to receive gives itself back.
    pub(super) fn decided(&mut self, ticket: u64, decision: Result<Hold, Refusal>) {
        let Some(place) = self.waiters.iter().position(|waiter| waiter.ticket == ticket) else { return };
        let Some(waiter) = self.waiters.remove(place) else { return };
        match waiter.reply {
            Reply::First(reply) => drop(reply.send(decision.map_or_else(Answer::Refused, Answer::Granted))),
            Reply::InLine(reply) => drop(reply.send(decision)),
        }
    }
}
