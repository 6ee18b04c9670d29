//! Traces over OTLP/HTTP: a span for each request and one for each attempt, made when the request has ended.
//!
//! What a request carries meanwhile is a few numbers ([`Trace`]); spans are made of its finished receipt, on a thread of their
//! own, which also talks to the collector. A request never waits for either. Never prompt text, keys or headers' values.

mod client;
mod exporter;
mod queue;
mod spans;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actors::ports::{EndedRequest, RequestObserver};
use actors::settings_cache::SnapshotReader;
use actors::vocabulary::{SpanId, Trace, TraceId, TraceParent};
use opentelemetry::trace::{SpanKind, TraceState};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};
use tokio_util::sync::CancellationToken;

use crate::config::{Sampling, TracesConfig};
use crate::metrics::Metrics;
use queue::{Finished, Queue};

pub use exporter::NotStarted;

/// Longest wait for what is not sent yet when the process stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// Longest `tracestate` that is passed on; the recommendation asks for 512 bytes at least.
const MOST_STATE_BYTES: usize = 1_024;

/// Takes finished requests and sends their spans; clones share one queue.
#[derive(Clone, Debug)]
pub struct Traces(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sampling: Sampling,
    queue: Queue,
    known: OnceLock<SnapshotReader>,
    metrics: Arc<Metrics>,
    /// Tells the thread to send what is there and to end; and that it has.
    stop: CancellationToken,
    over: CancellationToken,
}

impl Traces {
    /// Starts the thread that sends them.
    ///
    /// # Errors
    /// When the exporter cannot be made as configured, or the system gives no thread.
    pub fn start(config: &TracesConfig, tls: &rustls::ClientConfig, metrics: &Arc<Metrics>) -> Result<Self, NotStarted> {
        let shared = Arc::new(Shared {
            sampling: config.sampling,
            queue: Queue::default(),
            known: OnceLock::new(),
            metrics: Arc::clone(metrics),
            stop: CancellationToken::new(),
            over: CancellationToken::new(),
        });
        exporter::start(config, tls, &shared)?;
        tracing::info!(collector = %config, "traces");
        Ok(Self(shared))
    }

    /// Takes what channels are from here.
    pub fn follow(&self, settings: SnapshotReader) {
        let _already_followed = self.0.known.set(settings);
    }

    /// A request's part of its client's trace, or of a new one.
    pub fn begin(&self, headers: &HeaderMap) -> Trace {
        let parent = parent(headers);
        let id = parent.map_or_else(|| TraceId(fastrand::u128(1..)), |parent| parent.trace);
        let sampled = self.is_sampled(id, parent);
        let state = parent.and_then(|_| state(headers));
        Trace::new(id, parent.map(|parent| parent.span), SpanId(fastrand::u64(1..)), sampled, state)
    }

    fn is_sampled(&self, id: TraceId, parent: Option<TraceParent>) -> bool {
        let Sampling { follows_parent, share } = self.0.sampling;
        if let Some(parent) = parent.filter(|_| follows_parent) {
            return parent.sampled;
        }
        let id = opentelemetry::trace::TraceId::from_bytes(id.0.to_be_bytes());
        // By the library, so that all services that see a trace decide alike.
        let result = Sampler::TraceIdRatioBased(share).should_sample(None, id, "", &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    /// Sends what is not sent yet, as far as the collector takes it in time.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        let _late_spans_are_lost = tokio::time::timeout(FAREWELL, self.0.over.cancelled()).await;
    }
}

impl RequestObserver for Traces {
    fn ended(&self, EndedRequest { receipt, overhead, queued, trace }: EndedRequest<'_>) {
        let Some(trace) = trace.filter(|trace| trace.sampled) else { return };
        let finished = Finished { receipt: Arc::clone(receipt), trace: trace.clone(), overhead, queued };
        if let Err(full) = self.0.queue.push(finished) {
            self.0.metrics.spans("queue_full", full.spans());
        }
    }
}

/// Tells several observers of the same requests.
pub struct Observers {
    /// Counts them.
    pub metrics: Arc<Metrics>,
    /// Makes spans of them; `None` = nobody wants any.
    pub traces: Option<Traces>,
}

impl RequestObserver for Observers {
    fn ended(&self, request: EndedRequest<'_>) {
        self.metrics.ended(request);
        if let Some(traces) = &self.traces {
            traces.ended(request);
        }
    }
}

/// The client's `traceparent`, if there is exactly one and it is valid.
fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all("traceparent");
    let first = all.next()?;
    if all.next().is_some() {
        return None;
    }
    TraceParent::read(first.to_str().ok()?)
}

/// Its `tracestate` as it came, if it is valid; several headers are one list.
fn state(headers: &HeaderMap) -> Option<Box<str>> {
    let parts: Option<Vec<&str>> = headers.get_all("tracestate").map(|part| part.to_str().ok()).collect();
    let state = parts?.join(",");
    let is_valid = !state.is_empty() && state.len() <= MOST_STATE_BYTES && state.parse::<TraceState>().is_ok();
    is_valid.then(|| state.into_boxed_str())
}
