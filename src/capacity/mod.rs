//! What one process can bear: memory for the bodies under way, threads for work that is large.
//!
//! HTTP threads serve everybody, so none of them may be kept by one request; and memory belongs to everybody, so no
//! caller may take all of it.

mod footprint;
mod machine;
mod memory;
mod pool;

pub use footprint::{Footprint, INLINE_BYTES, Overloaded};
pub use memory::{BodyMemory, BodyShare, MemoryState, NoRoom};
pub use pool::{NoTurn, WorkPool};

use std::net::IpAddr;

use actors::vocabulary::UserId;

/// Both, shared by all workers.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Memory for bodies.
    pub memory: BodyMemory,
    /// Threads for large work.
    pub pool: WorkPool,
}

impl Capacity {
    /// As large as this machine allows.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn of_this_machine() -> std::io::Result<Self> {
        Ok(Self { memory: BodyMemory::new(machine::body_memory()), pool: WorkPool::start(machine::pool_threads())? })
    }

    /// What one request of this account and address will take; nothing yet.
    pub fn footprint(&self, owner: UserId, address: Option<IpAddr>) -> Footprint {
        Footprint::new(self.memory.share(owner, address), owner, self.pool.clone())
    }
}
