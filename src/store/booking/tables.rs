//! The statements of booking, each in bulk, on either database.

use std::borrow::Cow;

use actors::vocabulary::Receipt;
use async_trait::async_trait;
use sqlx::{FromRow, QueryBuilder};

use crate::store::StoreError;
use crate::store::db::Stored;

/// Rows per statement, the larger ones first: few sizes, so that SQLite keeps the statements it has prepared. The
/// largest has 256 × 38 parameters, of which SQLite takes 32,766.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];
/// Longest text from outside that is stored; longer ones would not fit PostgreSQL's indexes.
const LONGEST_TEXT: usize = 512;

/// A text from outside as it is stored: without NUL, which PostgreSQL refuses, and not longer than
/// an index takes. A receipt that could not be stored would block the ledger for ever.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let end = (0..=LONGEST_TEXT.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    without_nul(&text[..end])
}

fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "").into() } else { text.into() }
}

/// A request's row in the log.
pub(super) struct LogRow<'r> {
    receipt: &'r Receipt,
    tariff: Option<String>,
    timings: String,
    attempts: String,
}

impl<'r> LogRow<'r> {
    /// The row of `receipt`.
    pub(super) fn of(receipt: &'r Receipt) -> Self {
        Self {
            receipt,
            tariff: receipt.tariff.as_ref().and_then(|tariff| serde_json::to_string(tariff).ok()),
            timings: serde_json::to_string(&receipt.timings).unwrap_or_else(|_| "{}".to_owned()),
            attempts: serde_json::to_string(&receipt.attempts).unwrap_or_else(|_| "[]".to_owned()),
        }
    }

    /// Whether tokens were served without a price.
    fn unpriced(&self) -> bool {
        self.receipt.tariff.as_ref().is_some_and(|tariff| tariff.prices.is_none()) && self.receipt.protocol.is_billed()
    }
}

/// A user's money, read under lock.
#[derive(Clone, Copy, Debug, FromRow)]
pub(super) struct UserRow {
    pub(super) id: i64,
    pub(super) quota_nanos: i64,
    pub(super) used_nanos: i64,
}

/// A key's totals, read under lock.
#[derive(Clone, Copy, Debug, FromRow)]
pub(super) struct KeyRow {
    pub(super) id: i64,
    pub(super) used_nanos: i64,
    pub(super) used_requests: i64,
    pub(super) day_start: i64,
    pub(super) day_tokens: i64,
    pub(super) last_used_at: Option<i64>,
}

/// A row of kind `usage` for the ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct LedgerRow {
    pub(super) id: i64,
    pub(super) user_id: i64,
    pub(super) ts: i64,
    pub(super) amount_nanos: i64,
    pub(super) balance_nanos: i64,
    pub(super) receipt_id: i64,
}

/// What one half hour of a channel gains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActivityRow {
    pub(super) slot: i64,
    pub(super) channel_id: i64,
    /// Answered, failed, throttled.
    pub(super) sums: [i64; 3],
}

/// The tables booking writes to.
#[async_trait]
pub(super) trait BookingTables: Send {
    /// Inserts what is not there yet. Returns the ids that were new.
    async fn insert_log_rows(&mut self, rows: &[LogRow<'_>]) -> Stored<Vec<i64>>;
    /// Reads users and keeps others from changing them until the commit.
    async fn lock_users(&mut self, ids: &[i64]) -> Stored<Vec<UserRow>>;
    /// The last rows of these users' ledgers, once the users are locked.
    async fn last_entries(&mut self, users: &[i64]) -> Stored<Vec<(i64, Option<i64>)>>;
    /// Writes what users have used.
    async fn set_used(&mut self, users: &[UserRow]) -> Stored<()>;
    /// Appends to the ledger.
    async fn insert_ledger_rows(&mut self, rows: &[LedgerRow]) -> Stored<()>;
    /// Reads keys and keeps others from changing them until the commit.
    async fn lock_keys(&mut self, ids: &[i64]) -> Stored<Vec<KeyRow>>;
    /// Writes what keys have used.
    async fn set_key_totals(&mut self, keys: &[KeyRow]) -> Stored<()>;
    /// Notes channels that were asked beside the one that a row names: channel, arrival, row.
    async fn add_asked(&mut self, rows: &[(i64, i64, i64)]) -> Stored<()>;
    /// Adds to what channels did.
    async fn add_activity(&mut self, slots: &[ActivityRow]) -> Stored<()>;
}

const INSERT_LOG: &str = "INSERT INTO request_log (id, request_id, client_request_id, ts, user_id, username, key_id, \
    key_name, key_prefix, protocol, model, upstream_model, channel_id, channel_name, status, ending, stream, converted, \
    upstream_protocol, ttft_ms, duration_ms, tokens_in, tokens_out, cache_read_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, \
    reasoning_tokens, estimated, unpriced, cost_nanos, error, tariff, timings, attempts, client_ip, details, cause, cause_about) ";
const ADD_ACTIVITY: &str = "INSERT INTO channel_activity (slot, channel_id, answered, failed, throttled) ";
const ON_ACTIVITY: &str = " ON CONFLICT (slot, channel_id) DO UPDATE SET answered = channel_activity.answered + excluded.answered, \
    failed = channel_activity.failed + excluded.failed, throttled = channel_activity.throttled + excluded.throttled";
const SET_KEYS: &str = "UPDATE api_keys SET used_nanos = v.column2, used_requests = v.column3, day_start = v.column4, \
    day_tokens = v.column5, last_used_at = v.column6 FROM (";

/// `rows` in pieces for one statement each: of the sizes above where statements are `kept`.
pub(super) fn pieces<T>(mut rows: &[T], kept: bool) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(if kept { size } else { rows.len().min(SIZES[0]) });
        rows = rest;
        Some(piece)
    })
}

/// One body for both databases; `$lock` is what makes a SELECT lock its rows, `$kept` whether statements stay
/// prepared: PostgreSQL would keep megabytes of plans on each of its connections.
macro_rules! booking_tables {
    ($database:ty, $connection:ty, $lock:literal, $kept:literal) => {
        #[async_trait]
        impl BookingTables for $connection {
            async fn insert_log_rows(&mut self, rows: &[LogRow<'_>]) -> Stored<Vec<i64>> {
                let mut new = Vec::with_capacity(rows.len());
                for chunk in pieces(rows, $kept) {
                    let mut insert = QueryBuilder::<$database>::new(INSERT_LOG);
                    insert.push_values(chunk, |mut row, log| {
                        let receipt = log.receipt;
                        let optional = |text: &Option<String>| text.as_deref().map(|text| clean(text).into_owned());
                        row.push_bind(receipt.id.0)
                            .push_bind(clean(&receipt.request_id).into_owned())
                            .push_bind(optional(&receipt.client_request_id))
                            .push_bind(receipt.ts)
                            .push_bind(receipt.user_id.0)
                            .push_bind(clean(&receipt.username).into_owned())
                            .push_bind(receipt.key_id.0)
                            .push_bind(clean(&receipt.key_name).into_owned())
                            .push_bind(clean(&receipt.key_prefix).into_owned())
                            .push_bind(receipt.protocol.as_str())
                            .push_bind(clean(&receipt.model).into_owned())
                            .push_bind(optional(&receipt.upstream_model))
                            .push_bind(receipt.channel_id.map(|channel| channel.0))
                            .push_bind(optional(&receipt.channel_name))
                            .push_bind(i64::from(receipt.status))
                            .push_bind(receipt.ending.as_str())
                            .push_bind(receipt.stream)
                            .push_bind(receipt.converted)
                            .push_bind(receipt.upstream_protocol.map_or("", |protocol| protocol.as_str()))
                            .push_bind(receipt.ttft_ms())
                            .push_bind(receipt.timings.ended_ms)
                            .push_bind(receipt.usage.input)
                            .push_bind(receipt.usage.output)
                            .push_bind(receipt.usage.cache_read)
                            .push_bind(receipt.usage.cache_creation_5m)
                            .push_bind(receipt.usage.cache_creation_1h)
                            .push_bind(receipt.usage.reasoning)
                            .push_bind(receipt.estimated)
                            .push_bind(log.unpriced())
                            .push_bind(receipt.cost.0)
                            .push_bind(optional(&receipt.error))
                            .push_bind(log.tariff.as_deref())
                            .push_bind(log.timings.as_str())
                            .push_bind(log.attempts.as_str())
                            .push_bind(optional(&receipt.client_ip))
                            .push_bind(receipt.details.as_deref().map(|text| without_nul(text).into_owned()))
                            .push_bind(receipt.cause.as_ref().map(|cause| clean(&cause.word).into_owned()))
                            .push_bind(receipt.cause.as_ref().and_then(|cause| optional(&cause.about)));
                    });
                    insert.push(" ON CONFLICT (id) DO NOTHING RETURNING id");
                    let ids: Vec<i64> = insert.build_query_scalar().persistent($kept).fetch_all(&mut *self).await?;
                    new.extend(ids);
                }
                Ok(new)
            }

            async fn lock_users(&mut self, ids: &[i64]) -> Stored<Vec<UserRow>> {
                let mut users = Vec::with_capacity(ids.len());
                for chunk in pieces(ids, $kept) {
                    let mut select =
                        QueryBuilder::<$database>::new("SELECT id, quota_nanos, used_nanos FROM users WHERE id IN (");
                    push_ids(&mut select.separated(", "), chunk);
                    select.push(concat!(") ORDER BY id", $lock));
                    let rows: Vec<UserRow> = select.build_query_as().persistent($kept).fetch_all(&mut *self).await?;
                    users.extend(rows);
                }
                Ok(users)
            }

            async fn last_entries(&mut self, users: &[i64]) -> Stored<Vec<(i64, Option<i64>)>> {
                let mut last = Vec::with_capacity(users.len());
                for chunk in pieces(users, $kept) {
                    let mut select = QueryBuilder::<$database>::new(
                        "SELECT id, (SELECT max(l.id) FROM ledger l WHERE l.user_id = users.id) FROM users WHERE id IN (",
                    );
                    push_ids(&mut select.separated(", "), chunk);
                    select.push(")");
                    let rows: Vec<(i64, Option<i64>)> = select.build_query_as().persistent($kept).fetch_all(&mut *self).await?;
                    last.extend(rows);
                }
                Ok(last)
            }

            async fn set_used(&mut self, users: &[UserRow]) -> Stored<()> {
                for chunk in pieces(users, $kept) {
                    let mut update = QueryBuilder::<$database>::new("UPDATE users SET used_nanos = v.column2 FROM (");
                    update.push_values(chunk, |mut row, user| {
                        row.push_bind(user.id).push_bind(user.used_nanos);
                    });
                    update.push(") AS v WHERE users.id = v.column1");
                    update.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn insert_ledger_rows(&mut self, rows: &[LedgerRow]) -> Stored<()> {
                for chunk in pieces(rows, $kept) {
                    let mut insert = QueryBuilder::<$database>::new(
                        "INSERT INTO ledger (id, user_id, ts, kind, amount_nanos, balance_nanos, receipt_id) ",
                    );
                    insert.push_values(chunk, |mut row, ledger| {
                        row.push_bind(ledger.id)
                            .push_bind(ledger.user_id)
                            .push_bind(ledger.ts)
                            .push("'usage'")
                            .push_bind(ledger.amount_nanos)
                            .push_bind(ledger.balance_nanos)
                            .push_bind(ledger.receipt_id);
                    });
                    insert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn lock_keys(&mut self, ids: &[i64]) -> Stored<Vec<KeyRow>> {
                let mut keys = Vec::with_capacity(ids.len());
                for chunk in pieces(ids, $kept) {
                    let mut select = QueryBuilder::<$database>::new(
                        "SELECT id, used_nanos, used_requests, day_start, day_tokens, last_used_at FROM api_keys WHERE id IN (",
                    );
                    push_ids(&mut select.separated(", "), chunk);
                    select.push(concat!(") ORDER BY id", $lock));
                    let rows: Vec<KeyRow> = select.build_query_as().persistent($kept).fetch_all(&mut *self).await?;
                    keys.extend(rows);
                }
                Ok(keys)
            }

            async fn set_key_totals(&mut self, keys: &[KeyRow]) -> Stored<()> {
                for chunk in pieces(keys, $kept) {
                    let mut update = QueryBuilder::<$database>::new(SET_KEYS);
                    update.push_values(chunk, |mut row, key| {
                        row.push_bind(key.id)
                            .push_bind(key.used_nanos)
                            .push_bind(key.used_requests)
                            .push_bind(key.day_start)
                            .push_bind(key.day_tokens)
                            .push_bind(key.last_used_at);
                    });
                    update.push(") AS v WHERE api_keys.id = v.column1");
                    update.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn add_asked(&mut self, rows: &[(i64, i64, i64)]) -> Stored<()> {
                for chunk in pieces(rows, $kept) {
                    let mut insert = QueryBuilder::<$database>::new("INSERT INTO request_log_asked (channel_id, ts, log_id) ");
                    insert.push_values(chunk, |mut row, (channel, ts, log)| {
                        row.push_bind(*channel).push_bind(*ts).push_bind(*log);
                    });
                    insert.push(" ON CONFLICT (channel_id, ts, log_id) DO NOTHING");
                    insert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok(())
            }

            async fn add_activity(&mut self, slots: &[ActivityRow]) -> Stored<()> {
                for chunk in pieces(slots, $kept) {
                    let mut upsert = QueryBuilder::<$database>::new(ADD_ACTIVITY);
                    upsert.push_values(chunk, |mut row, slot| {
                        row.push_bind(slot.slot).push_bind(slot.channel_id);
                        for sum in slot.sums {
                            row.push_bind(sum);
                        }
                    });
                    upsert.push(ON_ACTIVITY);
                    upsert.build().persistent($kept).execute(&mut *self).await?;
                }
                Ok::<(), StoreError>(())
            }
        }
    };
}

booking_tables!(sqlx::Sqlite, sqlx::SqliteConnection, "", true);
booking_tables!(sqlx::Postgres, sqlx::PgConnection, " FOR NO KEY UPDATE", false);

/// Binds ids to a list.
pub(super) fn push_ids<DB>(list: &mut sqlx::query_builder::Separated<'_, DB, &str>, ids: &[i64])
where
    DB: sqlx::Database,
    i64: for<'q> sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    for id in ids {
        list.push_bind(*id);
    }
}
