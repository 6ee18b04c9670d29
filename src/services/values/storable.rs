//! Texts that both databases can keep: PostgreSQL has no NUL in its texts. Looked for where texts come in, so that no
//! statement meets one.

use memchr::memmem;
use serde_json::Value;

use super::check;
use crate::services::Served;

/// Passes a text without NUL.
///
/// # Errors
/// `invalid_request`, naming the field.
pub fn text(field: &str, text: &str) -> Served<()> {
    if text.contains('\0') { Err(check::bad(field, "NUL characters are not allowed")) } else { Ok(()) }
}

/// Passes the parameters of a query string or the fields of a form.
///
/// # Errors
/// `invalid_request`, naming the field.
pub fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Served<()> {
    for (name, value) in pairs {
        text("name", name)?;
        text(name, value)?;
    }
    Ok(())
}

/// Passes JSON none of whose texts has a NUL, which can stand there as `\u0000` alone. What is no JSON passes: its reader
/// says so.
///
/// # Errors
/// `invalid_request`, naming the field by its path.
pub fn json(json: &[u8]) -> Served<()> {
    // Almost every body ends here, without being read twice.
    if memmem::find(json, b"\\u0000").is_none() {
        return Ok(());
    }
    serde_json::from_slice(json).map_or(Ok(()), |value| every_text("", &value))
}

fn every_text(path: &str, value: &Value) -> Served<()> {
    let named = |path: &str| if path.is_empty() { "body".to_owned() } else { path.to_owned() };
    match value {
        Value::String(inner) => text(&named(path), inner),
        Value::Array(entries) => {
            entries.iter().enumerate().try_for_each(|(index, entry)| every_text(&format!("{path}[{index}]"), entry))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(name, inner)| {
            text(&named(path), name)?;
            every_text(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, inner)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(body: &str) -> Option<String> {
        json(body.as_bytes()).err().and_then(|error| error.field)
    }

    #[test]
    fn the_field_with_a_nul_is_named_wherever_it_is() {
        assert_eq!(field(r#"{"name":"a\u0000b"}"#).as_deref(), Some("name"));
        assert_eq!(field(r#"{"rows":[{"a":1},{"model":"\u0000"}]}"#).as_deref(), Some("rows[1].model"));
        assert_eq!(field(r#"{"headers":{"x\u0000":"y"}}"#).as_deref(), Some("headers"));
        assert_eq!(field(r#"["\u0000"]"#).as_deref(), Some("[0]"));
        assert_eq!(field(r#""\u0000""#).as_deref(), Some("body"));
    }

    #[test]
    fn what_only_looks_like_a_nul_passes() {
        assert_eq!(field(r#"{"name":"a\\u0000b"}"#), None);
        assert_eq!(field(r#"{"name":"a\u00000"#), None);
        assert_eq!(field(r#"{"name":"a\u0001b"}"#), None);
    }
}
