//! The composition root: puts the parts together, starts them, stops them in order.

pub mod backup;
mod chores;
mod data_dir;
mod instance;
mod lanes;
pub mod leases;
mod live_entries;
mod metrics_listener;
mod process;
mod serving;
mod together;
mod upstreams;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actors::ports::{Clock, Faults, StorageIll, SystemClock};
use actors::settings_cache::{SettingsCache, Snapshot};
use actors::system::{CellarParts, Shared};
use actors::usage_ledger::Sync as JournalSyncMode;
use actors::vocabulary::{IdMaker, Settings};
use secrecy::{ExposeSecret, SecretString};

use crate::capacity::Capacity;
use crate::config::{Config, JournalSync};
use crate::journal::FileJournal;
use crate::metrics::Metrics;
use crate::redis_store::{RedisTries, UnusableRedis};
use crate::secrets::Sealer;
use crate::services::passwords::Passwords;
use crate::services::throttle::Throttles;
use crate::services::{CurrentSettings, ServiceError, Services, SetupGate};
use crate::store::{Booking, CatalogueStore, Company, Db, StoreError, UnusableDatabase, sealed, users};
use crate::traces::{Observers, Traces};
use crate::upstream::tls_config;

pub use data_dir::{BadDataDir, DataDir};
use instance::Instance;
pub use serving::Running;

/// How long a user's gate stays without requests.
const GATE_IDLE_AFTER: Duration = Duration::from_secs(600);

/// Why the process could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] BadDataDir),
    /// The database: nobody lets us in, or its tables cannot be brought up to date.
    #[error(transparent)]
    Unusable(#[from] UnusableDatabase),
    /// The database, once it was open.
    #[error("the database cannot be used: {0}")]
    Database(#[from] StoreError),
    /// The secret is another one than that which the database was written with.
    #[error(
        "APP_SECRET (or the file app-secret in DATA_DIR) opens none of the {0} secrets stored in this database. Start with the one they \
         were stored under, or name that in APP_SECRET_PREVIOUS; if it is lost for good, README.md says how to go on without them"
    )]
    ForeignSecret(usize),
    /// Redis, which several instances share.
    #[error(
        "{0}. With REDIS_REQUIRED=false this instance starts all the same, and keeps to its part of every limit until Redis answers"
    )]
    Redis(#[from] UnusableRedis),
    /// Each needs a lane of its own to make ids in.
    #[error("there are as many instances on this database as there may be ({}): stop one of them", IdMaker::LANES)]
    TooManyInstances,
    /// The journal, or what it had to book.
    #[error("the usage journal could not be replayed: {0}")]
    Journal(String),
    /// The listener, or a file.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
    /// A part of the services.
    #[error("{0:?}")]
    Services(ServiceError),
    /// The metrics contradict each other.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(String),
    /// The exporter of traces cannot be made as configured.
    #[error("traces cannot be sent as the OTEL_… variables say: {0}")]
    Traces(String),
    /// The system gave no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
}

impl From<StorageIll> for StartError {
    fn from(ill: StorageIll) -> Self {
        Self::Journal(ill.to_string())
    }
}

/// The database, opened and migrated, with what seals its secrets.
pub struct Storage {
    /// Where the process keeps its files.
    pub data_dir: DataDir,
    /// The database.
    pub db: Db,
    /// Seals stored secrets.
    pub sealer: Sealer,
}

/// Opens and migrates the database, also beside a process that serves from it.
///
/// # Errors
/// When it cannot be used.
pub async fn open_storage(config: &Config) -> Result<Storage, StartError> {
    let storage = open_unchanged(config).await?;
    storage.bring_up_to_date().await?;
    Ok(storage)
}

/// Opens and migrates the database, and writes an embedded one anew: the bytes it took before and takes now. `None` = it is
/// PostgreSQL, and needs none of this.
///
/// # Errors
/// When it cannot be used, or a process serves from it.
pub async fn vacuum(config: &Config) -> Result<(i64, Option<i64>), StartError> {
    let storage = open_unchanged(config).await?;
    let _alone = Instance::claim(&storage, Company::None).await?;
    storage.bring_up_to_date().await?;
    let before = storage.db.describe().await?.bytes;
    let is_anew = storage.db.vacuum().await?;
    let after = if is_anew { Some(storage.db.describe().await?.bytes) } else { None };
    Ok((before, after))
}

/// Opens the database and writes nothing.
async fn open_unchanged(config: &Config) -> Result<Storage, StartError> {
    let data_dir = DataDir::open(&config.data_dir)?;
    let secret = match &config.app_secret {
        Some(secret) => secret.clone(),
        None => data_dir.secret()?,
    };
    let sealer = Sealer::new(&secret, &config.previous_secrets).map_err(|_| StartError::NoRandomness)?;
    let url = database_url(config, &data_dir);
    data_dir::own_database(&url)?;
    let db = Db::open(&url, config.database_pool_size).await?;
    Ok(Storage { data_dir, db, sealer })
}

/// The database of `config`: `DATABASE_URL`, else the embedded one.
fn database_url(config: &Config, data_dir: &DataDir) -> String {
    config.database_url.as_ref().map_or_else(|| data_dir.database_url(), |url| url.expose_secret().to_owned())
}

impl Storage {
    async fn bring_up_to_date(&self) -> Result<(), StartError> {
        // Before the migrations: with another secret nothing is to be written, either.
        if let (sealed @ 1.., 0) = sealed::opened(&self.db, &self.sealer).await? {
            return Err(StartError::ForeignSecret(sealed));
        }
        self.db.migrate().await?;
        Ok(())
    }
}

/// Seals every stored secret anew under the current one.
///
/// # Errors
/// When the database does not answer.
pub async fn reseal(storage: &Storage) -> Result<sealed::Resealed, StartError> {
    Ok(sealed::reseal(&storage.db, &storage.sealer).await?)
}

/// Starts everything. Must run inside an actix system. Requests are accepted when this returns.
///
/// # Errors
/// Why it cannot start; nothing is left running then.
pub async fn start(config: Config, faults: Arc<dyn Faults>) -> Result<Running, StartError> {
    let storage = open_unchanged(&config).await?;
    // Before anything is written: two processes with limits, slots and held money of their own would let pass twice of all.
    let company = if config.redis_url.is_some() { Company::OverRedis } else { Company::None };
    let instance = Instance::claim(&storage, company).await?;
    let id = storage.data_dir.instance_id()?;
    storage.bring_up_to_date().await?;
    tracing::info!(instance = %id, "this instance serves from its database");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (ids, lane) = lanes::take(&storage.db, &id).await?;
    let metrics = Arc::new(Metrics::new().map_err(|error| StartError::Metrics(error.to_string()))?);
    let traces = start_traces(&config, &metrics)?;
    let observers = Observers { metrics: Arc::clone(&metrics), traces: traces.clone() };
    let cellar_parts = cellar_parts(&config, &storage, &ids, &clock, observers, faults)?;
    let (cellar, redis) = together::start(&config, &id, &clock, cellar_parts).await?;
    metrics.follow(cellar.cache.reader().clone());
    if let Some(traces) = &traces {
        traces.follow(cellar.cache.reader().clone());
    }
    if cellar.recovered.receipts + cellar.recovered.killed > 0 {
        tracing::info!(receipts = cellar.recovered.receipts, killed = cellar.recovered.killed, "the usage journal was replayed");
    }
    let services = Services {
        db: storage.db.clone(),
        ids: Arc::clone(&ids),
        clock: Arc::clone(&clock),
        sealer: storage.sealer.clone(),
        news: Arc::new(process::CellarNews(cellar.clone())),
        settings: Arc::new(SnapshotSettings(cellar.cache.clone())),
        passwords: Passwords::new().map_err(StartError::Services)?,
        throttles: Arc::new(Throttles::new(redis.clone().map(RedisTries::new))),
        setup: setup_gate(&config, &storage.sealer, !users::any(&storage.db).await?)?,
        square: Arc::default(),
        watching: Arc::default(),
    };
    if services.settings.settings().log_retention_days == 0 {
        tracing::info!("the request log is kept for ever (logRetentionDays is 0); /admin/system shows what it takes");
    }
    let capacity =
        Capacity::of_this_machine().map_err(|error| StartError::Io { what: "the system starts no thread".to_owned(), error })?;
    let in_flight = Arc::new(AtomicUsize::new(0));
    let parts =
        serving::Parts { config, cellar, services, ids, clock, in_flight, capacity, metrics, traces, instance, id, lane, redis };
    serving::serve(parts).await
}

/// The thread that sends traces, where a collector is named.
fn start_traces(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<Traces>, StartError> {
    let Some(wanted) = &config.traces else { return Ok(None) };
    let tls = tls_config(config.own_certificates);
    Traces::start(wanted, &tls, metrics).map(Some).map_err(|error| StartError::Traces(error.to_string()))
}

fn cellar_parts(
    config: &Config,
    storage: &Storage,
    ids: &Arc<IdMaker>,
    clock: &Arc<dyn Clock>,
    observers: Observers,
    faults: Arc<dyn Faults>,
) -> Result<CellarParts, StartError> {
    let journal = FileJournal::open(&storage.data_dir.journal())
        .map_err(|error| StartError::Io { what: "the usage journal cannot be opened".to_owned(), error })?;
    let booking = Booking::new(storage.db.clone(), Arc::clone(ids), Arc::clone(clock), Arc::clone(&faults));
    Ok(CellarParts {
        source: Arc::new(CatalogueStore::new(storage.db.clone(), storage.sealer.clone())),
        store: Arc::new(booking),
        journal: Box::new(journal),
        sync: match config.journal_sync {
            JournalSync::Interval => JournalSyncMode::Every(Duration::from_secs(1)),
            JournalSync::Always => JournalSyncMode::Always,
            JournalSync::Never => JournalSyncMode::Never,
        },
        encoder: Arc::new(live_entries::LiveEntries),
        observer: Arc::new(observers),
        clock: Arc::clone(clock),
        faults,
        shared: Shared::default(),
        gate_idle_after: GATE_IDLE_AFTER,
    })
}

/// Beyond loopback, and for whoever asks under another host's name, the first registration needs a code: the operator's, or
/// one that is printed at start while there is no account. Several instances print the same, since the registration may come to
/// any of them.
fn setup_gate(config: &Config, sealer: &Sealer, open: bool) -> Result<SetupGate, StartError> {
    if let Some(code) = &config.setup_code {
        return Ok(SetupGate::Code(code.clone()));
    }
    let code = match config.redis_url {
        Some(_) => sealer.code("setup").map(|code| code.expose_secret().to_owned()).map_err(|_| StartError::NoRandomness)?,
        None => crate::secrets::random_base62(16).map_err(|_| StartError::NoRandomness)?,
    };
    if config.listens_beyond_loopback() {
        if open {
            tracing::warn!(
                setup_code = code,
                "the first registration needs this setup code, since strangers can reach this address"
            );
        }
        return Ok(SetupGate::Code(SecretString::from(code)));
    }
    if open {
        tracing::info!(
            setup_code = code,
            "the first registration needs this setup code through a proxy or under another host's name"
        );
    }
    Ok(SetupGate::Local(SecretString::from(code)))
}

/// The settings in force, for services.
struct SnapshotSettings(SettingsCache);

impl CurrentSettings for SnapshotSettings {
    fn settings(&self) -> Settings {
        self.0.reader().load().settings.clone()
    }

    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        Some(self.0.reader().keep())
    }
}
