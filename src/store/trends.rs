//! How those of a ranking went over time: a sum for each of them and each step, out of the roll-ups alone.

use sqlx::{AssertSqlSafe, FromRow};

use super::conditions::{Conditions, bind_all, listed};
use super::db::{Db, Stored, read};
use super::stats::{DAY_MS, EVERYBODY, HOUR_MS, RankBy, RankOf, Span, ceiling, floor, whole};

/// The longest span that is told hour by hour; longer ones are told by days (UTC), as the roll-ups have them.
const HOURLY_UP_TO: i64 = 2 * DAY_MS;
/// About the most steps of a longer one: a line as small as a word shows no more.
const MOST_DAYS: i64 = 60;

/// Who is asked for: the ids of users, keys or channels (0 = none answered), or the names of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranks {
    /// Ids.
    Ids(Vec<i64>),
    /// Names.
    Names(Vec<String>),
}

/// What one of them comes to in one step.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StepSum {
    /// The id; 0 for models.
    pub place: i64,
    /// The model; empty for everything else.
    pub model: String,
    /// Where the step starts, epoch milliseconds.
    pub at: i64,
    /// The sum.
    pub amount: i64,
}

/// The length of a span's steps in milliseconds: an hour, a day, or several where it has very many.
pub fn step(span: &Span) -> i64 {
    let length = span.to - span.from;
    if length <= HOURLY_UP_TO { HOUR_MS } else { ceiling(length, MOST_DAYS * DAY_MS) / MOST_DAYS }
}

/// The sums of the whole hours inside a span; steps without a request are left out.
///
/// # Errors
/// When the database fails.
pub async fn trends(db: &Db, span: &Span, of: RankOf, by: RankBy, ranks: &Ranks) -> Stored<Vec<StepSum>> {
    let mut binds = Conditions::default();
    let among = match ranks {
        Ranks::Ids(ids) if !ids.is_empty() => listed(ids),
        Ranks::Names(names) if !names.is_empty() => {
            names.iter().map(|name| binds.push(name.clone())).collect::<Vec<_>>().join(", ")
        }
        Ranks::Ids(_) | Ranks::Names(_) => return Ok(Vec::new()),
    };
    let sql = format!(
        "SELECT s.place, s.model, s.at, {} AS amount FROM ({}) AS s GROUP BY s.place, s.model, s.at",
        db.sum_of(by.columns()),
        arms(span, of, &among).join(" UNION ALL ")
    );
    Ok(read!(db, conn => bind_all!(sqlx::query_as(AssertSqlSafe(sql)), &binds.binds).fetch_all(&mut *conn).await?))
}

/// Whole days out of the sums by day, found one by one since they are kept by day and then by whom; hours out of those by hour.
fn arms(span: &Span, of: RankOf, among: &str) -> Vec<String> {
    const SUMMED: &str = "requests, tokens_in, tokens_out, cache_read_tokens, cache_creation_tokens, cost_nanos";
    let (part, column, place, model) = match of {
        RankOf::Users => ("user", "user_id", "user_id", "''"),
        RankOf::Keys => ("key", "key_id", "key_id", "''"),
        RankOf::Channels => ("channel", "channel_id", "channel_id", "''"),
        RankOf::Models => ("model", "model", "CAST(0 AS BIGINT)", "model"),
    };
    let step = step(span);
    let hours = |from: i64, to: i64| {
        format!(
            "SELECT {place} AS place, {model} AS model, hour - hour % {step} AS at, {SUMMED} FROM usage_hourly \
             WHERE hour >= {from} AND hour < {to} AND {column} IN ({among})"
        )
    };
    let (first, last) = whole(span, HOUR_MS);
    let (first_day, last_day) = (ceiling(first, DAY_MS), floor(last, DAY_MS));
    if step == HOUR_MS || first_day >= last_day {
        return vec![hours(first, last)];
    }
    let days: Vec<i64> = (0..(last_day - first_day) / DAY_MS).map(|day| first_day + day * DAY_MS).collect();
    let (days, kept) = (listed(&days), if of == RankOf::Models { "place = 0 AND model" } else { "place" });
    let by_day = format!(
        "SELECT place, model, day - day % {step} AS at, {SUMMED} FROM usage_daily \
         WHERE part = '{part}' AND user_id = {EVERYBODY} AND day IN ({days}) AND {kept} IN ({among})"
    );
    vec![by_day, hours(first, first_day), hours(last_day, last)]
}
