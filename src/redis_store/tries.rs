//! Tries that are counted for all instances together, so that guesses spread over them all count.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;
use std::time::Duration;

use actors::user_gate::shared::Standing;
use deadpool_redis::redis::{self, Script};
use sha2::{Digest, Sha256};

use super::{RedisStore, named};
use crate::secrets::hex;

/// For how long it is known from where an account got in.
const HOME_KNOWN: Duration = Duration::from_secs(30 * 24 * 3_600);

const GIVE_BACK: &str = include_str!("scripts/give_back_tries.lua");
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take_tries.lua")));
static COUNT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/count_guess.lua")));

/// A bucket of tries, or a count of them. Its key tells nobody whose it is at a glance: it is a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedBucket {
    key: String,
    /// Tries it holds.
    burst: i64,
    /// Milliseconds after which it gets one back.
    refill_ms: i64,
}

impl SharedBucket {
    /// The bucket that `who` has for `what`.
    pub fn of(what: &str, who: &impl Hash, (burst, refill_ms): (i64, i64)) -> Self {
        Self { key: named("tries", digest_of(what, who)), burst, refill_ms }
    }
}

/// What says that an account got in from somewhere.
#[derive(Clone, Debug)]
pub struct Home(String);

impl Home {
    /// Of `who`, an account and a network, for `what`.
    pub fn of(what: &str, who: &impl Hash) -> Self {
        Self(named("home", digest_of(what, who)))
    }
}

/// Buckets of tries, shared. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RedisTries(RedisStore);

impl RedisTries {
    /// Shares them through `store`.
    pub fn new(store: RedisStore) -> Self {
        Self(store)
    }

    fn decides(&self) -> bool {
        self.0.standing() == Standing::Together
    }

    /// Takes a try from each bucket, or from none: then the milliseconds to wait. Where `home` is known, the last bucket refuses
    /// nobody. `None` = Redis does not decide now.
    pub async fn take(&self, buckets: &[SharedBucket], home: Option<&Home>) -> Option<Result<(), i64>> {
        if !self.decides() {
            return None;
        }
        let mut call = TAKE.prepare_invoke();
        call.arg(buckets.len()).arg(if home.is_some() { buckets.len() } else { 0 });
        for bucket in buckets {
            call.key(&bucket.key).arg(bucket.burst).arg(bucket.refill_ms);
        }
        if let Some(Home(home)) = home {
            call.key(home);
        }
        let wait_ms: i64 = self.0.inner.run(&call).await.ok()?;
        Some(if wait_ms > 0 { Err(wait_ms) } else { Ok(()) })
    }

    /// Gives a try back to each bucket; `home` is known from now on. Nobody waits for it. Answers whether Redis decides now.
    pub fn give_back(&self, buckets: &[SharedBucket], home: Option<&Home>) -> bool {
        if !self.decides() {
            return false;
        }
        let mut command = redis::cmd("EVAL");
        command.arg(GIVE_BACK).arg(buckets.len() + usize::from(home.is_some()));
        for bucket in buckets {
            command.arg(&bucket.key);
        }
        if let Some(Home(home)) = home {
            command.arg(home);
        }
        command.arg(buckets.len()).arg(HOME_KNOWN.as_secs());
        for bucket in buckets {
            command.arg(bucket.refill_ms);
        }
        self.0.inner.send(command);
        true
    }

    /// Counts one more of what `who` does within `window`, which begins with the first: how many there were, and the milliseconds
    /// that are left of it. `None` = Redis does not decide now.
    pub async fn count(&self, what: &str, who: &impl Hash, window: Duration) -> Option<(u32, i64)> {
        if !self.decides() {
            return None;
        }
        let mut call = COUNT.prepare_invoke();
        call.key(named("tries", digest_of(what, who))).arg(u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
        let (count, left_ms): (u32, i64) = self.0.inner.run(&call).await.ok()?;
        Some((count, left_ms.max(0)))
    }
}

fn digest_of(what: &str, who: &impl Hash) -> String {
    let mut digester = Digester(Sha256::new());
    digester.write(what.as_bytes());
    digester.write_u8(0);
    who.hash(&mut digester);
    hex(&digester.0.finalize())
}

/// Digests whatever can be hashed, the same on every instance.
struct Digester(Sha256);

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Nobody asks: the digest is read instead.
    fn finish(&self) -> u64 {
        0
    }
}
