//! One try at one channel: up to the commit point, or to its failure.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actors::settings_cache::Offer;
use actors::usage_ledger::PendingReceipt;
use actors::vocabulary::{Price, Protocol};
use awc::error::SendRequestError;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::events::{Broken, Events, Next};
use super::request;
use super::request::Ready;
use super::several;
use super::verdict::{Answered, Miss, is_about_the_model, retry_after};
use super::wire::{Response, Wire};
use crate::admission::Inbound;
use crate::routing::RecentItems;
use crate::translation::hub::LeftOut;
use crate::translation::{Frame, Heard, Meaning, Speech, UsageTap, count};

/// Largest whole answer held.
const MOST_ANSWER_BYTES: usize = 64 << 20;
/// Most of an error body kept.
const MOST_ERROR_BYTES: usize = 1 << 20;
/// Longest wait for an error body.
const ERROR_BODY_DEADLINE: Duration = Duration::from_secs(5);
/// A body from this size on may break its connection by itself.
const LARGE_BODY_BYTES: usize = 256 << 10;
/// Held at most this long after the first event before the commit (contract §2).
const COMMIT_WITHIN: Duration = Duration::from_secs(3);
/// Held at most so many bytes before the commit (contract §2).
const COMMIT_BYTES: usize = 64 << 10;

/// What an upstream said, past the commit point.
#[derive(Debug)]
pub enum Said {
    /// A whole answer.
    Whole(Heard, UsageTap),
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
    items: &RecentItems,
) -> Result<Answer, Miss> {
    if offer.is_estimate() {
        return estimate(inbound).await;
    }
    let ready = request::ready(inbound, offer, items)?;
    if ready.choices > 1 {
        return several::attempt(wire, inbound, offer, clocks, input_tokens, ready).await;
    }
    let Ready { outgoing, speech, left_out, .. } = ready;
    let asked = Instant::now();
    let patience = clocks.answer_by.saturating_duration_since(asked);
    let sent = wire.send(&outgoing, patience).await;
    let response = sent.map_err(|error| unanswered(&error, outgoing.body.len()))?;
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
            accept(response, inbound, offer, &speech, clocks, input_tokens).await?
        }
        404 => {
            let body = error_body(response).await;
            let is_about_the_model = is_about_the_model(&body, &offer.upstream_model);
            let body = declined(&speech, status, &mut headers, body);
            if is_about_the_model {
                return Err(Miss::NoSuchModel(Answered { status, headers, body }));
            }
            Said::Declined(body)
        }
        401..=403 | 408 | 429 | 500..=599 => {
            let retry_after = retry_after(&headers);
            error_body(response).await;
            return Err(Miss::Status { status, retry_after });
        }
        // The caller's own error, which clients know by its words.
        400..=499 => Said::Declined(declined(&speech, status, &mut headers, error_body(response).await)),
        _ => return Err(Miss::NoAnswer(format!("answered with status {status}"))),
    };
    Ok(Answer { status, headers, said, head_ms, speech, left_out })
}

/// The upstream's refusal in the client's shape, and with its type.
pub(super) fn declined(speech: &Speech, status: u16, headers: &mut HeaderMap, body: Bytes) -> Bytes {
    if speech.is_converted() {
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    }
    speech.declined(status, body)
}

/// The answer of the gateway itself: tokens counted for a channel that has no such route.
async fn estimate(inbound: &Inbound) -> Result<Answer, Miss> {
    let body = inbound.body.clone();
    let counted = actix_web::web::block(move || count::input_tokens(&body)).await;
    let tokens = counted.map_err(|_| Miss::NoAnswer("could not be counted".to_owned()))?.map_err(Miss::CannotCarry)?;
    let body = serde_json::json!({ "input_tokens": tokens }).to_string();
    Ok(Answer {
        status: 200,
        headers: HeaderMap::new(),
        said: Said::Whole(Heard::Native(body.into()), UsageTap::new(Protocol::CountTokens)),
        head_ms: 0,
        speech: Speech::native(Protocol::CountTokens, "", "", false),
        left_out: LeftOut::default(),
    })
}

async fn accept(
    response: Response,
    inbound: &mut Inbound,
    offer: &Offer,
    speech: &Speech,
    clocks: Clocks,
    input_tokens: i64,
) -> Result<Said, Miss> {
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let empty_is_failure = inbound.caller.snapshot.settings.proxy_treat_empty_output_as_failure;
    let have_a_price = offer.tariff.prices.is_some_and(|prices| prices.cache_creation != Price::default());
    let tap = UsageTap::new(offer.protocol).splitting_cache_writes(have_a_price);
    if content_type.starts_with("text/event-stream") {
        if speech.is_converted() && !inbound.ask.stream {
            return Err(Miss::NoAnswer("answered with a stream that nobody asked for".to_owned()));
        }
        let events = Events::new(response, tap, clocks.idle);
        return until_commit(events, empty_is_failure, clocks.commit_by, &mut inbound.caller.pending, input_tokens).await;
    }
    let body = whole_body(response, clocks.answer_by).await?;
    let must_produce = empty_is_failure && offer.protocol.is_billed();
    whole_answer(tap, speech, body, must_produce)
}

pub(super) fn whole_answer(mut tap: UsageTap, speech: &Speech, body: Bytes, must_produce: bool) -> Result<Said, Miss> {
    if body.trim_ascii().is_empty() {
        return Err(Miss::NoAnswer("answered with nothing".to_owned()));
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
        return Err(Miss::NoAnswer("answered with something that is not JSON".to_owned()));
    }
    tap.whole(&body);
    if must_produce && !tap.produced() {
        return Err(Miss::NoAnswer("answered without any output".to_owned()));
    }
    let heard = speech.hear(body).ok_or_else(|| Miss::NoAnswer("answered with something that is no answer".to_owned()))?;
    Ok(Said::Whole(heard, tap))
}

/// Holds events back until one makes the answer definite, or the bounds are reached.
async fn until_commit(
    mut events: Events,
    empty_is_failure: bool,
    by: Instant,
    pending: &mut PendingReceipt,
    input: i64,
) -> Result<Said, Miss> {
    let mut held: Vec<(Frame, Meaning)> = Vec::new();
    let mut bytes = 0;
    let mut commit_at = Instant::now() + Duration::from_secs(86_400);
    loop {
        match events.next(commit_at.min(by)).await {
            Next::Event(frame, meaning) => {
                let (usage, estimated) = events.tap().reading(input);
                pending.used(usage, estimated);
                match meaning {
                    Meaning::End if !events.tap().began() => {
                        return Err(Miss::NoAnswer("closed the stream before any content".to_owned()));
                    }
                    Meaning::Error => return Err(Miss::NoAnswer("answered with an error event".to_owned())),
                    Meaning::End if empty_is_failure && !events.tap().produced() => {
                        return Err(Miss::NoAnswer("answered without any output".to_owned()));
                    }
                    _ => {}
                }
                if held.is_empty() && !empty_is_failure {
                    commit_at = Instant::now() + COMMIT_WITHIN;
                }
                bytes += frame.raw.len();
                held.push((frame, meaning));
                let stop_alone = meaning == Meaning::Content && empty_is_failure && !events.tap().produced();
                if (meaning == Meaning::Content && !stop_alone) || meaning == Meaning::End || bytes > COMMIT_BYTES {
                    return Ok(Said::Stream(held, Box::new(events)));
                }
            }
            Next::Quiet if commit_at <= by => return Ok(Said::Stream(held, Box::new(events))),
            Next::Quiet | Next::Broken(Broken::Idle) => return Err(Miss::TimedOut("the first content")),
            Next::Closed => return Err(Miss::NoAnswer("closed the stream before any content".to_owned())),
            Next::Broken(Broken::Network) => return Err(Miss::Network("the answer broke off".to_owned())),
            Next::Broken(broken @ Broken::TooLong) => return Err(Miss::NoAnswer(broken.to_string())),
        }
    }
}

/// Reads a whole body. awc ends a truncated one like a complete one, so its length is checked here.
pub(super) async fn whole_body(mut response: Response, by: Instant) -> Result<Bytes, Miss> {
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_long = || Miss::NoAnswer("answered with more than 64 MiB".to_owned());
    if length.is_some_and(|length| length > MOST_ANSWER_BYTES) {
        return Err(too_long());
    }
    let mut body = BytesMut::new();
    let mut whole = None;
    loop {
        match tokio::time::timeout_at(by, response.next()).await {
            // All of it in one piece: not copied. Its end must still be seen, or awc drops the connection.
            Ok(Some(Ok(chunk))) if body.is_empty() && length == Some(chunk.len()) => whole = Some(chunk),
            // Looked at before it grows: growing doubles it.
            Ok(Some(Ok(chunk))) if body.len() + chunk.len() > MOST_ANSWER_BYTES => return Err(too_long()),
            Ok(Some(Ok(chunk))) => body.extend_from_slice(&chunk),
            Ok(Some(Err(_))) => return Err(Miss::Network("the answer broke off".to_owned())),
            Ok(None) => break,
            Err(_) => return Err(Miss::TimedOut("the whole answer")),
        }
    }
    match (whole, length) {
        (Some(whole), _) => Ok(whole),
        (None, Some(length)) if body.len() < length => Err(Miss::Network("the answer broke off".to_owned())),
        (None, _) => Ok(body.freeze()),
    }
}

pub(super) async fn error_body(mut response: Response) -> Bytes {
    let mut body = BytesMut::new();
    let reading = async {
        while let Some(Ok(chunk)) = response.next().await {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_ERROR_BYTES {
                break;
            }
        }
    };
    let _late_bodies_are_cut = tokio::time::timeout(ERROR_BODY_DEADLINE, reading).await;
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
