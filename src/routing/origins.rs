//! Which channel made which response, for `previous_response_id`.

use std::fmt;

use actors::vocabulary::{ChannelId, UserId};
use quick_cache::sync::Cache;

use crate::redis_store::{Memory, SharedMemories};

/// Responses remembered.
const RESPONSES: usize = 100_000;

/// A bounded memory of responses and the channels that made them, by user; what the other instances know is asked for.
pub struct ResponseOrigins {
    made: Cache<(UserId, String), ChannelId>,
    shared: Option<SharedMemories>,
}

impl fmt::Debug for ResponseOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseOrigins({})", self.made.len())
    }
}

impl ResponseOrigins {
    /// Remembers nothing yet; `None` = there are no other instances.
    pub fn new(shared: Option<SharedMemories>) -> Self {
        Self { made: Cache::new(RESPONSES), shared }
    }

    /// The channel that made a response for this user, as far as this instance knows.
    pub fn channel(&self, user: UserId, response: &str) -> Option<ChannelId> {
        self.made.get(&(user, response.to_owned()))
    }

    /// The same, as far as any instance knows.
    pub async fn recall(&self, user: UserId, response: &str) -> Option<ChannelId> {
        let found = self.shared.as_ref()?.recall(Memory::Origin, user, &[response]).await;
        let channel = ChannelId(found.into_iter().next()??.parse().ok()?);
        self.made.insert((user, response.to_owned()), channel);
        Some(channel)
    }

    /// Remembers who made a response.
    pub fn remember(&self, user: UserId, response: &str, channel: ChannelId) {
        self.made.insert((user, response.to_owned()), channel);
        if let Some(shared) = &self.shared {
            shared.remember(Memory::Origin, user, response, channel.to_string());
        }
    }
}
