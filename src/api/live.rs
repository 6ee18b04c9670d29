//! `GET /api/logs/stream`: log rows as they happen, as server-sent events.
//!
//! `ready` first, then a `log` for each request when it starts (`running: true`) and when it has ended. A
//! reader that falls behind gets `lag` with the number of rows it missed. Comments keep the line open. It ends when the
//! account, the session or the token it was opened with may not read it any more.

use std::convert::Infallible;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use actors::log_broadcaster::LogBroadcaster;
use futures_util::{StreamExt, stream};

use super::door::Respond;
use super::guard::{Guarded, SignedIn};
use super::openapi::Operation;
use crate::services::{Served, Services};
use crate::session::live::{self, PING, Seen, Watcher};

pub(super) async fn live(by: Guarded<SignedIn>, services: Data<Services>, logs: Data<LogBroadcaster>) -> Served<LiveLog> {
    let only = (!by.who.is_admin()).then_some(by.who.id);
    live::watch(&services, &logs, &by.who, only).await.map(LiveLog)
}

/// A reader's stream.
pub(super) struct LiveLog(Watcher);

/// What is seen, as an event.
fn event(seen: Seen) -> Bytes {
    match seen {
        Seen::Silence => Bytes::from_static(PING),
        Seen::Missed(rows) => format!("event: lag\ndata: {{\"missed\":{rows}}}\n\n").into(),
        Seen::Row(row) => [b"event: log\ndata: ".as_slice(), &row, b"\n\n"].concat().into(),
    }
}

impl Respond for LiveLog {
    fn respond(self, _: &HttpRequest) -> HttpResponse {
        let ready = stream::iter([Bytes::from_static(b"event: ready\ndata: {}\n\n")]);
        let rows = stream::unfold(self.0, |mut watcher| async move { watcher.next().await.map(|seen| (event(seen), watcher)) });
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
