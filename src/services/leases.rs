//! Which instance does what one of them does at a time.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::Services;
use crate::store::leases;

/// Longest wait for the database.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// A kind of work that one instance does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Deleting what is past its time, and giving its space back.
    Maintenance,
    /// Probes of channels that ask for them.
    Probes,
}

impl Work {
    /// All kinds, as they are listed.
    pub const ALL: [Self; 2] = [Self::Maintenance, Self::Probes];

    /// The name of its lease.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Probes => "probes",
        }
    }
}

/// A kind of work, and who does it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaseFigures {
    /// `maintenance` of the database, or `probes` of channels.
    pub name: &'static str,
    /// The instance that does it; null while nobody does.
    pub holder: Option<String>,
    /// Whether that is the instance which tells this.
    pub is_this_instance: bool,
    /// Since when, epoch milliseconds of the database's clock; null while nobody does.
    pub since: Option<i64>,
    /// Until when unless the holder says that it goes on, epoch milliseconds of the database's clock; null while nobody does.
    pub until: Option<i64>,
}

/// All kinds of work, as the database has them at this moment. `None` when it does not answer.
pub(super) async fn of(services: &Services, this_instance: &str) -> Option<Vec<LeaseFigures>> {
    let answered = tokio::time::timeout(ANSWER_DEADLINE, leases::all(&services.db)).await.ok()?;
    let listed = answered.inspect_err(|error| tracing::warn!(%error, "the database does not tell who has its leases")).ok()?;
    let shown = |work: Work| {
        let held = listed.iter().find(|lease| lease.name == work.as_str() && lease.is_held);
        LeaseFigures {
            name: work.as_str(),
            holder: held.map(|lease| lease.holder.clone()),
            is_this_instance: held.is_some_and(|lease| lease.holder == this_instance),
            since: held.map(|lease| lease.taken_at),
            until: held.map(|lease| lease.expires_at),
        }
    };
    Some(Work::ALL.into_iter().map(shown).collect())
}
