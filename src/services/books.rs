//! The state of the books: what waits to be booked, what cannot be booked, and whether anything can be recorded at all.

use actors::ports::{SetAside, Unbooked};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::NOT_FOUND;
use super::system::System;
use super::values::Usd;
use super::{Actor, Deed, Served, ServiceError, Services};
use crate::store::trail::note_deed;

/// Rows of what is set aside that are shown; the figure counts them all.
pub const MOST_ASIDE: usize = 200;
/// A receipt that waits longer than this says that booking has stopped.
const LATE_MS: i64 = 60_000;
/// A disk with less than this is as good as full soon.
const LITTLE_SPACE: u64 = 64 << 20;

/// How the books stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Books {
    /// Whether a request that is let in now can be recorded; while not, requests get 503 and nobody is asked.
    pub can_record: bool,
    /// Receipts in the journal that are not in the database yet.
    pub unbooked: u64,
    /// Since when the oldest of them waits, epoch milliseconds; null when none does.
    pub oldest_unbooked_at: Option<i64>,
    /// Receipts, and lines of the journal, that cannot be booked and wait for an admin.
    pub set_aside: u64,
    /// Answers since the start whose usage the provider told in figures that nobody can believe.
    pub disbelieved_usage: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Bytes left on the journal's disk; null where the system does not tell.
    pub journal_disk_free_bytes: Option<u64>,
    /// Bytes left on the disk of the embedded database; null for PostgreSQL.
    pub database_disk_free_bytes: Option<u64>,
    /// When receipts were last booked, epoch milliseconds; null = not since the start.
    pub last_booked_at: Option<i64>,
    /// When something last went wrong with journal or booking, epoch milliseconds.
    pub last_failure_at: Option<i64>,
    /// What it was, in words.
    pub last_failure: Option<String>,
}

impl Books {
    /// What is not as it should be at `now`, in words for anybody: no texts of the database.
    pub fn worries(&self, now: i64) -> Vec<String> {
        let mut worries = Vec::new();
        if !self.can_record {
            worries.push("requests cannot be recorded and are refused: the journal cannot be written".to_owned());
        }
        if let Some(age) = self.oldest_unbooked_at.map(|since| now.saturating_sub(since)).filter(|age| *age > LATE_MS) {
            worries.push(format!("{} receipts are not booked, the oldest for {} s", self.unbooked, age / 1_000));
        }
        if self.set_aside > 0 {
            worries.push(format!("{} receipts or journal lines are set aside", self.set_aside));
        }
        for (disk, free) in [("journal", self.journal_disk_free_bytes), ("database", self.database_disk_free_bytes)] {
            if let Some(free) = free.filter(|free| *free < LITTLE_SPACE) {
                worries.push(format!("the disk of the {disk} has {} KiB left", free / 1_024));
            }
        }
        worries
    }
}

/// Something that cannot be booked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetAsideView {
    /// The receipt's id; negative for a line of the journal that is no receipt.
    pub id: i64,
    /// When it was set aside, epoch milliseconds.
    pub at: i64,
    /// Why.
    pub reason: String,
    /// Whether booking it can be tried again.
    pub retriable: bool,
    /// The request's id; null for a line.
    pub request_id: Option<String>,
    /// When the request arrived, epoch milliseconds; null for a line.
    pub ts: Option<i64>,
    /// Who asked; null for a line.
    pub username: Option<String>,
    /// With which key; null for a line.
    pub key_name: Option<String>,
    /// For which model; null for a line.
    pub model: Option<String>,
    /// The bill that waits; null for a line.
    pub cost_usd: Option<Usd>,
    /// A line's text as far as it can be read; null for a receipt.
    pub line: Option<String>,
}

impl From<SetAside> for SetAsideView {
    fn from(aside: SetAside) -> Self {
        let (receipt, line) = match aside.what {
            Unbooked::Receipt(receipt) => (Some(receipt), None),
            Unbooked::Line(line) => (None, Some(line)),
        };
        Self {
            id: aside.id,
            at: aside.at,
            reason: aside.reason,
            retriable: receipt.is_some(),
            request_id: receipt.as_ref().map(|receipt| receipt.request_id.clone()),
            ts: receipt.as_ref().map(|receipt| receipt.ts),
            username: receipt.as_ref().map(|receipt| receipt.username.clone()),
            key_name: receipt.as_ref().map(|receipt| receipt.key_name.clone()),
            model: receipt.as_ref().map(|receipt| receipt.model.clone()),
            cost_usd: receipt.as_ref().map(|receipt| Usd(receipt.cost)),
            line,
        }
    }
}

/// What is set aside, the oldest first, at most 200.
///
/// # Errors
/// When its file cannot be read.
pub async fn set_aside(system: &dyn System) -> Served<Vec<SetAsideView>> {
    Ok(system.set_aside().await?.into_iter().map(SetAsideView::from).collect())
}

/// Books a receipt after all, once what kept it from the books is mended.
///
/// # Errors
/// `not_found`, also for a line that is no receipt.
pub async fn retry(services: &Services, system: &dyn System, actor: &Actor, id: i64) -> Served<()> {
    take_back(services, system, actor, id, true).await
}

/// Lets something go for good: its request is never billed.
///
/// # Errors
/// `not_found`.
pub async fn drop(services: &Services, system: &dyn System, actor: &Actor, id: i64) -> Served<()> {
    take_back(services, system, actor, id, false).await
}

async fn take_back(services: &Services, system: &dyn System, actor: &Actor, id: i64, retry: bool) -> Served<()> {
    let taken = system.take_back(id, retry).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    let deed = Deed::new(if retry { "receipt.retry" } else { "receipt.drop" }, id).before(&SetAsideView::from(taken));
    note_deed(&services.db, &services.trail(&actor.by(), deed, None)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_books_give_no_worries() {
        let sound = Books {
            can_record: true,
            unbooked: 3,
            oldest_unbooked_at: Some(100_000),
            journal_disk_free_bytes: Some(1 << 40),
            ..Books::default()
        };
        assert_eq!(sound.worries(120_000), Vec::<String>::new());
        assert_eq!(sound.worries(200_000), ["3 receipts are not booked, the oldest for 100 s"]);
        let ill = Books { set_aside: 2, database_disk_free_bytes: Some(2_048), ..Books::default() };
        assert_eq!(ill.worries(0).len(), 3, "{:?}", ill.worries(0));
    }
}
