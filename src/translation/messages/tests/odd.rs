//! Whatever is sent, nothing panics, and what is read can be written again.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{read_answer, read_request, write_request};
use crate::translation::hub::ToolNames;

/// Words of the protocol where they do and do not belong.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "type",
        "text",
        "role",
        "user",
        "assistant",
        "system",
        "content",
        "thinking",
        "signature",
        "tool_use",
        "tool_result",
        "tool_use_id",
        "id",
        "name",
        "input",
        "source",
        "base64",
        "media_type",
        "data",
        "url",
        "document",
        "image",
        "adaptive",
        "enabled",
        "budget_tokens",
        "tools",
        "tool_choice",
        "any",
        "input_schema",
        "output_config",
        "effort",
        "high",
        "metadata",
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => word().prop_map(Value::String),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array), fields(inner).prop_map(Value::Object),]
    })
}

fn fields(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::vec((word(), value), 0..5).prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #[test]
    fn no_request_is_too_odd(top in fields(value()), role in word(), content in value(), block in fields(value())) {
        let mut body = Value::Object(top);
        body["messages"] = json!([{"role": "user", "content": content}, {"role": role, "content": [block]}]);
        if let Ok(request) = read_request(body.to_string().as_bytes()) {
            let _ = write_request(request, "claude-opus-5");
        }
    }

    #[test]
    fn no_answer_is_too_odd(top in fields(value()), blocks in proptest::collection::vec(value(), 0..4)) {
        let mut body = Value::Object(top);
        body["type"] = json!("message");
        body["content"] = json!(blocks);
        let _ = read_answer(body.to_string().as_bytes(), &ToolNames::default());
    }
}
