//! What makes a process the only one that serves: its data directory and its database, both locked.

use tokio::sync::watch;

use super::data_dir::Claim;
use super::{StartError, Storage};
use crate::store::{Exclusivity, InstanceLock};

/// Both locks; given back when dropped.
#[derive(Debug)]
pub(super) struct Instance {
    _directory: Claim,
    database: InstanceLock,
}

impl Instance {
    pub(super) async fn claim(storage: &Storage) -> Result<Self, StartError> {
        Ok(Self { _directory: storage.data_dir.claim()?, database: storage.db.claim().await? })
    }

    /// Follows how the database's lock does.
    pub(super) fn exclusivity(&self) -> watch::Receiver<Exclusivity> {
        self.database.standing()
    }
}
