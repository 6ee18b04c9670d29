//! The golden files as the vendors' own published types see them, in another process.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn judged(folder: &Path) -> Output {
    let python = std::env::var("SDK_PYTHON").expect("SDK_PYTHON names a Python with the official SDKs: run scripts/test");
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/translation/published.py");
    Command::new(python).arg(judge).arg(folder).output().expect("Python starts")
}

#[test]
fn the_vendors_types_accept_what_the_golden_cases_expect() {
    let judged = judged(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases"));
    assert!(judged.status.success(), "{}{}", String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
}

#[test]
fn the_judge_sees_what_the_vendors_would_refuse() {
    let said = |content: Value| json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": content}]});
    let message = |usage: Value| {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": "end_turn",
            "stop_sequence": null, "usage": usage})
    };
    let chunk = |delta: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
    };
    let item = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "output": 1});
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x", "detail": "low"}]});
    let wrong = [
        ("deep-field", "messages", "upstream_request", said(json!([result]))),
        ("coerced", "messages", "upstream_request", json!({"model": "m", "max_tokens": "1", "messages": []})),
        ("no-limit", "messages", "upstream_request", json!({"model": "m", "messages": []})),
        ("hot", "messages", "upstream_request", json!({"model": "m", "max_tokens": 1, "messages": [], "temperature": 2})),
        ("item", "responses", "upstream_request", json!({"model": "m", "input": [item]})),
        ("usage", "messages", "upstream_answer", message(json!({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}))),
        ("counts", "messages", "upstream_answer", message(json!({"input_tokens": 1.5, "output_tokens": 1}))),
        ("order", "messages", "upstream_stream", json!([{"type": "message_stop"}])),
        ("delta", "chat_completions", "upstream_stream", json!([chunk(json!({"text": "x"}))])),
        ("numbers", "responses", "upstream_stream", json!([{"type": "error", "message": "x", "sequence_number": 3}])),
    ];
    let folder = std::env::temp_dir().join(format!("golden-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, protocol, field, value) in &wrong {
        let case = json!({"client": "chat_completions", "upstream": protocol, *field: value});
        std::fs::write(folder.join(format!("{name}.json")), case.to_string()).unwrap();
    }
    let judged = judged(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let problems = String::from_utf8_lossy(&judged.stdout);
    assert!(!judged.status.success());
    let missed: Vec<_> = wrong.iter().filter(|(name, ..)| !problems.contains(&format!("{name}.json: "))).collect();
    assert!(missed.is_empty(), "{missed:?} passed:\n{problems}");
}
