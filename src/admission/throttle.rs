//! Slows down addresses that guess keys.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::redis_store::RedisTries;

/// Addresses remembered; the least used are forgotten.
const ADDRESSES: usize = 20_000;
/// Unknown keys an address may show in a minute.
const GUESSES_PER_MINUTE: u32 = 30;
const MINUTE_MS: i64 = 60_000;
/// Keys looked up at the same time for addresses that guessed too often.
const LOOK_UPS: usize = 4;

/// Counts unknown keys by address, wherever they are shown. Several instances count together: each learns what the others have
/// counted with every guess it sees itself, so that a good key costs nobody a question.
#[derive(Debug)]
pub struct KeyGuesses {
    guesses: Mutex<Cache<IpAddr, Guesses>>,
    look_ups: Semaphore,
    shared: Option<RedisTries>,
}

/// An address's guesses in the minute that began with the first of them.
#[derive(Clone, Copy, Debug)]
struct Guesses {
    until_ms: i64,
    count: u32,
}

impl KeyGuesses {
    /// Nobody has guessed yet; `None` = there are no other instances.
    pub fn new(shared: Option<RedisTries>) -> Self {
        Self { guesses: Mutex::new(Cache::new(ADDRESSES)), look_ups: Semaphore::new(LOOK_UPS), shared }
    }

    /// Milliseconds for which the address is closed to unknown keys; `None` = it is open. `now_ms` is monotonic.
    pub fn closed_for(&self, address: Option<IpAddr>, now_ms: i64) -> Option<i64> {
        let guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let Guesses { until_ms, count } = *guesses.get(&canonical(address?))?;
        (now_ms < until_ms && count >= GUESSES_PER_MINUTE).then(|| until_ms - now_ms)
    }

    /// Leave to look a key up for a closed address; `None` = too many do so.
    pub fn look_up(&self) -> Option<SemaphorePermit<'_>> {
        self.look_ups.try_acquire().ok()
    }

    /// An address showed an unknown key.
    pub async fn guessed(&self, address: Option<IpAddr>, now_ms: i64) {
        let Some(address) = address.map(canonical) else { return };
        let mut counted = self.count(address, now_ms);
        if let Some(shared) = &self.shared
            && let Some((count, left_ms)) = shared.count("keys", &address, Duration::from_secs(60)).await
        {
            counted = self.learn(address, Guesses { until_ms: now_ms + left_ms, count }, now_ms);
        }
        if counted == GUESSES_PER_MINUTE {
            tracing::warn!(%address, guesses = counted, "unknown API keys from one address; it is held off until the minute ends");
        }
    }

    /// Counts here; answers how many there are in this minute.
    fn count(&self, address: IpAddr, now_ms: i64) -> u32 {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let current = guesses.get(&address).copied().filter(|known| now_ms < known.until_ms);
        let Guesses { until_ms, count } = current.unwrap_or(Guesses { until_ms: now_ms + MINUTE_MS, count: 0 });
        guesses.insert(address, Guesses { until_ms, count: count + 1 });
        count + 1
    }

    /// Takes in what all instances have counted; answers how many there are.
    fn learn(&self, address: IpAddr, all: Guesses, now_ms: i64) -> u32 {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let says_more = guesses.get(&address).is_none_or(|known| known.count < all.count || known.until_ms <= now_ms);
        if says_more {
            guesses.insert(address, all);
        }
        all.count
    }
}

/// IPv6 callers own whole networks: they are counted by their /64.
fn canonical(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_closed_until_the_minute_ends() {
        let (guesses, address) = (KeyGuesses::new(None), canonical("203.0.113.7".parse().unwrap()));
        for _ in 1..GUESSES_PER_MINUTE {
            guesses.count(address, 61_000);
        }
        assert_eq!(guesses.closed_for(Some(address), 62_000), None);
        guesses.count(address, 62_000);
        assert_eq!(guesses.closed_for(Some(address), 62_000), Some(59_000));
        assert_eq!(guesses.closed_for(Some(address), 121_000), None);
        assert_eq!(guesses.count(address, 121_000), 1);
    }

    #[test]
    fn what_the_others_counted_closes_it_here_and_an_older_count_opens_nothing() {
        let (guesses, address) = (KeyGuesses::new(None), canonical("203.0.113.7".parse().unwrap()));
        guesses.count(address, 0);
        guesses.learn(address, Guesses { until_ms: 60_000, count: 31 }, 0);
        guesses.learn(address, Guesses { until_ms: 60_000, count: 30 }, 0);
        assert_eq!(guesses.closed_for(Some(address), 10_000), Some(50_000));
    }
}
