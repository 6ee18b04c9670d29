//! Whole answers, both ways.

use actors::vocabulary::Usage;
use serde_json::json;

use super::super::{read_answer, write_answer};
use crate::translation::hub::{Answer, Block, Call, Reply, Seal, Stop, Thought, ToolKind, ToolNames};

pub(super) fn names() -> ToolNames {
    let tools = [("patch", None, ToolKind::Custom), ("read", Some("files"), ToolKind::Function)];
    let mut names = ToolNames::of_tools(&tools);
    names.answer_through("json_object");
    names
}

fn call(id: &str, name: &str, input: &str) -> Call {
    Call { id: id.to_owned(), name: name.to_owned(), namespace: None, kind: ToolKind::Function, input: input.to_owned() }
}

#[test]
fn an_answer_is_read_in_the_clients_names() {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "stop_sequence": null,
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "server_tool_use", "id": "st", "name": "web_search", "input": {}},
            {"type": "text", "text": ""},
            {"type": "text", "text": "hi"},
            {"type": "tool_use", "id": "a", "name": "files__read", "input": {}},
            {"type": "tool_use", "id": "b", "name": "patch", "input": {"input": "x\ny"}},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    let answer = read_answer(body.to_string().as_bytes(), &names()).unwrap();
    let seal = Seal::Signature { thinking: "hm".to_owned(), signature: "s".to_owned() };
    let expected = [
        Block::Thought(Thought { text: "hm".to_owned(), seal: Some(seal) }),
        Block::Thought(Thought { text: String::new(), seal: Some(Seal::Redacted { data: "d".to_owned() }) }),
        Block::Text("hi".to_owned()),
        Block::Call(Call { namespace: Some("files".to_owned()), ..call("a", "read", "{}") }),
        Block::Call(Call { kind: ToolKind::Custom, ..call("b", "patch", "x\ny") }),
    ];
    assert_eq!((answer.blocks.as_slice(), &answer.stop), (expected.as_slice(), &Stop::ToolUse));
    assert_eq!(read_answer(b"{\"choices\":[]}", &names()), None);
    assert_eq!(read_answer(b"{\"type\":\"error\",\"error\":{}}", &names()), None);
}

#[test]
fn the_tool_that_is_the_answer_is_text() {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "stop_reason": "tool_use",
        "content": [{"type": "tool_use", "id": "a", "name": "json_object", "input": {"z": 1, "a": 2}}],
    });
    let answer = read_answer(body.to_string().as_bytes(), &names()).unwrap();
    assert_eq!(answer.blocks, [Block::Text(r#"{"z":1,"a":2}"#.to_owned())]);
    assert_eq!(answer.stop, Stop::End);
}

#[test]
fn an_answer_is_written_with_the_truth_about_usage() {
    let sealed = Seal::Encrypted { id: "rs".to_owned(), summary: vec![], encrypted_content: "e".to_owned() };
    let answer = Answer {
        id: "chatcmpl-7".to_owned(),
        created: None,
        blocks: vec![
            Block::Thought(Thought { text: "hm".to_owned(), seal: Some(sealed.clone()) }),
            Block::Thought(Thought { text: "hm".to_owned(), seal: None }),
            Block::Text("hi".to_owned()),
            Block::Call(call("c", "f", "")),
            Block::Call(call("d", "f", "{broken")),
        ],
        stop: Stop::ToolUse,
    };
    let reply = Reply { model: "asked".to_owned(), ..Reply::default() };
    let usage = Usage { input: 5, output: 7, cache_read: 11, cache_creation_5m: 2, cache_creation_1h: 3, reasoning: 4 };
    let expected = json!({
        "id": "msg_7", "type": "message", "role": "assistant", "model": "asked",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": sealed.pack()},
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "hi"},
            {"type": "tool_use", "id": "c", "name": "f", "input": {}},
            {"type": "tool_use", "id": "d", "name": "f", "input": {"input": "{broken"}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {
            "input_tokens": 5, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 11, "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 4},
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
        },
    });
    assert_eq!(write_answer(&answer, &reply, &usage), expected);
    let refused = Answer { blocks: vec![Block::Refusal("no".to_owned())], ..Answer::default() };
    let written = write_answer(&refused, &reply, &usage);
    assert_eq!((&written["content"][0]["text"], &written["stop_reason"]), (&json!("no"), &json!("refusal")));
}
