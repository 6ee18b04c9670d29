//! Sums of what was used: by hour and everything there is, by quarter of an hour and user, by day and one thing at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use actors::vocabulary::{Ending, Receipt};
use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::tables::{clean, pieces};
use crate::store::db::Stored;
use crate::store::stats::{EVERYBODY, SLOT_MS};
use crate::store::sums::raised;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The columns of [`Sums`].
const COLUMNS: [&str; 8] = [
    "requests",
    "successes",
    "tokens_in",
    "tokens_out",
    "cache_read_tokens",
    "cache_creation_tokens",
    "cost_nanos",
    "duration_ms",
];

/// Requests, successes, tokens in, out, cache read, cache creation, cost, duration.
type Sums = [i64; 8];

/// What one hour gains.
#[derive(Debug)]
pub(super) struct HourRow<'r> {
    hour: i64,
    user_id: i64,
    key_id: i64,
    channel_id: i64,
    model: Cow<'r, str>,
    sums: Sums,
}

/// What one quarter of an hour of a user, or of everybody, gains.
#[derive(Debug)]
pub(super) struct TotalRow {
    user_id: i64,
    slot: i64,
    sums: Sums,
}

/// What one day of a user, a key, a channel or a model gains, of everybody's or of one user's.
#[derive(Debug)]
pub(super) struct DayRow<'r> {
    part: &'static str,
    user_id: i64,
    day: i64,
    place: i64,
    model: Cow<'r, str>,
    sums: Sums,
}

/// The tables of these sums.
#[async_trait]
pub(super) trait UsageTables: Send {
    /// Adds to the hourly sums.
    async fn add_hours(&mut self, rows: &[HourRow<'_>]) -> Stored<()>;
    /// Adds to the sums of users and everybody by quarters of an hour.
    async fn add_totals(&mut self, rows: &[TotalRow]) -> Stored<()>;
    /// Adds to the daily sums.
    async fn add_days(&mut self, rows: &[DayRow<'_>]) -> Stored<()>;
}

/// The start of a statement that adds to `table`, whose primary key is `place`.
fn insert(table: &str, place: &str) -> String {
    format!("INSERT INTO {table} ({place}, {}) ", COLUMNS.join(", "))
}

/// Its end.
fn on_conflict(table: &str, place: &str) -> String {
    let added = COLUMNS.map(|column| raised(table, column));
    format!(" ON CONFLICT ({place}) DO UPDATE SET {}", added.join(", "))
}

/// One body for both databases; `$kept` as for the other tables of booking.
macro_rules! usage_tables {
    ($database:ty, $connection:ty, $kept:literal) => {
        #[async_trait]
        impl UsageTables for $connection {
            async fn add_hours(&mut self, rows: &[HourRow<'_>]) -> Stored<()> {
                const PLACE: &str = "hour, user_id, key_id, channel_id, model";
                for chunk in pieces(rows, $kept) {
                    let mut upsert = QueryBuilder::<$database>::new(insert("usage_hourly", PLACE));
                    upsert.push_values(chunk, |mut row, hour| {
                        row.push_bind(hour.hour)
                            .push_bind(hour.user_id)
                            .push_bind(hour.key_id)
                            .push_bind(hour.channel_id)
                            .push_bind(hour.model.as_ref());
                        for sum in hour.sums {
                            row.push_bind(sum);
                        }
                    });
                    upsert.push(on_conflict("usage_hourly", PLACE));
                    upsert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn add_totals(&mut self, rows: &[TotalRow]) -> Stored<()> {
                const PLACE: &str = "user_id, slot";
                for chunk in pieces(rows, $kept) {
                    let mut upsert = QueryBuilder::<$database>::new(insert("usage_totals", PLACE));
                    upsert.push_values(chunk, |mut row, total| {
                        row.push_bind(total.user_id).push_bind(total.slot);
                        for sum in total.sums {
                            row.push_bind(sum);
                        }
                    });
                    upsert.push(on_conflict("usage_totals", PLACE));
                    upsert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn add_days(&mut self, rows: &[DayRow<'_>]) -> Stored<()> {
                const PLACE: &str = "part, user_id, day, place, model";
                for chunk in pieces(rows, $kept) {
                    let mut upsert = QueryBuilder::<$database>::new(insert("usage_daily", PLACE));
                    upsert.push_values(chunk, |mut row, day| {
                        row.push_bind(day.part)
                            .push_bind(day.user_id)
                            .push_bind(day.day)
                            .push_bind(day.place)
                            .push_bind(day.model.as_ref());
                        for sum in day.sums {
                            row.push_bind(sum);
                        }
                    });
                    upsert.push(on_conflict("usage_daily", PLACE));
                    upsert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }
        }
    };
}

usage_tables!(sqlx::Sqlite, sqlx::SqliteConnection, true);
usage_tables!(sqlx::Postgres, sqlx::PgConnection, false);

/// The hour a receipt is counted in.
pub(super) fn hour_of(receipt: &Receipt) -> i64 {
    receipt.ts - receipt.ts.rem_euclid(HOUR_MS)
}

/// The day (UTC) a receipt is counted in.
pub(super) fn day_of(receipt: &Receipt) -> i64 {
    receipt.ts - receipt.ts.rem_euclid(DAY_MS)
}

/// Sums by hour, user, key, channel and model, in the order of their primary key.
pub(super) fn hours_of<'r>(receipts: &[&'r Receipt]) -> Vec<HourRow<'r>> {
    let sums = summed(receipts.iter().map(|receipt| {
        let place = (hour_of(receipt), receipt.user_id.0, receipt.key_id.0, channel_of(receipt), clean(&receipt.model));
        (place, *receipt)
    }));
    let row = |((hour, user_id, key_id, channel_id, model), sums)| HourRow { hour, user_id, key_id, channel_id, model, sums };
    sums.into_iter().map(row).collect()
}

/// Sums by user and quarter of an hour, everybody's first, in the order of their primary key.
pub(super) fn totals_of(receipts: &[&Receipt]) -> Vec<TotalRow> {
    let places = receipts.iter().flat_map(|receipt| {
        let slot = receipt.ts - receipt.ts.rem_euclid(SLOT_MS);
        [EVERYBODY, receipt.user_id.0].map(|user| ((user, slot), *receipt))
    });
    summed(places).into_iter().map(|((user_id, slot), sums)| TotalRow { user_id, slot, sums }).collect()
}

/// Sums by day of each user, and of each key, channel and model of everybody and of each user, in the order of their primary key.
pub(super) fn days_of<'r>(receipts: &[&'r Receipt]) -> Vec<DayRow<'r>> {
    let sums = summed(receipts.iter().flat_map(|receipt| {
        let (day, user) = (day_of(receipt), receipt.user_id.0);
        let parts = [EVERYBODY, user].into_iter().flat_map(move |of| {
            [
                ("key", of, day, receipt.key_id.0, Cow::Borrowed("")),
                ("channel", of, day, channel_of(receipt), Cow::Borrowed("")),
                ("model", of, day, 0, clean(&receipt.model)),
            ]
        });
        parts.chain([("user", EVERYBODY, day, user, Cow::Borrowed(""))]).map(|place| (place, *receipt))
    }));
    let row = |((part, user_id, day, place, model), sums)| DayRow { part, user_id, day, place, model, sums };
    sums.into_iter().map(row).collect()
}

/// The channel that answered; 0 = none.
fn channel_of(receipt: &Receipt) -> i64 {
    receipt.channel_id.map_or(0, |channel| channel.0)
}

fn summed<'r, P: Ord>(places: impl Iterator<Item = (P, &'r Receipt)>) -> BTreeMap<P, Sums> {
    let mut all: BTreeMap<P, Sums> = BTreeMap::new();
    for (place, receipt) in places {
        let succeeded = receipt.ending == Ending::Completed && receipt.status < 400;
        let usage = &receipt.usage;
        let added = [
            1,
            i64::from(succeeded),
            usage.input,
            usage.output,
            usage.cache_read,
            usage.cache_creation(),
            receipt.cost.0,
            receipt.timings.ended_ms,
        ];
        for (total, amount) in all.entry(place).or_default().iter_mut().zip(added) {
            *total = total.saturating_add(amount.max(0));
        }
    }
    all
}
