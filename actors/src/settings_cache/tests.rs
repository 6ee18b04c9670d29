//! Keys are read again when something changed while they were read.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use actix::Arbiter;
use async_trait::async_trait;

use super::{Catalogue, SettingsCache};
use crate::ports::{Account, CatalogueSource, Change, NoFaults, StorageIll, SystemClock};

use crate::vocabulary::caller::StoredLimits;
use crate::vocabulary::{ChannelScope, KeyDigest, KeyId, KeyRecord, KeyStatus, Narrowing, Owner, Role, UserId, UserStatus};

const OWNER: UserId = UserId(1);
const SOMEBODY: UserId = UserId(2);

/// One key; somebody else's keys change while it is read for the first time.
#[derive(Default)]
struct ChangesWhileReading {
    cache: OnceLock<SettingsCache>,
    readings: AtomicU32,
}

#[async_trait]
impl CatalogueSource for ChangesWhileReading {
    async fn catalogue(&self) -> Result<Catalogue, StorageIll> {
        Ok(Catalogue::default())
    }
    async fn key(&self, _: KeyDigest) -> Result<Option<KeyRecord>, StorageIll> {
        if self.readings.fetch_add(1, Ordering::SeqCst) == 0 {
            self.cache.get().unwrap().forget(SOMEBODY);
        }
        Ok(Some(key()))
    }
    async fn changes(&self, _: i64) -> Result<Vec<Change>, StorageIll> {
        Ok(Vec::new())
    }
    async fn account(&self, _: UserId) -> Result<Option<Account>, StorageIll> {
        Ok(None)
    }
}

fn key() -> KeyRecord {
    let owner = Owner {
        id: OWNER,
        username: "ann".to_owned(),
        role: Role::User,
        status: UserStatus::Active,
        limits: StoredLimits::default(),
    };
    KeyRecord {
        id: KeyId(1),
        name: "laptop".to_owned(),
        prefix: "sk-relay-AAAA".to_owned(),
        status: KeyStatus::Active,
        expires_at: None,
        scope: ChannelScope::All,
        channel: None,
        models: Narrowing::default(),
        allowed_ips: Narrowing::default(),
        owner_limits: StoredLimits::default(),
        admin_limits: StoredLimits::default(),
        daily_tokens: None,
        budget: None,
        owner: Arc::new(owner),
    }
}

#[actix::test]
async fn a_key_that_was_served_once_is_known_whatever_changed_while_it_was_read() {
    let source = Arc::new(ChangesWhileReading::default());
    let arbiter = Arbiter::new().handle();
    let cache = SettingsCache::start(arbiter, source.clone(), Arc::new(SystemClock), Arc::new(NoFaults), Arc::new(|_| {}));
    source.cache.set(cache.clone()).unwrap();
    let digest = KeyDigest([7; 32]);
    assert!(cache.key(digest).await.unwrap().is_some());
    assert!(cache.cached_key(&digest).is_some(), "the next request must not need the database");
    assert_eq!(source.readings.load(Ordering::SeqCst), 2);
    cache.forget(OWNER);
    assert!(cache.cached_key(&digest).is_none(), "what was forgotten is read anew");
}
