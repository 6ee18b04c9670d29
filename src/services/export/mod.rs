//! Whole tables as CSV or JSON: read in small pages, sent as they are read.
//!
//! Admins export everything; users their own requests and their own ledger, with the fields they see in lists.

mod csv;
mod tables;

use bytes::Bytes;
use futures_util::stream::{self, LocalBoxStream, Stream, StreamExt};
use schemars::JsonSchema;
use serde::Deserialize;

use self::csv::{header, line};
use self::tables::Table;
use super::error::{BAD_CHOICE, NOT_ALLOWED};
use super::reports::LogQuery;
use super::watching::Right;
use super::{Actor, Deed, Served, ServiceError, Services};
use crate::store::trail::note_deed;

/// What is exported, and how. Times and filters are those of the log.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ExportQuery {
    /// `request_logs`, `ledger`; admins: `users`, `keys`, `usage` (sums per hour), `gift_cards`, `audit`.
    #[serde(rename = "type")]
    pub table: String,
    /// `csv` (default) or `json`.
    pub format: Option<String>,
}

/// A file that is made while it is sent.
pub struct Download {
    /// What browsers save it as.
    pub file_name: String,
    /// Its content type.
    pub content_type: &'static str,
    /// Its parts. An error ends it; whoever reads it must be told that it is not whole.
    pub parts: LocalBoxStream<'static, Served<Bytes>>,
}

impl Download {
    /// A file for `actor`: it breaks off when they may not read it any more.
    pub(super) fn of(
        services: &Services,
        actor: &Actor,
        file: (String, &'static str),
        parts: impl Stream<Item = Served<Bytes>> + 'static,
    ) -> Self {
        let reading = Some((Right::of(services, actor), parts.boxed_local()));
        let parts = stream::unfold(reading, |reading| async move {
            let (mut right, mut parts) = reading?;
            match right.confirm().await {
                Ok(()) => parts.next().await.map(|part| (part, Some((right, parts)))),
                Err(gone) => Some((Err(gone), None)),
            }
        });
        Self { file_name: file.0, content_type: file.1, parts: parts.boxed_local() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

/// Begins an export. The first page is read before this returns, so that what can be refused is.
///
/// # Errors
/// `invalid_request`; `forbidden` for what is not the caller's to see.
pub async fn export(services: &Services, actor: &Actor, query: ExportQuery, filter: LogQuery) -> Served<Download> {
    let format = match query.format.as_deref() {
        None | Some("csv") => Format::Csv,
        Some("json") => Format::Json,
        Some(_) => return Err(ServiceError::field(&BAD_CHOICE, "format").with("choices", "csv, json")),
    };
    let filters = serde_json::json!({
        "type": query.table, "from": filter.from, "to": filter.to, "userId": filter.user_id
    });
    let mut table = Table::named(&query.table, actor, filter)?;
    if !actor.is_admin() && !table.is_for_users() {
        return Err(ServiceError::new(&NOT_ALLOWED));
    }
    let first = table.page(services, actor.is_admin()).await?;
    if actor.is_admin() {
        let trail = services.trail(&actor.by(), Deed::new("export.download", None).after(&filters), None);
        note_deed(&services.db, &trail).await?;
    }
    let (extension, content_type) = match format {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::Json => ("json", "application/json"),
    };
    let writer =
        Writer { services: services.clone(), columns: table.columns(actor.is_admin()), admin: actor.is_admin(), format, rows: 0 };
    let file = (format!("{}.{extension}", query.table), content_type);
    Ok(Download::of(services, actor, file, writer.parts(table, first)))
}

/// Writes pages of rows, each a JSON object, as one file.
struct Writer {
    services: Services,
    columns: Vec<&'static str>,
    admin: bool,
    format: Format,
    rows: usize,
}

impl Writer {
    fn parts(mut self, table: Table, first: Vec<String>) -> LocalBoxStream<'static, Served<Bytes>> {
        let opening = match self.format {
            Format::Csv => header(&self.columns),
            Format::Json => "[".to_owned(),
        };
        let closing = if self.format == Format::Json { "\n]\n" } else { "" };
        let head = self.written(&first).map(|rows| Bytes::from(opening + &rows));
        let rest = stream::unfold(Some((self, table)), |state| async move {
            let (mut writer, mut table) = state?;
            match table.page(&writer.services, writer.admin).await.and_then(|rows| writer.written(&rows)) {
                Ok(text) if text.is_empty() => None,
                Ok(text) => Some((Ok(Bytes::from(text)), Some((writer, table)))),
                Err(error) => Some((Err(error), None)),
            }
        });
        let tail = stream::iter((!closing.is_empty()).then(|| Ok(Bytes::from_static(closing.as_bytes()))));
        // Nothing may follow an error: the file would look whole.
        let all = stream::iter([head]).chain(rest).chain(tail);
        let ended = |broken: &mut bool, part: Served<Bytes>| {
            let over = *broken;
            *broken = part.is_err();
            std::future::ready((!over).then_some(part))
        };
        all.scan(false, ended).boxed_local()
    }

    fn written(&mut self, rows: &[String]) -> Served<String> {
        let mut text = String::new();
        for row in rows {
            match self.format {
                Format::Csv => text.push_str(&line(&self.columns, row)?),
                Format::Json => {
                    text.push_str(if self.rows == 0 { "\n" } else { ",\n" });
                    text.push_str(row);
                }
            }
            self.rows += 1;
        }
        Ok(text)
    }
}
