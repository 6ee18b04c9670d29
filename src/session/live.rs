//! The live log as a door's reader sees it: whose rows, signs of life in between, what was missed.

use std::time::Duration;

use actix_web::web::Bytes;
use actors::log_broadcaster::{LogBroadcaster, Subscription};
use actors::vocabulary::UserId;
use tokio::sync::broadcast::error::RecvError;

use crate::services::{Served, ServiceError};

/// Silence after which a sign of life is sent.
const PING_EVERY: Duration = Duration::from_secs(15);
/// Readers at the same time, over all doors.
const MOST_READERS: usize = 500;

/// A comment of server-sent events: a sign of life.
pub const PING: &[u8] = b": ping\n\n";

/// Somebody who watches.
pub struct Watcher {
    entries: Subscription,
    /// The one whose rows are seen, and in the user's form; `None` for admins, who see all.
    only: Option<UserId>,
}

/// What a watcher sees next.
#[derive(Clone, Debug)]
pub enum Seen {
    /// Nothing happened for a while.
    Silence,
    /// The reader fell behind by this many rows.
    Missed(u64),
    /// A row as JSON.
    Row(Bytes),
}

/// Begins to watch: one user's rows, or everybody's.
///
/// # Errors
/// `too_many_requests` while too many watch; when the broadcaster does not answer.
pub async fn watch(logs: &LogBroadcaster, only: Option<UserId>) -> Served<Watcher> {
    if logs.readers() >= MOST_READERS {
        return Err(ServiceError::too_many(30));
    }
    let entries = logs.subscribe().await.map_err(ServiceError::ill)?;
    Ok(Watcher { entries, only })
}

impl Watcher {
    /// What comes next; `None` when the broadcaster dismissed its readers.
    pub async fn next(&mut self) -> Option<Seen> {
        loop {
            let entry = match tokio::time::timeout(PING_EVERY, self.entries.recv()).await {
                Err(_) => return Some(Seen::Silence),
                Ok(Err(RecvError::Closed)) => return None,
                Ok(Err(RecvError::Lagged(missed))) => return Some(Seen::Missed(missed)),
                Ok(Ok(entry)) => entry,
            };
            match self.only {
                None => return Some(Seen::Row(entry.encoded.admin.clone())),
                Some(user) if user == entry.user => return Some(Seen::Row(entry.encoded.user.clone())),
                Some(_) => {}
            }
        }
    }
}
