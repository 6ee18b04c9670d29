//! Reading JSON with the path of what is wrong in it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::hub::CannotCarry;

/// Reads a body into wire types; what does not fit is named by its path.
///
/// # Errors
/// The first field that is missing or of the wrong kind.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, CannotCarry> {
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| named(&error))
}

/// [`parse`] for a body that has been read already.
///
/// # Errors
/// The first field that is missing or of the wrong kind.
pub fn parse_value<T: DeserializeOwned>(value: Value) -> Result<T, CannotCarry> {
    serde_path_to_error::deserialize(value).map_err(|error| named(&error))
}

/// [`parse`] for a part of a body that stands at `path`.
///
/// # Errors
/// The first field that is missing or of the wrong kind.
pub fn parse_at<T: DeserializeOwned>(path: &str, value: Value) -> Result<T, CannotCarry> {
    parse_value(value).map_err(|error| {
        let field = if error.field == "." { path.to_owned() } else { format!("{path}.{}", error.field) };
        CannotCarry { field, ..error }
    })
}

fn named(error: &serde_path_to_error::Error<serde_json::Error>) -> CannotCarry {
    CannotCarry::new(error.path().to_string(), problem(error.inner()))
}

/// The error's sentence without the place in the text and without the value, which may be a prompt.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match text.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((_, expected)) => format!("Input should be {expected}"),
        None if text.starts_with("missing field") => text.replace("missing field", "Field required:"),
        None if text.starts_with("invalid value") => "Input has an unexpected value".to_owned(),
        None => text.to_owned(),
    }
}
