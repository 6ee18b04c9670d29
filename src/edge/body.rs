//! Reads a request's body: decoded, bounded in bytes and in time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use super::unpack::Unpacker;
use crate::config::Patience;

/// Read on at most so many bytes of a body that is not wanted, so that the client sees the answer.
const DRAIN_BYTES: usize = 1 << 20;
/// And at most so long.
const DRAIN_TIME: Duration = Duration::from_secs(1);

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
}

/// Reads the body, at most `limit` bytes decoded.
pub(super) async fn read(request: &HttpRequest, payload: Payload, limit: usize, patience: &Patience) -> Result<Bytes, BadBody> {
    let headers = request.headers();
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    let mut payload = payload.into_inner();
    let length = length(request);
    let unpacker = match encoding.as_deref() {
        None | Some("identity") => Ok(None),
        Some(encoding) => Unpacker::new(encoding, limit).map(Some).ok_or(BadBody::UnknownEncoding),
    };
    let read = match unpacker {
        Err(bad) => Err(bad),
        Ok(_) if length.is_some_and(|length| length > limit) => Err(BadBody::TooLarge { limit }),
        Ok(None) => collect(&mut payload, length, limit, patience).await,
        Ok(Some(unpacker)) => unpack(&mut payload, unpacker, patience).await,
    };
    if matches!(read, Err(BadBody::TooLarge { .. } | BadBody::UnknownEncoding | BadBody::Broken)) {
        drain(&mut payload).await;
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

/// What `Content-Length` says.
fn length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect<S>(stream: &mut S, length: Option<usize>, limit: usize, patience: &Patience) -> Result<Bytes, BadBody>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let by = Instant::now() + patience.body;
    let mut body = BytesMut::new();
    while let Some(chunk) = next(stream, by, patience).await? {
        if body.len() + chunk.len() > limit {
            return Err(BadBody::TooLarge { limit });
        }
        if body.is_empty() && length == Some(chunk.len()) {
            return Ok(chunk);
        }
        if body.is_empty() {
            body.reserve(length.unwrap_or(0).min(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn unpack<S>(stream: &mut S, mut unpacker: Unpacker, patience: &Patience) -> Result<Bytes, BadBody>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let by = Instant::now() + patience.body;
    while let Some(chunk) = next(stream, by, patience).await? {
        unpacker = unpacker.feed(chunk).await?;
    }
    unpacker.finish()
}

/// The next chunk, in time.
async fn next<S>(stream: &mut S, by: Instant, patience: &Patience) -> Result<Option<Bytes>, BadBody>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let until = by.min(Instant::now() + patience.body_idle);
    match tokio::time::timeout_at(until, stream.next()).await {
        Err(_) => Err(BadBody::TooSlow),
        Ok(None) => Ok(None),
        Ok(Some(Err(_))) => Err(BadBody::Broken),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
    }
}

/// Reads on for a moment, so that a client that is still sending gets to read its answer.
async fn drain<S>(payload: &mut S)
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut drained = 0;
    let reading = async {
        while let Some(Ok(chunk)) = payload.next().await {
            drained += chunk.len();
            if drained > DRAIN_BYTES {
                break;
            }
        }
    };
    let _enough = tokio::time::timeout(DRAIN_TIME, reading).await;
}
