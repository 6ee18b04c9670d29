//! Which upstream to try: circuits, rests, slots, latency, weighted choice, affinity.
//!
//! One actor for all channels. **A restart loses** health memory only: circuits close, rests end,
//! conversations forget their channel. Slots live in counters that outlive the actor.

mod actor;
mod breaker;
mod choice;
mod slot;
mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

pub use actor::{Begun, Chosen};
pub use breaker::{Circuit, Rules};
pub use choice::{Standing, order};
pub use slot::ChannelSlot;
pub use state::{Candidate, ChannelState, NoneLive, Verdict};

use actor::{ApplyNews, Begin, ChannelHealthActor, Choose, Close, Observe, Parts, Start};
use slot::Letterbox;

use crate::ports::{ChannelNews, Clock, Faults, SharedSlots};
use crate::settings_cache::SnapshotReader;
use crate::supervision::{Line, Loss, Unanswered, VitalSigns, Vitals};
use crate::system::Shared;
use crate::vocabulary::ChannelId;

/// How long a request waits for slots that other instances hold before it asks for them again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

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
    slots: Slots,
}

/// Slots of channels that other instances share; `None` = there are none.
#[derive(Clone)]
struct Slots(Option<Arc<dyn SharedSlots>>);

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slots({})", if self.0.is_some() { "shared" } else { "own" })
    }
}

impl ChannelHealth {
    /// Starts the actor on `arbiter`.
    pub fn start(
        arbiter: ArbiterHandle,
        snapshot: SnapshotReader,
        clock: Arc<dyn Clock>,
        shared: Shared,
        faults: Arc<dyn Faults>,
    ) -> Self {
        let vitals = Vitals::new("ChannelHealth", Loss::HealthMemory);
        let letters = Arc::new(Letterbox::new(Arc::clone(&clock)));
        let slots = Slots(shared.slots.clone());
        let parts = Parts { snapshot, clock, faults, vitals: Arc::clone(&vitals), letters, shared };
        let line = Line::open(vitals, move || {
            let parts = parts.clone();
            Supervisor::start_in_arbiter(&arbiter, |_| ChannelHealthActor::new(parts))
        });
        Self { line: Arc::new(line), slots }
    }

    /// The live candidates in the order to try, with a slot of the first. `elsewhere` is the channel that served the conversation
    /// on another instance; what is remembered here goes before. `random` is any random number.
    ///
    /// # Errors
    /// When every candidate rests.
    pub async fn choose(
        &self,
        candidates: &Arc<[Candidate]>,
        conversation: Option<u64>,
        elsewhere: Option<ChannelId>,
        random: u64,
    ) -> Result<Result<Chosen, NoneLive>, Unanswered> {
        let mut chosen = self.line.ask(|| Choose { candidates: Arc::clone(candidates), conversation, elsewhere, random }).await?;
        if let Ok(Chosen { order, first }) = &mut chosen
            && let Some(candidate) = order.first().and_then(|first| candidates.get(*first))
            && let Some(mut slot) = first.take()
        {
            *first = if self.is_free_elsewhere(&mut slot, candidate).await { Some(slot) } else { None };
        }
        Ok(chosen)
    }

    /// Takes a slot of the first of these candidates that is live and has one; waits up to `patience` while
    /// all are saturated.
    ///
    /// # Errors
    /// Why no attempt may start.
    pub async fn begin(&self, candidates: &Arc<[Candidate]>, patience: Duration) -> Result<Begun, NoStart> {
        let until = tokio::time::Instant::now() + patience;
        // Those whose slots other instances hold, as far as is known.
        let mut full: Vec<usize> = Vec::new();
        loop {
            let left: Vec<usize> = (0..candidates.len()).filter(|index| !full.contains(index)).collect();
            if left.is_empty() {
                full.clear();
                tokio::time::sleep(ASK_AGAIN_AFTER).await;
                if tokio::time::Instant::now() >= until {
                    return Err(NoStart::Saturated);
                }
                continue;
            }
            let asked = match full.is_empty() {
                true => Arc::clone(candidates),
                false => left.iter().map(|index| candidates[*index].clone()).collect(),
            };
            match self.begin_here(&asked, until).await {
                Ok(Some(mut begun)) => {
                    let index = left[begun.index];
                    if self.is_free_elsewhere(&mut begun.slot, &candidates[index]).await {
                        return Ok(Begun { index, slot: begun.slot });
                    }
                    full.push(index);
                }
                Ok(None) => {}
                // The others rest, but these are only full: they are asked again.
                Err(NoStart::NoneLive(_)) if !full.is_empty() => full.extend(left),
                Err(no_start) => return Err(no_start),
            }
        }
    }

    /// Takes a slot as far as this instance goes. `None` = the actor restarted.
    async fn begin_here(&self, candidates: &Arc<[Candidate]>, until: tokio::time::Instant) -> Result<Option<Begun>, NoStart> {
        let asked = self.line.ask(|| Begin { candidates: Arc::clone(candidates) }).await;
        match asked.map_err(|_| NoStart::Unanswered)? {
            Start::Begun(begun) => Ok(Some(begun)),
            Start::NoneLive(none) => Err(NoStart::NoneLive(none)),
            Start::Queued(freed) => match tokio::time::timeout_at(until, freed).await {
                Ok(begun) => Ok(begun.ok()),
                Err(_late) => Err(NoStart::Saturated),
            },
        }
    }

    /// Whether the other instances leave this slot of the channel free.
    async fn is_free_elsewhere(&self, slot: &mut ChannelSlot, candidate: &Candidate) -> bool {
        match (&self.slots.0, candidate.max_concurrency) {
            (Some(slots), Some(limit)) => slot.take_shared(slots, limit).await,
            _ => true,
        }
    }

    /// Takes in what another instance learned of a channel.
    pub fn apply_news(&self, news: ChannelNews) {
        self.line.tell(ApplyNews(news));
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
