//! The process's own directory: embedded database, generated secret, journal, and the lock that makes it one
//! process's own.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use actors::vocabulary::InstanceId;
use actors::vocabulary::ids::NoInstanceId;
use secrecy::SecretString;

use crate::config::LEAST_SECRET_BYTES;
use crate::files;
use crate::store::db::file_of;

/// Characters of a generated secret.
const SECRET_CHARS: usize = 48;
/// Largest file that may hold the secret.
const MOST_SECRET_BYTES: u64 = 64 << 10;
/// What the process keeps in its directory, beside the journal's own.
const FILES: [&str; 10] = [
    "api-proxy.db",
    "api-proxy.db-wal",
    "api-proxy.db-shm",
    "api-proxy.db-journal",
    "api-proxy.db.lock",
    "app-secret",
    "instance.lock",
    "instance-id",
    "migrate.lock",
    "demo.json",
];

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
    /// The file of the secret holds none.
    #[error(
        "{} holds no secret: {problem}. Put back the file that this database was started with first (or set APP_SECRET to what it held); \
         if nothing is stored yet, remove the file and a new secret is made",
        .path.display()
    )]
    NoSecret {
        /// The file.
        path: PathBuf,
        /// What is wrong with what it holds.
        problem: &'static str,
    },
    /// The file of the instance's id holds none.
    #[error("{} holds no instance id ({NoInstanceId}): remove the file and a new one is made", .0.display())]
    NoInstanceId(PathBuf),
    /// No randomness for a secret or an id.
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
    /// Makes the directory if it is missing. It and what the process keeps in it become its owner's alone, also where
    /// they were there before with other permissions.
    ///
    /// # Errors
    /// When it cannot be made, or a link stands where a file should.
    pub fn open(path: &Path) -> Result<Self, BadDataDir> {
        let within = |path: &Path| {
            let path = path.to_owned();
            move |error| BadDataDir::Io { path, error }
        };
        files::directory(path).map_err(within(path))?;
        let path = fs::canonicalize(path).map_err(within(path))?;
        for name in FILES {
            let file = path.join(name);
            files::tighten(&file).map_err(within(&file))?;
        }
        let directory = Self { path };
        let journal = directory.journal();
        if fs::symlink_metadata(&journal).is_ok_and(|about| about.is_symlink()) {
            let error = io::Error::other("is a symbolic link; mount what is to be elsewhere in its place");
            return Err(BadDataDir::Io { path: journal, error });
        }
        Ok(directory)
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
        let lock = files::open_lock(&path).map_err(|error| BadDataDir::Io { path: path.clone(), error })?;
        match lock.try_lock() {
            Ok(()) => Ok(Claim { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(BadDataDir::Taken(self.path.clone())),
            Err(TryLockError::Error(error)) => Err(BadDataDir::Io { path, error }),
        }
    }

    /// The generated secret, made on first use.
    ///
    /// # Errors
    /// When it can be neither read nor made, or the file holds what is no secret.
    pub fn secret(&self) -> Result<SecretString, BadDataDir> {
        let path = self.path.join("app-secret");
        usable(self.made_once(&path, SECRET_CHARS)?).map_err(|problem| BadDataDir::NoSecret { path, problem })
    }

    /// Names this process among those that share a database; made on first use, the same ever after.
    ///
    /// # Errors
    /// When it can be neither read nor made, or the file holds what is no id.
    pub fn instance_id(&self) -> Result<InstanceId, BadDataDir> {
        let path = self.path.join("instance-id");
        let bytes = self.made_once(&path, InstanceId::CHARS)?;
        let id = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
        id.ok_or(BadDataDir::NoInstanceId(path))
    }

    /// What a file holds, as far as it may be long; one that is missing is filled with random letters and digits first.
    fn made_once(&self, path: &Path, characters: usize) -> Result<Vec<u8>, BadDataDir> {
        let file = match files::open(path, OpenOptions::new().read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make(path, characters)?;
                files::open(path, OpenOptions::new().read(true))
            }
            opened => opened,
        };
        let mut bytes = Vec::new();
        let read = file.and_then(|file| file.take(MOST_SECRET_BYTES + 1).read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|error| BadDataDir::Io { path: path.to_owned(), error })
    }

    /// Written aside, and moved into place only when all of it is on the disk: a disk that is full, or a power failure,
    /// leaves no half of it behind. Of two processes that start at once, the first one's stays.
    fn make(&self, path: &Path, characters: usize) -> Result<(), BadDataDir> {
        let made = crate::secrets::random_base62(characters).map_err(|_| BadDataDir::NoRandomness)?;
        let aside = path.with_extension(format!("{}.new", fastrand::u64(..)));
        let written = files::open(&aside, OpenOptions::new().write(true).create_new(true))
            .and_then(|mut file| file.write_all(made.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| match fs::hard_link(&aside, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                // A file system without links.
                Err(_) => fs::rename(&aside, path),
                Ok(()) => Ok(()),
            });
        let _moved_or_never_made = fs::remove_file(&aside);
        written.and_then(|()| File::open(&self.path)?.sync_all()).map_err(|error| BadDataDir::Io { path: path.to_owned(), error })
    }
}

/// Closes the embedded database to others wherever it is, before SQLite makes it: its other files get the same permissions.
///
/// # Errors
/// When a link or something else that is no file stands in its place.
pub(super) fn own_database(url: &str) -> Result<(), BadDataDir> {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    let Some(path) = file_of(url) else { return Ok(()) };
    // An address that the operator wrote may lead over links; the directory's own files may not.
    let path = fs::canonicalize(&path).unwrap_or(path);
    let beside = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let made = files::open(&path, OpenOptions::new().read(true).write(true).create(true).truncate(false)).map(drop);
    let done = match made {
        // Opening the database says better what is missing.
        Err(error) if matches!(error.kind(), NotFound | PermissionDenied | NotADirectory | IsADirectory | ReadOnlyFilesystem) => {
            Ok(())
        }
        done => done,
    };
    done.and_then(|()| ["-wal", "-shm", "-journal"].iter().try_for_each(|end| files::tighten(&beside(end))))
        .map_err(|error| BadDataDir::Io { path: path.clone(), error })
}

/// The secret as it stands in its file, if it is one.
fn usable(bytes: Vec<u8>) -> Result<SecretString, &'static str> {
    if bytes.is_empty() {
        return Err("it is empty");
    }
    if bytes.len() as u64 > MOST_SECRET_BYTES {
        return Err("it is far too long");
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is no text")?;
    let secret = text.trim();
    if secret.chars().any(char::is_control) {
        return Err("it has control characters");
    }
    if secret.len() < LEAST_SECRET_BYTES {
        return Err("it has fewer than 32 characters");
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_kept() {
        let home = tempfile::tempdir().unwrap();
        let directory = DataDir::open(home.path()).unwrap();
        let made = directory.secret().unwrap();
        assert_eq!(made.expose_secret().len(), SECRET_CHARS);
        assert_eq!(directory.secret().unwrap().expose_secret(), made.expose_secret());
        let mode = fs::metadata(home.path().join("app-secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "something was left beside it");
    }

    #[test]
    fn the_id_is_made_once_and_kept() {
        let home = tempfile::tempdir().unwrap();
        let made = DataDir::open(home.path()).unwrap().instance_id().unwrap();
        assert_eq!(DataDir::open(home.path()).unwrap().instance_id().unwrap(), made);
        let mode = fs::metadata(home.path().join("instance-id")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "something was left beside it");
        let other = tempfile::tempdir().unwrap();
        assert_ne!(DataDir::open(other.path()).unwrap().instance_id().unwrap(), made);
    }

    #[test]
    fn what_is_no_id_is_refused_with_the_way_out() {
        let home = tempfile::tempdir().unwrap();
        let directory = DataDir::open(home.path()).unwrap();
        let path = home.path().join("instance-id");
        let bad: [&[u8]; 6] = [b"", b"short", b"aZ09aZ09aZ0\0", b"aZ09aZ09aZ090", &[0xff; 12], &[b'a'; 70_000]];
        for bytes in bad {
            fs::write(&path, bytes).unwrap();
            let refused = directory.instance_id().unwrap_err().to_string();
            assert!(refused.contains("instance-id holds no instance id") && refused.contains("remove the file"), "{refused}");
            assert_eq!(fs::read(&path).unwrap(), bytes, "it was changed");
        }
        fs::write(&path, "aZ09aZ09aZ09\n").unwrap();
        assert_eq!(directory.instance_id().unwrap().as_str(), "aZ09aZ09aZ09");
    }

    #[test]
    fn what_is_no_secret_is_refused_with_the_way_out() {
        let home = tempfile::tempdir().unwrap();
        let directory = DataDir::open(home.path()).unwrap();
        let path = home.path().join("app-secret");
        let bad: [&[u8]; 8] =
            [b"", b"x", &[b' '; 48], &[0; 48], &[b'a'; 31], b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", &[0xff; 48], &[b'\n'; 48]];
        for bytes in bad {
            fs::write(&path, bytes).unwrap();
            let refused = directory.secret().unwrap_err().to_string();
            assert!(refused.contains("holds no secret") && refused.contains("remove the file"), "{bytes:?}: {refused}");
            assert_eq!(fs::read(&path).unwrap(), bytes, "it was changed");
        }
        fs::write(&path, "an operator's own secret, long enough\n").unwrap();
        assert_eq!(directory.secret().unwrap().expose_secret(), "an operator's own secret, long enough\n");
    }

    #[test]
    fn links_in_place_of_its_files_are_refused() {
        let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("precious");
        fs::write(&target, "precious").unwrap();
        for name in FILES {
            let link = home.path().join(name);
            symlink(&target, &link).unwrap();
            let refused = DataDir::open(home.path()).unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains("symbolic link"), "{refused}");
            fs::remove_file(link).unwrap();
        }
        symlink(elsewhere.path(), home.path().join("journal")).unwrap();
        let refused = DataDir::open(home.path()).unwrap_err().to_string();
        assert!(refused.contains("journal: is a symbolic link"), "{refused}");
        fs::remove_file(home.path().join("journal")).unwrap();
        let directory = DataDir::open(home.path()).unwrap();
        symlink(elsewhere.path().join("made"), home.path().join("instance.lock")).unwrap();
        directory.claim().unwrap_err();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "a file was made through a link");
    }
}
