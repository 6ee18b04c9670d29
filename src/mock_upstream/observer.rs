//! Looking at what the provider was asked, and waiting for it without sleeping.

use std::time::Duration;

use super::recorder::{Recorder, Seen};
use super::script::Script;

/// How long a wait lasts before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was waited for did not happen in time.
#[derive(Debug, thiserror::Error)]
#[error(
    "waited 20 s for {what}; there were {arrived} requests, {in_flight} in flight, {dropped} of them dropped by \
     their caller"
)]
pub struct WaitedInVain {
    what: String,
    arrived: usize,
    in_flight: usize,
    dropped: usize,
}

impl Script {
    /// The requests seen, oldest first; at most the last 10,000.
    pub fn requests(&self) -> Vec<Seen> {
        self.recorder().seen()
    }

    /// The request seen last.
    pub fn last_request(&self) -> Option<Seen> {
        self.recorder().last()
    }

    /// How many requests arrived, also while nothing was recorded.
    pub fn count(&self) -> usize {
        self.recorder().arrived()
    }

    /// How many requests are being answered now.
    pub fn in_flight(&self) -> usize {
        self.recorder().in_flight()
    }

    /// How many were being answered at once at the most.
    pub fn max_in_flight(&self) -> usize {
        self.recorder().max_in_flight()
    }

    /// How many callers went away before their answer was complete.
    pub fn dropped(&self) -> usize {
        self.recorder().dropped()
    }

    /// Begins the maximum anew.
    pub fn reset_max(&self) {
        self.recorder().reset_max();
    }

    /// Forgets all requests, and counts from 0 again.
    pub fn forget_requests(&self) {
        self.recorder().forget();
    }

    /// Whether requests are remembered at all; they are counted in any case.
    pub fn record(&self, on: bool) {
        self.recorder().record(on);
    }

    /// Whether bodies are remembered with their requests.
    pub fn record_bodies(&self, on: bool) {
        self.recorder().record_bodies(on);
    }

    /// Waits until so many requests have arrived in all.
    pub async fn wait_for_requests(&self, count: usize) -> Result<(), WaitedInVain> {
        self.wait(format!("{count} requests"), |recorder| recorder.arrived() >= count).await
    }

    /// Waits until at least so many requests are in flight at once.
    pub async fn wait_until_in_flight(&self, count: usize) -> Result<(), WaitedInVain> {
        self.wait(format!("{count} requests in flight"), |recorder| recorder.in_flight() >= count).await
    }

    /// Waits until at most so many requests are in flight.
    pub async fn wait_until_in_flight_at_most(&self, count: usize) -> Result<(), WaitedInVain> {
        self.wait(format!("at most {count} requests in flight"), |recorder| recorder.in_flight() <= count).await
    }

    /// Waits until so many callers have gone away before their answer was complete.
    pub async fn wait_for_dropped(&self, count: usize) -> Result<(), WaitedInVain> {
        self.wait(format!("{count} dropped requests"), |recorder| recorder.dropped() >= count).await
    }

    async fn wait(&self, what: String, is_so: impl Fn(&Recorder) -> bool) -> Result<(), WaitedInVain> {
        let recorder = self.recorder();
        let waiting = async {
            loop {
                let mut changed = std::pin::pin!(recorder.changed.notified());
                // Enlisted before looking: a change in between is not missed.
                changed.as_mut().enable();
                if is_so(recorder) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| WaitedInVain {
            what,
            arrived: recorder.arrived(),
            in_flight: recorder.in_flight(),
            dropped: recorder.dropped(),
        })
    }
}
