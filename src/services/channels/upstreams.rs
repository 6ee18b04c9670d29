//! What services ask of the part of the house that talks to providers.

use std::sync::Arc;

use actors::vocabulary::{Channel, ChannelId};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;

/// What a test of a channel found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// Whether a good answer came.
    pub reachable: bool,
    /// Milliseconds to the answer; null when none came.
    pub latency_ms: Option<i64>,
    /// The upstream's status; null when no head arrived.
    pub status: Option<u16>,
    /// What went wrong, in one sentence without secrets; null when all is well.
    pub error: Option<String>,
}

/// Whether a channel's circuit lets requests through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Requests go through.
    #[default]
    Closed,
    /// The channel rests.
    Open,
    /// One request decides.
    HalfOpen,
}

/// How a channel is doing, as its health is remembered now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelState {
    /// The channel.
    #[serde(skip)]
    pub channel: ChannelId,
    /// Its circuit.
    pub circuit: CircuitState,
    /// Epoch milliseconds since which its circuit has not been closed; null when it is.
    pub opened_at: Option<i64>,
    /// Epoch milliseconds until which it rests; null when it does not.
    pub resting_until: Option<i64>,
    /// What of its account makes it rest, as the provider told: `no_credit`, `disabled` or `key`; else null.
    pub resting_why: Option<String>,
    /// Requests under way.
    pub in_flight: u32,
    /// Requests in the last minute.
    pub requests: i64,
    /// Failures of the channel's own making among them.
    pub failures: i64,
    /// Smoothed milliseconds to the head of the answer; null before the first one.
    pub latency_ms: Option<i64>,
    /// Epoch milliseconds of the last good answer.
    pub last_success_at: Option<i64>,
    /// Epoch milliseconds of the last failure.
    pub last_failure_at: Option<i64>,
    /// Models that rest on this channel alone.
    pub resting_models: Vec<String>,
}

impl ChannelState {
    /// A channel nothing is known of yet.
    pub fn unknown(channel: ChannelId) -> Self {
        Self {
            channel,
            circuit: CircuitState::Closed,
            opened_at: None,
            resting_until: None,
            resting_why: None,
            in_flight: 0,
            requests: 0,
            failures: 0,
            latency_ms: None,
            last_success_at: None,
            last_failure_at: None,
            resting_models: Vec::new(),
        }
    }
}

/// The part of the house that talks to providers and remembers how they do. Requests go to the channel's
/// own URL with its own key, addresses are checked after DNS, every call has a deadline.
#[async_trait]
pub trait Upstreams: Send + Sync {
    /// Sends one tiny request; `model` overrides the channel's test model.
    async fn test(&self, channel: &Channel, model: Option<&str>) -> TestResult;
    /// The models the provider lists.
    ///
    /// # Errors
    /// One sentence without secrets.
    async fn models(&self, channel: &Channel) -> Result<Vec<String>, String>;
    /// How all channels do.
    async fn health(&self) -> Vec<ChannelState>;
    /// Lets requests through again at once.
    async fn close_circuit(&self, channel: ChannelId);
}

/// [`Upstreams`] as handlers get it: wired with `web::Data::new(UpstreamsHandle(…))`.
#[derive(Clone)]
pub struct UpstreamsHandle(pub Arc<dyn Upstreams>);
