//! Tests of channels, their logs, and how channels do.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::vocabulary::{Channel as OpenChannel, ChannelId};
use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::find;
use super::upstreams::{TestResult, Upstreams};
use crate::services::error::{BAD_CHOICE, refusals};
use crate::services::values::{ListQuery, Page, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::channel_tests::{self, ChannelTestRow};
use crate::store::channels::{self, ChannelRow};
use crate::store::leases::Fence;
use crate::store::trail::note_deed;

/// Channels tested at the same time.
const AT_ONCE: usize = 4;
/// Channels tested by one call at most.
const MOST_TESTED: usize = 500;

refusals! {
    /// The provider did not answer as it should.
    UPSTREAM_FAILED = BadGateway, "upstream_error", "The provider did not answer: {detail}", "上游未正常响应：{detail}";
    /// The stored secrets cannot be read.
    UNREADABLE_CHANNEL = Conflict, "unreadable_channel", "This channel cannot be used: {detail}", "无法使用此渠道：{detail}";
}

/// What to test.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TestRequest {
    /// The model to ask; absent = the channel's test model.
    pub model: Option<String>,
}

/// What a test of one channel among many found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelTest {
    /// The channel.
    pub channel_id: i64,
    /// Its name.
    pub name: String,
    /// What was found.
    #[serde(flatten)]
    pub result: TestResult,
}

/// What testing all channels found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TestAllResult {
    /// By name.
    pub results: Vec<ChannelTest>,
}

/// A test of the past.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelTestLog {
    /// Its id.
    pub id: i64,
    /// When, epoch milliseconds.
    pub ts: i64,
    /// `manual` or `probe`.
    pub origin: String,
    /// The model asked.
    pub model: Option<String>,
    /// Whether a good answer came.
    pub reachable: bool,
    /// Milliseconds to the answer.
    pub latency_ms: Option<i64>,
    /// The upstream's status.
    pub status: Option<i64>,
    /// What went wrong.
    pub error: Option<String>,
}

impl From<ChannelTestRow> for ChannelTestLog {
    fn from(row: ChannelTestRow) -> Self {
        Self {
            id: row.id,
            ts: row.ts,
            origin: row.origin,
            model: row.model,
            reachable: row.reachable,
            latency_ms: row.latency_ms,
            status: row.status,
            error: row.error,
        }
    }
}

/// The models a provider lists.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UpstreamModels {
    /// By name.
    pub models: Vec<String>,
}

/// A change of a circuit by hand.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct CircuitChange {
    /// `closed`: the only state that can be set.
    pub state: String,
}

/// Tests a channel, enabled or not, with one tiny request.
///
/// # Errors
/// `not_found`; `unreadable_channel` when its secrets cannot be opened. An unreachable provider is no error.
pub async fn test(services: &Services, upstreams: &dyn Upstreams, id: ChannelId, asked: TestRequest) -> Served<TestResult> {
    let channel = opened(services, find(services, id).await?)?;
    let model = asked.model.map(|model| check::name("model", &model, 256)).transpose()?;
    tested(services, upstreams, &channel, model.as_deref(), None).await
}

/// Tests every enabled channel.
///
/// # Errors
/// When the database fails.
pub async fn test_all(services: &Services, upstreams: &dyn Upstreams) -> Served<TestAllResult> {
    let rows = channels::all(&services.db).await?.into_iter().filter(|row| row.enabled).take(MOST_TESTED);
    let tests = rows.map(|row| async move {
        let (channel_id, name) = (row.id, row.name.clone());
        let result = match opened(services, row) {
            Ok(channel) => tested(services, upstreams, &channel, None, None).await?,
            Err(error) => TestResult { error: Some(error.to_string()), ..TestResult::default() },
        };
        Ok(ChannelTest { channel_id, name, result })
    });
    let found: Vec<Served<ChannelTest>> = futures_util::stream::iter(tests).buffered(AT_ONCE).collect().await;
    Ok(TestAllResult { results: found.into_iter().collect::<Served<_>>()? })
}

/// One page of a channel's tests.
///
/// # Errors
/// `not_found`, `invalid_request`.
pub async fn test_logs(services: &Services, id: ChannelId, asked: &ListQuery) -> Served<Page<ChannelTestLog>> {
    find(services, id).await?;
    let found = channel_tests::list(&services.db, id, &asked.window(channel_tests::SORTS)?).await?;
    Ok(Page::new(asked, found, ChannelTestLog::from))
}

/// The models a channel's provider lists. The stored key goes to the stored URL and nowhere else.
///
/// # Errors
/// `not_found`, `unreadable_channel`, `upstream_error`.
pub async fn upstream_models(services: &Services, upstreams: &dyn Upstreams, id: ChannelId) -> Served<UpstreamModels> {
    let channel = opened(services, find(services, id).await?)?;
    listed(upstreams, &channel).await
}

pub(super) async fn listed(upstreams: &dyn Upstreams, channel: &OpenChannel) -> Served<UpstreamModels> {
    let mut models =
        upstreams.models(channel).await.map_err(|detail| ServiceError::new(&UPSTREAM_FAILED).with("detail", detail))?;
    models.sort_unstable();
    models.dedup();
    Ok(UpstreamModels { models })
}

/// Closes a channel's circuit by hand.
///
/// # Errors
/// `not_found`, `invalid_request` for any other state.
pub async fn change_circuit(
    services: &Services,
    upstreams: &dyn Upstreams,
    actor: &Actor,
    id: ChannelId,
    change: CircuitChange,
) -> Served<()> {
    if change.state != "closed" {
        return Err(ServiceError::field(&BAD_CHOICE, "state").with("choices", "closed"));
    }
    find(services, id).await?;
    upstreams.close_circuit(id).await;
    let trail = services.trail(&actor.by(), Deed::new("channel.close_circuit", id.0), None);
    Ok(note_deed(&services.db, &trail).await?)
}

pub(super) fn opened(services: &Services, row: ChannelRow) -> Served<OpenChannel> {
    row.opened(&services.sealer).map_err(|detail| ServiceError::new(&UNREADABLE_CHANNEL).with("detail", detail))
}

/// When channels were probed last, as far as the process that probes knows.
pub type Probed = HashMap<ChannelId, Instant>;

/// Probes every enabled channel whose `monitorIntervalSec` has passed since its last probe: by `probed`, and for a channel that
/// is not in it by the tests that are kept, so that a process which takes over goes on in the same step.
pub async fn probe_due(
    services: &Services,
    upstreams: &dyn Upstreams,
    channels: &[Arc<OpenChannel>],
    probed: &mut Probed,
    lease: &Fence,
) -> Served<()> {
    probed.retain(|id, _| channels.iter().any(|channel| channel.id == *id && channel.monitor_interval.is_some()));
    let mut due = Vec::new();
    for channel in channels {
        let Some(interval) = channel.monitor_interval else { continue };
        let last = match probed.get(&channel.id) {
            Some(last) => Some(*last),
            None => probed_before(services, channel.id, interval).await?,
        };
        if let Some(last) = last.filter(|last| last.elapsed() < interval) {
            probed.insert(channel.id, last);
        } else {
            due.push(Arc::clone(channel));
        }
    }
    let now = Instant::now();
    probed.extend(due.iter().map(|channel| (channel.id, now)));
    let probes = due.iter().map(|channel| tested(services, upstreams, channel, None, Some(lease)));
    let found: Vec<Served<TestResult>> = futures_util::stream::iter(probes).buffer_unordered(AT_ONCE).collect().await;
    for error in found.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "a probe's result could not be kept");
    }
    Ok(())
}

/// When a channel was probed within its interval, by whichever process.
async fn probed_before(services: &Services, channel: ChannelId, interval: Duration) -> Served<Option<Instant>> {
    let now = services.now();
    let since = now.saturating_sub(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX));
    let last = channel_tests::last_probe(&services.db, channel, since).await?;
    // A row that another machine's clock dates later than now is from now.
    let age = last.map(|ts| Duration::from_millis(u64::try_from(now - ts).unwrap_or(0)));
    Ok(age.and_then(|age| Instant::now().checked_sub(age)))
}

/// Tests a channel and keeps what was found: of a probe, if its lease is still the same.
async fn tested(
    services: &Services,
    upstreams: &dyn Upstreams,
    channel: &OpenChannel,
    model: Option<&str>,
    probe: Option<&Fence>,
) -> Served<TestResult> {
    let result = upstreams.test(channel, model).await;
    let row = ChannelTestRow {
        id: services.id(),
        channel_id: channel.id.0,
        ts: services.now(),
        origin: if probe.is_some() { "probe" } else { "manual" }.to_owned(),
        model: model.map(str::to_owned).or_else(|| channel.test_model.clone()),
        reachable: result.reachable,
        latency_ms: result.latency_ms,
        status: result.status.map(i64::from),
        error: result.error.clone(),
    };
    channel_tests::insert(&services.db, &row, probe).await?;
    Ok(result)
}
