//! Requests that cost nothing: ten rows a minute and key, the rest counted.
//!
//! A count is kept in memory and told to the journal each second, always as the whole number so far under the id of the first
//! request in it: whoever reads an entry twice, or an older one after a newer one, counts nothing twice. What a killed process
//! had counted in its last second is lost; a process that stops in order loses nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;

use crate::ports::Entry;
use crate::vocabulary::{Cause, Counted, Ending, KeyId, Protocol, Receipt, Usage};

/// Rows a key's refusals may write per minute.
const ROWS_PER_MINUTE: u64 = 10;
/// Keys whose rows of refusals are bounded one by one.
const KEYS: usize = 10_000;
/// Minutes of keys that are counted at once. Beyond, each request is an entry of its own: nothing is lost.
const MINUTES: usize = 20_000;
/// Reasons of one minute that name the model. Beyond, a reason stands for all models: clients make up names.
const NAMED: usize = 30;
/// Tellings after which a count that stood still is closed.
const REST: u8 = 60;

/// What all requests of one count have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reason {
    status: u16,
    ending: Ending,
    cause: Option<String>,
    protocol: Protocol,
    stream: bool,
    model: String,
}

/// A count that may grow.
#[derive(Debug)]
struct Tally {
    counted: Counted,
    changed: bool,
    rested: u8,
}

/// All counts, shared by everybody who closes requests and the actor that writes them down.
#[derive(Debug)]
pub(super) struct Tallies {
    open: Mutex<HashMap<(KeyId, i64), HashMap<Reason, Tally>>>,
    rows: Cache<KeyId, Arc<AtomicU64>>,
}

impl Default for Tallies {
    fn default() -> Self {
        Self { open: Mutex::default(), rows: Cache::new(KEYS) }
    }
}

impl Tallies {
    /// Whether a request of this key that cost nothing still gets a row in the minute in which it came.
    pub(super) fn has_a_row(&self, key: KeyId, ts: i64) -> bool {
        let known = self.rows.get_or_insert_with(&key, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let Ok(rows) = known;
        let minute = minute_of(ts).max(0).cast_unsigned();
        rows.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| with_a_row(state, minute)).is_ok()
    }

    /// Counts a request. Answers an entry to be posted where there is no room to keep its count.
    pub(super) fn count(&self, receipt: &Receipt) -> Option<Entry> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, duration_ms) = ((receipt.key_id, minute_of(receipt.ts)), receipt.timings.ended_ms.max(0));
        if open.len() >= MINUTES && !open.contains_key(&key) {
            let first = bare(receipt);
            return Some(Entry::Counted(Arc::new(Counted { first, requests: 1, duration_ms })));
        }
        let reasons = open.entry(key).or_default();
        let mut reason = Reason::of(receipt);
        if reasons.len() >= NAMED && !reasons.contains_key(&reason) {
            reason.model.clear();
        }
        let model = reason.model.clone();
        let tally = reasons.entry(reason).or_insert_with(|| {
            let first = Receipt { model, ..bare(receipt) };
            Tally { counted: Counted { first, requests: 0, duration_ms: 0 }, changed: true, rested: 0 }
        });
        tally.counted.requests += 1;
        tally.counted.duration_ms = tally.counted.duration_ms.saturating_add(duration_ms);
        (tally.changed, tally.rested) = (true, 0);
        None
    }

    /// The counts that grew since they were told last. Those that stood still for a minute are closed.
    pub(super) fn take(&self) -> Vec<Entry> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Vec::new();
        open.retain(|_, reasons| {
            reasons.retain(|_, tally| {
                if std::mem::take(&mut tally.changed) {
                    told.push(Entry::Counted(Arc::new(tally.counted.clone())));
                }
                tally.rested = tally.rested.saturating_add(1);
                tally.rested <= REST
            });
            !reasons.is_empty()
        });
        told
    }
}

impl Reason {
    fn of(receipt: &Receipt) -> Self {
        Self {
            status: receipt.status,
            ending: receipt.ending,
            cause: receipt.cause.as_ref().map(|cause| cause.word.clone()),
            protocol: receipt.protocol,
            stream: receipt.stream,
            model: receipt.model.clone(),
        }
    }
}

fn minute_of(ts: i64) -> i64 {
    ts.div_euclid(60_000)
}

/// What a count keeps of its first request.
fn bare(receipt: &Receipt) -> Receipt {
    Receipt {
        id: receipt.id,
        request_id: receipt.request_id.clone(),
        ts: receipt.ts,
        day_start: receipt.day_start,
        user_id: receipt.user_id,
        username: receipt.username.clone(),
        key_id: receipt.key_id,
        key_name: receipt.key_name.clone(),
        key_prefix: receipt.key_prefix.clone(),
        protocol: receipt.protocol,
        model: receipt.model.clone(),
        status: receipt.status,
        ending: receipt.ending,
        stream: receipt.stream,
        cost: receipt.cost,
        timings: receipt.timings,
        upstream_model: None,
        channel_id: None,
        channel_name: None,
        upstream_protocol: None,
        converted: false,
        usage: Usage::default(),
        estimated: false,
        tariff: None,
        attempts: Vec::new(),
        error: None,
        cause: receipt.cause.as_ref().map(|cause| Cause::of(&cause.word)),
        client_request_id: None,
        client_ip: None,
        details: None,
    }
}

/// A key's rows with one more in `minute`; nothing where it has them all. Rows of two minutes are told apart, since requests of
/// both end at the same time: the newest minute, what it has, and what the one before has. Older minutes get none.
fn with_a_row(state: u64, minute: u64) -> Option<u64> {
    let (newest, before, now) = (state >> 16, state >> 8 & 0xff, state & 0xff);
    let packed = |newest: u64, before: u64, now: u64| newest << 16 | before << 8 | now;
    match minute {
        _ if minute > newest => Some(packed(minute, if minute == newest + 1 { now } else { 0 }, 1)),
        _ if minute == newest => (now < ROWS_PER_MINUTE).then(|| packed(newest, before, now + 1)),
        _ if minute + 1 == newest => (before < ROWS_PER_MINUTE).then(|| packed(newest, before + 1, now)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_ten_rows_in_whatever_order_its_requests_end() {
        let mut state = 0;
        let mut rows = HashMap::new();
        // Requests of three minutes end in turns, those of the oldest only at first.
        for at in 0..300_u64 {
            let minute = 1_000 + if at < 20 { at % 2 } else { 1 + at % 2 };
            if let Some(next) = with_a_row(state, minute) {
                state = next;
                *rows.entry(minute).or_insert(0) += 1;
            }
        }
        assert_eq!(rows.values().copied().max(), Some(10), "{rows:?}");
        assert_eq!((rows[&1_001], rows[&1_002]), (10, 10));
        assert_eq!(with_a_row(state, 999), None, "long ago");
    }
}
