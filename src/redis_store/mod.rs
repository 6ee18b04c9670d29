//! What several instances share, in Redis: limits and money of users, slots of channels, news, and who is there.
//!
//! One connection per process carries every command, in order, from a thread of its own; a second one listens. Every command has a
//! deadline. What Redis holds can be lost at any time: money is in the database, shares are told again, windows last a minute.

mod accounts;
mod forms;
mod instances;
mod keeper;
mod memories;
mod news;
mod slots;
mod tries;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actors::ports::{ChannelNews, Clock};
use actors::user_gate::shared::{SharedUnavailable, Standing};
use actors::vocabulary::{ChannelId, UserId};
use arc_swap::{ArcSwap, ArcSwapOption};
use dashmap::DashMap;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{self, FromRedisValue, RedisResult, ScriptInvocation};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

pub use accounts::RedisAccounts;
pub use forms::{Acted, FormClaim, FormState, RedisForms};
pub use instances::{InstanceFacts, InstanceSeen};
pub use memories::{Memory, SharedMemories};
pub use news::RedisPeers;
pub use slots::RedisSlots;
pub use tries::{Home, RedisTries, SharedBucket};

/// Longest wait for one command of a request. Whoever waits that long decides without Redis, and so does everybody after them.
const COMMAND_DEADLINE: Duration = Duration::from_millis(500);
/// Commands that may wait to be sent without anybody waiting for them; more are dropped, since all of them are told again.
const OUTBOX: usize = 10_000;

/// How long things last between instances. Not part of the environment: tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// How often this instance says that it lives.
    pub beat: Duration,
    /// How long a heartbeat counts: an instance that was silent for longer gives back its slots and the money it held.
    pub lease: Duration,
    /// How long shares are told before Redis decides again: as long as the others may take to notice that it is back.
    pub rejoin: Duration,
    /// How long usage that an ended instance has not booked counts against its users' balances: long enough to start it again,
    /// with the journal that has it.
    pub buried_after: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(1),
            lease: Duration::from_secs(10),
            rejoin: Duration::from_secs(2),
            buried_after: Duration::from_secs(3_600),
        }
    }
}

/// How an instance takes part.
#[derive(Debug)]
pub struct Membership<'a> {
    /// Its id, the same after a restart.
    pub id: &'a str,
    /// Whether a Redis that does not answer at the start is an error.
    pub required: bool,
    /// How long things last.
    pub rhythm: Rhythm,
}

/// What comes from the other instances.
pub enum PeerEvent {
    /// Something of a user's limits was given back.
    Freed(UserId),
    /// Something that is cached changed in the database.
    Changed,
    /// A live log entry: whose, as admins and as users read it.
    LogEntry(UserId, Vec<u8>, Vec<u8>),
    /// What became known of a channel.
    Channel(ChannelNews),
    /// Redis is there again, or has forgotten what it was told: everything is told anew.
    TellAll,
}

/// Takes in what the others say. Must not block.
pub type Listener = Box<dyn Fn(PeerEvent) + Send + Sync>;

/// What this instance says of itself with each heartbeat.
pub type Facts = Box<dyn Fn() -> InstanceFacts + Send + Sync>;

/// How the process stands to Redis, for pages, metrics and readiness.
#[derive(Clone, Debug)]
pub struct RedisHealth {
    /// How instances stand to each other.
    pub standing: Standing,
    /// Microseconds the last command took.
    pub latency_us: u64,
    /// How often the connection was lost since the start.
    pub losses: u64,
    /// Commands that were dropped or failed since the start.
    pub failures: u64,
    /// Instances seen last, this one included.
    pub instances: Vec<InstanceSeen>,
}

struct Inner {
    client: redis::Client,
    id: String,
    rhythm: Rhythm,
    clock: Arc<dyn Clock>,
    connection: ArcSwapOption<MultiplexedConnection>,
    standing: ArcSwap<Standing>,
    /// Told when a command failed, so that the keeper looks at the connection at once.
    look: Notify,
    losses: AtomicU64,
    failures: AtomicU64,
    latency_us: AtomicU64,
    /// By how much Redis's clock is ahead of the monotonic one.
    ahead_ms: AtomicI64,
    outbox: mpsc::Sender<redis::Cmd>,
    /// The other end, until the keeper takes it.
    waiting: Mutex<Option<mpsc::Receiver<redis::Cmd>>>,
    listener: OnceLock<Listener>,
    facts: OnceLock<Facts>,
    seen: Mutex<Vec<InstanceSeen>>,
    /// Whether another instance has somebody who reads the live log.
    others_read: AtomicBool,
    /// Attempts under way on channels whose slots are shared.
    counters: DashMap<ChannelId, Arc<AtomicU32>>,
    versions: Mutex<i64>,
    /// It ends: no more heartbeats.
    has_left: AtomicBool,
}

/// The handle.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
    closing: CancellationToken,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStore({:?})", self.standing())
    }
}

/// Why Redis cannot be used at start. The address is shown without user and password.
#[derive(Debug, thiserror::Error)]
#[error("Redis at {place} cannot be used: {problem}")]
pub struct UnusableRedis {
    place: String,
    problem: String,
}

impl RedisStore {
    /// Prepares to share with others, and looks whether Redis answers. Where it need not, this instance works alone until it does.
    ///
    /// # Errors
    /// When the address is wrong, or Redis does not answer and is required.
    pub async fn open(url: &str, membership: Membership<'_>, clock: Arc<dyn Clock>) -> Result<Self, UnusableRedis> {
        let unusable = |problem: String| UnusableRedis { place: place(url), problem };
        let client = redis::Client::open(url).map_err(|error| unusable(words(&error)))?;
        if let Err(problem) = keeper::answers(&client).await {
            if membership.required {
                return Err(unusable(problem));
            }
            tracing::warn!(place = place(url), problem, "Redis does not answer; this instance works alone until it does");
        }
        let (outbox, waiting) = mpsc::channel(OUTBOX);
        let inner = Inner {
            client,
            id: membership.id.to_owned(),
            rhythm: membership.rhythm,
            versions: Mutex::new(clock.now_ms().saturating_mul(1_000)),
            clock,
            connection: ArcSwapOption::empty(),
            standing: ArcSwap::from_pointee(Standing::Alone(1)),
            look: Notify::new(),
            losses: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            latency_us: AtomicU64::new(0),
            ahead_ms: AtomicI64::new(0),
            outbox,
            waiting: Mutex::new(Some(waiting)),
            listener: OnceLock::new(),
            facts: OnceLock::new(),
            seen: Mutex::default(),
            others_read: AtomicBool::new(false),
            counters: DashMap::new(),
            has_left: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner), closing: CancellationToken::new() })
    }

    /// Takes this instance's place among the others, once its journal is booked: what a process before it with the same id
    /// left behind is taken out. From now on `listener` is told what the others say, and they are told `facts`. Returns when
    /// that is done, or Redis did not answer; it goes on trying then.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub async fn join(&self, listener: Listener, facts: Facts) -> std::io::Result<()> {
        let _first = self.inner.facts.set(facts);
        let _first = self.inner.listener.set(listener);
        let waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiting) = waiting {
            let first = keeper::start(Arc::clone(&self.inner), waiting, self.closing.clone())?;
            let _tried = first.await;
        }
        Ok(())
    }

    /// How instances stand to each other.
    pub fn standing(&self) -> Standing {
        self.inner.standing()
    }

    /// This instance's id.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Tells the others that this instance ends: it holds nothing any more, and has booked everything.
    pub async fn leave(&self) {
        let inner = &self.inner;
        // First, or a heartbeat would put it on the list again.
        inner.has_left.store(true, Ordering::Release);
        if inner.standing() == Standing::Together && inner.forget(&inner.id).await.is_ok() {
            let _another_time = inner.leave(&inner.id).await;
        }
        self.close();
    }

    /// Closes the connections without a word, as a kill would.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// How the process stands to Redis.
    pub fn health(&self) -> RedisHealth {
        RedisHealth {
            standing: self.standing(),
            latency_us: self.inner.latency_us.load(Ordering::Relaxed),
            losses: self.inner.losses.load(Ordering::Relaxed),
            failures: self.inner.failures.load(Ordering::Relaxed),
            instances: self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Inner {
    fn standing(&self) -> Standing {
        **self.standing.load()
    }

    fn stands(&self, standing: Standing) {
        self.standing.store(Arc::new(standing));
    }

    /// Instances that were alive when this one heard of them last; itself at least.
    fn instances_alive(&self) -> u32 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        u32::try_from(seen.iter().filter(|one| one.is_alive).count()).unwrap_or(u32::MAX).max(1)
    }

    /// How long a heartbeat counts, in milliseconds.
    fn lease_ms(&self) -> i64 {
        i64::try_from(self.rhythm.lease.as_millis()).unwrap_or(i64::MAX)
    }

    /// Redis's clock, epoch milliseconds, as far as the last heartbeat told.
    fn now_ms(&self) -> i64 {
        self.clock.monotonic_ms().saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    fn tell(&self, heard: PeerEvent) {
        if let Some(listener) = self.listener.get() {
            listener(heard);
        }
    }

    /// Runs a script. Where that fails, this instance is alone from now on.
    async fn run<T: FromRedisValue>(&self, invocation: &ScriptInvocation<'_>) -> Result<T, SharedUnavailable> {
        self.within_deadline(async |mut connection: MultiplexedConnection| invocation.invoke_async(&mut connection).await).await
    }

    /// Runs one command. Where that fails, this instance is alone from now on.
    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, SharedUnavailable> {
        self.within_deadline(async |mut connection: MultiplexedConnection| command.query_async(&mut connection).await).await
    }

    /// Puts a question to Redis within [`COMMAND_DEADLINE`].
    async fn within_deadline<T>(
        &self,
        ask: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, SharedUnavailable> {
        let Some(connection) = self.connection.load_full() else { return Err(SharedUnavailable) };
        let begun = std::time::Instant::now();
        match tokio::time::timeout(COMMAND_DEADLINE, ask(MultiplexedConnection::clone(&connection))).await {
            Ok(Ok(answer)) => {
                let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.latency_us.store(took, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => self.lost(&connection, &words(&error)),
            Err(_late) => self.lost(&connection, "no answer in time"),
        }
    }

    /// A command failed: what was sent over that connection may or may not have happened.
    fn lost<T>(&self, connection: &Arc<MultiplexedConnection>, problem: &str) -> Result<T, SharedUnavailable> {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let before = self.connection.compare_and_swap(connection, None);
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, connection)) {
            self.stands(Standing::Alone(self.instances_alive()));
            self.losses.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(problem, "Redis does not answer; this instance keeps to its part of every limit");
            self.look.notify_one();
        }
        Err(SharedUnavailable)
    }

    /// Sends something nobody waits for.
    fn send(&self, command: redis::Cmd) {
        if self.outbox.try_send(command).is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A version that is newer than all before, with a figure read at the same moment.
    fn versioned<T>(&self, figure: impl FnOnce() -> T) -> (i64, T) {
        let mut version = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        *version += 1;
        (*version, figure())
    }
}

/// A key or channel of ours.
fn named(kind: &str, name: impl fmt::Display) -> String {
    format!("api-proxy:{kind}:{name}")
}

/// Where Redis is, without user and password.
fn place(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| "REDIS_URL".to_owned(),
        |url| format!("{}:{}", url.host_str().unwrap_or("?"), url.port().unwrap_or(6_379)),
    )
}

/// An error of Redis in words: its kind and what the server said, never the address with its password.
fn words(error: &redis::RedisError) -> String {
    match error.detail() {
        Some(detail) => format!("{} ({detail})", error.category()),
        None => error.category().to_owned(),
    }
}
