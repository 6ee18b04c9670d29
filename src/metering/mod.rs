//! Counts what goes out, and sees to it that every request ends in exactly one receipt.
//!
//! Mints [`Answer`], the only thing `edge` can send. The receipt of an answer is in the journal before the
//! last byte of that answer leaves.

mod stream;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actors::ports::StorageIll;
use actors::usage_ledger::{PendingReceipt, Spent};
use actors::vocabulary::{Cause, Ending, Protocol, Usage, UserId};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub use stream::MeteredStream;

use crate::routing::RecentItems;
use crate::translation::hub::LeftOut;
use crate::translation::{Speech, UsageTap};
use crate::upstream::{Arrival, Said};

/// What the client gets.
#[derive(Debug)]
pub struct Answer {
    /// The upstream's status.
    pub status: u16,
    /// The upstream's headers, of which `edge` passes a few on.
    pub headers: HeaderMap,
    /// What the client speaks.
    pub protocol: Protocol,
    /// What the upstream spoke.
    pub upstream: Protocol,
    /// The content type, where it is not the upstream's own.
    pub content_type: Option<&'static str>,
    /// What of the request did not come along.
    pub left_out: LeftOut,
    /// Whether the gateway estimated what it says.
    pub is_estimate: bool,
    /// Where the time went until now, where that may be told.
    pub spent: Option<Spent>,
    /// The body.
    pub body: Body,
}

/// An answer's body.
#[derive(Debug)]
pub enum Body {
    /// A whole answer, billed.
    Whole(Bytes),
    /// The caller's own error in the upstream's words.
    Declined(Bytes),
    /// A stream that bills itself at its end or when it is dropped.
    Stream(Box<MeteredStream>),
}

/// Meters an arrival. `keep_alive` is the silence after which a stream shows a sign of life; cancelled, `late` ends it.
///
/// # Errors
/// When a whole answer's receipt cannot be written; then it must not go out.
pub async fn answer(
    arrival: Arrival,
    items: &Arc<RecentItems>,
    keep_alive: Duration,
    late: &CancellationToken,
) -> Result<Answer, StorageIll> {
    let protocol = arrival.inbound.caller.protocol;
    let mut speech = arrival.answer.speech;
    let (upstream, is_estimate) = (arrival.offer.protocol, arrival.offer.is_estimate());
    let left_out = arrival.answer.left_out;
    let spent = arrival.inbound.caller.pending.spent();
    let declined = matches!(arrival.answer.said, Said::Declined(_));
    let content_type = speech.content_type().filter(|_| !declined);
    let memory = Memory { items: Arc::clone(items), user: arrival.inbound.caller.key.owner.id };
    let (status, headers) = (arrival.answer.status, arrival.answer.headers);
    let body = match arrival.answer.said {
        Said::Declined(body) => {
            let error = Some(format!("the upstream answered with status {status}"));
            let mut pending = arrival.inbound.caller.pending;
            pending.note(|receipt| receipt.cause = Some(Cause::about("upstream_declined", status)));
            pending.close_later(Ending::Completed, status, error);
            Body::Declined(body)
        }
        Said::Whole(heard, tap, bytes) => {
            let mut pending = arrival.inbound.caller.pending;
            let usage = meter(&mut pending, &tap, arrival.input_tokens);
            let telling = move || {
                let body = speech.whole(heard, &usage);
                memory.keep(&mut speech);
                body
            };
            // The owner's own crash: nothing was told, so nothing goes out, and what was used is still booked.
            let told = arrival.inbound.footprint.finish(bytes, telling).await;
            let body = told.map_err(|crash| StorageIll(crash.to_string()))?;
            pending.close(Ending::Completed, status, None).await?;
            Body::Whole(body)
        }
        Said::Stream(held, events) => {
            let settings = &arrival.inbound.caller.snapshot.settings;
            let parts = stream::Parts {
                protocol,
                tariff: arrival.offer.tariff,
                hold_tokens: settings.hold_output_tokens,
                cut_when_exhausted: settings.cut_when_exhausted,
                money_patience: settings.concurrency_wait_sec,
                slot: arrival.slot,
                input_tokens: arrival.input_tokens,
                status,
                speech,
                memory,
                keep_alive,
                late: late.clone(),
                pending: arrival.inbound.caller.pending,
            };
            Body::Stream(Box::new(MeteredStream::new(parts, held, events)))
        }
    };
    Ok(Answer { status, headers, protocol, upstream, content_type, left_out, is_estimate, spent, body })
}

/// Notes what was used so far, and where the upstream's word for it is not taken.
fn meter(pending: &mut PendingReceipt, tap: &UsageTap, input_tokens: i64) -> Usage {
    let (usage, estimated) = tap.reading(input_tokens);
    pending.used(usage, estimated);
    if let Some(figure) = tap.disbelieved() {
        pending.disbelieved(figure);
    }
    usage
}

/// Where a user's recent output items are kept.
struct Memory {
    items: Arc<RecentItems>,
    user: UserId,
}

impl Memory {
    /// Keeps what an answer gave its client to refer to.
    fn keep(&self, speech: &mut Speech) {
        self.items.remember(self.user, speech.output_items());
    }
}
