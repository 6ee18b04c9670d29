//! The configuration as a file: out without secrets, and in again, checked whole and written in one transaction.

mod document;
mod file;
mod plan;

use actors::ports::Changed;
use actors::vocabulary::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use file::{opened, sealed};

pub use document::{ChannelConfig, ConfigDocument, FallbackChannels, MappingConfig, ModelConfig, PriceConfig};

use self::plan::Plan;
use super::error::{IN_USE, TAKEN};
use super::values::check;
use super::{Actor, Deed, Served, ServiceError, Services};
use crate::store::trail::note_deed;
use crate::store::{StoreError, configuration, settings};

/// How to import.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigImportOptions {
    /// Only tell what would change.
    pub dry_run: Option<bool>,
}

/// How many rows of a part.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub struct Counts {
    /// New ones.
    pub added: usize,
    /// Those written over.
    pub changed: usize,
    /// Those the file does not have.
    pub removed: usize,
    /// Those that are as they were.
    pub unchanged: usize,
}

/// What an import changed, or would change.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The settings that change.
    pub settings: Vec<String>,
    /// Channels.
    pub channels: Counts,
    /// Models.
    pub models: Counts,
    /// Mappings; one that changed counts as removed and added.
    pub mappings: Counts,
    /// Prices.
    pub prices: Counts,
    /// Channels that take no requests until somebody sets their key and headers.
    pub incomplete: Vec<String>,
}

/// The configuration, without any secret.
///
/// # Errors
/// `forbidden`.
pub async fn export(services: &Services, actor: &Actor) -> Served<ConfigDocument> {
    actor.require(Role::Admin)?;
    let settings = settings::load(&services.db).await?;
    let document = ConfigDocument::of(&settings, configuration::load(&services.db).await?);
    note_deed(&services.db, &services.trail(&actor.by(), Deed::new("config.export", None), None)).await?;
    Ok(document)
}

/// Makes the configuration that of the file, or tells what would change. Parts the file does not have stay.
///
/// # Errors
/// `invalid_request` that names the part at fault; `in_use` when a key, a mapping or a fallback still names a channel
/// that the file does not have. Then nothing was written.
pub async fn import(
    services: &Services,
    actor: &Actor,
    given: ConfigDocument,
    options: ConfigImportOptions,
) -> Served<ImportReport> {
    actor.require(Role::Admin)?;
    if given.version != document::VERSION {
        return Err(check::bad("version", document::VERSION));
    }
    let old = settings::load(&services.db).await?;
    let Plan { rewrite, mut report, .. } = Plan::of(services, given, &old, configuration::load(&services.db).await?).await?;
    report.dry_run = options.dry_run.unwrap_or(false);
    let parts = [&report.channels, &report.models, &report.mappings, &report.prices];
    if report.dry_run || (report.settings.is_empty() && parts.into_iter().all(Counts::is_unchanged)) {
        return Ok(report);
    }
    let trail = services.trail(&actor.by(), Deed::new("config.import", None).after(&report), Some(Changed::Catalogue));
    configuration::rewrite(&services.db, &rewrite, services.now(), &trail).await.map_err(refused)?;
    services.news.changed(Changed::Catalogue).await;
    Ok(report)
}

fn refused(error: StoreError) -> ServiceError {
    match error {
        StoreError::Duplicate => ServiceError::new(&TAKEN).with("field", "name"),
        StoreError::Reference => ServiceError::new(&IN_USE),
        other => other.into(),
    }
}
