//! Slows down addresses that guess keys.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::unsync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Addresses remembered; the least used are forgotten.
const ADDRESSES: usize = 20_000;
/// Unknown keys an address may show in one minute.
const GUESSES_PER_MINUTE: u32 = 30;
/// Keys looked up at the same time for addresses that guessed too often.
const LOOK_UPS: usize = 4;

/// Counts unknown keys by address.
#[derive(Debug)]
pub struct Throttle {
    guesses: Mutex<Cache<IpAddr, (i64, u32)>>,
    unknown: AtomicU64,
    look_ups: Semaphore,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { guesses: Mutex::new(Cache::new(ADDRESSES)), unknown: AtomicU64::new(0), look_ups: Semaphore::new(LOOK_UPS) }
    }
}

impl Throttle {
    /// Milliseconds for which the address is closed to unknown keys; `None` = it is open. `now_ms` is monotonic.
    pub fn closed_for(&self, address: Option<IpAddr>, now_ms: i64) -> Option<i64> {
        let guesses = self.guesses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (minute, count) = *guesses.get(&canonical(address?))?;
        let still = minute == now_ms / 60_000 && count >= GUESSES_PER_MINUTE;
        still.then(|| 60_000 - now_ms % 60_000)
    }

    /// Leave to look a key up for a closed address; `None` = too many do so.
    pub fn look_up(&self) -> Option<SemaphorePermit<'_>> {
        self.look_ups.try_acquire().ok()
    }

    /// An address showed an unknown key.
    pub fn guessed(&self, address: Option<IpAddr>, now_ms: i64) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
        let Some(address) = address.map(canonical) else { return };
        let mut guesses = self.guesses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let minute = now_ms / 60_000;
        let count = guesses.get(&address).filter(|(then, _)| *then == minute).map_or(0, |(_, count)| *count);
        guesses.insert(address, (minute, count + 1));
        if count + 1 == GUESSES_PER_MINUTE {
            tracing::warn!(%address, guesses = count + 1, "unknown API keys from one address; it is held off until the minute ends");
        }
    }

    /// Unknown keys shown so far.
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }
}

/// IPv6 callers own whole networks: they are counted by their /64.
fn canonical(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
        v4 => v4,
    }
}
