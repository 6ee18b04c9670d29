//! Books as they are looked at.

use super::Books;
use crate::ports::{Account, Clock, KeySpent};
use crate::user_gate::view::{GateState, OpenHold, Traffic};

impl Books {
    /// The account as this process knows it: ahead of the database by the receipts not booked yet.
    pub(in crate::user_gate) fn account(&self) -> Option<Account> {
        let pages = self.lock();
        let keys = pages.keys.iter().map(|(id, key)| KeySpent {
            id: *id,
            used: key.used,
            day_start: key.day.start,
            day_tokens: key.day.used,
        });
        pages.purse.map(|purse| Account { quota: purse.quota, used: purse.used, keys: keys.collect() })
    }

    /// What is under way.
    pub(in crate::user_gate) fn traffic(&self) -> Traffic {
        let pages = self.lock();
        Traffic { running: pages.holds.len(), waiting: pages.waiting, held: pages.user.money }
    }

    /// Everything, for the system page and for tests.
    pub(in crate::user_gate) fn observe(&self, clock: &dyn Clock) -> GateState {
        let (now_ms, wall_ms) = (clock.monotonic_ms(), clock.now_ms());
        let mut pages = self.lock();
        let holds = pages.holds.values().map(|held| OpenHold {
            request_id: held.request_id.to_string(),
            key: held.key,
            money: held.money,
            slot: held.slot,
            since_ms: wall_ms.saturating_sub(now_ms.saturating_sub(held.since_ms)),
        });
        let holds = holds.collect();
        GateState {
            balance: pages.balance(),
            held: pages.user.money,
            slots: pages.user.slots,
            waiting: pages.waiting,
            requests: pages.user.requests.total(now_ms),
            tokens: pages.user.tokens.total(now_ms),
            holds,
        }
    }
}
