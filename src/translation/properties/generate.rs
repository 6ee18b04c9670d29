//! Answers and requests at random.

use actors::vocabulary::{Protocol, Usage};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use crate::translation::hub::{
    Answer, Block, Call, Choice, Image, Item, Part, Request, Seal, Source, Stop, Thought, Tool, ToolKind, ToolResult, Voice,
    wrapped,
};

/// The tool that Responses and Chat clients call with free text.
pub const CUSTOM: &str = "patch";

/// Text as models write it, hostile characters included; never empty.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{1,30}",
        Just("a\u{2028}b\u{2029}\r\n\"\\\u{0}é😀 data: x\n\nevent: y".to_owned()),
        Just("\n".to_owned()),
        Just("[DONE]".to_owned()),
    ]
}

/// Text that says something: Claude takes no other in a request.
fn words() -> impl Strategy<Value = String> {
    text().prop_filter("words", |text| !text.trim().is_empty())
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{}".to_owned()),
        text().prop_map(|text| json!({"path": text, "n": [1, null, {"x": 1.5}]}).to_string()),
        Just(r#"{"a":"{\"b\":[1,2]}"}"#.to_owned()),
    ]
}

/// A call as `upstream` would make it: free text where it knows custom tools, else wrapped.
fn call(upstream: Protocol, custom: bool) -> impl Strategy<Value = Block> {
    (arguments(), text(), any::<bool>()).prop_map(move |(arguments, input, free)| {
        let (name, kind, input) = match (free && custom, upstream == Protocol::Responses) {
            (true, true) => (CUSTOM, ToolKind::Custom, input),
            (true, false) => (CUSTOM, ToolKind::Function, wrapped(&input)),
            (false, _) => ("read_file", ToolKind::Function, arguments),
        };
        Block::Call(Call { id: String::new(), name: name.to_owned(), namespace: None, kind, input })
    })
}

fn thought(upstream: Protocol) -> impl Strategy<Value = Block> {
    (text(), any::<bool>()).prop_map(move |(text, hidden)| {
        let seal = match (upstream, hidden) {
            (Protocol::Messages, false) => Some(Seal::Signature { thinking: text.clone(), signature: "c2ln".to_owned() }),
            (Protocol::Messages, true) => Some(Seal::Redacted { data: "cmVk".to_owned() }),
            (Protocol::Responses, _) => {
                let summary = if hidden { Vec::new() } else { vec![text.clone()] };
                Some(Seal::Encrypted { id: "rs_1".to_owned(), summary, encrypted_content: "ZW5j".to_owned() })
            }
            _ => None,
        };
        let is_shown = !(hidden && seal.is_some());
        Block::Thought(Thought { text: if is_shown { text } else { String::new() }, seal })
    })
}

/// An answer that `upstream` could give: thinking, text, then calls, as all three protocols can say it.
pub fn answer(upstream: Protocol, custom: bool) -> impl Strategy<Value = Answer> {
    let said = prop_oneof![4 => text().prop_map(Block::Text), 1 => text().prop_map(Block::Refusal)];
    let parts = (vec(thought(upstream), 0..2), vec(said, 0..2), vec(call(upstream, custom), 0..4), any::<bool>());
    parts.prop_map(move |(thoughts, said, calls, cut)| {
        let refused = said.iter().any(|block| matches!(block, Block::Refusal(_)));
        let stop = match (calls.is_empty(), cut) {
            _ if refused => Stop::Refusal,
            (false, _) => Stop::ToolUse,
            (true, true) => Stop::MaxTokens,
            (true, false) => Stop::End,
        };
        let mut calls = if refused { Vec::new() } else { calls };
        for (place, call) in calls.iter_mut().enumerate() {
            if let Block::Call(call) = call {
                call.id = format!("call_{place}");
            }
        }
        let id = match upstream {
            Protocol::Messages => "msg_01",
            Protocol::Responses => "resp_01",
            _ => "chatcmpl-01",
        };
        Answer { id: id.to_owned(), created: None, blocks: [thoughts, said, calls].concat(), stop }
    })
}

/// Some usage.
pub fn usage() -> Usage {
    Usage { input: 7, output: 11, cache_read: 3, cache_creation_5m: 2, reasoning: 4, ..Usage::default() }
}

fn user() -> impl Strategy<Value = Item> {
    let image = Part::Image(Image { source: Source::Url("https://example.com/a.png".to_owned()), detail: None });
    let inline = Source::Base64 { media_type: "image/png".to_owned(), data: "aGk=".to_owned() };
    let inline = Part::Image(Image { source: inline, detail: None });
    let part = prop_oneof![3 => words().prop_map(Part::Text), 1 => Just(image), 1 => Just(inline)];
    vec(part, 1..3).prop_map(Item::User)
}

/// A turn: a user's message, the assistant's text or calls with their results.
fn turn() -> impl Strategy<Value = Vec<Item>> {
    let calls = vec((arguments(), "[a-z]{1,12}"), 1..3).prop_map(|calls| {
        let id = |place: usize| format!("call_{place}");
        let asked = calls.iter().enumerate().map(|(place, (arguments, _))| {
            let (name, input) = ("read_file".to_owned(), arguments.clone());
            let call = Call { id: id(place), name, namespace: None, kind: ToolKind::Function, input };
            Item::Assistant(Block::Call(call))
        });
        let told = calls.iter().enumerate().map(|(place, (_, output))| {
            let parts = vec![Part::Text(output.clone())];
            Item::Result(ToolResult { call_id: id(place), kind: ToolKind::Function, parts, is_error: false })
        });
        asked.chain(told).collect::<Vec<_>>()
    });
    let answer = prop_oneof![words().prop_map(|text| vec![Item::Assistant(Block::Text(text))]), calls];
    (user(), answer).prop_map(|(user, answer)| [vec![user], answer].concat())
}

/// A request that says only what all three protocols can.
pub fn request() -> impl Strategy<Value = Request> {
    let choice = prop_oneof![
        Just(Choice::Auto),
        Just(Choice::None),
        Just(Choice::Required),
        Just(Choice::Named { name: "read_file".to_owned(), namespace: None }),
    ];
    let system = proptest::option::of(words());
    (system, vec(turn(), 0..3), user(), proptest::option::of(choice), 16..64_000i64, any::<bool>()).prop_map(
        |(system, turns, last, choice, limit, stream)| {
            let prompt = system.map(|text| Item::Instruction { voice: Voice::System, texts: vec![text] });
            let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
            let tool = Tool {
                name: "read_file".to_owned(),
                namespace: None,
                description: Some("Reads a file".to_owned()),
                kind: ToolKind::Function,
                schema,
                strict: None,
                grammar: None,
            };
            Request {
                stream,
                items: prompt.into_iter().chain(turns.concat()).chain([last]).collect(),
                tools: vec![tool],
                choice,
                max_output: Some(limit),
                ..Request::new(Protocol::Messages)
            }
        },
    )
}
