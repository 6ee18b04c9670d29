//! The shelf of gates: started on demand, found by user, taken down when idle.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix::prelude::*;
use dashmap::{DashMap, Entry};

use super::actor::UserGate;
use super::books::Books;
use super::hold::Hold;
use super::line::Line;
use super::messages::{Admit, Answer, Ask, Queued, Refresh, Refusal, Wake, Withdraw};
use super::queue::Queue;
use super::shared::SharedAccounts;
use super::view::{GateState, Traffic};
use crate::ports::{Account, CatalogueSource, Clock, Faults, StorageIll};
use crate::supervision::{Crashed, Loss, RESTART_PAUSE, VitalSigns, Vitals};
use crate::usage_ledger::Backlog;
use crate::vocabulary::{Limits, Nanos, ReceiptId, UserId};

/// How often a request is lost with a gate that crashed, died or retired over it before it is refused. Who lost a place in
/// line to somebody else's request asks again for as long as they would have waited.
const ASKS: usize = 8;
/// Longest wait for a gate's first answer, which needs no I/O but a question to the state that instances share.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Versions of a share that begin in one millisecond; more messages than can be sent in one.
const VERSIONS_A_MS: i64 = 1_000;

struct Slot {
    addr: Addr<UserGate>,
    books: Arc<Books>,
}

/// What all gates share.
pub(super) struct Shelf {
    gates: DashMap<UserId, Slot>,
    arbiter: ArbiterHandle,
    pub(super) source: Arc<dyn CatalogueSource>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) faults: Arc<dyn Faults>,
    pub(super) backlog: Backlog,
    pub(super) vitals: Arc<Vitals>,
    pub(super) idle_after: Duration,
    pub(super) shared: Option<Arc<dyn SharedAccounts>>,
    /// By how much the wall clock was ahead of the monotonic one at the start. Nobody can set it since.
    ahead_ms: i64,
    retired: Box<dyn Fn(UserId) + Send + Sync>,
}

/// What a shelf of gates is made of.
pub struct GateParts {
    /// Where the gates run.
    pub arbiter: ArbiterHandle,
    /// Where accounts are read from.
    pub source: Arc<dyn CatalogueSource>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Faults.
    pub faults: Arc<dyn Faults>,
    /// Receipts not booked yet: while there are any, the database's figures are behind and no gate retires.
    pub backlog: Backlog,
    /// How long a gate stays without requests; at least a minute, so that its windows are empty.
    pub idle_after: Duration,
    /// What instances share of accounts; `None` = this is the only one.
    pub shared: Option<Arc<dyn SharedAccounts>>,
    /// Told when a user's gate retired: their cached keys go, too, so that a cached key always has its gate.
    pub retired: Box<dyn Fn(UserId) + Send + Sync>,
}

/// The handle: one gate per active user.
#[derive(Clone)]
pub struct UserGates {
    shelf: Arc<Shelf>,
}

impl fmt::Debug for UserGates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserGates({})", self.shelf.gates.len())
    }
}

impl UserGates {
    /// An empty shelf.
    pub fn new(parts: GateParts) -> Self {
        let ahead_ms = parts.clock.now_ms().saturating_sub(parts.clock.monotonic_ms());
        let shelf = Shelf {
            gates: DashMap::new(),
            arbiter: parts.arbiter,
            source: parts.source,
            clock: parts.clock,
            faults: parts.faults,
            backlog: parts.backlog,
            vitals: Vitals::new("UserGate", Loss::Nothing),
            idle_after: parts.idle_after,
            shared: parts.shared,
            ahead_ms,
            retired: parts.retired,
        };
        Self { shelf: Arc::new(shelf) }
    }

    /// Asks for one grant of slots, tokens and money; waits in line up to `patience`.
    ///
    /// # Errors
    /// Why the request may not go on, or what stood in its way all the time.
    pub async fn admit(&self, ask: Ask, patience: Duration) -> Result<Hold, Refusal> {
        let until = tokio::time::Instant::now() + patience;
        let mut lost = 0;
        let mut queued_since = None;
        while lost < ASKS {
            let addr = self.shelf.gate(ask.user);
            match self.ask_gate(&addr, &ask).await {
                Ok(Ok(Answer::Granted(hold))) => return Ok(hold),
                Ok(Ok(Answer::Refused(refusal))) => return Err(refusal),
                Ok(Ok(Answer::Queued(queued))) => {
                    let since = *queued_since.get_or_insert_with(Instant::now);
                    if let Some(decision) = wait_in_line(&addr, queued, until).await {
                        return decision.map(|mut hold| {
                            hold.queued = since.elapsed();
                            hold
                        });
                    }
                    lost += usize::from(tokio::time::Instant::now() >= until);
                    tokio::time::sleep(RESTART_PAUSE).await;
                }
                Ok(Ok(Answer::Loading(read))) => {
                    if let Ok(Err(refusal)) = read.await {
                        return Err(refusal);
                    }
                    lost += 1;
                }
                Ok(Ok(Answer::Retired)) => lost += 1,
                Ok(Err(Crashed)) | Err(MailboxError::Closed) => {
                    lost += 1;
                    tokio::time::sleep(RESTART_PAUSE).await;
                }
                Ok(Ok(Answer::Asked(_))) | Err(MailboxError::Timeout) => break,
            }
        }
        Err(Refusal::StorageIll)
    }

    /// Asks a gate; where it has to ask others, waits for what comes of that.
    async fn ask_gate(&self, addr: &Addr<UserGate>, ask: &Ask) -> Result<Result<Answer, Crashed>, MailboxError> {
        let _counted = self.shelf.vitals.asking();
        match addr.send(Admit(ask.clone())).timeout(ANSWER_DEADLINE).await? {
            Ok(Answer::Asked(answer)) => match tokio::time::timeout(ANSWER_DEADLINE, answer).await {
                Ok(answered) => Ok(answered.map_err(|_restarted| Crashed)),
                Err(_late) => Err(MailboxError::Timeout),
            },
            answered => Ok(answered),
        }
    }

    /// Refuses a request of which only the head is known, if no body could save it. Holds nothing.
    ///
    /// # Errors
    /// What stands in its way.
    pub async fn look(&self, ask: &Ask) -> Result<(), Refusal> {
        let books = || self.shelf.gates.get(&ask.user).map(|slot| Arc::clone(&slot.books)).filter(|books| books.is_loaded());
        let known = match books() {
            Some(books) => Some(books),
            None => {
                // Nothing is asked for but that the account is read.
                let none = Limits::default();
                let nothing = Ask { user_limits: none, key_limits: none, tokens: 0, load: None, ..ask.clone() };
                // What else it is told (that others stand in line) came after the reading.
                if let Err(Refusal::StorageIll) = self.admit(nothing, Duration::ZERO).await {
                    return Err(Refusal::StorageIll);
                }
                books()
            }
        };
        known.map_or(Ok(()), |books| books.look(ask, self.shelf.clock.monotonic_ms()))
    }

    /// Reads a user's quota again, if their gate is open.
    pub async fn refresh(&self, user: UserId) {
        let addr = self.shelf.gates.get(&user).map(|slot| slot.addr.clone());
        if let Some(addr) = addr {
            let _counted = self.shelf.vitals.asking();
            let refreshed = addr.send(Refresh).await;
            if !matches!(refreshed, Ok(Ok(()))) {
                tracing::warn!(%user, "a gate could not refresh its account");
            }
        }
    }

    /// A user's money and that of their keys: from their gate if it is open, else from the database.
    ///
    /// # Errors
    /// When storage is ill.
    pub async fn account(&self, user: UserId) -> Result<Account, StorageIll> {
        let books = self.shelf.gates.get(&user).map(|slot| Arc::clone(&slot.books));
        let known = books.and_then(|books| books.account());
        match (known, &self.shelf.shared) {
            (Some(account), None) => Ok(account),
            (known, _) => {
                let mut account = self.shelf.source.account(user).await?.unwrap_or_default();
                // Others book, too; what ended here a moment ago is known here alone.
                account.used = account.used.max(known.map_or(Nanos::ZERO, |known| known.used));
                Ok(account)
            }
        }
    }

    /// These receipts are booked; `accounts` is what the database says of their users since.
    pub fn booked(&self, receipts: &[(UserId, ReceiptId)], accounts: &[(UserId, Account)]) {
        for (user, account) in accounts {
            let of_user = receipts.iter().filter(|(payer, _)| payer == user);
            let ids: Vec<ReceiptId> = of_user.map(|(_, receipt)| *receipt).collect();
            self.with_gate(*user, |slot| slot.books.booked(&ids, account));
        }
    }

    /// Another instance gave back something of a user's limits: those who wait here are tried again.
    pub fn freed_elsewhere(&self, user: UserId) {
        self.with_gate(user, |slot| slot.books.freed_elsewhere());
    }

    /// Makes every gate publish its whole share again, after Redis came back or lost its data.
    pub fn tell_all(&self) {
        for slot in &self.shelf.gates {
            slot.books.tell_all();
            slot.addr.do_send(Wake);
        }
    }

    fn with_gate(&self, user: UserId, change: impl FnOnce(&Slot)) {
        if let Some(slot) = self.shelf.gates.get(&user) {
            change(&slot);
            slot.addr.do_send(Wake);
        }
    }

    /// One user's books; `None` when their gate is not open.
    pub fn observe(&self, user: UserId) -> Option<GateState> {
        let books = self.shelf.gates.get(&user).map(|slot| Arc::clone(&slot.books))?;
        Some(books.observe(&*self.shelf.clock))
    }

    /// Everybody's books.
    pub fn observe_all(&self) -> Vec<(UserId, GateState)> {
        self.shelf.gates.iter().map(|slot| (*slot.key(), slot.books.observe(&*self.shelf.clock))).collect()
    }

    /// What is under way at this moment: one user's, or everybody's.
    pub fn traffic(&self, user: Option<UserId>) -> Traffic {
        match user {
            Some(user) => {
                let books = self.shelf.gates.get(&user).map(|slot| Arc::clone(&slot.books));
                books.map(|books| books.traffic()).unwrap_or_default()
            }
            None => self.shelf.gates.iter().fold(Traffic::default(), |sum, slot| sum.with(&slot.books.traffic())),
        }
    }

    /// The gates' counters, summed.
    pub fn vital_signs(&self) -> VitalSigns {
        self.shelf.vitals.signs(self.shelf.gates.iter().all(|slot| slot.addr.connected()))
    }
}

/// Waits for the queue's decision; `None` when the gate lost it and must be asked again.
async fn wait_in_line(addr: &Addr<UserGate>, queued: Queued, until: tokio::time::Instant) -> Option<Result<Hold, Refusal>> {
    let mut place = Place { addr, ticket: Some(queued.ticket) };
    let decided = tokio::time::timeout_at(until, queued.decision).await;
    let ticket = place.ticket.take()?;
    match decided {
        Ok(decision) => decision.ok(),
        Err(_late) => {
            let in_the_way = addr.send(Withdraw(ticket)).await.ok().and_then(Result::ok).flatten();
            Some(Err(in_the_way.unwrap_or(Refusal::BalanceHeld)))
        }
    }
}

/// A place in line that is given up when the caller goes away.
struct Place<'a> {
    addr: &'a Addr<UserGate>,
    ticket: Option<u64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.addr.do_send(Withdraw(ticket));
        }
    }
}

impl Shelf {
    /// The user's gate, started if there is none or if it died.
    fn gate(self: &Arc<Self>, user: UserId) -> Addr<UserGate> {
        if let Some(slot) = self.gates.get(&user).filter(|slot| slot.addr.connected()) {
            return slot.addr.clone();
        }
        match self.gates.entry(user) {
            Entry::Occupied(slot) if slot.get().addr.connected() => slot.get().addr.clone(),
            Entry::Occupied(mut slot) => {
                self.vitals.count_death();
                let books = Arc::clone(&slot.get().books);
                slot.get_mut().addr = self.start(user, books);
                slot.get().addr.clone()
            }
            Entry::Vacant(place) => {
                // Versions go on where a process before this one may have left off.
                let books = match &self.shared {
                    Some(_) => {
                        let now_ms = self.clock.monotonic_ms().saturating_add(self.ahead_ms);
                        Arc::new(Books::shared(now_ms.saturating_mul(VERSIONS_A_MS)))
                    }
                    None => Arc::default(),
                };
                let addr = self.start(user, Arc::clone(&books));
                place.insert(Slot { addr: addr.clone(), books });
                addr
            }
        }
    }

    fn start(self: &Arc<Self>, user: UserId, books: Arc<Books>) -> Addr<UserGate> {
        let shelf: Weak<Self> = Arc::downgrade(self);
        Supervisor::start_in_arbiter(&self.arbiter, move |_| UserGate {
            user,
            shelf,
            books,
            queue: Queue::default(),
            line: Line::default(),
            ahead_ms: None,
            was_together: true,
            loading: Vec::new(),
            is_loading: false,
            readings: (0, 0),
            retired: false,
        })
    }

    /// Takes a gate down, if it is still the one on the shelf.
    pub(super) fn take_down(&self, user: UserId, addr: &Addr<UserGate>) -> bool {
        let taken = self.gates.remove_if(&user, |_, slot| slot.addr == *addr).is_some();
        if taken {
            (self.retired)(user);
        }
        taken
    }
}
