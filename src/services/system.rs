//! How the process does: its parts' signs of life, and what an operator wants to see of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::ports::SetAside;
use actors::vocabulary::UserId;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::books::Books;
use super::error::NOT_ALLOWED;
use super::growth::{self, Growth};
use super::instances::RedisFigures;
use super::leases::{self, LeaseFigures};
use super::values::Usd;
use super::{Actor, Served, ServiceError, Services};
use crate::store::{Description, Exclusivity, StoreError, key_names};

/// Holds that are shown one by one; the figures count them all.
pub const MOST_HOLDS: usize = 50;
/// Longest wait for the database's sign of life.
const PING_DEADLINE: Duration = Duration::from_secs(2);

/// How the parts are that services cannot see. Implemented where the process is put together.
#[async_trait]
pub trait System: Send + Sync {
    /// How the instances share what they share; `None` = this is the only one.
    fn redis(&self) -> Option<RedisFigures> {
        None
    }
    /// Whether requests can be relayed: settings were read once, the journal takes lines, nobody said stop.
    fn can_relay(&self) -> bool;
    /// Whether no other process serves from this database.
    fn exclusivity(&self) -> Exclusivity {
        Exclusivity::Held
    }
    /// How the books stand.
    fn books(&self) -> Books {
        Books { can_record: true, ..Books::default() }
    }
    /// What cannot be booked, the oldest first.
    async fn set_aside(&self) -> Served<Vec<SetAside>> {
        Ok(Vec::new())
    }
    /// Takes one out of what is set aside, to book it after all (`retry`) or to let it go.
    async fn take_back(&self, _id: i64, _retry: bool) -> Served<Option<SetAside>> {
        Ok(None)
    }
    /// Figures of the process.
    async fn figures(&self) -> Figures;
    /// What is under way: one user's requests, or everybody's.
    fn traffic(&self, user: Option<UserId>) -> Traffic;
}

/// [`System`] as handlers get it: wired with `web::Data::new(SystemHandle(…))`.
#[derive(Clone)]
pub struct SystemHandle(pub Arc<dyn System>);

/// Figures of the process.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The instance that tells all this: twelve letters and digits that a restart keeps.
    pub instance_id: String,
    /// When it started, epoch milliseconds.
    pub started_at: i64,
    /// Requests under way.
    pub in_flight: u64,
    /// Receipts written to the journal and not to the database yet.
    pub unwritten_receipts: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// What a request takes in the journal until it is booked, by those since the start; null below 500 of them.
    pub journal_bytes_per_request: Option<u64>,
    /// How the books stand.
    pub books: Books,
    /// Users with a gate at work.
    pub active_users: u64,
    /// Keys in memory.
    pub cached_keys: u64,
    /// Readers of the live log.
    pub live_readers: u64,
    /// Actors started anew after a fault.
    pub actor_restarts: u64,
    /// Bytes of memory in use; null where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// Log lines that could not be written, as when the log's disk is full.
    pub lost_log_lines: u64,
    /// The actors that own what outlives a request.
    pub actors: Vec<ActorFigures>,
    /// Requests that wait for a slot, for tokens or for money.
    pub waiting_requests: u64,
    /// Concurrency slots of users that are taken.
    pub slots_held: u64,
    /// Requests that hold money, or a slot.
    pub holds: u64,
    /// Money held by requests under way.
    pub held_usd: Usd,
    /// The oldest holds, at most 50.
    pub oldest_holds: Vec<HoldFigures>,
}

/// How an actor does.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorFigures {
    /// Its name.
    pub name: &'static str,
    /// `running`, or `stopped`: it is started anew when somebody next needs it.
    pub state: &'static str,
    /// Messages that wait for it or are at work.
    pub mailbox: u64,
    /// Messages handled so far.
    pub handled: u64,
    /// How often it was started anew after a fault.
    pub restarts: u64,
    /// What a restart loses: `nothing`, `health_memory` (circuits close, rests end, conversations forget their
    /// channel) or `readers` (readers of the live log reconnect).
    pub restart_loses: &'static str,
}

/// A request that holds a slot or money.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldFigures {
    /// The gateway's request id.
    pub request_id: String,
    /// The owner.
    pub user_id: i64,
    /// Their name; null when it could not be read.
    pub username: Option<String>,
    /// The key.
    pub key_id: i64,
    /// Its name; null when it could not be read.
    pub key_name: Option<String>,
    /// Money held.
    pub held_usd: Usd,
    /// Whether it takes a concurrency slot.
    pub slot: bool,
    /// When it was granted, epoch milliseconds.
    pub since: i64,
}

/// What is under way at this moment.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Requests that were let in and have not ended.
    pub running: u64,
    /// Requests waiting for a slot or for money.
    pub waiting: u64,
    /// Money held for running requests until they are billed.
    pub held_usd: Usd,
}

/// Whose traffic is wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficQuery {
    /// One user's (admins).
    pub user_id: Option<i64>,
}

/// The answer of `/api/health`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Health {
    /// Whether all parts are well.
    pub ok: bool,
    /// `ok` or `down`.
    pub db: &'static str,
    /// `ok`, `down` or `off`.
    pub redis: &'static str,
    /// The running version.
    pub version: &'static str,
    /// Epoch milliseconds.
    pub ts: i64,
    /// The parts that are not well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<&'static str>,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether requests can be relayed.
    pub ready: bool,
    /// Whether a part is down, or the books want somebody's care; relaying may still work.
    pub degraded: bool,
    /// What is not as it should be, in words.
    pub worries: Vec<String>,
    /// Receipts in the journal that are not in the database yet.
    pub unbooked: u64,
    /// How long the oldest of them has been waiting, in seconds.
    pub oldest_unbooked_sec: i64,
    /// Receipts, and lines of the journal, that cannot be booked.
    pub set_aside: u64,
}

/// What an operator wants to see.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemInfo {
    /// The parts' signs of life.
    pub health: Health,
    /// `sqlite` or `postgres`.
    pub database: &'static str,
    /// The database's version; null when it does not answer.
    pub database_version: Option<String>,
    /// Bytes the database takes; null when it does not answer.
    pub database_bytes: Option<i64>,
    /// How long the database took to answer, in microseconds; null when it does not.
    pub database_latency_us: Option<i64>,
    /// Whether this process alone serves from it: `held`, `lost` (for the moment, nothing keeps others away) or `taken` (another
    /// process does, too).
    pub database_lock: &'static str,
    /// Work that one instance does at a time, and which one does it; null when the database does not answer.
    pub leases: Option<Vec<LeaseFigures>>,
    /// The other instances and the Redis they share; null without one.
    pub redis: Option<RedisFigures>,
    /// How the database grows; null when it does not answer.
    pub growth: Option<Growth>,
    /// Seconds since the start.
    pub uptime_sec: i64,
    /// Figures of the process.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Asks the parts for a sign of life.
pub async fn health(services: &Services, system: &dyn System) -> Health {
    let redis = system.redis();
    let mut failing = Vec::new();
    if !database_lives(services).await {
        failing.push("db");
    }
    if redis.as_ref().is_some_and(|redis| !redis.is_together()) {
        failing.push("redis");
    }
    let word = |part| if failing.contains(&part) { "down" } else { "ok" };
    Health {
        ok: failing.is_empty(),
        db: word("db"),
        redis: if redis.is_none() { "off" } else { word("redis") },
        version: env!("CARGO_PKG_VERSION"),
        ts: services.now(),
        failing,
    }
}

/// Whether requests can be relayed. A lost database alone is no reason to stop: keys and settings in memory
/// go on, receipts wait in the journal.
pub async fn readiness(services: &Services, system: &dyn System) -> Readiness {
    let health = health(services, system).await;
    let books = books(services, system);
    let others = health.failing.iter().filter(|part| **part != "redis");
    let mut worries: Vec<String> = others.map(|part| format!("{part} is down")).collect();
    worries.extend(system.redis().and_then(|redis| redis.worry()));
    worries.extend(shared_database(&system.exclusivity()));
    worries.extend(books.worries(health.ts));
    Readiness {
        ready: system.can_relay(),
        degraded: !worries.is_empty(),
        worries,
        unbooked: books.unbooked,
        oldest_unbooked_sec: books.oldest_unbooked_at.map_or(0, |since| (health.ts - since).max(0) / 1_000),
        set_aside: books.set_aside,
    }
}

/// What is to be said of a database that another process serves from, too, or may.
fn shared_database(exclusivity: &Exclusivity) -> Option<String> {
    match exclusivity {
        Exclusivity::Held => None,
        Exclusivity::Lost => {
            Some("nothing keeps other processes away from the database; its lock is being taken again".to_owned())
        }
        Exclusivity::Taken(_) => Some(
            "another process uses the same database: each counts limits and held money for itself; stop one of them".to_owned(),
        ),
    }
}

/// How the books stand, with the disk of an embedded database.
fn books(services: &Services, system: &dyn System) -> Books {
    Books { database_disk_free_bytes: services.db.disk_free(), ..system.books() }
}

/// What is under way: of everybody or one user for admins, of themselves for others.
///
/// # Errors
/// `forbidden` for somebody else's.
pub fn traffic(system: &dyn System, actor: &Actor, query: &TrafficQuery) -> Served<Traffic> {
    if !actor.is_admin() && query.user_id.is_some_and(|id| id != actor.id.0) {
        return Err(ServiceError::new(&NOT_ALLOWED));
    }
    let user = if actor.is_admin() { query.user_id.map(UserId) } else { Some(actor.id) };
    Ok(system.traffic(user))
}

/// What an operator wants to see.
pub async fn info(services: &Services, system: &dyn System) -> SystemInfo {
    let mut figures = system.figures().await;
    figures.books = books(services, system);
    let health = health(services, system).await;
    let database = if health.db == "ok" { database(services, &mut figures.oldest_holds).await } else { None };
    let latency = database.as_ref().and_then(|told| i64::try_from(told.latency.as_micros()).ok());
    let (growth, leases) = match &database {
        Some(_) => (growth(services, &figures).await, leases::of(services, &figures.instance_id).await),
        None => (None, None),
    };
    let (version, bytes) = database.map(|told| (told.about.version, told.about.bytes)).unzip();
    SystemInfo {
        uptime_sec: (services.now() - figures.started_at).max(0) / 1_000,
        health,
        database: if services.db.is_embedded() { "sqlite" } else { "postgres" },
        database_version: version,
        database_bytes: bytes,
        database_latency_us: latency,
        redis: system.redis(),
        growth,
        leases,
        database_lock: match system.exclusivity() {
            Exclusivity::Held => "held",
            Exclusivity::Lost => "lost",
            Exclusivity::Taken(_) => "taken",
        },
        figures,
    }
}

/// What the database says of itself, and how long it takes to say anything.
struct Told {
    about: Description,
    latency: Duration,
}

/// Asks the database about itself; names whoever holds something.
async fn database(services: &Services, holds: &mut [HoldFigures]) -> Option<Told> {
    let asked = async {
        let about = services.db.describe().await?;
        let asked_at = Instant::now();
        services.db.ping().await?;
        let latency = asked_at.elapsed();
        let keys: Vec<i64> = holds.iter().map(|hold| hold.key_id).collect();
        let named = key_names::of(&services.db, &keys).await?;
        for hold in holds {
            if let Some(key) = named.iter().find(|key| key.id == hold.key_id) {
                (hold.username, hold.key_name) = (Some(key.username.clone()), Some(key.name.clone()));
            }
        }
        Ok::<_, StoreError>(Told { about, latency })
    };
    let answered = tokio::time::timeout(PING_DEADLINE, asked).await.ok()?;
    answered.inspect_err(|error| tracing::warn!(%error, "the database does not describe itself")).ok()
}

async fn growth(services: &Services, figures: &Figures) -> Option<Growth> {
    let journal = figures.journal_bytes_per_request.zip(figures.books.journal_disk_free_bytes);
    let answered = tokio::time::timeout(PING_DEADLINE, growth::of(services, journal)).await.ok()?;
    answered.inspect_err(|error| tracing::warn!(%error, "the database does not tell how it grows")).ok()
}

async fn database_lives(services: &Services) -> bool {
    let ping = tokio::time::timeout(PING_DEADLINE, services.db.ping()).await;
    ping.is_ok_and(|answer| answer.inspect_err(|error| tracing::warn!(%error, "the database gives no sign of life")).is_ok())
}
