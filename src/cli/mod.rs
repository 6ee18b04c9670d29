//! The command line: one file per command.

mod backup;
mod demo;
mod health;
mod migrate;
mod reconcile;
mod rotate_secret;
mod serve;
mod user;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{BadConfig, Config};
use crate::console::FrontEnd;
use crate::{app, mock_upstream, telemetry};

/// A self-hosted gateway for AI APIs.
#[derive(Debug, Parser)]
#[command(name = "api-proxy", version = version(), about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve requests (the default)
    Serve,
    /// Show the gateway at work: embedded database, scripted provider, one real streamed request
    Demo,
    /// Bring the database up to date and exit
    Migrate {
        /// Also write the embedded database anew, so that it gives space back to the disk by itself from then on. Stop the
        /// process first; takes as much of the disk again as the database has rows
        #[arg(long)]
        vacuum: bool,
    },
    /// Run the scripted provider alone
    MockUpstream {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:4000")]
        listen: SocketAddr,
        /// Keep no record of the requests, as benchmarks want it
        #[arg(long)]
        no_record: bool,
    },
    /// Manage accounts from the command line
    User {
        #[command(subcommand)]
        command: user::UserCommand,
    },
    /// Ask the process that runs with this environment whether it can relay; exit 1 if not
    Health,
    /// Write database and usage journal into one file, also while the process runs
    Backup {
        /// The file to write; it must not exist
        file: PathBuf,
        /// Put the generated secret into it, which opens the stored keys of providers
        #[arg(long)]
        with_secret: bool,
    },
    /// Put a backup back, into an empty database and a DATA_DIR without a journal
    Restore {
        /// The file that `backup` wrote
        file: PathBuf,
    },
    /// Encrypt the stored keys of providers anew under APP_SECRET, reading those of APP_SECRET_PREVIOUS
    RotateSecret,
    /// Check that every balance is the sum of its ledger; exit 1 if one is not
    Reconcile,
}

/// The version of a build that lacks something.
const VERSION_WITHOUT_NPM: &str = concat!(env!("CARGO_PKG_VERSION"), " (console built without npm: no icons, no chart library)");

/// The version, and what this build lacks.
fn version() -> &'static str {
    if FrontEnd::embedded(false).with_npm { env!("CARGO_PKG_VERSION") } else { VERSION_WITHOUT_NPM }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] BadConfig),
    #[error(transparent)]
    Start(#[from] app::StartError),
    #[error("{0}")]
    Other(String),
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.to_string())
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return failed("TLS cannot be set up");
    }
    let format = match Config::log_format(environment) {
        Ok(format) => format,
        Err(error) => return failed(&error.to_string()),
    };
    let quiet = Some("warn,sqlx=error".to_owned()).filter(|_| !matches!(cli.command, None | Some(Command::Serve)));
    telemetry::start(environment("RUST_LOG").or(quiet).as_deref(), format);
    let system = actix_web::rt::System::new();
    match system.block_on(dispatch(cli.command.unwrap_or(Command::Serve))) {
        Ok(code) => code,
        Err(error) => failed(&error.to_string()),
    }
}

async fn dispatch(command: Command) -> Result<ExitCode, CommandError> {
    match command {
        Command::Serve => serve::run(Config::read(environment)?).await,
        Command::Demo => demo::run(environment).await,
        Command::Migrate { vacuum } => migrate::run(&Config::read(environment)?, vacuum).await,
        Command::MockUpstream { listen, no_record } => {
            let _unread = say(&format!("The scripted provider listens on http://{listen}"));
            mock_upstream::run(listen, !no_record).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::User { command } => user::run(&Config::read(environment)?, command).await,
        Command::Health => health::run(Config::listen(environment)?).await,
        Command::Backup { file, with_secret } => backup::backup(&Config::read(environment)?, &file, with_secret).await,
        Command::Restore { file } => backup::restore(&Config::read(environment)?, &file).await,
        Command::RotateSecret => rotate_secret::run(&Config::read(environment)?).await,
        Command::Reconcile => reconcile::run(&Config::read(environment)?).await,
    }
}

/// The process's environment: read here and nowhere else.
#[expect(clippy::disallowed_methods, reason = "this is the one source that configuration is read from")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A line for the person at the terminal.
fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn failed(why: &str) -> ExitCode {
    let _nowhere_left_to_say_it = writeln!(std::io::stderr().lock(), "api-proxy: {why}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_what_a_build_without_npm_lacks() {
        assert!(VERSION_WITHOUT_NPM.contains(FrontEnd::embedded(true).description()));
        assert_eq!(version() == VERSION_WITHOUT_NPM, !FrontEnd::embedded(false).with_npm);
    }
}
