//! The change log: tells every process that shares the database what to reload.

use actors::ports::Changed;

use super::db::{Stored, on_both};

/// Notes a change in the transaction that makes it: `tx.note(id, Changed::Catalogue)`.
pub(super) trait Note {
    /// `id` is a fresh one.
    async fn note(&mut self, id: i64, what: Changed) -> Stored<()>;
}

on_both!(Note {
    async fn note(&mut self, id: i64, what: Changed) -> Stored<()> {
        let (kind, subject) = match what {
            Changed::Catalogue => ("catalogue", 0),
            Changed::User(user) => ("user", user.0),
        };
        let insert = "INSERT INTO changes (id, kind, subject) VALUES ($1, $2, $3)";
        sqlx::query(insert).bind(id).bind(kind).bind(subject).execute(self).await?;
        Ok(())
    }
});
