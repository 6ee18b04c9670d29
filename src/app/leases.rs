//! This instance's leases. Each is asked for, renewed and given back by a task of its own, which goes on while the work that it is for
//! takes long; the work is dropped where it stands once the lease may have run out.

use std::time::Duration;

use actix_web::rt;
use actors::vocabulary::InstanceId;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::store::leases::{self, Fence};
use crate::store::{Db, Stored};

/// How leases are kept.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// How long one lasts that is not renewed.
    pub lasts: Duration,
    /// How often one is renewed.
    pub renewed_every: Duration,
    /// How often one that somebody else has is asked for.
    pub asked_every: Duration,
    /// Longest wait for the database's answer.
    pub answer: Duration,
}

impl Rhythm {
    /// Two renewals may fail. One that was given back is taken by another instance within a second.
    pub const USUAL: Self = Self {
        lasts: Duration::from_secs(15),
        renewed_every: Duration::from_secs(5),
        asked_every: Duration::from_secs(1),
        answer: Duration::from_secs(4),
    };
}

/// A lease that this instance has.
#[derive(Clone, Debug)]
pub struct Tenure {
    /// What its work names in its transactions.
    pub fence: Fence,
    /// Until when nobody else can have it: counted from before it was asked for, so never longer than the database says.
    until: Instant,
}

/// A lease as its work sees it.
pub struct Lease {
    tenure: watch::Receiver<Option<Tenure>>,
}

impl Lease {
    /// Waits until this instance has it.
    pub async fn held(&mut self) -> Tenure {
        loop {
            let tenure = self.tenure.borrow_and_update().clone();
            if let Some(tenure) = tenure.filter(|tenure| Instant::now() < tenure.until) {
                return tenure;
            }
            if self.tenure.changed().await.is_err() {
                // Given back for good: the process stops.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Does `work` while the lease lasts. `None` = it did not last that long.
    pub async fn during<T>(&mut self, tenure: &Tenure, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.lost(&tenure.fence) => None,
            done = work => Some(done),
        }
    }

    async fn lost(&mut self, fence: &Fence) {
        loop {
            let until = match &*self.tenure.borrow_and_update() {
                Some(tenure) if tenure.fence == *fence => tenure.until,
                _ => return,
            };
            if !matches!(timeout_at(until, self.tenure.changed()).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// Asks for a lease and keeps it until `stop`, or until nobody looks at it any more; then it is given back. The task ends when it is.
pub fn keep(
    db: &Db,
    name: &'static str,
    holder: &InstanceId,
    rhythm: Rhythm,
    stop: CancellationToken,
) -> (Lease, rt::task::JoinHandle<()>) {
    let (told, tenure) = watch::channel(None);
    let keeper = Keeper { db: db.clone(), name, holder: holder.clone(), rhythm, told };
    (Lease { tenure }, rt::spawn(keeper.run(stop)))
}

struct Keeper {
    db: Db,
    name: &'static str,
    holder: InstanceId,
    rhythm: Rhythm,
    told: watch::Sender<Option<Tenure>>,
}

impl Keeper {
    async fn run(self, stop: CancellationToken) {
        loop {
            self.look().await;
            let pause = if self.fence().is_some() { self.rhythm.renewed_every } else { self.rhythm.asked_every };
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.told.closed() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        let Some(fence) = self.fence() else { return };
        self.told.send_replace(None);
        if !matches!(timeout(self.rhythm.answer, leases::release(&self.db, &fence)).await, Ok(Ok(()))) {
            tracing::warn!(lease = self.name, "a lease could not be given back; it runs out in a few seconds");
        }
    }

    fn fence(&self) -> Option<Fence> {
        self.told.borrow().as_ref().map(|tenure| tenure.fence.clone())
    }

    /// Renews it, or asks for it. While the database does not answer all stays as it is, and what is held runs out.
    async fn look(&self) {
        let until = Instant::now() + self.rhythm.lasts;
        match timeout(self.rhythm.answer, self.ask()).await {
            Ok(Ok(fence)) => self.becomes(fence.map(|fence| Tenure { fence, until })),
            Ok(Err(error)) => tracing::debug!(%error, lease = self.name, "the database does not answer about a lease"),
            Err(_) => tracing::debug!(lease = self.name, "the database does not answer about a lease in time"),
        }
    }

    async fn ask(&self) -> Stored<Option<Fence>> {
        let Some(fence) = self.fence() else {
            return leases::take(&self.db, self.name, &self.holder, self.rhythm.lasts).await;
        };
        Ok(leases::renew(&self.db, &fence, self.rhythm.lasts).await?.then_some(fence))
    }

    fn becomes(&self, tenure: Option<Tenure>) {
        let (before, after) = (self.fence(), tenure.as_ref().map(|tenure| tenure.fence.token));
        match (before, after) {
            (None, Some(token)) => tracing::info!(lease = self.name, token, "this instance has the lease from now on"),
            (Some(lost), None) => tracing::warn!(lease = self.name, token = lost.token, "another instance has taken the lease"),
            _ => {}
        }
        self.told.send_replace(tenure);
    }
}
