//! `backup` and `restore`.

use std::path::Path;
use std::process::ExitCode;

use actors::ports::{Clock, SystemClock};

use super::{CommandError, say};
use crate::app::backup::{self, BackupError};
use crate::config::Config;

impl From<BackupError> for CommandError {
    fn from(error: BackupError) -> Self {
        Self::Other(error.to_string())
    }
}

pub(super) async fn backup(config: &Config, file: &Path, with_secret: bool) -> Result<ExitCode, CommandError> {
    let made = backup::backup(config, file, with_secret, SystemClock.now_ms()).await?;
    let bytes = std::fs::metadata(file)?.len();
    let kib = |bytes: u64| bytes.div_ceil(1_024);
    say(&format!(
        "{}: {} KiB, of a database of {} KiB and {} KiB of usage journal.",
        file.display(),
        kib(bytes),
        kib(made.database_bytes),
        kib(made.journal_bytes)
    ))?;
    say(if made.has_secret {
        "The secret that opens the keys of providers is in it: keep it where you would keep those."
    } else {
        "The secret that opens the keys of providers is not in it: keep APP_SECRET (or the file app-secret in DATA_DIR) in a safe place, too."
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn restore(config: &Config, file: &Path) -> Result<ExitCode, CommandError> {
    let (manifest, _) = backup::restore(config, file).await?;
    say(&format!("Restored what api-proxy {} had kept. Start it: what the journal holds is booked then.", manifest.version))?;
    if let (stored @ 1.., 0) = backup::opened(config).await? {
        say(&format!(
            "The secret at hand opens none of the {stored} secrets in it: put the APP_SECRET (or the file app-secret in DATA_DIR) in place \
             that it was used with before you start it."
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
