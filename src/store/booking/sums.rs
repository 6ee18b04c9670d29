//! The arithmetic of booking, without a database: who pays what, what keys have used, what channels did.

use std::collections::{BTreeMap, BTreeSet};

use actors::vocabulary::{Attempt, Ending, IdMaker, Receipt, Usage};

use super::tables::{ActivityRow, KeyRow, LedgerRow, UserRow};
use crate::store::channel_activity::SLOT_MS;

/// Users who owe something, by id.
pub(super) fn payers_of(receipts: &[&Receipt]) -> Vec<i64> {
    let owing = receipts.iter().filter(|receipt| receipt.cost.0 > 0).map(|receipt| receipt.user_id.0);
    owing.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Keys that were used, by id.
pub(super) fn keys_of(receipts: &[&Receipt]) -> Vec<i64> {
    let used = receipts.iter().filter(|receipt| counts(receipt)).map(|receipt| receipt.key_id.0);
    used.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A refused request used nothing, unless it was ended on the way because the balance ran out.
fn counts(receipt: &Receipt) -> bool {
    receipt.ending != Ending::Refused || receipt.usage != Usage::default()
}

/// Users' money while their receipts are paid one after another.
pub(super) struct Balances {
    users: BTreeMap<i64, UserRow>,
    /// The last row of each ledger.
    last: BTreeMap<i64, i64>,
}

impl Balances {
    /// `users` as read under lock, and the last rows of their ledgers as read after that. Users who are gone are missing and pay
    /// nothing.
    pub(super) fn new(users: Vec<UserRow>, last: Vec<(i64, Option<i64>)>) -> Self {
        let last = last.into_iter().filter_map(|(user, last)| Some((user, last?)));
        Self { users: users.into_iter().map(|user| (user.id, user)).collect(), last: last.collect() }
    }

    /// One ledger row per receipt with a cost, each behind the account's rows so far and with the balance after it.
    pub(super) fn pay(&mut self, receipts: &[&Receipt], mut next_id: impl FnMut() -> i64) -> Vec<LedgerRow> {
        let mut ledger = Vec::with_capacity(receipts.len());
        for receipt in receipts.iter().filter(|receipt| receipt.cost.0 > 0) {
            let Some(user) = self.users.get_mut(&receipt.user_id.0) else { continue };
            user.used_nanos = user.used_nanos.saturating_add(receipt.cost.0);
            let last = self.last.entry(user.id).or_default();
            *last = IdMaker::above(next_id(), *last);
            ledger.push(LedgerRow {
                id: *last,
                user_id: user.id,
                ts: receipt.ts,
                amount_nanos: -receipt.cost.0,
                balance_nanos: user.quota_nanos.saturating_sub(user.used_nanos),
                receipt_id: receipt.id.0,
            });
        }
        ledger
    }

    /// The users as they stand now, by id.
    pub(super) fn changed(&self) -> Vec<UserRow> {
        self.users.values().copied().collect()
    }
}

/// Keys' totals while receipts are counted.
pub(super) struct KeyTotals {
    keys: BTreeMap<i64, KeyRow>,
}

impl KeyTotals {
    /// `keys` as read under lock. Keys that are gone are missing.
    pub(super) fn new(keys: Vec<KeyRow>) -> Self {
        Self { keys: keys.into_iter().map(|key| (key.id, key)).collect() }
    }

    /// Adds the receipts. A newer day starts at nothing; tokens of an older day are of no interest any more.
    pub(super) fn count(&mut self, receipts: &[&Receipt]) {
        for receipt in receipts.iter().filter(|receipt| counts(receipt)) {
            let Some(key) = self.keys.get_mut(&receipt.key_id.0) else { continue };
            key.used_nanos = key.used_nanos.saturating_add(receipt.cost.0.max(0));
            key.used_requests = key.used_requests.saturating_add(1);
            key.last_used_at = key.last_used_at.max(Some(receipt.ts));
            if receipt.day_start > key.day_start {
                key.day_start = receipt.day_start;
                key.day_tokens = 0;
            }
            if receipt.day_start == key.day_start && receipt.protocol.is_billed() {
                key.day_tokens = key.day_tokens.saturating_add(receipt.usage.counted().max(0));
            }
        }
    }

    /// The keys as they stand now, by id.
    pub(super) fn changed(&self) -> Vec<KeyRow> {
        self.keys.values().copied().collect()
    }
}

/// The channels that were asked without being the one that a request's row names, each with arrival and row, in the order of
/// their primary key.
pub(super) fn asked_of(receipts: &[&Receipt]) -> Vec<(i64, i64, i64)> {
    let others = receipts.iter().flat_map(|receipt| {
        let others = receipt.attempts.iter().map(|attempt| attempt.channel_id).filter(|id| Some(*id) != receipt.channel_id);
        others.map(|channel| (channel.0, receipt.ts, receipt.id.0))
    });
    others.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What an attempt was for its channel: answered, failed, throttled. Nothing where the caller or the model is at fault.
fn judged(receipt: &Receipt, attempt: &Attempt) -> Option<[i64; 3]> {
    let failed_later = matches!(receipt.ending, Ending::UpstreamFailed | Ending::TimedOut);
    match (&attempt.error, attempt.status) {
        (_, Some(429)) => Some([0, 0, 1]),
        (Some(_), Some(404)) => None,
        (Some(_), _) => Some([0, 1, 0]),
        (None, Some(status)) if status >= 400 => None,
        (None, _) if receipt.ending == Ending::Killed => None,
        (None, _) if failed_later => Some([0, 1, 0]),
        (None, _) => Some([1, 0, 0]),
    }
}

/// Attempts by half hour and channel, in the order of their primary key.
pub(super) fn activity_of(receipts: &[&Receipt]) -> Vec<ActivityRow> {
    let mut slots: BTreeMap<(i64, i64), [i64; 3]> = BTreeMap::new();
    for receipt in receipts {
        for attempt in &receipt.attempts {
            let Some(counted) = judged(receipt, attempt) else { continue };
            let began = receipt.ts.saturating_add(attempt.started_ms);
            let sums = slots.entry((began - began.rem_euclid(SLOT_MS), attempt.channel_id.0)).or_default();
            for (sum, one) in sums.iter_mut().zip(counted) {
                *sum += one;
            }
        }
    }
    slots.into_iter().map(|((slot, channel_id), sums)| ActivityRow { slot, channel_id, sums }).collect()
}
