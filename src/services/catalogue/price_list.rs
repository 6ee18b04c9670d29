//! The price list that comes with this release: what Anthropic and OpenAI charge for their current models, as of a day.
//!
//! It is a file of our own format, so the import reads it like any other; nothing of it is in force before an admin imports it
//! or adds a model with its price.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::prices::NewPrice;
use super::{ImportBody, ImportPreview, PreviewFilter, preview};
use crate::services::values::Usd;
use crate::services::{Served, ServiceError, Services};

/// The file as it stands.
const FILE: &str = include_str!("price_list.json");

/// The price list of this release. `POST /api/model-prices/import` takes it as it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceList {
    /// The day of its newest figures, `YYYY-MM-DD`.
    pub as_of: String,
    /// Where the figures come from.
    pub sources: Vec<PriceSource>,
    /// What the figures are and what they leave out.
    pub note: String,
    /// The prices.
    pub rows: Vec<ListedPrice>,
}

/// A page that prices were read from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PriceSource {
    /// Publisher and title.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The day it was last read, `YYYY-MM-DD`.
    pub checked: String,
}

/// The prices of one model, USD per million tokens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedPrice {
    /// `claude` or `openai`.
    pub provider: String,
    /// The provider's own name for it.
    pub model: String,
    /// Uncached input.
    pub input_price_per_m_tok: Usd,
    /// Output.
    pub output_price_per_m_tok: Usd,
    /// Input read from the provider's cache; absent = the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_price_per_m_tok: Option<Usd>,
    /// Input written to the five-minute cache; absent = the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_creation_price_per_m_tok: Option<Usd>,
    /// Input written to the one-hour cache; absent = the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_creation1h_price_per_m_tok: Option<Usd>,
    /// What the provider charges for long prompts, which one price per model cannot say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_prompt: Option<LongPrompt>,
}

/// What a provider charges for all of a request once its prompt is long.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LongPrompt {
    /// Prompts of more tokens than this are long.
    pub above: i64,
    /// Uncached input.
    pub input_price_per_m_tok: Usd,
    /// Output.
    pub output_price_per_m_tok: Usd,
}

impl From<ListedPrice> for NewPrice {
    fn from(row: ListedPrice) -> Self {
        Self {
            provider: Some(row.provider),
            channel_id: None,
            model: row.model,
            input_price_per_m_tok: row.input_price_per_m_tok,
            output_price_per_m_tok: row.output_price_per_m_tok,
            cache_read_price_per_m_tok: row.cache_read_price_per_m_tok,
            cache_creation_price_per_m_tok: row.cache_creation_price_per_m_tok,
            cache_creation1h_price_per_m_tok: row.cache_creation1h_price_per_m_tok,
        }
    }
}

/// The price list of this release.
///
/// # Errors
/// When the file is damaged; the tests keep it from being.
pub fn price_list() -> Served<PriceList> {
    serde_json::from_str(FILE).map_err(ServiceError::ill)
}

/// Tells what importing the price list of this release would change. Writes nothing.
///
/// # Errors
/// When the database fails.
pub async fn preview_list(services: &Services, filter: &PreviewFilter) -> Served<ImportPreview> {
    preview(services, &ImportBody::of(FILE.to_owned())?, filter).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::services::catalogue::price_file;

    #[test]
    fn the_import_reads_every_row_of_the_list_with_a_price_above_zero() {
        let (list, read) = (price_list().unwrap(), price_file::read(FILE).unwrap());
        assert_eq!((read.rows.len(), read.skipped.len(), read.dry_run), (list.rows.len(), 0, None));
        let mut names = BTreeSet::new();
        for (row, listed) in read.rows.iter().zip(&list.rows) {
            let name = (row.provider.clone().unwrap(), row.model.clone());
            assert_eq!((name.0.as_str(), &name.1), (listed.provider.as_str(), &listed.model));
            assert!(["claude", "openai"].contains(&name.0.as_str()), "{name:?}");
            let figures =
                [row.cache_read_price_per_m_tok, row.cache_creation_price_per_m_tok, row.cache_creation1h_price_per_m_tok];
            let figures = figures.into_iter().flatten().chain([row.input_price_per_m_tok, row.output_price_per_m_tok]);
            assert!(figures.into_iter().all(|usd| usd.0.0 > 0), "{name:?} costs nothing");
            assert!(row.output_price_per_m_tok.0 > row.input_price_per_m_tok.0, "{name:?}: output below input");
            assert!(row.cache_read_price_per_m_tok.is_none_or(|read| read.0 < row.input_price_per_m_tok.0), "{name:?}");
            if let Some(long) = &listed.long_prompt {
                assert!(long.above >= 100_000 && long.input_price_per_m_tok.0 > row.input_price_per_m_tok.0, "{name:?}");
            }
            assert!(names.insert(name.clone()), "{name:?} is there twice");
        }
    }

    #[test]
    fn the_list_says_of_which_day_it_is_and_where_its_figures_are_from() {
        let list = price_list().unwrap();
        assert!(!list.sources.is_empty());
        for day in list.sources.iter().map(|source| &source.checked).chain([&list.as_of]) {
            assert!(day.parse::<jiff::civil::Date>().is_ok() && *day <= list.as_of, "{day}");
        }
        assert!(list.sources.iter().all(|source| source.url.starts_with("https://")));
    }
}
