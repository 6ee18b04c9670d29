//! What the tests share: streams taken apart and put together.

mod read_streams;
mod requests;
mod write_streams;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::StreamReader;
use crate::translation::hub::*;
use crate::translation::sse::Framer;

/// Puts a stream's events together again.
fn collected(events: &[Event]) -> Answer {
    let mut collector = Collector::default();
    events.iter().for_each(|event| collector.take(event));
    collector.answer().clone()
}

fn events_of(stream: &[u8], names: &Arc<ToolNames>) -> Vec<Event> {
    let mut framer = Framer::default();
    let mut frames = framer.feed(Bytes::copy_from_slice(stream)).unwrap();
    frames.extend(framer.finish());
    let mut reader = StreamReader::new(names.clone());
    let mut events = Vec::new();
    for frame in &frames {
        reader.event(frame, &mut events);
    }
    reader.finish(&mut events);
    events
}

fn whole_response() -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 7.0, "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}], "encrypted_content": "E"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "hé 🦀", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "n__h", "arguments": "{\"a\":1}"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "g", "input": "raw\ninput"},
        {"type": "function_call", "id": "fc_2", "call_id": "c3", "name": "g", "arguments": "{\"input\":\"q\\n\"}"}]})
}

fn names() -> Arc<ToolNames> {
    Arc::new(ToolNames::of_tools(&[("h", Some("n"), ToolKind::Function), ("g", None, ToolKind::Custom)]))
}

/// Every block opens once, is filled while open, and closes before the stop.
fn legal(events: &[Event]) {
    let mut open = Vec::new();
    assert!(matches!(events[0], Event::Start { .. }));
    for event in events {
        match event {
            Event::Open { block, .. } => {
                assert_eq!(*block, open.len());
                open.push(true);
            }
            Event::More { block, text } => assert!(open[*block] && !text.is_empty()),
            Event::Seal { block, .. } => assert!(open[*block]),
            Event::Close { block } => assert!(std::mem::replace(&mut open[*block], false)),
            Event::Stop(_) => assert!(open.iter().all(|open| !open)),
            Event::Start { .. } | Event::Error { .. } | Event::End => {}
        }
    }
}
