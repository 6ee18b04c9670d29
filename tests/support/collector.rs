//! A collector of traces: takes what is posted as OTLP over HTTP, and remembers it.

#![allow(dead_code, reason = "each of the test binaries uses what it needs")]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// Longest wait for spans.
const PATIENCE: Duration = Duration::from_secs(30);

/// A post's headers and body.
pub type Post = (Vec<(String, String)>, Vec<u8>);

#[derive(Default)]
struct Taken {
    posts: Vec<Post>,
    /// Answered instead of 200.
    refusal: Option<u16>,
    refused: usize,
}

/// A running collector.
pub struct Collector {
    pub address: String,
    taken: Arc<Mutex<Taken>>,
    server: ServerHandle,
}

async fn take(request: HttpRequest, body: Bytes, taken: Data<Mutex<Taken>>) -> HttpResponse {
    let mut taken = taken.lock().unwrap();
    if let Some(status) = taken.refusal {
        taken.refused += 1;
        return HttpResponse::build(status.try_into().unwrap()).finish();
    }
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    taken.posts.push((headers, body.to_vec()));
    HttpResponse::Ok().content_type("application/x-protobuf").finish()
}

impl Collector {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::<Mutex<Taken>>::default();
        let data = Data::from(Arc::clone(&taken));
        let app = move || {
            let limit = PayloadConfig::new(64 << 20);
            App::new().app_data(data.clone()).app_data(limit).route("/v1/traces", web::post().to(take))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, taken, server: handle }
    }

    /// Answers with this status from now on, or takes what comes again.
    pub fn refuses(&self, with: Option<u16>) {
        self.taken.lock().unwrap().refusal = with;
    }

    /// How many posts it refused.
    pub fn refused(&self) -> usize {
        self.taken.lock().unwrap().refused
    }

    /// Each post's headers, and the bytes of its body.
    pub fn posts(&self) -> Vec<Post> {
        self.taken.lock().unwrap().posts.clone()
    }

    /// Every span taken so far.
    pub fn spans(&self) -> Vec<Told> {
        let mut spans = Vec::new();
        for (_, body) in self.posts() {
            let request = ExportTraceServiceRequest::decode(&*body).unwrap();
            for of_resource in request.resource_spans {
                let resource = attributes(&of_resource.resource.unwrap_or_default().attributes);
                let all = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.extend(all.map(|span| Told { attributes: attributes(&span.attributes), resource: resource.clone(), span }));
            }
        }
        spans
    }

    /// Waits until so many spans are there.
    pub async fn waits_for(&self, count: usize) -> Vec<Told> {
        let by = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans();
            if spans.len() >= count {
                assert_eq!(spans.len(), count, "{spans:#?}");
                return spans;
            }
            assert!(Instant::now() < by, "{count} spans were expected: {spans:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Goes away.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

/// A span as it was told.
#[derive(Debug)]
pub struct Told {
    pub span: Span,
    pub attributes: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
}

impl Told {
    /// An attribute as text; empty when there is none.
    pub fn says(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }

    /// The ids of its trace and of itself.
    pub fn ids(&self) -> (String, String) {
        (hex(&self.span.trace_id), hex(&self.span.span_id))
    }

    pub fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    pub fn millis(&self) -> u64 {
        (self.span.end_time_unix_nano - self.span.start_time_unix_nano) / 1_000_000
    }

    pub fn has_failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code == 2)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(told: &[KeyValue]) -> BTreeMap<String, String> {
    told.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    }
}
