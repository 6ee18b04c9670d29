//! A body on its way to the caller: piece by piece, with pauses, gates and accidents where the script has them.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use super::recorder::Presence;
use super::reply::{Reply, Twist};
use super::telling::{Beat, Telling};

/// Where the bytes come from.
pub(super) enum Source {
    Stream(Box<Telling>),
    Beats(VecDeque<Beat>),
}

impl Source {
    /// A body at hand, in two halves when something is to happen between them.
    pub(super) fn whole(body: Bytes, halved: bool) -> Self {
        let middle = if halved { body.len() / 2 } else { body.len() };
        let halves = [body.slice(..middle), body.slice(middle..)];
        Self::chunks(halves)
    }

    /// These chunks; empty ones would end a chunked body and are left out.
    pub(super) fn chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let chunks = chunks.into_iter().filter(|bytes| !bytes.is_empty());
        Self::Beats(chunks.map(|bytes| Beat { bytes, is_piece: true }).collect())
    }

    fn next(&mut self) -> Option<Beat> {
        match self {
            Self::Stream(telling) => telling.next(),
            Self::Beats(beats) => beats.pop_front(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Stream(telling) => telling.is_over(),
            Self::Beats(beats) => beats.is_empty(),
        }
    }

    fn failure(&mut self) -> Vec<Bytes> {
        match self {
            Self::Stream(telling) => telling.failure(),
            Self::Beats(_) => Vec::new(),
        }
    }
}

type Wait = Pin<Box<dyn Future<Output = ()>>>;

/// A body that plays its source by the course of a reply.
pub(super) struct Performance {
    source: Source,
    reply: Arc<Reply>,
    presence: Presence,
    /// Known length, of a body that nothing is going to happen to.
    length: Option<u64>,
    ahead: Option<Beat>,
    pieces_sent: usize,
    gates_passed: usize,
    wait: Option<Wait>,
    /// Give what was written so far a write of its own before going on.
    flush: bool,
    paused: bool,
    twisted: bool,
    cuts: bool,
}

impl Performance {
    pub(super) fn new(source: Source, length: Option<u64>, reply: Arc<Reply>, presence: Presence) -> Self {
        let mut performance = Self {
            source,
            reply,
            presence,
            length,
            ahead: None,
            pieces_sent: 0,
            gates_passed: 0,
            wait: None,
            flush: length.is_none(),
            paused: false,
            twisted: false,
            cuts: false,
        };
        if performance.reply.course.fails_at_once {
            performance.fail();
        }
        performance
    }

    /// From here on only the protocol's error event.
    fn fail(&mut self) {
        self.source = Source::chunks(self.source.failure());
        self.ahead = None;
        self.twisted = true;
    }

    /// Whether what the script placed after so many pieces is due. "After none" is after the opening events.
    fn is_due(&self, after: usize) -> bool {
        if after == 0 { self.ahead.as_ref().is_none_or(|beat| beat.is_piece) } else { self.pieces_sent >= after }
    }

    /// The first gate that is due and not yet passed, or the pause before the next piece.
    fn obstacle(&mut self) -> Option<Wait> {
        let course = &self.reply.course;
        if let Some((after, gate)) = course.gates.get(self.gates_passed)
            && self.is_due(*after)
        {
            let gate = gate.clone();
            self.gates_passed += 1;
            return Some(Box::pin(async move { gate.wait().await }));
        }
        let pause = course.chunk_delay.filter(|pause| *pause > Duration::ZERO)?;
        if self.pieces_sent == 0 || self.paused || !self.ahead.as_ref().is_some_and(|beat| beat.is_piece) {
            return None;
        }
        self.paused = true;
        Some(Box::pin(tokio::time::sleep(pause)))
    }

    fn due_twist(&mut self) -> Option<Twist> {
        let (after, twist) = self.reply.course.twist.filter(|_| !self.twisted)?;
        self.is_due(after).then_some(twist)
    }

    fn send(&mut self, beat: Beat) -> Bytes {
        self.pieces_sent += usize::from(beat.is_piece);
        self.paused = false;
        // The last bytes count as the end: a caller may leave as soon as it has read them.
        if self.source.is_over() && !self.awaits_a_twist() {
            self.presence.finish();
        } else {
            self.flush = beat.is_piece;
        }
        beat.bytes
    }

    fn awaits_a_twist(&self) -> bool {
        self.reply.course.twist.is_some_and(|(after, _)| !self.twisted && self.is_due(after))
    }
}

impl MessageBody for Performance {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        self.length.map_or(BodySize::Stream, BodySize::Sized)
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, io::Error>>> {
        let this = self.get_mut();
        loop {
            if let Some(wait) = &mut this.wait {
                ready!(wait.as_mut().poll(cx));
                this.wait = None;
            }
            if std::mem::take(&mut this.flush) {
                // The server writes when a body has nothing ready.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if this.ahead.is_none() {
                this.ahead = this.source.next();
            }
            if let Some(wait) = this.obstacle() {
                this.wait = Some(wait);
                continue;
            }
            match this.due_twist() {
                Some(Twist::Hang) => return Poll::Pending,
                Some(Twist::ErrorEvent) => {
                    this.fail();
                    continue;
                }
                Some(Twist::EndQuietly) => {
                    this.presence.finish();
                    return Poll::Ready(None);
                }
                Some(Twist::CutConnection) if !this.cuts => {
                    // What was given so far is to be written before the connection breaks.
                    this.cuts = true;
                    this.flush = true;
                    continue;
                }
                Some(Twist::CutConnection) => {
                    this.presence.finish();
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
                }
                None => {}
            }
            let Some(beat) = this.ahead.take() else {
                this.presence.finish();
                return Poll::Ready(None);
            };
            return Poll::Ready(Some(Ok(this.send(beat))));
        }
    }
}
