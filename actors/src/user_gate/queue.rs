//! The FIFO of requests that wait for a slot or for held money.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::books::{Books, Charge, HoldId, Turn};
use super::hold::Hold;
use super::messages::{Ask, Refusal};

/// Most requests that may wait at one gate; the next one is told there is no slot.
pub(super) const MOST_WAITING: usize = 1_000;

/// A charge to the windows that gives itself back unless it is kept.
#[derive(Debug)]
pub(super) struct Charged {
    books: Arc<Books>,
    ask: Ask,
    charge: Option<Charge>,
}

impl Charged {
    pub(super) fn new(books: &Arc<Books>, ask: Ask, now_ms: i64) -> Result<Self, Refusal> {
        let charge = books.charge(&ask, now_ms)?;
        Ok(Self { books: Arc::clone(books), ask, charge: Some(charge) })
    }

    /// Tries for slots and money. Once granted, the charge belongs to the hold.
    pub(super) fn take_turn(&mut self, now_ms: i64) -> Turn {
        let turn = self.books.grant(&self.ask, self.charge.unwrap_or_default(), now_ms);
        if matches!(turn, Turn::Granted(_)) {
            self.charge = None;
        }
        turn
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        if let Some(charge) = self.charge.take() {
            self.books.refund(self.ask.key, charge);
        }
    }
}

/// One who waits.
struct Waiter {
    ticket: u64,
    charged: Charged,
    decision: oneshot::Sender<Result<Hold, Refusal>>,
    /// What it waited for when it was last tried; `None` = those before it.
    in_the_way: Option<Refusal>,
}

/// Those who wait, in order of arrival.
#[derive(Default)]
pub(super) struct Queue {
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Puts a request at the end. `in_the_way` says what it waits for, if it was tried.
    pub(super) fn join(
        &mut self,
        charged: Charged,
        in_the_way: Option<Refusal>,
    ) -> Result<(u64, oneshot::Receiver<Result<Hold, Refusal>>), Refusal> {
        if self.waiters.len() >= MOST_WAITING {
            return Err(in_the_way.unwrap_or(Refusal::BalanceHeld));
        }
        let (decision, decided) = oneshot::channel();
        self.next_ticket += 1;
        self.waiters.push_back(Waiter { ticket: self.next_ticket, charged, decision, in_the_way });
        Ok((self.next_ticket, decided))
    }

    /// Takes a request out that no longer waits; answers what stood in its way.
    pub(super) fn leave(&mut self, ticket: u64) -> Option<Refusal> {
        let place = self.waiters.iter().position(|waiter| waiter.ticket == ticket)?;
        let of_the_first = self.waiters.front().and_then(|first| first.in_the_way.clone());
        self.waiters.remove(place)?.in_the_way.or(of_the_first)
    }

    /// Lets everyone go who may: in order, passing over those whose key is busy, stopping where the user is.
    /// A hold that nobody is there to receive gives itself back.
    pub(super) fn advance(&mut self, now_ms: i64, hold: impl Fn(HoldId) -> Hold) {
        let mut place = 0;
        while let Some(waiter) = self.waiters.get_mut(place) {
            let decision = match waiter.charged.take_turn(now_ms) {
                Turn::Granted(id) => Ok(hold(id)),
                Turn::Never(refusal) => Err(refusal),
                Turn::KeyFull(refusal) => {
                    waiter.in_the_way = Some(refusal);
                    place += 1;
                    continue;
                }
                Turn::UserFull(refusal) => {
                    waiter.in_the_way = Some(refusal);
                    return;
                }
            };
            if let Some(waiter) = self.waiters.remove(place) {
                let _unclaimed = waiter.decision.send(decision);
            }
        }
    }
}
