//! The request log, by page or by cursor.

use actors::vocabulary::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log::{Log, LogDetail};
use crate::services::error::{NOT_ALLOWED, NOT_FOUND, refusals};
use crate::services::values::{ListQuery, check};
use crate::services::{Actor, Served, ServiceError, Services};
use crate::store::Window;
use crate::store::log_pages::{ARRIVAL, COUNTED, LogList, SORTS};
use crate::store::log_search;
use crate::store::logs::{self, Cursor, LogFilter};
use crate::store::refusals::{self, RefusedSums};

/// Models that are suggested at most.
const MOST_MODELS: i64 = 100;

refusals! {
    /// More rows than are sorted by something else than time.
    TOO_MANY_TO_SORT = Invalid, "too_many_to_sort",
        "Too many rows to be sorted by this: choose a shorter range or other filters, so that at most {most} match",
        "行数太多，无法按此排序：请缩短时间范围或换用其他筛选条件，使匹配的行不超过 {most} 行";
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LogQuery {
    /// Arrived at or after, epoch milliseconds.
    pub from: Option<i64>,
    /// Arrived before, epoch milliseconds.
    pub to: Option<i64>,
    /// With this status.
    pub status: Option<i64>,
    /// With this ending.
    pub ending: Option<String>,
    /// Of this model.
    pub model: Option<String>,
    /// In this protocol.
    pub protocol: Option<String>,
    /// With this key.
    pub key_id: Option<i64>,
    /// Of this user (admins).
    pub user_id: Option<i64>,
    /// For this reason, the word in `cause`.
    pub cause: Option<String>,
    /// Of which this channel was asked, whether or not it answered (admins).
    pub channel_id: Option<i64>,
    /// Streams, or the rest.
    pub stream: Option<bool>,
    /// `nextCursor` of the page before: newest first, however deep. Goes before `page` and `sort`.
    pub cursor: Option<String>,
}

/// One page of the log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogPage {
    /// The rows.
    pub rows: Vec<Log>,
    /// Rows that match, counted to 100,000.
    pub total: i64,
    /// Whether there are more than `total`.
    pub total_capped: bool,
    /// This page, from 1.
    pub page: i64,
    /// Rows on a page.
    pub page_size: i64,
    /// Where the next page begins when rows are newest first; null at the end.
    pub next_cursor: Option<String>,
    /// Requests that match and have no row of their own: of those that cost nothing, a key gets ten rows a minute. They are in
    /// every figure, and not in `total`.
    pub unlisted: i64,
    /// The same by reason, the most frequent first.
    pub unlisted_reasons: Vec<Unlisted>,
}

/// Requests without a row that ended alike.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Unlisted {
    /// As in rows.
    pub ending: String,
    /// The status clients got.
    pub status: i64,
    /// Why, as in rows.
    pub cause: Option<String>,
    /// How many.
    pub requests: i64,
}

impl From<RefusedSums> for Unlisted {
    fn from(sums: RefusedSums) -> Self {
        Self { ending: sums.ending, status: sums.status, cause: sums.cause, requests: sums.requests }
    }
}

/// One page of the log: all rows for admins, their own for others.
///
/// # Errors
/// `invalid_request`; `too_many_to_sort`; `forbidden` when somebody asks for what is not theirs to see.
pub async fn logs(services: &Services, actor: &Actor, asked: &ListQuery, query: LogQuery) -> Served<LogPage> {
    match logs_or_by_time(services, actor, asked, query).await? {
        (_, Some(too_many)) => Err(too_many),
        (page, None) => Ok(page),
    }
}

/// The same, in order of time where too many rows match for the order that is asked for; then with the refusal of that.
///
/// # Errors
/// As those of [`logs`] but for `too_many_to_sort`.
pub async fn logs_or_by_time(
    services: &Services,
    actor: &Actor,
    asked: &ListQuery,
    query: LogQuery,
) -> Served<(LogPage, Option<ServiceError>)> {
    let cursor = query.cursor.as_deref().map(read_cursor).transpose()?;
    let mut window = asked.window(SORTS)?;
    if cursor.is_none() && window.offset > COUNTED {
        return Err(check::bad("page", "too deep; use cursor"));
    }
    window.limit += 1;
    let filter = log_filter(actor, query)?;
    let list = LogList::of(&services.db, &filter, window.query.as_deref()).await?;
    let total = list.count().await?;
    let refused = refusals::sums(&services.db, &filter, window.query.as_deref()).await?;
    let most = list.most_sorted(window.column).filter(|most| cursor.is_none() && total > *most);
    let too_many = most.map(|most| ServiceError::field(&TOO_MANY_TO_SORT, "sort").with("most", most));
    if too_many.is_some() {
        window = Window { column: ARRIVAL, descending: true, ..window };
    }
    let mut rows = list.rows(&window, cursor, total).await?;
    let page_size = window.limit - 1;
    let more = i64::try_from(rows.len()).is_ok_and(|many| many > page_size);
    rows.truncate(usize::try_from(page_size).unwrap_or(usize::MAX));
    let by_arrival = cursor.is_some() || (window.column == ARRIVAL && window.descending);
    let last = rows.last().filter(|_| more && by_arrival);
    let page = LogPage {
        next_cursor: last.map(|row| format!("{}-{}", row.ts, row.id)),
        rows: rows.into_iter().map(|row| Log::of(row, actor.is_admin())).collect(),
        total: total.min(COUNTED),
        total_capped: total > COUNTED,
        page: asked.page.unwrap_or(1),
        page_size,
        unlisted: refused.iter().map(|sums| sums.requests).sum(),
        unlisted_reasons: refused.into_iter().map(Unlisted::from).collect(),
    };
    Ok((page, too_many))
}

/// The first models of the alphabet that the log knows (admins).
///
/// # Errors
/// `forbidden`.
pub async fn logged_models(services: &Services, actor: &Actor) -> Served<Vec<String>> {
    actor.require(Role::Admin)?;
    Ok(log_search::models(&services.db, MOST_MODELS).await?)
}

/// One request with everything that is kept of it.
///
/// # Errors
/// `not_found`, also for rows that are not theirs to see.
pub async fn log(services: &Services, actor: &Actor, id: i64) -> Served<LogDetail> {
    let found = logs::find(&services.db, id).await?;
    let visible = found.filter(|found| actor.is_admin() || found.row.user_id == actor.id.0);
    visible.map(|found| LogDetail::of(found, actor.is_admin())).ok_or_else(|| ServiceError::new(&NOT_FOUND))
}

/// What a query asks for, narrowed to what is the caller's to see.
///
/// # Errors
/// `forbidden`.
pub(in crate::services) fn log_filter(actor: &Actor, query: LogQuery) -> Served<LogFilter> {
    let others = query.user_id.is_some_and(|id| id != actor.id.0) || query.channel_id.is_some();
    if !actor.is_admin() && others {
        return Err(ServiceError::new(&NOT_ALLOWED));
    }
    Ok(LogFilter {
        from: query.from,
        to: query.to,
        status: query.status,
        ending: query.ending,
        model: query.model,
        protocol: query.protocol,
        key_id: query.key_id,
        user_id: if actor.is_admin() { query.user_id } else { Some(actor.id.0) },
        cause: query.cause,
        channel_id: query.channel_id,
        stream: query.stream,
    })
}

fn read_cursor(text: &str) -> Served<Cursor> {
    let parts = text.split_once('-').and_then(|(ts, id)| Some(Cursor { ts: ts.parse().ok()?, id: id.parse().ok()? }));
    parts.ok_or_else(|| check::bad("cursor", "the nextCursor of another page"))
}
