//! Which upstream to try: circuits, rests, slots, latency, weighted choice, affinity.
//!
//! One actor for all channels. **A restart loses** health memory only: circuits close, rests end,
//! conversations forget their channel. Slots live in counters that outlive the actor.

mod actor;
mod breaker;
mod choice;
mod slot;
mod state;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

pub use actor::{Begun, Chosen};
pub use breaker::{Circuit, Rules};
pub use choice::{Standing, order};
pub use slot::ChannelSlot;
pub use state::{Candidate, ChannelState, NoneLive, Verdict};

use actor::{Begin, ChannelHealthActor, Choose, Close, Observe, Parts, Start};
use slot::Letterbox;

use crate::ports::{Clock, Faults};
use crate::settings_cache::SnapshotReader;
use crate::supervision::{Line, Loss, Unanswered, VitalSigns, Vitals};
use crate::vocabulary::ChannelId;

/// Why no attempt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStart {
    /// Every candidate rests.
    NoneLive(NoneLive),
    /// Every live candidate is saturated, and stayed so.
    Saturated,
    /// The actor does not answer.
    Unanswered,
}

/// The handle.
#[derive(Clone, Debug)]
pub struct ChannelHealth {
    line: Arc<Line<ChannelHealthActor>>,
}

impl ChannelHealth {
    /// Starts the actor on `arbiter`.
    pub fn start(arbiter: ArbiterHandle, snapshot: SnapshotReader, clock: Arc<dyn Clock>, faults: Arc<dyn Faults>) -> Self {
        let vitals = Vitals::new("ChannelHealth", Loss::HealthMemory);
        let letters = Arc::new(Letterbox::new(Arc::clone(&clock)));
        let parts = Parts { snapshot, clock, faults, vitals: Arc::clone(&vitals), letters };
        let line = Line::open(vitals, move || {
            let parts = parts.clone();
            Supervisor::start_in_arbiter(&arbiter, |_| ChannelHealthActor::new(parts))
        });
        Self { line: Arc::new(line) }
    }

    /// The live candidates in the order to try, with a slot of the first. `random` is any random number.
    ///
    /// # Errors
    /// When every candidate rests.
    pub async fn choose(
        &self,
        candidates: &Arc<[Candidate]>,
        conversation: Option<u64>,
        random: u64,
    ) -> Result<Result<Chosen, NoneLive>, Unanswered> {
        self.line.ask(|| Choose { candidates: Arc::clone(candidates), conversation, random }).await
    }

    /// Takes a slot of the first of these candidates that is live and has one; waits up to `patience` while
    /// all are saturated.
    ///
    /// # Errors
    /// Why no attempt may start.
    pub async fn begin(&self, candidates: &Arc<[Candidate]>, patience: Duration) -> Result<Begun, NoStart> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let asked = self.line.ask(|| Begin { candidates: Arc::clone(candidates) }).await;
            match asked.map_err(|_| NoStart::Unanswered)? {
                Start::Begun(begun) => return Ok(begun),
                Start::NoneLive(none) => return Err(NoStart::NoneLive(none)),
                Start::Queued(freed) => match tokio::time::timeout_at(until, freed).await {
                    Ok(Ok(begun)) => return Ok(begun),
                    Ok(Err(_actor_restarted)) => {}
                    Err(_late) => return Err(NoStart::Saturated),
                },
            }
        }
    }

    /// Ends every rest of a channel.
    ///
    /// # Errors
    /// When the actor does not answer.
    pub async fn close(&self, channel: ChannelId) -> Result<(), Unanswered> {
        self.line.ask(|| Close(channel)).await
    }

    /// Every channel seen so far.
    ///
    /// # Errors
    /// When the actor does not answer.
    pub async fn observe(&self) -> Result<Vec<ChannelState>, Unanswered> {
        self.line.ask(|| Observe).await
    }

    /// The actor's counters.
    pub fn vital_signs(&self) -> VitalSigns {
        self.line.signs()
    }
}
