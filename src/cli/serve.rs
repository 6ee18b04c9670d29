//! `serve`: runs until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use actors::ports::Faults;
use tokio::signal::unix::{SignalKind, signal};

use super::CommandError;
use crate::app;
use crate::config::Config;

pub(super) async fn run(config: Config) -> Result<ExitCode, CommandError> {
    let mut stop = StopSignals::listen()?;
    let running = app::start(config, faults()).await?;
    tracing::info!(address = %running.listening, version = env!("CARGO_PKG_VERSION"), "listening");
    stop.wait().await;
    tracing::info!(in_flight = running.in_flight(), "stopping: running answers are finished first");
    if !running.stop().await {
        tracing::warn!("the deadline for stopping passed with requests under way; their usage is in the journal");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// SIGTERM and SIGINT.
pub(super) struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// No faults; in development builds, death at the place that `FAULT_KILL_AT` names, for the tests that kill
/// the process there.
fn faults() -> Arc<dyn Faults> {
    #[cfg(debug_assertions)]
    if let Some(place) = super::environment("FAULT_KILL_AT") {
        return Arc::new(killer::KillAt::new(place));
    }
    Arc::new(actors::ports::NoFaults)
}

#[cfg(debug_assertions)]
mod killer {
    use std::sync::atomic::{AtomicU32, Ordering};

    use actors::ports::Faults;

    /// Kills the process, as SIGKILL would, when a place is reached for the n-th time (`place` or `place:n`).
    pub(super) struct KillAt {
        place: String,
        left: AtomicU32,
    }

    impl KillAt {
        pub(super) fn new(spec: String) -> Self {
            let (place, times) = spec.split_once(':').map_or((spec.as_str(), 1), |(place, n)| (place, n.parse().unwrap_or(1)));
            Self { place: place.to_owned(), left: AtomicU32::new(times) }
        }
    }

    impl Faults for KillAt {
        fn reached(&self, place: &'static str) {
            if place == self.place && self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                std::process::abort();
            }
        }
    }
}
