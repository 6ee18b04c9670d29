//! The thread that makes spans and sends them.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use secrecy::ExposeSecret;

use super::Shared;
use super::client::Collector;
use super::spans::Scribe;
use crate::config::TracesConfig;

/// How often what has ended is sent, if no batch is full before.
const EVERY: Duration = Duration::from_secs(1);
/// Longest for one batch, tries of the exporter's own included. Above its own deadline, which looks between tries alone.
const BATCH_DEADLINE: Duration = Duration::from_secs(15);

/// Why no traces can be sent.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The exporter.
    #[error("{0}")]
    Exporter(#[from] ExporterBuildError),
    /// The thread.
    #[error("the system starts no thread for traces: {0}")]
    Thread(#[from] io::Error),
}

/// Starts the thread.
pub(super) fn start(config: &TracesConfig, tls: &rustls::ClientConfig, shared: &Arc<Shared>) -> Result<(), NotStarted> {
    let headers = config.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new(tls))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(config.endpoint.as_str())
        .with_headers(headers.collect::<HashMap<_, _>>())
        .build()?;
    exporter.set_resource(&resource(config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sender = Sender { exporter, collector: config.to_string(), shared: Arc::clone(shared), is_away: false };
    std::thread::Builder::new().name("traces".to_owned()).spawn(move || {
        // Also when it panics, so that nobody waits for it in vain.
        let _over = sender.shared.over.clone().drop_guard();
        runtime.block_on(sender.run());
    })?;
    Ok(())
}

fn resource(config: &TracesConfig) -> Resource {
    let attributes = config.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", format!("{:032x}", fastrand::u128(..))))
        .with_attributes(attributes)
        .with_service_name(config.service_name.clone())
        .build()
}

struct Sender {
    exporter: SpanExporter,
    collector: String,
    shared: Arc<Shared>,
    /// Whether the collector did not take the last batch: it is said once.
    is_away: bool,
}

impl Sender {
    async fn run(mut self) {
        let scribe = Scribe::new();
        loop {
            let is_last = tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => true,
                () = self.shared.queue.filled() => false,
                () = tokio::time::sleep(EVERY) => false,
            };
            loop {
                let batch = self.shared.queue.batch();
                if batch.is_empty() {
                    break;
                }
                let known = self.shared.known.get();
                let spans = batch.iter().flat_map(|finished| scribe.spans(finished, known)).collect();
                self.send(spans).await;
            }
            if is_last {
                return;
            }
        }
    }

    async fn send(&mut self, spans: Vec<SpanData>) {
        let count = spans.len();
        let sent = tokio::time::timeout(BATCH_DEADLINE, self.exporter.export(spans)).await;
        let error = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(late) => Some(late.to_string()),
        };
        self.shared.metrics.spans(if error.is_none() { "sent" } else { "not_taken" }, count);
        match &error {
            Some(error) if !self.is_away => {
                tracing::warn!(collector = self.collector, error, "the collector takes no traces; requests go on without it");
            }
            None if self.is_away => tracing::info!(collector = self.collector, "the collector takes traces again"),
            _ => {}
        }
        self.is_away = error.is_some();
    }
}
