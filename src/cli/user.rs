//! `user`: accounts from the command line, for the day nobody can sign in.

use std::process::ExitCode;
use std::sync::Arc;

use actors::ports::{Changed, SystemClock};
use actors::settings_cache::Snapshot;
use actors::vocabulary::{IdMaker, Settings};
use async_trait::async_trait;
use clap::Subcommand;

use super::{CommandError, say};
use crate::app::{self, Storage};
use crate::config::Config;
use crate::services::accounts::{create_super_admin, reset_password};
use crate::services::passwords::Passwords;
use crate::services::throttle::Throttles;
use crate::services::values::Secret;
use crate::services::{CurrentSettings, Language, News, ServiceError, Services, SetupGate};

/// Bytes of a generated password, as characters.
const PASSWORD_CHARS: usize = 20;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Make a super admin; the password is printed once unless given
    CreateAdmin {
        /// The name to sign in with
        #[arg(long)]
        username: String,
        /// The mail address
        #[arg(long)]
        email: String,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account a new password and end its sessions
    ResetPassword {
        /// Name or mail address
        account: String,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
}

pub(super) async fn run(config: &Config, command: UserCommand) -> Result<ExitCode, CommandError> {
    let services = services(app::open_storage(config).await?)?;
    match command {
        UserCommand::CreateAdmin { username, email, password_stdin } => {
            let (password, made) = password(password_stdin)?;
            let user = create_super_admin(&services, &username, &email, Secret::from(password.as_str())).await.map_err(told)?;
            say(&format!("{} is a super admin.", user.username))?;
            show(made)?;
        }
        UserCommand::ResetPassword { account, password_stdin } => {
            let (password, made) = password(password_stdin)?;
            let user = reset_password(&services, &account, Secret::from(password.as_str())).await.map_err(told)?;
            say(&format!("{} has a new password; their sessions and admin tokens have ended.", user.username))?;
            show(made)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The password to set, and the same to print if it was made here.
fn password(from_stdin: bool) -> Result<(String, Option<String>), CommandError> {
    if from_stdin {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        return Ok((line.trim_end_matches(['\r', '\n']).to_owned(), None));
    }
    let made = crate::secrets::random_base62(PASSWORD_CHARS)
        .map_err(|_| CommandError::Other("the system gives no randomness".to_owned()))?;
    Ok((made.clone(), Some(made)))
}

fn show(password: Option<String>) -> std::io::Result<()> {
    password.map_or(Ok(()), |password| say(&format!("Password: {password}")))
}

fn told(error: ServiceError) -> CommandError {
    CommandError::Other(error.message(Language::En))
}

/// Services without actors: running processes learn of changes from the change log.
fn services(storage: Storage) -> Result<Services, CommandError> {
    Ok(Services {
        db: storage.db,
        ids: Arc::new(IdMaker::new(IdMaker::COMMANDS)),
        clock: Arc::new(SystemClock),
        sealer: storage.sealer,
        news: Arc::new(NobodyHere),
        settings: Arc::new(NobodyHere),
        passwords: Passwords::new().map_err(told)?,
        throttles: Arc::new(Throttles::default()),
        setup: SetupGate::Code(secrecy::SecretString::default()),
        square: Arc::default(),
        watching: Arc::default(),
    })
}

struct NobodyHere;

#[async_trait]
impl News for NobodyHere {
    async fn changed(&self, _: Changed) {}
}

impl CurrentSettings for NobodyHere {
    fn settings(&self) -> Settings {
        Settings::default()
    }

    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        None
    }
}
