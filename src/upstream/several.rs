//! Several answers from a channel that gives one at a time: asked for side by side, in one attempt.
//!
//! All or nothing: where one of them fails the attempt has failed like that one, and the others are given up. They are whole
//! answers, also for a client that wants a stream: it is told them when all are there.

use actix_web::http::header;
use actors::settings_cache::Offer;
use actors::vocabulary::Price;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::attempt::{Answer, Clocks, Said, declined, error_body, unanswered, whole_answer, whole_body};
use super::request::Ready;
use super::verdict::{Answered, Miss, is_about_the_model, retry_after};
use super::wire::{Response, Wire};
use crate::admission::Inbound;
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
    let heads = try_join_all((0..choices).map(|_| wire.send(&outgoing, patience))).await;
    let mut heads = heads.map_err(|error| unanswered(&error, outgoing.body.len()))?;
    let head_ms = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
    if let Some(refused) = heads.iter().position(|head| !head.status().is_success()) {
        return refusal(heads.swap_remove(refused), speech, offer, head_ms, left_out).await;
    }
    let pending = &mut inbound.caller.pending;
    pending.accepted(input_tokens.saturating_mul(i64::try_from(choices).unwrap_or(1)));
    let at = pending.elapsed_ms();
    pending.note(|receipt| receipt.timings.head_ms = Some(at));
    let (status, headers) =
        heads.first().map_or((200, header::HeaderMap::new()), |head| (head.status().as_u16(), head.headers().clone()));
    let must_produce = inbound.caller.snapshot.settings.proxy_treat_empty_output_as_failure;
    let one = |head: Response| {
        let speech = &speech;
        async move { whole_answer(tap(offer), speech, whole_body(head, clocks.answer_by).await?, must_produce) }
    };
    let said = joined(try_join_all(heads.into_iter().map(one)).await?, input_tokens);
    Ok(Answer { status, headers, said, head_ms, speech, left_out })
}

fn tap(offer: &Offer) -> UsageTap {
    let have_a_price = offer.tariff.prices.is_some_and(|prices| prices.cache_creation != Price::default());
    UsageTap::new(offer.protocol).splitting_cache_writes(have_a_price)
}

/// The answers as one, with the sum of what they used.
fn joined(answers: Vec<Said>, input_tokens: i64) -> Said {
    let (mut read, mut all) = (Vec::new(), None::<UsageTap>);
    for said in answers {
        let Said::Whole(Heard::Read(answer), tap) = said else { continue };
        read.push(answer);
        match &mut all {
            Some(all) => all.join(&tap, input_tokens),
            None => all = Some(tap),
        }
    }
    let all = all.unwrap_or_else(|| UsageTap::new(actors::vocabulary::Protocol::ChatCompletions));
    Said::Whole(Heard::Several(read), all)
}

/// What one of them says instead of an answer, which all would have been told.
async fn refusal(
    head: Response,
    speech: Speech,
    offer: &Offer,
    head_ms: i64,
    left_out: crate::translation::hub::LeftOut,
) -> Result<Answer, Miss> {
    let (status, mut headers) = (head.status().as_u16(), head.headers().clone());
    match status {
        401..=403 | 408 | 429 | 500..=599 => {
            let retry_after = retry_after(&headers);
            error_body(head).await;
            Err(Miss::Status { status, retry_after })
        }
        400..=499 => {
            let body = error_body(head).await;
            let is_about_the_model = status == 404 && is_about_the_model(&body, &offer.upstream_model);
            let body = declined(&speech, status, &mut headers, body);
            if is_about_the_model {
                return Err(Miss::NoSuchModel(Answered { status, headers, body }));
            }
            Ok(Answer { status, headers, said: Said::Declined(body), head_ms, speech, left_out })
        }
        _ => Err(Miss::NoAnswer(format!("answered with status {status}"))),
    }
}
