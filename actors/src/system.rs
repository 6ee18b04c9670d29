//! Starts the cellar, looks at it, drains it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::Arbiter;

use crate::channel_health::ChannelHealth;
use crate::log_broadcaster::LogBroadcaster;
use crate::ports::{
    CatalogueSource, Changed, Clock, EntryEncoder, Faults, Journal, LedgerStore, NoPeers, Peers, RequestObserver, SharedSlots,
    StorageIll,
};
use crate::settings_cache::SettingsCache;
use crate::supervision::VitalSigns;
use crate::usage_ledger::telling::TellingStore;
use crate::usage_ledger::{Backlog, Bookkeeper, Recovered, Sync, UsageLedger, recover};
use crate::user_gate::shared::SharedAccounts;
use crate::user_gate::{GateParts, UserGates};
use crate::vocabulary::UserId;

/// What the house gives the cellar.
pub struct CellarParts {
    /// Where snapshots, keys and accounts are read from.
    pub source: Arc<dyn CatalogueSource>,
    /// Where receipts end up.
    pub store: Arc<dyn LedgerStore>,
    /// The file behind the ledger.
    pub journal: Box<dyn Journal>,
    /// When it is synced.
    pub sync: Sync,
    /// Encodes live entries.
    pub encoder: Arc<dyn EntryEncoder>,
    /// Told of each request that has ended.
    pub observer: Arc<dyn RequestObserver>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What other instances share with this one, and how they are told; none by default.
    pub shared: Shared,
    /// Faults; [`NoFaults`](crate::ports::NoFaults) outside tests.
    pub faults: Arc<dyn Faults>,
    /// How long an idle user's gate stays.
    pub gate_idle_after: Duration,
}

/// What ties several instances together.
#[derive(Clone)]
pub struct Shared {
    /// Users' limits and money; `None` = this is the only instance.
    pub accounts: Option<Arc<dyn SharedAccounts>>,
    /// Slots of channels.
    pub slots: Option<Arc<dyn SharedSlots>>,
    /// The other instances.
    pub peers: Arc<dyn Peers>,
}

impl Shared {
    /// Whether there are other instances, or may be.
    pub fn is_used(&self) -> bool {
        self.accounts.is_some()
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self { accounts: None, slots: None, peers: Arc::new(NoPeers) }
    }
}

/// All actors, behind their handles.
#[derive(Clone, Debug)]
pub struct Cellar {
    /// One gate per active user.
    pub gates: UserGates,
    /// Channel health.
    pub health: ChannelHealth,
    /// Settings, catalogue, keys.
    pub cache: SettingsCache,
    /// Live log entries.
    pub logs: LogBroadcaster,
    /// Receipts.
    pub ledger: UsageLedger,
    /// Opens receipts.
    pub bookkeeper: Bookkeeper,
    /// What the journal held when the process started.
    pub recovered: Recovered,
    peers: PeersHandle,
}

#[derive(Clone)]
struct PeersHandle(Arc<dyn Peers>);

impl fmt::Debug for PeersHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peers")
    }
}

impl Cellar {
    /// Replays the journal, starts every actor, loads the first snapshot. Must run inside an actix system.
    /// Gates, health, cache and broadcaster share one thread; the ledger, whose writes block, has its own.
    ///
    /// # Errors
    /// When journal or database cannot be read.
    pub async fn start(mut parts: CellarParts) -> Result<Self, StorageIll> {
        let recovered = recover(parts.journal.as_mut(), parts.store.as_ref(), parts.clock.as_ref()).await?;
        let (state_thread, ledger_thread) = (Arbiter::new(), Arbiter::new());
        let state = state_thread.handle();
        let backlog = Backlog::default();
        backlog.grow(recovered.left as u64);
        let gates_slot: Arc<OnceLock<UserGates>> = Arc::default();
        let store: Arc<dyn LedgerStore> = match &parts.shared.accounts {
            Some(_) => {
                let (source, gates) = (Arc::clone(&parts.source), Arc::clone(&gates_slot));
                Arc::new(TellingStore { store: parts.store, source, gates })
            }
            None => parts.store,
        };
        let ledger = UsageLedger::start(
            ledger_thread.handle(),
            parts.journal,
            store,
            parts.sync,
            backlog.clone(),
            Arc::clone(&parts.clock),
            Arc::clone(&parts.faults),
        );
        let peers = Arc::clone(&parts.shared.peers);
        let logs = LogBroadcaster::start(state.clone(), parts.encoder, Arc::clone(&peers), Arc::clone(&parts.faults));
        let cache = SettingsCache::start(
            state.clone(),
            Arc::clone(&parts.source),
            Arc::clone(&parts.clock),
            Arc::clone(&parts.faults),
            refresher(&gates_slot),
        );
        let health = ChannelHealth::start(
            state.clone(),
            cache.reader().clone(),
            Arc::clone(&parts.clock),
            parts.shared.clone(),
            Arc::clone(&parts.faults),
        );
        let forgetful = cache.clone();
        let gates = UserGates::new(GateParts {
            arbiter: state,
            source: parts.source,
            clock: parts.clock,
            faults: parts.faults,
            backlog,
            idle_after: parts.gate_idle_after,
            shared: parts.shared.accounts,
            retired: Box::new(move |user| forgetful.forget(user)),
        });
        let _first = gates_slot.set(gates.clone());
        cache.reload().await?;
        let bookkeeper = Bookkeeper::new(ledger.clone(), logs.clone(), parts.observer);
        Ok(Self { gates, health, cache, logs, ledger, bookkeeper, recovered, peers: PeersHandle(peers) })
    }

    /// Puts a change that was just committed in force; here it is when this returns, and the other instances are told.
    pub async fn changed(&self, what: Changed) {
        self.peers.0.changed();
        match what {
            Changed::Catalogue => {
                if let Err(ill) = self.cache.reload().await {
                    tracing::warn!(%ill, "a change is saved, but not in force yet");
                }
            }
            Changed::User(user) => {
                self.cache.forget(user);
                self.gates.refresh(user).await;
            }
        }
    }

    /// Every actor's counters.
    pub fn vital_signs(&self) -> [VitalSigns; 5] {
        [
            self.gates.vital_signs(),
            self.health.vital_signs(),
            self.cache.vital_signs(),
            self.logs.vital_signs(),
            self.ledger.vital_signs(),
        ]
    }
}

/// Tells the gates when another process changed a user. The gates start after the cache, hence the slot.
fn refresher(gates: &Arc<OnceLock<UserGates>>) -> Arc<dyn Fn(UserId) + Send + std::marker::Sync> {
    let gates = Arc::clone(gates);
    Arc::new(move |user| {
        if let Some(gates) = gates.get().cloned() {
            actix::spawn(async move { gates.refresh(user).await });
        }
    })
}
