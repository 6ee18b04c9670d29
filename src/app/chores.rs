//! What the process does by itself, now and then: probes of channels that ask for them, and tidying. Of several instances on one
//! database one does each of them, under a lease.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::rt;
use actors::settings_cache::SnapshotReader;
use actors::vocabulary::InstanceId;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::leases::{self, Lease, Rhythm};
use crate::services::channels::{self, Probed, UpstreamsHandle};
use crate::services::leases::Work;
use crate::services::{Services, upkeep};

/// How often due probes are looked for, and a little space is given back while there is some to give.
const TICK: Duration = Duration::from_millis(500);
/// How often rows past their time are deleted.
const UPKEEP_EVERY: Duration = Duration::from_secs(600);
/// Pause after a fault in the work itself.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest wait for leases to be given back while stopping.
const FAREWELL: Duration = Duration::from_secs(2);

/// The work, and who keeps its leases.
pub(super) struct Chores {
    work: Vec<rt::task::JoinHandle<()>>,
    keepers: Vec<rt::task::JoinHandle<()>>,
    stopping: CancellationToken,
}

impl Chores {
    /// Runs until it is stopped.
    pub(super) fn start(
        services: &Services,
        holder: &InstanceId,
        rhythm: Rhythm,
        upstreams: UpstreamsHandle,
        snapshot: SnapshotReader,
    ) -> Self {
        let stopping = CancellationToken::new();
        let keep = |work: Work| leases::keep(&services.db, work.as_str(), holder, rhythm, stopping.clone());
        let ((probing, probes_keeper), (tidying, maintenance_keeper)) = (keep(Work::Probes), keep(Work::Maintenance));
        let (services, others) = (services.clone(), services.clone());
        let work = vec![
            rt::spawn(repeated(Work::Probes, probing, async move |lease: &mut Lease| {
                probe(&services, &upstreams, &snapshot, lease).await
            })),
            rt::spawn(repeated(Work::Maintenance, tidying, async move |lease: &mut Lease| tidy(&others, lease).await)),
        ];
        Self { work, keepers: vec![probes_keeper, maintenance_keeper], stopping }
    }

    /// Ends the work where it stands and gives the leases back, so that another instance goes on with it at once.
    pub(super) async fn stop(self) {
        for work in &self.work {
            work.abort();
        }
        self.stopping.cancel();
        if timeout(FAREWELL, join_all(self.keepers)).await.is_err() {
            tracing::warn!("leases could not be given back in time; they run out in a few seconds");
        }
    }
}

/// Begins the work anew after a panic: its lease is kept by a task that would go on renewing it for nobody.
async fn repeated(kind: Work, mut lease: Lease, work: impl AsyncFn(&mut Lease)) {
    while AssertUnwindSafe(work(&mut lease)).catch_unwind().await.is_err() {
        tracing::error!(work = kind.as_str(), "background work panicked; it begins anew");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Probes channels while this instance has the lease, and for ever tries to have it.
async fn probe(services: &Services, upstreams: &UpstreamsHandle, snapshot: &SnapshotReader, lease: &mut Lease) {
    let (mut probed, mut under) = (Probed::new(), None);
    loop {
        tokio::time::sleep(TICK).await;
        let tenure = lease.held().await;
        if under.as_ref() != Some(&tenure.fence) {
            // Another instance may have probed meanwhile.
            probed.clear();
            under = Some(tenure.fence.clone());
        }
        let catalogue = snapshot.keep();
        let due = channels::probe_due(services, &*upstreams.0, catalogue.channels(), &mut probed, &tenure.fence);
        if let Some(Err(error)) = lease.during(&tenure, due).await {
            tracing::warn!(%error, "channels could not be probed; it is tried again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Deletes what is past its time, and gives its space back, while this instance has the lease.
async fn tidy(services: &Services, lease: &mut Lease) {
    let mut kept_up = Instant::now();
    // What was deleted before the last stop may not have been given back.
    let mut gives_back = true;
    loop {
        tokio::time::sleep(TICK).await;
        let tenure = lease.held().await;
        if kept_up.elapsed() >= UPKEEP_EVERY {
            kept_up = Instant::now();
            gives_back = true;
            if let Some(Err(error)) = lease.during(&tenure, upkeep::run(services, &tenure.fence)).await {
                tracing::warn!(?error, "upkeep failed; it runs again later");
            }
        }
        if gives_back {
            let giving = lease.during(&tenure, upkeep::give_back(services, &tenure.fence)).await;
            gives_back = giving.unwrap_or(Ok(true)).unwrap_or_else(|error| {
                tracing::warn!(?error, "space could not be given back to the disk; it is tried again later");
                false
            });
        }
    }
}
