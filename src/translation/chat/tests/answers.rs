//! Whole answers: what an upstream's become, and what a client gets.

use actors::vocabulary::Usage;
use serde_json::{Value, json};

use crate::translation::chat::{read_answer, write_answer};
use crate::translation::hub::{Answer, Block, Call, Reply, Seal, Stop, Thought, ToolKind, ToolNames};

fn read(message: Value, finish_reason: Value) -> Answer {
    let body = json!({"id": "x", "created": 5.5, "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]});
    read_answer(body.to_string().as_bytes(), &ToolNames::default()).unwrap()
}

fn text(text: &str) -> Block {
    Block::Text(text.to_owned())
}

fn call(kind: ToolKind, input: &str) -> Block {
    let (id, name, input) = ("c".to_owned(), "f".to_owned(), input.to_owned());
    Block::Call(Call { id, name, namespace: None, kind, input })
}

#[test]
fn what_is_no_answer_is_none() {
    for body in ["", "[]", "{}", r#"{"error":{"message":"no"}}"#, r#"{"choices":[]}"#, r#"{"choices":[{"delta":{}}]}"#] {
        assert_eq!(read_answer(body.as_bytes(), &ToolNames::default()), None, "{body}");
    }
}

#[test]
fn a_message_is_read_in_the_order_it_is_made() {
    let answer = read(
        json!({"role": "assistant", "content": "a", "refusal": "r", "reasoning": "t", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        json!("stop"),
    );
    let (maker, field, extra) = (String::new(), "reasoning".to_owned(), serde_json::Map::new());
    let thought = Block::Thought(Thought { text: "t".to_owned(), seal: Some(Seal::Reasoning { maker, field, extra }) });
    let refusal = Block::Refusal("r".to_owned());
    assert_eq!(answer.blocks, [thought, text("a"), refusal, call(ToolKind::Function, "{}")]);
    assert_eq!((answer.stop, answer.created), (Stop::ToolUse, Some(5)));
}

#[test]
fn empty_words_are_no_blocks_and_lists_are_text() {
    let empty = json!({"content": "", "refusal": "", "reasoning_content": "", "tool_calls": null});
    assert_eq!(read(empty, Value::Null).blocks, []);
    let list = json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]});
    assert_eq!(read(list, Value::Null).blocks, [text("ab")]);
}

#[test]
fn stop_reasons_are_read() {
    let stop = |reason: Value| read(json!({"content": "a"}), reason).stop;
    assert_eq!(stop(json!("length")), Stop::MaxTokens);
    assert_eq!(stop(json!("content_filter")), Stop::Refusal);
    for end in [json!("stop"), Value::Null, json!("eos"), json!("tool_calls")] {
        assert_eq!(stop(end), Stop::End);
    }
}

#[test]
fn a_client_gets_a_legal_answer() {
    let seal = Seal::Encrypted { id: "rs_1".to_owned(), summary: vec![], encrypted_content: "e".to_owned() };
    let thought = |text: &str, seal| Block::Thought(Thought { text: text.to_owned(), seal });
    let answer = Answer {
        id: "resp_1".to_owned(),
        created: Some(9),
        blocks: vec![
            thought("h", None),
            thought("m", Some(seal.clone())),
            text("a"),
            call(ToolKind::Function, "{}"),
            text("b"),
            call(ToolKind::Custom, "x"),
        ],
        stop: Stop::ToolUse,
    };
    let reply = Reply { model: "m".to_owned(), created: 7, ..Reply::default() };
    let usage = Usage { input: 1, output: 20, cache_read: 2, cache_creation_5m: 3, cache_creation_1h: 4, reasoning: 5 };
    let expected = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 9, "model": "m",
        "choices": [{"index": 0, "message": {
            "role": "assistant", "content": "ab", "refusal": null, "reasoning_content": "hm",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": seal.pack(), "index": 0}],
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
            ]
        }, "logprobs": null, "finish_reason": "tool_calls"}],
        "usage": {
            "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 7},
            "completion_tokens_details": {"reasoning_tokens": 5}
        }
    });
    assert_eq!(write_answer(&answer, &reply, &usage), expected);
    let refused = Answer { blocks: vec![Block::Refusal("no".to_owned())], stop: Stop::Refusal, ..Answer::default() };
    let message = write_answer(&refused, &reply, &usage)["choices"][0].clone();
    assert_eq!(message["message"], json!({"role": "assistant", "content": null, "refusal": "no"}));
    assert_eq!(message["finish_reason"], "content_filter");
}
