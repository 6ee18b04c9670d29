//! What the process does by itself, now and then: probes of channels that ask for them, and tidying.

use std::time::Duration;

use actors::settings_cache::SnapshotReader;
use tokio::time::Instant;

use crate::services::channels::{self, Probed, UpstreamsHandle};
use crate::services::{Services, upkeep};

/// How often due probes are looked for, and a little space is given back while there is some to give.
const PROBE_TICK: Duration = Duration::from_millis(500);
/// How often rows past their time are deleted.
const UPKEEP_EVERY: Duration = Duration::from_secs(600);

/// Runs for ever; dropped when the process stops.
pub(super) async fn run(services: Services, upstreams: UpstreamsHandle, snapshot: SnapshotReader) {
    let mut probed = Probed::new();
    let mut kept_up = Instant::now();
    // What was deleted before the last stop may not have been given back.
    let mut gives_back = true;
    loop {
        tokio::time::sleep(PROBE_TICK).await;
        channels::probe_due(&services, &*upstreams.0, snapshot.keep().channels(), &mut probed).await;
        if kept_up.elapsed() >= UPKEEP_EVERY {
            kept_up = Instant::now();
            gives_back = true;
            if let Err(error) = upkeep::run(&services).await {
                tracing::warn!(?error, "upkeep failed; it runs again later");
            }
        }
        if gives_back {
            gives_back = upkeep::give_back(&services).await.unwrap_or_else(|error| {
                tracing::warn!(?error, "space could not be given back to the disk; it is tried again later");
                false
            });
        }
    }
}
