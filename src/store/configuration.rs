//! The whole configuration: read at one moment, written in one transaction.

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::channels::{ChannelRow, PutChannel};
use super::db::{Db, Stored, snapshot, write};
use super::mappings::{MappingRow, PutMapping};
use super::models::{ModelRow, PutModel};
use super::prices::{PriceRow, PutPrice, upsert};
use super::settings::PutSetting;
use super::trail::{Leave, Trail};

/// Everything but the settings, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// By name.
    pub channels: Vec<ChannelRow>,
    /// By provider and name.
    pub models: Vec<ModelRow>,
    /// In the order they were made.
    pub mappings: Vec<MappingRow>,
    /// In the order they were made.
    pub prices: Vec<PriceRow>,
}

/// What an import writes.
#[derive(Clone, Debug, Default)]
pub struct Rewrite {
    /// Settings and their text; `None` = back to the default.
    pub settings: Vec<(&'static str, Option<String>)>,
    /// New channels.
    pub new_channels: Vec<ChannelRow>,
    /// Channels written over.
    pub channels: Vec<ChannelRow>,
    /// Models to add.
    pub new_models: Vec<ModelRow>,
    /// Models written over.
    pub models: Vec<ModelRow>,
    /// Mappings to add.
    pub new_mappings: Vec<MappingRow>,
    /// Prices to add or to write over.
    pub prices: Vec<PriceRow>,
    /// Rows that go.
    pub gone: Gone,
}

/// Rows that go, by id.
#[derive(Clone, Debug, Default)]
pub struct Gone {
    /// Channels.
    pub channels: Vec<i64>,
    /// Models.
    pub models: Vec<i64>,
    /// Mappings.
    pub mappings: Vec<i64>,
    /// Prices.
    pub prices: Vec<i64>,
}

/// Reads everything but the settings.
///
/// # Errors
/// When the database fails.
pub async fn load(db: &Db) -> Stored<Configuration> {
    Ok(snapshot!(db, tx => {
        let mut mappings: Vec<MappingRow> = sqlx::query_as("SELECT * FROM model_mappings ORDER BY id").fetch_all(&mut *tx).await?;
        tx.fill(&mut mappings).await?;
        Configuration {
            channels: sqlx::query_as("SELECT * FROM channels ORDER BY lower(name)").fetch_all(&mut *tx).await?,
            models: sqlx::query_as("SELECT * FROM catalogue_models ORDER BY provider, model").fetch_all(&mut *tx).await?,
            mappings,
            prices: sqlx::query_as("SELECT * FROM model_prices ORDER BY id").fetch_all(&mut *tx).await?,
        }
    }))
}

/// Writes all of it or nothing.
///
/// # Errors
/// `Reference` when a key, a mapping or a fallback still names a channel that goes; `Duplicate` when somebody added the
/// same in between.
pub async fn rewrite(db: &Db, wanted: &Rewrite, now_ms: i64, trail: &Trail) -> Stored<()> {
    const FALLBACKS: &str = "SELECT value FROM settings WHERE name IN ('claudeFallbackChannelId', 'openaiFallbackChannelId')";
    let upsert = upsert();
    write!(db, tx => {
        for (table, ids) in [("model_mappings", &wanted.gone.mappings), ("model_prices", &wanted.gone.prices), ("catalogue_models", &wanted.gone.models)] {
            for id in ids {
                sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE id = $1"))).bind(id).execute(&mut *tx).await?;
            }
        }
        for (rows, new) in [(&wanted.new_channels, true), (&wanted.channels, false)] {
            for row in rows {
                tx.put_channel(row, new).await?;
            }
        }
        for (rows, new) in [(&wanted.new_models, true), (&wanted.models, false)] {
            for row in rows {
                tx.put_model(row, new).await?;
            }
        }
        for row in &wanted.new_mappings {
            tx.insert_mapping(row).await?;
        }
        for row in &wanted.prices {
            tx.put_price(row, &upsert).await?;
        }
        for (name, value) in &wanted.settings {
            tx.put_setting(name, value.as_deref(), now_ms).await?;
        }
        let fallbacks: Vec<String> = sqlx::query_scalar(FALLBACKS).fetch_all(&mut *tx).await?;
        for id in &wanted.gone.channels {
            if fallbacks.contains(&id.to_string()) {
                return Err(StoreError::Reference);
            }
            sqlx::query("DELETE FROM channels WHERE id = $1").bind(id).execute(&mut *tx).await?;
        }
        tx.leave(trail).await?;
    });
    Ok(())
}
