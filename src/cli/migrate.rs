//! `migrate`: the database is brought up to date, and perhaps written anew.

use std::process::ExitCode;

use super::{CommandError, say};
use crate::app;
use crate::config::Config;

pub(super) async fn run(config: &Config, vacuum: bool) -> Result<ExitCode, CommandError> {
    if !vacuum {
        app::open_storage(config).await?;
        say("The database is up to date.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let (before, after) = app::vacuum(config).await?;
    say("The database is up to date.")?;
    match after {
        Some(after) => say(&format!("It was written anew: {} KiB before, {} KiB now.", before / 1_024, after / 1_024))?,
        None => say("PostgreSQL needs no such thing: it fills the room of deleted rows by itself.")?,
    }
    Ok(ExitCode::SUCCESS)
}
