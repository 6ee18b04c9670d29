//! Sums over time: whole days and hours out of the roll-ups, the parts of hours at a range's ends out of the log and
//! what is counted beside it.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, read, snapshot};
use super::sums::added;

/// A quarter of an hour: what every time zone's days are made of.
pub(super) const SLOT_MS: i64 = 900_000;
pub(super) const HOUR_MS: i64 = 4 * SLOT_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// Most slots of a report: those of 400 days.
const MOST_SLOTS: i64 = 40_000;
/// Requests whose durations are looked at one by one; more make percentiles too dear.
pub const SAMPLED: i64 = 10_000;

/// What is summed.
#[derive(Clone, Debug)]
pub struct Span {
    /// First millisecond.
    pub from: i64,
    /// First millisecond after.
    pub to: i64,
    /// Now: what comes later has no rows yet, so the running hour is read from the roll-ups.
    pub now: i64,
    /// One user's requests alone.
    pub user_id: Option<i64>,
    /// One key's requests alone.
    pub key_id: Option<i64>,
    /// One channel's requests alone.
    pub channel_id: Option<i64>,
}

/// Sums of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Sums {
    /// Requests, refused ones included.
    pub requests: i64,
    /// Completed with a status below 400.
    pub successes: i64,
    /// Uncached input.
    pub tokens_in: i64,
    /// Output.
    pub tokens_out: i64,
    /// Input read from the cache.
    pub cache_read_tokens: i64,
    /// Input written to the cache.
    pub cache_creation_tokens: i64,
    /// Bills.
    pub cost_nanos: i64,
    /// Durations.
    pub duration_ms: i64,
}

/// Sums by a number: a quarter of an hour, a key, a channel, a user.
#[derive(Clone, Debug, FromRow)]
pub struct NumberedSums {
    /// The number.
    pub place: i64,
    /// The name of what it is the id of, if that still exists.
    pub name: Option<String>,
    /// The sums.
    #[sqlx(flatten)]
    pub sums: Sums,
}

/// Sums by model.
#[derive(Clone, Debug, FromRow)]
pub struct ModelSums {
    /// The model clients asked for.
    pub name: String,
    /// The sums.
    #[sqlx(flatten)]
    pub sums: Sums,
}

/// All sums of a span.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Everything.
    pub totals: Sums,
    /// By quarter of an hour, oldest first.
    pub slots: Vec<NumberedSums>,
    /// By model, dearest first.
    pub models: Vec<ModelSums>,
    /// By key, dearest first.
    pub keys: Vec<NumberedSums>,
    /// By channel, dearest first; 0 = none answered.
    pub channels: Vec<NumberedSums>,
}

/// By what a ranking is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RankBy {
    /// Money.
    #[default]
    Cost,
    /// Requests.
    Requests,
    /// All tokens.
    Tokens,
}

impl RankBy {
    /// What is summed for it.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Cost => &["s.cost_nanos"],
            Self::Requests => &["s.requests"],
            Self::Tokens => &["s.tokens_in", "s.tokens_out", "s.cache_read_tokens", "s.cache_creation_tokens"],
        }
    }
}

/// What a ranking ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RankOf {
    /// Users.
    #[default]
    Users,
    /// Keys.
    Keys,
    /// Models clients asked for.
    Models,
    /// Channels.
    Channels,
}

/// Sums of one that is ranked.
#[derive(Clone, Debug, FromRow)]
pub struct RankedSums {
    /// The id of a user, key or channel (0 = none answered); `None` for models.
    pub place: Option<i64>,
    /// The name of what it is the id of, if that still exists.
    pub name: Option<String>,
    /// The sums.
    #[sqlx(flatten)]
    pub sums: Sums,
}

/// The largest of a span.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    /// Of everything, also of what is not among the largest.
    pub totals: Sums,
    /// The largest first.
    pub rows: Vec<RankedSums>,
}

/// Whose id stands for everybody.
pub(super) const EVERYBODY: i64 = 0;

const OF_KEY: &str = "(SELECT k.name FROM api_keys k WHERE k.id = s.key_id)";
const OF_CHANNEL: &str = "(SELECT c.name FROM channels c WHERE c.id = s.channel_id)";
const OF_USER: &str = "(SELECT u.username FROM users u WHERE u.id = s.user_id AND u.deleted_at IS NULL)";

/// All sums of a span, as of one moment; at most `most` models, keys and channels.
///
/// # Errors
/// When the database fails.
pub async fn report(db: &Db, span: &Span, most: i64) -> Stored<Report> {
    let dearest = format!("cost_nanos DESC, requests DESC LIMIT {most}");
    let all = Source::of_totals(db, span);
    let (totals, slots) = (all.totals(), all.grouped("s.start", "CAST(NULL AS TEXT)", &format!("1 LIMIT {MOST_SLOTS}")));
    let models = Source::of(db, span, "model").models(&dearest);
    let keys = Source::of(db, span, "key").grouped("s.key_id", OF_KEY, &dearest);
    let channels = Source::of(db, span, "channel").grouped("s.channel_id", OF_CHANNEL, &dearest);
    Ok(snapshot!(db, tx => Report {
        totals: sqlx::query_as(AssertSqlSafe(totals)).fetch_one(&mut *tx).await?,
        slots: sqlx::query_as(AssertSqlSafe(slots)).fetch_all(&mut *tx).await?,
        models: sqlx::query_as(AssertSqlSafe(models)).fetch_all(&mut *tx).await?,
        keys: sqlx::query_as(AssertSqlSafe(keys)).fetch_all(&mut *tx).await?,
        channels: sqlx::query_as(AssertSqlSafe(channels)).fetch_all(&mut *tx).await?,
    }))
}

/// The sums of a span alone.
///
/// # Errors
/// When the database fails.
pub async fn totals(db: &Db, span: &Span) -> Stored<Sums> {
    let totals = Source::of_totals(db, span).totals();
    Ok(read!(db, conn => sqlx::query_as(AssertSqlSafe(totals)).fetch_one(&mut *conn).await?))
}

/// The largest users, keys, models or channels of a span.
///
/// # Errors
/// When the database fails.
pub async fn ranking(db: &Db, span: &Span, of: RankOf, by: RankBy, most: i64) -> Stored<Ranking> {
    let order = format!("{} DESC", db.wide_sum(by.columns()));
    let largest = format!("{order}, 1 LIMIT {most}");
    let totals = Source::of_totals(db, span).totals();
    let rows = match of {
        RankOf::Users => Source::of(db, span, "user").grouped("s.user_id", OF_USER, &largest),
        RankOf::Keys => Source::of(db, span, "key").grouped("s.key_id", OF_KEY, &largest),
        RankOf::Channels => Source::of(db, span, "channel").grouped("s.channel_id", OF_CHANNEL, &largest),
        RankOf::Models => {
            let source = Source::of(db, span, "model");
            let columns = format!("CAST(NULL AS BIGINT) AS place, s.model AS name, {}", source.sums);
            source.select(&columns, &format!(" GROUP BY s.model ORDER BY {order}, 2 LIMIT {most}"))
        }
    };
    Ok(snapshot!(db, tx => Ranking {
        totals: sqlx::query_as(AssertSqlSafe(totals)).fetch_one(&mut *tx).await?,
        rows: sqlx::query_as(AssertSqlSafe(rows)).fetch_all(&mut *tx).await?,
    }))
}

/// Durations and first outputs (streams alone) of completed requests, at most one more than [`SAMPLED`].
///
/// # Errors
/// When the database fails.
pub async fn durations(db: &Db, span: &Span) -> Stored<Vec<(i64, Option<i64>)>> {
    let sql = format!(
        "SELECT duration_ms, ttft_ms FROM request_log WHERE ts >= {} AND ts < {}{} AND ending = 'completed' LIMIT {}",
        span.from,
        span.to,
        only(span),
        SAMPLED + 1
    );
    Ok(read!(db, conn => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?))
}

/// Where the sums of a span come from. All that is put into the text are numbers and our own words.
struct Source {
    rows: String,
    /// The columns of [`Sums`].
    sums: String,
}

/// What is summed, in every table of sums.
const SUMMED: &str =
    "requests, successes, tokens_in, tokens_out, cache_read_tokens, cache_creation_tokens, cost_nanos, duration_ms";

impl Source {
    /// Sums by one `part` (`user`, `key`, `channel` or `model`), and by nothing else.
    fn of(db: &Db, span: &Span, part: &str) -> Self {
        let (first, last) = whole(span, HOUR_MS);
        let only = only(span);
        let hours = |from: i64, to: i64| {
            let hours = "SELECT hour AS start, user_id, key_id, channel_id, model";
            format!("{hours}, {SUMMED} FROM usage_hourly WHERE hour >= {from} AND hour < {to}{only}")
        };
        let (first_day, last_day) = (ceiling(first, DAY_MS), floor(last, DAY_MS));
        let kept_by_day = span.key_id.is_none() && span.channel_id.is_none() && (part != "user" || span.user_id.is_none());
        if first_day >= last_day || !kept_by_day {
            return Self::with_the_rest(db, span, HOUR_MS, vec![hours(first, last)]);
        }
        let place = |wanted: &str| if part == wanted { "place" } else { "0" };
        let days = format!(
            "SELECT day AS start, {} AS user_id, {} AS key_id, {} AS channel_id, model, {SUMMED} FROM usage_daily \
             WHERE part = '{part}' AND user_id = {} AND day >= {first_day} AND day < {last_day}",
            place("user"),
            place("key"),
            place("channel"),
            whose(span)
        );
        Self::with_the_rest(db, span, HOUR_MS, vec![days, hours(first, first_day), hours(last_day, last)])
    }

    /// Sums by time alone.
    fn of_totals(db: &Db, span: &Span) -> Self {
        if span.key_id.is_some() || span.channel_id.is_some() {
            return Self::of(db, span, "");
        }
        let (first, last) = whole(span, SLOT_MS);
        let slots = format!(
            "SELECT slot AS start, 0 AS user_id, 0 AS key_id, 0 AS channel_id, '' AS model, {SUMMED} FROM usage_totals \
             WHERE user_id = {} AND slot >= {first} AND slot < {last}",
            whose(span)
        );
        Self::with_the_rest(db, span, SLOT_MS, vec![slots])
    }

    /// `arms` for whole steps, and what the log has of a span's first and last step where they are not whole.
    fn with_the_rest(db: &Db, span: &Span, step: i64, mut arms: Vec<String>) -> Self {
        const LOG: &str = "user_id, key_id, coalesce(channel_id, 0) AS channel_id, model, CAST(1 AS BIGINT) AS requests, \
            CAST(CASE WHEN ending = 'completed' AND status < 400 THEN 1 ELSE 0 END AS BIGINT) AS successes, tokens_in, tokens_out, \
            cache_read_tokens";
        const REST_OF_LOG: &str = "AS cache_creation_tokens, cost_nanos, duration_ms FROM request_log";
        const COUNTED: &str = "user_id, key_id, CAST(0 AS BIGINT) AS channel_id, model, requests, CAST(0 AS BIGINT) AS successes, \
            CAST(0 AS BIGINT) AS tokens_in, CAST(0 AS BIGINT) AS tokens_out, CAST(0 AS BIGINT) AS cache_read_tokens, \
            CAST(0 AS BIGINT) AS cache_creation_tokens, CAST(0 AS BIGINT) AS cost_nanos, duration_ms FROM refusals";
        let log = format!("{LOG}, {} {REST_OF_LOG}", added("cache_creation_5m_tokens", "cache_creation_1h_tokens"));
        let only = only(span);
        for (from, to) in rest(span, step) {
            let mut arm = |columns: &str| {
                arms.push(format!("SELECT ts - ts % {SLOT_MS} AS start, {columns} WHERE ts >= {from} AND ts < {to}{only}"));
            };
            arm(&log);
            // What is counted without a row came to no channel.
            if span.channel_id.is_none() {
                arm(COUNTED);
            }
        }
        let summed = SUMMED.split(", ").map(|column| format!("{} AS {column}", db.sum(&format!("s.{column}"))));
        Self { rows: arms.join(" UNION ALL "), sums: summed.collect::<Vec<_>>().join(", ") }
    }

    fn select(&self, columns: &str, rest: &str) -> String {
        format!("SELECT {columns} FROM ({}) AS s{rest}", self.rows)
    }

    fn totals(&self) -> String {
        self.select(&self.sums, "")
    }

    fn grouped(&self, place: &str, name: &str, order: &str) -> String {
        self.select(&format!("{place} AS place, {name} AS name, {}", self.sums), &format!(" GROUP BY {place} ORDER BY {order}"))
    }

    fn models(&self, order: &str) -> String {
        self.select(&format!("s.model AS name, {}", self.sums), &format!(" GROUP BY s.model ORDER BY {order}"))
    }
}

/// The step of time that a moment is in.
pub(super) fn floor(ms: i64, step: i64) -> i64 {
    ms - ms.rem_euclid(step)
}

/// The first step of time at or after a moment.
pub(super) fn ceiling(ms: i64, step: i64) -> i64 {
    floor(ms + step - 1, step)
}

/// The whole steps inside a span: first, and first after. A span that reaches to now includes the running step.
pub(super) fn whole(span: &Span, step: i64) -> (i64, i64) {
    let last = if span.to >= span.now { ceiling(span.to, step) } else { floor(span.to, step) };
    (ceiling(span.from, step), last)
}

/// What of a span is outside of its whole steps: from, and first after, of at most two parts.
pub(super) fn rest(span: &Span, step: i64) -> Vec<(i64, i64)> {
    let (first, last) = whole(span, step);
    let parts = [(span.from, first.min(span.to)), (last.max(first), span.to)];
    parts.into_iter().filter(|(from, to)| from < to).collect()
}

/// Whose sums are read where everybody's are kept beside those of each user.
pub(super) fn whose(span: &Span) -> i64 {
    span.user_id.unwrap_or(EVERYBODY)
}

pub(super) fn only(span: &Span) -> String {
    let user = span.user_id.map(|id| format!(" AND user_id = {id}")).unwrap_or_default();
    let key = span.key_id.map(|id| format!(" AND key_id = {id}")).unwrap_or_default();
    let channel = span.channel_id.map(|id| format!(" AND channel_id = {id}")).unwrap_or_default();
    user + &key + &channel
}
