//! The disk under the journal: what is left, and space that is taken before it is needed.

use std::fs::File;
use std::io;
use std::path::Path;

/// What requests under way are given: their receipts still find room when the disk is full.
const RESERVE: u64 = 2 << 20;
/// A disk so small gives this part of itself.
const SHARE: u64 = 8;

/// A disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    /// Bytes left.
    pub(super) free: u64,
    /// Bytes that are kept for requests under way.
    pub(super) reserve: u64,
}

/// The disk that holds `path`; `None` where the system does not tell.
pub(super) fn disk_of(path: &Path) -> Option<Disk> {
    let told = rustix::fs::statvfs(path).ok()?;
    let size = told.f_blocks.saturating_mul(told.f_frsize);
    Some(Disk { free: told.f_bavail.saturating_mul(told.f_frsize), reserve: RESERVE.min(size / SHARE) })
}

/// Takes space for `bytes` of a file from `offset` on, without making it longer.
///
/// # Errors
/// When there is none, or (`Unsupported`) the file system cannot do that.
#[cfg(target_os = "linux")]
pub(super) fn take(file: &File, offset: u64, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, offset, bytes).map_err(io::Error::from)
}

/// Elsewhere only the bytes left are looked at.
#[cfg(not(target_os = "linux"))]
pub(super) fn take(_: &File, _: u64, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
