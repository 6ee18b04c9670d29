//! Why a database cannot be used, for its operator: where it was looked for, what came instead, and the way out.

use std::fmt;
use std::io::{Error as IoError, ErrorKind};
use std::path::Path;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgSslMode};

/// How characters that mean something in a URL get into a password.
const ENCODING: &str = "in DATABASE_URL the characters / @ # ? : % of a password are written %2F %40 %23 %3F %3A %25";

/// A database that cannot be used, with the place and the reason. Never holds a password.
#[derive(Debug, thiserror::Error)]
#[error("{place} cannot be used: {reason}")]
pub struct UnusableDatabase {
    place: String,
    reason: String,
}

impl UnusableDatabase {
    /// The database at `place`, for this reason.
    pub(super) fn new(place: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self { place: place.to_string(), reason: reason.to_string() }
    }

    /// The embedded database, for what this error and the file system say.
    pub(super) fn embedded(path: &Path, error: &sqlx::Error) -> Self {
        Self::new(file(path), embedded(path, error))
    }
}

/// The embedded database, as it is named to its operator.
pub(super) fn file(path: &Path) -> impl fmt::Display {
    format!("the SQLite database {}", path.display())
}

/// What an error of the database says, without the driver's own words around it.
pub(super) fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(told) => match told.code() {
            Some(code) => format!("{} ({code})", told.message()),
            None => told.message().to_owned(),
        },
        sqlx::Error::PoolTimedOut => "none of its connections was free or could be opened in time".to_owned(),
        sqlx::Error::Io(broken) => format!("its connection broke: {broken}"),
        sqlx::Error::WorkerCrashed => "the thread that talks to it has ended".to_owned(),
        other => other.to_string(),
    }
}

/// Where PostgreSQL is looked for, and as whom.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: String,
    database: String,
    role: String,
    tls: PgSslMode,
}

/// Why no connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) words: String,
    /// Whether it may be over in a moment, so that waiting makes sense.
    pub(super) may_pass: bool,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the PostgreSQL database \"{}\" on {}", self.database, self.address)
    }
}

impl Target {
    pub(super) fn of(options: &PgConnectOptions) -> Self {
        let host = options.get_host();
        let socket = options.get_socket().map(|path| path.display().to_string());
        let socket = socket.or_else(|| host.starts_with('/').then(|| host.to_owned()));
        let port = options.get_port();
        let role = options.get_username().to_owned();
        Self {
            address: socket.map_or_else(|| format!("{host}:{port}"), |path| format!("the socket in {path}, port {port}")),
            // PostgreSQL's own rule where none is named.
            database: options.get_database().unwrap_or(&role).to_owned(),
            role,
            tls: options.get_ssl_mode(),
        }
    }

    /// The answer to nobody answering at all.
    pub(super) fn silence() -> Problem {
        passing("nothing answered in time: check host and port, and whether a firewall lies between")
    }

    /// What `error` means here.
    pub(super) fn problem(&self, error: &sqlx::Error) -> Problem {
        match error {
            sqlx::Error::Database(told) => match told.try_downcast_ref::<PgDatabaseError>() {
                Some(told) => self.refusal(told.code(), told.routine().unwrap_or_default(), told.message()),
                None => lasting(told.message()),
            },
            sqlx::Error::Io(broken) => network(broken),
            sqlx::Error::Tls(wrong) => lasting(self.tls(&wrong.to_string())),
            sqlx::Error::Protocol(_) => lasting("what answers there is not PostgreSQL: check host and port"),
            sqlx::Error::Configuration(wrong) => lasting(format_args!("DATABASE_URL has a part that cannot be read: {wrong}")),
            other => lasting(plain(other)),
        }
    }

    /// What PostgreSQL says no with. Its message may be in any language; code and routine are not.
    fn refusal(&self, code: &str, routine: &str, message: &str) -> Problem {
        let Self { role, database, .. } = self;
        match (code, routine) {
            ("28P01", _) => lasting(format_args!(
                "the password for the role \"{role}\" was refused ({code}). Put the right one into DATABASE_URL ({ENCODING}), or set it: \
                 ALTER ROLE \"{role}\" PASSWORD '…'. PostgreSQL says the same of a role that does not exist: CREATE ROLE \"{role}\" LOGIN \
                 PASSWORD '…'"
            )),
            ("28000", "InitializeSessionUserId") => lasting(format_args!(
                "there is no role \"{role}\", or it may not log in ({code}). Make it with CREATE ROLE \"{role}\" LOGIN PASSWORD '…', or let \
                 it in with ALTER ROLE \"{role}\" LOGIN"
            )),
            ("28000", _) => lasting(format_args!(
                "the server does not let \"{role}\" in ({code}): {message}. {}; which roles may come from where, and how, is in the \
                 server's pg_hba.conf",
                if matches!(self.tls, PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer) {
                    "If it asks for encryption, add ?sslmode=require to DATABASE_URL; if it goes by the system's user (peer, ident), name \
                     127.0.0.1 as the host and give the role a password"
                } else {
                    "If it goes by the system's user (peer, ident), name 127.0.0.1 as the host and give the role a password"
                }
            )),
            ("3D000", _) => lasting(format_args!(
                "there is no database \"{database}\" ({code}). Make it with CREATE DATABASE \"{database}\" OWNER \"{role}\", or correct the \
                 name at the end of DATABASE_URL"
            )),
            ("42501", _) => lasting(format_args!(
                "the role \"{role}\" may not connect to it ({code}). Let it with GRANT CONNECT ON DATABASE \"{database}\" TO \"{role}\""
            )),
            ("53300", _) => passing(format_args!(
                "the server has no connection left ({code}). Raise its max_connections, or lower DATABASE_POOL_SIZE"
            )),
            ("57P03", _) => passing(format_args!("the server is starting up or shutting down ({code}): {message}")),
            ("55000", _) => lasting(format_args!("the server has closed it to connections ({code}): {message}")),
            _ => lasting(format_args!("the server refused the connection ({code}): {message}")),
        }
    }

    fn tls(&self, wrong: &str) -> String {
        if wrong.contains("does not support TLS") {
            return "DATABASE_URL asks for TLS (sslmode) and the server has none. Switch ssl on in its postgresql.conf, or say \
                    sslmode=disable where nobody else can listen on the way to it"
                .to_owned();
        }
        format!(
            "TLS could not be agreed on: {wrong}. sslmode=verify-full and verify-ca need the certificate that the server's is signed by, named \
             in sslrootcert=PATH; verify-full also needs the name in it to be the host in DATABASE_URL"
        )
    }

    /// Why the tables could not be brought up to date.
    pub(super) fn migration(&self, error: &sqlx::Error) -> Option<String> {
        let told = error.as_database_error()?;
        let Self { role, database, .. } = self;
        match told.code()?.as_ref() {
            "42501" => Some(format!(
                "the role \"{role}\" may not make tables in it: {}. Make it the owner with ALTER DATABASE \"{database}\" OWNER TO \
                 \"{role}\", or let it with GRANT CREATE, USAGE ON SCHEMA public TO \"{role}\"; tables that another role made need \
                 their owner",
                told.message()
            )),
            "55P03" => Some(format!(
                "another process has kept a lock for ten minutes: one that brings it up to date, or one that uses a table which is to be \
                 changed ({}). Stop that one and start again",
                told.message()
            )),
            "25006" => Some(format!("it can only be read, as a standby can: {}. Name the primary server", told.message())),
            _ => None,
        }
    }
}

fn lasting(words: impl fmt::Display) -> Problem {
    Problem { words: words.to_string(), may_pass: false }
}

fn passing(words: impl fmt::Display) -> Problem {
    Problem { words: words.to_string(), may_pass: true }
}

fn network(broken: &IoError) -> Problem {
    match broken.kind() {
        ErrorKind::ConnectionRefused => {
            passing("nothing listens there (connection refused): is PostgreSQL running, and on this host and port?")
        }
        ErrorKind::NotFound => passing(
            "there is no such socket: is PostgreSQL running, and is the folder of its sockets (unix_socket_directories) the one in DATABASE_URL?",
        ),
        ErrorKind::TimedOut => Target::silence(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => passing(format_args!(
            "the connection was closed before PostgreSQL said anything ({broken}): is it PostgreSQL that listens there?"
        )),
        // The library has no kind of its own for it. Names of containers may not be known yet.
        _ if broken.to_string().contains("lookup address") => {
            passing(format_args!("the host is not found: check its name in DATABASE_URL ({broken}); {ENCODING}"))
        }
        _ => passing(format_args!("it cannot be reached: {broken}")),
    }
}

/// Why the embedded database cannot be opened, or be written.
fn embedded(path: &Path, error: &sqlx::Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::metadata(folder) {
        Err(missing) if missing.kind() == ErrorKind::NotFound => {
            return format!(
                "its folder {} does not exist. Make it, or name another file: in DATABASE_URL sqlite://PATH begins at the current folder, \
                 sqlite:///PATH at the root of the disk",
                folder.display()
            );
        }
        Ok(about) if !about.is_dir() => return format!("{} is not a folder", folder.display()),
        _ => {}
    }
    let code = error.as_database_error().and_then(|told| told.code()?.parse::<u32>().ok());
    // The lowest eight bits are the primary code.
    match code.map(|code| code & 0xff) {
        Some(14) if path.is_dir() => "it is a folder, and the database is a file".to_owned(),
        Some(8 | 14) => format!(
            "it cannot be written. The user that api-proxy runs as must be allowed to write this file and its folder {}",
            folder.display()
        ),
        Some(5 | 6) => "another program keeps it locked: close that one".to_owned(),
        Some(11) => format!("it is damaged ({}): put a backup in its place", plain(error)),
        Some(13) => "its disk is full".to_owned(),
        Some(26) => "the file is no SQLite database: name another one, or move it away".to_owned(),
        _ => plain(error),
    }
}

/// Why tables could not be brought up to date, beyond what a database itself refuses.
pub(super) fn migration(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(_) => format!(
            "a newer api-proxy has brought it up to date already ({error}). Start that version, or put back the backup from before the upgrade"
        ),
        MigrateError::Execute(refused) | MigrateError::ExecuteMigration(refused, _) => {
            format!("it could not be brought up to date: {}", plain(refused))
        }
        other => format!("it could not be brought up to date: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::of(&url.parse().unwrap())
    }

    #[test]
    fn the_place_is_named_and_the_password_is_not() {
        let named = target("postgres://alice:hush@db.example:6432/books").to_string();
        assert_eq!(named, "the PostgreSQL database \"books\" on db.example:6432");
        let named = target("postgres:///books?host=/var/run/postgresql&port=5433&user=alice&password=hush").to_string();
        assert_eq!(named, "the PostgreSQL database \"books\" on the socket in /var/run/postgresql, port 5433");
    }

    #[test]
    fn refusals_are_told_with_the_way_out_and_waited_for_only_where_that_helps() {
        let target = target("postgres://alice:hush@h/books");
        for (code, routine, words, may_pass) in [
            ("28P01", "auth_failed", "ALTER ROLE \"alice\" PASSWORD", false),
            ("28000", "InitializeSessionUserId", "CREATE ROLE \"alice\" LOGIN", false),
            ("28000", "ClientAuthentication", "sslmode=require", false),
            ("28000", "auth_failed", "127.0.0.1", false),
            ("3D000", "InitPostgres", "CREATE DATABASE \"books\" OWNER \"alice\"", false),
            ("42501", "CheckMyDatabase", "GRANT CONNECT ON DATABASE \"books\" TO \"alice\"", false),
            ("53300", "InitPostgres", "DATABASE_POOL_SIZE", true),
            ("57P03", "ProcessStartupPacket", "starting up", true),
            ("55000", "CheckMyDatabase", "closed", false),
            ("XX000", "", "its own words", false),
        ] {
            let problem = target.refusal(code, routine, "its own words");
            assert!(problem.words.contains(words) && problem.words.contains(code), "{code}: {problem:?}");
            assert_eq!(problem.may_pass, may_pass, "{code}");
            assert!(!problem.words.contains("hush"), "{problem:?}");
        }
    }

    #[test]
    fn what_the_network_says_is_told_in_words() {
        let io = |kind: ErrorKind, words: &str| network(&IoError::new(kind, words.to_owned()));
        assert!(io(ErrorKind::ConnectionRefused, "").words.contains("connection refused"));
        assert!(io(ErrorKind::NotFound, "").words.contains("socket"));
        assert!(io(ErrorKind::ConnectionReset, "").words.contains("is it PostgreSQL"));
        assert!(io(ErrorKind::Other, "failed to lookup address information: no").words.contains("host is not found"));
        assert!(io(ErrorKind::HostUnreachable, "no route").words.contains("no route"));
    }
}
