//! A gate of whose user other instances have a share, too: it asks the state that they share, one question at a time, and
//! decides by its part of every limit while that does not answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::actor::UserGate;
use super::books::{Granted, HoldId, Turn};
use super::hold::Extension;
use super::line::{Entry, Next, Wish};
use super::messages::{Answer, Ask, Refresh, Refusal, Retry};
use super::shared::{Decision, Question, Reply, Share, SharedAccounts, SharedUnavailable, Standing};
use crate::ports::Account;
use crate::supervision::guard;
use crate::vocabulary::{KeyId, Limits, Nanos};

/// How long those in line wait until they are tried again, should nobody tell that something was given back.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// Longest wait for the database when the shared state has forgotten an account.
const READ_DEADLINE: Duration = Duration::from_secs(2);

/// What is asked, owned by the message that is under way.
enum Asking {
    Nothing,
    Admit(Next, Box<Ask>, i64),
    Extend(Wish, KeyId, Option<Nanos>),
}

impl Asking {
    fn question(&self) -> Question<'_> {
        match self {
            Self::Nothing => Question::Nothing,
            Self::Admit(next, ask, waited_ms) => {
                Question::Admit { ask, charges: next.charges, tries: next.tries, waited_ms: *waited_ms }
            }
            Self::Extend(wish, key, budget) => {
                Question::Extend { hold: wish.hold, key: *key, budget: *budget, least: wish.least, wished: wish.wished }
            }
        }
    }
}

impl UserGate {
    /// The shared clock, as far as it is known; before its first answer, this machine's.
    pub(super) fn shared_now_ms(&self) -> i64 {
        match self.ahead_ms {
            Some(ahead) => self.now_ms().saturating_add(ahead),
            None => self.shelf.upgrade().map_or(0, |shelf| shelf.clock.now_ms()),
        }
    }

    /// Takes a request in.
    pub(super) fn join_line(&mut self, ask: Ask, ctx: &mut Context<Self>) -> Result<Answer, Refusal> {
        let now = self.now_ms();
        let answer = self.line.join(ask, now)?;
        self.pump(ctx);
        Ok(Answer::Asked(answer))
    }

    /// Takes in that a hold wants more money.
    pub(super) fn wish(
        &mut self,
        hold: HoldId,
        least: Nanos,
        wished: Nanos,
        ctx: &mut Context<Self>,
    ) -> oneshot::Receiver<Extension> {
        let (reply, answer) = oneshot::channel();
        self.line.wishes.push_back(Wish { hold, least, wished, reply });
        self.pump(ctx);
        answer
    }

    /// Something changed: everybody in line may be tried once more.
    pub(super) fn retry(&mut self, ctx: &mut Context<Self>) {
        self.line.new_round();
        self.pump(ctx);
    }

    /// Asks what is to be asked next, unless a question is under way.
    pub(super) fn pump(&mut self, ctx: &mut Context<Self>) {
        let Some(shared) = self.shared() else { return };
        let standing = shared.standing();
        let is_together = standing == Standing::Together;
        self.books.divide(standing.parts());
        if std::mem::replace(&mut self.was_together, is_together) && !is_together {
            // From now on this instance knows only what the database says of the others.
            ctx.notify(Refresh);
        }
        if !is_together {
            self.decide_alone(standing.parts(), ctx);
        }
        if !self.line.is_asking && standing.is_reachable() {
            self.ask_next(shared, is_together, ctx);
        }
        self.books.set_waiting(self.line.len());
        if self.line.len() > 0 && !std::mem::replace(&mut self.line.is_retry_planned, true) {
            ctx.notify_later(Retry, RETRY_AFTER);
        }
    }

    fn ask_next(&mut self, shared: Arc<dyn SharedAccounts>, is_together: bool, ctx: &mut Context<Self>) {
        let asking = if is_together { self.next_question() } else { None };
        if asking.is_none() && !self.books.is_stale() {
            return;
        }
        let asking = asking.unwrap_or(Asking::Nothing);
        let Some(share) = self.books.share(self.user, self.line.waits_ms(self.now_ms())) else { return };
        self.line.is_asking = true;
        let telling = async move {
            let told = AssertUnwindSafe(shared.tell(&share, asking.question())).catch_unwind().await;
            (told.unwrap_or(Err(SharedUnavailable)), share, asking)
        };
        ctx.spawn(telling.into_actor(self).map(|(told, share, asking), gate, ctx| {
            let Some(shelf) = gate.shelf.upgrade() else { return };
            let _crash_is_counted = guard(&shelf.vitals, ctx, |ctx| gate.told(told, share, asking, ctx));
        }));
    }

    fn next_question(&mut self) -> Option<Asking> {
        while let Some(wish) = self.line.wishes.pop_front() {
            match self.books.terms(wish.hold) {
                Some((key, budget)) => return Some(Asking::Extend(wish, key, budget)),
                None => drop(wish.reply.send(Extension::UsedUp)),
            }
        }
        let next = self.line.next()?;
        let now = self.now_ms();
        let waiter = self.line.find(next.ticket)?;
        Some(Asking::Admit(next, Box::new(waiter.ask.clone()), (now - waiter.since_ms).max(0)))
    }

    /// What came of a message.
    fn told(&mut self, told: Result<Reply, SharedUnavailable>, share: Share, asking: Asking, ctx: &mut Context<Self>) {
        self.line.is_asking = false;
        let Ok(reply) = told else {
            self.books.untold(share);
            if let Asking::Extend(wish, ..) = asking {
                self.line.wishes.push_front(wish);
            }
            if self.shared().is_some_and(|shared| shared.standing() == Standing::Together) {
                // Not at once: whoever knows that nothing answers is about to say so.
                self.plan_retry(ctx);
            } else {
                self.pump(ctx);
            }
            return;
        };
        self.ahead_ms = Some(reply.now_ms - self.now_ms());
        self.books.learn(&reply, &share);
        if reply.decision == Decision::AccountMissing {
            if let Asking::Extend(wish, ..) = asking {
                self.line.wishes.push_front(wish);
            }
            return self.tell_account(ctx);
        }
        match asking {
            Asking::Nothing => {}
            Asking::Admit(next, ask, _) => self.admitted(next, &ask, reply, ctx),
            Asking::Extend(wish, ..) => {
                if let Decision::Extended(extension, more) = reply.decision {
                    self.books.extended(wish.hold, more, extension == Extension::Overdrawn);
                    let _caller_left = wish.reply.send(extension);
                }
            }
        }
        self.pump(ctx);
    }

    fn plan_retry(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.line.is_retry_planned, true) {
            ctx.notify_later(Retry, RETRY_AFTER);
        }
    }

    /// Takes in what the shared state decided about a request.
    fn admitted(&mut self, next: Next, ask: &Ask, reply: Reply, ctx: &mut Context<Self>) {
        let now = self.now_ms();
        let entry = reply.second.filter(|_| next.charges).map(|second| {
            let charge = self.books.charge_unlimited(ask, now);
            Entry::new(&self.books, ask, charge, Some(second))
        });
        let Some(waiter) = self.line.find(next.ticket) else {
            // Its caller left: what it was granted is in no share that is told from now on.
            self.books.tell_all();
            return;
        };
        if entry.is_some() {
            waiter.entry = entry;
        }
        match reply.decision {
            Decision::Granted { money, day_tokens } => {
                let (charge, second) = waiter.entry.take().map(Entry::keep).unwrap_or_default();
                let id = self.books.open_granted(ask, charge, Granted { money, day_tokens, second }, now);
                let hold = self.hold(id, ctx.address().downgrade());
                self.line.decided(next.ticket, Ok(hold));
            }
            Decision::Never(refusal) => self.line.decided(next.ticket, Err(refusal)),
            Decision::UserFull(refusal) => self.line.stays(next, Some(refusal), true),
            Decision::KeyFull(refusal) => self.line.stays(next, Some(refusal), false),
            Decision::Noted | Decision::Extended(..) | Decision::AccountMissing => self.line.stays(next, None, false),
        }
    }

    /// The shared state has forgotten the account: it is read and told. Where the database is away, what is known here will do.
    fn tell_account(&mut self, ctx: &mut Context<Self>) {
        let Some(shelf) = self.shelf.upgrade() else { return };
        self.line.is_asking = true;
        let (user, began) = (self.user, self.shared_now_ms());
        let read = async move { tokio::time::timeout(READ_DEADLINE, shelf.source.account(user)).await };
        let read = AssertUnwindSafe(read).catch_unwind();
        ctx.spawn(read.into_actor(self).map(move |read, gate, ctx| {
            gate.line.is_asking = false;
            let (account, token): (Option<Account>, i64) = match read {
                Ok(Ok(Ok(account))) => (Some(account.unwrap_or_default()), began),
                _ => (gate.books.account(), 0),
            };
            if let Some(account) = account {
                gate.books.account_read(&account, token);
            }
            gate.books.tell_all();
            gate.pump(ctx);
        }));
    }

    /// Decides about everybody in line by this instance's part of every limit.
    fn decide_alone(&mut self, parts: u32, ctx: &mut Context<Self>) {
        while let Some(wish) = self.line.wishes.pop_front() {
            let extension = self.books.extend(wish.hold, wish.least, wish.wished);
            let _caller_left = wish.reply.send(extension);
        }
        while let Some(next) = self.line.next() {
            let now = self.now_ms();
            let books = Arc::clone(&self.books);
            let Some(waiter) = self.line.find(next.ticket) else { return };
            let ask = divided(&waiter.ask, parts);
            if waiter.entry.is_none() {
                match books.check(&ask).and_then(|()| books.charge(&ask, now)) {
                    Ok(charge) => waiter.entry = Some(Entry::new(&books, &ask, charge, None)),
                    Err(refusal) => {
                        self.line.decided(next.ticket, Err(refusal));
                        continue;
                    }
                }
            }
            if !next.tries {
                self.line.stays(next, None, false);
                continue;
            }
            let charge = waiter.entry.as_ref().map(|entry| entry.charge).unwrap_or_default();
            match books.grant(&ask, charge, now) {
                Turn::Granted(id) => {
                    let second = waiter.entry.take().map(Entry::keep).and_then(|(_, second)| second);
                    books.charged_in(id, second);
                    let hold = self.hold(id, ctx.address().downgrade());
                    self.line.decided(next.ticket, Ok(hold));
                }
                Turn::Never(refusal) => self.line.decided(next.ticket, Err(refusal)),
                Turn::UserFull(refusal) => self.line.stays(next, Some(refusal), true),
                Turn::KeyFull(refusal) => self.line.stays(next, Some(refusal), false),
            }
        }
    }
}

/// The same request under this instance's part of its limits: rounded up, so that a small limit refuses nobody for good.
fn divided(ask: &Ask, parts: u32) -> Ask {
    let part = |limits: &Limits| Limits {
        rpm: limits.rpm.map(|limit| limit.div_ceil(parts)),
        tpm: limits.tpm.map(|limit| limit.div_ceil(parts)),
        concurrency: limits.concurrency.map(|limit| limit.div_ceil(parts)),
    };
    Ask { user_limits: part(&ask.user_limits), key_limits: part(&ask.key_limits), ..ask.clone() }
}
