//! What old rows become: log rows go, ledger rows of usage are folded into one per user and day.
//!
//! Maintenance does it under its lease; an admin who deletes a part of the log needs none.

use super::db::{Db, Stored, read};
use super::leases::{Fence, fenced};

/// Log rows deleted by one statement.
const BATCH: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// Deletes up to 1,000 log rows that arrived before `before_ms`. Returns how many went; call again until 0.
///
/// # Errors
/// When the database does not answer.
pub async fn delete_log_rows(db: &Db, before_ms: i64, fence: Option<&Fence>) -> Stored<u64> {
    const SQL: &str = "DELETE FROM request_log WHERE id IN \
        (SELECT id FROM request_log WHERE ts < $1 ORDER BY ts, id LIMIT $2)";
    Ok(fenced!(db, fence, tx => sqlx::query(SQL).bind(before_ms).bind(BATCH).execute(&mut *tx).await?.rows_affected()))
}

/// Deletes the counts of requests without a row, and what is kept of channels asked, that came before `before_ms`: up to 1,000 of
/// each. Returns how many went; call again until 0.
///
/// # Errors
/// When the database does not answer.
pub async fn delete_counts(db: &Db, before_ms: i64, fence: Option<&Fence>) -> Stored<u64> {
    const COUNTS: &str = "DELETE FROM refusals WHERE id IN (SELECT id FROM refusals WHERE ts < $1 ORDER BY ts, id LIMIT $2)";
    const ASKED: &str = "DELETE FROM request_log_asked WHERE (channel_id, ts, log_id) IN \
        (SELECT channel_id, ts, log_id FROM request_log_asked WHERE ts < $1 ORDER BY ts LIMIT $2)";
    Ok(fenced!(db, fence, tx => {
        let counts = sqlx::query(COUNTS).bind(before_ms).bind(BATCH).execute(&mut *tx).await?.rows_affected();
        counts + sqlx::query(ASKED).bind(before_ms).bind(BATCH).execute(&mut *tx).await?.rows_affected()
    }))
}

/// Deletes up to 1,000 channel tests made before `before_ms`. Returns how many went; call again until 0.
///
/// # Errors
/// When the database does not answer.
pub async fn delete_channel_tests(db: &Db, before_ms: i64, fence: Option<&Fence>) -> Stored<u64> {
    const SQL: &str = "DELETE FROM channel_tests WHERE id IN \
        (SELECT id FROM channel_tests WHERE ts < $1 ORDER BY ts, id LIMIT $2)";
    Ok(fenced!(db, fence, tx => sqlx::query(SQL).bind(before_ms).bind(BATCH).execute(&mut *tx).await?.rows_affected()))
}

/// Deletes what channels did in half hours before `before_ms`.
///
/// # Errors
/// When the database does not answer.
pub async fn delete_channel_activity(db: &Db, before_ms: i64, fence: Option<&Fence>) -> Stored<u64> {
    const SQL: &str = "DELETE FROM channel_activity WHERE slot < $1";
    Ok(fenced!(db, fence, tx => sqlx::query(SQL).bind(before_ms).execute(&mut *tx).await?.rows_affected()))
}

/// Deletes the times that requests took in hours and days before `before_ms`.
///
/// # Errors
/// When the database does not answer.
pub async fn delete_latencies(db: &Db, before_ms: i64, fence: Option<&Fence>) -> Stored<()> {
    const HOURS: &str = "DELETE FROM latency_hourly WHERE hour < $1";
    // By user, as the rows are ordered; 0 = everybody. Users who are gone keep their row.
    const DAYS: &str = "DELETE FROM latency_daily WHERE user_id IN (SELECT id FROM users UNION ALL SELECT 0) AND day < $1";
    fenced!(db, fence, tx => {
        sqlx::query(HOURS).bind(before_ms).execute(&mut *tx).await?;
        sqlx::query(DAYS).bind(before_ms).execute(&mut *tx).await?;
    });
    Ok(())
}

/// Forgets by which names requests are found that are gone: of keys that are gone, too, and of models.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_names(db: &Db, fence: Option<&Fence>) -> Stored<()> {
    const KEYS: &str = "DELETE FROM log_key_names WHERE NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.id = log_key_names.key_id) \
        AND NOT EXISTS (SELECT 1 FROM request_log l WHERE l.key_id = log_key_names.key_id) \
        AND NOT EXISTS (SELECT 1 FROM refusals r WHERE r.key_id = log_key_names.key_id)";
    const MODELS: &str = "DELETE FROM log_models WHERE NOT EXISTS (SELECT 1 FROM request_log l WHERE l.model = log_models.model) \
        AND NOT EXISTS (SELECT 1 FROM refusals r WHERE r.model = log_models.model)";
    fenced!(db, fence, tx => {
        sqlx::query(KEYS).execute(&mut *tx).await?;
        sqlx::query(MODELS).execute(&mut *tx).await?;
    });
    Ok(())
}

/// How many log rows arrived before `before_ms`.
///
/// # Errors
/// When the database does not answer.
pub async fn count_log_rows(db: &Db, before_ms: i64) -> Stored<i64> {
    const SQL: &str = "SELECT CAST(count(*) AS BIGINT) FROM request_log WHERE ts < $1";
    Ok(read!(db, conn => sqlx::query_scalar(SQL).bind(before_ms).fetch_one(&mut *conn).await?))
}

/// Folds the usage rows of up to 100 pairs of user and day (UTC) before `before_ms`: of those that were booked one after the
/// other one row stays, with the sum of the amounts and the last balance. What was booked between them (a card, an adjustment,
/// a request of the day after) stays where it is, so that each balance still follows from the one before. Returns in how many
/// pairs something was folded; call again until 0.
///
/// # Errors
/// When the database does not answer.
pub async fn fold_ledger_days(db: &Db, before_ms: i64, fence: Option<&Fence>) -> Stored<usize> {
    // What comes more than a day later stands between no two rows that are meant.
    const FOLDABLE: &str = "SELECT DISTINCT user_id, ts - ts % 86400000 AS day FROM (SELECT user_id, ts, kind, \
        lag(ts) OVER entries AS ts_before, lag(kind) OVER entries AS kind_before FROM ledger WHERE ts < $1 + 86400000 \
        WINDOW entries AS (PARTITION BY user_id ORDER BY id)) AS entries WHERE kind = 'usage' AND kind_before = 'usage' \
        AND ts < $1 AND ts_before < $1 AND ts_before - ts_before % 86400000 = ts - ts % 86400000 ORDER BY 2, 1 LIMIT 100";
    let days: Vec<(i64, i64)> = read!(db, conn => sqlx::query_as(FOLDABLE).bind(before_ms).fetch_all(&mut *conn).await?);
    let mut folded = 0;
    for (user, day) in &days {
        folded += usize::from(fold_day(db, fence, *user, (*day, before_ms.min(day + DAY_MS))).await?);
    }
    Ok(folded)
}

/// The first and the last id of each run of two or more rows that are to be folded, out of an account's rows in order.
fn runs(rows: impl IntoIterator<Item = (i64, bool)>) -> Vec<(i64, i64)> {
    let mut runs = Vec::new();
    let mut open: Option<(i64, i64)> = None;
    for (id, meant) in rows {
        open = match (open, meant) {
            (Some((first, _)), true) => Some((first, id)),
            (None, true) => Some((id, id)),
            (run, false) => {
                runs.extend(run);
                None
            }
        };
    }
    runs.extend(open);
    runs.retain(|(first, last)| first < last);
    runs
}

/// What is deleted is what is summed, so that two who fold the same day lose nothing and count nothing twice. Answers whether
/// there was something to fold.
async fn fold_day(db: &Db, fence: Option<&Fence>, user: i64, (from, until): (i64, i64)) -> Stored<bool> {
    const ROWS: &str = "SELECT id, kind = 'usage' AND ts >= $2 AND ts < $3 FROM ledger WHERE user_id = $1 \
        AND id >= (SELECT min(id + 0) FROM ledger WHERE user_id = $1 AND ts >= $2 AND ts < $3) \
        AND id <= (SELECT max(id + 0) FROM ledger WHERE user_id = $1 AND ts >= $2 AND ts < $3) ORDER BY id";
    const TAKE: &str = "DELETE FROM ledger WHERE user_id = $1 AND kind = 'usage' AND id >= $2 AND id <= $3 \
        RETURNING id, ts, amount_nanos, balance_nanos";
    const PUT: &str = "INSERT INTO ledger (id, user_id, ts, kind, amount_nanos, balance_nanos, reason) \
        VALUES ($1, $2, $3, 'usage', $4, $5, 'folded')";
    Ok(fenced!(db, fence, tx => {
        let rows: Vec<(i64, bool)> = sqlx::query_as(ROWS).bind(user).bind(from).bind(until).fetch_all(&mut *tx).await?;
        let runs = runs(rows);
        for (first, last) in &runs {
            let taken: Vec<(i64, i64, i64, i64)> =
                sqlx::query_as(TAKE).bind(user).bind(first).bind(last).fetch_all(&mut *tx).await?;
            let amount = taken.iter().fold(0i64, |sum, row| sum.saturating_add(row.2));
            if let Some((id, ts, _, balance)) = taken.into_iter().max_by_key(|row| row.0) {
                sqlx::query(PUT).bind(id).bind(user).bind(ts).bind(amount).bind(balance).execute(&mut *tx).await?;
            }
        }
        !runs.is_empty()
    }))
}
