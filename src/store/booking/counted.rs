//! Requests that have no row: their counts, and what those add to the sums.

use std::collections::BTreeMap;

use actors::vocabulary::{Counted, Receipt};
use async_trait::async_trait;
use sqlx::{FromRow, QueryBuilder};

use super::tables::{clean, pieces, push_ids};
use crate::store::db::Stored;

/// Requests that are alike to every sum: one that has a row, or several that were counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times<'r> {
    /// One of them.
    pub(super) receipt: &'r Receipt,
    /// How many.
    pub(super) requests: i64,
    /// How long they took together.
    pub(super) duration_ms: i64,
}

impl<'r> Times<'r> {
    /// A request with a row of its own.
    pub(super) fn once(receipt: &'r Receipt) -> Self {
        Self { receipt, requests: 1, duration_ms: receipt.timings.ended_ms }
    }
}

/// What a count had come to when it was last booked, read under lock.
#[derive(Clone, Copy, Debug, FromRow)]
pub(super) struct Known {
    id: i64,
    requests: i64,
    duration_ms: i64,
}

/// The table of counts.
#[async_trait]
pub(super) trait RefusalTables: Send {
    /// Adds the counts that are not there yet, at nothing, and reads all of them under lock, by id.
    async fn lock_counts(&mut self, counted: &[&Counted]) -> Stored<Vec<Known>>;
    /// Writes what they have come to.
    async fn set_counts(&mut self, counted: &[&Counted]) -> Stored<()>;
}

const INSERT: &str = "INSERT INTO refusals (id, ts, user_id, key_id, protocol, model, status, ending, cause, stream, requests, \
    duration_ms) ";

/// One body for both databases; `$lock` and `$kept` as for the other tables of booking.
macro_rules! refusal_tables {
    ($database:ty, $connection:ty, $lock:literal, $kept:literal) => {
        #[async_trait]
        impl RefusalTables for $connection {
            async fn lock_counts(&mut self, counted: &[&Counted]) -> Stored<Vec<Known>> {
                let mut known = Vec::with_capacity(counted.len());
                for chunk in pieces(counted, $kept) {
                    let mut insert = QueryBuilder::<$database>::new(INSERT);
                    insert.push_values(chunk, |mut row, counted| {
                        let first = &counted.first;
                        row.push_bind(first.id.0)
                            .push_bind(first.ts)
                            .push_bind(first.user_id.0)
                            .push_bind(first.key_id.0)
                            .push_bind(first.protocol.as_str())
                            .push_bind(clean(&first.model).into_owned())
                            .push_bind(i64::from(first.status))
                            .push_bind(first.ending.as_str())
                            .push_bind(first.cause.as_ref().map(|cause| clean(&cause.word).into_owned()))
                            .push_bind(first.stream)
                            .push_bind(0_i64)
                            .push_bind(0_i64);
                    });
                    insert.push(" ON CONFLICT (id) DO NOTHING");
                    insert.build().persistent($kept).execute(&mut *self).await?;
                    let ids: Vec<i64> = chunk.iter().map(|counted| counted.first.id.0).collect();
                    let mut select =
                        QueryBuilder::<$database>::new("SELECT id, requests, duration_ms FROM refusals WHERE id IN (");
                    push_ids(&mut select.separated(", "), &ids);
                    select.push(concat!(") ORDER BY id", $lock));
                    let rows: Vec<Known> = select.build_query_as().persistent($kept).fetch_all(&mut *self).await?;
                    known.extend(rows);
                }
                Ok(known)
            }

            async fn set_counts(&mut self, counted: &[&Counted]) -> Stored<()> {
                for chunk in pieces(counted, $kept) {
                    let mut update = QueryBuilder::<$database>::new(
                        "UPDATE refusals SET requests = v.column2, duration_ms = v.column3 FROM (",
                    );
                    update.push_values(chunk, |mut row, counted| {
                        row.push_bind(counted.first.id.0).push_bind(counted.requests).push_bind(counted.duration_ms);
                    });
                    update.push(") AS v WHERE refusals.id = v.column1");
                    update.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }
        }
    };
}

refusal_tables!(sqlx::Sqlite, sqlx::SqliteConnection, "", true);
refusal_tables!(sqlx::Postgres, sqlx::PgConnection, " FOR NO KEY UPDATE", false);

/// The newest word of each count, by id. Words may be read again, and in any order: a count only grows.
pub(super) fn newest(counted: &[Counted]) -> Vec<&Counted> {
    let mut newest: BTreeMap<i64, &Counted> = BTreeMap::new();
    for counted in counted {
        let kept = newest.entry(counted.first.id.0).or_insert(counted);
        if counted.requests > kept.requests {
            *kept = counted;
        }
    }
    newest.into_values().collect()
}

/// The counts that have grown since they were booked, each with what it adds to the sums.
pub(super) fn grown<'r>(newest: &[&'r Counted], known: &[Known]) -> Vec<(&'r Counted, Times<'r>)> {
    let known: BTreeMap<i64, Known> = known.iter().map(|known| (known.id, *known)).collect();
    let grown = newest.iter().filter_map(|counted| {
        let before = known.get(&counted.first.id.0)?;
        let requests = counted.requests.saturating_sub(before.requests);
        let duration_ms = counted.duration_ms.saturating_sub(before.duration_ms).max(0);
        (requests > 0).then_some((*counted, Times { receipt: &counted.first, requests, duration_ms }))
    });
    grown.collect()
}
