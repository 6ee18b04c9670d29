//! The shell: loads snapshots and keys, and follows the database's change log.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwap;
use futures_util::FutureExt;

use super::keys::Keys;
use super::snapshot::Snapshot;
use crate::ports::{CatalogueSource, Change, Changed, Clock, Faults, StorageIll};
use crate::supervision::{Crashed, Vitals, guard};
use crate::vocabulary::{IdMaker, KeyDigest, KeyRecord, UserId};

/// Messages that may wait before senders do.
const MAILBOX: usize = 4_096;
/// How often the change log is read.
const POLL: Duration = Duration::from_millis(500);
/// Longest wait for the database.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// A user's keys read anew after a change; those of somebody with more are read when they are next asked for.
const MOST_RENEWED: usize = 256;
/// Times that a key is read while changes come between.
const MOST_READINGS: u32 = 8;
/// Transactions may commit out of the order of their ids; so much older changes are looked for again.
const LOOK_BACK_MS: i64 = 30_000;

pub(super) type Refreshed = Arc<dyn Fn(UserId) + Send + Sync>;

/// The snapshot in force. Readings overlap; one that began earlier never replaces one that began later.
#[derive(Clone)]
pub(super) struct Current {
    snapshot: Arc<ArcSwap<Snapshot>>,
    begun: Arc<AtomicU64>,
    stored: Arc<Mutex<u64>>,
}

impl Current {
    pub(super) fn new(snapshot: Arc<ArcSwap<Snapshot>>) -> Self {
        Self { snapshot, begun: Arc::default(), stored: Arc::default() }
    }

    fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn store(&self, reading: u64, snapshot: Snapshot) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if reading > *stored {
            *stored = reading;
            self.snapshot.store(Arc::new(snapshot));
        }
    }
}

/// What the actor is made of, kept over its deaths.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) current: Current,
    pub(super) keys: Arc<Keys>,
    pub(super) source: Arc<dyn CatalogueSource>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) faults: Arc<dyn Faults>,
    pub(super) vitals: Arc<Vitals>,
    /// Told when another process changed a user.
    pub(super) refreshed: Refreshed,
}

impl Parts {
    /// Reads a key and keeps it. A change that comes between makes it read again, so that a key that was served once is
    /// known when the database goes away.
    async fn read_key(&self, digest: KeyDigest) -> Result<Option<Arc<KeyRecord>>, StorageIll> {
        let mut readings = 0;
        loop {
            let generation = self.keys.generation();
            let read = tokio::time::timeout(READ_DEADLINE, self.source.key(digest)).await;
            let Some(record) = read.unwrap_or_else(|_late| Err(StorageIll("the key was not read in time".to_owned())))? else {
                return Ok(None);
            };
            let record = Arc::new(record);
            readings += 1;
            if self.keys.keep(digest, &record, generation) || readings == MOST_READINGS {
                return Ok(Some(record));
            }
        }
    }
}

/// The actor.
pub(super) struct SettingsCacheActor {
    parts: Parts,
    seen: HashMap<i64, Changed>,
    /// Users whose keys could not be read after a change.
    unread: HashSet<UserId>,
    polling: bool,
    /// Somebody told of a change while the change log was being read.
    look_again: bool,
    /// Wall and monotonic time of the last look at the change log.
    polled: Option<(i64, i64)>,
}

#[derive(Message)]
#[rtype(result = "Result<Result<(), StorageIll>, Crashed>")]
pub(super) struct Reload;

#[derive(Message)]
#[rtype(result = "Result<Result<Option<Arc<KeyRecord>>, StorageIll>, Crashed>")]
pub(super) struct LoadKey(pub(super) KeyDigest);

/// Reads the change log now: another instance has told that there is something new in it.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Look;

/// Reads the change log, and sends itself again.
#[derive(Message)]
#[rtype(result = "()")]
struct Poll;

impl SettingsCacheActor {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, seen: HashMap::new(), unread: HashSet::new(), polling: false, look_again: false, polled: None }
    }

    fn followed(&mut self, changes: Vec<Change>, ctx: &mut Context<Self>) {
        let horizon = IdMaker::floor_at(self.parts.clock.now_ms() - 2 * LOOK_BACK_MS);
        self.seen.retain(|id, _| *id >= horizon);
        let fresh: HashSet<Changed> = changes
            .into_iter()
            .filter(|change| self.seen.insert(change.id, change.what).is_none())
            .map(|change| change.what)
            .collect();
        for user in std::mem::take(&mut self.unread) {
            self.renew(user, ctx);
        }
        for what in fresh {
            match what {
                Changed::Catalogue => ctx.notify(Reload),
                Changed::User(user) => {
                    self.renew(user, ctx);
                    (self.parts.refreshed)(user);
                }
            }
        }
    }

    /// Reads the change log, unless that is under way.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.polling, true) {
            return;
        }
        let source = Arc::clone(&self.parts.source);
        let (wall, passed) = (self.parts.clock.now_ms(), self.parts.clock.monotonic_ms());
        // A wall clock that was set forward must not pass over what was written just before.
        let expected = self.polled.map_or(wall, |(then, was)| then.saturating_add(passed - was));
        self.polled = Some((wall, passed));
        let after = IdMaker::floor_at(wall.min(expected) - LOOK_BACK_MS);
        let reading = async move { tokio::time::timeout(READ_DEADLINE, source.changes(after)).await };
        let reading = AssertUnwindSafe(reading).catch_unwind().into_actor(self).map(|read, actor, ctx| {
            actor.polling = false;
            if std::mem::take(&mut actor.look_again) {
                ctx.notify(Look);
            }
            if let Ok(Ok(Ok(changes))) = read {
                actor.followed(changes, ctx);
            }
        });
        ctx.spawn(reading);
    }

    /// Reads a user's keys anew at once, rather than when they are next asked for: by then the database may be away, and a
    /// known key would be refused. What cannot be read stays as it is known until the database is back; changes that this
    /// process made itself are not among it, since it forgets the keys when it makes them.
    fn renew(&self, user: UserId, ctx: &mut Context<Self>) {
        let parts = self.parts.clone();
        let reading = async move {
            let mut all = true;
            for digest in parts.keys.renewing(user, MOST_RENEWED) {
                match parts.read_key(digest).await {
                    Ok(Some(_)) => {}
                    Ok(None) => parts.keys.remove(&digest),
                    Err(_) => all = false,
                }
            }
            all
        };
        ctx.spawn(AssertUnwindSafe(reading).catch_unwind().into_actor(self).map(move |all, actor, _| {
            if !all.unwrap_or(false) {
                actor.unread.insert(user);
            }
        }));
    }
}

impl Actor for SettingsCacheActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.notify_later(Poll, POLL);
    }
}

impl Supervised for SettingsCacheActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.polling = false;
    }
}

impl Handler<Reload> for SettingsCacheActor {
    type Result = ResponseFuture<Result<Result<(), StorageIll>, Crashed>>;

    fn handle(&mut self, _: Reload, ctx: &mut Self::Context) -> Self::Result {
        let parts = self.parts.clone();
        let vitals = Arc::clone(&parts.vitals);
        let begun = guard(&vitals, ctx, |_| self.parts.faults.reached("settings_cache.reload"));
        let reading = async move {
            begun?;
            let reading = parts.current.begin();
            let read = tokio::time::timeout(READ_DEADLINE, parts.source.catalogue()).await;
            Ok(match read {
                Ok(Ok(catalogue)) => {
                    parts.current.store(reading, Snapshot::new(catalogue));
                    Ok(())
                }
                Ok(Err(ill)) => Err(ill),
                Err(_) => Err(StorageIll("the settings were not read in time".to_owned())),
            })
        };
        Box::pin(AssertUnwindSafe(reading).catch_unwind().map(|read| read.unwrap_or(Err(Crashed))))
    }
}

impl Handler<LoadKey> for SettingsCacheActor {
    type Result = ResponseFuture<Result<Result<Option<Arc<KeyRecord>>, StorageIll>, Crashed>>;

    fn handle(&mut self, LoadKey(digest): LoadKey, ctx: &mut Self::Context) -> Self::Result {
        let parts = self.parts.clone();
        let vitals = Arc::clone(&parts.vitals);
        let begun = guard(&vitals, ctx, |_| self.parts.faults.reached("settings_cache.key"));
        let reading = async move {
            begun?;
            if let Some(record) = parts.keys.get(&digest) {
                return Ok(Ok(Some(record)));
            }
            Ok(parts.read_key(digest).await)
        };
        Box::pin(AssertUnwindSafe(reading).catch_unwind().map(|read| read.unwrap_or(Err(Crashed))))
    }
}

impl Handler<Poll> for SettingsCacheActor {
    type Result = ();

    fn handle(&mut self, _: Poll, ctx: &mut Self::Context) {
        ctx.notify_later(Poll, POLL);
        self.look(ctx);
    }
}

impl Handler<Look> for SettingsCacheActor {
    type Result = ();

    fn handle(&mut self, _: Look, ctx: &mut Self::Context) {
        self.parts.vitals.took();
        self.look_again = self.polling;
        self.look(ctx);
    }
}
