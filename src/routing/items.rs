//! What was given to Responses clients on converted routes, for `item_reference` and `previous_response_id`.

use std::fmt;

use actors::vocabulary::UserId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::Value;

/// Items remembered, about.
const ITEMS: usize = 20_000;
/// Bytes they may hold together.
const MOST_BYTES: u64 = 64 << 20;
/// Largest item remembered; a response is one, with what was said before it.
const MOST_ITEM_BYTES: usize = 4 << 20;

/// A bounded memory of recent output items as JSON, by user. A restart forgets them; a reference to what is
/// forgotten is a 400.
pub struct RecentItems {
    items: Cache<(UserId, String), String, Weight>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<(UserId, String), String> for Weight {
    fn weight(&self, key: &(UserId, String), item: &String) -> u64 {
        (key.1.len() + item.len()) as u64
    }
}

impl Default for RecentItems {
    fn default() -> Self {
        Self { items: Cache::with_weighter(ITEMS, MOST_BYTES, Weight) }
    }
}

impl fmt::Debug for RecentItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecentItems({})", self.items.len())
    }
}

impl RecentItems {
    /// An item given to this user before.
    pub fn get(&self, user: UserId, id: &str) -> Option<Value> {
        serde_json::from_str(&self.items.get(&(user, id.to_owned()))?).ok()
    }

    /// Whether this was given to this user before.
    pub fn knows(&self, user: UserId, id: &str) -> bool {
        self.items.get(&(user, id.to_owned())).is_some()
    }

    /// Remembers the items of an answer.
    pub fn remember(&self, user: UserId, items: Vec<(String, Value)>) {
        for (id, item) in items {
            let item = item.to_string();
            if item.len() <= MOST_ITEM_BYTES {
                self.items.insert((user, id), item);
            }
        }
    }
}
