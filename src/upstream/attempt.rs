//! One try at one channel: up to the commit point, or to its failure.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actors::settings_cache::Offer;
use actors::usage_ledger::PendingReceipt;
use actors::vocabulary::{Attempt, Cause, Protocol};
use awc::error::SendRequestError;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::accept::{Asked, accept};
use super::account_faults::account_fault;
use super::complaint::Complaint;
use super::events::Events;
use super::form::MOST_ANSWER_BYTES;
use super::request;
use super::request::Ready;
use super::several;
use super::verdict::{Answered, Miss, retry_after};
use super::wire::{Response, Sent, Stale, Wire};
use super::words::own_words;
use crate::admission::Inbound;
use crate::routing::RecentItems;
use crate::translation::hub::LeftOut;
use crate::translation::{Frame, Heard, Meaning, Speech, UsageTap, count};

/// Most of an error body kept.
const MOST_ERROR_BYTES: usize = 1 << 20;
/// What is said of a kept connection that its server had closed.
const STALE: &str = "the server had closed the connection kept from before; asked again on a new one";
/// Longest wait for an error body.
const ERROR_BODY_DEADLINE: Duration = Duration::from_secs(5);
/// A body from this size on may break its connection by itself.
const LARGE_BODY_BYTES: usize = 256 << 10;

/// What an upstream said, past the commit point.
#[derive(Debug)]
pub enum Said {
    /// A whole answer, and how many bytes it came in.
    Whole(Heard, Box<UsageTap>, usize),
    /// The events held so far, and the stream of the rest.
    Stream(Vec<(Frame, Meaning)>, Box<Events>),
    /// The caller's own error, in the client's shape.
    Declined(Bytes),
}

/// A successful attempt.
#[derive(Debug)]
pub struct Answer {
    /// The upstream's status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub said: Said,
    /// Milliseconds to its head.
    pub head_ms: i64,
    /// How it is told to the client.
    pub speech: Speech,
    /// What of the request did not come along.
    pub left_out: LeftOut,
}

/// The clocks of one attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    /// Until the head (and, of a whole answer, the end).
    pub(super) answer_by: Instant,
    /// Until a stream's commit.
    pub(super) commit_by: Instant,
    /// Longest silence inside a stream; zero = none.
    pub(super) idle: Duration,
}

/// Asks one channel.
pub(super) async fn attempt(
    wire: &Wire,
    inbound: &mut Inbound,
    offer: &Offer,
    clocks: Clocks,
    input_tokens: i64,
    items: &Arc<RecentItems>,
) -> Result<Answer, Miss> {
    if offer.is_estimate() {
        return estimate(inbound).await;
    }
    let ready = request::ready(inbound, offer, items).await?;
    if ready.choices > 1 {
        return several::attempt(wire, inbound, offer, clocks, input_tokens, ready).await;
    }
    let Ready { outgoing, mut speech, left_out, .. } = ready;
    let asked = Instant::now();
    let patience = clocks.answer_by.saturating_duration_since(asked);
    let Sent { stale, answered } = wire.send(&outgoing, patience).await;
    let response = answered.map_err(|error| unanswered(&error, outgoing.body.len()));
    if let Some(stale) = stale {
        note_stale(&mut inbound.caller.pending, offer, stale);
    }
    let response = response?;
    let head_ms = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
    let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
    let said = match status {
        200..=299 => {
            let pending = &mut inbound.caller.pending;
            if inbound.caller.protocol.is_billed() {
                pending.accepted(input_tokens);
            }
            let at = pending.elapsed_ms();
            pending.note(|receipt| receipt.timings.head_ms = Some(at));
            let asked = Asked { offer, clocks, input_tokens, request: inbound.body.clone(), most_bytes: MOST_ANSWER_BYTES };
            let accepted = accept(response, inbound, &asked, speech).await?;
            if let Some(content_type) = accepted.content_type {
                headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
            }
            speech = accepted.speech;
            accepted.said
        }
        _ => refused(response, &mut headers, &speech, offer, &inbound.body).await?,
    };
    Ok(Answer { status, headers, said, head_ms, speech, left_out })
}

/// What a status other than success says.
pub(super) async fn refused(
    response: Response,
    headers: &mut HeaderMap,
    speech: &Speech,
    offer: &Offer,
    request: &Bytes,
) -> Result<Said, Miss> {
    let status = response.status().as_u16();
    if !(400..600).contains(&status) {
        return Err(Miss::NoAnswer(format!("answered with status {status}")));
    }
    let retry_after = retry_after(headers);
    let body = error_body(response).await;
    let words = || own_words(&body, &offer.channel);
    let account = if status < 500 { account_fault(&body, request) } else { None };
    if let Some(fault) = account {
        return Err(Miss::Account { status, fault, words: words() });
    }
    match status {
        403 if !Complaint::read(&body).is_about_the_account() => Err(Miss::Forbidden(words())),
        401..=403 | 408 | 429 | 500..=599 => Err(Miss::Status { status, retry_after, words: words() }),
        404 if Complaint::read(&body).is_about_the_model(&offer.upstream_model) => {
            let body = declined(speech, status, headers, body);
            Err(Miss::NoSuchModel(Answered { status, headers: headers.clone(), body }))
        }
        // The caller's own error, which clients know by its words.
        _ => Ok(Said::Declined(declined(speech, status, headers, body))),
    }
}

/// Records the try on a kept connection that its server had closed, beside the one that followed on a new one.
fn note_stale(pending: &mut PendingReceipt, offer: &Offer, stale: Stale) {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let started_ms = pending.elapsed_ms().saturating_sub(ms(stale.began.elapsed()));
    pending.attempted_before(Attempt {
        channel_id: offer.channel.id,
        channel_name: offer.channel.name.clone(),
        upstream_model: offer.upstream_model.to_string(),
        status: None,
        started_ms,
        duration_ms: ms(stale.took),
        error: Some(STALE.to_owned()),
        cause: Some(Cause::of("attempt_stale")),
    });
}

/// The upstream's refusal in the client's shape, and with its type.
fn declined(speech: &Speech, status: u16, headers: &mut HeaderMap, body: Bytes) -> Bytes {
    if speech.is_converted() {
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    }
    speech.declined(status, body)
}

/// The answer of the gateway itself: tokens counted for a channel that has no such route.
async fn estimate(inbound: &Inbound) -> Result<Answer, Miss> {
    let body = inbound.body.clone();
    // Many times dearer than reading it: a large body's worth of work is a sixteenth as long.
    let weight = body.len().saturating_mul(16);
    let counted = inbound.footprint.work(weight, move || count::input_tokens(&body)).await.map_err(Miss::Overloaded)?;
    let tokens = counted.map_err(Miss::CannotCarry)?;
    let body = serde_json::json!({ "input_tokens": tokens }).to_string();
    Ok(Answer {
        status: 200,
        headers: HeaderMap::new(),
        said: Said::Whole(Heard::Native(body.into()), Box::new(UsageTap::new(Protocol::CountTokens)), 0),
        head_ms: 0,
        speech: Speech::native(Protocol::CountTokens, "", "", false),
        left_out: LeftOut::default(),
    })
}

pub(super) async fn error_body(response: Response) -> Bytes {
    body_within(response, MOST_ERROR_BYTES, ERROR_BODY_DEADLINE).await
}

/// What comes of a body within these bounds.
pub(super) async fn body_within(mut response: Response, most: usize, deadline: Duration) -> Bytes {
    let mut body = BytesMut::new();
    let reading = async {
        while let Some(Ok(chunk)) = response.next().await {
            body.extend_from_slice(&chunk);
            if body.len() > most {
                break;
            }
        }
    };
    let _late_bodies_are_cut = tokio::time::timeout(deadline, reading).await;
    body.freeze()
}

pub(super) fn unanswered(error: &SendRequestError, body_bytes: usize) -> Miss {
    match error {
        SendRequestError::Timeout => Miss::TimedOut("the first byte"),
        SendRequestError::Connect(awc::error::ConnectError::Timeout) => Miss::TimedOut("the connection"),
        SendRequestError::Connect(awc::error::ConnectError::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            Miss::TimedOut("the connection")
        }
        SendRequestError::Send(_) if body_bytes >= LARGE_BODY_BYTES => Miss::BrokeWhileSending,
        other => Miss::Network(other.to_string()),
    }
}
