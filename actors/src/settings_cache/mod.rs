//! The snapshot of settings, channels, models, mappings and prices; beside it keys and their owners.
//!
//! Readers take the snapshot and cached keys without a message. **A restart loses** nothing: both live
//! beside the actor, which only loads and invalidates them.

mod actor;
mod keys;
mod offers;
mod similar;
mod snapshot;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use actix::prelude::*;
use arc_swap::{ArcSwap, Guard};

pub use offers::{NoOffer, Offer};
pub use snapshot::{Catalogue, CatalogueModel, Mapping, PriceRow, PriceScope, Snapshot};

use actor::{Current, LoadKey, Look, Parts, Reload, SettingsCacheActor};
use keys::Keys;

use crate::ports::{CatalogueSource, Clock, Faults, StorageIll};
use crate::supervision::{Line, Loss, VitalSigns, Vitals};
use crate::vocabulary::{KeyDigest, KeyRecord, UserId};

/// Reads the snapshot in force.
#[derive(Clone, Debug)]
pub struct SnapshotReader(Arc<ArcSwap<Snapshot>>);

impl SnapshotReader {
    /// The snapshot now, borrowed for a moment.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// The snapshot now, kept as long as wanted.
    pub fn keep(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}

/// The handle.
#[derive(Clone, Debug)]
pub struct SettingsCache {
    reader: SnapshotReader,
    keys: Arc<Keys>,
    line: Arc<Line<SettingsCacheActor>>,
}

impl SettingsCache {
    /// Starts the actor on `arbiter` with an empty snapshot; call [`reload`](Self::reload) before serving.
    /// `refreshed` is told when another process changed a user.
    pub fn start(
        arbiter: ArbiterHandle,
        source: Arc<dyn CatalogueSource>,
        clock: Arc<dyn Clock>,
        faults: Arc<dyn Faults>,
        refreshed: Arc<dyn Fn(UserId) + Send + Sync>,
    ) -> Self {
        let current = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let keys = Arc::<Keys>::default();
        let vitals = Vitals::new("SettingsCache", Loss::Nothing);
        let parts = Parts {
            current: Current::new(Arc::clone(&current)),
            keys: Arc::clone(&keys),
            source,
            clock,
            faults,
            vitals: Arc::clone(&vitals),
            refreshed,
        };
        let line = Line::open(vitals, move || {
            let parts = parts.clone();
            Supervisor::start_in_arbiter(&arbiter, |_| SettingsCacheActor::new(parts))
        });
        Self { reader: SnapshotReader(current), keys, line: Arc::new(line) }
    }

    /// Reads the snapshot in force.
    pub fn reader(&self) -> &SnapshotReader {
        &self.reader
    }

    /// Loads the snapshot anew; in force when this returns.
    ///
    /// # Errors
    /// When storage is ill; the snapshot before stays in force.
    pub async fn reload(&self) -> Result<(), StorageIll> {
        self.line.ask(|| Reload).await.map_err(|unanswered| StorageIll(unanswered.to_string()))?
    }

    /// Reads the change log now: another instance has told that there is something new in it.
    pub fn look(&self) {
        self.line.tell(Look);
    }

    /// The key with this digest, if it is in memory.
    pub fn cached_key(&self, digest: &KeyDigest) -> Option<Arc<KeyRecord>> {
        self.keys.get(digest)
    }

    /// The key with this digest: from memory, else from the database.
    ///
    /// # Errors
    /// When storage is ill and the key is not cached. Never means that the key is unknown.
    pub async fn key(&self, digest: KeyDigest) -> Result<Option<Arc<KeyRecord>>, StorageIll> {
        if let Some(record) = self.keys.get(&digest) {
            return Ok(Some(record));
        }
        self.line.ask(|| LoadKey(digest)).await.map_err(|unanswered| StorageIll(unanswered.to_string()))?
    }

    /// Forgets a user's keys; the next request loads them anew.
    pub fn forget(&self, user: UserId) {
        self.keys.forget(user);
    }

    /// Forgets all keys.
    pub fn forget_all_keys(&self) {
        self.keys.forget_all();
    }

    /// Keys in memory.
    pub fn cached_keys(&self) -> usize {
        self.keys.len()
    }

    /// The actor's counters.
    pub fn vital_signs(&self) -> VitalSigns {
        self.line.signs()
    }
}
