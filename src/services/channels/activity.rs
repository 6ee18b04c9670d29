//! What channels did in the last 24 hours: attempts and tests by half hour, how long answers took.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::services::reports::percentile;
use crate::services::{Served, Services};
use crate::store::channel_activity::{self, SLOT_MS, SampleRow, SlotRow, TestedSlotRow};

/// Half hours that are shown, the running one included.
const CELLS: i64 = 48;
/// Answers of a channel whose times are looked at.
const SAMPLED: i64 = 500;

/// How a half hour was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Nothing was asked of the channel.
    #[default]
    Quiet,
    /// Less than one in twenty attempts and tests failed.
    Fine,
    /// More did.
    Troubled,
    /// At least half of them failed.
    Down,
}

/// A half hour.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// Its start, epoch milliseconds.
    pub ts: i64,
    /// Attempts that were answered.
    pub answered: i64,
    /// Attempts that failed by the channel's fault.
    pub failed: i64,
    /// Attempts it refused with 429.
    pub throttled: i64,
    /// Tests and probes.
    pub tests: i64,
    /// Those that failed.
    pub failed_tests: i64,
    /// All that in one word.
    pub state: CellState,
}

impl Cell {
    fn judged(self) -> Self {
        let all = self.answered + self.failed + self.throttled + self.tests;
        let bad = self.failed + self.throttled + self.failed_tests;
        let state = match () {
            () if all == 0 => CellState::Quiet,
            () if bad * 2 >= all => CellState::Down,
            () if bad * 20 >= all => CellState::Troubled,
            () => CellState::Fine,
        };
        Self { state, ..self }
    }
}

/// What a channel did in the last 24 hours.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Attempts that were answered; those of requests that another channel answered in the end count, too.
    pub answered: i64,
    /// Attempts that failed by the channel's fault.
    pub failed: i64,
    /// Attempts it refused with 429.
    pub throttled: i64,
    /// Share of answered attempts, 0 to 1; null without attempts.
    pub success_rate: Option<f64>,
    /// Half of its newest 500 streams began by then, in milliseconds.
    pub ttft_p50_ms: Option<i64>,
    /// 95 of 100 of them did.
    pub ttft_p95_ms: Option<i64>,
    /// Half of its newest 500 answers took at most this, in milliseconds.
    pub duration_p50_ms: Option<i64>,
    /// 95 of 100 of them did.
    pub duration_p95_ms: Option<i64>,
    /// Oldest first, the running half hour last.
    pub cells: Vec<Cell>,
}

/// What all channels of `ids` did.
pub(super) async fn of(services: &Services, ids: &[i64]) -> Served<HashMap<i64, Activity>> {
    let now = services.now();
    let first = now - now.rem_euclid(SLOT_MS) - (CELLS - 1) * SLOT_MS;
    let mut found: HashMap<i64, Activity> = ids.iter().map(|id| (*id, Activity::since(first))).collect();
    for slot in channel_activity::slots(&services.db, first).await? {
        if let Some(activity) = found.get_mut(&slot.channel_id) {
            activity.add_attempts(first, &slot);
        }
    }
    for slot in channel_activity::tested_slots(&services.db, first).await? {
        if let Some(activity) = found.get_mut(&slot.channel_id) {
            activity.add_tests(first, &slot);
        }
    }
    let busy: Vec<i64> = ids.iter().copied().filter(|id| found.get(id).is_some_and(|activity| activity.answered > 0)).collect();
    let mut samples: HashMap<i64, Vec<SampleRow>> = HashMap::new();
    for row in channel_activity::samples(&services.db, &busy, first, SAMPLED).await? {
        samples.entry(row.channel_id).or_default().push(row);
    }
    for (id, sample) in samples {
        if let Some(activity) = found.get_mut(&id) {
            activity.add_times(&sample);
        }
    }
    Ok(found.into_iter().map(|(id, activity)| (id, activity.judged())).collect())
}

impl Activity {
    fn since(first: i64) -> Self {
        let cells = (0..CELLS).map(|cell| Cell { ts: first + cell * SLOT_MS, ..Cell::default() }).collect();
        Self { cells, ..Self::default() }
    }

    fn cell(&mut self, first: i64, slot: i64) -> Option<&mut Cell> {
        self.cells.get_mut(usize::try_from((slot - first) / SLOT_MS).ok()?)
    }

    fn add_attempts(&mut self, first: i64, slot: &SlotRow) {
        self.answered += slot.answered;
        self.failed += slot.failed;
        self.throttled += slot.throttled;
        if let Some(cell) = self.cell(first, slot.slot) {
            (cell.answered, cell.failed, cell.throttled) = (slot.answered, slot.failed, slot.throttled);
        }
    }

    fn add_tests(&mut self, first: i64, slot: &TestedSlotRow) {
        if let Some(cell) = self.cell(first, slot.slot) {
            (cell.tests, cell.failed_tests) = (slot.tests, slot.failed_tests);
        }
    }

    fn add_times(&mut self, sample: &[SampleRow]) {
        let mut durations: Vec<i64> = sample.iter().map(|row| row.duration_ms).collect();
        let mut first_outputs: Vec<i64> = sample.iter().filter_map(|row| row.ttft_ms).collect();
        durations.sort_unstable();
        first_outputs.sort_unstable();
        (self.duration_p50_ms, self.duration_p95_ms) = (percentile(&durations, 50), percentile(&durations, 95));
        (self.ttft_p50_ms, self.ttft_p95_ms) = (percentile(&first_outputs, 50), percentile(&first_outputs, 95));
    }

    fn judged(mut self) -> Self {
        let all = self.answered + self.failed + self.throttled;
        self.success_rate = (all > 0).then(|| self.answered as f64 / all as f64);
        self.cells = self.cells.into_iter().map(Cell::judged).collect();
        self
    }
}
