//! Names that clients asked for and that nobody serves.

use std::borrow::Cow;
use std::collections::BTreeMap;

use actors::vocabulary::Cause;
use actors::vocabulary::model::LONGEST_MODEL_NAME;
use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::counted::Times;
use super::tables::{clean, pieces};
use crate::store::db::Stored;
use crate::store::locks::{Lock, Locks};
use crate::store::missing_models::KeepFew;
use crate::store::sums::raised;

/// What one key asked for in vain.
#[derive(Debug)]
pub(super) struct MissingRow<'r> {
    provider: &'static str,
    model: Cow<'r, str>,
    key_id: i64,
    user_id: i64,
    requests: i64,
    first_at: i64,
    last_at: i64,
}

/// The table of these names.
#[async_trait]
pub(super) trait MissingTables: Send {
    /// Counts on, and lets others go where there are too many: one process at a time.
    async fn add_missing(&mut self, rows: &[MissingRow<'_>]) -> Stored<()>;
}

/// One body for both databases; `$kept` as for the other tables of booking.
macro_rules! missing_tables {
    ($database:ty, $connection:ty, $kept:literal) => {
        #[async_trait]
        impl MissingTables for $connection {
            async fn add_missing(&mut self, rows: &[MissingRow<'_>]) -> Stored<()> {
                if rows.is_empty() {
                    return Ok(());
                }
                self.lock(Lock::MissingModels).await?;
                for chunk in pieces(rows, $kept) {
                    let mut upsert = QueryBuilder::<$database>::new(
                        "INSERT INTO missing_models (provider, model, key_id, user_id, requests, first_at, last_at) ",
                    );
                    upsert.push_values(chunk, |mut row, missing| {
                        row.push_bind(missing.provider)
                            .push_bind(missing.model.as_ref())
                            .push_bind(missing.key_id)
                            .push_bind(missing.user_id)
                            .push_bind(missing.requests)
                            .push_bind(missing.first_at)
                            .push_bind(missing.last_at);
                    });
                    upsert.push(" ON CONFLICT (provider, model, key_id) DO UPDATE SET ");
                    upsert.push(raised("missing_models", "requests"));
                    upsert.push(
                        ", last_at = CASE WHEN excluded.last_at > missing_models.last_at THEN excluded.last_at \
                         ELSE missing_models.last_at END",
                    );
                    upsert.build().persistent($kept).execute(&mut *self).await?;
                }
                self.keep_few().await
            }
        }
    };
}

missing_tables!(sqlx::Sqlite, sqlx::SqliteConnection, true);
missing_tables!(sqlx::Postgres, sqlx::PgConnection, false);

/// What these requests asked for in vain, in the order of the table's primary key.
pub(super) fn missing_of<'r>(times: &[Times<'r>]) -> Vec<MissingRow<'r>> {
    let mut rows: BTreeMap<(&str, Cow<'r, str>, i64), MissingRow<'r>> = BTreeMap::new();
    for Times { receipt, requests, .. } in times {
        let model = clean(&receipt.model);
        if !receipt.cause.as_ref().is_some_and(Cause::is_missing_model) || !could_be_a_model(&model) {
            continue;
        }
        let provider = receipt.protocol.family().as_str();
        let row = rows.entry((provider, model.clone(), receipt.key_id.0)).or_insert(MissingRow {
            provider,
            model,
            key_id: receipt.key_id.0,
            user_id: receipt.user_id.0,
            requests: 0,
            first_at: receipt.ts,
            last_at: receipt.ts,
        });
        row.requests = row.requests.saturating_add(*requests);
        row.first_at = row.first_at.min(receipt.ts);
        row.last_at = row.last_at.max(receipt.ts);
    }
    rows.into_values().collect()
}

/// Whether somebody could add or map a model of this name (`services::values::check::name` takes no other).
fn could_be_a_model(name: &str) -> bool {
    !name.is_empty()
        && name.trim() == name
        && name.chars().count() <= LONGEST_MODEL_NAME
        && !name.chars().any(|letter| letter.is_control() || letter == char::REPLACEMENT_CHARACTER)
}
