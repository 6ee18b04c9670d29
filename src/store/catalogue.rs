//! Reads the whole catalogue: settings, enabled channels and mappings, models, prices, in one transaction.
//!
//! A row that cannot be used is left out with a warning: one damaged channel is no outage.

use std::collections::HashMap;

use actors::settings_cache::{Catalogue, CatalogueModel, Mapping, PriceRow, PriceScope};
use actors::vocabulary::{ChannelId, Family, Price, PriceList, Settings};
use sqlx::FromRow;

use super::channels::ChannelRow;
use super::db::{Db, Stored, snapshot};
use crate::secrets::Sealer;

const SETTINGS: &str = "SELECT name, value FROM settings ORDER BY name";
const CHANNELS: &str = "SELECT * FROM channels WHERE enabled AND api_key_sealed <> '' AND headers_sealed <> '' ORDER BY id";
const MAPPINGS: &str = "SELECT id, provider, target_provider, upstream_model FROM model_mappings WHERE enabled ORDER BY id";
const INBOUNDS: &str = "SELECT mapping_id, model FROM model_mapping_inbounds ORDER BY mapping_id, model";
const MAPPED_CHANNELS: &str = "SELECT mapping_id, channel_id FROM model_mapping_channels ORDER BY mapping_id, channel_id";
const MODELS: &str = "SELECT provider, model, display_name, visible, enabled, created_at FROM catalogue_models ORDER BY id";
const PRICES: &str = "SELECT provider, channel_id, model, input_price, output_price, cache_read_price, \
    cache_creation_price, cache_creation_1h_price FROM model_prices ORDER BY id";

/// Everything the snapshot is made of, as of one moment.
///
/// # Errors
/// When the database does not answer.
pub async fn load(db: &Db, sealer: &Sealer) -> Stored<Catalogue> {
    let rows = snapshot!(db, tx => Rows {
        settings: sqlx::query_as(SETTINGS).fetch_all(&mut *tx).await?,
        channels: sqlx::query_as(CHANNELS).fetch_all(&mut *tx).await?,
        mappings: sqlx::query_as(MAPPINGS).fetch_all(&mut *tx).await?,
        inbounds: sqlx::query_as(INBOUNDS).fetch_all(&mut *tx).await?,
        mapped_channels: sqlx::query_as(MAPPED_CHANNELS).fetch_all(&mut *tx).await?,
        models: sqlx::query_as(MODELS).fetch_all(&mut *tx).await?,
        prices: sqlx::query_as(PRICES).fetch_all(&mut *tx).await?,
    });
    Ok(Catalogue {
        settings: settings_in_force(db, rows.settings),
        channels: rows.channels.into_iter().filter_map(|row| usable("channel", row.id, row.opened(sealer))).collect(),
        mappings: mappings(rows.mappings, rows.inbounds, rows.mapped_channels),
        models: rows.models.into_iter().filter_map(|row| usable("model", 0, row.into_model())).collect(),
        prices: rows.prices.into_iter().filter_map(|row| usable("price", 0, row.into_price())).collect(),
    })
}

/// The settings a fresh site starts with. The embedded database is for one machine, so its default lets
/// channels point at that machine.
pub fn default_settings(db: &Db) -> Settings {
    Settings { allow_private_upstreams: db.is_embedded(), ..Settings::default() }
}

/// Stored values over the defaults; a value that no longer parses is left out with a warning.
pub(super) fn settings_in_force(db: &Db, stored: Vec<(String, String)>) -> Settings {
    let mut settings = default_settings(db);
    for (name, value) in stored {
        match settings.set(&name, &value) {
            Some(Ok(())) => {}
            Some(Err(wrong)) => tracing::warn!(setting = name, %wrong, "a stored setting was left at its default"),
            None => tracing::warn!(setting = name, "a stored setting is not known to this version"),
        }
    }
    settings
}

struct Rows {
    settings: Vec<(String, String)>,
    channels: Vec<ChannelRow>,
    mappings: Vec<MappingRow>,
    inbounds: Vec<(i64, String)>,
    mapped_channels: Vec<(i64, i64)>,
    models: Vec<ModelRow>,
    prices: Vec<CataloguePriceRow>,
}

#[derive(FromRow)]
struct MappingRow {
    id: i64,
    provider: String,
    target_provider: String,
    upstream_model: String,
}

fn mappings(rows: Vec<MappingRow>, inbounds: Vec<(i64, String)>, channels: Vec<(i64, i64)>) -> Vec<Mapping> {
    let mut names: HashMap<i64, Vec<String>> = HashMap::new();
    for (mapping, model) in inbounds {
        names.entry(mapping).or_default().push(model);
    }
    let mut targets: HashMap<i64, Vec<ChannelId>> = HashMap::new();
    for (mapping, channel) in channels {
        targets.entry(mapping).or_default().push(ChannelId(channel));
    }
    let mapping = |row: MappingRow| {
        let made = (family(&row.provider), family(&row.target_provider));
        let (Ok(provider), Ok(target)) = made else { return usable("mapping", row.id, Err("unknown provider".to_owned())) };
        Some(Mapping {
            provider,
            target,
            inbound: names.remove(&row.id).unwrap_or_default(),
            upstream: row.upstream_model,
            channels: targets.remove(&row.id).unwrap_or_default(),
        })
    };
    rows.into_iter().filter_map(mapping).collect()
}

#[derive(FromRow)]
struct ModelRow {
    provider: String,
    model: String,
    display_name: String,
    visible: bool,
    enabled: bool,
    created_at: i64,
}

impl ModelRow {
    fn into_model(self) -> Result<CatalogueModel, String> {
        Ok(CatalogueModel {
            provider: family(&self.provider)?,
            model: self.model,
            display_name: self.display_name,
            visible: self.visible,
            enabled: self.enabled,
            created_at: self.created_at,
        })
    }
}

#[derive(FromRow)]
struct CataloguePriceRow {
    provider: Option<String>,
    channel_id: Option<i64>,
    model: String,
    input_price: i64,
    output_price: i64,
    cache_read_price: i64,
    cache_creation_price: i64,
    cache_creation_1h_price: Option<i64>,
}

impl CataloguePriceRow {
    fn into_price(self) -> Result<PriceRow, String> {
        let scope = match (self.channel_id, &self.provider) {
            (Some(channel), _) => PriceScope::Channel(ChannelId(channel)),
            (None, Some(provider)) => PriceScope::Provider(family(provider)?),
            (None, None) => return Err("neither channel nor provider".to_owned()),
        };
        let prices = PriceList {
            input: Price(self.input_price),
            output: Price(self.output_price),
            cache_read: Price(self.cache_read_price),
            cache_creation: Price(self.cache_creation_price),
            cache_creation_1h: self.cache_creation_1h_price.map(Price),
        };
        Ok(PriceRow { scope, model: self.model, prices })
    }
}

fn family(text: &str) -> Result<Family, String> {
    text.parse().map_err(|_| format!("unknown provider {text:?}"))
}

/// Keeps what could be read; says what could not.
fn usable<T>(what: &'static str, id: i64, made: Result<T, String>) -> Option<T> {
    made.inspect_err(|why| tracing::warn!(what, id, why, "a stored row was left out of the catalogue")).ok()
}
