//! A request's place in a distributed trace, as W3C's Trace Context tells it from one service to the next.
//!
//! Read by its own few lines, since libraries are lenient here (short ids, signs, several headers): what is not exactly what
//! the recommendation says is no trace of ours.

use std::fmt;

/// Bytes of a `traceparent` of version 00.
const PARENT_BYTES: usize = 55;
/// The flag of a trace that somebody records.
const SAMPLED: u8 = 1;
/// Between two spans of a request: 2⁶⁴ divided by the golden ratio, so that their ids look unlike each other.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Names a trace. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub u128);

/// Names a span of a trace. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The sender's span.
    pub span: SpanId,
    /// Whether the sender records it.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads a header. `None` = it is not valid, and says nothing.
    pub fn read(header: &str) -> Option<Self> {
        let bytes = header.as_bytes();
        let version = hex(bytes.get(..2)?)?;
        let is_whole = match version {
            0 => bytes.len() == PARENT_BYTES,
            0xff => false,
            // Later versions may say more behind a dash.
            _ => bytes.len() == PARENT_BYTES || bytes.get(PARENT_BYTES) == Some(&b'-'),
        };
        let are_apart = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'));
        if !is_whole || !are_apart {
            return None;
        }
        let trace = hex(bytes.get(3..35)?).filter(|id| *id != 0)?;
        let span = u64::try_from(hex(bytes.get(36..52)?)?).ok().filter(|id| *id != 0)?;
        let flags = u8::try_from(hex(bytes.get(53..PARENT_BYTES)?)?).ok()?;
        Some(Self { trace: TraceId(trace), span: SpanId(span), sampled: flags & SAMPLED != 0 })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// A number in small hexadecimal digits and nothing else.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// A request's own part of a trace: a span for itself, and one for each attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// The client's span, where it named one.
    pub parent: Option<SpanId>,
    /// The request's span.
    pub span: SpanId,
    /// Whether it is recorded.
    pub sampled: bool,
    /// The client's `tracestate`, to be passed on as it is.
    pub state: Option<Box<str>>,
    /// The span of the attempt under way, and when it began: milliseconds since the request arrived.
    asking: Option<(SpanId, i64)>,
    /// How many spans it has named beside its own.
    named: u64,
    /// The spans of the receipt's attempts, in their order.
    attempts: Vec<SpanId>,
}

impl Trace {
    /// A trace without attempts.
    pub fn new(id: TraceId, parent: Option<SpanId>, span: SpanId, sampled: bool, state: Option<Box<str>>) -> Self {
        Self { id, parent, span, sampled, state, asking: None, named: 0, attempts: Vec::new() }
    }

    /// An attempt begins.
    pub(crate) fn asks(&mut self, at_ms: i64) {
        self.asking = Some((self.another_span(), at_ms));
    }

    /// Nobody was asked in it after all.
    pub(crate) fn asked_nobody(&mut self) {
        self.asking = None;
    }

    /// The attempt under way is in the receipt.
    pub(crate) fn attempted(&mut self) {
        self.attempts.extend(self.asking.take().map(|(span, _)| span));
    }

    /// One that went before the attempt under way, and was no attempt of its own until it failed, is in the receipt.
    pub(crate) fn attempted_before(&mut self) {
        let span = self.another_span();
        self.attempts.push(span);
    }

    /// As random as the request's own, and never one of its others: steps of an odd number come back after 2⁶⁴.
    fn another_span(&mut self) -> SpanId {
        self.named += 1;
        let span = self.span.0.wrapping_add(self.named.wrapping_mul(STEP));
        if span == 0 { self.another_span() } else { SpanId(span) }
    }

    /// What an upstream is told: the attempt under way is its parent.
    pub fn to_upstream(&self) -> Option<TraceParent> {
        self.asking.map(|(span, _)| TraceParent { trace: self.id, span, sampled: self.sampled })
    }

    /// The attempt that was under way when the request ended: its span, and the milliseconds it began after the request.
    pub fn unanswered(&self) -> Option<(SpanId, i64)> {
        self.asking
    }

    /// The spans of the receipt's attempts, in their order.
    pub fn attempts(&self) -> &[SpanId] {
        &self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::{SpanId, Trace, TraceId, TraceParent};

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_parent_is_read_and_told_alike() {
        for flags in ["00", "01"] {
            let header = format!("{}{flags}", &GOOD[..53]);
            let read = TraceParent::read(&header).unwrap();
            assert_eq!(read.to_string(), header);
            assert_eq!(read.sampled, flags == "01");
        }
        let later = TraceParent::read(&format!("cc{}-what-comes", &GOOD[2..])).unwrap();
        assert_eq!(later.to_string(), GOOD, "a later version is read as far as it is known, and told in ours");
        assert!(TraceParent::read(&format!("{}ff", &GOOD[..53])).unwrap().sampled, "flags that are not known are left out");
    }

    #[test]
    fn each_attempt_has_a_span_of_its_own() {
        let mut trace = Trace::new(TraceId(1), None, SpanId(0_u64.wrapping_sub(super::STEP)), true, None);
        for _ in 0..3 {
            trace.asks(0);
            assert_eq!(trace.to_upstream().map(|parent| parent.sampled), Some(true));
            trace.attempted_before();
            trace.attempted();
        }
        let mut spans: Vec<u64> = trace.attempts().iter().map(|span| span.0).chain([trace.span.0]).collect();
        spans.sort_unstable();
        spans.dedup();
        assert_eq!(spans.len(), 7);
        assert!(!spans.contains(&0), "an id of zero names nothing");
    }

    #[test]
    fn what_is_not_exactly_valid_is_no_parent() {
        let upper = GOOD.to_uppercase();
        let cases = [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-001",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bé-01",
            &upper,
        ];
        for header in cases {
            assert_eq!(TraceParent::read(header), None, "{header}");
        }
    }
}
