//! Requests that cost nothing and have no row in the log, as they are counted beside it.

use sqlx::{AssertSqlSafe, FromRow};

use super::conditions::bind_all;
use super::db::{Db, Stored, read};
use super::log_pages::either;
use super::log_search::Wanted;
use super::logs::{LogFilter, conditions};

/// Reasons that are told at most.
const MOST_REASONS: i64 = 100;

/// Requests without a row that ended alike.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RefusedSums {
    /// How they ended.
    pub ending: String,
    /// The status clients got.
    pub status: i64,
    /// Why, as a word.
    pub cause: Option<String>,
    /// How many.
    pub requests: i64,
}

/// The requests without a row that pass a list's filter and match its query, by reason, the most frequent first. No channel was
/// asked of any of them.
///
/// # Errors
/// When the database fails.
pub async fn sums(db: &Db, filter: &LogFilter, query: Option<&str>) -> Stored<Vec<RefusedSums>> {
    if filter.channel_id.is_some() {
        return Ok(Vec::new());
    }
    let mut all = conditions(filter);
    if let Some(query) = query {
        match Wanted::read(db, query, filter.user_id, &mut all).await? {
            Wanted::Nothing | Wanted::Request(_) => return Ok(Vec::new()),
            Wanted::Named { keys, models } => all.and(&either(keys.as_ref(), models.as_ref())),
        }
    }
    let sql = format!(
        "SELECT ending, status, cause, CAST(sum(requests) AS BIGINT) AS requests FROM refusals{} \
         GROUP BY ending, status, cause ORDER BY 4 DESC, 2, 3 LIMIT {MOST_REASONS}",
        all.sql()
    );
    Ok(read!(db, conn => {
        bind_all!(sqlx::query_as(AssertSqlSafe(sql)), &all.binds).persistent(false).fetch_all(&mut *conn).await?
    }))
}
