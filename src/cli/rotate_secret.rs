//! `rotate-secret`: every stored secret sealed anew under `APP_SECRET`, so that `APP_SECRET_PREVIOUS` is needed no longer.

use std::process::ExitCode;

use super::{CommandError, say};
use crate::app;
use crate::config::Config;

pub(super) async fn run(config: &Config) -> Result<ExitCode, CommandError> {
    let storage = app::open_storage(config).await?;
    let done = app::reseal(&storage).await?;
    say(&format!("{} values encrypted anew, {} were under this APP_SECRET already.", done.renewed, done.current))?;
    if done.unopened.is_empty() {
        say("APP_SECRET_PREVIOUS is needed no longer.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let channels: Vec<String> = done.unopened.iter().map(i64::to_string).collect();
    say(&format!(
        "These channels have a key or headers that neither APP_SECRET nor APP_SECRET_PREVIOUS opens: {}. Name the secret they were \
         stored under in APP_SECRET_PREVIOUS and run this again, or set them anew.",
        channels.join(", ")
    ))?;
    Ok(ExitCode::FAILURE)
}
