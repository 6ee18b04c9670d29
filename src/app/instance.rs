//! What keeps other processes away: the data directory is one process's, the database one's, or those' that share Redis.

use tokio::sync::watch;

use super::data_dir::Claim;
use super::{StartError, Storage};
use crate::store::{Company, Exclusivity, InstanceLock};

/// Both locks; given back when dropped.
#[derive(Debug)]
pub(super) struct Instance {
    _directory: Claim,
    database: InstanceLock,
}

impl Instance {
    pub(super) async fn claim(storage: &Storage, company: Company) -> Result<Self, StartError> {
        Ok(Self { _directory: storage.data_dir.claim()?, database: storage.db.claim(company).await? })
    }

    /// Follows how the database's lock does.
    pub(super) fn exclusivity(&self) -> watch::Receiver<Exclusivity> {
        self.database.standing()
    }
}
