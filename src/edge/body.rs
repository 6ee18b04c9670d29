//! Reads a request's body: decoded, bounded in bytes and in time, charged to the budget of memory as it grows.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use super::unpack::{Encoding, unpack};
use crate::capacity::{Footprint, NoRoom, Overloaded};
use crate::config::Patience;

/// Read on at most so many bytes of a body that is not wanted, so that the client sees the answer.
const DRAIN_BYTES: usize = 1 << 20;
/// And at most so long.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// Of which at most so long without a byte: a client that sends nothing waits for the answer.
const DRAIN_IDLE: Duration = Duration::from_millis(100);
/// Room that a body of announced length gets at once.
const FIRST_BYTES: usize = 64 << 10;
/// A body whose time is up gets this look more: perhaps it was this thread that was late.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// Over the limit.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// An unknown `Content-Encoding`.
    #[error("content-encoding must be one of gzip, deflate, br, zstd")]
    UnknownEncoding,
    /// It came too slowly.
    #[error("the request body came too slowly")]
    TooSlow,
    /// It broke off, or cannot be decoded.
    #[error("the request body could not be read or decoded")]
    Broken,
    /// No memory or thread for it right now.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
}

impl From<NoRoom> for BadBody {
    fn from(no_room: NoRoom) -> Self {
        Self::Overloaded(no_room.into())
    }
}

/// What a request's head says of its body.
#[derive(Debug)]
pub(super) struct Announced {
    length: Option<usize>,
    encoding: Option<Encoding>,
    limit: usize,
}

impl Announced {
    /// Reads the head; `limit` bounds the body, decoded.
    ///
    /// # Errors
    /// What can be refused before a byte of the body is read.
    pub(super) fn read(request: &HttpRequest, limit: usize) -> Result<Self, BadBody> {
        let encoding = request.headers().get(header::CONTENT_ENCODING);
        let encoding = encoding.map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
        let encoding = match encoding.as_deref() {
            None | Some("identity") => None,
            Some(name) => Some(Encoding::named(name).ok_or(BadBody::UnknownEncoding)?),
        };
        let length = length(request);
        if length.is_some_and(|length| length > limit) {
            return Err(BadBody::TooLarge { limit });
        }
        Ok(Self { length, encoding, limit })
    }
}

/// Reads the body.
pub(super) async fn read(
    payload: Payload,
    announced: Announced,
    footprint: &mut Footprint,
    patience: &Patience,
) -> Result<Bytes, BadBody> {
    let mut payload = payload.into_inner();
    let read = match collect(&mut payload, &announced, footprint, patience).await {
        Ok(body) => match announced.encoding {
            None => Ok(body),
            Some(encoding) => unpack(encoding, body, announced.limit, footprint).await,
        },
        Err(bad) => Err(bad),
    };
    match read {
        Ok(_) => footprint.memory().is_whole(),
        Err(BadBody::TooLarge { .. } | BadBody::Broken | BadBody::Overloaded(_)) => drain(&mut payload).await,
        Err(BadBody::TooSlow | BadBody::UnknownEncoding) => {}
    }
    read
}

/// Takes the body of a request that was refused by its head, if it is small: the connection can then serve the next one.
/// A larger one is left to the server, which answers and hangs up.
pub(super) async fn discard(request: &HttpRequest, payload: Payload) {
    if length(request).is_some_and(|length| length <= DRAIN_BYTES) {
        drain(&mut payload.into_inner()).await;
    }
}

/// The same for a request whose body is refused by its head: a client in the midst of sending it gets to read why.
pub(super) async fn refuse(payload: Payload) {
    drain(&mut payload.into_inner()).await;
}

/// What `Content-Length` says.
fn length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect<S>(
    stream: &mut S,
    announced: &Announced,
    footprint: &mut Footprint,
    patience: &Patience,
) -> Result<Bytes, BadBody>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let Announced { length, limit, .. } = *announced;
    let mut by = Instant::now() + patience.body;
    let mut body = BytesMut::new();
    let mut charged = 0;
    while let Some(chunk) = next(stream, by, patience).await? {
        let needed = body.len() + chunk.len();
        if needed > limit {
            return Err(BadBody::TooLarge { limit });
        }
        if body.is_empty() && length == Some(chunk.len()) {
            footprint.memory().grow(chunk.len()).await?;
            return Ok(chunk);
        }
        if needed > charged {
            // By doubling, but never beyond what can still come.
            let room = needed.max(charged * 2).max(FIRST_BYTES).min(length.unwrap_or(limit).max(needed));
            let asked = Instant::now();
            footprint.memory().grow(room - charged).await?;
            by += asked.elapsed();
            body.reserve(room - body.len());
            charged = room;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The next chunk, in time.
async fn next<S>(stream: &mut S, by: Instant, patience: &Patience) -> Result<Option<Bytes>, BadBody>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let until = by.min(Instant::now() + patience.body_idle);
    let chunk = match tokio::time::timeout_at(until, stream.next()).await {
        Ok(chunk) => chunk,
        Err(_) => tokio::time::timeout(LAST_LOOK, stream.next()).await.map_err(|_| BadBody::TooSlow)?,
    };
    chunk.transpose().map_err(|_| BadBody::Broken)
}

/// Reads on for a moment, so that a client that is still sending gets to read its answer.
async fn drain<S>(payload: &mut S)
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut drained = 0;
    let reading = async {
        while let Ok(Some(Ok(chunk))) = tokio::time::timeout(DRAIN_IDLE, payload.next()).await {
            drained += chunk.len();
            if drained > DRAIN_BYTES {
                break;
            }
        }
    };
    let _enough = tokio::time::timeout(DRAIN_TIME, reading).await;
}
