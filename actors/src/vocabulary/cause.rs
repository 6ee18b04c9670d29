//! What went wrong, for machines: a word, and what the word is about.

use serde::{Deserialize, Serialize};

/// A reason that is told in any language. The sentence beside it is the English one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// Which reason, such as `requests_per_minute`.
    pub word: String,
    /// The limit, the model, the status or the field in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl Cause {
    /// Nothing here knows the model.
    pub const UNKNOWN_MODEL: &'static str = "unknown_model";
    /// The model is known, but no channel serves it.
    pub const NO_CHANNEL: &'static str = "no_channel";

    /// A reason that says everything by itself.
    pub fn of(word: &str) -> Self {
        Self { word: word.to_owned(), about: None }
    }

    /// A reason with what it is about.
    pub fn about(word: &str, about: impl ToString) -> Self {
        Self { word: word.to_owned(), about: Some(about.to_string()) }
    }

    /// Whether the request was refused because nobody serves its model.
    pub fn is_missing_model(&self) -> bool {
        [Self::UNKNOWN_MODEL, Self::NO_CHANNEL].contains(&self.word.as_str())
    }
}
