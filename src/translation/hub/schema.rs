//! JSON schemas as the providers' strict modes want them.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Deepest schema looked into; deeper parts stay as they are.
const DEEPEST: usize = 64;

/// Keywords that OpenAI's strict mode refuses (OpenAI's "Structured model outputs", what is not supported).
const NEVER_STRICT: [&str; 12] = [
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "default",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
];

/// Keywords that Anthropic's structured outputs take (`transform_schema` of anthropic 2.12).
const TAKEN: [&str; 7] = ["type", "required", "enum", "const", "title", "description", "$ref"];

/// String formats that Anthropic's structured outputs take (`SupportedStringFormats` of anthropic 2.12).
const FORMATS: [&str; 10] = ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// Whether a schema fits OpenAI's strict mode: an object, and every object in it is closed and requires all its
/// properties (OpenAI's "Structured model outputs", supported schemas).
pub fn is_strict(schema: &Value) -> bool {
    schema.as_object().is_some_and(is_object) && fits_strict(schema, DEEPEST)
}

fn fits_strict(schema: &Value, depth: usize) -> bool {
    let Value::Object(fields) = schema else { return true };
    if depth == 0 || NEVER_STRICT.iter().any(|name| fields.contains_key(*name)) {
        return false;
    }
    if is_object(fields) {
        let closed = fields.get("additionalProperties") == Some(&Value::Bool(false));
        let names = fields.get("properties").and_then(Value::as_object);
        let required = fields.get("required").and_then(Value::as_array);
        let required: HashSet<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
        let requires = |name: &String| required.contains(name.as_str());
        if !closed || !names.is_none_or(|names| names.keys().all(requires)) {
            return false;
        }
    }
    let named = ["properties", "$defs", "definitions"].into_iter().filter_map(|group| fields.get(group)?.as_object());
    let listed = fields.get("anyOf").and_then(Value::as_array);
    named
        .flat_map(Map::values)
        .chain(listed.into_iter().flatten())
        .chain(fields.get("items"))
        .all(|inner| fits_strict(inner, depth - 1))
}

/// The schema as Anthropic's structured outputs and strict tools want it: every object is closed, and what they do not
/// enforce is told in the description (what `transform_schema` of its SDKs does).
pub fn closed(schema: Value) -> Value {
    close(schema, DEEPEST)
}

fn close(schema: Value, depth: usize) -> Value {
    let Value::Object(fields) = schema else { return schema };
    if depth == 0 {
        return Value::Object(fields);
    }
    let (is_object, is_reference) = (is_object(&fields), fields.contains_key("$ref"));
    let (mut kept, mut told) = (Map::new(), Vec::new());
    for (name, value) in fields {
        let value = match name.as_str() {
            "properties" | "$defs" | "definitions" | "anyOf" | "oneOf" | "allOf" => close_each(value, depth),
            "items" => close(value, depth - 1),
            // What is closed below, and what says nothing of a value.
            "additionalProperties" | "$schema" | "$id" | "$comment" => continue,
            "default" if value.is_null() => continue,
            _ if is_taken(&name, &value) => value,
            _ => {
                told.push(format!("{name}: {value}"));
                continue;
            }
        };
        kept.insert(if name == "oneOf" { "anyOf".to_owned() } else { name }, value);
    }
    if is_reference {
        kept.retain(|name, _| matches!(name.as_str(), "$ref" | "$defs" | "definitions"));
        return Value::Object(kept);
    }
    if is_object {
        kept.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if !told.is_empty() {
        let told = format!("{{{}}}", told.join(", "));
        let said =
            kept.get("description").and_then(Value::as_str).map_or_else(|| told.clone(), |said| format!("{said}\n\n{told}"));
        kept.insert("description".to_owned(), said.into());
    }
    Value::Object(kept)
}

/// Whether Anthropic's structured outputs enforce this keyword with this value.
fn is_taken(name: &str, value: &Value) -> bool {
    match name {
        "minItems" => *value == 0 || *value == 1,
        "format" => value.as_str().is_some_and(|format| FORMATS.contains(&format)),
        _ => TAKEN.contains(&name),
    }
}

/// Each schema of a list or of a map by names.
fn close_each(schemas: Value, depth: usize) -> Value {
    match schemas {
        Value::Object(named) => named.into_iter().map(|(name, schema)| (name, close(schema, depth - 1))).collect(),
        Value::Array(listed) => listed.into_iter().map(|schema| close(schema, depth - 1)).collect(),
        other => other,
    }
}

fn is_object(fields: &Map<String, Value>) -> bool {
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

    #[test]
    fn keywords_beyond_strictness_are_no_names_of_properties() {
        let named = json!({"type": "object", "properties": {"default": {"type": "string"}, "not": {"type": "string"}},
            "required": ["default", "not"], "additionalProperties": false});
        assert!(is_strict(&named));
        let mut chosen = named.clone();
        chosen["properties"]["not"] = json!({"oneOf": [{"type": "string"}]});
        assert!(!is_strict(&chosen));
        assert!(!is_strict(&json!({"anyOf": [named]})));
    }

    #[test]
    fn what_is_not_enforced_is_told() {
        let schema = json!({"$schema": "x", "type": "object", "required": ["n"], "additionalProperties": true, "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "description": "A number"},
            "format": {"type": "string", "format": "uuid", "maxLength": 40},
            "list": {"type": "array", "items": {"$ref": "#/$defs/one", "description": "x"}, "minItems": 1, "maxItems": 3},
            "either": {"oneOf": [{"type": "object", "properties": {}}, {"type": ["string", "null"], "default": null}]}
        }, "$defs": {"one": {"enum": ["a"]}}});
        let wanted = json!({"type": "object", "required": ["n"], "properties": {
            "n": {"type": "integer", "description": "A number\n\n{minimum: 1, maximum: 9}"},
            "format": {"type": "string", "format": "uuid", "description": "{maxLength: 40}"},
            "list": {"type": "array", "items": {"$ref": "#/$defs/one"}, "minItems": 1, "description": "{maxItems: 3}"},
            "either": {"anyOf": [{"type": "object", "properties": {}, "additionalProperties": false}, {"type": ["string", "null"]}]}
        }, "$defs": {"one": {"enum": ["a"]}}, "additionalProperties": false});
        assert_eq!(closed(schema), wanted);
    }
}
