//! Slots of channels in Redis: each instance tells how many attempts it has under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actors::ports::SharedSlots;
use actors::user_gate::shared::Standing;
use actors::vocabulary::ChannelId;
use async_trait::async_trait;
use deadpool_redis::redis;

use super::{Inner, RedisStore, named};

const SCRIPT: &str = include_str!("scripts/slots.lua");
/// In place of a limit: nothing is asked.
const ONLY_TELLS: u32 = 0;

/// Channels' slots, shared.
#[derive(Clone, Debug)]
pub struct RedisSlots(pub RedisStore);

#[async_trait]
impl SharedSlots for RedisSlots {
    async fn take(&self, channel: ChannelId, in_flight: &Arc<AtomicU32>, limit: u32) -> bool {
        let inner = &self.0.inner;
        inner.counters.entry(channel).or_insert_with(|| Arc::clone(in_flight));
        if inner.standing() == Standing::Together
            && let Ok(within) = inner.ask::<u8>(&inner.share_of_slots(channel, in_flight, limit)).await
        {
            return within == 1;
        }
        in_flight.load(Ordering::Acquire) <= limit.div_ceil(inner.standing().parts())
    }

    fn give_back(&self, channel: ChannelId, in_flight: &Arc<AtomicU32>) {
        self.0.inner.tell_slots(channel, in_flight);
    }
}

impl Inner {
    fn tell_slots(&self, channel: ChannelId, in_flight: &AtomicU32) {
        self.send(self.share_of_slots(channel, in_flight, ONLY_TELLS));
    }

    /// Tells the attempts under way on a channel, and asks whether they are within its `limit`.
    fn share_of_slots(&self, channel: ChannelId, in_flight: &AtomicU32, limit: u32) -> redis::Cmd {
        let (version, attempts) = self.versioned(|| in_flight.load(Ordering::Acquire));
        let mut command = redis::cmd("EVAL");
        command.arg(SCRIPT).arg(2).arg(named("channel", channel)).arg(named("instances", "seen"));
        command.arg(&self.id).arg(version).arg(attempts).arg(limit).arg(self.lease_ms());
        command
    }

    /// Tells the attempts under way on every channel.
    pub(super) fn tell_all_slots(&self) {
        for channel in &self.counters {
            self.tell_slots(*channel.key(), channel.value());
        }
    }
}
