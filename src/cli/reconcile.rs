//! `reconcile`: is every balance the sum of its ledger?

use std::process::ExitCode;

use actors::vocabulary::Nanos;

use super::{CommandError, say};
use crate::app;
use crate::config::Config;
use crate::services::{Language, ledger};

pub(super) async fn run(config: &Config) -> Result<ExitCode, CommandError> {
    let storage = app::open_storage(config).await?;
    let checked = ledger::reconcile(&storage.db).await.map_err(|error| CommandError::Other(error.message(Language::En)))?;
    for off in &checked.differences {
        let (balance, ledger) = (Nanos(off.balance_nanos), Nanos(off.ledger_nanos));
        say(&format!("{}: balance {balance} USD, ledger {ledger} USD", off.username))?;
    }
    say(&format!("{} accounts checked, {} differ.", checked.accounts, checked.differences.len()))?;
    Ok(if checked.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
