//! The lane that this instance makes its ids in: taken at the start, renewed while it runs, given back when nothing is left to book.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use actors::vocabulary::{IdMaker, InstanceId};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::store::leases::{self, Fence};
use crate::store::{Db, Stored, lanes};

/// Longest wait for the database's answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait while stopping.
const FAREWELL: Duration = Duration::from_secs(2);

/// A lane, kept by a task of its own.
pub(super) struct Lane {
    keeper: rt::task::JoinHandle<()>,
    stopping: CancellationToken,
}

/// Takes a lane and makes ids in it.
pub(super) async fn take(db: &Db, holder: &InstanceId) -> Result<(Arc<IdMaker>, Lane), StartError> {
    let (lane, fence) = lanes::take(db, holder).await?.ok_or(StartError::TooManyInstances)?;
    let (ids, stopping) = (Arc::new(IdMaker::new(lane)), CancellationToken::new());
    let keeper = Keeper { db: db.clone(), holder: holder.clone(), ids: Arc::clone(&ids), fence };
    Ok((ids, Lane { keeper: rt::spawn(keeper.run(stopping.clone())), stopping }))
}

impl Lane {
    /// Gives it back: no id may be made any more.
    pub(super) async fn give_back(self) {
        self.stopping.cancel();
        if timeout(FAREWELL, self.keeper).await.is_err() {
            tracing::debug!("the lane of ids could not be given back in time");
        }
    }
}

struct Keeper {
    db: Db,
    holder: InstanceId,
    ids: Arc<IdMaker>,
    fence: Fence,
}

impl Keeper {
    async fn run(mut self, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => break,
                () = tokio::time::sleep(lanes::RENEWED_EVERY) => {}
            }
            match timeout(ANSWER_DEADLINE, self.renew()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the lane of ids is not renewed yet"),
                Err(_) => tracing::debug!("the lane of ids is not renewed yet: nothing answered in time"),
            }
        }
        if let Err(error) = leases::release(&self.db, &self.fence).await {
            tracing::debug!(%error, "the lane of ids could not be given back");
        }
    }

    /// Renews it, or takes another where somebody else has it by now.
    async fn renew(&mut self) -> Stored<()> {
        if leases::renew(&self.db, &self.fence, lanes::LASTS).await? {
            return Ok(());
        }
        match lanes::take(&self.db, &self.holder).await? {
            Some((lane, fence)) => {
                tracing::warn!(
                    lane,
                    "this instance was not heard of for so long that its lane of ids went to another; it has a new one"
                );
                self.ids.change_lane(lane);
                self.fence = fence;
            }
            None => {
                tracing::error!("the lane of ids of this instance went to another, and there is no other: too many instances")
            }
        }
        Ok(())
    }
}
