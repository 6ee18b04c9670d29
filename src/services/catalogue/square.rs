//! The public list of models with what they cost.

use std::sync::Arc;

use actors::settings_cache::Snapshot;
use actors::vocabulary::{Family, Multiplier, Nanos, Settings};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Mutex;

use super::reach::Reach;
use crate::services::values::Usd;
use crate::services::{Served, Services};
use crate::store::models::ModelRow;
use crate::store::prices::PriceRow;

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

/// The list as it was computed last, and the snapshot that was in force then. Strangers ask for it as often as they like.
#[derive(Default)]
pub struct KeptSquare(Mutex<Option<(Arc<Snapshot>, Arc<ModelSquare>)>>);

/// Visible, enabled models with what they cost: at the dearest channel that may be asked, so that nobody pays more than
/// what stands here; where no channel serves a model, what it would cost.
///
/// # Errors
/// When the database fails.
pub async fn model_square(services: &Services) -> Served<Arc<ModelSquare>> {
    // Kept before anything is read: what is read is as new as it, and a later change brings another one.
    let Some(snapshot) = services.settings.snapshot() else {
        return computed(services).await.map(Arc::new);
    };
    // Whoever comes meanwhile waits, and computes nothing.
    let mut kept = services.square.0.lock().await;
    if let Some((of, square)) = &*kept
        && Arc::ptr_eq(of, &snapshot)
    {
        return Ok(Arc::clone(square));
    }
    let square = Arc::new(computed(services).await?);
    *kept = Some((snapshot, Arc::clone(&square)));
    Ok(square)
}

async fn computed(services: &Services) -> Served<ModelSquare> {
    let settings = services.settings.settings();
    let reach = Reach::load(services).await?;
    let shown = reach.models.iter().filter(|row| row.visible && row.enabled);
    Ok(ModelSquare { models: shown.map(|row| priced(row, &reach, &settings)).collect() })
}

fn priced(row: &ModelRow, reach: &Reach, settings: &Settings) -> SquareModel {
    let bills = bills(row, reach);
    let dearest =
        |figure: fn(&PriceRow) -> i64| bills.iter().map(|(family, price)| Usd(multiplied(figure(price), settings, family))).max();
    SquareModel {
        provider: row.provider.clone(),
        model: row.model.clone(),
        display_name: row.display_name.clone(),
        unpriced: bills.is_empty(),
        input_price_per_m_tok: dearest(|price| price.input_price),
        output_price_per_m_tok: dearest(|price| price.output_price),
        cache_read_price_per_m_tok: dearest(|price| price.cache_read_price),
        cache_creation_price_per_m_tok: dearest(|price| price.cache_creation_price),
        cache_creation1h_price_per_m_tok: dearest(|price| price.cache_creation_1h_price.unwrap_or(price.cache_creation_price)),
    }
}

/// The prices that a request may be billed with, each with the family whose multiplier goes with it.
fn bills<'a>(row: &'a ModelRow, reach: &'a Reach) -> Vec<(&'a str, &'a PriceRow)> {
    let routes = reach.routes(&row.provider, &row.model);
    let billed: Vec<_> = routes.iter().filter_map(|route| Some((route.channel.name.kind.as_str(), route.price?))).collect();
    if !routes.is_empty() {
        return billed;
    }
    let of_provider = reach.provider_price(&row.provider, &row.model).map(|price| (row.provider.as_str(), price));
    let at_channels = || reach.channel_prices(&row.model).filter_map(|price| Some((reach.family_of(price.channel_id?)?, price)));
    of_provider.map_or_else(|| at_channels().collect(), |price| vec![price])
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
