//! What books do for the sake of other instances: tell this one's share, take in what the shared state decided.

use super::{Books, Charge, Correction, Held, HoldId, Pages, Purse, Settlement, Taken, UntoldChanges, Window};
use crate::ports::{Account, KeySpent};
use crate::user_gate::messages::Ask;
use crate::user_gate::shared::{KeyShare, Reply, Share};
use crate::vocabulary::{KeyId, Nanos, ReceiptId, UserId};

impl Books {
    /// Books of a user of whom other instances have a share, too. Versions of the share begin after `version`.
    pub(in crate::user_gate) fn shared(version: i64) -> Self {
        let books = Self::default();
        books.lock().untold = Some(Box::new(UntoldChanges::after(version)));
        books
    }

    /// Divides what is left among so many instances, as long as they cannot tell each other what they take; 1 = not at all.
    pub(in crate::user_gate) fn divide(&self, parts: u32) {
        self.lock().parts = i64::from(parts.max(1));
    }

    /// Charges the windows whatever their limits: the shared state decides, and these are what is known without it.
    pub(in crate::user_gate) fn charge_unlimited(&self, ask: &Ask, now_ms: i64) -> Charge {
        let mut pages = self.lock();
        pages.touched_ms = now_ms;
        let Pages { user, keys, .. } = &mut *pages;
        let key = &mut keys.entry(ask.key).or_default().side;
        let charged = |window: &mut Window, amount: i64| window.charge(amount, i64::MAX, now_ms).ok();
        let request = |window: &mut Window, limit: Option<u32>| limit.and_then(|_| charged(window, 1));
        let amount = |limit: Option<u32>| ask.load.as_ref().and(limit).map(|limit| ask.tokens.min(i64::from(limit)));
        let (at_user, at_key) = (amount(ask.user_limits.tpm), amount(ask.key_limits.tpm));
        Charge {
            user_requests: request(&mut user.requests, ask.user_limits.rpm),
            key_requests: request(&mut key.requests, ask.key_limits.rpm),
            user_tokens: at_user.and_then(|amount| charged(&mut user.tokens, amount)),
            key_tokens: at_key.and_then(|amount| charged(&mut key.tokens, amount)),
            tokens_at_user: at_user.unwrap_or(0),
            tokens_at_key: at_key.unwrap_or(0),
        }
    }

    /// Opens a hold that the shared state granted.
    pub(in crate::user_gate) fn open_granted(&self, ask: &Ask, charge: Charge, granted: Granted, now_ms: i64) -> HoldId {
        let mut pages = self.lock();
        let Granted { money, day_tokens, second } = granted;
        let hold = pages.open(ask, charge, Taken { money, day_tokens }, now_ms);
        drop(pages);
        self.charged_in(hold, second);
        hold
    }

    /// A hold's request was charged to the shared windows in that second.
    pub(in crate::user_gate) fn charged_in(&self, hold: HoldId, second: Option<i64>) {
        if let Some(held) = self.lock().holds.get_mut(&hold) {
            held.charged_second = second;
        }
    }

    /// Gives back what was charged to the shared windows for a request that got no further.
    pub(in crate::user_gate) fn refund_shared(&self, key: KeyId, charge: Charge, second: Option<i64>) {
        let mut pages = self.lock();
        pages.refund(key, charge);
        if let (Some(untold), Some(second)) = (&mut pages.untold, second) {
            untold.correct(charge.correction(second, key, 1, 0));
        }
    }

    /// A hold's key and that key's budget.
    pub(in crate::user_gate) fn terms(&self, hold: HoldId) -> Option<(KeyId, Option<Nanos>)> {
        self.lock().holds.get(&hold).map(|held| (held.key, held.budget))
    }

    /// Takes in that the shared state gave a hold more money, or let it go on without.
    pub(in crate::user_gate) fn extended(&self, hold: HoldId, more: Nanos, overdraws: bool) {
        let mut pages = self.lock();
        let Some(key) = pages.holds.get(&hold).map(|held| held.key) else {
            // Its request ended meanwhile: the next share says so.
            if let Some(untold) = &mut pages.untold {
                untold.is_stale = true;
            }
            return;
        };
        pages.hold_more(hold, key, more);
        if overdraws {
            pages.overdrawn = Some(hold);
        }
    }

    /// The share as it stands, under a new version; `waits_ms` is how long the first in line has waited. From now on it
    /// counts as told: see [`Books::untold`].
    pub(in crate::user_gate) fn share(&self, user: UserId, waits_ms: Option<i64>) -> Option<Share> {
        let mut pages = self.lock();
        let mut untold = pages.untold.take()?;
        untold.version += 1;
        untold.is_stale = false;
        let keys = std::mem::take(&mut untold.keys).into_iter().map(|key| pages.key_share(key, &untold)).collect();
        let share = Share {
            user,
            version: untold.version,
            slots: pages.user.slots,
            held: pages.user.money,
            unbooked: untold.cost,
            overdrawn: pages.overdrawn,
            waits_ms,
            gave_back: std::mem::take(&mut untold.gave_back),
            keys,
            corrections: std::mem::take(&mut untold.corrections),
            account: untold.account.take(),
        };
        pages.untold = Some(untold);
        Some(share)
    }

    /// Publishing `share` failed, or may have: its contents go out again with the next message.
    pub(in crate::user_gate) fn untold(&self, share: Share) {
        let mut pages = self.lock();
        if let Some(untold) = &mut pages.untold {
            untold.untold(share.keys.iter().map(|key| key.id), share.account, share.gave_back);
        }
    }

    /// Publishes the whole share with the next message, because Redis may have lost it.
    pub(in crate::user_gate) fn tell_all(&self) {
        let mut pages = self.lock();
        let Pages { untold, keys, .. } = &mut *pages;
        if let Some(untold) = untold {
            untold.tell_all(keys.keys().copied());
        }
    }

    /// Whether there is something to tell.
    pub(in crate::user_gate) fn is_stale(&self) -> bool {
        self.lock().untold.as_ref().is_some_and(|untold| untold.is_stale)
    }

    /// Takes in quota and spending as all instances know them, with what ended here while the answer to `share` was on its way.
    pub(in crate::user_gate) fn learn(&self, reply: &Reply, share: &Share) {
        let Some((quota, used)) = reply.balance else { return };
        let mut pages = self.lock();
        let unbooked = pages.untold.as_ref().map_or(Nanos::ZERO, |untold| untold.cost);
        let since = unbooked.minus(share.unbooked).max(Nanos::ZERO);
        pages.purse = Some(Purse { quota, used: used.plus(since) });
    }

    /// The account was read for the others, too; `token` is when the reading began, in milliseconds of the shared clock.
    pub(in crate::user_gate) fn account_read(&self, account: &Account, token: i64) {
        if let Some(untold) = &mut self.lock().untold {
            untold.account_read(account, Some(token));
        }
    }

    /// These receipts are booked; the database has spent `account` now.
    pub(in crate::user_gate) fn booked(&self, receipts: &[ReceiptId], account: &Account) {
        let mut pages = self.lock();
        let Some(untold) = &mut pages.untold else { return };
        for receipt in receipts {
            untold.booked(*receipt);
        }
        untold.account_read(account, None);
    }

    /// Tells whoever waits for money that some request ended elsewhere.
    pub(in crate::user_gate) fn freed_elsewhere(&self) {
        self.freed.notify_waiters();
    }
}

/// What the shared state granted.
#[derive(Clone, Copy, Debug)]
pub(in crate::user_gate) struct Granted {
    pub(in crate::user_gate) money: Nanos,
    pub(in crate::user_gate) day_tokens: i64,
    /// The second in which it charged the windows.
    pub(in crate::user_gate) second: Option<i64>,
}

impl Pages {
    /// What the database knows and this instance does not: others book, too.
    pub(super) fn catch_up(&mut self, account: &Account) {
        if let Some(purse) = &mut self.purse {
            purse.used = purse.used.max(account.used);
        }
        for KeySpent { id, used, day_start, day_tokens } in &account.keys {
            let Some(key) = self.keys.get_mut(id) else { continue };
            key.used = key.used.max(*used);
            key.day.catch_up(*day_start, *day_tokens);
        }
    }

    fn key_share(&self, id: KeyId, untold: &UntoldChanges) -> KeyShare {
        let (unbooked, key) = (untold.of_key(id), self.keys.get(&id));
        let day = key.map(|key| key.day).unwrap_or_default();
        let day_start = day.start.max(unbooked.day_start);
        KeyShare {
            id,
            slots: key.map_or(0, |key| key.side.slots),
            held: key.map_or(Nanos::ZERO, |key| key.side.money),
            unbooked: unbooked.cost,
            day_start,
            day_held: if day.start == day_start { day.held() } else { 0 },
            day_unbooked: if unbooked.day_start == day_start { unbooked.tokens } else { 0 },
        }
    }
}

impl Charge {
    /// What gives back `requests` (0 or 1) of it, and all tokens but `truth`.
    fn correction(self, second: i64, key: KeyId, requests: i64, truth: i64) -> Correction {
        let given_back = |charged: bool| if charged { -requests } else { 0 };
        let corrected = |charged: bool, amount: i64| if charged { truth - amount } else { 0 };
        Correction {
            second,
            key,
            requests: (given_back(self.user_requests.is_some()), given_back(self.key_requests.is_some())),
            tokens: (
                corrected(self.user_tokens.is_some(), self.tokens_at_user),
                corrected(self.key_tokens.is_some(), self.tokens_at_key),
            ),
        }
    }
}

impl Held {
    /// What the shared windows learn when it ends.
    pub(super) fn correction(&self, settlement: Settlement) -> Correction {
        let second = self.charged_second.unwrap_or(0);
        let charge = if self.charged_second.is_some() { self.charge } else { Charge::default() };
        match settlement {
            Settlement::Refused => charge.correction(second, self.key, 1, 0),
            Settlement::UpstreamFailed => charge.correction(second, self.key, 0, 0),
            Settlement::Served { usage, .. } => charge.correction(second, self.key, 0, usage.counted()),
        }
    }
}
