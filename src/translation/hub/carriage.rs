//! What does not come along: refused because it has meaning, or left out because it is a hint.

use std::fmt;

/// A field with meaning that the target's protocol has no place for: a 400 that names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct CannotCarry {
    /// Its path in the client's body, such as `messages[2].content[0]`.
    pub field: String,
    /// One sentence without the field's value.
    pub problem: String,
}

impl CannotCarry {
    /// Names `field` and what is the matter with it.
    pub fn new(field: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self { field: field.to_string(), problem: problem.to_string() }
    }
}

/// Hints that were left out and values that were clamped, by the client's names for them, each named once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(Vec<String>);

/// Names listed in the header at most; a client's unknown fields do not grow it without bound.
const MOST_NAMES: usize = 32;
/// Longest name listed.
const MOST_NAME_BYTES: usize = 64;

impl LeftOut {
    /// Names a field. Names that would not fit a header are skipped.
    pub fn note(&mut self, field: &str) {
        let fits = field.len() <= MOST_NAME_BYTES && field.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        if fits && self.0.len() < MOST_NAMES && !self.0.iter().any(|known| known == field) {
            self.0.push(field.to_owned());
        }
    }

    /// Whether everything came along.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The value of `x-relay-left-out`.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}
