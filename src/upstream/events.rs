//! An upstream's event stream as frames, with an idle deadline, bounded.

use std::collections::VecDeque;
use std::time::Duration;

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
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Events({} ready)", self.ready.len())
    }
}

impl Events {
    /// Reads the body of `response`; zero `idle` = no idle deadline.
    pub(super) fn new(response: Response, tap: UsageTap, idle: Duration) -> Self {
        let idle = if idle.is_zero() { Duration::from_secs(86_400) } else { idle };
        let idle_at = Instant::now() + idle;
        Self { response, framer: Framer::default(), ready: VecDeque::new(), tap, idle, idle_at, closed: false }
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
            if self.closed {
                return Next::Closed;
            }
            let until = quiet_at.min(self.idle_at);
            match tokio::time::timeout_at(until, self.response.next()).await {
                Ok(Some(Ok(chunk))) => {
                    self.idle_at = Instant::now() + self.idle;
                    if self.take(chunk).is_err() {
                        return Next::Broken(Broken::TooLong);
                    }
                }
                Ok(Some(Err(_))) => return Next::Broken(Broken::Network),
                Ok(None) => self.close(),
                Err(_) if until == self.idle_at => return Next::Broken(Broken::Idle),
                Err(_) => return Next::Quiet,
            }
        }
    }

    /// The next event that is already here.
    pub fn next_ready(&mut self) -> Option<(Frame, Meaning)> {
        self.ready.pop_front()
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
