//! Names of models that clients asked for and that nobody serves: counted by booking, kept few.
//!
//! Clients make these names up. Each account may hold a few dozen of them: what it asks for most, and what it asked for last.
//! So a flood of invented names pushes out names of the same account alone, and of those not the ones that are asked for again
//! and again.

use sqlx::FromRow;

use super::db::{Db, Stored, on_both, read, write};
use super::leases::{Fence, fenced};
use super::locks::{Lock, Locks};
use super::trail::{Leave, Trail};

/// Names of an account that are kept because they are asked for most, and because they came last.
const MOST_ASKED: i64 = 40;
const NEWEST: i64 = 10;
/// The same of all accounts together; what more accounts ask for goes before what one asks for often.
const MOST_ASKED_OF_ALL: i64 = 4_000;
const NEWEST_OF_ALL: i64 = 1_000;
/// Rows beyond that before it is looked which may stay.
const SLACK: i64 = 50;
const SLACK_OF_ALL: i64 = 1_000;
/// Most dismissed names; the oldest go first.
const MOST_DISMISSED: i64 = 1_000;

/// A name that was asked for, by clients of one family.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct MissingModel {
    /// `claude` or `openai`: whose protocol its clients speak.
    pub provider: String,
    /// The name.
    pub model: String,
    /// How often.
    pub requests: i64,
    /// By how many keys.
    pub keys: i64,
    /// Epoch milliseconds of the first request.
    pub first_at: i64,
    /// Epoch milliseconds of the last.
    pub last_at: i64,
}

/// All names asked for since `since_ms` and not dismissed since then, those of most keys first.
///
/// # Errors
/// When the database does not answer.
pub async fn all(db: &Db, since_ms: i64) -> Stored<Vec<MissingModel>> {
    let sql = format!(
        "SELECT provider, model, {} AS requests, CAST(count(*) AS BIGINT) AS keys, CAST(min(first_at) AS BIGINT) AS first_at, \
         CAST(max(last_at) AS BIGINT) AS last_at FROM missing_models m WHERE NOT EXISTS (SELECT 1 FROM dismissed_models d \
         WHERE d.provider = m.provider AND d.model = m.model AND d.ts >= $1) \
         GROUP BY provider, model HAVING max(last_at) >= $1 ORDER BY 4 DESC, 3 DESC, 6 DESC, 1, 2",
        db.sum("requests")
    );
    Ok(read!(db, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(since_ms).fetch_all(&mut *conn).await?))
}

/// Dismisses a name as of `ts` (epoch milliseconds) and forgets its counts. `false` where nobody has asked for it.
///
/// # Errors
/// When the database does not answer.
pub async fn dismiss(db: &Db, provider: &str, model: &str, ts: i64, trail: &Trail) -> Stored<bool> {
    const FORGET: &str = "DELETE FROM missing_models WHERE provider = $1 AND model = $2";
    const NOTE: &str = "INSERT INTO dismissed_models (provider, model, ts) VALUES ($1, $2, $3) \
        ON CONFLICT (provider, model) DO UPDATE SET ts = excluded.ts";
    const ENOUGH: &str = "DELETE FROM dismissed_models WHERE (provider, model) IN \
        (SELECT provider, model FROM dismissed_models ORDER BY ts DESC, provider, model LIMIT 1000000 OFFSET $1)";
    write!(db, tx => {
        tx.lock(Lock::MissingModels).await?;
        let there = sqlx::query(FORGET).bind(provider).bind(model).execute(&mut *tx).await?.rows_affected() > 0;
        if there {
            sqlx::query(NOTE).bind(provider).bind(model).bind(ts).execute(&mut *tx).await?;
            sqlx::query(ENOUGH).bind(MOST_DISMISSED).execute(&mut *tx).await?;
            tx.leave(trail).await?;
        }
        Ok(there)
    })
}

/// Deletes names last asked for, and dismissals made, before `before_ms`.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(db: &Db, before_ms: i64, fence: Option<&Fence>) -> Stored<()> {
    fenced!(db, fence, tx => {
        tx.lock(Lock::MissingModels).await?;
        sqlx::query("DELETE FROM missing_models WHERE last_at < $1").bind(before_ms).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM dismissed_models WHERE ts < $1").bind(before_ms).execute(&mut *tx).await?;
    });
    Ok(())
}

/// Keeps the table small, inside the transaction that adds to it, and under [`Lock::MissingModels`].
pub(super) trait KeepFew {
    /// Lets rows go where an account, or all together, have too many.
    async fn keep_few(&mut self) -> Stored<()>;
}

on_both!(KeepFew {
    async fn keep_few(&mut self) -> Stored<()> {
        const TOO_MANY: &str = "SELECT CAST(count(*) AS BIGINT) FROM missing_models GROUP BY user_id HAVING count(*) > $1 LIMIT 1";
        const ALL: &str = "SELECT CAST(count(*) AS BIGINT) FROM missing_models";
        const LET_GO: &str = "DELETE FROM missing_models WHERE (provider, model, key_id) IN \
            (SELECT provider, model, key_id FROM (SELECT provider, model, key_id, \
            row_number() OVER (PARTITION BY user_id ORDER BY requests DESC, last_at DESC, provider, model, key_id) AS most, \
            row_number() OVER (PARTITION BY user_id ORDER BY last_at DESC, requests DESC, provider, model, key_id) AS newest \
            FROM missing_models) AS ranked WHERE most > $1 AND newest > $2)";
        const LET_GO_OF_ALL: &str = "DELETE FROM missing_models WHERE (provider, model, key_id) IN \
            (SELECT provider, model, key_id FROM (SELECT m.provider, m.model, m.key_id, \
            row_number() OVER (ORDER BY n.users DESC, m.requests DESC, m.last_at DESC, m.provider, m.model, m.key_id) AS most, \
            row_number() OVER (ORDER BY m.last_at DESC, m.provider, m.model, m.key_id) AS newest FROM missing_models m \
            JOIN (SELECT provider, model, count(DISTINCT user_id) AS users FROM missing_models GROUP BY provider, model) AS n \
            ON n.provider = m.provider AND n.model = m.model) AS ranked WHERE most > $1 AND newest > $2)";
        let crowded: Option<i64> =
            sqlx::query_scalar(TOO_MANY).bind(MOST_ASKED + NEWEST + SLACK).fetch_optional(&mut *self).await?;
        if crowded.is_some() {
            sqlx::query(LET_GO).bind(MOST_ASKED).bind(NEWEST).execute(&mut *self).await?;
        }
        let all: i64 = sqlx::query_scalar(ALL).fetch_one(&mut *self).await?;
        if all > MOST_ASKED_OF_ALL + NEWEST_OF_ALL + SLACK_OF_ALL {
            sqlx::query(LET_GO_OF_ALL).bind(MOST_ASKED_OF_ALL).bind(NEWEST_OF_ALL).execute(&mut *self).await?;
        }
        Ok(())
    }
});
