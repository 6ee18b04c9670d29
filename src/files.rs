//! Files that belong to the process alone: readable by their owner only, whatever was there before, and never somebody
//! else's file that a symbolic link points to.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Of files.
const OWN_FILE: u32 = 0o600;
/// Of directories.
const OWN_DIRECTORY: u32 = 0o700;
/// A directory that everybody may put files into, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Opens a file of the process as `how` says. A link in its place, or anything else that is no file, is refused and left
/// as it is; permissions that let others in are taken away.
///
/// # Errors
/// When it cannot be opened, or is no file.
pub fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    // Not to wait for the other end of a pipe that somebody put there.
    let opened = how.mode(OWN_FILE).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("is a symbolic link; put the file itself in its place"),
        _ => error,
    })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is no file"));
    }
    close_to_others(&file, path, OWN_FILE)?;
    Ok(file)
}

/// Opens the file of a lock, made if missing. What it holds is nobody's concern and stays.
///
/// # Errors
/// As [`open`].
pub fn open_lock(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().write(true).create(true).truncate(false))
}

/// Takes permissions that let others in from a file, if it is there.
///
/// # Errors
/// As [`open`], but for a file that is not there.
pub fn tighten(path: &Path) -> io::Result<()> {
    match open(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.map(drop),
    }
}

/// Makes a directory with all that lead to it, or takes permissions that let others in from one that is there.
///
/// # Errors
/// When it cannot be made, or is no directory.
pub fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(OWN_DIRECTORY).create(path)?;
    let opened = File::open(path)?;
    let about = opened.metadata()?;
    // One that everybody shares stays so: the files in it are closed each for itself.
    let is_shared = about.mode() & STICKY != 0 || fs::canonicalize(path)?.parent().is_none();
    if is_shared { Ok(()) } else { close_to_others(&opened, path, OWN_DIRECTORY) }
}

/// Goes on where the owner is somebody else and lets us in, as on volumes of a cluster: then it is theirs to decide.
fn close_to_others(file: &File, path: &Path, most: u32) -> io::Result<()> {
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o777 & !most == 0 {
        return Ok(());
    }
    match file.set_permissions(Permissions::from_mode(mode & most)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), "others may read this, and its permissions are not ours to change");
            Ok(())
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_was_open_to_others_is_closed() {
        let home = tempfile::tempdir().unwrap();
        let (inner, file) = (home.path().join("a/b"), home.path().join("file"));
        fs::write(&file, "kept").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        directory(home.path()).unwrap();
        directory(&inner).unwrap();
        open_lock(&file).unwrap();
        tighten(&home.path().join("not there")).unwrap();
        assert_eq!((mode(home.path()), mode(&inner), mode(&home.path().join("a")), mode(&file)), (0o700, 0o700, 0o700, 0o600));
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    }

    #[test]
    fn a_link_is_refused_and_its_target_untouched() {
        let home = tempfile::tempdir().unwrap();
        let (target, link) = (home.path().join("target"), home.path().join("link"));
        fs::write(&target, "precious").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        symlink(&target, &link).unwrap();
        let refused = open_lock(&link).unwrap_err().to_string();
        assert!(refused.contains("symbolic link"), "{refused}");
        tighten(&link).unwrap_err();
        open(&home.path().join("dangling"), OpenOptions::new().read(true)).unwrap_err();
        assert_eq!((fs::read_to_string(&target).unwrap().as_str(), mode(&target)), ("precious", 0o644));
    }

    #[test]
    fn a_directory_that_everybody_shares_stays_shared() {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o1777)).unwrap();
        directory(home.path()).unwrap();
        assert_eq!(mode(home.path()), 0o777);
    }
}
