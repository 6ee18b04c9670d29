//! The live log as a door's reader sees it: whose rows, signs of life in between, what was missed, and its end with the right.

use std::time::Duration;

use actix_web::web::Bytes;
use actors::log_broadcaster::{LogBroadcaster, Subscription};
use actors::vocabulary::UserId;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use crate::services::watching::{Place, Right};
use crate::services::{Actor, Served, ServiceError, Services};

/// Silence after which a sign of life is sent.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A comment of server-sent events: a sign of life.
pub const PING: &[u8] = b": ping\n\n";

/// Somebody who watches.
pub struct Watcher {
    entries: Subscription,
    /// The one whose rows are seen, and in the user's form; `None` for admins, who see all.
    only: Option<UserId>,
    right: Right,
    ping_at: Instant,
    _place: Place,
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

/// Begins to watch: one user's rows, or everybody's, for as long as `actor` may.
///
/// # Errors
/// `too_many_requests` while they or too many others watch; when the broadcaster does not answer.
pub async fn watch(services: &Services, logs: &LogBroadcaster, actor: &Actor, only: Option<UserId>) -> Served<Watcher> {
    let place = services.watching.place(actor)?;
    let right = Right::of(services, actor);
    let entries = logs.subscribe().await.map_err(ServiceError::ill)?;
    Ok(Watcher { entries, only, right, ping_at: Instant::now() + PING_EVERY, _place: place })
}

impl Watcher {
    /// What comes next; `None` when the right is gone, or the broadcaster dismissed its readers.
    pub async fn next(&mut self) -> Option<Seen> {
        let seen = self.seen().await?;
        self.ping_at = Instant::now() + PING_EVERY;
        Some(seen)
    }

    async fn seen(&mut self) -> Option<Seen> {
        loop {
            // The right first: once it is in doubt, no row goes out before it is confirmed.
            let entry = tokio::select! {
                biased;
                () = self.right.due() => {
                    self.right.look().await.ok()?;
                    continue;
                }
                entry = self.entries.recv() => entry,
                () = sleep_until(self.ping_at) => return Some(Seen::Silence),
            };
            let entry = match entry {
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(missed)) => return Some(Seen::Missed(missed)),
                Ok(entry) => entry,
            };
            match self.only {
                None => return Some(Seen::Row(entry.encoded.admin.clone())),
                Some(user) if user == entry.user => return Some(Seen::Row(entry.encoded.user.clone())),
                Some(_) => {}
            }
        }
    }
}
