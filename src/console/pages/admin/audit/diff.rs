//! What changed between two states of a thing, line by line.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::console::format;

/// What names a thing, best first.
const NAMES: [&str; 6] = ["name", "username", "model", "upstreamModel", "keyName", "siteName"];
/// Follow from other fields, or change each time: of no interest.
const NOISE: [&str; 2] = ["updatedAt", "balanceUsd"];

/// One field of the thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// Its path, such as `ownerLimits.quota`.
    field: String,
    /// The path in words.
    label: String,
    /// Its text before; nothing where there was none.
    before: Option<String>,
    /// Its text after.
    after: Option<String>,
}

/// What changed.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Changes {
    /// The thing's name, if it has one.
    #[serde(skip)]
    pub(super) name: Option<String>,
    /// Fields that differ.
    changed: Vec<Line>,
    /// The others.
    same: Vec<Line>,
}

/// Compares the states of a thing, each a JSON object or nothing; `words` says a field's path in words.
pub(super) fn changes(
    before: Option<&RawValue>,
    after: Option<&RawValue>,
    zone: &TimeZone,
    words: impl Fn(&str) -> String,
) -> Changes {
    let (before, after) = (flat(before, zone), flat(after, zone));
    let find =
        |lines: &[(String, String)], field: &str| lines.iter().find(|(name, _)| name == field).map(|(_, text)| text.clone());
    let added = after.iter().filter(|(name, _)| find(&before, name).is_none());
    let fields: Vec<&String> = before.iter().chain(added).map(|(name, _)| name).collect();
    let name = NAMES.iter().find_map(|name| find(&after, name).or_else(|| find(&before, name)));
    let lines = fields.into_iter().map(|field| Line {
        field: field.clone(),
        label: words(field),
        before: find(&before, field),
        after: find(&after, field),
    });
    let (changed, same) = lines.partition(|line| line.before != line.after && !NOISE.contains(&line.field.as_str()));
    Changes { name, changed, same }
}

/// The fields of an object by their paths, in its order.
fn flat(object: Option<&RawValue>, zone: &TimeZone) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    if let Some(object) = object {
        flatten("", object, zone, &mut lines);
    }
    lines
}

fn flatten(path: &str, value: &RawValue, zone: &TimeZone, lines: &mut Vec<(String, String)>) {
    // Once for the order of the fields, once for their very texts: money never goes through a float.
    let order = serde_json::from_str::<Map<String, Value>>(value.get());
    let texts = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(value.get());
    let (Ok(order), Ok(texts)) = (order, texts) else {
        lines.push((path.to_owned(), text(path, value, zone)));
        return;
    };
    for name in order.keys() {
        if let Some(value) = texts.get(name) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            flatten(&path, value, zone, lines);
        }
    }
}

/// A value for people: texts without quotes, lists with commas, times by the clock, nothing as nothing.
fn text(path: &str, value: &RawValue, zone: &TimeZone) -> String {
    let raw = value.get();
    if let Ok(text) = serde_json::from_str::<String>(raw) {
        return text;
    }
    if let Ok(list) = serde_json::from_str::<Vec<Box<RawValue>>>(raw) {
        return list.iter().map(|entry| text("", entry, zone)).collect::<Vec<_>>().join(", ");
    }
    if raw == "null" {
        return format::NONE.to_owned();
    }
    match raw.parse() {
        Ok(ms) if path.ends_with("At") => format::moment(ms, zone, "%Y-%m-%d %H:%M:%S"),
        _ => raw.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_field_by_field_and_exactly() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let before =
            raw(r#"{"name":"a","limits":{"quota":1,"models":["x","y"]},"usd":9007199.254740993,"expiresAt":null,"updatedAt":1}"#);
        let after = raw(
            r#"{"name":"a","limits":{"quota":2,"models":["x"]},"usd":9007199.254740993,"expiresAt":0,"updatedAt":2,"new":true}"#,
        );
        let told = changes(Some(&before), Some(&after), &TimeZone::UTC, str::to_uppercase);
        let lines: Vec<_> =
            told.changed.iter().map(|line| (line.field.as_str(), line.before.as_deref(), line.after.as_deref())).collect();
        assert_eq!(told.name.as_deref(), Some("a"));
        assert_eq!(
            lines,
            [
                ("limits.quota", Some("1"), Some("2")),
                ("limits.models", Some("x, y"), Some("x")),
                ("expiresAt", Some("—"), Some("1970-01-01 00:00:00")),
                ("new", None, Some("true")),
            ]
        );
        assert!(told.same.iter().any(|line| line.after.as_deref() == Some("9007199.254740993")));
        assert!(changes(None, None, &TimeZone::UTC, str::to_uppercase).changed.is_empty());
        assert_eq!(told.changed.first().map(|line| line.label.as_str()), Some("LIMITS.QUOTA"));
    }
}
