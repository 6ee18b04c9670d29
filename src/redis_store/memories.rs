//! What instances remember together: which channel made a response, what clients may refer to, who served a conversation.
//!
//! Each instance has memories of its own and asks here only for what those do not know. Nobody waits for what is written, and
//! nobody waits long for what is read; whatever fails is as if nobody had remembered. Everything is sealed, since some of it is
//! what was said in prompts.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actors::vocabulary::UserId;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{self, RedisResult, Script};
use futures_util::{StreamExt, stream};
use secrecy::ExposeSecret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{COMMAND_DEADLINE, Inner, RedisStore, named};
use crate::secrets::{Place, Sealer, digest, hex};

/// Longest wait of a request for what another instance may remember.
const RECALL_DEADLINE: Duration = Duration::from_millis(100);
/// Largest value shared; a larger one is known only where it was made.
const MOST_VALUE_BYTES: usize = 256 << 10;
/// Values that wait to be written, and the KiB they may take together; more are known only where they were made.
const QUEUE: usize = 4_096;
const MOST_WAITING_KIB: usize = 16 << 10;
/// Values on their way to Redis at the same time.
const WRITTEN_TOGETHER: usize = 16;

static REMEMBER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/remember.lua")));

/// What is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Which channel made a response.
    Origin,
    /// An item, or a whole response, that its user may refer to.
    Item,
    /// Which channel served a conversation last.
    Conversation,
}

impl Memory {
    fn word(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Item => "item",
            Self::Conversation => "conversation",
        }
    }

    /// For how many seconds.
    fn lasts(self) -> u64 {
        match self {
            Self::Origin | Self::Item => 24 * 3_600,
            Self::Conversation => 3_600,
        }
    }

    /// The bytes that all of its kind may take in Redis: together half of the 256 MB that our own compose file gives it.
    fn most_bytes(self) -> u64 {
        match self {
            Self::Item => 96 << 20,
            Self::Origin | Self::Conversation => 16 << 20,
        }
    }

    /// A user's key: what a client called the thing does not stand in Redis.
    fn key(self, user: UserId, name: &str) -> String {
        named(self.word(), hex(&digest(&format!("{user} {name}"))))
    }
}

/// The memories that instances share. Cheap to clone.
#[derive(Clone)]
pub struct SharedMemories {
    store: RedisStore,
    sealer: Sealer,
    queue: mpsc::Sender<Kept>,
    room: Arc<Semaphore>,
}

impl fmt::Debug for SharedMemories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedMemories")
    }
}

/// Something on its way to Redis.
struct Kept {
    memory: Memory,
    user: UserId,
    name: String,
    value: String,
    _room: OwnedSemaphorePermit,
}

impl SharedMemories {
    /// Starts the task that writes, on the runtime this is called in. It ends with the store.
    pub fn start(store: RedisStore, sealer: Sealer) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (closing, writer) = (store.closing.clone(), write(Arc::clone(&store.inner), sealer.clone(), waiting));
        tokio::spawn(async move { closing.run_until_cancelled(writer).await });
        Self { store, sealer, queue, room: Arc::new(Semaphore::new(MOST_WAITING_KIB)) }
    }

    /// Whether a value of so many bytes is shared.
    pub fn takes(&self, bytes: usize) -> bool {
        bytes <= MOST_VALUE_BYTES && self.store.standing().is_reachable()
    }

    /// Remembers a value for all instances; nobody waits for it.
    pub fn remember(&self, memory: Memory, user: UserId, name: &str, value: String) {
        if !self.takes(value.len()) {
            return;
        }
        let kib = u32::try_from(value.len().div_ceil(1_024)).unwrap_or(u32::MAX).max(1);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(kib) else { return };
        let _one_instance_fewer_knows = self.queue.try_send(Kept { memory, user, name: name.to_owned(), value, _room: room });
    }

    /// What any instance remembers under these names, in their order.
    pub async fn recall(&self, memory: Memory, user: UserId, names: &[&str]) -> Vec<Option<String>> {
        let inner = &self.store.inner;
        if names.is_empty() || !inner.standing().is_reachable() {
            return vec![None; names.len()];
        }
        let keys: Vec<String> = names.iter().map(|name| memory.key(user, name)).collect();
        let mut command = redis::cmd("MGET");
        command.arg(&keys);
        let ask = async |mut connection: MultiplexedConnection| command.query_async(&mut connection).await;
        let found: Option<Vec<Option<String>>> = inner.quietly(RECALL_DEADLINE, ask).await;
        let Some(found) = found.filter(|found| found.len() == keys.len()) else { return vec![None; names.len()] };
        let open = |(key, sealed): (&String, Option<String>)| {
            let opened = self.sealer.open(place(key), &sealed?).ok()?;
            Some(opened.expose_secret().to_owned())
        };
        keys.iter().zip(found).map(open).collect()
    }
}

/// Writes what is to be remembered, so that a Redis some way off is not waited for once for each.
async fn write(inner: Arc<Inner>, sealer: Sealer, mut queue: mpsc::Receiver<Kept>) {
    let waiting = stream::poll_fn(move |context| queue.poll_recv(context));
    waiting.for_each_concurrent(WRITTEN_TOGETHER, |kept| write_one(&inner, &sealer, kept)).await;
}

async fn write_one(inner: &Inner, sealer: &Sealer, kept: Kept) {
    if !inner.standing().is_reachable() {
        return;
    }
    let key = kept.memory.key(kept.user, &kept.name);
    let Ok(sealed) = sealer.seal(place(&key), &kept.value) else { return };
    let mut call = REMEMBER.prepare_invoke();
    call.key(&key)
        .key(named("memories", kept.memory.word()))
        .key(named("memory-bytes", kept.memory.word()))
        .arg(sealed)
        .arg(kept.memory.lasts())
        .arg(kept.memory.most_bytes());
    let ask = async |mut connection: MultiplexedConnection| call.invoke_async::<i64>(&mut connection).await;
    let _forgotten_at_worst = inner.quietly(COMMAND_DEADLINE, ask).await;
}

/// A sealed value opens under its own key alone.
fn place(key: &str) -> Place<'_> {
    Place { column: "redis", row: key }
}

impl Inner {
    /// A command whose failure changes nothing in how instances stand to each other: heartbeats find out whether Redis is there.
    async fn quietly<T>(&self, deadline: Duration, ask: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>) -> Option<T> {
        let connection = MultiplexedConnection::clone(&*self.connection.load_full()?);
        tokio::time::timeout(deadline, ask(connection)).await.ok()?.ok()
    }
}
