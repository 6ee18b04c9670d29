//! `serve`: runs until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use actors::ports::Faults;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CommandError;
use crate::app;
use crate::config::Config;
use crate::console::FrontEnd;

pub(super) async fn run(config: Config) -> Result<ExitCode, CommandError> {
    let mut stop = StopSignals::listen()?;
    let console = FrontEnd::embedded(config.console_without_npm).description();
    let running = app::start(config, faults()).await?;
    tracing::info!(address = %running.listening, version = env!("CARGO_PKG_VERSION"), console, "listening");
    stop.wait(false).await;
    tracing::info!(in_flight = running.in_flight(), "stopping: running answers are finished first");
    if !running.stop().await {
        tracing::warn!("the deadline for stopping passed with requests under way; they ended with an error");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// What signals mean: SIGTERM, SIGINT and SIGQUIT stop the process in order. SIGHUP says that a terminal has gone, or asks
/// for a log to be opened anew; ours goes to standard error, so that there is nothing to do but to stay. The others that
/// would end a process which does not know them have no meaning here.
pub(super) struct StopSignals {
    stop: [Signal; 3],
    hang_up: Signal,
    _ignored: [Signal; 4],
}

impl StopSignals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            stop: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::quit())?],
            hang_up: signal(SignalKind::hangup())?,
            _ignored: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
                signal(SignalKind::alarm())?,
                signal(SignalKind::io())?,
            ],
        })
    }

    /// Until one that stops; or, where nobody is left to see what runs in a terminal, until that has gone.
    pub(super) async fn wait(&mut self, ends_with_its_terminal: bool) {
        let [terminate, interrupt, quit] = &mut self.stop;
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = quit.recv() => return,
                _ = self.hang_up.recv() => {}
            }
            if ends_with_its_terminal {
                return;
            }
            tracing::info!("SIGHUP has no meaning here: log lines go to standard error, settings are in the database");
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
