//! What one request takes of the machine.

use actors::vocabulary::UserId;

use super::memory::{BodyShare, NoRoom};
use super::pool::{NoTurn, WorkPool};

/// Work on so many bytes is done where it is: less than a wake-up of another thread is worth.
pub const INLINE_BYTES: usize = 64 << 10;

/// The gateway has no capacity for a large request right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overloaded {
    /// No memory.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// No thread.
    #[error(transparent)]
    NoTurn(#[from] NoTurn),
}

/// A request's memory and its turns on the pool; lives as long as its body.
#[derive(Debug)]
#[must_use = "memory that is dropped is given back"]
pub struct Footprint {
    share: BodyShare,
    /// Of that, for a copy of the body as an upstream gets it.
    copy: usize,
    owner: UserId,
    pool: WorkPool,
}

impl Footprint {
    pub(super) fn new(share: BodyShare, owner: UserId, pool: WorkPool) -> Self {
        Self { share, copy: 0, owner, pool }
    }

    /// The memory.
    pub fn memory(&mut self) -> &mut BodyShare {
        &mut self.share
    }

    /// Holds memory for a copy of the body, and no longer for the one before: attempts follow each other.
    ///
    /// # Errors
    /// When there is no room in time.
    pub async fn hold_copy(&mut self, bytes: usize) -> Result<(), Overloaded> {
        self.share.shrink(std::mem::take(&mut self.copy));
        self.share.grow(bytes).await?;
        self.share.is_whole();
        self.copy = bytes;
        Ok(())
    }

    /// Does work on `bytes` of a body: here if they are few, else on a thread for such work.
    ///
    /// # Errors
    /// When there is no turn in time.
    pub async fn work<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Overloaded> {
        if bytes <= INLINE_BYTES { Ok(work()) } else { Ok(self.pool.run(self.owner, work).await?) }
    }

    /// The same for an upstream's answer, which has been paid for: it is never refused.
    ///
    /// # Errors
    /// When the work panicked.
    pub async fn finish<T: Send + 'static>(&self, bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoTurn> {
        if bytes <= INLINE_BYTES { Ok(work()) } else { self.pool.finish(self.owner, work).await }
    }
}
