//! Slots of channels in Redis: each instance tells how many attempts it has under way.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use actors::ports::SharedSlots;
use actors::user_gate::shared::Standing;
use actors::vocabulary::ChannelId;
use async_trait::async_trait;
use deadpool_redis::redis::{self, Script, ScriptInvocation};

use super::{Inner, RedisStore, named};

const TEXT: &str = include_str!("scripts/slots.lua");
static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TEXT));

/// Channels' slots, shared.
#[derive(Clone, Debug)]
pub struct RedisSlots(pub RedisStore);

#[async_trait]
impl SharedSlots for RedisSlots {
    async fn take(&self, channel: ChannelId, in_flight: &Arc<AtomicU32>, limit: u32) -> bool {
        let inner = &self.0.inner;
        inner.counters.entry(channel).or_insert_with(|| Arc::clone(in_flight));
        if inner.standing() == Standing::Together {
            let (version, attempts) = inner.versioned(|| in_flight.load(Ordering::Acquire));
            let mut call = SCRIPT.prepare_invoke();
            arguments(&mut call, inner, channel, version, attempts, limit);
            if let Ok(within) = inner.run::<u8>(&call).await {
                return within == 1;
            }
        }
        in_flight.load(Ordering::Acquire) <= limit.div_ceil(inner.standing().parts())
    }

    fn give_back(&self, channel: ChannelId, in_flight: &Arc<AtomicU32>) {
        self.0.inner.tell_slots(channel, in_flight);
    }
}

fn arguments(call: &mut ScriptInvocation<'_>, inner: &Inner, channel: ChannelId, version: i64, attempts: u32, limit: u32) {
    call.key(named("channel", channel))
        .key(named("instances", "seen"))
        .arg(&inner.id)
        .arg(version)
        .arg(attempts)
        .arg(limit)
        .arg(inner.lease_ms());
}

impl Inner {
    fn tell_slots(&self, channel: ChannelId, in_flight: &Arc<AtomicU32>) {
        let (version, attempts) = self.versioned(|| in_flight.load(Ordering::Acquire));
        let mut command = redis::cmd("EVAL");
        command
            .arg(TEXT)
            .arg(2)
            .arg(named("channel", channel))
            .arg(named("instances", "seen"))
            .arg(&self.id)
            .arg(version)
            .arg(attempts)
            .arg(0)
            .arg(self.lease_ms());
        self.send(command);
    }

    /// Tells the attempts under way on every channel.
    pub(super) fn tell_all_slots(&self) {
        for channel in &self.counters {
            self.tell_slots(*channel.key(), channel.value());
        }
    }
}
