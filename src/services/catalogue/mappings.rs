//! Model mappings.

use std::collections::BTreeSet;

use actors::ports::Changed;
use actors::vocabulary::ChannelId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{model_name, provider};
use crate::services::error::{MISSING_FIELD, NOT_FOUND};
use crate::services::values::{ListQuery, Page, Patch, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::channels::ChannelRow;
use crate::store::mappings::{self, MappingFilter, MappingRow};
use crate::store::{StoreError, channels};

/// Names or channels of one mapping at most.
const MOST: usize = 200;

/// A mapping: clients of `provider` that ask for one of `inboundModels` get `upstreamModel`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// Its id.
    pub id: i64,
    /// The client's family: `claude` (Messages) or `openai` (the rest).
    pub provider: String,
    /// The family of channels used.
    pub target_provider: String,
    /// The names it catches.
    pub inbound_models: Vec<String>,
    /// The name sent upstream.
    pub upstream_model: String,
    /// The channels used; empty = all of the target's.
    pub channel_ids: Vec<i64>,
    /// Whether it applies.
    pub enabled: bool,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

impl From<MappingRow> for Mapping {
    fn from(row: MappingRow) -> Self {
        Self {
            id: row.id,
            provider: row.provider,
            target_provider: row.target_provider,
            inbound_models: row.inbound_models,
            upstream_model: row.upstream_model,
            channel_ids: row.channel_ids,
            enabled: row.enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A new mapping.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewMapping {
    /// The client's family.
    pub provider: String,
    /// The family of channels used; absent = `provider`.
    pub target_provider: Option<String>,
    /// The names it catches, 1 to 200.
    pub inbound_models: Vec<String>,
    /// The name sent upstream.
    pub upstream_model: String,
    /// The channels used; absent or empty = all of the target's.
    pub channel_ids: Option<Vec<i64>>,
    /// Whether it applies (default true).
    pub enabled: Option<bool>,
}

/// Changes to a mapping.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MappingPatch {
    /// The client's family.
    pub provider: Option<String>,
    /// The family of channels used; null = `provider`.
    pub target_provider: Patch<String>,
    /// The names it catches.
    pub inbound_models: Option<Vec<String>>,
    /// The name sent upstream.
    pub upstream_model: Option<String>,
    /// The channels used; null = all of the target's.
    pub channel_ids: Patch<Vec<i64>>,
    /// Whether it applies; null = true.
    pub enabled: Patch<bool>,
}

/// Which mappings are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MappingQuery {
    /// The client's family.
    pub provider: Option<String>,
    /// On or off.
    pub enabled: Option<bool>,
    /// Those that name this channel.
    pub channel_id: Option<i64>,
}

/// One page of mappings.
///
/// # Errors
/// `invalid_request`.
pub async fn list(services: &Services, asked: &ListQuery, query: MappingQuery) -> Served<Page<Mapping>> {
    let filter = MappingFilter { provider: query.provider, enabled: query.enabled, channel_id: query.channel_id };
    let found = mappings::list(&services.db, &filter, &asked.window(mappings::SORTS)?).await?;
    Ok(Page::new(asked, found, Mapping::from))
}

/// Adds a mapping.
///
/// # Errors
/// `invalid_request`.
pub async fn create(services: &Services, actor: &Actor, new: NewMapping) -> Served<Mapping> {
    let now = services.now();
    let family = provider("provider", &new.provider)?;
    let target = new.target_provider.map_or_else(|| Ok(family.clone()), |word| provider("targetProvider", &word))?;
    let row = MappingRow {
        id: services.id(),
        provider: family,
        channel_ids: channel_ids(services, new.channel_ids.unwrap_or_default(), &target).await?,
        target_provider: target,
        upstream_model: model_name("upstreamModel", &new.upstream_model)?,
        inbound_models: inbound_models(new.inbound_models)?,
        enabled: new.enabled.unwrap_or(true),
        created_at: now,
        updated_at: now,
    };
    let made = Mapping::from(row.clone());
    let trail = services.trail(&actor.by(), Deed::new("mapping.create", row.id).after(&made), Some(Changed::Catalogue));
    mappings::insert(&services.db, &row, &trail).await.map_err(gone_channel)?;
    services.news.changed(Changed::Catalogue).await;
    Ok(made)
}

/// One mapping.
///
/// # Errors
/// `not_found`.
pub async fn one(services: &Services, id: i64) -> Served<Mapping> {
    find(services, id).await.map(Mapping::from)
}

/// Changes a mapping.
///
/// # Errors
/// `invalid_request`, `not_found`.
pub async fn update(services: &Services, actor: &Actor, id: i64, patch: MappingPatch) -> Served<Mapping> {
    let old = find(services, id).await?;
    let mut row = old.clone();
    if let Some(word) = patch.provider {
        row.provider = provider("provider", &word)?;
    }
    match patch.target_provider {
        Patch::Absent => {}
        Patch::Null => row.target_provider.clone_from(&row.provider),
        Patch::Value(word) => row.target_provider = provider("targetProvider", &word)?,
    }
    if let Some(models) = patch.inbound_models {
        row.inbound_models = inbound_models(models)?;
    }
    if let Some(model) = patch.upstream_model {
        row.upstream_model = model_name("upstreamModel", &model)?;
    }
    let channels = patch.channel_ids.over(row.channel_ids, Vec::new());
    row.channel_ids = channel_ids(services, channels, &row.target_provider).await?;
    row.enabled = patch.enabled.over(row.enabled, true);
    row.updated_at = services.now();
    let made = Mapping::from(row.clone());
    let deed = Deed::new("mapping.update", id).before(&Mapping::from(old)).after(&made);
    let trail = services.trail(&actor.by(), deed, Some(Changed::Catalogue));
    if !mappings::update(&services.db, &row, &trail).await.map_err(gone_channel)? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(made)
}

/// Deletes a mapping.
///
/// # Errors
/// `not_found`.
pub async fn delete(services: &Services, actor: &Actor, id: i64) -> Served<()> {
    let old = Mapping::from(find(services, id).await?);
    let trail = services.trail(&actor.by(), Deed::new("mapping.delete", id).before(&old), Some(Changed::Catalogue));
    if !mappings::delete(&services.db, id, &trail).await? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(())
}

/// A new row for these channels, checked.
pub(in crate::services) fn checked(services: &Services, new: NewMapping, channels: &[&ChannelRow]) -> Served<MappingRow> {
    let now = services.now();
    let family = provider("provider", &new.provider)?;
    let target = new.target_provider.map_or_else(|| Ok(family.clone()), |word| provider("targetProvider", &word))?;
    if let Some(other) = channels.iter().find(|row| row.kind != target) {
        return Err(check::bad("channels", format_args!("{} does not speak for {target}", other.name)));
    }
    let ids: BTreeSet<i64> = channels.iter().map(|row| row.id).collect();
    Ok(MappingRow {
        id: services.id(),
        provider: family,
        target_provider: target,
        upstream_model: model_name("upstreamModel", &new.upstream_model)?,
        inbound_models: inbound_models(new.inbound_models)?,
        channel_ids: ids.into_iter().collect(),
        enabled: new.enabled.unwrap_or(true),
        created_at: now,
        updated_at: now,
    })
}

async fn find(services: &Services, id: i64) -> Served<MappingRow> {
    mappings::find(&services.db, id).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))
}

fn inbound_models(given: Vec<String>) -> Served<Vec<String>> {
    if given.is_empty() {
        return Err(ServiceError::field(&MISSING_FIELD, "inboundModels"));
    }
    if given.len() > MOST {
        return Err(check::bad("inboundModels", format_args!("at most {MOST}")));
    }
    let names: BTreeSet<String> = given.iter().map(|name| model_name("inboundModels", name)).collect::<Served<_>>()?;
    Ok(names.into_iter().collect())
}

/// Channels that exist and speak for the target: others could never be used.
async fn channel_ids(services: &Services, given: Vec<i64>, target: &str) -> Served<Vec<i64>> {
    if given.len() > MOST {
        return Err(check::bad("channelIds", format_args!("at most {MOST}")));
    }
    let ids: BTreeSet<i64> = given.into_iter().collect();
    for id in &ids {
        match channels::find(&services.db, ChannelId(*id)).await? {
            None => return Err(check::bad("channelIds", format_args!("there is no channel {id}"))),
            Some(row) if row.kind != target => {
                return Err(check::bad("channelIds", format_args!("channel {id} is not of type {target}")));
            }
            Some(_) => {}
        }
    }
    Ok(ids.into_iter().collect())
}

fn gone_channel(error: StoreError) -> ServiceError {
    match error {
        StoreError::Reference => check::bad("channelIds", "a channel is gone"),
        other => other.into(),
    }
}
