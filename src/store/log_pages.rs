//! One page of the request log out of millions of rows, and how many rows match.
//!
//! The log's indexes hold what lists filter by, so matching rows are found and counted without being read; only those of the
//! page are. SQLite, which does not know how rows are spread, is told which index that is; PostgreSQL finds it by itself. A
//! search comes as a handful of keys and models ([`super::log_search`]), each of which is a run of an index in order of arrival.

use sqlx::AssertSqlSafe;

use super::conditions::{Bind, Conditions, bind_all};
use super::db::{Db, Stored, read};
use super::log_search::{Part, Wanted};
use super::logs::{COLUMNS, Cursor, LogFilter, LogRow, conditions};
use super::paging::{Sorts, Window};

/// What the log may be sorted by.
pub const SORTS: Sorts = &[
    ("ts", ARRIVAL),
    ("durationMs", "duration_ms"),
    ("ttftMs", "ttft_ms"),
    ("costUsd", "cost_nanos"),
    ("tokensIn", "tokens_in"),
    ("tokensOut", "tokens_out"),
    ("status", "status"),
];
/// Rows that are counted exactly; beyond, the count stops.
pub const COUNTED: i64 = 100_000;
/// Rows that may match where they are sorted by what the index of their arrival holds.
const MOST_HELD: i64 = COUNTED;
/// Rows that may match where each has to be read to be sorted.
const MOST_READ: i64 = 10_000;
/// The column by which rows are in order in every index.
pub const ARRIVAL: &str = "ts";
const BY_TIME: &str = "request_log_by_time";
const BY_CHANNEL: &str = "request_log_by_channel";
/// The primary key, which SQLite is not told.
const BY_ID: &str = "";
/// What [`BY_TIME`] holds to sort by.
const HELD: [&str; 5] = ["duration_ms", "ttft_ms", "cost_nanos", "tokens_in", "tokens_out"];

/// The rows that a list is about.
#[derive(Debug)]
pub struct LogList<'a> {
    db: &'a Db,
    /// Together all rows that match, none of them twice.
    arms: Vec<Arm>,
    /// The values of all conditions.
    binds: Vec<Bind>,
    /// Whether [`BY_TIME`] holds all that is filtered by.
    of_a_range: bool,
    /// A condition for all rows that match, where there are too many arms' runs to go through each.
    scan: Option<String>,
}

/// Rows of one index. Texts are `WHERE` clauses.
#[derive(Debug)]
struct Arm {
    index: &'static str,
    all: String,
    /// Parts of the index that each are in order of arrival, together all rows; none when they would be too many.
    runs: Vec<String>,
}

impl<'a> LogList<'a> {
    /// The rows that pass the filter and, with a query, match it: by a part of the name of a key or its owner, of the key's
    /// visible start or of the model, by the start of their id, or by the client's own id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(db: &'a Db, filter: &LogFilter, query: Option<&str>) -> Stored<Self> {
        let index = index_of(filter);
        let of_a_range = query.is_none() && index == BY_TIME && filter.is_range();
        let (arms, scan, binds) = match (query, filter.channel_id) {
            (None, Some(channel)) if index == BY_CHANNEL => of_channel(filter, channel),
            (None, _) => {
                let all = conditions(filter);
                (vec![Arm::in_order(index, &all, None)], None, all.binds)
            }
            // Rows of which a channel was asked without being named by them are in no order.
            (Some(query), _) => searched(db, filter, if index == BY_CHANNEL { BY_TIME } else { index }, query).await?,
        };
        Ok(Self { db, arms, binds, of_a_range, scan })
    }

    /// How many rows match: exactly up to [`COUNTED`], one more when there are more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self) -> Stored<i64> {
        if self.arms.is_empty() {
            return Ok(0);
        }
        let rows: Vec<String> =
            self.arms.iter().map(|arm| format!("SELECT 1 FROM {}{}", self.table(arm.index), arm.all)).collect();
        let (rows, most) = (rows.join(" UNION ALL "), COUNTED + 1);
        let sql = format!("SELECT CAST(count(*) AS BIGINT) FROM ({rows} LIMIT {most}) AS matching");
        let count = read!(self.db, conn => {
            bind_all!(sqlx::query_scalar(AssertSqlSafe(sql)), &self.binds).persistent(false).fetch_one(&mut *conn).await?
        });
        Ok(count)
    }

    /// How many rows may match for the list to be sorted by a column of [`SORTS`]; `None` = any number.
    pub fn most_sorted(&self, column: &str) -> Option<i64> {
        match column {
            ARRIVAL => None,
            _ if self.of_a_range && HELD.contains(&column) => Some(MOST_HELD),
            _ => Some(MOST_READ),
        }
    }

    /// The rows of one page out of `total`. `cursor` replaces the window's offset and order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows(&self, window: &Window, cursor: Option<Cursor>, total: i64) -> Stored<Vec<LogRow>> {
        if self.arms.is_empty() {
            return Ok(Vec::new());
        }
        let newest = Window { offset: 0, column: ARRIVAL, descending: true, ..window.clone() };
        let window = if cursor.is_some() { &newest } else { window };
        let ids = self.ids(window, cursor, total);
        let sql = format!("SELECT {COLUMNS} FROM request_log WHERE id IN ({ids}){}", order(window.column, window));
        let rows = read!(self.db, conn => {
            bind_all!(sqlx::query_as(AssertSqlSafe(sql)), &self.binds).persistent(false).fetch_all(&mut *conn).await?
        });
        Ok(rows)
    }

    /// Selects the ids of a page's rows.
    fn ids(&self, window: &Window, cursor: Option<Cursor>, total: i64) -> String {
        let (column, limit, offset) = (window.column, window.limit, window.offset);
        let cut = format!(" LIMIT {limit} OFFSET {offset}");
        let after = cursor.map(|at| format!(" AND ts <= {0} AND (ts < {0} OR id < {1})", at.ts, at.id)).unwrap_or_default();
        if let Some(scan) = self.scan.as_ref().filter(|_| column == ARRIVAL && total > MOST_READ) {
            return format!("SELECT id FROM {}{scan}{after}{}{cut}", self.table(BY_TIME), order(ARRIVAL, window));
        }
        if column == ARRIVAL && self.arms.iter().all(|arm| !arm.runs.is_empty()) {
            let (order, most) = (order(ARRIVAL, window), limit.saturating_add(offset));
            let run = |arm: &Arm, run: &String| {
                format!("SELECT * FROM (SELECT id, ts FROM {}{run}{after}{order} LIMIT {most}) AS run", self.table(arm.index))
            };
            let runs: Vec<String> = self.arms.iter().flat_map(|arm| arm.runs.iter().map(move |each| run(arm, each))).collect();
            return format!("SELECT id FROM ({}) AS runs{order}{cut}", runs.join(" UNION ALL "));
        }
        let rows = |arm: &Arm| format!("SELECT id, {column} AS sorted FROM {}{}{after}", self.table(arm.index), arm.all);
        let rows = self.arms.iter().map(rows).collect::<Vec<_>>().join(" UNION ALL ");
        format!("WITH found AS MATERIALIZED ({rows}) SELECT id FROM found{}{cut}", order("sorted", window))
    }

    /// The table, to be read by way of an index.
    fn table(&self, index: &str) -> String {
        if index != BY_ID && self.db.is_embedded() { format!("request_log INDEXED BY {index}") } else { "request_log".to_owned() }
    }
}

impl Arm {
    /// Rows that are in order of arrival in `index`.
    fn in_order(index: &'static str, conditions: &Conditions, and: Option<&str>) -> Self {
        let all = with(conditions, and);
        Self { index, runs: vec![all.clone()], all }
    }

    /// Rows of a part of a search.
    fn of(index: &'static str, conditions: &Conditions, part: Part) -> Self {
        let runs = part.each.iter().map(|each| with(conditions, Some(each))).collect();
        Self { index, all: with(conditions, Some(&part.all)), runs }
    }
}

/// Where rows are found, a condition for all of them where that is better than going through each part, and all values.
type Plan = (Vec<Arm>, Option<String>, Vec<Bind>);

/// Rows that a channel answered, or was asked last for, and rows of which it was asked before another was.
fn of_channel(filter: &LogFilter, channel: i64) -> Plan {
    let all = conditions(&LogFilter { channel_id: None, ..filter.clone() });
    let named = format!("channel_id = {channel}");
    let asked = format!(
        "id IN (SELECT log_id FROM request_log_asked WHERE channel_id = {channel}) AND (channel_id IS NULL OR channel_id <> {channel})"
    );
    (vec![Arm::in_order(BY_CHANNEL, &all, Some(&named)), Arm::in_order(BY_ID, &all, Some(&asked))], None, all.binds)
}

/// Rows that match a query: by names or the start of their id, or by the whole of the client's own id.
async fn searched(db: &Db, filter: &LogFilter, index: &'static str, query: &str) -> Stored<Plan> {
    let mut all = conditions(filter);
    let (mut scan, mut others) = (None, None);
    let wanted = Wanted::read(db, query, filter.user_id, &mut all).await?;
    let labelled = format!("client_request_id = {}", all.push(query.to_owned()));
    let mut arms: Vec<Arm> = match wanted {
        Wanted::Nothing => Vec::new(),
        Wanted::Request(start) => {
            let arm = Arm { runs: Vec::new(), ..Arm::in_order("request_log_by_request_id", &all, Some(&start)) };
            others = Some(start);
            vec![arm]
        }
        Wanted::Named { keys, models } => {
            let either = either(keys.as_ref(), models.as_ref());
            let arms = if index == BY_TIME {
                let many = [&keys, &models].into_iter().flatten().any(|part| part.each.is_empty());
                scan = many.then(|| with(&all, Some(&format!("({either} OR {labelled})"))));
                let models = models.map(|models| Arm::of("request_log_by_model", &all, models.without(keys.as_ref())));
                keys.map(|keys| Arm::of("request_log_by_key", &all, keys)).into_iter().chain(models).collect()
            } else {
                vec![Arm::in_order(index, &all, Some(&either))]
            };
            others = Some(either);
            arms
        }
    };
    let labelled = others.map_or(labelled.clone(), |others| format!("{labelled} AND NOT ({others})"));
    arms.push(Arm::in_order("request_log_by_client_id", &all, Some(&labelled)));
    Ok((arms, scan, all.binds))
}

/// The index that finds what a filter asks for.
fn index_of(filter: &LogFilter) -> &'static str {
    match filter {
        LogFilter { user_id: Some(_), .. } => "request_log_by_user",
        LogFilter { key_id: Some(_), .. } => "request_log_by_key",
        LogFilter { channel_id: Some(_), .. } => BY_CHANNEL,
        LogFilter { cause: Some(_), .. } => "request_log_by_cause",
        _ if filter.asks_for_failures() => "request_log_by_failure",
        LogFilter { model: Some(_), .. } => "request_log_by_model",
        _ => BY_TIME,
    }
}

/// The conditions and one more, as a clause that more may follow.
fn with(conditions: &Conditions, and: Option<&str>) -> String {
    let mut all = conditions.clone();
    all.and(and.unwrap_or("1 = 1"));
    all.sql()
}

/// A condition for rows by any of some keys or for any of some models.
pub(super) fn either(keys: Option<&Part>, models: Option<&Part>) -> String {
    let all: Vec<&str> = [keys, models].into_iter().flatten().map(|part| part.all.as_str()).collect();
    format!("({})", all.join(" OR "))
}

/// ` ORDER BY …`; equal rows are ordered by id. Only a time to the first output may be missing, and comes last then.
fn order(column: &str, window: &Window) -> String {
    let direction = window.direction();
    let nulls = if column == ARRIVAL { "" } else { " NULLS LAST" };
    format!(" ORDER BY {column} {direction}{nulls}, id {direction}")
}
