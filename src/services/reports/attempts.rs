//! What channels' attempts come to in a range: also those after which another channel answered.

use schemars::JsonSchema;
use serde::Serialize;

use crate::services::{Served, Services};
use crate::store::channel_activity::{self, AttemptSums};
use crate::store::stats::Span;

/// A channel's attempts in the half hours that a range touches.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempts {
    /// Those that were answered.
    pub answered: i64,
    /// Those that failed by the channel's fault.
    pub failed: i64,
    /// Those it refused with 429.
    pub throttled: i64,
    /// Share of answered attempts, 0 to 1; null without attempts.
    pub success_rate: Option<f64>,
}

impl From<&AttemptSums> for Attempts {
    fn from(sums: &AttemptSums) -> Self {
        let (answered, failed, throttled) = (sums.answered, sums.failed, sums.throttled);
        let all = answered + failed + throttled;
        Self { answered, failed, throttled, success_rate: (all > 0).then(|| answered as f64 / all as f64) }
    }
}

/// The attempts of all channels in a span; none of one user's: they are kept of everybody alone.
pub(super) async fn of(services: &Services, span: &Span) -> Served<Vec<AttemptSums>> {
    if span.user_id.is_some() {
        return Ok(Vec::new());
    }
    Ok(channel_activity::sums(&services.db, span.from, span.to).await?)
}

/// Takes a channel's attempts out of those of all.
pub(super) fn take(all: &mut Vec<AttemptSums>, channel: i64) -> Option<Attempts> {
    let at = all.iter().position(|sums| sums.channel_id == channel)?;
    Some(Attempts::from(&all.remove(at)))
}
