//! Backups: one file with the database and the usage journal, made while the process runs, and put back where nothing is.
//!
//! The journal is copied first and the database after it: whatever had been written down when the backup began is in one of
//! them, and what is in both is booked once, as after a kill.

mod archive;
mod postgres;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::instance::Instance;
use super::{DataDir, StartError, Storage, data_dir, database_url, open_unchanged};
use crate::config::Config;
use crate::files;
use crate::store::Company;
use crate::store::db::file_of;
use crate::store::{Db, StoreError, sealed};

pub use archive::Contents;

/// The form of the archives that this program writes, and the newest it reads.
const FORM: u32 = 1;

/// Why there is no backup, or nothing was put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data directory or the database.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database, when it was read.
    #[error("the database cannot be read: {0}")]
    Database(#[from] StoreError),
    /// A file.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not done, and why.
    #[error("{0}")]
    Refused(String),
}

fn of_file(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::File { path, error }
}

/// What stands at the head of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the archive.
    pub form: u32,
    /// The program that made it.
    pub version: String,
    /// When, epoch milliseconds.
    pub created_at: i64,
    /// `sqlite` or `postgresql`.
    pub database: String,
    /// The last migration that its database has.
    pub level: i64,
}

/// Makes a backup of what `config` names, also while a process serves from it. `with_secret` adds the generated secret.
///
/// # Errors
/// When something cannot be read or written; `file` does not exist then.
pub async fn backup(config: &Config, file: &Path, with_secret: bool, now_ms: i64) -> Result<Contents, BackupError> {
    if file.exists() {
        return Err(BackupError::Refused(format!("{} is there already: name a file that is not", file.display())));
    }
    let storage = open_existing(config).await?;
    let Some(level) = storage.db.level().await? else {
        return Err(BackupError::Refused("there is nothing to back up: this database has no tables of ours yet".to_owned()));
    };
    let database = if storage.db.is_embedded() { "sqlite" } else { "postgresql" };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { form: FORM, version, created_at: now_ms, database: database.to_owned(), level };
    let partial = beside(file, "partial");
    let copy = beside(file, "database");
    let made = async {
        let mut archive = archive::Writer::create(&partial, &manifest)?;
        if with_secret && config.app_secret.is_none() {
            archive.secret(&storage.data_dir)?;
        }
        archive.journal(&storage.data_dir.journal())?;
        if !storage.db.copy_into(&copy).await? {
            postgres::dump(config, &copy).await?;
        }
        archive.finish(&copy)
    };
    let made = made.await;
    let _made_or_not = fs::remove_file(&copy);
    let done = made.and_then(|contents| fs::rename(&partial, file).map(|()| contents).map_err(of_file(file)));
    if done.is_err() {
        let _made_or_not = fs::remove_file(&partial);
    }
    done
}

/// Puts a backup back: into a database without tables of ours and a data directory without a journal.
///
/// # Errors
/// When something is there already, the archive is none of ours or damaged, or a file cannot be written.
pub async fn restore(config: &Config, file: &Path) -> Result<(Manifest, Contents), BackupError> {
    let mut archive = archive::Reader::open(file)?;
    let manifest = archive.manifest()?;
    fits(config, &manifest)?;
    let data_dir = DataDir::open(&config.data_dir).map_err(StartError::from)?;
    let contents = if manifest.database == "sqlite" {
        let _directory = data_dir.claim().map_err(StartError::from)?;
        let target = embedded_target(config, &data_dir)?;
        let fresh = beside(&target, "restored");
        let unpacked = archive.unpack(&data_dir, config.app_secret.is_none(), &fresh);
        let placed = unpacked.and_then(|contents| fs::rename(&fresh, &target).map(|()| contents).map_err(of_file(&target)));
        if placed.is_err() {
            let _made_or_not = fs::remove_file(&fresh);
        }
        placed?
    } else {
        let storage = open_unchanged(config).await?;
        let _alone = Instance::claim(&storage, Company::None).await?;
        if storage.db.level().await?.is_some() {
            return Err(BackupError::Refused("this database has tables of ours already: name an empty one".to_owned()));
        }
        let dump = beside(file, "database");
        let unpacked = archive.unpack(&data_dir, config.app_secret.is_none(), &dump);
        let loaded = match unpacked {
            Ok(contents) => postgres::load(config, &dump).await.map(|()| contents),
            Err(error) => Err(error),
        };
        let _made_or_not = fs::remove_file(&dump);
        loaded?
    };
    Ok((manifest, contents))
}

/// How many sealed secrets the database has, and how many of them the secret at hand opens.
///
/// # Errors
/// When the database does not answer.
pub async fn opened(config: &Config) -> Result<(usize, usize), BackupError> {
    let storage = open_unchanged(config).await?;
    Ok(sealed::opened(&storage.db, &storage.sealer).await?)
}

/// Opens what is there; makes no database.
async fn open_existing(config: &Config) -> Result<Storage, BackupError> {
    let default = config.data_dir.join("api-proxy.db");
    let embedded = config.database_url.as_ref().map_or(Some(default), |url| file_of(url.expose_secret()));
    if let Some(missing) = embedded.filter(|path| !path.exists()) {
        return Err(BackupError::Refused(format!("there is no database at {}", missing.display())));
    }
    Ok(open_unchanged(config).await?)
}

/// Whether an archive can be put where `config` points.
fn fits(config: &Config, manifest: &Manifest) -> Result<(), BackupError> {
    let url = config.database_url.as_ref().map_or("sqlite:", |url| url.expose_secret());
    let target = if url.starts_with("sqlite:") { "sqlite" } else { "postgresql" };
    if manifest.form > FORM || manifest.level > Db::newest_level() {
        return Err(BackupError::Refused(format!(
            "this backup was made by api-proxy {}, which is newer than this program: use that version or a later one",
            manifest.version
        )));
    }
    if manifest.database != target {
        return Err(BackupError::Refused(format!(
            "this is a backup of {}, and DATABASE_URL names a database of {target}; a backup goes back into its own kind",
            manifest.database
        )));
    }
    Ok(())
}

/// Where the embedded database goes; refused where one is.
fn embedded_target(config: &Config, data_dir: &DataDir) -> Result<PathBuf, BackupError> {
    let url = database_url(config, data_dir);
    let target = file_of(&url).unwrap_or_else(|| data_dir.path().join("api-proxy.db"));
    if fs::metadata(&target).is_ok_and(|about| about.len() > 0) {
        let named = target.display();
        return Err(BackupError::Refused(format!(
            "there is a database at {named} already: move it away, or name another DATA_DIR"
        )));
    }
    data_dir::own_database(&url).map_err(StartError::from)?;
    Ok(target)
}

/// `FILE.END` in the same folder, so that it can be moved into place.
fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    PathBuf::from(name)
}

/// A new file that is its owner's alone.
fn create(path: &Path) -> Result<File, BackupError> {
    files::open(path, File::options().write(true).create_new(true)).map_err(of_file(path))
}
