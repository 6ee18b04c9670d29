//! One budget of bytes for all bodies under way, with a share for each caller.
//!
//! A body is charged as it grows, never by what it announces, and gives everything back when the last of it is dropped.
//! Where there is no room, whoever holds next to nothing waits, and so does the oldest growing body of its account; a
//! younger one is refused at once. Else all would wait for each other until the deadline, and none would get through.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actors::vocabulary::UserId;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Bodies up to this size are small: a part of the budget is theirs alone.
const SMALL: usize = 64 << 10;
/// Longest wait for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// No room came free in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gateway's memory for request bodies is taken up")]
pub struct NoRoom;

/// The budget.
#[derive(Clone)]
pub struct BodyMemory(Arc<Shared>);

impl fmt::Debug for BodyMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyMemory({:?})", self.state())
    }
}

struct Shared {
    books: Mutex<Books>,
    freed: Notify,
    next: AtomicU64,
    by_machine: usize,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Books {
    limit: usize,
    held: usize,
    highest: usize,
    waiting: usize,
    accounts: HashMap<UserId, Holdings>,
    addresses: HashMap<IpAddr, Holdings>,
}

/// What one account, or one address, holds.
#[derive(Debug, Default)]
struct Holdings {
    held: usize,
    /// Bodies that are not small.
    large: usize,
    /// Of those, the ones that still grow, oldest first.
    growing: BTreeSet<u64>,
}

/// The budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryState {
    /// Most bytes held at once.
    pub limit: usize,
    /// Bytes held.
    pub held: usize,
    /// Most bytes that were ever held.
    pub highest: usize,
    /// Bodies that wait for room.
    pub waiting: usize,
}

impl BodyMemory {
    /// A budget of so many bytes until a setting says otherwise.
    pub fn new(by_machine: usize) -> Self {
        Self::with_patience(by_machine, PATIENCE)
    }

    fn with_patience(by_machine: usize, patience: Duration) -> Self {
        let books = Books { limit: by_machine, ..Books::default() };
        let (freed, next) = (Notify::new(), AtomicU64::new(0));
        Self(Arc::new(Shared { books: Mutex::new(books), freed, next, by_machine, patience }))
    }

    /// Takes the settings over: the budget (0 = by the machine, and enough for the largest body) and the largest body.
    /// Answers how large one body may be: at most half of the budget, so that it and what is made of it fit.
    pub fn follow(&self, budget: i64, largest: i64) -> usize {
        let largest = usize::try_from(largest).unwrap_or(usize::MAX);
        let by_itself = || self.0.by_machine.max(largest.saturating_mul(2));
        let limit = usize::try_from(budget).ok().filter(|limit| *limit > 0).unwrap_or_else(by_itself);
        let mut books = self.0.lock();
        if std::mem::replace(&mut books.limit, limit) < limit {
            drop(books);
            self.0.freed.notify_waiters();
        }
        largest.min(limit / 2)
    }

    /// A share for one request, empty as yet.
    pub fn share(&self, owner: UserId, address: Option<IpAddr>) -> BodyShare {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        BodyShare { memory: Arc::clone(&self.0), owner, address, number, held: 0 }
    }

    /// What is held now.
    pub fn state(&self) -> MemoryState {
        let books = self.0.lock();
        MemoryState { limit: books.limit, held: books.held, highest: books.highest, waiting: books.waiting }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one request holds of the budget, given back when it is dropped.
#[must_use = "memory that is dropped is given back"]
pub struct BodyShare {
    memory: Arc<Shared>,
    owner: UserId,
    address: Option<IpAddr>,
    /// Numbers rise with time.
    number: u64,
    held: usize,
}

impl fmt::Debug for BodyShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyShare({})", self.held)
    }
}

/// Whether there is room for more.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    Taken,
    /// Later, perhaps.
    Full,
    /// Others were here before.
    Never,
}

impl BodyShare {
    /// Takes `more` bytes; waits for room where that cannot block others.
    ///
    /// # Errors
    /// When there is none in time; nothing more is held then.
    pub async fn grow(&mut self, more: usize) -> Result<(), NoRoom> {
        match self.take(more) {
            Room::Taken => Ok(()),
            Room::Never => Err(NoRoom),
            Room::Full => self.wait(more).await,
        }
    }

    async fn wait(&mut self, more: usize) -> Result<(), NoRoom> {
        let _counted = Waiting::begin(&self.memory);
        let memory = Arc::clone(&self.memory);
        let by = Instant::now() + self.memory.patience;
        loop {
            // Listens before it looks, so that nothing given back between the two is missed.
            let mut freed = std::pin::pin!(memory.freed.notified());
            freed.as_mut().enable();
            match self.take(more) {
                Room::Taken => return Ok(()),
                Room::Never => return Err(NoRoom),
                Room::Full => tokio::time::timeout_at(by, freed).await.map_err(|_| NoRoom)?,
            }
        }
    }

    fn take(&mut self, more: usize) -> Room {
        let mut books = self.memory.lock();
        if !books.has_room(self, more) {
            return if self.held <= SMALL || books.is_oldest(self) { Room::Full } else { Room::Never };
        }
        let becomes_large = self.held <= SMALL && self.held + more > SMALL;
        let number = self.number;
        books.change(self, |holdings| {
            holdings.held += more;
            holdings.large += usize::from(becomes_large);
            if becomes_large {
                holdings.growing.insert(number);
            }
        });
        books.held += more;
        books.highest = books.highest.max(books.held);
        self.held += more;
        Room::Taken
    }

    /// Says that what is held will not grow for now.
    pub fn is_whole(&mut self) {
        if self.held > SMALL {
            let number = self.number;
            self.memory.lock().change(self, |holdings| {
                holdings.growing.remove(&number);
            });
            self.memory.freed.notify_waiters();
        }
    }

    /// Gives `less` bytes back.
    pub fn shrink(&mut self, less: usize) {
        let less = less.min(self.held);
        if less == 0 {
            return;
        }
        let mut books = self.memory.lock();
        let becomes_small = self.held > SMALL && self.held - less <= SMALL;
        let number = self.number;
        books.change(self, |holdings| {
            holdings.held -= less;
            holdings.large -= usize::from(becomes_small);
            if becomes_small {
                holdings.growing.remove(&number);
            }
        });
        books.held -= less;
        let somebody_waits = books.waiting > 0;
        self.held -= less;
        books.forget_idle(self);
        drop(books);
        if somebody_waits {
            self.memory.freed.notify_waiters();
        }
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.held
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        self.shrink(self.held);
    }
}

impl Books {
    /// Small bodies may use all of the budget, large ones seven eighths; an account has three quarters for small and half
    /// for large ones, an address, where many may be behind a proxy, more. One large body alone may always be whole.
    fn has_room(&self, share: &BodyShare, more: usize) -> bool {
        let is_large = share.held + more > SMALL;
        let limit = self.limit;
        let (all, account, address) = match is_large {
            true => (limit - limit / 8, limit / 2, limit / 4 * 3),
            false => (limit, limit / 4 * 3, limit - limit / 8),
        };
        let others = |holdings: &Holdings| holdings.large > usize::from(share.held > SMALL);
        let within = |holdings: Option<&Holdings>, most: usize| {
            holdings.is_none_or(|holdings| holdings.held + more <= most || (is_large && !others(holdings)))
        };
        self.held + more <= all
            && within(self.accounts.get(&share.owner), account)
            && within(share.address.as_ref().and_then(|address| self.addresses.get(address)), address)
    }

    /// Whether no older body of the same account still grows. From now on this one counts as growing, too.
    fn is_oldest(&mut self, share: &BodyShare) -> bool {
        let growing = &mut self.accounts.entry(share.owner).or_default().growing;
        growing.insert(share.number);
        growing.first() == Some(&share.number)
    }

    fn change(&mut self, share: &BodyShare, mut change: impl FnMut(&mut Holdings)) {
        change(self.accounts.entry(share.owner).or_default());
        if let Some(address) = share.address {
            change(self.addresses.entry(address).or_default());
        }
    }

    fn forget_idle(&mut self, share: &BodyShare) {
        if self.accounts.get(&share.owner).is_some_and(|account| account.held == 0) {
            self.accounts.remove(&share.owner);
        }
        if let Some(address) = share.address.filter(|address| self.addresses.get(address).is_some_and(|one| one.held == 0)) {
            self.addresses.remove(&address);
        }
    }
}

/// Counts one that waits, also when it is given up.
struct Waiting(Arc<Shared>);

impl Waiting {
    fn begin(memory: &Arc<Shared>) -> Self {
        memory.lock().waiting += 1;
        Self(Arc::clone(memory))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const MB: usize = 1 << 20;
    const ONE: UserId = UserId(1);
    const TWO: UserId = UserId(2);

    fn address(last: u8) -> Option<IpAddr> {
        Some([127, 0, 0, last].into())
    }

    async fn takes(memory: &BodyMemory, owner: UserId, from: u8, bytes: usize) -> BodyShare {
        let mut share = memory.share(owner, address(from));
        share.grow(bytes).await.unwrap();
        share
    }

    #[tokio::test]
    async fn what_was_taken_comes_back_however_it_ends() {
        let memory = BodyMemory::new(64 * MB);
        let mut one = takes(&memory, ONE, 1, 1_000).await;
        one.grow(MB).await.unwrap();
        one.is_whole();
        one.shrink(MB / 2);
        assert_eq!(memory.state().held, MB / 2 + 1_000);
        drop(one);
        let books = memory.0.lock();
        assert!(books.held == 0 && books.accounts.is_empty() && books.addresses.is_empty(), "{books:?}");
    }

    #[tokio::test]
    async fn one_account_cannot_take_all_and_small_bodies_always_have_room() {
        let memory = BodyMemory::new(64 * MB);
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(takes(&memory, ONE, 1, 4 * MB).await);
        }
        let mut ninth = memory.share(ONE, address(1));
        assert!(ninth.grow(4 * MB).now_or_never().is_none(), "half of it is taken");
        held.push(takes(&memory, TWO, 1, 16 * MB).await);
        let mut third = memory.share(UserId(3), address(1));
        assert!(third.grow(4 * MB).now_or_never().is_none(), "the address has three quarters");
        held.push(takes(&memory, UserId(3), 2, 8 * MB).await);
        let mut fourth = memory.share(UserId(4), address(3));
        assert!(fourth.grow(MB).now_or_never().is_none(), "the last eighth is for small ones");
        held.push(takes(&memory, UserId(4), 3, 1_000).await);
        assert!(memory.state().highest <= 64 * MB);
    }

    #[tokio::test]
    async fn of_bodies_that_grow_together_the_oldest_gets_through() {
        let memory = BodyMemory::new(16 * MB);
        let mut old = takes(&memory, ONE, 1, 4 * MB).await;
        let mut young = takes(&memory, ONE, 1, 4 * MB).await;
        assert_eq!(young.grow(MB).await, Err(NoRoom), "refused at once");
        let mut waits = Box::pin(old.grow(MB));
        assert!(waits.as_mut().now_or_never().is_none());
        assert_eq!(memory.state().waiting, 1);
        drop(young);
        waits.await.unwrap();
        assert_eq!(memory.state().waiting, 0);
        old.grow(8 * MB).await.unwrap();
        assert_eq!(old.held(), 13 * MB, "alone it may be larger than its share");
    }

    #[tokio::test]
    async fn who_waits_in_vain_is_told_so_and_leaves_nothing() {
        let memory = BodyMemory::with_patience(16 * MB, Duration::from_millis(20));
        let _held = takes(&memory, ONE, 1, 8 * MB).await;
        let mut late = memory.share(ONE, address(1));
        assert_eq!(late.grow(2 * MB).await, Err(NoRoom));
        assert_eq!((late.held(), memory.state().held, memory.state().waiting), (0, 8 * MB, 0));
    }

    #[tokio::test]
    async fn a_larger_budget_is_in_force_at_once() {
        let memory = BodyMemory::new(4 * MB);
        let _held = takes(&memory, ONE, 1, 2 * MB).await;
        let mut late = memory.share(TWO, address(2));
        let mut waits = Box::pin(late.grow(2 * MB));
        assert!(waits.as_mut().now_or_never().is_none());
        assert_eq!(memory.follow(8 << 20, 1 << 30), 4 * MB);
        waits.await.unwrap();
        assert_eq!((memory.follow(0, 1 << 20), memory.state().limit), (MB, 4 * MB));
        assert_eq!((memory.follow(0, 8 << 20), memory.state().limit), (8 * MB, 16 * MB));
    }
}
