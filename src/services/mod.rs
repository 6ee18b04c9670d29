//! What the JSON door and the console do: validation, permission, audit and the news of each change, once.
//!
//! Free functions by concern; each takes [`Services`] first and, where it acts for somebody, the
//! [`Actor`] second.

pub mod accounts;
pub mod activity;
pub mod actor;
pub mod admin_tokens;
pub mod archive;
pub mod books;
pub mod catalogue;
pub mod channels;
pub mod configuration;
pub mod credentials;
pub mod error;
pub mod export;
pub mod gift_cards;
pub mod growth;
pub mod instances;
pub mod keys;
pub mod language;
pub mod leases;
pub mod ledger;
pub mod passwords;
pub mod reports;
pub mod site;
pub mod system;
pub mod throttle;
pub mod trends;
pub mod upkeep;
pub mod users;
pub mod values;
pub mod watching;

use std::sync::Arc;

use actors::ports::{Changed, Clock};
use actors::settings_cache::Snapshot;
use actors::vocabulary::{IdMaker, Settings};
use async_trait::async_trait;
use secrecy::SecretString;
use serde::Serialize;

pub use self::actor::{Actor, By, Via};
pub use self::error::{Kind, Refusal, Served, ServiceError};
pub use self::language::Language;
use self::passwords::Passwords;
use self::throttle::Throttles;
use self::watching::Watching;
use crate::secrets::Sealer;
use crate::store::{AuditRow, Db, Trail};

/// Told after every committed change, before the answer goes out, so that the change is in force when the
/// caller hears of it.
#[async_trait]
pub trait News: Send + Sync {
    /// Reloads what `what` names in this process. Other processes learn it from the change log.
    async fn changed(&self, what: Changed);
}

/// The settings in force, as the rest of the process sees them.
pub trait CurrentSettings: Send + Sync {
    /// A copy.
    fn settings(&self) -> Settings;
    /// What settings and catalogue were read into last: another object whenever one of them has changed. `None` where
    /// nobody hears of changes; nothing is kept there.
    fn snapshot(&self) -> Option<Arc<Snapshot>>;
}

/// Who may make the first account.
#[derive(Clone, Debug)]
pub enum SetupGate {
    /// Whoever asks on this very machine by its address, since the process listens on loopback alone; others (a name that
    /// resolves here, a proxy) with the code.
    Local(SecretString),
    /// Whoever knows the code.
    Code(SecretString),
}

/// All that services work with. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// The database.
    pub db: Db,
    /// Makes ids.
    pub ids: Arc<IdMaker>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Encrypts stored secrets.
    pub sealer: Sealer,
    /// Hears of every change.
    pub news: Arc<dyn News>,
    /// Knows the settings.
    pub settings: Arc<dyn CurrentSettings>,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Counts tries.
    pub throttles: Arc<Throttles>,
    /// Places and rights of answers that last.
    pub watching: Arc<Watching>,
    /// Guards the first registration.
    pub setup: SetupGate,
    /// The model square as it was computed last.
    pub square: Arc<catalogue::KeptSquare>,
}

impl Services {
    /// Epoch milliseconds.
    pub fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Milliseconds that pass whatever happens to the wall clock: for throttles.
    pub fn ticks(&self) -> i64 {
        self.clock.monotonic_ms()
    }

    /// A fresh id.
    pub fn id(&self) -> i64 {
        self.ids.next(self.now())
    }

    /// The trail of a change: the audit row of `deed`, and (when caches must follow) a line in the change log.
    pub fn trail(&self, by: &By, deed: Deed, change: Option<Changed>) -> Trail {
        let audit = AuditRow {
            id: self.id(),
            ts: self.now(),
            actor_id: by.id.map(|id| id.0),
            actor_name: by.name.clone(),
            action: deed.action.to_owned(),
            subject_kind: deed.action.split('.').next().unwrap_or_default().to_owned(),
            subject_id: deed.subject,
            before_json: deed.before,
            after_json: deed.after,
            client_ip: by.ip.map(|ip| ip.to_string()),
        };
        Trail { audit: Some(audit), change: change.map(|what| (self.id(), what)) }
    }
}

/// What was done to what, for the audit log: `Deed::new("user.update", id).before(&old).after(&new)`.
#[derive(Clone, Debug)]
pub struct Deed {
    action: &'static str,
    subject: Option<i64>,
    before: Option<String>,
    after: Option<String>,
}

impl Deed {
    /// `action` is `<kind of thing>.<verb>`; `subject` is the thing's id.
    pub fn new(action: &'static str, subject: impl Into<Option<i64>>) -> Self {
        Self { action, subject: subject.into(), before: None, after: None }
    }

    /// The thing as it was. Must hold no secrets.
    #[must_use]
    pub fn before(self, thing: &impl Serialize) -> Self {
        Self { before: serde_json::to_string(thing).ok(), ..self }
    }

    /// The thing as it became. Must hold no secrets.
    #[must_use]
    pub fn after(self, thing: &impl Serialize) -> Self {
        Self { after: serde_json::to_string(thing).ok(), ..self }
    }
}
