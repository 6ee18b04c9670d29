//! A request goes to another protocol and back unchanged, where both can say what it says.

use actors::vocabulary::Protocol;
use proptest::prelude::*;
use serde_json::Value;

use super::generate::request;
use crate::translation::hub::Request;
use crate::translation::{chat, messages, responses};

/// A body without what the gateway adds of its own: that nothing is stored, and how thinking comes back.
fn written(protocol: Protocol, request: Request) -> Value {
    // A Claude model that takes every parameter, and an OpenAI one that does.
    let mut body = match protocol {
        Protocol::Messages => messages::write_request(request, "claude-haiku-4-5"),
        Protocol::ChatCompletions => chat::write_request(request, "gpt-5"),
        _ => responses::write_request(request, "gpt-5"),
    }
    .unwrap()
    .body;
    for own in ["store", "include"] {
        body.as_object_mut().unwrap().shift_remove(own);
    }
    body
}

fn read(protocol: Protocol, body: &Value) -> Request {
    match protocol {
        Protocol::Messages => messages::read_request(body.to_string().as_bytes()),
        Protocol::ChatCompletions => chat::read_request(body.to_string().as_bytes()),
        _ => responses::read_request(body.clone()),
    }
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn there_and_back_is_the_identity(request in request()) {
        const ALL: [Protocol; 3] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses];
        for client in ALL {
            for upstream in ALL.into_iter().filter(|upstream| *upstream != client) {
                let asked = Request { client, ..request.clone() };
                let body = written(client, asked);
                let there = written(upstream, read(client, &body));
                let back = written(client, read(upstream, &there));
                prop_assert_eq!(&back, &body, "{} by way of {}: {}", client, upstream, there);
            }
        }
    }
}
