//! The services' view of the providers: calls made on a thread of their own, since awc belongs to one.

use std::borrow::Cow;
use std::sync::Arc;

use actix_rt::{Arbiter, ArbiterHandle};
use actix_web::rt;
use actors::channel_health::{Candidate, ChannelHealth, Circuit, Verdict};
use actors::settings_cache::SnapshotReader;
use actors::vocabulary::{Channel, ChannelId};
use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::services::channels::{ChannelState, CircuitState, TestResult, Upstreams};
use crate::upstream::{self, Probed, Wire};

thread_local! {
    /// The probing thread's client, made by its first job.
    static WIRE: std::cell::OnceCell<Wire> = const { std::cell::OnceCell::new() };
}

/// Asks providers on behalf of admins and monitors.
pub(super) struct Providers {
    thread: ArbiterHandle,
    tls: Arc<rustls::ClientConfig>,
    settings: SnapshotReader,
    health: ChannelHealth,
}

impl Providers {
    pub(super) fn start(tls: Arc<rustls::ClientConfig>, settings: SnapshotReader, health: ChannelHealth) -> Self {
        Self { thread: Arbiter::new().handle(), tls, settings, health }
    }

    /// Runs a job on the probing thread. `None` when the process is stopping.
    async fn run<T, F>(&self, job: impl FnOnce(Wire) -> F + Send + 'static) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (done, result) = oneshot::channel();
        let (tls, settings) = (Arc::clone(&self.tls), self.settings.clone());
        self.thread.spawn_fn(move || {
            let wire = WIRE.with(|wire| wire.get_or_init(|| Wire::new(&tls, settings)).clone());
            rt::spawn(async move {
                let _caller_left = done.send(job(wire).await);
            });
        });
        result.await.ok()
    }

    /// One probe whose outcome counts for the channel's health, if its circuit lets it through.
    async fn probe(&self, channel: &Channel, model: &str) -> Probed {
        let candidate = Candidate {
            channel: channel.id,
            model: model.into(),
            priority: channel.priority,
            weight: channel.weight,
            native: true,
            max_concurrency: None,
        };
        let begun = self.health.begin(&[candidate].into(), std::time::Duration::ZERO).await;
        let (asked, model) = (channel.clone(), model.to_owned());
        let probed = self.run(|wire| async move { upstream::probe(&wire, &asked, &model).await }).await.unwrap_or_default();
        if let Ok(mut begun) = begun {
            begun.slot.report(verdict(&probed), None);
        }
        probed
    }
}

fn verdict(probed: &Probed) -> Verdict {
    match probed.status {
        Some(200..=299) if probed.reachable => Verdict::Answered { head_ms: probed.latency_ms.unwrap_or(0) },
        Some(429) => Verdict::Throttled { retry_after: None },
        Some(400 | 404 | 413 | 422) => Verdict::Nothing,
        Some(_) | None => Verdict::Failed { retry_after: None },
    }
}

#[async_trait]
impl Upstreams for Providers {
    async fn test(&self, channel: &Channel, model: Option<&str>) -> TestResult {
        let model = model.or(channel.test_model.as_deref()).or(channel.models.first().map(String::as_str));
        let Some(model) = model else {
            let error = Some("the channel names no test model and no models".to_owned());
            return TestResult { error, ..TestResult::default() };
        };
        let Probed { reachable, latency_ms, status, error } = self.probe(channel, model).await;
        TestResult { reachable, latency_ms, status, error }
    }

    async fn models(&self, channel: &Channel) -> Result<Vec<String>, String> {
        let asked = channel.clone();
        let listed = self.run(|wire| async move { upstream::list_models(&wire, &asked).await }).await;
        listed.unwrap_or_else(|| Err("the gateway is stopping".to_owned()))
    }

    async fn health(&self) -> Vec<ChannelState> {
        let states = self.health.observe().await.unwrap_or_default();
        states.into_iter().map(shown).collect()
    }

    async fn close_circuit(&self, channel: ChannelId) {
        if let Err(unanswered) = self.health.close(channel).await {
            tracing::warn!(%unanswered, "a circuit could not be closed");
        }
    }
}

fn shown(state: actors::channel_health::ChannelState) -> ChannelState {
    let (circuit, open_until) = match state.circuit {
        Circuit::Closed => (CircuitState::Closed, None),
        Circuit::Open { until_ms } => (CircuitState::Open, Some(until_ms)),
        Circuit::HalfOpen => (CircuitState::HalfOpen, None),
    };
    ChannelState {
        channel: state.channel,
        circuit,
        opened_at: state.opened_ms,
        resting_until: state.resting_until_ms.max(open_until),
        resting_why: state.resting_why.map(Cow::into_owned),
        in_flight: state.in_flight,
        requests: state.requests,
        failures: state.failures,
        latency_ms: state.head_ms,
        last_success_at: state.last_success_ms,
        last_failure_at: state.last_failure_ms,
        resting_models: state.resting_models,
    }
}
