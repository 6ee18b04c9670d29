//! What services ask of the process as a whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actors::ports::{Changed, SetAside, StorageIll};
use actors::supervision::{Loss, VitalSigns};
use actors::system::Cellar;
use actors::usage_ledger::LedgerState;
use actors::user_gate::GateState;
use actors::user_gate::shared::Standing;
use actors::vocabulary::{InstanceId, Nanos, UserId};
use async_trait::async_trait;
use tokio::sync::watch;

use crate::redis_store::{InstanceSeen, RedisHealth, RedisStore};
use crate::services::books::{Books, MOST_ASIDE};
use crate::services::growth;
use crate::services::instances::{InstanceFigures, RedisFigures};
use crate::services::system::{ActorFigures, Figures, HoldFigures, MOST_HOLDS, System, Traffic};
use crate::services::values::Usd;
use crate::services::{News, Served, ServiceError};
use crate::store::Exclusivity;
use crate::telemetry;

/// Puts changes in force through the actors.
pub(super) struct CellarNews(pub(super) Cellar);

#[async_trait]
impl News for CellarNews {
    async fn changed(&self, what: Changed) {
        self.0.changed(what).await;
    }
}

/// The process's own figures.
pub(super) struct Process {
    pub(super) id: InstanceId,
    pub(super) cellar: Cellar,
    pub(super) started_at: i64,
    pub(super) in_flight: Arc<AtomicUsize>,
    pub(super) exclusivity: watch::Receiver<Exclusivity>,
    pub(super) redis: Option<RedisStore>,
}

#[async_trait]
impl System for Process {
    fn redis(&self) -> Option<RedisFigures> {
        self.redis.as_ref().map(|redis| redis_figures(redis.health()))
    }

    fn can_relay(&self) -> bool {
        self.cellar.ledger.can_record()
    }

    fn exclusivity(&self) -> Exclusivity {
        self.exclusivity.borrow().clone()
    }

    fn books(&self) -> Books {
        books_of(self.cellar.ledger.observe())
    }

    async fn set_aside(&self) -> Served<Vec<SetAside>> {
        let ledger = self.cellar.ledger.clone();
        blocking(move || ledger.list_aside(MOST_ASIDE)).await
    }

    async fn take_back(&self, id: i64, retry: bool) -> Served<Option<SetAside>> {
        let ledger = self.cellar.ledger.clone();
        blocking(move || ledger.take_back(id, retry)).await
    }

    async fn figures(&self) -> Figures {
        let ledger = self.cellar.ledger.observe();
        let actors: Vec<ActorFigures> = self.cellar.vital_signs().iter().map(of_actor).collect();
        let gates = self.cellar.gates.observe_all();
        Figures {
            instance_id: self.id.to_string(),
            started_at: self.started_at,
            in_flight: self.in_flight.load(Ordering::Acquire) as u64,
            unwritten_receipts: ledger.backlog,
            journal_bytes: ledger.journal_bytes,
            journal_bytes_per_request: (ledger.written.requests >= growth::FEWEST)
                .then(|| ledger.written.bytes / ledger.written.requests),
            books: books_of(ledger),
            active_users: gates.len() as u64,
            cached_keys: self.cellar.cache.cached_keys() as u64,
            live_readers: self.cellar.logs.readers() as u64,
            actor_restarts: actors.iter().map(|actor| actor.restarts).sum(),
            memory_bytes: resident_bytes(),
            lost_log_lines: telemetry::lost_lines(),
            actors,
            waiting_requests: gates.iter().map(|(_, gate)| gate.waiting as u64).sum(),
            slots_held: gates.iter().map(|(_, gate)| u64::from(gate.slots)).sum(),
            holds: gates.iter().map(|(_, gate)| gate.holds.len() as u64).sum(),
            held_usd: Usd(gates.iter().fold(Nanos::ZERO, |sum, (_, gate)| sum.plus(gate.held))),
            oldest_holds: oldest(gates),
        }
    }

    fn traffic(&self, user: Option<UserId>) -> Traffic {
        let traffic = self.cellar.gates.traffic(user);
        Traffic { running: traffic.running as u64, waiting: traffic.waiting as u64, held_usd: Usd(traffic.held) }
    }
}

/// Runs what reads or writes a file on a thread for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, StorageIll> + Send + 'static) -> Served<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(StorageIll("the work was broken off".to_owned()))).map_err(ServiceError::ill)
}

fn books_of(ledger: LedgerState) -> Books {
    Books {
        can_record: ledger.can_record,
        unbooked: ledger.backlog,
        oldest_unbooked_at: ledger.oldest_unbooked,
        set_aside: ledger.set_aside,
        disbelieved_usage: ledger.disbelieved,
        journal_bytes: ledger.journal_bytes,
        journal_disk_free_bytes: ledger.disk_free,
        database_disk_free_bytes: None,
        last_booked_at: ledger.last_booked,
        last_failure_at: ledger.last_failure.as_ref().map(|failure| failure.at),
        last_failure: ledger.last_failure.map(|failure| failure.words),
    }
}

fn redis_figures(health: RedisHealth) -> RedisFigures {
    let instance = |seen: InstanceSeen| InstanceFigures {
        id: seen.id,
        is_this_instance: seen.is_this,
        is_alive: seen.is_alive,
        silent_ms: seen.silent_ms,
        version: seen.facts.version,
        place: seen.facts.place,
        started_at: seen.facts.started_at,
        in_flight: seen.facts.in_flight,
        unbooked: seen.facts.unbooked,
        live_readers: seen.facts.readers,
    };
    RedisFigures {
        standing: match health.standing {
            Standing::Together => "together",
            Standing::Rejoining(_) => "rejoining",
            Standing::Alone(_) => "alone",
        },
        parts: health.standing.parts(),
        latency_us: health.latency_us,
        losses: health.losses,
        failures: health.failures,
        instances: health.instances.into_iter().map(instance).collect(),
    }
}

fn of_actor(signs: &VitalSigns) -> ActorFigures {
    ActorFigures {
        name: signs.name,
        state: if signs.alive { "running" } else { "stopped" },
        mailbox: signs.waiting as u64,
        handled: signs.handled,
        restarts: signs.crashes + signs.deaths,
        restart_loses: match signs.loss {
            Loss::Nothing => "nothing",
            Loss::HealthMemory => "health_memory",
            Loss::Readers => "readers",
        },
    }
}

/// The oldest holds of all users, without names.
fn oldest(gates: Vec<(UserId, GateState)>) -> Vec<HoldFigures> {
    let of_user = |(user, gate): (UserId, GateState)| {
        gate.holds.into_iter().map(move |hold| HoldFigures {
            request_id: hold.request_id,
            user_id: user.0,
            username: None,
            key_id: hold.key.0,
            key_name: None,
            held_usd: Usd(hold.money),
            slot: hold.slot,
            since: hold.since_ms,
        })
    };
    let mut holds: Vec<HoldFigures> = gates.into_iter().flat_map(of_user).collect();
    holds.sort_by(|one, other| (one.since, &one.request_id).cmp(&(other.since, &other.request_id)));
    holds.truncate(MOST_HOLDS);
    holds
}

/// Resident memory, where /proc tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
