//! Live log entries to many readers, slow or fast, in bounded memory.
//!
//! Entries are encoded once, by the actor, and only while somebody reads. A reader that falls behind the
//! ring loses the oldest entries and is told so. **A restart loses** the readers' places: they reconnect.

use std::fmt;
use std::sync::Arc;

use actix::prelude::*;
use arc_swap::ArcSwap;
use tokio::sync::broadcast;

use crate::ports::{Encoded, EntryEncoder, Faults, Peers};
use crate::supervision::{Crashed, Line, Loss, Unanswered, VitalSigns, Vitals, guard};
use crate::vocabulary::{Receipt, UserId};

/// Entries a reader may fall behind.
const RING: usize = 1_024;
/// Entries that may wait for the encoder; more are dropped, since they are only news.
const MAILBOX: usize = 4_096;

/// One live entry.
#[derive(Clone, Debug)]
pub struct LiveEntry {
    /// Whose request.
    pub user: UserId,
    /// Its bytes, for either kind of reader.
    pub encoded: Encoded,
}

/// A reader's end. [`broadcast::error::RecvError::Lagged`] says how many entries it missed.
pub type Subscription = broadcast::Receiver<Arc<LiveEntry>>;

type Ring = broadcast::Sender<Arc<LiveEntry>>;

struct LogBroadcasterActor {
    parts: Parts,
}

#[derive(Clone)]
struct Parts {
    /// Shared with the handle, which sends nothing while nobody reads.
    ring: Arc<ArcSwap<Ring>>,
    encoder: Arc<dyn EntryEncoder>,
    peers: Arc<dyn Peers>,
    faults: Arc<dyn Faults>,
    vitals: Arc<Vitals>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Publish {
    receipt: Arc<Receipt>,
    running: bool,
}

#[derive(Message)]
#[rtype(result = "Result<Subscription, Crashed>")]
struct Subscribe;

/// Ends every subscription.
#[derive(Message)]
#[rtype(result = "Result<(), Crashed>")]
struct Dismiss;

fn empty_ring() -> Arc<Ring> {
    Arc::new(broadcast::channel(RING).0)
}

impl Actor for LogBroadcasterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Supervised for LogBroadcasterActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.parts.ring.store(empty_ring());
    }
}

impl Handler<Publish> for LogBroadcasterActor {
    type Result = ();

    fn handle(&mut self, Publish { receipt, running }: Publish, ctx: &mut Self::Context) {
        let vitals = Arc::clone(&self.parts.vitals);
        vitals.took();
        let _crash_is_counted = guard(&vitals, ctx, |_| {
            self.parts.faults.reached("log_broadcaster.publish");
            let encoded = self.parts.encoder.encode(&receipt, running);
            if self.parts.peers.read_logs() {
                self.parts.peers.log_entry(receipt.user_id, &encoded);
            }
            let _nobody_reads = self.parts.ring.load().send(Arc::new(LiveEntry { user: receipt.user_id, encoded }));
        });
    }
}

impl Handler<Subscribe> for LogBroadcasterActor {
    type Result = Result<Subscription, Crashed>;

    fn handle(&mut self, _: Subscribe, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        guard(&vitals, ctx, |_| self.parts.ring.load().subscribe())
    }
}

impl Handler<Dismiss> for LogBroadcasterActor {
    type Result = Result<(), Crashed>;

    fn handle(&mut self, _: Dismiss, ctx: &mut Self::Context) -> Self::Result {
        let vitals = Arc::clone(&self.parts.vitals);
        guard(&vitals, ctx, |_| self.parts.ring.store(empty_ring()))
    }
}

/// The handle.
#[derive(Clone)]
pub struct LogBroadcaster {
    ring: Arc<ArcSwap<Ring>>,
    peers: Arc<dyn Peers>,
    line: Arc<Line<LogBroadcasterActor>>,
}

impl fmt::Debug for LogBroadcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogBroadcaster({})", self.readers())
    }
}

impl LogBroadcaster {
    /// Starts the actor on `arbiter`.
    pub fn start(arbiter: ArbiterHandle, encoder: Arc<dyn EntryEncoder>, peers: Arc<dyn Peers>, faults: Arc<dyn Faults>) -> Self {
        let vitals = Vitals::new("LogBroadcaster", Loss::Readers);
        let ring = Arc::new(ArcSwap::new(empty_ring()));
        let parts = Parts { ring: Arc::clone(&ring), encoder, peers: Arc::clone(&peers), faults, vitals: Arc::clone(&vitals) };
        let line = Line::open(vitals, move || {
            let parts = parts.clone();
            Supervisor::start_in_arbiter(&arbiter, |_| LogBroadcasterActor { parts })
        });
        Self { ring, peers, line: Arc::new(line) }
    }

    /// Publishes an entry; `running` marks one that is not finished.
    pub fn publish(&self, receipt: &Arc<Receipt>, running: bool) {
        if self.is_read() {
            self.line.tell(Publish { receipt: Arc::clone(receipt), running });
        }
    }

    /// Delivers an entry of another instance to those who read here.
    pub fn deliver(&self, entry: LiveEntry) {
        let _nobody_reads = self.ring.load().send(Arc::new(entry));
    }

    /// Whether somebody reads, here or at another instance.
    pub fn is_read(&self) -> bool {
        self.readers() > 0 || self.peers.read_logs()
    }

    /// How many read here.
    pub fn readers(&self) -> usize {
        self.ring.load().receiver_count()
    }

    /// Starts reading with the next entry.
    ///
    /// # Errors
    /// When the actor does not answer.
    pub async fn subscribe(&self) -> Result<Subscription, Unanswered> {
        self.line.ask(|| Subscribe).await
    }

    /// Ends every subscription, so that their connections close.
    pub async fn dismiss(&self) {
        if let Err(unanswered) = self.line.ask(|| Dismiss).await {
            tracing::warn!(%unanswered, "live readers were not dismissed");
        }
    }

    /// The actor's counters.
    pub fn vital_signs(&self) -> VitalSigns {
        self.line.signs()
    }
}
