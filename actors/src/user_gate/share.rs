//! What changed in this instance's share of a user's limits since it was last published, and the usage that is not booked yet.

use std::collections::{HashMap, HashSet};

use super::shared::{AccountFigures, Correction};
use crate::ports::{Account, KeySpent};
use crate::vocabulary::{KeyId, Nanos, ReceiptId};

/// Corrections kept for the next message; older ones are forgotten, as the windows they belong to will be.
const MOST_CORRECTIONS: usize = 1_000;

/// What a request cost whose receipt is not booked.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnbookedUsage {
    pub(super) key: KeyId,
    pub(super) cost: Nanos,
    pub(super) day_start: i64,
    pub(super) tokens: i64,
}

/// What one key used that is not booked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyUnbooked {
    pub(super) cost: Nanos,
    /// The newest billing day it was used on.
    pub(super) day_start: i64,
    pub(super) tokens: i64,
}

/// What has to be told, and what is not booked.
#[derive(Debug, Default)]
pub(super) struct UntoldChanges {
    /// Version of the share that was told last.
    pub(super) version: i64,
    /// Whether the share differs from what was told.
    pub(super) is_stale: bool,
    /// Whether something was given back since.
    pub(super) gave_back: bool,
    pub(super) keys: HashSet<KeyId>,
    pub(super) corrections: Vec<Correction>,
    pub(super) account: Option<AccountFigures>,
    unbooked: HashMap<ReceiptId, UnbookedUsage>,
    pub(super) cost: Nanos,
    by_key: HashMap<KeyId, KeyUnbooked>,
}

impl UntoldChanges {
    /// Nothing, whose versions begin after this one.
    pub(super) fn after(version: i64) -> Self {
        Self { version, ..Self::default() }
    }

    /// A key's share changed.
    pub(super) fn touch(&mut self, key: KeyId) {
        self.is_stale = true;
        self.keys.insert(key);
    }

    /// Something is given back.
    pub(super) fn give_back(&mut self, key: KeyId) {
        self.gave_back = true;
        self.touch(key);
    }

    pub(super) fn correct(&mut self, correction: Correction) {
        if correction.requests == (0, 0) && correction.tokens == (0, 0) {
            return;
        }
        self.is_stale = true;
        if self.corrections.len() < MOST_CORRECTIONS {
            self.corrections.push(correction);
        }
    }

    /// A request ended that will be booked.
    pub(super) fn owe(&mut self, receipt: ReceiptId, usage: UnbookedUsage) {
        if self.unbooked.insert(receipt, usage).is_some() {
            return;
        }
        self.cost = self.cost.plus(usage.cost);
        let key = self.by_key.entry(usage.key).or_default();
        key.cost = key.cost.plus(usage.cost);
        if usage.day_start > key.day_start {
            (key.day_start, key.tokens) = (usage.day_start, 0);
        }
        if usage.day_start == key.day_start {
            key.tokens = key.tokens.saturating_add(usage.tokens);
        }
        self.touch(usage.key);
    }

    /// Its receipt is booked, or set aside for good.
    pub(super) fn booked(&mut self, receipt: ReceiptId) {
        let Some(usage) = self.unbooked.remove(&receipt) else { return };
        self.cost = self.cost.minus(usage.cost);
        if let Some(key) = self.by_key.get_mut(&usage.key) {
            key.cost = key.cost.minus(usage.cost);
            if usage.day_start == key.day_start {
                key.tokens = key.tokens.saturating_sub(usage.tokens);
            }
        }
        self.touch(usage.key);
    }

    pub(super) fn of_key(&self, key: KeyId) -> KeyUnbooked {
        self.by_key.get(&key).copied().unwrap_or_default()
    }

    /// Whether nothing remains to be published or booked.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_stale && self.unbooked.is_empty()
    }

    /// The account was read from the database, beginning at `token`; or booked to, without one.
    pub(super) fn account_read(&mut self, account: &Account, token: Option<i64>) {
        self.is_stale = true;
        let figures = self.account.get_or_insert_default();
        if let Some(token) = token {
            figures.quota = Some((account.quota, token));
        }
        figures.used = figures.used.max(account.used);
        for read in &account.keys {
            match figures.keys.iter_mut().find(|known| known.id == read.id) {
                Some(known) => *known = newer(known, read),
                None => figures.keys.push(*read),
            }
        }
    }

    /// Takes back what a message that was lost had taken along. The corrections are not told again.
    pub(super) fn untold(&mut self, keys: impl IntoIterator<Item = KeyId>, account: Option<AccountFigures>, gave_back: bool) {
        self.tell_all(keys);
        self.gave_back |= gave_back;
        let Some(lost) = account else { return };
        match &mut self.account {
            None => self.account = Some(lost),
            Some(newer_read) => {
                newer_read.quota = newer_read.quota.or(lost.quota);
                let lost = Account { quota: Nanos::ZERO, used: lost.used, keys: lost.keys };
                self.account_read(&lost, None);
            }
        }
    }

    /// Marks these keys, and the user, for the next message.
    pub(super) fn tell_all(&mut self, keys: impl IntoIterator<Item = KeyId>) {
        self.is_stale = true;
        self.keys.extend(keys);
    }
}

/// Spending only grows; of a day's tokens, those of the later day count.
fn newer(known: &KeySpent, read: &KeySpent) -> KeySpent {
    let (day_start, day_tokens) = (known.day_start, known.day_tokens).max((read.day_start, read.day_tokens));
    KeySpent { id: known.id, used: known.used.max(read.used), day_start, day_tokens }
}
