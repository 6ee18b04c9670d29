//! One process a database: a lock that lasts as long as the process that serves from it.
//!
//! On PostgreSQL it is an advisory lock of a session: a connection of its own holds it, so that it ends with the process,
//! however that ends, and with nothing else. When that connection breaks the lock is taken again; meanwhile, and if
//! somebody else has it by then, the process goes on and says so. SQLite has a lock file beside the database.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::super::unusable::{self, Target, UnusableDatabase};
use crate::files;

/// The lock's name on PostgreSQL: two numbers, which are a space apart from the single ones that transactions lock.
const NAME: (i32, i32) = (0x6170_6970, 1);
/// A server notices this soon (10 s, then 3 × 5 s) that a machine has gone without a farewell, and ends its lock.
const KEEP_ALIVE: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
    SET idle_session_timeout = 0";
const TAKE: &str = "SELECT pg_try_advisory_lock($1, $2)";
/// Those who share it keep away whoever wants it alone.
const TAKE_SHARED: &str = "SELECT pg_try_advisory_lock_shared($1, $2)";
/// Who has the lock: the backend, since when it is there, and from where.
const HOLDER: &str = "SELECT l.pid, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), host(a.client_addr) \
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND CAST(l.classid AS BIGINT) = $1 \
    AND CAST(l.objid AS BIGINT) = $2 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1";
const END: &str = "SELECT pg_terminate_backend($1)";
/// How long a process that has just been killed may take to be noticed by the server.
const CLAIM_DEADLINE: Duration = Duration::from_secs(5);
/// Between two tries at the start.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the lock is looked at, or taken again.
const BEAT: Duration = Duration::from_secs(2);
/// Longest wait for the server to say that it is still there.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
const WAY_OUT: &str = "Stop that one, or give this one a database of its own; several processes on one database \
    need Redis: the same REDIS_URL for each";

/// Whether this process alone serves from its database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Exclusivity {
    /// It holds the lock.
    #[default]
    Held,
    /// The connection that held it broke; it is being taken again.
    Lost,
    /// Another process took it meanwhile: which, as far as the server tells.
    Taken(String),
}

/// With whom a process serves from its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Alone: any other is kept away.
    None,
    /// With others that share their limits with it over Redis; whoever does not is kept away.
    OverRedis,
}

/// The lock. Given back when dropped.
#[derive(Debug)]
pub struct InstanceLock {
    standing: watch::Receiver<Exclusivity>,
    keeper: Option<AbortHandle>,
    _file: Option<File>,
}

impl InstanceLock {
    /// Follows how the lock does.
    pub fn standing(&self) -> watch::Receiver<Exclusivity> {
        self.standing.clone()
    }
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            // Its connection goes with it, and the server ends the lock.
            keeper.abort();
        }
    }
}

/// Locks the file `DATABASE.lock` beside an embedded database.
pub(super) fn embedded(database: &Path) -> Result<InstanceLock, UnusableDatabase> {
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let path = format!("{}.lock", database.display());
    let unusable = |why: &dyn std::fmt::Display| UnusableDatabase::new(unusable::file(&database), why);
    let file = files::open_lock(Path::new(&path)).map_err(|error| unusable(&format_args!("{path}: {error}")))?;
    match file.try_lock() {
        Ok(()) => Ok(InstanceLock { standing: watch::channel(Exclusivity::Held).1, keeper: None, _file: Some(file) }),
        Err(TryLockError::WouldBlock) => Err(unusable(&format_args!("another api-proxy process uses it. {WAY_OUT}"))),
        Err(TryLockError::Error(error)) => Err(unusable(&format_args!("{path}: {error}"))),
    }
}

/// Takes the lock on PostgreSQL, and keeps it on `reactor`.
pub(super) async fn postgres(
    options: &PgConnectOptions,
    target: &Arc<Target>,
    reactor: &Handle,
    company: Company,
) -> Result<InstanceLock, UnusableDatabase> {
    let (options, named) = (options.clone().application_name("api-proxy instance"), Arc::clone(target));
    let (told, standing) = watch::channel(Exclusivity::Held);
    let claiming = reactor.spawn(async move {
        let session = claim(&options, &named, company).await?;
        let keeper = Keeper { company, last: session.backend.clone(), session: Some(session), options, target: named, told };
        Ok(tokio::spawn(keeper.run()).abort_handle())
    });
    let ended = |_| UnusableDatabase::new(target, unusable::plain(&sqlx::Error::WorkerCrashed));
    let keeper = claiming.await.map_err(ended)??;
    Ok(InstanceLock { standing, keeper: Some(keeper), _file: None })
}

/// Waits a little for a lock that somebody has: its process may have been killed a moment ago.
async fn claim(options: &PgConnectOptions, target: &Target, company: Company) -> Result<Session, UnusableDatabase> {
    let by = Instant::now() + CLAIM_DEADLINE;
    let broken = |error: sqlx::Error| UnusableDatabase::new(target, target.problem(&error).words);
    let silent = |_| UnusableDatabase::new(target, Target::silence().words);
    let mut connection = timeout(ANSWER_DEADLINE, connect(options)).await.map_err(silent)?.map_err(broken)?;
    loop {
        let is_taken = timeout(ANSWER_DEADLINE, takes(&mut connection, company)).await.map_err(silent)?.map_err(broken)?;
        let is_late = Instant::now() >= by;
        if is_taken || is_late {
            let holder = timeout(ANSWER_DEADLINE, holder(&mut connection)).await.map_err(silent)?.map_err(broken)?;
            if is_taken {
                return Ok(Session { connection, backend: holder });
            }
            let place = holder.map_or_else(String::new, |other| other.place());
            return Err(UnusableDatabase::new(target, format_args!("another api-proxy process uses it{place}. {WAY_OUT}")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(KEEP_ALIVE).execute(&mut connection).await?;
    Ok(connection)
}

async fn takes(connection: &mut PgConnection, company: Company) -> Result<bool, sqlx::Error> {
    let take = match company {
        Company::None => TAKE,
        Company::OverRedis => TAKE_SHARED,
    };
    sqlx::query_scalar(take).bind(NAME.0).bind(NAME.1).fetch_one(connection).await
}

async fn holder(connection: &mut PgConnection) -> Result<Option<Backend>, sqlx::Error> {
    let query = sqlx::query_as(HOLDER).bind(i64::from(NAME.0)).bind(i64::from(NAME.1));
    let row: Option<(i32, Option<String>, Option<String>)> = query.fetch_optional(connection).await?;
    Ok(row.map(|(id, since, address)| Backend { id, since, address }))
}

/// A session of the server that holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Backend {
    id: i32,
    /// Tells it from a later one with the same number; what other roles do is not shown to all.
    since: Option<String>,
    address: Option<String>,
}

impl Backend {
    /// Where it is, in words.
    fn place(&self) -> String {
        let address = self.address.as_deref().unwrap_or("the server's own machine");
        match self.since.as_deref().and_then(|since| since.get(..19)) {
            Some(since) => format!(" (from {address}, since {since} UTC)"),
            None => String::new(),
        }
    }
}

/// The connection that holds the lock.
struct Session {
    connection: PgConnection,
    backend: Option<Backend>,
}

/// What came of a try to take the lock again.
enum Again {
    Taken(Session),
    /// It is our own old session's, whose end the server has not noticed; it was told to.
    StillOurs,
    Others(Option<Backend>),
}

/// Keeps the lock for as long as the process lives.
struct Keeper {
    company: Company,
    session: Option<Session>,
    /// The session that held it last.
    last: Option<Backend>,
    options: PgConnectOptions,
    target: Arc<Target>,
    told: watch::Sender<Exclusivity>,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(BEAT).await;
            match self.session.take() {
                Some(session) => self.look_at(session).await,
                None => self.take_again().await,
            }
        }
    }

    /// A session that answers has its lock.
    async fn look_at(&mut self, mut session: Session) {
        if matches!(timeout(ANSWER_DEADLINE, session.connection.ping()).await, Ok(Ok(()))) {
            self.session = Some(session);
            return;
        }
        drop(session);
        self.becomes(Exclusivity::Lost);
        self.take_again().await;
    }

    async fn take_again(&mut self) {
        match timeout(ANSWER_DEADLINE, again(&self.options, self.last.as_ref(), self.company)).await {
            Ok(Ok(Again::Taken(session))) => {
                self.last.clone_from(&session.backend);
                self.session = Some(session);
                self.becomes(Exclusivity::Held);
            }
            Ok(Ok(Again::Others(other))) => {
                let place = other.map_or_else(String::new, |other| other.place());
                self.becomes(Exclusivity::Taken(place.trim_start().to_owned()));
            }
            Ok(Ok(Again::StillOurs)) => {}
            Ok(Err(error)) => tracing::debug!(reason = self.target.problem(&error).words, "the database's lock is not back yet"),
            Err(_) => tracing::debug!("the database's lock is not back yet: nothing answered in time"),
        }
    }

    /// Told once for each change.
    fn becomes(&self, now: Exclusivity) {
        if *self.told.borrow() == now {
            return;
        }
        match &now {
            Exclusivity::Held => tracing::info!("the lock that keeps other processes away from {} was taken again", self.target),
            Exclusivity::Lost => tracing::warn!(
                "the connection that keeps other processes away from {} broke; its lock is being taken again",
                self.target
            ),
            Exclusivity::Taken(place) => tracing::error!(
                holder = place,
                "another api-proxy process uses {}, too: each counts limits, slots and held money for itself. Stop one of them",
                self.target
            ),
        }
        self.told.send_replace(now);
    }
}

async fn again(options: &PgConnectOptions, last: Option<&Backend>, company: Company) -> Result<Again, sqlx::Error> {
    let mut connection = connect(options).await?;
    if takes(&mut connection, company).await? {
        let backend = holder(&mut connection).await?;
        return Ok(Again::Taken(Session { connection, backend }));
    }
    let other = holder(&mut connection).await?;
    match &other {
        Some(other) if other.since.is_some() && Some(other) == last => {
            sqlx::query(END).bind(other.id).execute(&mut connection).await?;
            Ok(Again::StillOurs)
        }
        _ => Ok(Again::Others(other)),
    }
}
