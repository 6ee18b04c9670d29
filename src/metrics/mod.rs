//! Prometheus metrics: counters and histograms of finished requests, gauges of the state of the process.
//!
//! Counted when a request has ended ([`RequestObserver`]); gauges are made when somebody scrapes. Clients cannot make series: a
//! model is a label only where somebody configured its name, a reason is one of our own words.

mod gauges;

use std::sync::OnceLock;

use actors::ports::{EndedRequest, RequestObserver};
use actors::settings_cache::SnapshotReader;
use actors::vocabulary::{Cause, Ending, Receipt};
use prometheus::{
    CounterVec, Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, Result as Registered, TextEncoder,
    process_collector::ProcessCollector,
};

pub use gauges::{ChannelGauge, Standing};

/// Every name begins with this.
const PREFIX: &str = "api_proxy";
/// The label of a model that nobody configured.
const OTHER: &str = "other";
/// The label of what a request did not get to.
const NONE: &str = "";
/// Seconds. From a refusal to an answer of fifteen minutes.
const DURATIONS: &[f64] = &[0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];
/// Seconds until the first output, and in line.
const WAITS: &[f64] = &[0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Seconds of the gateway's own work: a quarter of a millisecond is common.
const OVERHEADS: &[f64] = &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

/// The registry with all that is in it.
pub struct Metrics {
    registry: Registry,
    known: OnceLock<SnapshotReader>,
    requests: IntCounterVec,
    durations: HistogramVec,
    first_outputs: HistogramVec,
    overheads: HistogramVec,
    queued: HistogramVec,
    tokens: IntCounterVec,
    cost: CounterVec,
    refusals: IntCounterVec,
    attempts: IntCounterVec,
    failovers: IntCounterVec,
    spans: IntCounterVec,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Registered<IntCounterVec> {
    let made = IntCounterVec::new(Opts::new(name, help).namespace(PREFIX), labels)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Registered<HistogramVec> {
    let options = HistogramOpts::new(name, help).namespace(PREFIX).buckets(buckets.to_vec());
    let made = HistogramVec::new(options, &["route"])?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

impl Metrics {
    /// All metrics, at zero.
    ///
    /// # Errors
    /// When two have one name.
    pub fn new() -> Registered<Self> {
        let registry = Registry::new();
        let cost = CounterVec::new(Opts::new("cost_usd_total", "Billed cost in USD.").namespace(PREFIX), &["model", "channel"])?;
        registry.register(Box::new(cost.clone()))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self {
            known: OnceLock::new(),
            requests: counter(
                &registry,
                "requests_total",
                "Requests that have ended.",
                &["route", "model", "channel", "status", "ending"],
            )?,
            durations: histogram(&registry, "request_duration_seconds", "Arrival to last byte.", DURATIONS)?,
            first_outputs: histogram(&registry, "time_to_first_token_seconds", "Arrival to a stream's first output.", WAITS)?,
            overheads: histogram(
                &registry,
                "overhead_seconds",
                "The gateway's own work before a provider is asked, without body and queue.",
                OVERHEADS,
            )?,
            queued: histogram(&registry, "queue_wait_seconds", "Waiting for a slot, tokens or money.", WAITS)?,
            tokens: counter(&registry, "tokens_total", "Tokens used.", &["model", "channel", "kind"])?,
            cost,
            refusals: counter(&registry, "refusals_total", "Requests that the gateway refused, all of them.", &["reason"])?,
            attempts: counter(&registry, "attempts_total", "Attempts at channels.", &["channel", "outcome"])?,
            failovers: counter(&registry, "failovers_total", "Attempts that failed and were followed by another.", &["cause"])?,
            spans: counter(
                &registry,
                "trace_spans_total",
                "Spans for the collector of traces: sent, not_taken by it, or one too many to wait (queue_full).",
                &["outcome"],
            )?,
            registry,
        })
    }

    /// Takes the names of models that may be labels from here.
    pub fn follow(&self, settings: SnapshotReader) {
        let _already_followed = self.known.set(settings);
    }

    /// A request was refused whose key is not known, so that it has no receipt.
    pub fn refused(&self, reason: &str) {
        self.refusals.with_label_values(&[reason]).inc();
    }

    /// What became of spans for the collector of traces.
    pub fn spans(&self, outcome: &str, count: usize) {
        self.spans.with_label_values(&[outcome]).inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// All of it in Prometheus' text format, with the gauges as they stand.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn text(&self, standing: &Standing) -> Registered<String> {
        let mut text = Vec::new();
        let encoder = TextEncoder::new();
        encoder.encode(&self.registry.gather(), &mut text)?;
        encoder.encode(&gauges::registry(standing)?.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The label of a model: its name where somebody configured it.
    fn model<'r>(&self, receipt: &'r Receipt) -> &'r str {
        match self.known.get() {
            _ if receipt.model.is_empty() => NONE,
            Some(known) if known.load().names(&receipt.model) => &receipt.model,
            _ => OTHER,
        }
    }

    fn count_usage(&self, receipt: &Receipt, model: &str, channel: &str) {
        let usage = &receipt.usage;
        let kinds = [
            ("input", usage.input),
            ("output", usage.output),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_creation_5m.saturating_add(usage.cache_creation_1h)),
            ("reasoning", usage.reasoning),
        ];
        for (kind, count) in kinds {
            if let Ok(count @ 1..) = u64::try_from(count) {
                self.tokens.with_label_values(&[model, channel, kind]).inc_by(count);
            }
        }
        if receipt.cost.0 > 0 {
            self.cost.with_label_values(&[model, channel]).inc_by(receipt.cost.0 as f64 / 1e9);
        }
    }

    fn count_attempts(&self, receipt: &Receipt) {
        for (place, attempt) in receipt.attempts.iter().enumerate() {
            let cause = attempt.cause.as_ref().map(|cause| cause.word.as_str());
            let outcome = cause.unwrap_or(if attempt.error.is_some() { OTHER } else { "answered" });
            self.attempts.with_label_values(&[attempt.channel_name.as_str(), outcome]).inc();
            if place + 1 < receipt.attempts.len() {
                self.failovers.with_label_values(&[outcome]).inc();
            }
        }
    }
}

impl RequestObserver for Metrics {
    fn ended(&self, EndedRequest { receipt, overhead, queued, .. }: EndedRequest<'_>) {
        let (route, model) = (receipt.protocol.path(), self.model(receipt));
        let channel = receipt.channel_name.as_deref().unwrap_or(NONE);
        let status = receipt.status.to_string();
        self.requests.with_label_values(&[route, model, channel, &status, receipt.ending.as_str()]).inc();
        self.durations.with_label_values(&[route]).observe(seconds(receipt.timings.ended_ms));
        if let Some(after) = receipt.ttft_ms() {
            self.first_outputs.with_label_values(&[route]).observe(seconds(after));
        }
        if let Some(took) = overhead {
            self.overheads.with_label_values(&[route]).observe(took.as_secs_f64());
        }
        if let Some(waited) = queued {
            self.queued.with_label_values(&[route]).observe(waited.as_secs_f64());
        }
        if receipt.ending == Ending::Refused {
            self.refused(receipt.cause.as_ref().map_or(OTHER, |Cause { word, .. }| word));
        }
        self.count_usage(receipt, model, channel);
        self.count_attempts(receipt);
    }
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}
