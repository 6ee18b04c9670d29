//! What can be called and what it costs: models, mappings, prices, and the public list of them.

mod import;
pub mod mappings;
pub mod missing;
pub mod models;
mod price_file;
mod price_list;
pub mod prices;
pub mod reach;
mod square;

pub use import::{ImportBody, ImportDiff, ImportOptions, ImportPreview, PreviewFilter, PriceChange, import, preview};
pub use price_file::{SkipReason, Skipped};
pub use price_list::{ListedPrice, LongPrompt, PriceList, PriceSource, preview_list, price_list};
pub use reach::Reach;
pub use square::{KeptSquare, ModelSquare, SquareModel, model_square};

use actors::vocabulary::model::LONGEST_MODEL_NAME;

use crate::services::{Served, values::check};

/// The name of a model: trimmed, 1 to 256 characters.
fn model_name(field: &str, text: &str) -> Served<String> {
    check::name(field, text, LONGEST_MODEL_NAME)
}

/// `claude` or `openai`.
fn provider(field: &str, word: &str) -> Served<String> {
    check::choice::<actors::vocabulary::Family>(field, word, "claude, openai").map(|family| family.as_str().to_owned())
}
