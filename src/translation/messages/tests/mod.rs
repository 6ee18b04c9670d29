//! Tests of reading and writing the Messages API.

mod answers;
mod odd;
mod requests;
mod rows;
mod streams;

use bytes::Bytes;
use serde_json::Value;

use crate::translation::hub::{Answer, Collector, Event};
use crate::translation::sse::{Frame, Framer};

/// The frames of these events.
fn frames(events: &[Value]) -> Vec<Frame> {
    let text: String =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())).collect();
    Framer::default().feed(Bytes::from(text)).unwrap()
}

/// The answer that a stream's events make.
fn collected(events: &[Event]) -> Answer {
    let mut collector = Collector::default();
    events.iter().for_each(|event| collector.take(event));
    collector.answer().clone()
}
