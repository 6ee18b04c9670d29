//! Rows of the log as they happen: rendered as the list renders them, sent as server-sent events.
//!
//! `row` carries a table row; a row that is there already is replaced by it. `lag` says how many rows a reader
//! that fell behind has missed. Comments keep the line open.

use std::convert::Infallible;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data};
use actors::log_broadcaster::LogBroadcaster;
use actors::vocabulary::UserId;
use futures_util::stream;
use minijinja::context;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::Actor;
use crate::services::values::Usd;
use crate::session::live::{self, PING, Seen, Watcher};

/// `GET /console/logs/live`
pub(super) async fn own(SignedIn { visit, actor }: SignedIn, logs: Data<LogBroadcaster>) -> HttpResponse {
    read(visit, &logs, &actor, Some(actor.id)).await
}

/// `GET /admin/logs/live`
pub(super) async fn of_all(Admin(SignedIn { visit, actor }): Admin, logs: Data<LogBroadcaster>) -> HttpResponse {
    read(visit, &logs, &actor, None).await
}

async fn read(visit: Visit, logs: &LogBroadcaster, actor: &Actor, only: Option<UserId>) -> HttpResponse {
    let watcher = match live::watch(visit.services(), logs, actor, only).await {
        Ok(watcher) => watcher,
        Err(error) => return visit.failure(&error),
    };
    let mut response = visit.response(StatusCode::OK);
    response.insert_header((CONTENT_TYPE, "text/event-stream")).insert_header(("x-accel-buffering", "no"));
    let reader = Reader { visit, watcher };
    let events = stream::unfold(reader, |mut reader| async move { reader.next().await.map(|bytes| (bytes, reader)) });
    response.streaming(futures_util::StreamExt::map(events, Ok::<_, Infallible>))
}

/// Somebody who watches.
struct Reader {
    visit: Visit,
    watcher: Watcher,
}

impl Reader {
    /// The next bytes; `None` when there is no more to be seen.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.watcher.next().await? {
                Seen::Silence => return Some(Bytes::from_static(PING)),
                Seen::Missed(rows) => return Some(format!("event: lag\ndata: {rows}\n\n").into()),
                Seen::Row(row) => {
                    if let Some(html) = self.row(&row) {
                        return Some(event(&html));
                    }
                }
            }
        }
    }

    fn row(&self, bytes: &[u8]) -> Option<String> {
        let row: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
        let Apart { running, cost_usd } = serde_json::from_slice(bytes).ok()?;
        let values = context! { running, log => context! { costUsd => shown(&cost_usd), ..shown(&row) } };
        let html = self.visit.html("logs/row.html", values);
        html.inspect_err(|error| tracing::error!(%error, "a row of the log could not be rendered")).ok()
    }
}

/// What of an entry is read by itself: money is read by its text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Apart {
    running: bool,
    cost_usd: Usd,
}

fn event(html: &str) -> Bytes {
    let lines = html.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("data: {line}\n"));
    format!("event: row\n{}\n", lines.collect::<String>()).into()
}
