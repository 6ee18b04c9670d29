//! Several answers from a channel that gives one at a time: asked for side by side, in one attempt.
//!
//! All or nothing: where one of them fails the attempt has failed like that one, and the others are given up. They are whole
//! answers, also for a client that wants a stream: it is told them when all are there.

use actix_web::http::header;
use actors::settings_cache::Offer;
use actors::vocabulary::Protocol;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::accept::{Asked, Taken, accept_one, tap, unread};
use super::attempt::{Answer, Clocks, Said, refused, unanswered};
use super::form::MOST_ANSWER_BYTES;
use super::request::Ready;
use super::verdict::Miss;
use super::wire::{Response, Wire};
use crate::admission::Inbound;
use crate::translation::hub;
use crate::translation::{Heard, Speech, UsageTap};

/// Asks one channel for several answers.
pub(super) async fn attempt(
    wire: &Wire,
    inbound: &mut Inbound,
    offer: &Offer,
    clocks: Clocks,
    input_tokens: i64,
    ready: Ready,
) -> Result<Answer, Miss> {
    let Ready { outgoing, speech, left_out, choices } = ready;
    let asked = Instant::now();
    let patience = clocks.answer_by.saturating_duration_since(asked);
    let one = || async { wire.send(&outgoing, patience).await.answered };
    let heads = try_join_all((0..choices).map(|_| one())).await;
    let mut heads = heads.map_err(|error| unanswered(&error, outgoing.body.len()))?;
    let head_ms = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
    if let Some(at) = heads.iter().position(|head| !head.status().is_success()) {
        // Said to one of them, and meant for all.
        let head = heads.swap_remove(at);
        let (status, mut headers) = (head.status().as_u16(), head.headers().clone());
        let said = refused(head, &mut headers, &speech, offer, &inbound.body).await?;
        return Ok(Answer { status, headers, said, head_ms, speech, left_out });
    }
    let pending = &mut inbound.caller.pending;
    pending.accepted(input_tokens.saturating_mul(i64::try_from(choices).unwrap_or(1)));
    let at = pending.elapsed_ms();
    pending.note(|receipt| receipt.timings.head_ms = Some(at));
    let (status, headers) =
        heads.first().map_or((200, header::HeaderMap::new()), |head| (head.status().as_u16(), head.headers().clone()));
    let empty_is_failure = inbound.caller.snapshot.settings.proxy_treat_empty_output_as_failure;
    // Together they are bounded like one.
    let (request, most_bytes) = (inbound.body.clone(), MOST_ANSWER_BYTES / choices);
    let one_asked = Asked { offer, clocks, input_tokens, request, most_bytes };
    let Speech::Converted(conversion) = speech else { return Err(Miss::Unusable) };
    let one = |head: Response| accept_one(head, &one_asked, &conversion, empty_is_failure);
    let taken = try_join_all(heads.into_iter().map(one)).await?;
    let bytes = taken.iter().map(Taken::bytes).sum();
    let (speech, tap) = (Speech::Converted(conversion), tap(offer));
    let reading = move || {
        let read = taken.into_iter().map(|one| one.read(&tap, &speech, empty_is_failure)).collect::<Result<Vec<_>, _>>();
        read.map(|answers| (answers, speech))
    };
    let read = inbound.footprint.finish(bytes, reading).await.map_err(unread)?;
    let (answers, speech) = read.map_err(|not| not.told(&one_asked))?;
    let said = joined(answers, input_tokens, bytes);
    Ok(Answer { status, headers, said, head_ms, speech, left_out })
}

/// The answers as one, with the sum of what they used.
fn joined(answers: Vec<(hub::Answer, UsageTap)>, input_tokens: i64, bytes: usize) -> Said {
    let (read, taps): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    let mut taps = taps.into_iter();
    let mut all = taps.next().unwrap_or_else(|| UsageTap::new(Protocol::ChatCompletions));
    taps.for_each(|tap| all.join(&tap, input_tokens));
    Said::Whole(Heard::Several(read), Box::new(all), bytes)
}
