//! A receipt under way: travels with its request through every room, and is posted exactly once, by
//! [`close`](PendingReceipt::close) or by being dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use super::UsageLedger;
use crate::log_broadcaster::LogBroadcaster;
use crate::ports::{Entry, StorageIll};
use crate::user_gate::{Hold, Settlement};
use crate::vocabulary::{Attempt, Ending, KeyId, KeyRecord, Nanos, Protocol, Receipt, ReceiptId, Timings, Usage};

/// Rows a key's refusals may write per minute.
const REFUSALS_PER_MINUTE: u64 = 10;
/// Keys whose refusals are counted.
const REFUSAL_COUNTERS: usize = 10_000;
/// nginx's status for a client that closed the connection; never sent, only logged.
pub(super) const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What is said of a request whose receipt could not be written in time.
const UNRECORDED: &str = "the usage journal could not be written in time: the answer was kept back, nothing is charged";
/// The status of a request that cannot be recorded.
const UNAVAILABLE: u16 = 503;

/// What becomes of a receipt whose answer was kept back, since nobody could write it in time: a row at cost 0.
pub(super) fn forgiven(receipt: &Receipt) -> Receipt {
    Receipt {
        usage: Usage::default(),
        estimated: false,
        cost: Nanos::ZERO,
        ending: Ending::Refused,
        status: UNAVAILABLE,
        error: Some(UNRECORDED.to_owned()),
        ..receipt.clone()
    }
}

/// Where receipts and live entries go.
#[derive(Clone, Debug)]
pub struct Bookkeeper {
    ledger: UsageLedger,
    logs: LogBroadcaster,
    refusals: Arc<Cache<KeyId, Arc<AtomicU64>>>,
}

impl Bookkeeper {
    /// A bookkeeper that posts to this ledger and publishes to these readers.
    pub fn new(ledger: UsageLedger, logs: LogBroadcaster) -> Self {
        Self { ledger, logs, refusals: Arc::new(Cache::new(REFUSAL_COUNTERS)) }
    }

    /// Whether a refusal of this key still gets a row in this minute.
    fn may_note_refusal(&self, key: KeyId, now_ms: i64) -> bool {
        let counter = self.refusals.get(&key).unwrap_or_else(|| {
            let counter = Arc::<AtomicU64>::default();
            self.refusals.insert(key, Arc::clone(&counter));
            counter
        });
        let minute = u64::try_from(now_ms / 60_000).unwrap_or(0);
        let count = |state: u64| match (state >> 8 == minute, state & 0xff) {
            (false, _) => Some(minute << 8 | 1),
            (true, noted) if noted < REFUSALS_PER_MINUTE => Some(state + 1),
            (true, _) => None,
        };
        counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, count).is_ok()
    }
}

/// What is known of a request when its key is.
#[derive(Clone, Debug)]
pub struct Who<'a> {
    /// The row's id.
    pub id: ReceiptId,
    /// The gateway's request id.
    pub request_id: &'a str,
    /// The client's own, a label.
    pub client_request_id: Option<&'a str>,
    /// The key and its owner.
    pub key: &'a KeyRecord,
    /// What the client speaks.
    pub protocol: Protocol,
    /// Arrival, epoch milliseconds.
    pub ts: i64,
    /// Start of the billing day, epoch milliseconds.
    pub day_start: i64,
    /// The client's address.
    pub client_ip: Option<&'a str>,
}

/// The receipt of a request that has not ended. Dropped, it says that the client left.
#[derive(Debug)]
#[must_use = "dropping it books the request as left by its client"]
pub struct PendingReceipt {
    receipt: Option<Box<Receipt>>,
    hold: Option<Hold>,
    bookkeeper: Bookkeeper,
    arrived: Instant,
    billable: bool,
}

impl PendingReceipt {
    /// Opens the receipt of a request that arrived at `arrived`.
    pub fn open(bookkeeper: &Bookkeeper, who: &Who<'_>, arrived: Instant) -> Self {
        let receipt = Receipt {
            id: who.id,
            request_id: who.request_id.to_owned(),
            client_request_id: who.client_request_id.map(str::to_owned),
            ts: who.ts,
            day_start: who.day_start,
            user_id: who.key.owner.id,
            username: who.key.owner.username.clone(),
            key_id: who.key.id,
            key_name: who.key.name.clone(),
            key_prefix: who.key.prefix.clone(),
            protocol: who.protocol,
            model: String::new(),
            upstream_model: None,
            channel_id: None,
            channel_name: None,
            status: 0,
            ending: Ending::Killed,
            stream: false,
            converted: false,
            upstream_protocol: None,
            usage: Usage::default(),
            estimated: false,
            tariff: None,
            cost: Nanos::ZERO,
            timings: Timings::default(),
            attempts: Vec::new(),
            error: None,
            client_ip: who.client_ip.map(str::to_owned),
            details: None,
        };
        Self { receipt: Some(Box::new(receipt)), hold: None, bookkeeper: bookkeeper.clone(), arrived, billable: false }
    }

    /// Writes facts into the receipt.
    pub fn note(&mut self, facts: impl FnOnce(&mut Receipt)) {
        if let Some(receipt) = self.receipt.as_deref_mut() {
            facts(receipt);
        }
    }

    /// When the request arrived, epoch milliseconds.
    pub fn ts(&self) -> i64 {
        self.receipt.as_deref().map_or(0, |receipt| receipt.ts)
    }

    /// Milliseconds since the request arrived.
    pub fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.arrived.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Time since the request arrived.
    pub fn elapsed(&self) -> Duration {
        self.arrived.elapsed()
    }

    /// Admission granted this.
    pub fn admitted(&mut self, hold: Hold) {
        self.hold = Some(hold);
        let at = self.elapsed_ms();
        self.note(|receipt| receipt.timings.admitted_ms = Some(at));
        if let Some(receipt) = self.receipt.as_deref().filter(|_| self.bookkeeper.logs.readers() > 0) {
            self.bookkeeper.logs.publish(&Arc::new(receipt.clone()), true);
        }
    }

    /// What is held for the request.
    pub fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// An upstream accepted the request: from now on what it used is owed, however it ends. `input` is the
    /// estimate that counts until the upstream names its own figure.
    pub fn accepted(&mut self, input: i64) {
        self.billable = true;
        self.note(|receipt| {
            receipt.usage = Usage { input, ..Usage::default() };
            receipt.estimated = true;
        });
    }

    /// The upstream that accepted the request failed before anything went out: another is tried, and what the
    /// first one used is the platform's loss.
    pub fn withdrawn(&mut self) {
        self.billable = false;
    }

    /// What the upstream has used so far.
    pub fn used(&mut self, usage: Usage, estimated: bool) {
        self.note(|receipt| {
            receipt.usage = usage;
            receipt.estimated = estimated;
        });
    }

    /// The upstream told its usage in figures that nobody can believe; `figure` is the first of them.
    pub fn disbelieved(&mut self, figure: &str) {
        let Some(receipt) = self.receipt.as_deref_mut().filter(|receipt| receipt.error.is_none()) else { return };
        tracing::warn!(
            request_id = receipt.request_id,
            channel = receipt.channel_name,
            figure,
            "a provider's usage is not believed"
        );
        receipt.error = Some(format!("the provider's usage is not believed ({figure}); it was counted from the text"));
        self.bookkeeper.ledger.disbelieved();
    }

    /// A try ended.
    pub fn attempted(&mut self, attempt: Attempt) {
        self.note(|receipt| receipt.attempts.push(attempt));
    }

    /// A stream is committed: a kill from now on leaves a row behind.
    pub fn committed(&mut self) {
        let at = self.elapsed_ms();
        self.note(|receipt| receipt.timings.first_output_ms = Some(at));
        if let Some(receipt) = self.receipt.as_deref() {
            let killed = Receipt { usage: Usage::default(), estimated: false, ..receipt.clone() };
            self.bookkeeper.ledger.post_later(Entry::Opened(Arc::new(killed)));
        }
    }

    /// Ends the request: the receipt is in the journal, and the hold settled, when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written. The answer must not go out whole, and is never billed.
    pub async fn close(mut self, ending: Ending, status: u16, error: Option<String>) -> Result<(), StorageIll> {
        let Some(entry) = self.finish(ending, status, error) else { return Ok(()) };
        // A task of its own: a client that leaves now drops the caller, but neither bill nor hold.
        let posting = actix::spawn(async move {
            let posted = self.bookkeeper.ledger.post(&entry).await;
            match (&posted, entry) {
                (Err(_), Entry::Closed(receipt)) => {
                    self.billable = false;
                    self.settle(Entry::Closed(Arc::new(forgiven(&receipt))));
                }
                (_, entry) => self.settle(entry),
            }
            posted
        });
        posting.await.unwrap_or_else(|_| Err(StorageIll("the receipt could not be posted".to_owned())))
    }

    /// Ends the request without waiting for the journal: for refusals and failures that cost nothing.
    pub fn close_later(mut self, ending: Ending, status: u16, error: Option<String>) {
        if let Some(entry) = self.finish(ending, status, error) {
            self.bookkeeper.ledger.post_later(entry.clone());
            self.settle(entry);
        }
    }

    /// The receipt in its last form; `None` for a refusal too many.
    fn finish(&mut self, ending: Ending, status: u16, error: Option<String>) -> Option<Entry> {
        let ended_ms = self.elapsed_ms();
        let mut receipt = self.receipt.take()?;
        receipt.ending = ending;
        receipt.status = status;
        receipt.error = error.or(receipt.error.take());
        receipt.timings.ended_ms = ended_ms;
        if self.billable {
            receipt.cost = receipt.tariff.map_or(Nanos::ZERO, |tariff| tariff.cost(&receipt.usage));
        } else {
            receipt.usage = Usage::default();
            receipt.estimated = false;
        }
        if ending == Ending::Refused && !self.billable && !self.bookkeeper.may_note_refusal(receipt.key_id, receipt.ts) {
            self.hold = None;
            return None;
        }
        Some(Entry::Closed(Arc::from(receipt)))
    }

    fn settle(&mut self, entry: Entry) {
        let Entry::Closed(receipt) = entry else { return };
        if let Some(hold) = self.hold.take() {
            hold.settle(match receipt.ending {
                Ending::Refused if !self.billable => Settlement::Refused,
                _ if self.billable => {
                    Settlement::Served { usage: receipt.usage, cost: receipt.cost, day_start: receipt.day_start }
                }
                _ => Settlement::UpstreamFailed,
            });
        }
        if self.bookkeeper.logs.readers() > 0 {
            self.bookkeeper.logs.publish(&receipt, false);
        }
    }
}

impl Drop for PendingReceipt {
    fn drop(&mut self) {
        if let Some(entry) = self.finish(Ending::ClientLeft, CLIENT_CLOSED_REQUEST, None) {
            self.bookkeeper.ledger.post_later(entry.clone());
            self.settle(entry);
        }
    }
}
