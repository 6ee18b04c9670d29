//! How all channels do: their health now, their last test, their last 24 hours.

use std::collections::HashMap;

use actors::vocabulary::ChannelId;
use schemars::JsonSchema;
use serde::Serialize;

use super::activity::{self, Activity};
use super::probes::ChannelTestLog;
use super::standing::{Grade, Standing};
use super::upstreams::{ChannelState, Upstreams};
use super::values::{Channel, ChannelQuery};
use crate::services::values::{ListQuery, Page};
use crate::services::{Served, Services};
use crate::store::channel_activity;
use crate::store::channels::{self, ChannelRow};

/// A channel and how it does.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelStatus {
    /// The channel.
    pub channel_id: i64,
    /// Its name.
    pub name: String,
    /// `claude` or `openai`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it takes requests.
    pub enabled: bool,
    /// Requests at the same time; null = unlimited.
    pub max_concurrency: Option<i64>,
    /// How it stands now, in one word.
    pub standing: Standing,
    /// Whether something has to be done.
    pub grade: Grade,
    /// How it does.
    #[serde(flatten)]
    pub state: ChannelState,
    /// Its last test or probe; null when there was none.
    pub last_test: Option<ChannelTestLog>,
    /// What it did.
    pub last24h: Activity,
}

/// How all channels do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChannelStatusList {
    /// By name.
    pub channels: Vec<ChannelStatus>,
}

/// A channel in a list, with how it does.
#[derive(Clone, Debug, Serialize)]
pub struct ListedChannel {
    /// The channel.
    pub channel: Channel,
    /// How it does.
    pub status: ChannelStatus,
}

/// How many channels are in which grade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GradeCounts {
    /// All channels.
    pub all: i64,
    /// Those that are well.
    pub ok: i64,
    /// Those that somebody should look at.
    pub warn: i64,
    /// Those that take no requests though they should.
    pub bad: i64,
    /// Those that are switched off.
    pub off: i64,
}

/// One page of channels with how they do, and a word on all of them.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelOverview {
    /// The page.
    pub page: Page<ListedChannel>,
    /// Of all channels, whatever the page shows.
    pub counts: GradeCounts,
    /// The models that channels name, by name.
    pub models: Vec<String>,
}

/// How all channels do.
///
/// # Errors
/// When the database fails.
pub async fn status(services: &Services, upstreams: &dyn Upstreams) -> Served<ChannelStatusList> {
    let rows = channels::all(&services.db).await?;
    Ok(ChannelStatusList { channels: statuses(services, upstreams, &rows).await? })
}

/// One page of channels with how they do; `grade` keeps those of that grade alone.
///
/// # Errors
/// `invalid_request`.
pub async fn overview(
    services: &Services,
    upstreams: &dyn Upstreams,
    asked: &ListQuery,
    query: ChannelQuery,
    grade: Option<Grade>,
) -> Served<ChannelOverview> {
    let rows = channels::all(&services.db).await?;
    let statuses = statuses(services, upstreams, &rows).await?;
    let counts = counted(&statuses);
    let ids = grade.map(|grade| statuses.iter().filter(|one| one.grade == grade).map(|one| one.channel_id).collect());
    let mut by_id: HashMap<i64, ChannelStatus> = statuses.into_iter().map(|status| (status.channel_id, status)).collect();
    let filter = super::filter(query, ids);
    let (found, total) = channels::list(&services.db, &filter, &asked.window(channels::SORTS)?).await?;
    // A channel that was added between the two statements has no status yet; the next look shows it.
    let found: Vec<(ChannelRow, ChannelStatus)> =
        found.into_iter().filter_map(|row| by_id.remove(&row.id).map(|status| (row, status))).collect();
    let listed = |(row, status)| ListedChannel { channel: Channel::from(row), status };
    Ok(ChannelOverview { page: Page::new(asked, (found, total), listed), counts, models: named(&rows) })
}

/// How these channels do.
pub(super) async fn statuses(services: &Services, upstreams: &dyn Upstreams, rows: &[ChannelRow]) -> Served<Vec<ChannelStatus>> {
    let mut states: HashMap<i64, ChannelState> =
        upstreams.health().await.into_iter().map(|state| (state.channel.0, state)).collect();
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut activities = activity::of(services, &ids).await?;
    let tests = channel_activity::last_tests(&services.db).await?;
    let mut tests: HashMap<i64, ChannelTestLog> =
        tests.into_iter().map(|row| (row.channel_id, ChannelTestLog::from(row))).collect();
    let all = rows.iter().map(|row| {
        let state = states.remove(&row.id).unwrap_or_else(|| ChannelState::unknown(ChannelId(row.id)));
        let (last_test, last24h) = (tests.remove(&row.id), activities.remove(&row.id).unwrap_or_default());
        let standing = Standing::of(row, &state, last_test.as_ref(), &last24h);
        ChannelStatus {
            channel_id: row.id,
            name: row.name.clone(),
            kind: row.kind.clone(),
            enabled: row.enabled,
            max_concurrency: row.max_concurrency,
            standing,
            grade: standing.grade(),
            state,
            last_test,
            last24h,
        }
    });
    Ok(all.collect())
}

fn counted(statuses: &[ChannelStatus]) -> GradeCounts {
    let mut counts = GradeCounts::default();
    for status in statuses {
        counts.all += 1;
        match status.grade {
            Grade::Ok => counts.ok += 1,
            Grade::Warn => counts.warn += 1,
            Grade::Bad => counts.bad += 1,
            Grade::Off => counts.off += 1,
        }
    }
    counts
}

/// The models that channels name.
fn named(rows: &[ChannelRow]) -> Vec<String> {
    let lists = rows.iter().filter_map(|row| serde_json::from_str::<Vec<String>>(&row.models).ok());
    let mut models: Vec<String> = lists.flatten().filter(|model| model != "*").collect();
    models.sort_unstable();
    models.dedup();
    models
}
