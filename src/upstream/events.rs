//! An upstream's event stream as frames, with an idle deadline, bounded.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::Duration;

use awc::error::PayloadError;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::Instant;

use super::wire::Response;
use crate::translation::{Frame, Framer, Meaning, UsageTap};

/// How an event stream broke off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// No event for too long.
    #[error("the upstream was silent for too long")]
    Idle,
    /// The connection broke.
    #[error("the upstream's connection broke")]
    Network,
    /// An event grew beyond all bounds.
    #[error("the upstream sent an event that is too long")]
    TooLong,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// An event, and what it means.
    Event(Frame, Meaning),
    /// The upstream closed the stream.
    Closed,
    /// It broke.
    Broken(Broken),
    /// Nothing came within the time asked for; the stream goes on.
    Quiet,
}

/// The stream.
pub struct Events {
    response: Response,
    framer: Framer,
    ready: VecDeque<(Frame, Meaning)>,
    tap: UsageTap,
    idle: Duration,
    idle_at: Instant,
    closed: bool,
    broken: Option<Broken>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Events({} ready)", self.ready.len())
    }
}

impl Events {
    /// Reads the body of `response` behind its `head`; zero `idle` = no idle deadline.
    pub(super) fn new(response: Response, head: Bytes, tap: UsageTap, idle: Duration) -> Self {
        let idle = if idle.is_zero() { Duration::from_secs(86_400) } else { idle };
        let idle_at = Instant::now() + idle;
        let (framer, ready) = (Framer::default(), VecDeque::new());
        let mut events = Self { response, framer, ready, tap, idle, idle_at, closed: false, broken: None };
        events.came(Some(Ok(head)));
        events
    }

    /// What has been read so far says of usage.
    pub fn tap(&self) -> &UsageTap {
        &self.tap
    }

    /// The next event; [`Next::Quiet`] when none came until `quiet_at`.
    pub async fn next(&mut self, quiet_at: Instant) -> Next {
        loop {
            if let Some((frame, meaning)) = self.ready.pop_front() {
                return Next::Event(frame, meaning);
            }
            if let Some(broken) = &self.broken {
                return Next::Broken(broken.clone());
            }
            if self.closed {
                return Next::Closed;
            }
            let until = quiet_at.min(self.idle_at);
            match tokio::time::timeout_at(until, self.response.next()).await {
                Ok(chunk) => self.came(chunk),
                Err(_) if until == self.idle_at => return Next::Broken(Broken::Idle),
                Err(_) => return Next::Quiet,
            }
        }
    }

    /// The next event that is already here, or that the connection gives without waiting. How the stream ends is left
    /// to [`Self::next`].
    pub async fn next_ready(&mut self) -> Option<(Frame, Meaning)> {
        while self.ready.is_empty() && !self.closed && self.broken.is_none() {
            let here = std::future::poll_fn(|cx| match self.response.poll_next_unpin(cx) {
                Poll::Ready(chunk) => Poll::Ready(Some(chunk)),
                Poll::Pending => Poll::Ready(None),
            });
            match here.await {
                Some(chunk) => self.came(chunk),
                None => break,
            }
        }
        self.ready.pop_front()
    }

    /// Takes in what the connection gave; `None` is its end.
    fn came(&mut self, chunk: Option<Result<Bytes, PayloadError>>) {
        match chunk {
            Some(Ok(chunk)) => {
                self.idle_at = Instant::now() + self.idle;
                if self.take(chunk).is_err() {
                    self.broken = Some(Broken::TooLong);
                }
            }
            Some(Err(_)) => self.broken = Some(Broken::Network),
            None => self.close(),
        }
    }

    fn take(&mut self, chunk: Bytes) -> Result<(), crate::translation::sse::EventTooLong> {
        for frame in self.framer.feed(chunk)? {
            let meaning = self.tap.event(&frame);
            self.ready.push_back((frame, meaning));
        }
        Ok(())
    }

    fn close(&mut self) {
        self.closed = true;
        if let Some(frame) = self.framer.finish() {
            let meaning = self.tap.event(&frame);
            self.ready.push_back((frame, meaning));
        }
    }
}
