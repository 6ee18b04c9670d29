//! Copies of a PostgreSQL database by PostgreSQL's own programs. The password goes by environment: every user of a machine sees
//! the arguments of its processes.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use secrecy::ExposeSecret;
use url::Url;

use super::{BackupError, create, of_file};
use crate::config::Config;

/// Characters of a program's error output that are shown.
const MOST_SAID: usize = 2_000;

/// Writes `copy`, in `pg_dump`'s own format.
pub(super) async fn dump(config: &Config, copy: &Path) -> Result<(), BackupError> {
    // Made first, so that nobody else may read it.
    drop(create(copy)?);
    let mut command = program(config, "pg_dump")?;
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-password", "--file"]).arg(copy);
    run(command, "pg_dump").await
}

/// Loads `copy` into an empty database, all of it or nothing.
pub(super) async fn load(config: &Config, copy: &Path) -> Result<(), BackupError> {
    let mut command = program(config, "pg_restore")?;
    command.args(["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", "--no-password", "--dbname", ""]);
    command.arg(copy);
    run(command, "pg_restore").await
}

/// The program, told by its environment which database is meant.
fn program(config: &Config, name: &str) -> Result<Command, BackupError> {
    let refused = || BackupError::Refused("DATABASE_URL cannot be read".to_owned());
    let url = config.database_url.as_ref().ok_or_else(refused)?;
    let url = Url::parse(url.expose_secret()).map_err(|_| refused())?;
    let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut command = Command::new(name);
    let mut tell = |variable: &str, value: String| {
        if !value.is_empty() {
            command.env(variable, value);
        }
    };
    tell("PGHOST", url.host_str().map(|host| plain(host.trim_matches(['[', ']']))).unwrap_or_default());
    tell("PGPORT", url.port().map(|port| port.to_string()).unwrap_or_default());
    tell("PGUSER", plain(url.username()));
    tell("PGPASSWORD", url.password().map(plain).unwrap_or_default());
    tell("PGDATABASE", plain(url.path().trim_start_matches('/')));
    for (parameter, value) in url.query_pairs() {
        let variable = match parameter.as_ref() {
            "host" => "PGHOST",
            "port" => "PGPORT",
            "user" => "PGUSER",
            "password" => "PGPASSWORD",
            "dbname" => "PGDATABASE",
            "sslmode" | "ssl-mode" => "PGSSLMODE",
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
            "sslcert" | "ssl-cert" => "PGSSLCERT",
            "sslkey" | "ssl-key" => "PGSSLKEY",
            "options" => "PGOPTIONS",
            _ => continue,
        };
        tell(variable, value.into_owned());
    }
    Ok(command)
}

/// Runs it to its end, however long that takes: a large database takes hours, and whoever started it can end it.
async fn run(mut command: Command, name: &'static str) -> Result<(), BackupError> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let ended = tokio::task::spawn_blocking(move || command.output()).await;
    let output = match ended.map_err(std::io::Error::other).and_then(|ended| ended) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(BackupError::Refused(format!(
                "{name} is not installed, and only it reads PostgreSQL: install PostgreSQL's client programs (on Debian postgresql-client), \
                 not older than the server"
            )));
        }
        ended => ended.map_err(of_file(Path::new(name)))?,
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.trim().chars().take(MOST_SAID).collect();
    Err(BackupError::Refused(format!("{name} failed: {said}")))
}
