//! Two instances' handles on one Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::ports::SystemClock;
use actors::user_gate::shared::Standing;
use api_proxy::redis_store::{InstanceFacts, Membership, RedisStore, Rhythm};
use api_proxy::secrets::Sealer;
use secrecy::SecretString;

use crate::redis::RedisServer;

/// Longest wait for something that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A Redis and the handles of two instances.
pub struct Pair {
    pub redis: RedisServer,
    pub one: RedisStore,
    pub other: RedisStore,
    pub sealer: Sealer,
}

impl Pair {
    pub async fn start() -> Self {
        let redis = RedisServer::start().await;
        let (one, other) = (joined(&redis, "one").await, joined(&redis, "other").await);
        let sealer = Sealer::new(&SecretString::from("a secret of the tests, 32 chars long"), &[]).unwrap();
        Self { redis, one, other, sealer }
    }

    /// Kills Redis; both know it afterwards.
    pub async fn lose_redis(&mut self) {
        self.redis.kill();
        let is_alone = |store: &RedisStore| matches!(store.standing(), Standing::Alone(_));
        eventually("both notice", async || is_alone(&self.one) && is_alone(&self.other)).await;
    }

    /// Nothing of this can be read in Redis.
    pub async fn hides(&self, secrets: &[&str]) {
        let everything = self.redis.everything().await;
        assert!(!everything.is_empty());
        for secret in secrets {
            assert!(!everything.contains(secret), "{secret} can be read in Redis");
        }
    }
}

async fn joined(redis: &RedisServer, id: &str) -> RedisStore {
    let membership = Membership { id, required: true, rhythm: Rhythm::default() };
    let store = RedisStore::open(&redis.url(), membership, Arc::new(SystemClock)).await.unwrap();
    store.join(Box::new(|_| {}), Box::new(InstanceFacts::default)).await.unwrap();
    assert_eq!(store.standing(), Standing::Together);
    store
}

/// Waits until `is_so`; fails with `what` when it never is.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let by = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < by, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
