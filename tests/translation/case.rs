//! A golden case: what goes in, and what must come out.

use std::path::{Path, PathBuf};

use actors::vocabulary::Protocol;
use api_proxy::translation::hub::CannotCarry;
use api_proxy::translation::{Circumstances, Converted, Fault, Framer, UsageTap, convert};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One file of `tests/golden/cases`. Everything but the request may be absent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The rows of `docs/conversion.md` it proves.
    pub rows: Vec<String>,
    /// What the client speaks.
    pub client: Protocol,
    /// What the upstream speaks.
    pub upstream: Protocol,
    /// The model the upstream is asked for.
    pub model: String,
    /// The client's body.
    pub request: Value,
    /// The body the upstream gets.
    pub upstream_request: Option<Value>,
    /// The field a refusal names, when there is nothing for the upstream to get.
    pub refused: Option<String>,
    /// What `x-relay-left-out` says; absent = nothing.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The upstream's whole answer, and the client's: `stream` where it asked for one.
    pub upstream_answer: Option<Value>,
    /// See above.
    pub answer: Option<Value>,
    /// The upstream's events (`data` alone; `"[DONE]"` as a string), and the client's.
    pub upstream_stream: Option<Vec<Value>>,
    /// See above. A stream that the upstream does not end is one that broke off.
    pub stream: Option<Vec<Value>>,
    /// The upstream's refusal of the request, and what the client gets.
    pub upstream_error: Option<UpstreamError>,
    /// See above.
    pub error: Option<Value>,
    /// Output items that were given to the same user before, by their ids.
    #[serde(default)]
    pub remembered: Map<String, Value>,
}

/// An upstream's refusal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamError {
    /// Its HTTP status.
    pub status: u16,
    /// Its body.
    pub body: Value,
}

/// A case by its file.
pub fn all() -> Vec<(PathBuf, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, case)
    };
    paths.into_iter().map(read).collect()
}

impl Case {
    /// Converts the request.
    pub fn convert(&self) -> Result<Converted, CannotCarry> {
        let flag = |value: &Value| value.as_bool().unwrap_or(false);
        let way = Circumstances {
            client: self.client,
            upstream: self.upstream,
            model: &self.model,
            asked: self.request["model"].as_str().expect("a case names its model"),
            request_id: "req_golden",
            created: 1_700_000_000,
            include_usage: flag(&self.request["stream_options"]["include_usage"]),
            stream: flag(&self.request["stream"]),
        };
        convert(self.request.to_string().as_bytes(), &way, &|id| self.remembered.get(id).cloned())
    }

    /// The client's answer to the upstream's: an object, or the events of a stream.
    pub fn told_whole(&self, upstream: &Value) -> Value {
        let mut conversion = self.convert().expect("a request that is carried").conversion;
        let body = upstream.to_string();
        let mut tap = UsageTap::new(self.upstream);
        tap.whole(body.as_bytes());
        let answer = conversion.read(body.as_bytes()).expect("an answer of the upstream's protocol");
        let told = conversion.whole(&answer, &tap.reading(0).0);
        if conversion.streams() { events(told) } else { serde_json::from_slice(&told).unwrap() }
    }

    /// The client's error for the upstream's.
    pub fn told_error(&self, upstream: &UpstreamError) -> Value {
        let conversion = self.convert().expect("a request that is carried").conversion;
        let body = upstream.body.as_str().map_or_else(|| upstream.body.to_string(), str::to_owned);
        serde_json::from_slice(&conversion.declined(upstream.status, body.as_bytes())).unwrap()
    }

    /// The client's events for the upstream's.
    pub fn told_stream(&self, upstream: &[Value]) -> Value {
        let mut conversion = self.convert().expect("a request that is carried").conversion;
        let mut tap = UsageTap::new(self.upstream);
        let mut told = Vec::new();
        for event in upstream {
            for frame in Framer::default().feed(framed(event)).unwrap() {
                tap.event(&frame);
                told.extend_from_slice(&conversion.event(&frame, &tap.reading(0).0));
            }
        }
        // The upstream closes: a stream without its end is one that broke off.
        told.extend_from_slice(&conversion.missing_end(&tap.reading(0).0).unwrap_or_default());
        told.extend_from_slice(&conversion.fail(Fault::UPSTREAM, "The upstream broke off"));
        events(told.into())
    }
}

/// The data of a stream's events.
fn events(told: Bytes) -> Value {
    let frames = Framer::default().feed(told).unwrap();
    let data = |data: &Bytes| serde_json::from_slice::<Value>(data).unwrap_or_else(|_| String::from_utf8_lossy(data).into());
    frames.iter().filter_map(|frame| frame.data.as_ref()).map(data).collect()
}

fn framed(event: &Value) -> Bytes {
    let event_line = event["type"].as_str().map(|kind| format!("event: {kind}\n")).unwrap_or_default();
    let data = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
    format!("{event_line}data: {data}\n\n").into()
}
