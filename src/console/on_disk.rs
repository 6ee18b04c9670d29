//! In development: texts and templates as they are on disk now, read again when a file has changed.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::assets::FrontEnd;
use super::render::Voices;

/// The folders that hold them.
const FOLDERS: [&str; 2] = [concat!(env!("CARGO_MANIFEST_DIR"), "/templates"), concat!(env!("CARGO_MANIFEST_DIR"), "/texts")];

/// What was read last, and how new it was.
#[derive(Default)]
pub(super) struct OnDisk(Mutex<Option<(SystemTime, Voices)>>);

impl OnDisk {
    /// Nothing in a release, or where the sources are gone.
    pub(super) fn voices(&self, front_end: &'static FrontEnd) -> Option<Voices> {
        if !cfg!(debug_assertions) {
            return None;
        }
        let now = FOLDERS.iter().map(Path::new).filter_map(newest).max()?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((then, voices)) if *then == now => Some(voices.clone()),
            _ => {
                let voices = Voices::read(front_end);
                *last = Some((now, voices.clone()));
                Some(voices)
            }
        }
    }
}

/// When anything in a folder was written last; a folder is written when a file in it comes or goes.
fn newest(folder: &Path) -> Option<SystemTime> {
    let mut newest = folder.metadata().ok()?.modified().ok()?;
    for entry in folder.read_dir().ok()?.flatten() {
        let path = entry.path();
        let written =
            if path.is_dir() { self::newest(&path) } else { path.metadata().ok().and_then(|file| file.modified().ok()) };
        newest = newest.max(written.unwrap_or(newest));
    }
    Some(newest)
}
