//! JSON schemas as the providers' strict modes want them.

use serde_json::Value;

/// Deepest schema looked into; deeper parts stay as they are.
const DEEPEST: usize = 64;

/// Whether a schema fits OpenAI's strict mode: every object is closed and requires all its properties
/// (OpenAI's "Structured model outputs", supported schemas).
pub fn is_strict(schema: &Value) -> bool {
    all_objects(schema, DEEPEST, &mut |object| {
        let closed = object.get("additionalProperties") == Some(&Value::Bool(false));
        let names = object.get("properties").and_then(Value::as_object);
        let required = object.get("required").and_then(Value::as_array);
        let requires = |name: &String| required.is_some_and(|all| all.iter().any(|one| one == name));
        closed && names.is_none_or(|names| names.keys().all(requires))
    })
}

/// The schema with every object closed, as Anthropic's structured outputs want it (what `transform_schema` of its
/// SDKs does).
pub fn closed(mut schema: Value) -> Value {
    close(&mut schema, DEEPEST);
    schema
}

fn close(schema: &mut Value, depth: usize) {
    if depth == 0 {
        return;
    }
    match schema {
        Value::Object(fields) => {
            if is_object(fields) && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            for (name, value) in fields.iter_mut() {
                // What stands there is data, not schema.
                if !matches!(name.as_str(), "enum" | "const" | "default" | "examples" | "required") {
                    close(value, depth - 1);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, depth - 1)),
        _ => {}
    }
}

fn all_objects(schema: &Value, depth: usize, holds: &mut impl FnMut(&serde_json::Map<String, Value>) -> bool) -> bool {
    if depth == 0 {
        return false;
    }
    match schema {
        Value::Object(fields) => {
            (!is_object(fields) || holds(fields))
                && fields.iter().all(|(name, value)| {
                    matches!(name.as_str(), "enum" | "const" | "default" | "examples" | "required")
                        || all_objects(value, depth - 1, holds)
                })
        }
        Value::Array(items) => items.iter().all(|item| all_objects(item, depth - 1, holds)),
        _ => true,
    }
}

fn is_object(fields: &serde_json::Map<String, Value>) -> bool {
    fields.get("type").is_some_and(|kind| kind == "object") || fields.get("properties").is_some_and(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strict_means_closed_with_all_required() {
        let strict =
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
        assert!(is_strict(&strict));
        let mut optional = strict.clone();
        optional["required"] = json!([]);
        assert!(!is_strict(&optional));
        let open = json!({"type": "object", "properties": {"a": {"type": "object", "properties": {}}}, "required": ["a"]});
        assert!(!is_strict(&open));
        assert_eq!(closed(open)["properties"]["a"]["additionalProperties"], json!(false));
    }
}
