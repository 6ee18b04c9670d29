//! Channels: validation, sealing of their secrets, permission, audit.

mod activity;
mod add_models;
mod checks;
mod draft;
mod import;
mod one;
mod probes;
mod standing;
mod status;
mod upstreams;
mod values;

pub use activity::{Activity, Cell, CellState};
pub use add_models::{
    AddModels, AddState, ChannelModel, ChannelModels, ModelToAdd, ModelsAdded, PriceFrom, ShownPrice, add_models, channel_models,
    invalid_price,
};
pub use draft::{Draft, draft_models, test_draft};
pub(super) use import::imported;
pub use one::{Doings, Failure, doings, one};
pub use probes::{
    ChannelTest, ChannelTestLog, CircuitChange, Probed, TestAllResult, TestRequest, UpstreamModels, change_circuit, probe_due,
    test, test_all, test_logs, upstream_models,
};
pub use standing::{Grade, Standing};
pub use status::{ChannelOverview, ChannelStatus, ChannelStatusList, GradeCounts, ListedChannel, overview, status};
pub use upstreams::{ChannelState, CircuitState, TestResult, Upstreams, UpstreamsHandle};
pub use values::{Channel, ChannelPatch, ChannelQuery, NewChannel};

use actors::ports::Changed;
use actors::vocabulary::ChannelId;

use self::checks::{base_url, headers, last4, max_concurrency, models, monitor_interval, sealed, test_model};
use crate::services::error::{IN_USE, NOT_FOUND, TAKEN};
use crate::services::values::{ListQuery, Page, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::channels::{self, API_KEY, ChannelFilter, ChannelRow, HEADERS};
use crate::store::{StoreError, base_url as urls};

/// One page of channels.
///
/// # Errors
/// `invalid_request`.
pub async fn list(services: &Services, asked: &ListQuery, query: ChannelQuery) -> Served<Page<Channel>> {
    let filter = filter(query, None);
    let found = channels::list(&services.db, &filter, &asked.window(channels::SORTS)?).await?;
    Ok(Page::new(asked, found, Channel::from))
}

fn filter(query: ChannelQuery, ids: Option<Vec<i64>>) -> ChannelFilter {
    ChannelFilter { kind: query.kind, enabled: query.enabled, model: query.model, ids }
}

/// Adds a channel.
///
/// # Errors
/// `invalid_request`, `conflict`.
pub async fn create(services: &Services, actor: &Actor, new: NewChannel) -> Served<Channel> {
    let row = row_of(services, services.id(), new)?;
    let made = Channel::from(row.clone());
    let trail = services.trail(&actor.by(), Deed::new("channel.create", row.id).after(&made), Some(Changed::Catalogue));
    channels::insert(&services.db, &row, &trail).await.map_err(refused)?;
    services.news.changed(Changed::Catalogue).await;
    Ok(made)
}

/// The channel as it would be stored.
fn row_of(services: &Services, id: i64, new: NewChannel) -> Served<ChannelRow> {
    let now = services.now();
    let given_headers = headers(new.headers.unwrap_or_default())?;
    let api_key = checks::api_key(&new.api_key)?;
    Ok(ChannelRow {
        id,
        name: check::name("name", &new.name, 100)?,
        kind: checks::kind(&new.kind)?,
        openai_protocol: checks::protocol(new.open_ai_protocol.as_deref().unwrap_or("auto"))?,
        base_url: base_url(services, &new.base_url)?,
        api_key_sealed: sealed(services, API_KEY, id, api_key)?,
        api_key_last4: last4(api_key),
        models: models(new.models.unwrap_or_default())?,
        priority: check::range("priority", new.priority.unwrap_or(0), -1_000_000, 1_000_000)?,
        weight: check::range("weight", new.weight.unwrap_or(1), 0, 1_000_000)?,
        max_concurrency: max_concurrency(new.max_concurrency)?,
        test_model: test_model(new.test_model)?,
        monitor_interval_ms: new.monitor_interval_sec.map(monitor_interval).transpose()?.flatten(),
        headers_sealed: sealed(services, HEADERS, id, &given_headers.text)?,
        header_names: given_headers.names,
        adapt_reasoning: new.adapt_reasoning.unwrap_or(true),
        enabled: new.enabled.unwrap_or(true),
        created_at: now,
        updated_at: now,
    })
}

/// Changes a channel. A new `baseUrl` needs the `apiKey` with it: a stored key only ever goes to the host
/// it was given for.
///
/// # Errors
/// `invalid_request`, `not_found`, `conflict`.
pub async fn update(services: &Services, actor: &Actor, id: ChannelId, patch: ChannelPatch) -> Served<Channel> {
    let old = find(services, id).await?;
    let row = patched(services, &old, patch)?;
    let made = Channel::from(row.clone());
    let deed = Deed::new("channel.update", id.0).before(&Channel::from(old)).after(&made);
    let trail = services.trail(&actor.by(), deed, Some(Changed::Catalogue));
    if !channels::update(&services.db, &row, &trail).await.map_err(refused)? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(made)
}

/// The channel as it would become.
fn patched(services: &Services, old: &ChannelRow, patch: ChannelPatch) -> Served<ChannelRow> {
    let mut row = old.clone();
    apply_address(services, &mut row, &patch)?;
    if let Some(name) = &patch.name {
        row.name = check::name("name", name, 100)?;
    }
    if let Some(kind) = &patch.kind {
        row.kind = checks::kind(kind)?;
    }
    row.openai_protocol =
        patch.open_ai_protocol.try_map(|word| checks::protocol(&word))?.over(row.openai_protocol, "auto".to_owned());
    row.models = patch.models.try_map(models)?.over(row.models, "[]".to_owned());
    row.priority = patch.priority.try_map(|n| check::range("priority", n, -1_000_000, 1_000_000))?.over(row.priority, 0);
    row.weight = patch.weight.try_map(|n| check::range("weight", n, 0, 1_000_000))?.over(row.weight, 1);
    row.max_concurrency = max_concurrency(patch.max_concurrency.over_option(row.max_concurrency))?;
    row.test_model = test_model(patch.test_model.over_option(row.test_model))?;
    row.monitor_interval_ms = patch.monitor_interval_sec.try_map(monitor_interval)?.over(row.monitor_interval_ms, None);
    if patch.headers.is_given() {
        let given = headers(patch.headers.value().unwrap_or_default())?;
        row.headers_sealed = sealed(services, HEADERS, row.id, &given.text)?;
        row.header_names = given.names;
    }
    row.adapt_reasoning = patch.adapt_reasoning.over(row.adapt_reasoning, true);
    row.enabled = patch.enabled.over(row.enabled, true);
    row.updated_at = services.now();
    Ok(row)
}

fn apply_address(services: &Services, row: &mut ChannelRow, patch: &ChannelPatch) -> Served<()> {
    if let Some(url) = &patch.base_url {
        let url = base_url(services, url)?;
        let moved = urls::normalise(&url).ok().map(origin) != urls::normalise(&row.base_url).ok().map(origin);
        if moved && !patch.headers.is_given() && row.header_names != "[]" {
            return Err(check::bad("headers", "a new host needs the headers with it"));
        }
        if moved && patch.api_key.is_none() {
            return Err(check::bad("apiKey", "a new host needs the key with it"));
        }
        row.base_url = url;
    }
    if let Some(key) = &patch.api_key {
        let key = checks::api_key(key)?;
        row.api_key_sealed = sealed(services, API_KEY, row.id, key)?;
        row.api_key_last4 = last4(key);
    }
    Ok(())
}

/// `scheme://host[:port]` of a normalised URL.
fn origin(url: String) -> String {
    url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

/// Deletes a channel with its prices and test logs.
///
/// # Errors
/// `not_found`; `in_use` while a key, a mapping or a fallback names it.
pub async fn delete(services: &Services, actor: &Actor, id: ChannelId) -> Served<()> {
    let old = Channel::from(find(services, id).await?);
    let trail = services.trail(&actor.by(), Deed::new("channel.delete", id.0).before(&old), Some(Changed::Catalogue));
    if !channels::delete(&services.db, id, &trail).await.map_err(refused)? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(())
}

async fn find(services: &Services, id: ChannelId) -> Served<ChannelRow> {
    channels::find(&services.db, id).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))
}

fn refused(error: StoreError) -> ServiceError {
    match error {
        StoreError::Duplicate => ServiceError::field(&TAKEN, "name"),
        StoreError::Reference => ServiceError::new(&IN_USE),
        other => other.into(),
    }
}
