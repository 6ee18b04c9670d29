//! What services ask of the process as a whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actors::ports::Changed;
use actors::system::Cellar;
use actors::vocabulary::UserId;
use async_trait::async_trait;

use crate::services::News;
use crate::services::system::{Figures, System, Traffic};
use crate::services::values::Usd;

/// Puts changes in force through the actors.
pub(super) struct CellarNews(pub(super) Cellar);

#[async_trait]
impl News for CellarNews {
    async fn changed(&self, what: Changed) {
        self.0.changed(what).await;
    }
}

/// The process's own figures.
pub(super) struct Process {
    pub(super) cellar: Cellar,
    pub(super) started_at: i64,
    pub(super) in_flight: Arc<AtomicUsize>,
}

#[async_trait]
impl System for Process {
    async fn redis(&self) -> Option<bool> {
        None
    }

    fn can_relay(&self) -> bool {
        true
    }

    async fn figures(&self) -> Figures {
        let ledger = self.cellar.ledger.observe();
        let restarts = self.cellar.vital_signs().iter().map(|signs| signs.crashes + signs.deaths).sum();
        Figures {
            started_at: self.started_at,
            in_flight: self.in_flight.load(Ordering::Acquire) as u64,
            unwritten_receipts: ledger.backlog,
            journal_bytes: ledger.journal_bytes,
            active_users: self.cellar.gates.observe_all().len() as u64,
            cached_keys: self.cellar.cache.cached_keys() as u64,
            live_readers: self.cellar.logs.readers() as u64,
            actor_restarts: restarts,
            memory_bytes: resident_bytes(),
        }
    }

    fn traffic(&self, user: Option<UserId>) -> Traffic {
        let traffic = self.cellar.gates.traffic(user);
        Traffic {
            running: traffic.running as u64,
            waiting: traffic.waiting as u64,
            held_usd: Usd(traffic.held),
            requests_last_minute: traffic.requests,
            tokens_last_minute: traffic.tokens,
        }
    }
}

/// Resident memory, where /proc tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
