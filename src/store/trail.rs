//! What a change leaves behind in its own transaction: an audit row, and a line in the change log.

use actors::ports::Changed;

use super::audit::{AuditRow, Record};
use super::changes::Note;
use super::db::{Db, Stored, on_both, write};

/// Both parts of a change's trail. The trail is written if and only if the change is.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// Who did what.
    pub audit: Option<AuditRow>,
    /// A fresh id, and what other processes must reload.
    pub change: Option<(i64, Changed)>,
}

/// `tx.leave(&trail)`.
pub(super) trait Leave {
    async fn leave(&mut self, trail: &Trail) -> Stored<()>;
}

on_both!(Leave {
    async fn leave(&mut self, trail: &Trail) -> Stored<()> {
        if let Some(row) = &trail.audit {
            self.record(row).await?;
        }
        if let Some((id, what)) = trail.change {
            self.note(id, what).await?;
        }
        Ok(())
    }
});

/// Leaves the trail of something done outside the database, or to nothing in particular.
///
/// # Errors
/// When the database fails.
pub async fn note_deed(db: &Db, trail: &Trail) -> Stored<()> {
    write!(db, tx => tx.leave(trail).await?);
    Ok(())
}
