//! Counts tries, so that guessing is slow: a bucket per address and per account.
//!
//! A try is taken *before* it is judged, in one step, so that parallel guesses all count; a try that
//! succeeded is given back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::error::{Served, ServiceError};

/// Buckets kept at most, per throttle. Beyond it, those that are full again are forgotten first.
const CAPACITY: usize = 50_000;
/// Gift card codes judged at the same time: fewer than a bucket holds, so that good codes that come together
/// never fill one by themselves.
const JUDGED_TOGETHER: usize = 4;

/// The throttles of the services.
#[derive(Debug)]
pub struct Throttles {
    /// Sign-ins by address.
    pub sign_in_address: Throttle,
    /// Sign-ins by account.
    pub sign_in_account: Throttle,
    /// Registrations by address.
    pub register_address: Throttle,
    /// Gift card codes by account.
    pub redeem_account: Throttle,
    /// Gift card codes by address.
    pub redeem_address: Throttle,
    /// Gift card codes being judged: one permit each.
    pub redeeming: Semaphore,
    /// Unknown relay keys by address.
    pub key_address: Throttle,
}

impl Default for Throttles {
    fn default() -> Self {
        Self {
            sign_in_address: Throttle::new(50, 6_000),
            sign_in_account: Throttle::new(10, 30_000),
            register_address: Throttle::new(60, 10_000),
            redeem_account: Throttle::new(10, 60_000),
            redeem_address: Throttle::new(30, 20_000),
            redeeming: Semaphore::new(JUDGED_TOGETHER),
            key_address: Throttle::new(30, 10_000),
        }
    }
}

/// Buckets of `burst` tries that refill by one every `refill_ms`.
#[derive(Debug)]
pub struct Throttle {
    burst: i64,
    refill_ms: i64,
    /// When each bucket will be full again, by the clock that nobody can set.
    full_at: Mutex<HashMap<String, i64>>,
}

impl Throttle {
    /// `burst` tries at once, then one every `refill_ms` milliseconds.
    pub fn new(burst: i64, refill_ms: i64) -> Self {
        Self { burst, refill_ms, full_at: Mutex::default() }
    }

    /// Takes a try.
    ///
    /// # Errors
    /// `too_many_requests` with the seconds to wait; then nothing was taken.
    pub fn take(&self, who: &str, now_ms: i64) -> Served<()> {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(who).copied().unwrap_or(now_ms).max(now_ms) + self.refill_ms;
        let wait_ms = full_at - now_ms - self.burst * self.refill_ms;
        if wait_ms > 0 {
            return Err(ServiceError::too_many(u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000)));
        }
        if buckets.len() >= CAPACITY && !buckets.contains_key(who) {
            make_room(&mut buckets, now_ms);
        }
        buckets.insert(who.to_owned(), full_at);
        Ok(())
    }

    /// Gives a try back.
    pub fn give_back(&self, who: &str) {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = buckets.get_mut(who) {
            *full_at -= self.refill_ms;
        }
    }
}

fn make_room(buckets: &mut HashMap<String, i64>, now_ms: i64) {
    buckets.retain(|_, full_at| *full_at > now_ms);
    if buckets.len() >= CAPACITY
        && let Some(soonest) = buckets.iter().min_by_key(|(_, full_at)| **full_at).map(|(who, _)| who.clone())
    {
        buckets.remove(&soonest);
    }
}

/// The bucket of an address; one for a whole IPv6 network, as its addresses are free.
pub fn address_bucket(ip: Option<IpAddr>) -> String {
    match ip {
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Some(address) => address.to_string(),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_run_out_and_come_back_one_by_one() {
        let throttle = Throttle::new(3, 1_000);
        for _ in 0..3 {
            throttle.take("a", 0).unwrap();
        }
        assert_eq!(throttle.take("a", 0).unwrap_err().retry_after, Some(1));
        throttle.take("b", 0).unwrap();
        throttle.take("a", 1_000).unwrap();
        throttle.take("a", 1_000).unwrap_err();
        throttle.give_back("a");
        throttle.take("a", 1_000).unwrap();
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new(3, 1_000);
        for who in 0..CAPACITY + 10 {
            throttle.take(&who.to_string(), 0).unwrap();
        }
        assert_eq!(throttle.full_at.lock().unwrap().len(), CAPACITY);
    }
}
