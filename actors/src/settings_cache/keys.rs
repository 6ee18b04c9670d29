//! Keys and their owners, loaded by digest on first use into a bounded map.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use crate::vocabulary::{KeyDigest, KeyRecord, UserId};

/// Keys kept in memory.
const KEYS: usize = 100_000;

/// The bounded map. Only found keys are kept: unknown ones cost a look-up each and are throttled at the door.
#[derive(Debug)]
pub(super) struct Keys {
    known: Cache<KeyDigest, Arc<KeyRecord>>,
    generation: AtomicU64,
}

impl Default for Keys {
    fn default() -> Self {
        Self { known: Cache::new(KEYS), generation: AtomicU64::new(0) }
    }
}

impl Keys {
    pub(super) fn get(&self, digest: &KeyDigest) -> Option<Arc<KeyRecord>> {
        self.known.get(digest)
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Taken before a key is read, so that one read before a change is not kept after it.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keeps what was read since `generation`; false, and nothing is kept of it, when something changed meanwhile.
    pub(super) fn keep(&self, digest: KeyDigest, record: &Arc<KeyRecord>, generation: u64) -> bool {
        if self.generation() != generation {
            return false;
        }
        self.known.insert(digest, Arc::clone(record));
        let unchanged = self.generation() == generation;
        if !unchanged {
            self.known.remove(&digest);
        }
        unchanged
    }

    /// The keys of a user that are in memory, to be read anew; readings that began before are not kept. Empty when
    /// they are more than `most`: then they are forgotten.
    pub(super) fn renewing(&self, user: UserId, most: usize) -> Vec<KeyDigest> {
        let theirs = self.known.iter().filter(|(_, record)| record.owner.id == user).map(|(digest, _)| digest);
        let theirs: Vec<KeyDigest> = theirs.take(most + 1).collect();
        if theirs.len() > most {
            self.forget(user);
            return Vec::new();
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        theirs
    }

    /// Forgets one key.
    pub(super) fn remove(&self, digest: &KeyDigest) {
        self.known.remove(digest);
    }

    /// Forgets every key of a user.
    pub(super) fn forget(&self, user: UserId) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.known.retain(|_, record| record.owner.id != user);
    }

    /// Forgets all.
    pub(super) fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.known.clear();
    }
}
