//! Reading what providers send: with the types they use, not only with those their documentation has.
//!
//! One field of an unexpected type costs that field and no other. [`mended`] makes text of bytes that are almost JSON,
//! [`read`] reads it into a wire type whose fields name one of the functions here by `deserialize_with`. All of it happens in
//! the one pass that a strict reading takes, too. serde's own strictness is for requests, which are refused by name.

mod kinds;
mod mend;
mod text_bytes;

use std::cell::Cell;

use serde::Deserialize;
use serde_json::Value;

pub use kinds::{
    Amount, cow, figure, index, is_list, list, object, owned_string, present, seconds, string, text, words, words_or_json,
};
use mend::renumbered;
pub use mend::{Half, join, mended, settled, told_bytes};
pub use text_bytes::TextBytes;

thread_local! {
    /// Whether the reading under way passed over a field that it could not understand.
    static LOST: Cell<bool> = const { Cell::new(false) };
}

/// What was read.
#[derive(Debug)]
pub struct Read<T> {
    /// The value.
    pub value: T,
    /// Whether a field was passed over that may have said something: what seems to be nothing may have been an answer.
    pub lost: bool,
}

/// Reads an object; `None` when it is none, or no JSON.
pub fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Option<Read<T>> {
    LOST.set(false);
    let mut json = serde_json::Deserializer::from_str(text);
    let strictly = object(&mut json).and_then(|value| json.end().map(|()| value));
    let value = match strictly {
        Ok(value) => value,
        // A key that stands there twice, of which the last one counts, or numbers that are none.
        Err(_) => {
            let value = serde_json::from_str::<Value>(text).or_else(|_| serde_json::from_str(&renumbered(text)));
            LOST.set(false);
            object(value.ok()?).ok()?
        }
    }?;
    Some(Read { value, lost: LOST.get() })
}

/// Reads a part of an answer that was kept as a value.
pub fn read_value<'a, T: Deserialize<'a>>(value: Value) -> Option<T> {
    object(value).ok().flatten()
}

/// Notes that a field was passed over.
fn lose() {
    LOST.set(true);
}

/// Whether an `error` field says that there is one.
pub fn is_error(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}
