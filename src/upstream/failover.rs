//! The loop: candidates in order, slots, retries, the last resort, one deadline over all.

use std::sync::Arc;
use std::time::Duration;

use actors::channel_health::{Begun, Candidate, ChannelHealth, ChannelSlot, NoStart, NoneLive, Verdict};
use actors::settings_cache::Offer;
use actors::vocabulary::{Attempt, Deadlines};
use tokio::time::Instant;

use super::attempt::{Answer, Clocks, Said, attempt};
use super::verdict::{Answered, Miss};
use super::wire::Wire;
use crate::admission::{Inbound, Stopped};
use crate::capacity::Overloaded;
use crate::routing::{RecentItems, Route, candidate};
use crate::translation::hub::CannotCarry;

/// Longest pause before a retry of the same channel, first and last; doubling in between, with full jitter
/// (the scheme of AWS' "Exponential Backoff And Jitter").
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How long after the request's deadline an attempt may take to notice it by itself.
const GRACE: Duration = Duration::from_millis(100);
/// What "no deadline" means.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// An answer past the commit point.
#[derive(Debug)]
pub struct Arrival {
    /// The request, with its receipt.
    pub inbound: Inbound,
    /// The offer that answered.
    pub offer: Offer,
    /// Its answer.
    pub answer: Answer,
    /// Its slot, given back when the answer has ended.
    pub slot: ChannelSlot,
    /// Expected input tokens.
    pub input_tokens: i64,
}

/// Why no upstream answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failed {
    /// Every channel rests.
    #[error("no channel is available right now")]
    NoneLive {
        /// Milliseconds until one may be tried again.
        retry_ms: i64,
    },
    /// Every channel stayed saturated.
    #[error("all channels are busy")]
    Saturated,
    /// All that were tried failed.
    #[error("{tried} upstream attempt{} failed", if *.tried == 1 { "" } else { "s" })]
    All {
        /// Attempts made.
        tried: usize,
        /// The last status among 408, 429, 5xx, 529.
        status: Option<u16>,
        /// Its `Retry-After`.
        retry_after: Option<Duration>,
        /// Whether the last attempt ran out of time.
        timed_out: bool,
    },
    /// Every channel said it does not have the model; the last one's words.
    #[error("no upstream has the model")]
    NoSuchModel(Answered),
    /// No channel's protocol has a place for what was asked.
    #[error(transparent)]
    CannotCarry(CannotCarry),
    /// The gateway has no memory or thread for it.
    #[error(transparent)]
    Overloaded(Overloaded),
    /// The request's own deadline passed.
    #[error("the request took longer than its deadline")]
    Deadline,
    /// The health actor does not answer.
    #[error("the gateway cannot choose a channel right now")]
    Unanswered,
}

/// Tries the candidates until one answers.
///
/// # Errors
/// When none does; the receipt is still open.
pub async fn call(
    wire: &Wire,
    health: &ChannelHealth,
    items: &Arc<RecentItems>,
    route: Route,
) -> Result<Arrival, Stopped<Failed>> {
    let deadline = if route.deadlines.whole.is_zero() { FOR_EVER } else { route.deadlines.whole };
    let by = Instant::now() + deadline.saturating_sub(route.inbound.caller.pending.elapsed());
    let mut trip = Trip::new(wire, health, items, route, by);
    let patience = trip.slot_patience();
    let answered = match tokio::time::timeout_at(by + GRACE, trip.run(patience)).await {
        Ok(answered) => answered,
        Err(_) => {
            trip.route.inbound.caller.pending.withdrawn();
            Err(Failed::Deadline)
        }
    };
    match answered {
        Ok((offer, answer, slot)) => {
            Ok(Arrival { inbound: trip.route.inbound, offer, answer, slot, input_tokens: trip.route.input_tokens })
        }
        Err(why) => Err(Stopped::with(why, trip.route.inbound.caller.pending)),
    }
}

/// One request's way along its candidates.
struct Trip<'a> {
    wire: &'a Wire,
    health: &'a ChannelHealth,
    items: &'a Arc<RecentItems>,
    route: Route,
    by: Instant,
    tried: usize,
    last: Option<Miss>,
    kept: Option<(u16, Option<Duration>)>,
}

type Answering = (Offer, Answer, ChannelSlot);

impl<'a> Trip<'a> {
    fn new(wire: &'a Wire, health: &'a ChannelHealth, items: &'a Arc<RecentItems>, route: Route, by: Instant) -> Self {
        Self { wire, health, items, route, by, tried: 0, last: None, kept: None }
    }

    fn slot_patience(&self) -> Duration {
        self.route.inbound.caller.snapshot.settings.concurrency_wait_sec
    }

    /// Rounds over the candidates, then the last resort.
    async fn run(&mut self, patience: Duration) -> Result<Answering, Failed> {
        let settings = &Arc::clone(&self.route.inbound.caller.snapshot).settings;
        let most = 1 + usize::try_from(settings.proxy_max_retries).unwrap_or(0);
        let mut left: Vec<(Offer, Candidate)> =
            self.route.offers.iter().cloned().zip(self.route.candidates.iter().cloned()).collect();
        let mut again = Vec::new();
        while self.tried < most {
            if left.is_empty() {
                left = std::mem::take(&mut again);
                self.pause().await;
            }
            if self.is_late() {
                return Err(Failed::Deadline);
            }
            let begun = match self.begin(&left, patience).await {
                Ok(begun) => begun,
                Err(no_start) => match self.give_up(no_start) {
                    Some(failed) if self.tried == 0 && self.route.fallback.is_none() => return Err(failed),
                    _ => break,
                },
            };
            let (offer, candidate) = left.remove(begun.index);
            match self.attempt(&offer, begun.slot).await {
                Ok((answer, slot)) => return Ok((offer, answer, slot)),
                Err(miss) => {
                    let moves_on = miss.moves_on(settings);
                    if miss.may_pass() {
                        again.push((offer, candidate));
                    }
                    self.note(miss);
                    if !moves_on || (left.is_empty() && again.is_empty()) {
                        break;
                    }
                }
            }
        }
        self.last_resort().await
    }

    /// A slot for the next attempt: the one that came with the choice, or that of the first candidate that has one.
    async fn begin(&mut self, left: &[(Offer, Candidate)], patience: Duration) -> Result<Begun, NoStart> {
        if let Some(slot) = self.route.first.take() {
            return Ok(Begun { index: 0, slot });
        }
        let candidates: Arc<[Candidate]> = left.iter().map(|(_, candidate)| candidate.clone()).collect();
        self.health.begin(&candidates, patience).await
    }

    /// The fallback channel and model, if there is one that is live.
    async fn last_resort(&mut self) -> Result<Answering, Failed> {
        if self.is_late() {
            return Err(Failed::Deadline);
        }
        if let Some(offer) = self.route.fallback.take() {
            let candidates: Arc<[Candidate]> = [candidate(&offer)].into();
            if let Ok(begun) = self.health.begin(&candidates, Duration::ZERO).await {
                match self.attempt(&offer, begun.slot).await {
                    Ok((answer, slot)) => return Ok((offer, answer, slot)),
                    Err(miss) => self.note(miss),
                }
            }
        }
        if self.is_late() { Err(Failed::Deadline) } else { Err(self.failed()) }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.by
    }

    async fn attempt(&mut self, offer: &Offer, mut slot: ChannelSlot) -> Result<(Answer, ChannelSlot), Miss> {
        let inbound = &mut self.route.inbound;
        let started_ms = inbound.caller.pending.asks_upstream();
        let mut asked_before = None;
        inbound.caller.pending.note(|receipt| {
            asked_before = receipt.upstream_protocol;
            receipt.channel_id = Some(offer.channel.id);
            receipt.channel_name = Some(offer.channel.name.clone());
            receipt.upstream_model = Some(offer.upstream_model.to_string());
            receipt.tariff = Some(offer.tariff);
            receipt.converted = !offer.native;
            receipt.upstream_protocol = Some(offer.protocol);
        });
        let clocks = clocks(&self.route.deadlines, self.by);
        let tried = attempt(self.wire, inbound, offer, clocks, self.route.input_tokens, self.items).await;
        if let Err(Miss::CannotCarry(_) | Miss::Overloaded(_)) = &tried {
            inbound.caller.pending.asked_nobody();
            inbound.caller.pending.note(|receipt| receipt.upstream_protocol = asked_before);
            slot.report(Verdict::Nothing, None);
            return tried.map(|answer| (answer, slot));
        }
        self.tried += 1;
        let status = match &tried {
            Ok(answer) => Some(answer.status),
            Err(miss) => miss.status(),
        };
        let pending = &mut inbound.caller.pending;
        pending.attempted(Attempt {
            channel_id: offer.channel.id,
            channel_name: offer.channel.name.clone(),
            upstream_model: offer.upstream_model.to_string(),
            status,
            started_ms,
            duration_ms: pending.elapsed_ms() - started_ms,
            error: tried.as_ref().err().map(Miss::sentence),
            cause: tried.as_ref().err().map(Miss::cause),
        });
        match tried {
            Ok(answer) => {
                let verdict = match answer.said {
                    Said::Declined(_) => Verdict::Nothing,
                    _ if offer.is_estimate() => Verdict::Nothing,
                    _ => Verdict::Answered { head_ms: answer.head_ms },
                };
                slot.report(verdict, Some(self.route.conversation).filter(|_| verdict != Verdict::Nothing));
                Ok((answer, slot))
            }
            Err(miss) => {
                tracing::debug!(channel = offer.channel.name, status, cause = miss.cause().word, "an attempt failed");
                pending.withdrawn();
                slot.report(miss.verdict(), None);
                Err(miss)
            }
        }
    }

    fn note(&mut self, miss: Miss) {
        if let Miss::Status { status: status @ (408 | 429 | 500..=599), retry_after, .. } = miss {
            self.kept = Some((status, retry_after));
        }
        // What an upstream said says more than that another was not asked.
        if !matches!(miss, Miss::CannotCarry(_) | Miss::Overloaded(_)) || self.tried == 0 {
            self.last = Some(miss);
        }
    }

    /// What a failed start means; `None` when what happened before says more.
    fn give_up(&self, no_start: NoStart) -> Option<Failed> {
        match no_start {
            _ if self.tried > 0 => None,
            NoStart::NoneLive(NoneLive { retry_ms }) => Some(Failed::NoneLive { retry_ms }),
            NoStart::Saturated => Some(Failed::Saturated),
            NoStart::Unanswered => Some(Failed::Unanswered),
        }
    }

    fn failed(&mut self) -> Failed {
        match self.last.take() {
            None => Failed::NoneLive { retry_ms: 1_000 },
            Some(Miss::NoSuchModel(answered)) if self.kept.is_none() => Failed::NoSuchModel(answered),
            Some(Miss::CannotCarry(what)) if self.tried == 0 => Failed::CannotCarry(what),
            Some(Miss::Overloaded(why)) => Failed::Overloaded(why),
            Some(last) => Failed::All {
                tried: self.tried,
                status: self.kept.map(|(status, _)| status),
                retry_after: self.kept.and_then(|(_, retry_after)| retry_after),
                timed_out: matches!(last, Miss::TimedOut(_)),
            },
        }
    }

    /// Waits before a second round, so that retries do not arrive in step.
    async fn pause(&self) {
        let doublings = u32::try_from(self.tried.saturating_sub(1)).unwrap_or(0).min(10);
        let longest = (PAUSE.0 * 2_u32.pow(doublings)).min(PAUSE.1);
        tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
    }
}

fn clocks(deadlines: &Deadlines, by: Instant) -> Clocks {
    let patience = if deadlines.first_byte.is_zero() { FOR_EVER } else { deadlines.first_byte };
    Clocks { answer_by: by.min(Instant::now() + patience), commit_by: by, idle: deadlines.idle }
}

impl Arrival {
    /// Whether the channel served the request: it did not decline it, nor did the gateway answer in its place.
    pub fn served(&self) -> bool {
        !matches!(self.answer.said, Said::Declined(_)) && !self.offer.is_estimate()
    }

    /// The id of a Responses or Messages answer, as far as it has been read.
    pub fn response_id(&self) -> Option<String> {
        let tap = match &self.answer.said {
            Said::Whole(_, tap, _) => tap,
            Said::Stream(_, events) => events.tap(),
            Said::Declined(_) => return None,
        };
        tap.response_id().map(str::to_owned)
    }
}
