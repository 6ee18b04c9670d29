//! Tests of reading and writing the Messages API.

mod answers;
mod odd;
mod requests;
mod rows;
mod streams;

use bytes::Bytes;
use serde_json::Value;

use crate::translation::hub::{Answer, Block, Call, Event, Opening, Thought};
use crate::translation::sse::{Frame, Framer};

/// The frames of these events.
fn frames(events: &[Value]) -> Vec<Frame> {
    let text: String =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())).collect();
    Framer::default().feed(Bytes::from(text)).unwrap()
}

/// The answer that a stream's events make.
fn collected(events: &[Event]) -> Answer {
    let mut answer = Answer::default();
    for event in events {
        match event {
            Event::Start { id } => answer.id.clone_from(id),
            Event::Open { block, opening } => {
                assert_eq!(*block, answer.blocks.len(), "blocks are numbered in order");
                answer.blocks.push(match opening.clone() {
                    Opening::Text => Block::Text(String::new()),
                    Opening::Refusal => Block::Refusal(String::new()),
                    Opening::Thought => Block::Thought(Thought::default()),
                    Opening::Call { id, name, namespace, kind } => {
                        Block::Call(Call { id, name, namespace, kind, input: String::new() })
                    }
                });
            }
            Event::More { block, text } => match &mut answer.blocks[*block] {
                Block::Text(words) | Block::Refusal(words) => words.push_str(text),
                Block::Thought(thought) => thought.text.push_str(text),
                Block::Call(call) => call.input.push_str(text),
            },
            Event::Seal { block, seal } => match &mut answer.blocks[*block] {
                Block::Thought(thought) => thought.seal = Some(seal.clone()),
                other => panic!("a seal on {other:?}"),
            },
            Event::Stop(stop) => answer.stop = stop.clone(),
            Event::Close { .. } | Event::Error { .. } | Event::End => {}
        }
    }
    answer
}
