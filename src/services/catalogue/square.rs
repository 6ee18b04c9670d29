//! The public list of models with what they cost.

use std::collections::HashMap;

use actors::vocabulary::{Family, Multiplier, Nanos, Settings};
use schemars::JsonSchema;
use serde::Serialize;

use crate::services::values::Usd;
use crate::services::{Served, Services};
use crate::store::prices::PriceRow;
use crate::store::{models, prices};

/// A model anybody may see. Prices are USD per million tokens with the multipliers in force.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SquareModel {
    /// `claude` or `openai`.
    pub provider: String,
    /// The name it is called by.
    pub model: String,
    /// Its name for people.
    pub display_name: String,
    /// Whether nobody named a price yet; then the prices are null.
    pub unpriced: bool,
    /// Uncached input.
    pub input_price_per_m_tok: Option<Usd>,
    /// Output, reasoning included.
    pub output_price_per_m_tok: Option<Usd>,
    /// Input read from the provider's cache.
    pub cache_read_price_per_m_tok: Option<Usd>,
    /// Input written to the five-minute cache.
    pub cache_creation_price_per_m_tok: Option<Usd>,
    /// Input written to the one-hour cache.
    pub cache_creation1h_price_per_m_tok: Option<Usd>,
}

/// All models anybody may see.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ModelSquare {
    /// By provider and name.
    pub models: Vec<SquareModel>,
}

/// Visible, enabled models with their provider's prices. A model priced at single channels alone shows
/// the dearest of them, so that nobody pays more than what stands here.
///
/// # Errors
/// When the database is ill.
pub async fn model_square(services: &Services) -> Served<ModelSquare> {
    let settings = services.settings.settings();
    let mut by_model: HashMap<(Option<String>, String), PriceRow> = HashMap::new();
    for row in prices::all(&services.db).await? {
        let place = (row.provider.clone(), row.model.clone());
        match by_model.get(&place) {
            Some(known) if known.output_price >= row.output_price => {}
            _ => drop(by_model.insert(place, row)),
        }
    }
    let shown = |row: models::ModelRow| {
        let own = by_model.get(&(Some(row.provider.clone()), row.model.clone()));
        let price = own.or_else(|| by_model.get(&(None, row.model.clone())));
        let pays = |nanos: i64| Some(Usd(multiplied(nanos, &settings, &row.provider)));
        SquareModel {
            unpriced: price.is_none(),
            input_price_per_m_tok: price.and_then(|price| pays(price.input_price)),
            output_price_per_m_tok: price.and_then(|price| pays(price.output_price)),
            cache_read_price_per_m_tok: price.and_then(|price| pays(price.cache_read_price)),
            cache_creation_price_per_m_tok: price.and_then(|price| pays(price.cache_creation_price)),
            cache_creation1h_price_per_m_tok: price
                .and_then(|p| pays(p.cache_creation_1h_price.unwrap_or(p.cache_creation_price))),
            provider: row.provider,
            model: row.model,
            display_name: row.display_name,
        }
    };
    Ok(ModelSquare { models: models::shown(&services.db).await?.into_iter().map(shown).collect() })
}

/// A price as it is billed, rounded half up for show; bills themselves are rounded once, at their end.
fn multiplied(nanos: i64, settings: &Settings, provider: &str) -> Nanos {
    let provider = match provider.parse() {
        Ok(Family::Claude) => settings.claude_billing_multiplier,
        _ => settings.openai_billing_multiplier,
    };
    let one = i128::from(Multiplier::ONE.0);
    let scale = |value: i128, by: Multiplier| (value * i128::from(by.0) + one / 2) / one;
    let scaled = scale(scale(i128::from(nanos), settings.global_billing_multiplier), provider);
    Nanos(i64::try_from(scaled).unwrap_or(i64::MAX))
}
