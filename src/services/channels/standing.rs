//! How a channel stands now, in one word: out of its settings, its health in memory and its last test.

use schemars::JsonSchema;
use serde::Serialize;

use super::activity::Activity;
use super::probes::ChannelTestLog;
use super::upstreams::{ChannelState, CircuitState};
use crate::store::channels::ChannelRow;

/// Why a channel is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Switched off.
    Off,
    /// Its key or its headers have yet to be set.
    Incomplete,
    /// Its circuit is open: it gets no requests for a while.
    Open,
    /// The next request decides whether its circuit closes.
    HalfOpen,
    /// The provider asked for a pause (`Retry-After`).
    Resting,
    /// As many requests are under way as it may have.
    Full,
    /// At least one in five requests of the last minute failed.
    Failing,
    /// Its last test failed, and nothing was answered since.
    TestFailed,
    /// It said of some models that it does not have them.
    ModelsResting,
    /// Neither a request nor a test has reached it yet, as far as is remembered.
    Unused,
    /// All is well.
    Fine,
}

/// Whether something has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// No.
    Ok,
    /// Perhaps: somebody should look.
    Warn,
    /// It takes no requests though it should.
    Bad,
    /// It is switched off.
    Off,
}

impl Standing {
    /// Of a channel, with its state, its last test and its last 24 hours.
    pub(super) fn of(row: &ChannelRow, state: &ChannelState, last: Option<&ChannelTestLog>, activity: &Activity) -> Self {
        let full = row.max_concurrency.is_some_and(|most| most > 0 && i64::from(state.in_flight) >= most);
        let answered_since = |ts: i64| state.last_success_at.is_some_and(|success| success > ts);
        // A channel that names no model cannot be tested, which says nothing of it.
        let testable = row.test_model.is_some() || row.models != "[]";
        let test_failed = last.is_some_and(|test| testable && !test.reachable && !answered_since(test.ts));
        let unused = activity.success_rate.is_none() && last.is_none() && state.last_success_at.is_none();
        match state.circuit {
            _ if !row.enabled => Self::Off,
            _ if row.is_incomplete() => Self::Incomplete,
            CircuitState::Open => Self::Open,
            CircuitState::HalfOpen => Self::HalfOpen,
            CircuitState::Closed if state.resting_until.is_some() => Self::Resting,
            CircuitState::Closed if full => Self::Full,
            CircuitState::Closed if test_failed => Self::TestFailed,
            CircuitState::Closed if state.failures > 0 && state.failures * 5 >= state.requests => Self::Failing,
            CircuitState::Closed if !state.resting_models.is_empty() => Self::ModelsResting,
            CircuitState::Closed if unused => Self::Unused,
            CircuitState::Closed => Self::Fine,
        }
    }

    /// Whether something has to be done.
    pub fn grade(self) -> Grade {
        match self {
            Self::Off => Grade::Off,
            Self::Incomplete | Self::Open => Grade::Bad,
            Self::HalfOpen | Self::Resting | Self::Full | Self::Failing | Self::TestFailed | Self::ModelsResting => Grade::Warn,
            Self::Unused | Self::Fine => Grade::Ok,
        }
    }
}
