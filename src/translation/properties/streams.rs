//! Every legal upstream stream, cut anywhere, becomes a legal client stream that says what the whole answer says.

use std::sync::Arc;

use actors::vocabulary::{Protocol, Usage};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::generate::{CUSTOM, answer, usage};
use super::legal;
use crate::translation::conversion::{Circumstances, Conversion, convert};
use crate::translation::faults::Fault;
use crate::translation::hub::{Answer, Block, Collector, Reply, Seal, Stop, Thought, ToolNames, replay};
use crate::translation::sse::Framer;
use crate::translation::{chat, messages, responses};

const PAIRS: [(Protocol, Protocol); 6] = [
    (Protocol::Messages, Protocol::ChatCompletions),
    (Protocol::Messages, Protocol::Responses),
    (Protocol::ChatCompletions, Protocol::Messages),
    (Protocol::ChatCompletions, Protocol::Responses),
    (Protocol::Responses, Protocol::Messages),
    (Protocol::Responses, Protocol::ChatCompletions),
];

/// A request in the client's protocol that offers both tools, custom where there are such tools.
fn asked(client: Protocol, stream: bool) -> String {
    match client {
        Protocol::Messages => format!(
            r#"{{"model":"m","max_tokens":100,"stream":{stream},"messages":[{{"role":"user","content":"hi"}}],
            "tools":[{{"name":"read_file","input_schema":{{"type":"object"}}}}]}}"#
        ),
        Protocol::ChatCompletions => format!(
            r#"{{"model":"m","stream":{stream},"messages":[{{"role":"user","content":"hi"}}],"tools":[
            {{"type":"function","function":{{"name":"read_file","parameters":{{"type":"object"}}}}}},
            {{"type":"custom","custom":{{"name":"{CUSTOM}"}}}}]}}"#
        ),
        _ => format!(
            r#"{{"model":"m","stream":{stream},"input":"hi","tools":[
            {{"type":"function","name":"read_file","parameters":{{"type":"object"}},"strict":false}},
            {{"type":"custom","name":"{CUSTOM}"}}]}}"#
        ),
    }
}

fn conversion(client: Protocol, upstream: Protocol, stream: bool) -> Conversion {
    let way = Circumstances {
        client,
        upstream,
        model: "up",
        asked: "m",
        request_id: "req_1",
        created: 1_700_000_000,
        include_usage: true,
        stream,
    };
    convert(asked(client, stream).as_bytes(), &way, &|_| None).unwrap().conversion
}

pub fn reply() -> Reply {
    let (model, request_id) = ("up".to_owned(), "req_up".to_owned());
    Reply { model, request_id, created: 1_600_000_000, include_usage: true, ..Reply::default() }
}

/// The stream an upstream would send.
fn upstream_stream(protocol: Protocol, answer: &Answer) -> Bytes {
    upstream_stream_with(protocol, answer, &usage())
}

/// The stream an upstream would send, with this usage.
pub fn upstream_stream_with(protocol: Protocol, answer: &Answer, usage: &Usage) -> Bytes {
    let mut out = BytesMut::new();
    let (mut claude, mut open_ai, mut codex) =
        (messages::StreamWriter::new(reply()), chat::StreamWriter::new(reply()), responses::StreamWriter::new(reply()));
    for event in replay(answer) {
        match protocol {
            Protocol::Messages => claude.event(&event, usage, &mut out),
            Protocol::ChatCompletions => open_ai.event(&event, usage, &mut out),
            _ => codex.event(&event, usage, &mut out),
        }
    }
    out.freeze()
}

fn upstream_whole(protocol: Protocol, answer: &Answer) -> String {
    match protocol {
        Protocol::Messages => messages::write_answer(answer, &reply(), &usage()),
        Protocol::ChatCompletions => chat::write_answer(answer, &reply(), &usage()),
        _ => responses::write_answer(answer, &reply(), &usage()),
    }
    .to_string()
}

/// The client's stream, for an upstream's that comes in the pieces between `cuts`.
fn converted(client: Protocol, upstream: Protocol, stream: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut conversion = conversion(client, upstream, true);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    let (mut framer, mut out) = (Framer::default(), Vec::new());
    for pair in cuts.windows(2) {
        for frame in framer.feed(Bytes::copy_from_slice(&stream[pair[0]..pair[1]])).unwrap() {
            out.extend_from_slice(&conversion.event(&frame, &usage()));
        }
    }
    out
}

/// Custom calls of Chat Completions as function calls: its reader is for upstreams, which are not asked for others.
fn as_functions(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    text.replace(r#""custom":{"#, r#""function":{"#).replace(r#""input":"#, r#""arguments":"#).into_bytes()
}

/// What a client understands of a stream.
fn understood(protocol: Protocol, stream: &[u8]) -> Answer {
    let names = Arc::new(ToolNames::default());
    let (mut events, mut collector) = (Vec::new(), Collector::default());
    let (mut claude, mut open_ai, mut codex) = (
        messages::StreamReader::new(Arc::clone(&names)),
        chat::StreamReader::new(Arc::clone(&names)),
        responses::StreamReader::new(names),
    );
    let stream = if protocol == Protocol::ChatCompletions { as_functions(stream) } else { stream.to_vec() };
    for frame in legal::frames(&stream) {
        match protocol {
            Protocol::Messages => claude.event(&frame, &mut events),
            Protocol::ChatCompletions => open_ai.event(&frame, &mut events),
            _ => codex.event(&frame, &mut events),
        }
    }
    events.iter().for_each(|event| collector.take(event));
    collector.answer().clone()
}

fn understood_whole(protocol: Protocol, body: &[u8]) -> Answer {
    let names = ToolNames::default();
    match protocol {
        Protocol::Messages => messages::read_answer(body, &names),
        Protocol::ChatCompletions => chat::read_answer(&as_functions(body), &names),
        _ => responses::read_answer(body, &names),
    }
    .expect("a whole answer")
}

/// What matters of an answer: without its creation time, and without what Chat Completions attaches to a thought, which a
/// stream tells at its end.
fn matter(mut answer: Answer) -> Answer {
    for block in &mut answer.blocks {
        if let Block::Thought(thought) = block {
            thought.seal.take_if(|seal| matches!(seal, Seal::Reasoning { .. }));
        }
    }
    answer.blocks.retain(|block| *block != Block::Thought(Thought::default()));
    Answer { created: None, ..answer }
}

fn check(client: Protocol, upstream: Protocol, answer: &Answer, cuts: &[usize]) {
    let stream = upstream_stream(upstream, answer);
    legal::check(upstream, &stream);
    let told = converted(client, upstream, &stream, cuts);
    legal::check(client, &told);
    let mut whole = conversion(client, upstream, false);
    let read = whole.read(upstream_whole(upstream, answer).as_bytes()).expect("a whole answer");
    let whole = whole.whole(&read, &usage());
    assert_eq!(matter(understood(client, &told)), matter(understood_whole(client, &whole)), "{client} from {upstream}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn a_stream_says_what_the_whole_answer_says(
        pair in 0..6usize,
        seeds in (answer(Protocol::Messages, true), answer(Protocol::ChatCompletions, true), answer(Protocol::Responses, true)),
        plain in (answer(Protocol::ChatCompletions, false), answer(Protocol::Responses, false)),
        cuts in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        let (client, upstream) = PAIRS[pair];
        let answer = match (client, upstream) {
            (_, Protocol::Messages) => seeds.0,
            // Claude clients have no custom tools.
            (Protocol::Messages, Protocol::ChatCompletions) => plain.0,
            (Protocol::Messages, _) => plain.1,
            (_, Protocol::ChatCompletions) => seeds.1,
            _ => seeds.2,
        };
        check(client, upstream, &answer, &cuts);
    }
}

#[test]
fn a_stream_may_be_cut_at_every_byte() {
    use crate::translation::hub::{Call, ToolKind};
    let call = |id: &str| Call {
        id: id.to_owned(),
        name: "read_file".to_owned(),
        namespace: None,
        kind: ToolKind::Function,
        input: r#"{"path":"é\"😀"}"#.to_owned(),
    };
    for (client, upstream) in PAIRS {
        let thought = Thought { text: "hm".to_owned(), seal: None };
        let blocks = vec![
            Block::Thought(thought),
            Block::Text("One\u{2028}é😀\r\n".to_owned()),
            Block::Call(call("call_1")),
            Block::Call(call("call_2")),
        ];
        let blocks = if upstream == Protocol::ChatCompletions { blocks } else { blocks[1..].to_vec() };
        let answer = Answer { id: "x".to_owned(), created: None, blocks, stop: Stop::ToolUse };
        let stream = upstream_stream(upstream, &answer);
        let whole = converted(client, upstream, &stream, &[]);
        // What is converted are frames: the same ones, wherever the bytes were cut.
        let frames = legal::frames(&stream);
        for cut in 0..stream.len() {
            let mut framer = Framer::default();
            let mut cut_frames = framer.feed(stream.slice(..cut)).unwrap();
            cut_frames.extend(framer.feed(stream.slice(cut..)).unwrap());
            assert_eq!(cut_frames, frames, "{upstream}, cut at {cut}");
        }
        assert_eq!(converted(client, upstream, &stream, &(0..stream.len()).collect::<Vec<_>>()), whole, "byte by byte");
    }
}

#[test]
fn a_stream_that_breaks_anywhere_ends_with_an_error_or_its_legal_end() {
    for (client, upstream) in PAIRS {
        let blocks = vec![Block::Text("One two".to_owned())];
        let answer = Answer { id: "x".to_owned(), created: None, blocks, stop: Stop::End };
        let frames = legal::frames(&upstream_stream(upstream, &answer));
        for kept in 0..frames.len() {
            let mut conversion = conversion(client, upstream, true);
            let mut out: Vec<u8> = Vec::new();
            frames[..kept].iter().for_each(|frame| out.extend_from_slice(&conversion.event(frame, &usage())));
            match conversion.missing_end(&usage()) {
                Some(end) => {
                    out.extend_from_slice(&end);
                    legal::check(client, &out);
                }
                None => {
                    out.extend_from_slice(&conversion.fail(Fault::UPSTREAM, "the upstream broke off"));
                    let text = String::from_utf8(out).unwrap();
                    assert!(text.contains("the upstream broke off"), "{client} from {upstream} after {kept}: {text}");
                    assert!(conversion.fail(Fault::UPSTREAM, "again").is_empty(), "an end is final");
                }
            }
        }
    }
}
