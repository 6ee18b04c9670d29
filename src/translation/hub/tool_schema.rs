//! Tools' schemas as providers take them: legal JSON Schema that they refuse is written otherwise, allowing the same.
//!
//! OpenAI reads schemas as of draft 2020-12, refuses a keyword that is `null`, arrays without `items`, and at the top
//! anything but an object without `anyOf`, `oneOf`, `allOf`, `enum` or `not` ("Function calling", "Structured model
//! outputs"); Anthropic asks for draft 2020-12 and an object without `oneOf`, `allOf`, `anyOf` ("Tool use").

use serde_json::{Map, Value, json};

/// Deepest schema looked into; deeper parts stay as they are.
const DEEPEST: usize = 64;
/// Most bytes of a rule that are told in a description.
const MOST_TOLD_BYTES: usize = 4_000;
/// Keywords whose value may be null.
const MAY_BE_NULL: [&str; 5] = ["const", "default", "enum", "example", "examples"];
/// Keywords that hold one schema.
const ONE: [&str; 11] = [
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "additionalItems",
    "contentSchema",
];
/// Keywords that no provider takes beside a tool's `type: object`.
const NOT_AT_THE_TOP: [&str; 5] = ["anyOf", "oneOf", "allOf", "enum", "not"];

/// A tool's schema, ready to be sent.
pub struct ToolSchema {
    /// The schema.
    pub schema: Value,
    /// What a model may not see of it, for the tool's description.
    pub told: Option<String>,
}

/// A tool's parameters as every provider takes them.
///
/// # Errors
/// When what they allow is no object: a tool is called with one.
pub fn tool_schema(schema: &Value) -> Result<ToolSchema, &'static str> {
    let Value::Object(mut fields) = mended(schema) else {
        return Ok(ToolSchema { schema: json!({"type": "object", "properties": {}}), told: None });
    };
    let is_object = match fields.get("type") {
        None => true,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        Some(kind) => kind == "object",
    };
    if !is_object {
        return Err("its parameters should be of type object");
    }
    fields.insert("type".to_owned(), json!("object"));
    fields.entry("properties").or_insert_with(|| json!({}));
    let told = move_unions_away(&mut fields);
    Ok(ToolSchema { schema: Value::Object(fields), told })
}

/// A schema without what providers refuse at any depth; it allows what it allowed.
pub fn mended(schema: &Value) -> Value {
    mend(schema, DEEPEST)
}

/// Moves what may not stand at the top into `then` behind an `if` that always holds, which allows the very same. The
/// properties named there are named at the top, too, so that a model sees them.
fn move_unions_away(fields: &mut Map<String, Value>) -> Option<String> {
    let moved: Map<String, Value> =
        NOT_AT_THE_TOP.iter().filter_map(|name| Some(((*name).to_owned(), fields.shift_remove(*name)?))).collect();
    if moved.is_empty() {
        return None;
    }
    let mut named = Vec::new();
    moved.values().for_each(|schema| names_in(schema, DEEPEST, &mut named));
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        for name in named {
            properties.entry(name).or_insert_with(|| json!({}));
        }
    }
    let mut rules = vec![Value::Object(moved.clone())];
    let conditions: Map<String, Value> =
        ["if", "then", "else"].iter().filter_map(|name| Some(((*name).to_owned(), fields.shift_remove(*name)?))).collect();
    if !conditions.is_empty() {
        rules.push(Value::Object(conditions));
    }
    fields.insert("if".to_owned(), json!({}));
    let then = if rules.len() == 1 { rules.remove(0) } else { json!({ "allOf": rules }) };
    fields.insert("then".to_owned(), then);
    let told = Value::Object(moved).to_string();
    (told.len() <= MOST_TOLD_BYTES).then(|| format!("The input must match this JSON Schema, too: {told}"))
}

/// The properties that the branches of a union name.
fn names_in(schema: &Value, depth: usize, names: &mut Vec<String>) {
    match schema {
        Value::Array(branches) if depth > 0 => branches.iter().for_each(|branch| names_in(branch, depth - 1, names)),
        Value::Object(fields) if depth > 0 => {
            names.extend(fields.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned());
            for union in ["anyOf", "oneOf", "allOf"] {
                fields.get(union).into_iter().for_each(|inner| names_in(inner, depth - 1, names));
            }
        }
        _ => {}
    }
}

fn mend(schema: &Value, depth: usize) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    if depth == 0 {
        return schema.clone();
    }
    let mut kept = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for (name, value) in fields {
        if value.is_null() && !MAY_BE_NULL.contains(&name.as_str()) {
            continue;
        }
        let value = match (name.as_str(), value) {
            ("properties", named) => properties(named, depth, &mut required),
            ("patternProperties" | "$defs" | "definitions" | "dependentSchemas", Value::Object(named)) => each(named, depth),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(listed)) => match all(listed, depth) {
                listed if listed.is_empty() => continue,
                listed => Value::Array(listed),
            },
            ("items", Value::Array(listed)) => {
                kept.insert("prefixItems".to_owned(), Value::Array(all(listed, depth)));
                fields
                    .get("additionalItems")
                    .filter(|rest| !rest.is_null())
                    .map_or_else(|| json!({}), |rest| mend(rest, depth - 1))
            }
            ("additionalItems", _) if fields.get("items").is_some_and(Value::is_array) => continue,
            ("items", one) => mend(one, depth - 1),
            (one, value) if ONE.contains(&one) => mend(value, depth - 1),
            ("required", Value::Array(names)) => {
                required.splice(0..0, names.iter().filter(|name| name.is_string()).cloned());
                json!([])
            }
            // As a property's own keyword it is looked at by the object that has it.
            ("required", _) => continue,
            ("type", Value::Array(kinds)) => match distinct(kinds) {
                kinds if kinds.is_empty() => continue,
                kinds => Value::Array(kinds),
            },
            ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(_)) => continue,
            (_, value) => value.clone(),
        };
        kept.insert(name.clone(), value);
    }
    exclusive(fields, &mut kept);
    if !required.is_empty() || kept.contains_key("required") {
        kept.insert("required".to_owned(), Value::Array(distinct(&required)));
    }
    if is_array(&kept) && !kept.contains_key("items") {
        kept.insert("items".to_owned(), json!({}));
    }
    Value::Object(kept)
}

/// An object's properties. A property that says itself that it is required (draft 3) is named in the object's list.
fn properties(named: &Value, depth: usize, required: &mut Vec<Value>) -> Value {
    let Value::Object(named) = named else { return json!({}) };
    for (name, schema) in named {
        if schema.get("required") == Some(&Value::Bool(true)) {
            required.push(json!(name));
        }
    }
    each(named, depth)
}

/// Each schema by its name; null is one that allows everything.
fn each(named: &Map<String, Value>, depth: usize) -> Value {
    let mended = |schema: &Value| if schema.is_null() { json!({}) } else { mend(schema, depth - 1) };
    named.iter().map(|(name, schema)| (name.clone(), mended(schema))).collect()
}

fn all(listed: &[Value], depth: usize) -> Vec<Value> {
    listed.iter().filter(|schema| !schema.is_null()).map(|schema| mend(schema, depth - 1)).collect()
}

/// The limits of draft 4, where a flag says that the limit itself is not allowed.
fn exclusive(fields: &Map<String, Value>, kept: &mut Map<String, Value>) {
    for (flag, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if fields.get(flag) == Some(&Value::Bool(true))
            && let Some(limit) = kept.shift_remove(limit)
        {
            kept.insert(flag.to_owned(), limit);
        }
    }
}

fn is_array(fields: &Map<String, Value>) -> bool {
    match fields.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "array"),
        Some(kind) => kind == "array",
        None => false,
    }
}

fn distinct(values: &[Value]) -> Vec<Value> {
    let mut distinct: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        if !distinct.contains(value) {
            distinct.push(value.clone());
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(schema: Value) -> Value {
        tool_schema(&schema).unwrap().schema
    }

    #[test]
    fn nulls_say_nothing_at_any_depth() {
        let schema = json!({"type": "object", "required": null, "title": null, "$defs": {"x": {"type": "string", "pattern": null}},
        "properties": {
            "o": {"type": "object", "properties": null, "required": null},
            "any": null,
            "u": {"anyOf": [{"type": "string", "format": null}, {"type": "null"}, null], "default": null},
            "l": {"type": "array", "items": null},
            "e": {"enum": ["a", null], "const": null}
        }});
        let wanted = json!({"type": "object", "$defs": {"x": {"type": "string"}}, "properties": {
            "o": {"type": "object"},
            "any": {},
            "u": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": null},
            "l": {"type": "array", "items": {}},
            "e": {"enum": ["a", null], "const": null}
        }});
        assert_eq!(sent(schema), wanted);
        let empty = json!({"type": "object", "properties": {}});
        for bare in [json!({}), json!({"type": null}), json!(true), json!(null), json!([]), json!({"properties": []})] {
            assert_eq!(sent(bare.clone()), empty, "{bare}");
        }
    }

    #[test]
    fn names_of_properties_are_no_keywords() {
        let schema = json!({"type": "object", "properties": {
            "required": {"type": "string"}, "items": {"type": "string"}, "anyOf": {"type": "array", "items": {"type": "string"}}
        }, "required": ["required"]});
        assert_eq!(sent(schema.clone()), schema);
    }

    #[test]
    fn older_drafts_are_told_as_the_newest() {
        let schema = json!({"type": "object", "required": ["a", "a"], "properties": {
            "a": {"type": "integer", "minimum": 0, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false},
            "b": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": false},
            "c": {"type": "string", "required": true},
            "d": {"type": ["array", "array", "null"]},
            "e": {"allOf": [], "type": "string"}
        }});
        let wanted = json!({"type": "object", "required": ["a", "c"], "properties": {
            "a": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9},
            "b": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false},
            "c": {"type": "string"},
            "d": {"type": ["array", "null"], "items": {}},
            "e": {"type": "string"}
        }});
        assert_eq!(sent(schema), wanted);
    }

    #[test]
    fn a_union_at_the_top_allows_the_same_elsewhere() {
        let union =
            json!([{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]);
        let schema =
            json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "anyOf": union, "if": {}, "else": {}});
        let ToolSchema { schema, told } = tool_schema(&schema).unwrap();
        let wanted = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {}},
            "if": {}, "then": {"allOf": [{"anyOf": union}, {"if": {}, "else": {}}]}});
        assert_eq!(schema, wanted);
        assert!(told.unwrap().contains("anyOf"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(sent(json!({"type": ["object", "null"]}))["type"], "object");
        assert!(tool_schema(&json!({"type": "string"})).is_err());
    }
}
