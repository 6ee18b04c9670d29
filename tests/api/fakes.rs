//! Stand-ins for the parts of the house that talk to providers and count requests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::vocabulary::{Channel, ChannelId, UserId};
use api_proxy::services::channels::{ChannelState, CircuitState, TestResult, Upstreams};
use api_proxy::services::instances::RedisFigures;
use api_proxy::services::system::{Figures, System, Traffic};
use async_trait::async_trait;

/// Providers that answer unless their name says `down`. Remembers where which key was sent.
#[derive(Default)]
pub struct FakeUpstreams {
    pub asked: Mutex<Vec<(String, String, Option<String>)>>,
    pub closed: Mutex<Vec<i64>>,
    /// What providers list; nothing = two models that nobody knows.
    pub lists: Mutex<Option<Vec<String>>>,
}

#[async_trait]
impl Upstreams for FakeUpstreams {
    async fn test(&self, channel: &Channel, model: Option<&str>) -> TestResult {
        let call = (channel.base_url.clone(), channel.api_key.expose().to_owned(), model.map(str::to_owned));
        self.asked.lock().unwrap().push(call);
        if channel.name.contains("down") {
            return TestResult { error: Some("nobody answered".to_owned()), ..TestResult::default() };
        }
        TestResult { reachable: true, latency_ms: Some(12), status: Some(200), error: None }
    }

    async fn models(&self, channel: &Channel) -> Result<Vec<String>, String> {
        if channel.name.contains("down") {
            return Err("answered with status 401: invalid x-api-key".to_owned());
        }
        Ok(self.lists.lock().unwrap().clone().unwrap_or_else(|| vec!["b".into(), "a".into(), "b".into()]))
    }

    async fn health(&self) -> Vec<ChannelState> {
        let known = |id: &i64| ChannelState { circuit: CircuitState::HalfOpen, ..ChannelState::unknown(ChannelId(*id)) };
        self.closed.lock().unwrap().iter().map(known).collect()
    }

    async fn close_circuit(&self, channel: ChannelId) {
        self.closed.lock().unwrap().push(channel.0);
    }
}

#[derive(Default)]
pub struct FakeSystem {
    pub redis_is_down: AtomicBool,
    pub stopping: AtomicBool,
}

#[async_trait]
impl System for FakeSystem {
    fn redis(&self) -> Option<RedisFigures> {
        let (latency_us, losses, failures, instances) = (0, 1, 1, Vec::new());
        let alone = RedisFigures { standing: "alone", parts: 3, latency_us, losses, failures, instances };
        self.redis_is_down.load(Ordering::SeqCst).then_some(alone)
    }

    fn can_relay(&self) -> bool {
        !self.stopping.load(Ordering::SeqCst)
    }

    async fn figures(&self) -> Figures {
        Figures { in_flight: 3, ..Figures::default() }
    }

    fn traffic(&self, user: Option<UserId>) -> Traffic {
        Traffic { running: user.map_or(5, |_| 2), ..Traffic::default() }
    }
}
