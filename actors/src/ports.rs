//! What the cellar asks of the house: storage, the journal, clocks, encoding. Implemented above, passed in.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use crate::settings_cache::Catalogue;
use crate::vocabulary::{ChannelId, Counted, KeyDigest, KeyId, KeyRecord, Nanos, Receipt, Trace, UserId};

/// The database did not answer, or not in a way we understand. Never the caller's fault.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct StorageIll(pub String);

/// A request that has ended, with what its receipt does not say.
#[derive(Clone, Copy, Debug)]
pub struct EndedRequest<'a> {
    /// Its receipt, also where it gets no row of its own.
    pub receipt: &'a Arc<Receipt>,
    /// The gateway's own work before a provider was asked: from the body's last byte to the first attempt, without the wait for a
    /// slot. `None` where nobody was asked.
    pub overhead: Option<Duration>,
    /// How long it stood in line at its user's gate; `None` where it was never let in.
    pub queued: Option<Duration>,
    /// Its part of a trace; `None` where nobody records one.
    pub trace: Option<&'a Trace>,
}

/// Told once of each request of a known key, when it has ended. Called on the request's own thread, so it must not block.
pub trait RequestObserver: Send + Sync {
    /// A request has ended.
    fn ended(&self, request: EndedRequest<'_>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl RequestObserver for Unobserved {
    fn ended(&self, _: EndedRequest<'_>) {}
}

/// What changed in the database, told to every process that caches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Changed {
    /// Settings, channels, mappings, models or prices.
    Catalogue,
    /// A user, their quota or one of their keys.
    User(UserId),
}

/// A row of the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Grows with time.
    pub id: i64,
    /// What to reload.
    pub what: Changed,
}

/// What a user and their keys had left and had spent when the database was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Money granted so far.
    pub quota: Nanos,
    /// Money spent so far.
    pub used: Nanos,
    /// Per key.
    pub keys: Vec<KeySpent>,
}

/// What one key has spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpent {
    /// The key.
    pub id: KeyId,
    /// Money spent in its life.
    pub used: Nanos,
    /// The billing day `day_tokens` counts, epoch milliseconds of its midnight.
    pub day_start: i64,
    /// Tokens counted on that day.
    pub day_tokens: i64,
}

/// The other instances of this gateway, as far as they are to be told what happens here. Nothing here waits.
pub trait Peers: Send + Sync {
    /// Something that is cached changed in the database.
    fn changed(&self);
    /// Whether somebody reads the live log there.
    fn read_logs(&self) -> bool;
    /// A live log entry.
    fn log_entry(&self, user: UserId, encoded: &Encoded);
    /// What became known of a channel.
    fn channel(&self, news: ChannelNews);
}

/// There are no others.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeers;

impl Peers for NoPeers {
    fn changed(&self) {}
    fn read_logs(&self) -> bool {
        false
    }
    fn log_entry(&self, _: UserId, _: &Encoded) {}
    fn channel(&self, _: ChannelNews) {}
}

/// What one instance learned of a channel and the others should go by. Times are what is left of them, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelNews {
    /// The channel.
    pub channel: ChannelId,
    /// How long its circuit stays open; `None` = it is closed.
    pub open_ms: Option<i64>,
    /// How long the circuit was opened for, from which the next rest is made.
    pub cooldown_ms: i64,
    /// How long it rests because it asked to.
    pub rest_ms: i64,
    /// What is wrong with the operator's account there.
    pub why: Option<Cow<'static, str>>,
    /// A model that it said it does not have, and for how long it is not asked for that.
    pub model: Option<(Arc<str>, i64)>,
}

/// Slots of channels that several instances share.
#[async_trait]
pub trait SharedSlots: Send + Sync {
    /// Whether one more attempt may run on a channel of `limit` slots; `in_flight` counts this instance's, that one included.
    /// Where the shared state does not answer, this instance keeps to its part of the limit.
    async fn take(&self, channel: ChannelId, in_flight: &Arc<AtomicU32>, limit: u32) -> bool;
    /// An attempt ended, or did not begin; `in_flight` does not count it any more.
    fn give_back(&self, channel: ChannelId, in_flight: &Arc<AtomicU32>);
}

/// Where snapshots, keys and accounts are read from.
#[async_trait]
pub trait CatalogueSource: Send + Sync {
    /// Settings, enabled channels, mappings, models and prices, read in one transaction.
    async fn catalogue(&self) -> Result<Catalogue, StorageIll>;
    /// The key with this digest and its owner.
    async fn key(&self, digest: KeyDigest) -> Result<Option<KeyRecord>, StorageIll>;
    /// Changes with an id above `after`, oldest first, at most 1,000.
    async fn changes(&self, after: i64) -> Result<Vec<Change>, StorageIll>;
    /// A user's money and that of their keys; `None` for an unknown user.
    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageIll>;
    /// The same for several users at once; unknown ones are left out.
    async fn accounts(&self, users: &[UserId]) -> Result<Vec<(UserId, Account)>, StorageIll> {
        let mut accounts = Vec::with_capacity(users.len());
        for user in users {
            accounts.extend(self.account(*user).await?.map(|account| (*user, account)));
        }
        Ok(accounts)
    }
}

/// Where receipts end up.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Books the receipts that are not booked yet, in one transaction: log rows, ledger rows, balances,
    /// key totals, roll-ups. Returns how many were new. Booking one twice changes nothing.
    async fn book(&self, receipts: &[Receipt]) -> Result<usize, BookingFailed>;
    /// Counts requests that have no row, in one transaction, in every sum. Each count is the whole number so far: what was
    /// counted before changes nothing.
    async fn count(&self, counted: &[Counted]) -> Result<(), BookingFailed>;
}

/// Why receipts could not be booked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookingFailed {
    /// The database is away, full, locked or at its limits: the same receipts are booked later.
    #[error("{0}")]
    Unavailable(String),
    /// The database refuses what they say. Of several, one may be at fault.
    #[error("{0}")]
    Refused(String),
}

/// What the books could not take, kept beside the journal with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The receipt's id; negative for a line of the journal that is no receipt.
    pub id: i64,
    /// When it was set aside, epoch milliseconds.
    pub at: i64,
    /// Why.
    pub reason: String,
    /// What.
    pub what: Unbooked,
}

/// What is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unbooked {
    /// A receipt that the database refuses.
    Receipt(Arc<Receipt>),
    /// A line of the journal that cannot be read.
    Line(String),
}

/// What the journal can still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Whether the requests under way can be recorded, and some more.
    pub is_enough: bool,
    /// Bytes left on its disk, where the system tells.
    pub free: Option<u64>,
}

/// A line of the journal. Shares its receipt with whoever posted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An answer was committed; if nothing follows, the process was killed. Holds the receipt for that case.
    Opened(Arc<Receipt>),
    /// A request ended.
    Closed(Arc<Receipt>),
    /// Requests without a row, as far as they have been counted.
    Counted(Arc<Counted>),
}

/// What a journal was given since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Requests that ended.
    pub requests: u64,
    /// Bytes of all entries.
    pub bytes: u64,
}

/// The append-only file behind the ledger, read back as the queue of what is still to be booked.
/// Used by one actor on its own thread, so its calls may block.
pub trait Journal: Send {
    /// Appends the entries with one write. After it returned, a killed process loses nothing.
    fn append(&mut self, entries: &[Entry]) -> io::Result<()>;
    /// The next entries after those read before, at most `limit`.
    fn read(&mut self, limit: usize) -> io::Result<Vec<Entry>>;
    /// Goes back to the last mark: what was read since is read again.
    fn rewind(&mut self);
    /// Everything read so far is booked. Returns whether whole segments became free.
    fn mark(&mut self) -> bool;
    /// Deletes the free segments. Entries of running requests must have been appended again before.
    fn release(&mut self) -> io::Result<()>;
    /// Makes what was appended survive a power failure.
    fn sync(&mut self) -> io::Result<()>;
    /// Bytes on disk.
    fn size(&self) -> u64;
    /// What was appended since it was opened.
    fn written(&self) -> Written;
    /// Makes sure of the disk space that requests under way will need, as far as there is any.
    fn secure(&mut self) -> Room;
    /// Appends nothing, to learn whether appending works.
    fn probe(&mut self) -> io::Result<()>;
    /// Keeps what cannot be booked. What is kept already is not kept twice.
    fn set_aside(&mut self, refused: &[SetAside]) -> io::Result<()>;
    /// How much is set aside.
    fn aside(&self) -> u64;
    /// What is set aside, the oldest first, at most `limit`.
    fn list_aside(&self, limit: usize) -> io::Result<Vec<SetAside>>;
    /// Takes one out of what is set aside. With `retry` a receipt is appended to the journal before. `None` = no such
    /// one, or one that cannot be tried again.
    fn take_back(&mut self, id: i64, retry: bool) -> io::Result<Option<SetAside>>;
}

/// Time, read in two ways: what day and hour it is, and how much of it has passed.
pub trait Clock: Send + Sync {
    /// Epoch milliseconds by the wall clock, for timestamps, days and expiry dates. Somebody may set it.
    fn now_ms(&self) -> i64;
    /// Milliseconds since some fixed moment, for windows, rests and whatever else lasts: nobody can set it.
    fn monotonic_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic_ms(&self) -> i64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// A live log entry, encoded once for each kind of reader.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// With channel, upstream model and attempts.
    pub admin: Bytes,
    /// What the key's owner may see.
    pub user: Bytes,
}

/// Turns receipts into the bytes that live readers get.
pub trait EntryEncoder: Send + Sync {
    /// Encodes an entry; `running` marks one that is not finished yet.
    fn encode(&self, receipt: &Receipt, running: bool) -> Encoded;
}

/// Named places where tests make things go wrong. The house's own implementation does nothing.
pub trait Faults: Send + Sync {
    /// Called when `place` is reached; may panic, or kill the process.
    fn reached(&self, place: &'static str);
}

/// No faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn reached(&self, _place: &'static str) {}
}
