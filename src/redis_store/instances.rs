//! Who is there: heartbeats, and what is left of instances that ended.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use actors::user_gate::shared::SharedUnavailable;
use deadpool_redis::redis::{self, Script};
use serde::{Deserialize, Serialize};

use super::{Inner, named};

static HEARTBEAT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/heartbeat.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/forget.lua")));

/// What an instance says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InstanceFacts {
    /// Its version.
    pub version: String,
    /// The machine it runs on, and where it listens.
    pub place: String,
    /// When it started, epoch milliseconds.
    pub started_at: i64,
    /// Relayed requests under way.
    pub in_flight: u64,
    /// Receipts it has not booked.
    pub unbooked: u64,
    /// Readers of the live log.
    pub readers: u64,
}

/// An instance, as the others see it.
#[derive(Clone, Debug)]
pub struct InstanceSeen {
    /// Its id.
    pub id: String,
    /// Whether it is the one that says so.
    pub is_this: bool,
    /// Milliseconds since its last heartbeat.
    pub silent_ms: i64,
    /// Whether its share counts: it was heard within its lease.
    pub is_alive: bool,
    /// What it says of itself.
    pub facts: InstanceFacts,
}

impl Inner {
    /// Says that this instance lives and learns who else does. Answers whether Redis knew it.
    pub(super) async fn beat(&self) -> Result<bool, SharedUnavailable> {
        let facts = self.facts.get().map(|facts| facts()).unwrap_or_default();
        let mut call = HEARTBEAT.prepare_invoke();
        call.key(named("instances", "seen"))
            .key(named("instances", "facts"))
            .arg(&self.id)
            .arg(serde_json::to_string(&facts).unwrap_or_default());
        let answer: Vec<String> = self.run(&call).await?;
        let [now, was_known, others @ ..] = answer.as_slice() else { return Err(SharedUnavailable) };
        if let Ok(now) = now.parse::<i64>() {
            self.ahead_ms.store(now - self.clock.monotonic_ms(), Ordering::Relaxed);
        }
        let lease = self.lease_ms();
        let seen: Vec<InstanceSeen> = others
            .chunks_exact(3)
            .map(|one| {
                let silent_ms = one[1].parse().unwrap_or(i64::MAX);
                InstanceSeen {
                    is_this: one[0] == self.id,
                    id: one[0].clone(),
                    silent_ms,
                    is_alive: silent_ms < lease,
                    facts: serde_json::from_str(&one[2]).unwrap_or_default(),
                }
            })
            .collect();
        let others_read = seen.iter().any(|one| !one.is_this && one.is_alive && one.facts.readers > 0);
        self.others_read.store(others_read, Ordering::Relaxed);
        *self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = seen;
        Ok(was_known == "1")
    }

    /// The same, as long as this instance has not left.
    pub(super) async fn beat_unless_left(&self) -> Result<bool, SharedUnavailable> {
        if self.has_left.load(Ordering::Acquire) { Ok(true) } else { self.beat().await }
    }

    /// Takes out what a process before this one, with the same data directory, left behind. Its journal is booked by now.
    pub(super) async fn clear_own_share(&self) -> Result<(), SharedUnavailable> {
        self.forget(&self.id).await
    }

    /// Gives up the shares of instances that have not been heard for too long.
    pub(super) async fn bury_the_silent(&self) -> Result<(), SharedUnavailable> {
        let after = i64::try_from(self.rhythm.buried_after.as_millis()).unwrap_or(i64::MAX);
        let silent: Vec<String> = {
            let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            seen.iter().filter(|one| !one.is_this && one.silent_ms > after).map(|one| one.id.clone()).collect()
        };
        for id in silent {
            tracing::warn!(instance = id, "an instance has been silent for too long; what it had not booked counts no longer");
            self.forget(&id).await?;
            self.leave(&id).await?;
        }
        Ok(())
    }

    /// Takes an instance's share out of everything.
    pub(super) async fn forget(&self, id: &str) -> Result<(), SharedUnavailable> {
        let shares = named("shares", id);
        let users: Vec<String> = self.ask(redis::cmd("SMEMBERS").arg(&shares)).await?;
        for user in users {
            let mut call = FORGET.prepare_invoke();
            call.key(named("user", &user)).key(&shares).arg(id).arg(&user);
            let _fields: i64 = self.run(&call).await?;
        }
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(named("channel", "*")).arg("COUNT").arg(1_000);
            let (next, channels): (u64, Vec<String>) = self.ask(&scan).await?;
            for channel in channels {
                let _fields: i64 =
                    self.ask(redis::cmd("HDEL").arg(channel).arg(format!("v|{id}")).arg(format!("s|{id}"))).await?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// Takes an instance off the list.
    pub(super) async fn leave(&self, id: &str) -> Result<(), SharedUnavailable> {
        let _listed: i64 = self.ask(redis::cmd("ZREM").arg(named("instances", "seen")).arg(id)).await?;
        let _known: i64 = self.ask(redis::cmd("HDEL").arg(named("instances", "facts")).arg(id)).await?;
        Ok(())
    }
}
