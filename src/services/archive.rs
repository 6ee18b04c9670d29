//! The log before a date: how much there is, all of it as a file, and away with it. Sums and balances stay.

use actors::vocabulary::Role;
use bytes::Bytes;
use futures_util::stream;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::export::Download;
use super::reports::LogDetail;
use super::values::check;
use super::{Actor, Deed, Served, ServiceError, Services};
use crate::store::logs::{self, Cursor, LogDetailRow, LogFilter};
use crate::store::retention;
use crate::store::trail::note_deed;

const DAY_MS: i64 = 86_400_000;
/// Rows of a file read at a time: they may hold recorded requests.
const PAGE: i64 = 100;
/// Batches deleted by one call.
const MOST_BATCHES: usize = 2_000;

/// Which date is meant.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ArchiveQuery {
    /// Epoch milliseconds, a time such as `2026-01-31T12:00:00Z`, or a date such as `2026-01-31` (its midnight by the site's clock).
    pub before: String,
}

/// What there is before a date.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchivePreview {
    /// The date, epoch milliseconds.
    pub before: i64,
    /// Rows of the log.
    pub rows: i64,
    /// The first arrival, epoch milliseconds.
    pub from: Option<i64>,
    /// The last arrival, epoch milliseconds.
    pub to: Option<i64>,
    /// Whether the date is long enough ago for the rows to be deleted.
    pub deletable: bool,
}

/// What was deleted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveDeleted {
    /// Rows deleted by this call.
    pub deleted: u64,
    /// Rows that are still there; call again until 0.
    pub remaining: i64,
}

/// What there is before a date.
///
/// # Errors
/// `invalid_request`, `forbidden`.
pub async fn preview(services: &Services, actor: &Actor, query: &ArchiveQuery) -> Served<ArchivePreview> {
    actor.require(Role::Admin)?;
    let before = moment(services, &query.before)?;
    let (from, to) = logs::ends_before(&services.db, before).await?;
    let rows = retention::count_log_rows(&services.db, before).await?;
    Ok(ArchivePreview { before, rows, from, to, deletable: before <= services.now() - DAY_MS })
}

/// The log before a date with everything that is kept of it, one JSON object a line, the oldest first.
///
/// # Errors
/// `invalid_request`, `forbidden`.
pub async fn download(services: &Services, actor: &Actor, query: &ArchiveQuery) -> Served<Download> {
    actor.require(Role::Admin)?;
    let before = moment(services, &query.before)?;
    let filter = LogFilter { to: Some(before), ..LogFilter::default() };
    let first = logs::walk_details(&services.db, &filter, Cursor::START, PAGE).await?;
    let after = serde_json::json!({ "before": before });
    let trail = services.trail(&actor.by(), Deed::new("archive.download", None).after(&after), None);
    note_deed(&services.db, &trail).await?;
    let walk = Some((services.clone(), filter, first));
    let parts = stream::unfold(walk, |state| async move {
        let (services, filter, rows) = state?;
        let last = rows.last().map(|found| Cursor { ts: found.row.ts, id: found.row.id })?;
        let part = match lines(rows) {
            Ok(part) => part,
            Err(error) => return Some((Err(error), None)),
        };
        match logs::walk_details(&services.db, &filter, last, PAGE).await {
            Ok(rows) => Some((Ok(part), Some((services, filter, rows)))),
            Err(error) => Some((Err(error.into()), None)),
        }
    });
    let file = ("request_logs.jsonl".to_owned(), "application/x-ndjson");
    Ok(Download::of(services, actor, file, parts))
}

/// Deletes the log before a date that is at least 24 hours ago, in small batches. Ledger rows of its requests are
/// folded into one per user and day first; sums per hour, balances and their sums stay.
///
/// # Errors
/// `invalid_request`, `forbidden`; when the database fails, what was deleted until then is.
pub async fn delete(services: &Services, actor: &Actor, query: &ArchiveQuery) -> Served<ArchiveDeleted> {
    actor.require(Role::Admin)?;
    let db = &services.db;
    let before = moment(services, &query.before)?;
    if before > services.now() - DAY_MS {
        return Err(check::bad("before", "at least 24 hours ago"));
    }
    let rows = retention::count_log_rows(db, before).await?;
    let noted = serde_json::json!({ "before": before, "rows": rows });
    let trail = services.trail(&actor.by(), Deed::new("archive.delete", None).before(&noted), None);
    note_deed(db, &trail).await?;
    while retention::fold_ledger_days(db, before, None).await? > 0 {}
    let mut deleted = 0;
    for _ in 0..MOST_BATCHES {
        match retention::delete_log_rows(db, before, None).await? {
            0 => break,
            gone => deleted += gone,
        }
    }
    let remaining = retention::count_log_rows(db, before).await?;
    if remaining == 0 {
        while retention::delete_counts(db, before, None).await? > 0 {}
    }
    Ok(ArchiveDeleted { deleted, remaining })
}

fn moment(services: &Services, text: &str) -> Served<i64> {
    let text = text.trim();
    let date = || {
        let zone = TimeZone::get(&services.settings.settings().timezone).unwrap_or(TimeZone::UTC);
        let midnight = text.parse::<Date>().ok()?.to_zoned(zone).ok()?;
        Some(midnight.start_of_day().ok()?.timestamp())
    };
    let time = || text.parse::<Timestamp>().ok().or_else(|| text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp()));
    let number = text.parse::<i64>().ok().filter(|ms| *ms >= 0);
    let found = number.or_else(|| time().or_else(date).map(Timestamp::as_millisecond));
    found.ok_or_else(|| check::bad("before", "epoch milliseconds, a time, or a date such as 2026-01-31"))
}

fn lines(rows: Vec<LogDetailRow>) -> Served<Bytes> {
    let mut text = String::new();
    for row in rows {
        text.push_str(&serde_json::to_string(&LogDetail::of(row, true)).map_err(ServiceError::ill)?);
        text.push('\n');
    }
    Ok(Bytes::from(text))
}
