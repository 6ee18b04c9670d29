//! What conversion adds to one event of a stream, for each of the six directions. The aim is below 3 µs.
//!
//! Run it with `cargo bench --bench conversion`; the figure is the time per event of a stream of text and a tool call.

use actors::vocabulary::{Protocol, Usage};
use api_proxy::translation::{Circumstances, Conversion, Frame, Framer, convert};
use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use serde_json::{Value, json};

/// Text pieces in the stream.
const PIECES: usize = 500;

fn main() {
    divan::main();
}

const PAIRS: [(Protocol, Protocol); 6] = [
    (Protocol::Messages, Protocol::ChatCompletions),
    (Protocol::Messages, Protocol::Responses),
    (Protocol::ChatCompletions, Protocol::Messages),
    (Protocol::ChatCompletions, Protocol::Responses),
    (Protocol::Responses, Protocol::Messages),
    (Protocol::Responses, Protocol::ChatCompletions),
];

fn conversion(client: Protocol, upstream: Protocol) -> Option<Conversion> {
    let body = match client {
        Protocol::Messages => r#"{"model":"m","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
        Protocol::ChatCompletions => r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
        _ => r#"{"model":"m","stream":true,"input":"hi"}"#,
    };
    let way = Circumstances {
        client,
        upstream,
        model: "up",
        asked: "m",
        request_id: "req",
        created: 0,
        include_usage: true,
        stream: true,
    };
    convert(body.as_bytes(), &way, &|_| None).ok().map(|converted| converted.conversion)
}

fn frames(events: impl IntoIterator<Item = Value>) -> Vec<Frame> {
    let bytes: String = events
        .into_iter()
        .map(|event| match event["type"].as_str() {
            Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        })
        .collect();
    Framer::default().feed(Bytes::from(bytes)).unwrap_or_default()
}

/// The text pieces of an upstream's stream, with what opens it.
fn stream(upstream: Protocol) -> Vec<Frame> {
    let pieces = 0..PIECES;
    match upstream {
        Protocol::Messages => {
            let open = [
                json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "up",
                    "content": [], "stop_reason": null, "usage": {"input_tokens": 1, "output_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            ];
            let piece = |_| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " word"}});
            frames(open.into_iter().chain(pieces.map(piece)))
        }
        Protocol::ChatCompletions => frames(pieces.map(|_| {
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up",
                "choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": null}], "usage": null})
        })),
        _ => {
            let open = [
                json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}}),
                json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
                    "item": {"type": "message", "id": "msg_1", "role": "assistant", "content": []}}),
            ];
            let piece = |_| {
                json!({"type": "response.output_text.delta", "sequence_number": 2, "item_id": "msg_1", "output_index": 0,
                    "content_index": 0, "delta": " word", "logprobs": []})
            };
            frames(open.into_iter().chain(pieces.map(piece)))
        }
    }
}

#[divan::bench(args = PAIRS)]
fn client_from_upstream(bencher: Bencher<'_, '_>, (client, upstream): (Protocol, Protocol)) {
    let frames = stream(upstream);
    let usage = Usage::default();
    bencher.counter(ItemsCount::new(frames.len())).with_inputs(|| conversion(client, upstream)).bench_values(|conversion| {
        let mut conversion = conversion?;
        Some(frames.iter().map(|frame| conversion.event(frame, &usage).len()).sum::<usize>())
    });
}
