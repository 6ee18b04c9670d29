//! What a granted request holds, given back exactly once on every ending.

use std::sync::Arc;
use std::time::Duration;

use actix::WeakAddr;

use super::actor::UserGate;
use super::books::{Books, HoldId};
use super::messages::{Extend, Extending, Wake};
use super::registry::ANSWER_DEADLINE;
use crate::vocabulary::{Nanos, ReceiptId, Usage};

/// How a hold is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The request was served: this is what it used and cost, on this billing day.
    Served {
        /// The receipt that says so; until it is booked, other instances count its cost, too.
        receipt: ReceiptId,
        /// Tokens used.
        usage: Usage,
        /// The bill.
        cost: Nanos,
        /// Start of the billing day, epoch milliseconds.
        day_start: i64,
    },
    /// The upstream failed: nothing is owed, but the request counts in RPM.
    UpstreamFailed,
    /// The gateway refused it, or nothing ever went upstream: all is given back.
    Refused,
}

/// What became of the wish for more money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// It is held.
    Granted,
    /// Nothing is left for it; this request alone may go on, and owes what it uses.
    Overdrawn,
    /// Nothing is left for it while another request goes on beyond what was left.
    Held,
    /// The balance, or the key's budget, is used up.
    UsedUp,
}

/// Slots, tokens and money held for one request. Dropped unsettled, it gives everything back.
#[derive(Debug)]
#[must_use = "a hold that is dropped is given back"]
pub struct Hold {
    pub(super) books: Arc<Books>,
    pub(super) gate: WeakAddr<UserGate>,
    pub(super) id: HoldId,
    pub(super) open: bool,
    /// How long the request stood in line for it.
    pub(super) queued: Duration,
}

impl Hold {
    /// How long the request stood in line for it.
    pub fn queued(&self) -> Duration {
        self.queued
    }

    /// The money held now.
    pub fn money(&self) -> Nanos {
        self.books.held(self.id)
    }

    /// Asks for `wished` more, at least for `least`. A gate that does not answer counts as one whose money others hold:
    /// it is asked again.
    pub async fn extend(&self, least: Nanos, wished: Nanos) -> Extension {
        let Some(gate) = self.gate.upgrade() else { return Extension::Held };
        match gate.send(Extend { hold: self.id, least, wished }).await {
            Ok(Ok(Extending::Done(extension))) => extension,
            Ok(Ok(Extending::Asked(answer))) => {
                let answered = tokio::time::timeout(ANSWER_DEADLINE, answer).await;
                answered.ok().and_then(Result::ok).unwrap_or(Extension::Held)
            }
            Ok(Err(_)) | Err(_) => Extension::Held,
        }
    }

    /// Waits until some request of this user ends.
    pub async fn freed(&self) {
        self.books.freed().await;
    }

    /// Gives everything back and books what was used.
    pub fn settle(mut self, settlement: Settlement) {
        self.give_back(settlement);
    }

    fn give_back(&mut self, settlement: Settlement) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let somebody_waits = self.books.settle(self.id, settlement);
        if let Some(gate) = self.gate.upgrade().filter(|_| somebody_waits) {
            gate.do_send(Wake);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.give_back(Settlement::Refused);
    }
}
