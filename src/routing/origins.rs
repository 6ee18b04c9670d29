//! Which channel made which response, for `previous_response_id`.

use std::fmt;

use actors::vocabulary::{ChannelId, UserId};
use quick_cache::sync::Cache;

/// Responses remembered.
const RESPONSES: usize = 100_000;

/// A bounded memory of responses and the channels that made them, by user.
pub struct ResponseOrigins {
    made: Cache<(UserId, String), ChannelId>,
}

impl Default for ResponseOrigins {
    fn default() -> Self {
        Self { made: Cache::new(RESPONSES) }
    }
}

impl fmt::Debug for ResponseOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseOrigins({})", self.made.len())
    }
}

impl ResponseOrigins {
    /// The channel that made a response for this user.
    pub fn channel(&self, user: UserId, response: &str) -> Option<ChannelId> {
        self.made.get(&(user, response.to_owned()))
    }

    /// Remembers who made a response.
    pub fn remember(&self, user: UserId, response: &str, channel: ChannelId) {
        self.made.insert((user, response.to_owned()), channel);
    }
}
