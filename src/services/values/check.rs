//! Checks of single fields. Each error names its field.

use crate::services::error::{BAD_CHOICE, BAD_FIELD, BAD_LENGTH, BAD_RANGE, Served, ServiceError};

/// Passes a number inside `min..=max`.
///
/// # Errors
/// `invalid_request`.
pub fn range(field: &str, value: i64, min: i64, max: i64) -> Served<i64> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(ServiceError::field(&BAD_RANGE, field).with("min", min).with("max", max))
}

/// Passes a text of `min..=max` characters.
///
/// # Errors
/// `invalid_request`.
pub fn length(field: &str, text: &str, min: usize, max: usize) -> Served<()> {
    if (min..=max).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(ServiceError::field(&BAD_LENGTH, field).with("min", min).with("max", max))
}

/// A name for people: trimmed, 1 to `max` characters, no control characters.
///
/// # Errors
/// `invalid_request`.
pub fn name(field: &str, text: &str, max: usize) -> Served<String> {
    let text = text.trim();
    length(field, text, 1, max)?;
    if text.chars().any(char::is_control) {
        return Err(bad(field, "control characters are not allowed"));
    }
    Ok(text.to_owned())
}

/// One word of a closed list.
///
/// # Errors
/// `invalid_request`, naming the choices.
pub fn choice<T: std::str::FromStr>(field: &str, word: &str, choices: &str) -> Served<T> {
    word.parse().map_err(|_| ServiceError::field(&BAD_CHOICE, field).with("choices", choices))
}

/// `invalid_request` for a field whose content is wrong; `detail` says what would be right.
pub fn bad(field: &str, detail: impl std::fmt::Display) -> ServiceError {
    ServiceError::field(&BAD_FIELD, field).with("detail", detail)
}
