//! A receipt under way: travels with its request through every room, and is posted exactly once, by
//! [`close`](PendingReceipt::close) or by being dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracing::Instrument;

use super::UsageLedger;
use crate::log_broadcaster::LogBroadcaster;
use crate::ports::{EndedRequest, Entry, RequestObserver, StorageIll};
use crate::user_gate::{Hold, Settlement};
use crate::vocabulary::{
    Attempt, Cause, Ending, KeyRecord, Nanos, Protocol, Receipt, ReceiptId, Role, Timings, Trace, TraceParent, Usage,
};

/// nginx's status for a client that closed the connection; never sent, only logged.
pub(super) const CLIENT_CLOSED_REQUEST: u16 = 499;
/// The status of a request that the end of the process cut, or that could not be recorded.
const SERVICE_UNAVAILABLE: u16 = 503;

/// The error of a request whose receipt was not written in time.
const UNRECORDED: &str = "the usage journal could not be written in time: the answer was kept back, nothing is charged";

/// What becomes of a receipt whose answer was kept back, since nobody could write it in time: a row at cost 0.
pub(super) fn forgiven(receipt: &Receipt) -> Receipt {
    Receipt {
        usage: Usage::default(),
        estimated: false,
        cost: Nanos::ZERO,
        ending: Ending::Refused,
        status: SERVICE_UNAVAILABLE,
        error: Some(UNRECORDED.to_owned()),
        cause: Some(Cause::of("unrecorded")),
        ..receipt.clone()
    }
}
/// The word for it.
const CLIENT_LEFT: &str = "client_left";

/// Where receipts and live entries go.
#[derive(Clone)]
pub struct Bookkeeper {
    ledger: UsageLedger,
    logs: LogBroadcaster,
    observer: Arc<dyn RequestObserver>,
    closing: Arc<AtomicBool>,
}

impl std::fmt::Debug for Bookkeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bookkeeper({:?})", self.ledger)
    }
}

impl Bookkeeper {
    /// A bookkeeper that posts to this ledger, publishes to these readers and tells this observer.
    pub fn new(ledger: UsageLedger, logs: LogBroadcaster, observer: Arc<dyn RequestObserver>) -> Self {
        Self { ledger, logs, observer, closing: Arc::default() }
    }

    /// The process stops and waits no longer: what is dropped from now on was cut by it, not left by its client.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
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
    /// Whether its key is an admin's.
    is_admins: bool,
    /// Time from arrival until the body was there, until it was let in, and until a provider was first asked.
    read_after: Option<Duration>,
    admitted_after: Option<Duration>,
    asked_after: Option<Duration>,
    trace: Option<Box<Trace>>,
    billable: bool,
}

/// Where a request's time has gone so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Reading the body.
    pub read: Duration,
    /// Letting it in, without the wait.
    pub admit: Duration,
    /// In line at the user's gate.
    pub queue: Duration,
    /// Choosing a channel, and waiting for a slot of one.
    pub route: Duration,
    /// From the first attempt on, failed ones included.
    pub upstream: Duration,
    /// All of it.
    pub total: Duration,
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
            cause: None,
            client_ip: who.client_ip.map(str::to_owned),
            details: None,
        };
        Self {
            receipt: Some(Box::new(receipt)),
            hold: None,
            bookkeeper: bookkeeper.clone(),
            arrived,
            is_admins: who.key.owner.role != Role::User,
            read_after: None,
            admitted_after: None,
            asked_after: None,
            trace: None,
            billable: false,
        }
    }

    /// The request is part of a trace.
    pub fn traced(&mut self, trace: Trace) {
        self.trace = Some(Box::new(trace));
    }

    /// `traceparent` and `tracestate` for the current attempt's upstream request; `None` when the request is not traced.
    pub fn trace_to_upstream(&self) -> Option<(TraceParent, Option<&str>)> {
        let trace = self.trace.as_deref()?;
        Some((trace.to_upstream()?, trace.state.as_deref()))
    }

    /// Where its time has gone so far, if its key is an admin's.
    pub fn spent(&self) -> Option<Spent> {
        if !self.is_admins {
            return None;
        }
        let total = self.elapsed();
        let read = self.read_after.unwrap_or(total);
        let admitted = self.admitted_after.unwrap_or(total);
        let asked = self.asked_after.unwrap_or(total);
        let queue = self.hold.as_ref().map(Hold::queued).unwrap_or_default();
        let admit = admitted.saturating_sub(read).saturating_sub(queue);
        let (route, upstream) = (asked.saturating_sub(admitted), total.saturating_sub(asked));
        Some(Spent { read, admit, queue, route, upstream, total })
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

    /// The body has been read.
    pub fn body_read(&mut self) {
        self.read_after = Some(self.elapsed());
        let at = self.elapsed_ms();
        self.note(|receipt| receipt.timings.body_read_ms = Some(at));
    }

    /// A provider is about to be asked, for the first time or again. Answers the milliseconds since the request arrived.
    pub fn asks_upstream(&mut self) -> i64 {
        self.asked_after = self.asked_after.or_else(|| Some(self.elapsed()));
        let at = self.elapsed_ms();
        if let Some(trace) = &mut self.trace {
            trace.asks(at);
        }
        at
    }

    /// The provider that was about to be asked cannot be.
    pub fn asked_nobody(&mut self) {
        if let Some(trace) = &mut self.trace {
            trace.asked_nobody();
        }
    }

    /// Admission granted this.
    pub fn admitted(&mut self, hold: Hold) {
        self.hold = Some(hold);
        self.admitted_after = Some(self.elapsed());
        let at = self.elapsed_ms();
        self.note(|receipt| receipt.timings.admitted_ms = Some(at));
        if let Some(receipt) = self.receipt.as_deref().filter(|_| self.bookkeeper.logs.is_read()) {
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
        tracing::warn!(channel = receipt.channel_name, figure, "a provider's usage is not believed");
        receipt.error = Some(format!("the provider's usage is not believed ({figure}); it was counted from the text"));
        self.bookkeeper.ledger.disbelieved();
    }

    /// A try ended.
    pub fn attempted(&mut self, attempt: Attempt) {
        if let Some(trace) = &mut self.trace {
            trace.attempted();
        }
        self.note(|receipt| receipt.attempts.push(attempt));
    }

    /// A try ended that was followed by another within the same attempt.
    pub fn attempted_before(&mut self, attempt: Attempt) {
        if let Some(trace) = &mut self.trace {
            trace.attempted_before();
        }
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
        let posting = async move {
            let posted = self.bookkeeper.ledger.post(&entry).await;
            match (&posted, entry) {
                (Err(_), Entry::Closed(receipt)) => {
                    self.billable = false;
                    self.settle(Entry::Closed(Arc::new(forgiven(&receipt))));
                }
                (_, entry) => self.settle(entry),
            }
            posted
        };
        let posting = actix::spawn(posting.in_current_span());
        posting.await.unwrap_or_else(|_| Err(StorageIll("the receipt could not be posted".to_owned())))
    }

    /// Ends the request without waiting for the journal: for refusals and failures that cost nothing.
    pub fn close_later(mut self, ending: Ending, status: u16, error: Option<String>) {
        if let Some(entry) = self.finish(ending, status, error) {
            self.bookkeeper.ledger.post_later(entry.clone());
            self.settle(entry);
        }
    }

    /// The receipt in its last form; `None` where it cost nothing and is one too many to get a row: then it is counted.
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
        if ending == Ending::ClientLeft {
            receipt.cause = receipt.cause.take().or_else(|| Some(Cause::of(CLIENT_LEFT)));
        }
        if !self.billable && asked_nobody(&receipt) && !self.bookkeeper.ledger.keeps_row_of(&receipt) {
            self.let_go(receipt);
            return None;
        }
        Some(Entry::Closed(Arc::from(receipt)))
    }

    /// Gives back what a request held that cost nothing and gets no row. Live readers saw it only if it held something.
    fn let_go(&mut self, receipt: Box<Receipt>) {
        let receipt = Arc::from(receipt);
        self.observe(&receipt);
        let Some(hold) = self.hold.take() else { return };
        hold.settle(if receipt.ending == Ending::Refused { Settlement::Refused } else { Settlement::UpstreamFailed });
        if self.bookkeeper.logs.is_read() {
            self.bookkeeper.logs.publish(&receipt, false);
        }
    }

    fn settle(&mut self, entry: Entry) {
        let Entry::Closed(receipt) = entry else { return };
        self.observe(&receipt);
        if let Some(hold) = self.hold.take() {
            hold.settle(match receipt.ending {
                Ending::Refused if !self.billable => Settlement::Refused,
                _ if self.billable => {
                    let Receipt { id, usage, cost, day_start, .. } = *receipt;
                    Settlement::Served { receipt: id, usage, cost, day_start }
                }
                _ => Settlement::UpstreamFailed,
            });
        }
        if self.bookkeeper.logs.is_read() {
            self.bookkeeper.logs.publish(&receipt, false);
        }
    }
}

impl PendingReceipt {
    fn observe(&self, receipt: &Arc<Receipt>) {
        let queued = self.hold.as_ref().map(Hold::queued);
        let overhead = self.read_after.zip(self.asked_after).map(|(read, asked)| asked.saturating_sub(read));
        let overhead = overhead.map(|took| took.saturating_sub(queued.unwrap_or_default()));
        self.bookkeeper.observer.ended(EndedRequest { receipt, overhead, queued, trace: self.trace.as_deref() });
    }

    /// How a request ended that nobody closed. Cut by the end of the process, it owes what went out: nothing before the
    /// commit.
    fn abandoned(&mut self) -> (Ending, u16, Option<String>) {
        if !self.bookkeeper.closing.load(Ordering::Acquire) {
            return (Ending::ClientLeft, CLIENT_CLOSED_REQUEST, None);
        }
        self.note(|receipt| receipt.cause = Some(Cause::of("gateway_stopping")));
        self.billable &= self.receipt.as_deref().is_some_and(|receipt| receipt.timings.first_output_ms.is_some());
        (Ending::TimedOut, SERVICE_UNAVAILABLE, Some("the gateway was stopped before the answer was complete".to_owned()))
    }
}

/// Whether a request ended before anything was asked of an upstream. One that was answered all the same, by the gateway itself,
/// keeps its row.
fn asked_nobody(receipt: &Receipt) -> bool {
    receipt.ending != Ending::Completed && receipt.attempts.is_empty() && receipt.upstream_protocol.is_none()
}

impl Drop for PendingReceipt {
    fn drop(&mut self) {
        let (ending, status, error) = self.abandoned();
        if let Some(entry) = self.finish(ending, status, error) {
            self.bookkeeper.ledger.post_later(entry.clone());
            self.settle(entry);
        }
    }
}
