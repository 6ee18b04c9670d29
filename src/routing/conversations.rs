//! Which channel served a conversation last, on whichever instance.
//!
//! `ChannelHealth` remembers what went through this instance; this adds what went through the others. One that works alone keeps
//! nothing here.

use std::fmt;
use std::time::{Duration, Instant};

use actors::vocabulary::{ChannelId, UserId};
use quick_cache::sync::Cache;

use crate::redis_store::{Memory, SharedMemories};

/// Conversations known here.
const CONVERSATIONS: usize = 50_000;
/// After how long the others are told again of a conversation that stays where it is; they forget it within an hour.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// A bounded memory of conversations and the channels that served them, shared by all instances.
pub struct Conversations(Option<Shared>);

struct Shared {
    memories: SharedMemories,
    /// Who served a conversation, and when the others were told.
    known: Cache<u64, (ChannelId, Instant)>,
}

impl fmt::Debug for Conversations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversations({})", self.0.as_ref().map_or(0, |shared| shared.known.len()))
    }
}

impl Conversations {
    /// Remembers nothing yet; `None` = there are no other instances.
    pub fn new(memories: Option<SharedMemories>) -> Self {
        Self(memories.map(|memories| Shared { memories, known: Cache::new(CONVERSATIONS) }))
    }

    /// The channel that served a conversation last, where only other instances know it.
    pub async fn served_elsewhere(&self, user: UserId, conversation: u64) -> Option<ChannelId> {
        let shared = self.0.as_ref()?;
        if shared.known.get(&conversation).is_some() {
            return None;
        }
        let found = shared.memories.recall(Memory::Conversation, user, &[&name(conversation)]).await;
        found.into_iter().next()??.parse().ok().map(ChannelId)
    }

    /// A channel served a conversation.
    pub fn served(&self, user: UserId, conversation: u64, channel: ChannelId) {
        let Some(shared) = &self.0 else { return };
        let is_told = |(known, told): &(ChannelId, Instant)| *known == channel && told.elapsed() < TELL_AGAIN_AFTER;
        if shared.known.get(&conversation).as_ref().is_some_and(is_told) {
            return;
        }
        shared.known.insert(conversation, (channel, Instant::now()));
        shared.memories.remember(Memory::Conversation, user, &name(conversation), channel.to_string());
    }
}

fn name(conversation: u64) -> String {
    format!("{conversation:016x}")
}
