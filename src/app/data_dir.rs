//! The process's own directory: embedded database, generated secret, journal, and the lock that makes it one
//! process's own.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// Characters of a generated secret.
const SECRET_CHARS: usize = 48;

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadDataDir {
    /// A file in it.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process uses it.
    #[error("another api-proxy process uses {}: stop it, or give this one its own DATA_DIR", .0.display())]
    Taken(PathBuf),
    /// No randomness for a secret.
    #[error("the system gives no randomness")]
    NoRandomness,
}

/// The directory.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
}

/// Held as long as the process uses the directory.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is missing, readable by its owner alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: &Path) -> Result<Self, BadDataDir> {
        let wrong = |error| BadDataDir::Io { path: path.to_owned(), error };
        if !path.is_dir() {
            fs::create_dir_all(path).map_err(wrong)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(wrong)?;
        }
        let path = fs::canonicalize(path).map_err(wrong)?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The embedded database.
    pub fn database_url(&self) -> String {
        format!("sqlite://{}", self.path.join("api-proxy.db").display())
    }

    /// The usage journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Keeps other processes out: the journal has one writer.
    ///
    /// # Errors
    /// When another process is in.
    pub fn claim(&self) -> Result<Claim, BadDataDir> {
        let path = self.path.join("instance.lock");
        let lock = File::create(&path).map_err(|error| BadDataDir::Io { path: path.clone(), error })?;
        match lock.try_lock() {
            Ok(()) => Ok(Claim { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(BadDataDir::Taken(self.path.clone())),
            Err(TryLockError::Error(error)) => Err(BadDataDir::Io { path, error }),
        }
    }

    /// The generated secret, made on first use with mode 0600.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn secret(&self) -> Result<SecretString, BadDataDir> {
        let path = self.path.join("app-secret");
        let wrong = |error| BadDataDir::Io { path: path.clone(), error };
        if !path.exists() {
            let secret = crate::secrets::random_base62(SECRET_CHARS).map_err(|_| BadDataDir::NoRandomness)?;
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(mut file) => file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(wrong(error)),
            }
        }
        fs::read_to_string(&path).map(SecretString::from).map_err(wrong)
    }
}
