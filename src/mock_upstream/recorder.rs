//! What the provider remembers: the requests it saw, how many are open, how many callers went away.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Notify;

/// How many requests are remembered.
const MOST_SEEN: usize = 10_000;
/// How many bytes of bodies are remembered.
const MOST_BODY_BYTES: usize = 256 * 1024 * 1024;

/// A request the provider saw.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its place in the order of arrival, from 1.
    pub order: u64,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without the question mark.
    pub query: String,
    /// Names (in lower case) and values.
    pub headers: Vec<(String, String)>,
    /// The body; empty where bodies are not recorded.
    pub body: Bytes,
}

impl Seen {
    /// The first value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn of(request: &HttpRequest, body: Bytes, order: u64) -> Self {
        let headers = request.headers().iter();
        Self {
            order,
            method: request.method().to_string(),
            path: request.path().to_owned(),
            query: request.query_string().to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            body,
        }
    }
}

/// The counters and the list behind a script's observations.
#[derive(Debug)]
pub(super) struct Recorder {
    arrived: AtomicU64,
    serial: AtomicU64,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
    dropped: AtomicUsize,
    /// Told after every change of a counter.
    pub(super) changed: Notify,
    records: AtomicBool,
    records_bodies: AtomicBool,
    seen: Mutex<SeenList>,
}

#[derive(Debug, Default)]
struct SeenList {
    requests: VecDeque<Seen>,
    body_bytes: usize,
}

impl SeenList {
    fn push(&mut self, seen: Seen) {
        self.body_bytes += seen.body.len();
        self.requests.push_back(seen);
        while self.requests.len() > MOST_SEEN || (self.body_bytes > MOST_BODY_BYTES && self.requests.len() > 1) {
            let Some(oldest) = self.requests.pop_front() else {
                break;
            };
            self.body_bytes -= oldest.body.len();
        }
    }
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            arrived: AtomicU64::new(0),
            serial: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            max_in_flight: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            changed: Notify::new(),
            records: AtomicBool::new(true),
            records_bodies: AtomicBool::new(true),
            seen: Mutex::new(SeenList::default()),
        }
    }

    /// Notes a request that has arrived whole; it is in flight until the presence is dropped.
    pub(super) fn arrives(self: &Arc<Self>, request: &HttpRequest, body: &Bytes) -> Presence {
        if self.records.load(SeqCst) {
            let body = if self.records_bodies.load(SeqCst) { body.clone() } else { Bytes::new() };
            // Numbered under the lock, so that the list is in order.
            let mut list = self.list();
            let order = self.arrived.fetch_add(1, SeqCst) + 1;
            list.push(Seen::of(request, body, order));
        } else {
            self.arrived.fetch_add(1, SeqCst);
        }
        let now = self.in_flight.fetch_add(1, SeqCst) + 1;
        self.max_in_flight.fetch_max(now, SeqCst);
        self.changed.notify_waiters();
        let serial = self.serial.fetch_add(1, SeqCst) + 1;
        Presence { recorder: self.clone(), serial, finished: false }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.list().requests.iter().cloned().collect()
    }

    pub(super) fn last(&self) -> Option<Seen> {
        self.list().requests.back().cloned()
    }

    pub(super) fn arrived(&self) -> usize {
        self.arrived.load(SeqCst) as usize
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(SeqCst)
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.max_in_flight.load(SeqCst)
    }

    pub(super) fn dropped(&self) -> usize {
        self.dropped.load(SeqCst)
    }

    pub(super) fn reset_max(&self) {
        self.max_in_flight.store(self.in_flight(), SeqCst);
    }

    pub(super) fn forget(&self) {
        let mut list = self.list();
        *list = SeenList::default();
        self.arrived.store(0, SeqCst);
        self.dropped.store(0, SeqCst);
        self.reset_max();
    }

    pub(super) fn record(&self, on: bool) {
        self.records.store(on, SeqCst);
    }

    pub(super) fn record_bodies(&self, on: bool) {
        self.records_bodies.store(on, SeqCst);
    }

    fn list(&self) -> MutexGuard<'_, SeenList> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request being answered. Dropped before it is finished, its caller has gone away.
#[derive(Debug)]
pub(super) struct Presence {
    recorder: Arc<Recorder>,
    /// Numbers the answers of this provider, and is never set back.
    pub(super) serial: u64,
    finished: bool,
}

impl Presence {
    /// The provider has said all it wanted to say.
    pub(super) fn finish(&mut self) {
        self.finished = true;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.finished {
            self.recorder.dropped.fetch_add(1, SeqCst);
        }
        self.recorder.in_flight.fetch_sub(1, SeqCst);
        self.recorder.changed.notify_waiters();
    }
}
