//! A channel out of a configuration file. A stored key only ever goes to the host it was given for.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::checks::{self, base_url_if, headers, last4, max_concurrency, models, monitor_interval, sealed, test_model};
use super::origin;
use crate::secrets::Place;
use crate::services::configuration::ChannelConfig;
use crate::services::values::check;
use crate::services::{Served, Services};
use crate::store::base_url as urls;
use crate::store::channels::{API_KEY, ChannelRow, HEADERS};

/// The channel as it becomes, over `old`, the one of that name. Where neither the file has its key or headers nor the
/// old one has them for the same host, they are missing: then it takes no requests until somebody sets them.
pub(in crate::services) fn imported(
    services: &Services,
    given: ChannelConfig,
    old: Option<&ChannelRow>,
    private_allowed: bool,
) -> Served<ChannelRow> {
    let now = services.now();
    let id = old.map_or_else(|| services.id(), |old| old.id);
    let base_url = base_url_if(private_allowed, &given.base_url)?;
    let origin_of = |url: &str| urls::normalise(url).ok().map(origin);
    let keeper = old.filter(|old| origin_of(&old.base_url) == origin_of(&base_url));
    let (api_key_sealed, api_key_last4) = match (&given.api_key, keeper) {
        (Some(key), _) => {
            let key = checks::api_key(key)?;
            (sealed(services, API_KEY, id, key)?, last4(key))
        }
        (None, Some(old)) => (old.api_key_sealed.clone(), old.api_key_last4.clone()),
        (None, None) => (String::new(), String::new()),
    };
    let (headers_sealed, header_names) = imported_headers(services, id, &given, keeper)?;
    Ok(ChannelRow {
        id,
        name: check::name("name", &given.name, 100)?,
        kind: checks::kind(&given.kind)?,
        openai_protocol: checks::protocol(&given.open_ai_protocol)?,
        base_url,
        api_key_sealed,
        api_key_last4,
        models: models(given.models)?,
        priority: check::range("priority", given.priority, -1_000_000, 1_000_000)?,
        weight: check::range("weight", given.weight, 0, 1_000_000)?,
        max_concurrency: max_concurrency(given.max_concurrency)?,
        test_model: test_model(given.test_model)?,
        monitor_interval_ms: given.monitor_interval_sec.map(monitor_interval).transpose()?.flatten(),
        headers_sealed,
        header_names,
        adapt_reasoning: given.adapt_reasoning,
        enabled: given.enabled,
        created_at: old.map_or(now, |old| old.created_at),
        updated_at: old.map_or(now, |old| old.updated_at),
    })
}

/// Sealed headers (empty = missing) and the JSON list of their names.
fn imported_headers(
    services: &Services,
    id: i64,
    given: &ChannelConfig,
    keeper: Option<&ChannelRow>,
) -> Served<(String, String)> {
    if let Some(values) = &given.headers {
        let values = headers(values.clone())?;
        return Ok((sealed(services, HEADERS, id, &values.text)?, values.names));
    }
    let named = headers(given.header_names.iter().map(|name| (name.clone(), String::new())).collect())?;
    if let Some(old) = keeper.filter(|old| old.header_names == named.names) {
        return Ok((old.headers_sealed.clone(), named.names));
    }
    if given.header_names.is_empty() {
        return Ok((sealed(services, HEADERS, id, &named.text)?, named.names));
    }
    let stored = keeper.and_then(|old| {
        let opened = services.sealer.open(Place { column: HEADERS, row: &old.id.to_string() }, &old.headers_sealed).ok()?;
        serde_json::from_str::<BTreeMap<String, String>>(opened.expose_secret()).ok()
    });
    let wanted: Vec<String> = serde_json::from_str(&named.names).unwrap_or_default();
    let kept: Option<BTreeMap<String, String>> =
        stored.and_then(|stored| wanted.iter().map(|name| Some((name.clone(), stored.get(name)?.clone()))).collect());
    match kept {
        Some(kept) => {
            let kept = headers(kept)?;
            Ok((sealed(services, HEADERS, id, &kept.text)?, kept.names))
        }
        None => Ok((String::new(), named.names)),
    }
}
