//! A stream that is metered while it goes out.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use actors::channel_health::{ChannelSlot, Verdict};
use actors::usage_ledger::PendingReceipt;
use actors::user_gate::Extension;
use actors::vocabulary::{Cause, Ending, Nanos, Protocol, Tariff, Usage};
use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Memory, meter};
use crate::translation::{Fault, Frame, Meaning, Speech, faults};
use crate::upstream::{Broken, Events, Next};

/// Output tokens between two looks at the hold.
const LOOK_EVERY: i64 = 64;
/// A stream that waits for money asks for it at least this often.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Bytes after which a piece goes out, though more is here already.
const MOST_AT_ONCE: usize = 16 << 10;
/// How long the connection may take to end after the last event, so that it can be used again.
const WIND_UP: Duration = Duration::from_millis(50);
/// How long the figures of an answer are waited for that was cut at a stop sequence. What the upstream goes on to say until
/// then is billed, since it bills it, too.
const AFTER_CUT: Duration = Duration::from_secs(3);
/// The error of a stream that the upstream ended with an error event.
const TOLD: &str = "the upstream ended the stream with an error event";
/// The error of a stream that was cut because the process stops.
const LATE: &str = "the gateway is being restarted";
/// The error of an answer that the upstream broke off.
const BROKE_OFF: &str = "the upstream broke the answer off with an error";
/// How long events may follow an error event (`error`, then `response.failed`).
const AFTERMATH: Duration = Duration::from_millis(500);

/// What a stream is made of.
pub(super) struct Parts {
    pub(super) protocol: Protocol,
    pub(super) tariff: Tariff,
    pub(super) hold_tokens: i64,
    pub(super) cut_when_exhausted: bool,
    pub(super) money_patience: Duration,
    pub(super) slot: ChannelSlot,
    pub(super) input_tokens: i64,
    pub(super) status: u16,
    pub(super) speech: Speech,
    pub(super) memory: Memory,
    pub(super) keep_alive: Duration,
    pub(super) late: CancellationToken,
    pub(super) pending: PendingReceipt,
}

/// Where a stream stands.
#[derive(Debug)]
enum Stage {
    Running(Box<PendingReceipt>),
    /// The last event is out; the connection winds up.
    Ended,
    Over,
}

/// The stream. Dropped before its end, it books what was delivered as left by the client.
pub struct MeteredStream {
    protocol: Protocol,
    tariff: Tariff,
    hold_tokens: i64,
    cut_when_exhausted: bool,
    money_patience: Duration,
    /// Since when it waits for money that others hold.
    short_since: Option<Instant>,
    slot: ChannelSlot,
    input_tokens: i64,
    status: u16,
    speech: Speech,
    memory: Memory,
    keep_alive: Duration,
    /// Boxed, since it is waited for again and again: it takes its place in the line of those who wait once.
    late: Pin<Box<WaitForCancellationFutureOwned>>,
    events: Box<Events>,
    held: VecDeque<(Frame, Meaning)>,
    look_at: i64,
    stage: Stage,
}

impl fmt::Debug for MeteredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MeteredStream({:?})", self.stage)
    }
}

/// What a look at the hold says.
enum Look {
    /// Go on.
    GoOn,
    /// Nothing more may be taken from the upstream before somebody gives money back.
    Short,
    /// The balance is used up.
    UsedUp,
}

/// Why a stream is at its end.
enum End {
    Complete,
    /// The upstream's own error event is already out.
    Told,
    /// At a stop sequence that the gateway looks for.
    Cut,
    Missing,
    Broken(Broken),
    /// An error that the client would have taken for an answer's end.
    Fault,
    /// An end with nothing before it that could be read.
    Unreadable,
    Exhausted,
    /// The process stops, and can wait no longer.
    Late,
}

impl MeteredStream {
    pub(super) fn new(parts: Parts, held: Vec<(Frame, Meaning)>, events: Box<Events>) -> Self {
        let mut pending = parts.pending;
        pending.committed();
        Self {
            protocol: parts.protocol,
            tariff: parts.tariff,
            hold_tokens: parts.hold_tokens,
            cut_when_exhausted: parts.cut_when_exhausted,
            money_patience: parts.money_patience,
            short_since: None,
            slot: parts.slot,
            input_tokens: parts.input_tokens,
            status: parts.status,
            speech: parts.speech,
            memory: parts.memory,
            keep_alive: parts.keep_alive,
            late: Box::pin(parts.late.cancelled_owned()),
            events,
            held: held.into(),
            look_at: LOOK_EVERY,
            stage: Stage::Running(Box::new(pending)),
        }
    }

    /// The next bytes for the client; `None` at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::Running(_) => Some(self.run().await),
            Stage::Ended => {
                self.wind_up(WIND_UP).await;
                self.stage = Stage::Over;
                None
            }
            Stage::Over => None,
        }
    }

    /// Sends what is there; at the end, its last bytes only after the receipt is in the journal.
    async fn run(&mut self) -> Bytes {
        let mut out = Out::default();
        let began = Instant::now();
        loop {
            if self.speech.is_cut() {
                if !out.is_empty() {
                    return out.bytes();
                }
                self.figures_of_the_rest().await;
                return self.finish(out, End::Cut).await;
            }
            if let Some(end) = self.tell_held(&mut out).await {
                return self.finish(out, end).await;
            }
            if self.speech.is_cut() {
                continue;
            }
            match self.look_at_the_hold().await {
                Look::GoOn => {}
                Look::UsedUp => return self.finish(out, End::Exhausted).await,
                Look::Short if !out.is_empty() => return out.bytes(),
                Look::Short => {
                    if self.money_comes(began + self.keep_alive).await {
                        continue;
                    }
                    return self.speech.keep_alive();
                }
            }
            if !out.is_empty() {
                // What is here already goes out in the same piece.
                match self.events.next_ready().await {
                    Some(event) => self.held.push_back(event),
                    None => return out.bytes(),
                }
                if out.len() >= MOST_AT_ONCE {
                    return out.bytes();
                }
                continue;
            }
            let next = tokio::select! {
                biased;
                () = &mut self.late => return self.finish(out, End::Late).await,
                next = self.events.next(Instant::now() + self.keep_alive) => next,
            };
            match next {
                Next::Event(frame, meaning) => self.held.push_back((frame, meaning)),
                Next::Quiet => return self.speech.keep_alive(),
                Next::Closed => return self.finish(out, End::Missing).await,
                Next::Broken(broken) => return self.finish(out, End::Broken(broken)).await,
            }
        }
    }

    /// Tells what has come, up to a cut; the end, if it has come, too.
    async fn tell_held(&mut self, out: &mut Out) -> Option<End> {
        while let Some((frame, meaning)) = self.held.pop_front() {
            match meaning {
                Meaning::Fault => return Some(End::Fault),
                Meaning::End if self.events.tap().is_unreadable() => return Some(End::Unreadable),
                _ => self.tell(&frame, meaning, out),
            }
            match meaning {
                _ if self.speech.is_cut() => {
                    self.held.push_front((frame, meaning));
                    return None;
                }
                Meaning::End => return Some(End::Complete),
                Meaning::Error => {
                    self.aftermath(out).await;
                    return Some(End::Told);
                }
                // What its reader alone takes for the end is a failure.
                _ if self.speech.is_over() == Some(true) => return Some(End::Told),
                _ => {}
            }
        }
        None
    }

    /// Notes what was used so far; asks for more money before the output passes the hold.
    async fn look_at_the_hold(&mut self) -> Look {
        let Stage::Running(pending) = &mut self.stage else { return Look::GoOn };
        let usage = meter(pending, self.events.tap(), self.input_tokens);
        let delivered = self.events.tap().delivered();
        if delivered < self.look_at || !self.protocol.is_billed() {
            return Look::GoOn;
        }
        let ahead = Usage { output: usage.output.max(delivered).saturating_add(LOOK_EVERY), ..usage };
        let Some(hold) = pending.hold() else { return Look::GoOn };
        let missing = self.tariff.cost(&ahead).minus(hold.money());
        let extension = if missing > Nanos::ZERO {
            let step = self.tariff.cost(&Usage { output: self.hold_tokens.max(LOOK_EVERY), ..Usage::default() });
            hold.extend(missing, step.max(missing)).await
        } else {
            Extension::Granted
        };
        match extension {
            Extension::Granted => self.look_at = delivered.saturating_add(LOOK_EVERY),
            _ if self.cut_when_exhausted => return Look::UsedUp,
            Extension::Overdrawn => self.look_at = i64::MAX,
            Extension::Held if self.short_since.is_none_or(|since| since.elapsed() < self.money_patience) => {
                self.short_since.get_or_insert_with(Instant::now);
                return Look::Short;
            }
            Extension::Held | Extension::UsedUp => return Look::UsedUp,
        }
        self.short_since = None;
        Look::GoOn
    }

    /// Waits for money that others hold; `false` when the client must see a sign of life first.
    async fn money_comes(&self, alive_by: Instant) -> bool {
        let Stage::Running(pending) = &self.stage else { return true };
        let Some(hold) = pending.hold() else { return true };
        let patience = self.short_since.map_or(Instant::now(), |since| since + self.money_patience);
        // What is given back between the question and this wait is seen at the next one.
        let until = alive_by.min(patience).min(Instant::now() + ASK_AGAIN);
        let _asked_again_either_way = tokio::time::timeout_at(until, hold.freed()).await;
        Instant::now() < alive_by
    }

    /// Ends the stream legally, whatever happened.
    async fn finish(&mut self, mut out: Out, end: End) -> Bytes {
        // Not the channel's fault.
        let is_late = matches!(end, End::Late);
        // The client may have heard nothing of an end that was told in an odd way.
        let is_unheard = self.speech.is_over() == Some(false);
        let cause = cause_of(&end);
        let (ending, error, last) = match end {
            End::Complete if !is_unheard => (Ending::Completed, None, None),
            End::Complete | End::Missing | End::Broken(_) if let Some(last) = self.missing_end() => {
                (Ending::Completed, None, Some(last))
            }
            End::Cut => {
                let (usage, _) = self.events.tap().reading(self.input_tokens);
                (Ending::Completed, None, self.speech.missing_end(&usage))
            }
            End::Told if is_unheard => self.failure(Ending::UpstreamFailed, Fault::UPSTREAM, TOLD),
            End::Told => (Ending::UpstreamFailed, Some(TOLD.to_owned()), None),
            End::Complete | End::Missing => {
                self.failure(Ending::UpstreamFailed, Fault::UPSTREAM, "the upstream closed the stream before its end")
            }
            End::Fault => self.failure(Ending::UpstreamFailed, Fault::UPSTREAM, BROKE_OFF),
            End::Unreadable => self.failure(Ending::UpstreamFailed, Fault::UPSTREAM, "the upstream's answer could not be read"),
            End::Broken(Broken::Idle) => self.failure(Ending::TimedOut, Fault::TIMEOUT, &Broken::Idle.to_string()),
            End::Broken(broken) => self.failure(Ending::UpstreamFailed, Fault::UPSTREAM, &broken.to_string()),
            End::Late => self.failure(Ending::TimedOut, Fault::UNAVAILABLE, LATE),
            End::Exhausted => {
                self.failure(Ending::Refused, Fault::UNPAID, "the balance was used up while the answer was under way")
            }
        };
        if matches!(ending, Ending::UpstreamFailed | Ending::TimedOut) && !is_late {
            self.slot.report(Verdict::Failed { retry_after: None }, None);
        }
        if let Some(last) = last {
            out.push(last);
        }
        self.memory.keep(&mut self.speech);
        let Stage::Running(mut pending) = std::mem::replace(&mut self.stage, Stage::Ended) else { return out.bytes() };
        meter(&mut pending, self.events.tap(), self.input_tokens);
        pending.note(|receipt| receipt.cause = error.as_ref().map(|_| cause));
        match pending.close(ending, self.status, error).await {
            Ok(()) => out.bytes(),
            Err(ill) => {
                tracing::error!(%ill, "an answer was cut short, since its receipt could not be written");
                // Not through the speech: to its mind the stream has ended, but those bytes never go out.
                let sequence = self.events.tap().next_sequence();
                faults::event(self.protocol, Fault::UNAVAILABLE, "the gateway could not record this request", sequence)
            }
        }
    }

    fn failure(&mut self, ending: Ending, fault: Fault, why: &str) -> (Ending, Option<String>, Option<Bytes>) {
        let sequence = self.events.tap().next_sequence();
        (ending, Some(why.to_owned()), Some(self.speech.fail(fault, why, sequence)))
    }

    /// The legal end that the upstream left out, if its stop reason came.
    fn missing_end(&mut self) -> Option<Bytes> {
        let tap = self.events.tap();
        let (usage, _) = tap.reading(self.input_tokens);
        if !tap.stopped() {
            return None;
        }
        self.speech.missing_end(&usage)
    }

    /// Tells the client one event.
    fn tell(&mut self, frame: &Frame, meaning: Meaning, out: &mut Out) {
        let (usage, _) = self.events.tap().reading(self.input_tokens);
        let bytes = self.speech.event(frame, meaning, &usage);
        if !bytes.is_empty() {
            out.push(bytes);
        }
    }

    /// Reads on after a cut, for the usage that comes last.
    async fn figures_of_the_rest(&mut self) {
        let is_last = |meaning: Meaning| matches!(meaning, Meaning::End | Meaning::Error);
        if self.held.drain(..).any(|(_, meaning)| is_last(meaning)) {
            return;
        }
        let until = Instant::now() + AFTER_CUT;
        while let Next::Event(_, meaning) = self.events.next(until).await {
            if is_last(meaning) {
                return;
            }
        }
    }

    /// Passes on what follows an error event.
    async fn aftermath(&mut self, out: &mut Out) {
        let until = Instant::now() + AFTERMATH;
        while let Next::Event(frame, meaning) = self.events.next(until).await {
            self.tell(&frame, meaning, out);
        }
    }

    /// Reads to the end of the body, so that the connection can be used again.
    async fn wind_up(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        while let Next::Event(..) = self.events.next(until).await {}
    }
}

/// The word for an end that is none.
fn cause_of(end: &End) -> Cause {
    Cause::of(match end {
        End::Told => "upstream_error_event",
        End::Complete | End::Cut | End::Missing => "upstream_closed_early",
        End::Fault => "upstream_broke_off",
        End::Unreadable => "upstream_unreadable",
        End::Broken(Broken::Idle) => "upstream_silent",
        End::Broken(Broken::Network) => "upstream_broke",
        End::Broken(Broken::TooLong) => "upstream_event_too_long",
        End::Exhausted => "balance_ran_out",
        End::Late => "gateway_stopping",
    })
}

/// Bytes on their way out; one piece is passed on without a copy.
#[derive(Default)]
struct Out {
    first: Bytes,
    rest: BytesMut,
}

impl Out {
    fn push(&mut self, bytes: Bytes) {
        if self.first.is_empty() {
            self.first = bytes;
        } else {
            self.rest.extend_from_slice(&bytes);
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut all = BytesMut::with_capacity(self.first.len() + self.rest.len());
        all.extend_from_slice(&self.first);
        all.extend_from_slice(&self.rest);
        all.freeze()
    }
}
