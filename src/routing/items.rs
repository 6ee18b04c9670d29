//! What was given to Responses clients on converted routes, for `item_reference` and `previous_response_id`.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::time::Duration;

use actors::vocabulary::UserId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::redis_store::{Memory, SharedMemories};

/// Items remembered, about.
const ITEMS: usize = 20_000;
/// Bytes they may hold together.
const MOST_BYTES: u64 = 64 << 20;
/// Largest item remembered; a response is one, with what was said before it.
const MOST_ITEM_BYTES: usize = 4 << 20;
/// Longest wait for what other instances remember, however far a conversation goes back.
const RECALL_WITHIN: Duration = Duration::from_secs(1);
/// Items asked for at a time, and most that one request brings here.
const RECALLED_TOGETHER: usize = 8;
const MOST_RECALLED: usize = 2_000;
/// Bytes that one request brings here.
const MOST_RECALLED_BYTES: usize = 32 << 20;

/// A bounded memory of recent output items as JSON, by user; what the other instances know is asked for. A reference to what
/// is forgotten is a 400.
pub struct RecentItems {
    items: Cache<(UserId, String), String, Weight>,
    shared: Option<SharedMemories>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<(UserId, String), String> for Weight {
    fn weight(&self, key: &(UserId, String), item: &String) -> u64 {
        (key.1.len() + item.len()) as u64
    }
}

/// What of a response leads to the one before it.
#[derive(Deserialize)]
struct Link {
    previous_response_id: Option<String>,
}

impl fmt::Debug for RecentItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecentItems({})", self.items.len())
    }
}

impl RecentItems {
    /// Remembers nothing yet; `None` = there are no other instances.
    pub fn new(shared: Option<SharedMemories>) -> Self {
        Self { items: Cache::with_weighter(ITEMS, MOST_BYTES, Weight), shared }
    }

    /// An item given to this user before, as far as this instance knows.
    pub fn get(&self, user: UserId, id: &str) -> Option<Value> {
        serde_json::from_str(&self.items.get(&(user, id.to_owned()))?).ok()
    }

    /// Whether this instance knows that this was given to this user before.
    pub fn knows(&self, user: UserId, id: &str) -> bool {
        self.items.get(&(user, id.to_owned())).is_some()
    }

    /// Fetches from the other instances' memory what this one lacks of these items, and of the responses that lead up to them.
    /// Answers whether it knows more now.
    pub async fn recall(&self, user: UserId, ids: Vec<String>) -> bool {
        let Some(shared) = &self.shared else { return false };
        let by = Instant::now() + RECALL_WITHIN;
        let mut asked: HashSet<String> = HashSet::new();
        let mut wanted = VecDeque::from(ids);
        let (mut knows_more, mut room) = (false, MOST_RECALLED_BYTES);
        while asked.len() < MOST_RECALLED && Instant::now() < by {
            let mut next = Vec::new();
            while next.len() < RECALLED_TOGETHER
                && let Some(id) = wanted.pop_front()
            {
                if asked.insert(id.clone()) && !self.knows(user, &id) {
                    next.push(id);
                }
            }
            if next.is_empty() {
                break;
            }
            let names: Vec<&str> = next.iter().map(String::as_str).collect();
            let found = shared.recall(Memory::Item, user, &names).await;
            for (id, item) in next.into_iter().zip(found) {
                let Some(item) = item else { continue };
                let Some(left) = room.checked_sub(item.len()) else { return knows_more };
                room = left;
                wanted.extend(serde_json::from_str::<Link>(&item).ok().and_then(|link| link.previous_response_id));
                self.items.insert((user, id), item);
                knows_more = true;
            }
        }
        knows_more
    }

    /// Remembers the items of an answer. With them comes the response as a whole where its client wants it stored; otherwise
    /// they stay in this process.
    pub fn remember(&self, user: UserId, items: Vec<(String, Value)>) {
        let shared = self.shared.as_ref().filter(|_| items.iter().any(|(_, item)| is_response(item)));
        for (id, item) in items {
            let item = item.to_string();
            if let Some(shared) = shared.filter(|shared| shared.takes(item.len())) {
                shared.remember(Memory::Item, user, &id, item.clone());
            }
            if item.len() <= MOST_ITEM_BYTES {
                self.items.insert((user, id), item);
            }
        }
    }
}

/// Whether this is a response with what was asked for: no item of one has both.
fn is_response(item: &Value) -> bool {
    item.get("input").is_some() && item.get("output").is_some()
}
