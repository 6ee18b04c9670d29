//! What one answer should be like: a builder whose pieces combine.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::gate::Gate;
use super::pieces::Pieces;
use super::usage::Usage;

/// How the provider should answer. What is left open is answered as if there were no script.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub(super) status: Option<u16>,
    pub(super) error_body: Option<Bytes>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) head: HeadPlan,
    pub(super) content: ContentPlan,
    pub(super) usage: UsagePlan,
    pub(super) course: Course,
}

/// What happens before the head is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadPlan {
    pub(super) delay: Option<Duration>,
    pub(super) gates: Vec<Gate>,
    pub(super) hangs: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ContentPlan {
    pub(super) text: Option<Pieces>,
    pub(super) padded_to: Option<usize>,
    pub(super) thinking: Option<(String, String)>,
    pub(super) tools: Vec<(String, String)>,
    pub(super) empty: bool,
    pub(super) raw: Option<Arc<Raw>>,
}

/// A body that is not the protocol's.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) content_type: String,
    pub(super) chunks: Vec<Bytes>,
    /// Whether the chunks go out as such, or as one body of known length.
    pub(super) chunked: bool,
}

/// Where the usage of an answer comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum UsagePlan {
    #[default]
    Counted,
    Fixed(Usage),
    Withheld,
}

/// What happens on the way through the body.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    pub(super) chunk_delay: Option<Duration>,
    pub(super) gates: Vec<(usize, Gate)>,
    pub(super) twist: Option<(usize, Twist)>,
    pub(super) fails_at_once: bool,
}

/// How a body goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    CutConnection,
    EndQuietly,
    ErrorEvent,
    Hang,
}

impl Reply {
    /// The default answer, to be changed by what follows.
    pub fn new() -> Self {
        Self::default()
    }

    /// A text, streamed word by word.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::new().saying(Pieces::words(text.as_ref()))
    }

    /// A text, streamed in exactly these pieces.
    pub fn pieces<T: Into<String>>(pieces: impl IntoIterator<Item = T>) -> Self {
        Self::new().saying(Pieces::List(pieces.into_iter().map(Into::into).collect()))
    }

    /// From 400 on an error in the vendor's shape, below it the usual answer with another status.
    pub fn status(status: u16) -> Self {
        Self::new().with_status(status)
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The body of an error, in place of the vendor's.
    #[must_use]
    pub fn error_body(mut self, body: impl Into<Bytes>) -> Self {
        self.error_body = Some(body.into());
        self
    }

    /// One more header, for instance `retry-after`; it replaces the usual one of that name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// This text.
    #[must_use]
    pub fn saying(mut self, pieces: Pieces) -> Self {
        self.content.text = Some(pieces);
        self
    }

    /// The same piece so many times.
    #[must_use]
    pub fn repeat_pieces(self, count: usize, text: impl Into<String>) -> Self {
        self.saying(Pieces::Repeated { count, text: text.into() })
    }

    /// Filler instead of text: an answer that is not streamed gets exactly this many bytes (or as few as its
    /// frame needs), a streamed one this many bytes of text.
    #[must_use]
    pub fn pads_to(mut self, bytes: usize) -> Self {
        self.content.padded_to = Some(bytes);
        self
    }

    /// One more tool call.
    #[must_use]
    pub fn tool_call(mut self, name: impl Into<String>, json_arguments: impl Into<String>) -> Self {
        self.content.tools.push((name.into(), json_arguments.into()));
        self
    }

    /// Thinking before everything else, streamed word by word.
    #[must_use]
    pub fn thinking(mut self, text: impl Into<String>, signature: impl Into<String>) -> Self {
        self.content.thinking = Some((text.into(), signature.into()));
        self
    }

    /// This usage, whatever was said.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = UsagePlan::Fixed(usage);
        self
    }

    /// No usage anywhere.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.usage = UsagePlan::Withheld;
        self
    }

    /// A success that says nothing: an empty body, or a legal stream without content.
    #[must_use]
    pub fn empty(mut self) -> Self {
        self.content.empty = true;
        self
    }

    /// A success that is not JSON.
    #[must_use]
    pub fn garbage(self) -> Self {
        self.raw_body("application/json", "<<< this is not JSON >>>")
    }

    /// This body, of known length.
    #[must_use]
    pub fn raw_body(self, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let chunks = vec![body.into()];
        self.raw(Raw { content_type: content_type.into(), chunks, chunked: false })
    }

    /// This body in exactly these chunks, each sent by itself.
    #[must_use]
    pub fn raw_chunks(self, content_type: impl Into<String>, chunks: Vec<Bytes>) -> Self {
        self.raw(Raw { content_type: content_type.into(), chunks, chunked: true })
    }

    fn raw(mut self, raw: Raw) -> Self {
        self.content.raw = Some(Arc::new(raw));
        self
    }

    /// A pause before the head.
    #[must_use]
    pub fn delay_head(mut self, pause: Duration) -> Self {
        self.head.delay = Some(pause);
        self
    }

    /// The head waits for the gate.
    #[must_use]
    pub fn wait_for(mut self, gate: Gate) -> Self {
        self.head.gates.push(gate);
        self
    }

    /// The head never comes.
    #[must_use]
    pub fn hang(mut self) -> Self {
        self.head.hangs = true;
        self
    }

    /// A pause between pieces.
    #[must_use]
    pub fn delay_between_chunks(mut self, pause: Duration) -> Self {
        self.course.chunk_delay = Some(pause);
        self
    }

    /// After so many pieces the stream waits for the gate.
    #[must_use]
    pub fn wait_for_after(mut self, pieces: usize, gate: Gate) -> Self {
        self.course.gates.push((pieces, gate));
        self.course.gates.sort_by_key(|(pieces, _)| *pieces);
        self
    }

    /// After so many pieces the connection breaks.
    #[must_use]
    pub fn cut_connection_after(self, pieces: usize) -> Self {
        self.twist(pieces, Twist::CutConnection)
    }

    /// After so many pieces the body ends as HTTP bodies do, but without the protocol's last event.
    #[must_use]
    pub fn ends_without_terminal_after(self, pieces: usize) -> Self {
        self.twist(pieces, Twist::EndQuietly)
    }

    /// After so many pieces the protocol's error event comes, then the end.
    #[must_use]
    pub fn error_event_after(self, pieces: usize) -> Self {
        self.twist(pieces, Twist::ErrorEvent)
    }

    /// The protocol's error event comes first, then the end.
    #[must_use]
    pub fn error_event_first(mut self) -> Self {
        self.course.fails_at_once = true;
        self
    }

    /// After so many pieces there is silence for ever.
    #[must_use]
    pub fn hang_after(self, pieces: usize) -> Self {
        self.twist(pieces, Twist::Hang)
    }

    fn twist(mut self, pieces: usize, twist: Twist) -> Self {
        self.course.twist = Some((pieces, twist));
        self
    }
}
