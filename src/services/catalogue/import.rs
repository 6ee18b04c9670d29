//! Imports prices: a plain list of rows, or the price file of the LiteLLM project. All or nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use actors::ports::Changed;
use actors::vocabulary::Price as PricePerMTok;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::prices::{NewPrice, Price, checked_figures, refused};
use crate::services::error::NOT_JSON;
use crate::services::values::{Usd, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::channels;
use crate::store::prices::{self, PriceRow};

/// Rows of one import at most.
const MOST: usize = 10_000;

/// `[{…price}]`, `{"rows": [{…price}]}`, or the JSON object of LiteLLM's `model_prices_and_context_window.json`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct ImportBody(Box<RawValue>);

impl JsonSchema for ImportBody {
    fn schema_name() -> Cow<'static, str> {
        "PriceImport".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rows = generator.subschema_for::<Vec<NewPrice>>();
        json_schema!({ "anyOf": [
            rows,
            { "type": "object", "required": ["rows"], "properties": { "rows": rows, "dryRun": { "type": "boolean" } } },
            { "type": "object", "description": "LiteLLM's model_prices_and_context_window.json" }
        ] })
    }
}

/// How to import.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportOptions {
    /// Only tell what would change.
    pub dry_run: Option<bool>,
}

/// A price that the import changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PriceChange {
    /// As it was.
    pub before: Price,
    /// As it becomes.
    pub after: Price,
}

/// What an import changed, or would change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportDiff {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// New prices.
    pub added: Vec<Price>,
    /// Prices with other figures than before.
    pub changed: Vec<PriceChange>,
    /// Prices that are as they were.
    pub unchanged: usize,
    /// Entries of the file that are of no use here: other providers, no price per token.
    pub skipped: usize,
}

/// Imports prices, or tells what would change.
///
/// # Errors
/// `invalid_request` that names the first row at fault; then nothing was written.
pub async fn import(services: &Services, actor: &Actor, body: ImportBody, options: ImportOptions) -> Served<ImportDiff> {
    let read = read(body.0.get())?;
    let dry_run = options.dry_run.or(read.dry_run).unwrap_or(false);
    if read.rows.len() > MOST {
        return Err(check::bad("rows", format_args!("at most {MOST}")));
    }
    let rows = checked(services, read.rows).await?;
    let mut diff = compared(rows, prices::all(&services.db).await?);
    diff.told.dry_run = dry_run;
    diff.told.skipped = read.skipped;
    if dry_run || diff.write.is_empty() {
        return Ok(diff.told);
    }
    let counts = serde_json::json!({ "added": diff.told.added.len(), "changed": diff.told.changed.len() });
    let trail = services.trail(&actor.by(), Deed::new("price.import", None).after(&counts), Some(Changed::Catalogue));
    prices::import(&services.db, &diff.write, &trail).await.map_err(refused)?;
    services.news.changed(Changed::Catalogue).await;
    Ok(diff.told)
}

struct Read {
    rows: Vec<NewPrice>,
    dry_run: Option<bool>,
    skipped: usize,
}

fn read(text: &str) -> Served<Read> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        rows: Vec<NewPrice>,
        dry_run: Option<bool>,
    }
    let wrong = |error: serde_json::Error| check::bad("rows", error);
    if text.trim_start().starts_with('[') {
        return Ok(Read { rows: serde_json::from_str(text).map_err(wrong)?, dry_run: None, skipped: 0 });
    }
    let entries: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| ServiceError::new(&NOT_JSON).with("detail", error))?;
    if entries.contains_key("rows") {
        let envelope: Envelope = serde_json::from_str(text).map_err(wrong)?;
        return Ok(Read { rows: envelope.rows, dry_run: envelope.dry_run, skipped: 0 });
    }
    let mut read = Read { rows: Vec::new(), dry_run: None, skipped: 0 };
    for (model, entry) in entries {
        match litellm_row(&model, entry.get())? {
            Some(row) => read.rows.push(row),
            None => read.skipped += 1,
        }
    }
    Ok(read)
}

/// An entry of LiteLLM's file, as far as it is of Anthropic or OpenAI themselves and priced by token.
fn litellm_row(model: &str, entry: &str) -> Served<Option<NewPrice>> {
    #[derive(Deserialize)]
    struct Entry<'a> {
        litellm_provider: Option<Cow<'a, str>>,
        #[serde(borrow)]
        input_cost_per_token: Option<&'a RawValue>,
        #[serde(borrow)]
        output_cost_per_token: Option<&'a RawValue>,
        #[serde(borrow)]
        cache_read_input_token_cost: Option<&'a RawValue>,
        #[serde(borrow)]
        cache_creation_input_token_cost: Option<&'a RawValue>,
        #[serde(borrow)]
        cache_creation_input_token_cost_above_1hr: Option<&'a RawValue>,
    }
    let Ok(entry) = serde_json::from_str::<Entry<'_>>(entry) else { return Ok(None) };
    let provider = match entry.litellm_provider.as_deref() {
        Some("anthropic") => "claude",
        Some("openai") => "openai",
        _ => return Ok(None),
    };
    let Some(input) = entry.input_cost_per_token else { return Ok(None) };
    let usd = |cost: Option<&RawValue>| cost.map(|cost| per_million(model, cost.get())).transpose();
    Ok(Some(NewPrice {
        provider: Some(provider.to_owned()),
        channel_id: None,
        model: model
            .split_once('/')
            .filter(|(owner, _)| ["anthropic", "openai"].contains(owner))
            .map_or(model, |(_, name)| name)
            .to_owned(),
        input_price_per_m_tok: per_million(model, input.get())?,
        output_price_per_m_tok: usd(entry.output_cost_per_token)?.unwrap_or_default(),
        cache_read_price_per_m_tok: usd(entry.cache_read_input_token_cost)?,
        cache_creation_price_per_m_tok: usd(entry.cache_creation_input_token_cost)?,
        cache_creation1h_price_per_m_tok: usd(entry.cache_creation_input_token_cost_above_1hr)?,
    }))
}

/// USD per token, as text, to USD per million tokens, without a float in between.
fn per_million(model: &str, cost: &str) -> Served<Usd> {
    let wrong = |detail: &dyn std::fmt::Display| check::bad(model, format_args!("cost {cost}: {detail}"));
    let (mantissa, exponent) = cost.split_once(['e', 'E']).unwrap_or((cost, "0"));
    let exponent: i32 = exponent.parse().map_err(|error| wrong(&error))?;
    let price = format!("{mantissa}e{}", exponent.saturating_add(6)).parse::<PricePerMTok>();
    price.map(Usd::from).map_err(|error| wrong(&error))
}

async fn checked(services: &Services, given: Vec<NewPrice>) -> Served<Vec<PriceRow>> {
    let channels: BTreeSet<i64> = if given.iter().any(|row| row.channel_id.is_some()) {
        channels::all(&services.db).await?.into_iter().map(|row| row.id).collect()
    } else {
        BTreeSet::new()
    };
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(given.len());
    for (index, new) in given.into_iter().enumerate() {
        let at = |detail: &dyn std::fmt::Display| check::bad(&format!("rows[{index}]"), detail);
        let row = checked_figures(services, new).map_err(|error| at(&error))?;
        if row.channel_id.is_some_and(|id| !channels.contains(&id)) {
            return Err(at(&"there is no such channel"));
        }
        if !seen.insert(place(&row)) {
            return Err(at(&"the model is there twice"));
        }
        rows.push(row);
    }
    Ok(rows)
}

struct Diff {
    told: ImportDiff,
    write: Vec<PriceRow>,
}

fn compared(rows: Vec<PriceRow>, stored: Vec<PriceRow>) -> Diff {
    let stored: HashMap<_, _> = stored.into_iter().map(|row| (place(&row), row)).collect();
    let told = ImportDiff { dry_run: true, added: Vec::new(), changed: Vec::new(), unchanged: 0, skipped: 0 };
    let mut diff = Diff { told, write: Vec::new() };
    for row in rows {
        match stored.get(&place(&row)) {
            None => {
                diff.told.added.push(Price::from(row.clone()));
                diff.write.push(row);
            }
            Some(old) => {
                let new = PriceRow { id: old.id, created_at: old.created_at, ..row };
                if (PriceRow { updated_at: old.updated_at, ..new.clone() }) == *old {
                    diff.told.unchanged += 1;
                    continue;
                }
                diff.told.changed.push(PriceChange { before: old.clone().into(), after: new.clone().into() });
                diff.write.push(new);
            }
        }
    }
    diff
}

fn place(row: &PriceRow) -> (Option<String>, Option<i64>, String) {
    (row.provider.clone(), row.channel_id, row.model.clone())
}

#[cfg(test)]
mod tests {
    use actors::vocabulary::Nanos;

    use super::*;

    #[test]
    fn a_cost_per_token_becomes_a_price_per_million_exactly() {
        for (cost, nanos) in [
            ("3e-06", 3_000_000_000),
            ("0.000015", 15_000_000_000),
            ("1.25e-7", 125_000_000),
            ("0", 0),
            ("2.5E-06", 2_500_000_000),
        ] {
            assert_eq!(per_million("m", cost).unwrap(), Usd(Nanos(nanos)), "{cost}");
        }
        assert!(per_million("m", "\"free\"").is_err());
    }

    #[test]
    fn only_the_makers_own_models_are_taken_from_the_file() {
        let file = r#"{"sample_spec": {"input_cost_per_token": 0, "litellm_provider": "one of"},
            "claude-x": {"litellm_provider": "anthropic", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
                "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06, "mode": "chat"},
            "bedrock/claude-x": {"litellm_provider": "bedrock", "input_cost_per_token": 3e-06},
            "tts": {"litellm_provider": "openai", "input_cost_per_character": 1e-06}}"#;
        let read = read(file).unwrap();
        assert_eq!((read.rows.len(), read.skipped), (1, 3));
        assert_eq!(read.rows[0].cache_creation1h_price_per_m_tok, Some(Usd(Nanos(6_000_000_000))));
    }
}
