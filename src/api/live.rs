//! `GET /api/logs/stream`: log rows as they happen, as server-sent events.
//!
//! `ready` first, then a `log` for each request when it starts (`running: true`) and when it has ended. A
//! reader that falls behind gets `lag` with the number of rows it missed. Comments keep the line open.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use actors::log_broadcaster::{LiveEntry, LogBroadcaster, Subscription};
use actors::vocabulary::UserId;
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;

use super::door::Respond;
use super::guard::{Guarded, SignedIn};
use super::openapi::Operation;
use crate::services::{Served, ServiceError};

/// Silence after which a comment is sent.
const PING_EVERY: Duration = Duration::from_secs(15);
/// Readers at the same time.
const MOST_READERS: usize = 500;

pub(super) async fn live(by: Guarded<SignedIn>, logs: Data<LogBroadcaster>) -> Served<LiveLog> {
    if logs.readers() >= MOST_READERS {
        return Err(ServiceError::too_many(30));
    }
    let entries = logs.subscribe().await.map_err(ServiceError::ill)?;
    let only = (!by.who.is_admin()).then_some(by.who.id);
    Ok(LiveLog { entries, only })
}

/// A reader's stream.
pub(super) struct LiveLog {
    entries: Subscription,
    /// The one whose rows a user sees, and in the user's form; `None` for admins, who see all.
    only: Option<UserId>,
}

impl LiveLog {
    /// The next bytes; `None` when the broadcaster dismissed its readers.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match tokio::time::timeout(PING_EVERY, self.entries.recv()).await {
                Err(_) => return Some(Bytes::from_static(b": ping\n\n")),
                Ok(Err(RecvError::Closed)) => return None,
                Ok(Err(RecvError::Lagged(missed))) => {
                    return Some(format!("event: lag\ndata: {{\"missed\":{missed}}}\n\n").into());
                }
                Ok(Ok(entry)) => {
                    if let Some(bytes) = self.shown(&entry) {
                        return Some(bytes);
                    }
                }
            }
        }
    }

    fn shown(&self, entry: &Arc<LiveEntry>) -> Option<Bytes> {
        let row = match self.only {
            None => &entry.encoded.admin,
            Some(user) if user == entry.user => &entry.encoded.user,
            Some(_) => return None,
        };
        Some([b"event: log\ndata: ".as_slice(), row, b"\n\n"].concat().into())
    }
}

impl Respond for LiveLog {
    fn respond(self, _: &HttpRequest) -> HttpResponse {
        let ready = stream::iter([Bytes::from_static(b"event: ready\ndata: {}\n\n")]);
        let rows = stream::unfold(self, |mut live| async move { live.next().await.map(|bytes| (bytes, live)) });
        HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/event-stream"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header(("x-accel-buffering", "no"))
            .streaming(ready.chain(rows).map(Ok::<_, Infallible>))
    }

    fn describe(operation: &mut Operation<'_>) {
        operation.status = 200;
    }
}
