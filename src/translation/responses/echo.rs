//! The fields of a request that its response repeats.

use serde_json::{Map, Value, json};

/// What a response repeats of its request, with the API's defaults for what was not said
/// (<https://platform.openai.com/docs/api-reference/responses/object>).
pub fn echo(request_body: &Value) -> Map<String, Value> {
    let defaults = [
        ("background", json!(false)),
        ("instructions", Value::Null),
        ("max_output_tokens", Value::Null),
        ("max_tool_calls", Value::Null),
        ("parallel_tool_calls", json!(true)),
        ("previous_response_id", Value::Null),
        ("prompt_cache_key", Value::Null),
        ("prompt_cache_retention", Value::Null),
        ("safety_identifier", Value::Null),
        ("service_tier", json!("default")),
        ("temperature", json!(1.0)),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("top_logprobs", json!(0)),
        ("top_p", json!(1.0)),
        ("truncation", json!("disabled")),
        ("user", Value::Null),
        ("metadata", json!({})),
    ];
    let asked = |name: &str| request_body.get(name).filter(|value| !value.is_null()).cloned();
    let mut echo: Map<String, Value> =
        defaults.into_iter().map(|(name, default)| (name.to_owned(), asked(name).unwrap_or(default))).collect();
    echo.insert("reasoning".to_owned(), over(json!({"effort": null, "summary": null}), asked("reasoning")));
    echo.insert("text".to_owned(), over(json!({"format": {"type": "text"}, "verbosity": "medium"}), asked("text")));
    echo
}

/// `asked` over its defaults.
fn over(mut defaults: Value, asked: Option<Value>) -> Value {
    if let (Value::Object(fields), Some(Value::Object(asked))) = (&mut defaults, asked) {
        fields.extend(asked.into_iter().filter(|(_, value)| !value.is_null()));
    }
    defaults
}
