//! Rows as CSV (RFC 4180), with everything a spreadsheet would take for a formula made text.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::services::{Served, ServiceError};

/// The line with the columns' names, behind a byte order mark: without one, Excel reads the file in the system's code page.
pub(super) fn header(columns: &[&str]) -> String {
    format!("\u{feff}{}\r\n", columns.join(","))
}

/// The line of one row, a JSON object. Lists and objects are cells of JSON; numbers stay as they are.
pub(super) fn line(columns: &[&str], row: &str) -> Served<String> {
    let fields: Fields<'_> = serde_json::from_str(row).map_err(ServiceError::ill)?;
    let mut line = String::new();
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        if let Some((_, value)) = fields.0.iter().find(|(name, _)| name == column) {
            line.push_str(&cell(value.get())?);
        }
    }
    line.push_str("\r\n");
    Ok(line)
}

fn cell(json: &str) -> Served<String> {
    match json.as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(ServiceError::ill)?;
            Ok(quoted(&harmless(text)))
        }
        Some(b'[' | b'{') => Ok(quoted(json)),
        _ if json == "null" => Ok(String::new()),
        _ => Ok(json.to_owned()),
    }
}

/// Spreadsheets run what begins with one of these, some also behind blanks or in its wide form. An apostrophe makes it text.
fn harmless(text: String) -> String {
    const FORMULAS: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let first = |text: &str| text.starts_with(FORMULAS);
    if first(&text) || first(text.trim_start()) { format!("'{text}") } else { text }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n', '\'', ';', '\t']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The fields of a JSON object as they stand, numbers in their very digits.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Row;
        impl<'de> Visitor<'de> for Row {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_numbers_stay_numbers() {
        for (json, expected) in [
            (r#""=1+1""#, "\"'=1+1\""),
            (r#""@cmd""#, "\"'@cmd\""),
            (r#""+49""#, "\"'+49\""),
            (r#""-x""#, "\"'-x\""),
            (r#""\t=1""#, "\"'\t=1\""),
            (r#""\r=1""#, "\"'\r=1\""),
            (r#"" =1""#, "\"' =1\""),
            (r#""a,b \"c\"""#, "\"a,b \"\"c\"\"\""),
            (r#""plain""#, "plain"),
            (r#"["=a","b"]"#, "\"[\"\"=a\"\",\"\"b\"\"]\""),
            ("-9007199.254740993", "-9007199.254740993"),
            ("true", "true"),
            ("null", ""),
        ] {
            assert_eq!(cell(json).unwrap(), expected, "{json}");
        }
        assert_eq!(line(&["b", "a", "c"], r#"{"a":1,"b":"x"}"#).unwrap(), "x,1,\r\n");
    }
}
