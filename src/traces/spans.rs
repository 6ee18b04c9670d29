//! Spans of a finished request: the request's own, and one for each attempt. Names are those of OpenTelemetry's conventions for
//! HTTP and for generative AI; what they have no name for is `api_proxy.*`.
//!
//! Tokens stand on the attempt that answered alone, so that nobody counts them twice. Errors are told by our own words for them
//! (`Cause`): sentences may repeat a provider's, and those may repeat a prompt.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actors::settings_cache::SnapshotReader;
use actors::vocabulary::model::LONGEST_MODEL_NAME;
use actors::vocabulary::{Attempt, Channel, Ending, Family, Protocol, Receipt, SpanId, Trace};
use opentelemetry::trace::{self as otel, Event, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use url::Url;

use super::queue::Finished;

/// The class of an error that has no better name.
const OTHER: &str = "_OTHER";

/// Writes spans.
pub(super) struct Scribe {
    scope: InstrumentationScope,
}

/// What is common to a request's spans.
struct Common<'a> {
    scope: &'a InstrumentationScope,
    trace: &'a Trace,
    /// When the request arrived.
    arrived: SystemTime,
}

/// What tells one span from another.
struct Own {
    id: SpanId,
    parent: Option<SpanId>,
    kind: SpanKind,
    name: String,
    /// Milliseconds since the request arrived.
    from_ms: i64,
    to_ms: i64,
    attributes: Attributes,
    events: Vec<Event>,
    failed: bool,
}

impl Scribe {
    pub(super) fn new() -> Self {
        Self { scope: InstrumentationScope::builder("api-proxy").with_version(env!("CARGO_PKG_VERSION")).build() }
    }

    /// The spans of a request. What channels are is looked up; one that is gone by now has no address.
    pub(super) fn spans(&self, finished: &Finished, known: Option<&SnapshotReader>) -> Vec<SpanData> {
        let Finished { receipt, trace, .. } = finished;
        let arrived = UNIX_EPOCH + Duration::from_millis(u64::try_from(receipt.ts).unwrap_or(0));
        let common = Common { scope: &self.scope, trace, arrived };
        let mut spans = vec![common.span(request(finished))];
        let snapshot = known.map(SnapshotReader::load);
        let channel = |id| snapshot.as_ref().and_then(|snapshot| snapshot.channel(id));
        for (place, (attempt, id)) in receipt.attempts.iter().zip(trace.attempts()).enumerate() {
            let channel = channel(attempt.channel_id).map(AsRef::as_ref);
            spans.push(common.span(attempted(receipt, trace, *id, place, attempt, channel)));
        }
        if let Some((id, from_ms)) = trace.unanswered() {
            let channel = receipt.channel_id.and_then(channel).map(AsRef::as_ref);
            spans.push(common.span(unanswered(receipt, trace, id, from_ms, channel)));
        }
        spans
    }
}

impl Common<'_> {
    fn span(&self, own: Own) -> SpanData {
        let at = |ms: i64| self.arrived + Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let trace_id = otel::TraceId::from_bytes(self.trace.id.0.to_be_bytes());
        let state = self.trace.state.as_deref().and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
        let context = SpanContext::new(trace_id, span_id(own.id), TraceFlags::SAMPLED, false, state);
        let mut events = SpanEvents::default();
        events.events = own.events;
        SpanData {
            span_context: context,
            parent_span_id: own.parent.map_or(otel::SpanId::INVALID, span_id),
            parent_span_is_remote: own.kind == SpanKind::Server && own.parent.is_some(),
            span_kind: own.kind,
            name: own.name.into(),
            start_time: at(own.from_ms),
            end_time: at(own.to_ms.max(own.from_ms)),
            attributes: own.attributes.0,
            dropped_attributes_count: 0,
            events,
            links: SpanLinks::default(),
            status: if own.failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }
}

fn span_id(id: SpanId) -> otel::SpanId {
    otel::SpanId::from_bytes(id.0.to_be_bytes())
}

#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn add(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(Key::from_static_str(key), value));
    }

    /// Adds it where it is known.
    fn known(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }
}

/// The request itself: what its client asked, and how that ended.
fn request(finished: &Finished) -> Own {
    let Finished { receipt, trace, overhead, queued } = finished;
    let route = format!("/v1/{}", receipt.protocol.path());
    let name = format!("POST {route}");
    let mut all = Attributes::default();
    all.add("http.request.method", "POST");
    all.add("http.route", route);
    all.add("http.response.status_code", i64::from(receipt.status));
    all.add("gen_ai.operation.name", operation(receipt.protocol));
    all.known("gen_ai.request.model", Some(model(&receipt.model)).filter(|model| !model.is_empty()));
    all.known("error.type", error_of(receipt));
    all.add("api_proxy.request_id", receipt.request_id.clone());
    all.add("api_proxy.ending", receipt.ending.as_str());
    all.add("api_proxy.user.id", receipt.user_id.0);
    all.add("api_proxy.user.name", receipt.username.clone());
    all.add("api_proxy.key.id", receipt.key_id.0);
    all.add("api_proxy.key.name", receipt.key_name.clone());
    all.known("api_proxy.channel", receipt.channel_name.clone());
    all.add("api_proxy.stream", receipt.stream);
    all.add("api_proxy.converted", receipt.converted);
    all.add("api_proxy.estimated", receipt.estimated);
    // Shown, never counted with: money is whole numbers everywhere else.
    all.add("api_proxy.cost_usd", receipt.cost.0 as f64 / 1e9);
    all.known("api_proxy.overhead_ms", overhead.map(milliseconds));
    all.known("api_proxy.queue_ms", queued.map(milliseconds));
    let at = |ms: i64| UNIX_EPOCH + Duration::from_millis(u64::try_from(receipt.ts.saturating_add(ms)).unwrap_or(0));
    let stages = [
        ("body read", receipt.timings.body_read_ms),
        ("admitted", receipt.timings.admitted_ms),
        ("first output", receipt.timings.first_output_ms),
    ];
    let events = stages.into_iter().filter_map(|(name, ms)| Some(Event::new(name, at(ms?), Vec::new(), 0))).collect();
    Own {
        id: trace.span,
        parent: trace.parent,
        kind: SpanKind::Server,
        name,
        from_ms: 0,
        to_ms: receipt.timings.ended_ms,
        attributes: all,
        events,
        failed: receipt.status >= 500 || matches!(receipt.ending, Ending::UpstreamFailed | Ending::TimedOut),
    }
}

/// One try at one channel. The one that answered lasts as long as its answer.
fn attempted(receipt: &Receipt, trace: &Trace, id: SpanId, place: usize, attempt: &Attempt, channel: Option<&Channel>) -> Own {
    let mut all = asked(receipt, &attempt.upstream_model, Some(&attempt.channel_name), channel);
    all.add("api_proxy.attempt", i64::try_from(place + 1).unwrap_or(i64::MAX));
    all.known("http.response.status_code", attempt.status.map(i64::from));
    let has_answered = attempt.error.is_none();
    let is_refused = attempt.status.is_some_and(|status| status >= 400);
    let class = attempt.cause.as_ref().map(|cause| cause.word.to_string());
    let class = class.or_else(|| attempt.status.filter(|_| is_refused).map(|status| status.to_string()));
    if !has_answered || is_refused {
        all.add("error.type", class.unwrap_or_else(|| OTHER.to_owned()));
    } else {
        all.known("error.type", error_of(receipt).filter(|_| receipt.ending != Ending::Completed));
        all.add("gen_ai.response.model", attempt.upstream_model.clone());
        usage(receipt, &mut all);
    }
    Own {
        id,
        parent: Some(trace.span),
        kind: SpanKind::Client,
        name: format!("{} {}", operation(receipt.protocol), attempt.upstream_model),
        from_ms: attempt.started_ms,
        to_ms: if has_answered { receipt.timings.ended_ms } else { attempt.started_ms + attempt.duration_ms },
        attributes: all,
        events: Vec::new(),
        failed: !has_answered || is_refused || matches!(receipt.ending, Ending::UpstreamFailed | Ending::TimedOut),
    }
}

/// A try that was given up before its answer: the client left, or time was up.
fn unanswered(receipt: &Receipt, trace: &Trace, id: SpanId, from_ms: i64, channel: Option<&Channel>) -> Own {
    let asked_for = receipt.upstream_model.as_deref().unwrap_or_default();
    let mut all = asked(receipt, asked_for, receipt.channel_name.as_deref(), channel);
    all.add("api_proxy.attempt", i64::try_from(receipt.attempts.len() + 1).unwrap_or(i64::MAX));
    all.add("error.type", error_of(receipt).unwrap_or_else(|| OTHER.to_owned()));
    Own {
        id,
        parent: Some(trace.span),
        kind: SpanKind::Client,
        name: format!("{} {asked_for}", operation(receipt.protocol)),
        from_ms,
        to_ms: receipt.timings.ended_ms,
        attributes: all,
        events: Vec::new(),
        failed: true,
    }
}

/// What was asked of whom.
fn asked(receipt: &Receipt, model: &str, name: Option<&str>, channel: Option<&Channel>) -> Attributes {
    let mut all = Attributes::default();
    let family = channel.map(|channel| channel.family).or(receipt.upstream_protocol.map(Protocol::family));
    all.add("gen_ai.operation.name", operation(receipt.protocol));
    all.known(
        "gen_ai.provider.name",
        family.map(|family| match family {
            Family::Claude => "anthropic",
            Family::OpenAi => "openai",
        }),
    );
    all.add("gen_ai.request.model", model.to_owned());
    all.known("api_proxy.channel", name.map(str::to_owned));
    if let Some(url) = channel.and_then(|channel| Url::parse(&channel.base_url).ok()) {
        all.known("server.address", url.host_str().map(str::to_owned));
        all.known("server.port", url.port_or_known_default().map(i64::from));
    }
    all
}

/// What was used, with cached tokens inside the input, as the conventions have it.
fn usage(receipt: &Receipt, all: &mut Attributes) {
    let usage = &receipt.usage;
    let written = usage.cache_creation_5m.saturating_add(usage.cache_creation_1h);
    all.add("gen_ai.usage.input_tokens", usage.input.saturating_add(usage.cache_read).saturating_add(written));
    all.add("gen_ai.usage.output_tokens", usage.output);
    for (key, count) in [
        ("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
        ("gen_ai.usage.cache_creation.input_tokens", written),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
    ] {
        all.known(key, Some(count).filter(|count| *count > 0));
    }
}

/// The class of what went wrong.
fn error_of(receipt: &Receipt) -> Option<String> {
    let word = receipt.cause.as_ref().map(|cause| cause.word.to_string());
    word.or_else(|| (receipt.ending != Ending::Completed).then(|| receipt.ending.as_str().to_owned()))
}

fn operation(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Messages | Protocol::ChatCompletions | Protocol::Responses => "chat",
        Protocol::Embeddings => "embeddings",
        Protocol::CountTokens => "count_tokens",
    }
}

/// A model by the client's name for it, of which any text may have been sent.
fn model(name: &str) -> String {
    name.chars().take(LONGEST_MODEL_NAME).collect()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
