//! Counts tries, so that guessing is slow, without the guesser shutting out whoever they guess at.
//!
//! Tries at an account are counted tightly by account *and* address, and much more widely by each alone: a stranger uses up
//! their own bucket, not that of the owner who signs in from elsewhere. Where the owner got in before, guesses from all the
//! world do not count against them either. A try is taken *before* it is judged, in one step, so
//! that parallel guesses all count; a try that succeeded is given back. Buckets are keyed by types of their own: nothing that
//! somebody types is ever the key of another form's bucket.
//!
//! Several instances have their buckets in Redis, so that guesses spread over them all count; while Redis is away each has its
//! own.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use actors::vocabulary::UserId;
use quick_cache::unsync::Cache;
use tokio::sync::Semaphore;

use super::error::{Served, ServiceError};
use crate::admission::KeyGuesses;
use crate::redis_store::{Home, RedisTries, SharedBucket};
use crate::secrets::digest;
use crate::store::names::folded;

/// Buckets kept at most, per throttle. Beyond it, those that were used least are forgotten.
const CAPACITY: usize = 20_000;
/// Gift card codes judged at the same time: fewer than a bucket holds, so that good codes that come together
/// never fill one by themselves.
const JUDGED_TOGETHER: usize = 4;

/// Where somebody calls from: an address, or (as its addresses are free) a whole IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(Option<IpAddr>);

impl Network {
    /// The network of an address; those without one share a bucket.
    pub fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
            v4 => v4,
        }))
    }
}

/// Whose password is tried: an account under any of its names, or a name that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// An account.
    Known(UserId),
    /// A name nobody has, by its digest: as long as it was typed, the key is short.
    Unknown([u8; 32]),
}

impl Account {
    /// The account that was found under a name, or the name.
    pub fn of(found: Option<UserId>, typed: &str) -> Self {
        found.map_or_else(|| Self::Unknown(digest(&folded(typed))), Self::Known)
    }
}

/// The throttles of the services.
#[derive(Debug)]
pub struct Throttles {
    /// Sign-ins.
    pub sign_in: Tries<Account>,
    /// The current password, asked for again.
    pub password: Tries<UserId>,
    /// Registrations by address.
    pub register: Throttle<Network>,
    /// Gift card codes.
    pub redeem: Tries<UserId>,
    /// Gift card codes being judged: one permit each.
    pub redeeming: Semaphore,
    /// Unknown relay keys by address, wherever they are shown.
    pub keys: Arc<KeyGuesses>,
}

impl Throttles {
    /// Full buckets; `None` = there are no other instances.
    pub fn new(shared: Option<RedisTries>) -> Self {
        let tries = |name, both, account, address| TryRates { name, both, account, address };
        let sign_in = tries("sign-in", (10, 30_000), (200, 3_000), (50, 6_000));
        let password = tries("password", (10, 30_000), (50, 10_000), (50, 6_000));
        let redeem = tries("redeem", (10, 60_000), (20, 30_000), (200, 5_000));
        Self {
            sign_in: Tries::new(sign_in, shared.clone()),
            password: Tries::new(password, shared.clone()),
            register: Throttle::shared("register", (60, 10_000), shared.clone()),
            redeem: Tries::new(redeem, shared.clone()),
            redeeming: Semaphore::new(JUDGED_TOGETHER),
            keys: Arc::new(KeyGuesses::new(shared)),
        }
    }
}

impl Default for Throttles {
    fn default() -> Self {
        Self::new(None)
    }
}

/// What the buckets of [`Tries`] hold, and the milliseconds after which they get a try back.
struct TryRates {
    name: &'static str,
    both: (i64, i64),
    account: (i64, i64),
    address: (i64, i64),
}

/// Tries at accounts from addresses.
#[derive(Debug)]
pub struct Tries<A: Copy + Eq + Hash> {
    both: Throttle<(A, Network)>,
    account: Throttle<A>,
    address: Throttle<Network>,
    /// From where which account succeeded.
    at_home: Mutex<Cache<(A, Network), ()>>,
    name: &'static str,
    shared: Option<RedisTries>,
}

impl<A: Copy + Eq + Hash> Tries<A> {
    fn new(rates: TryRates, shared: Option<RedisTries>) -> Self {
        Self {
            both: Throttle::new(rates.both),
            account: Throttle::new(rates.account),
            address: Throttle::new(rates.address),
            at_home: Mutex::new(Cache::new(CAPACITY)),
            name: rates.name,
            shared,
        }
    }

    /// Takes a try from all three buckets, or from none.
    ///
    /// # Errors
    /// `too_many_requests` with the seconds to wait.
    pub async fn take(&self, account: A, from: Network, now_ms: i64) -> Served<()> {
        if let Some(shared) = &self.shared {
            let (buckets, home) = self.in_redis(account, from);
            if let Some(taken) = shared.take(&buckets, Some(&home)).await {
                return taken.map_err(wait);
            }
        }
        self.take_here(account, from, now_ms)
    }

    /// The same buckets as all instances share them. That of the account comes last: it does not count where the account got in
    /// before.
    fn in_redis(&self, account: A, from: Network) -> ([SharedBucket; 3], Home) {
        let named = |part: &str| format!("{} {part}", self.name);
        let both = SharedBucket::of(&named("both"), &(account, from), self.both.rate);
        let address = SharedBucket::of(&named("address"), &from, self.address.rate);
        let account_alone = SharedBucket::of(&named("account"), &account, self.account.rate);
        ([both, address, account_alone], Home::of(self.name, &(account, from)))
    }

    fn take_here(&self, account: A, from: Network, now_ms: i64) -> Served<()> {
        self.both.take_here((account, from), now_ms)?;
        if let Err(refused) = self.address.take_here(from, now_ms) {
            self.both.give_back((account, from));
            return Err(refused);
        }
        let at_home = self.at_home.lock().unwrap_or_else(PoisonError::into_inner).get(&(account, from)).is_some();
        if let Err(refused) = self.account.take_here(account, now_ms)
            && !at_home
        {
            self.both.give_back((account, from));
            self.address.give_back(from);
            return Err(refused);
        }
        Ok(())
    }

    /// Gives a try back that succeeded.
    pub fn give_back(&self, account: A, from: Network) {
        self.at_home.lock().unwrap_or_else(PoisonError::into_inner).insert((account, from), ());
        if let Some(shared) = &self.shared {
            let (buckets, home) = self.in_redis(account, from);
            if shared.give_back(&buckets, Some(&home)) {
                return;
            }
        }
        self.both.give_back((account, from));
        self.account.give_back(account);
        self.address.give_back(from);
    }
}

/// Buckets of `burst` tries that refill by one every `refill_ms`.
#[derive(Debug)]
pub struct Throttle<K: Copy + Eq + Hash> {
    /// How many tries, and the milliseconds after which one comes back.
    rate: (i64, i64),
    /// What it is called in Redis, where all instances share it.
    shared: Option<(&'static str, RedisTries)>,
    /// When each bucket will be full again, by the clock that nobody can set.
    full_at: Mutex<Cache<K, i64>>,
}

impl<K: Copy + Eq + Hash> Throttle<K> {
    /// So many tries at once, then one whenever so many milliseconds have passed.
    pub fn new(rate: (i64, i64)) -> Self {
        Self::shared("", rate, None)
    }

    fn shared(name: &'static str, rate: (i64, i64), shared: Option<RedisTries>) -> Self {
        Self { rate, shared: shared.map(|shared| (name, shared)), full_at: Mutex::new(Cache::new(CAPACITY)) }
    }

    /// Takes a try.
    ///
    /// # Errors
    /// `too_many_requests` with the seconds to wait; then nothing was taken.
    pub async fn take(&self, who: K, now_ms: i64) -> Served<()> {
        if let Some((name, shared)) = &self.shared
            && let Some(taken) = shared.take(&[SharedBucket::of(name, &who, self.rate)], None).await
        {
            return taken.map_err(wait);
        }
        self.take_here(who, now_ms)
    }

    fn take_here(&self, who: K, now_ms: i64) -> Served<()> {
        let (burst, refill_ms) = self.rate;
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(&who).copied().unwrap_or(now_ms).max(now_ms) + refill_ms;
        let wait_ms = full_at - now_ms - burst * refill_ms;
        if wait_ms > 0 {
            return Err(wait(wait_ms));
        }
        buckets.insert(who, full_at);
        Ok(())
    }

    fn give_back(&self, who: K) {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(&who).copied();
        if let Some(full_at) = full_at {
            buckets.insert(who, full_at - self.rate.1);
        }
    }
}

/// The refusal of who has no try left for so many milliseconds.
pub(super) fn wait(wait_ms: i64) -> ServiceError {
    ServiceError::too_many(u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Network {
        Network::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn tries_run_out_and_come_back_one_by_one() {
        let throttle = Throttle::new((3, 1_000));
        for _ in 0..3 {
            throttle.take_here("a", 0).unwrap();
        }
        assert_eq!(throttle.take_here("a", 0).unwrap_err().retry_after, Some(1));
        throttle.take_here("b", 0).unwrap();
        throttle.take_here("a", 1_000).unwrap();
        throttle.take_here("a", 1_000).unwrap_err();
        throttle.give_back("a");
        throttle.take_here("a", 1_000).unwrap();
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new((3, 1_000));
        for who in 0..CAPACITY * 3 {
            throttle.take_here(who, 0).unwrap();
        }
        assert!(throttle.full_at.lock().unwrap().len() <= CAPACITY);
    }

    #[test]
    fn who_guesses_at_an_account_shuts_out_themselves_alone() {
        let tries = Throttles::default().sign_in;
        let (bob, stranger, home) = (Account::Known(UserId(1)), from("203.0.113.7"), from("198.51.100.1"));
        let mut guesses = 0;
        while tries.take_here(bob, stranger, 0).is_ok() {
            guesses += 1;
        }
        assert_eq!(guesses, 10);
        tries.take_here(bob, home, 0).unwrap();
        tries.take_here(Account::Known(UserId(2)), stranger, 0).unwrap();
        let from_everywhere =
            (0..1_000).filter(|n| tries.take_here(bob, from(&format!("2001:db8:0:{n:x}::1")), 0).is_ok()).count();
        assert_eq!(from_everywhere, 200 - 11, "the account's own bound holds for all addresses together");
        tries.take_here(bob, from("198.51.100.2"), 0).unwrap_err();
        tries.give_back(bob, home);
        while tries.take_here(bob, from("198.51.100.2"), 0).is_ok() {}
        tries.take_here(bob, home, 0).unwrap();
    }

    #[test]
    fn a_network_is_an_address_or_a_whole_ipv6_network() {
        assert_eq!(from("2001:db8::1"), from("2001:db8::ffff"));
        assert_ne!(from("2001:db8:0:1::1"), from("2001:db8::1"));
        assert_eq!(from("::ffff:203.0.113.7"), from("203.0.113.7"));
    }

    #[test]
    fn names_are_told_apart_as_they_are_compared() {
        assert_eq!(Account::of(None, "ПЁТР"), Account::of(None, "пётр"));
        assert_ne!(Account::of(None, "1"), Account::of(Some(UserId(1)), "1"));
    }
}
