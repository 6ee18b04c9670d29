//! Imports prices: a plain list of rows, or the price file of the LiteLLM project. All or nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use actors::ports::Changed;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::price_file::{self, Skipped, read};
use super::prices::{NewPrice, Price, checked_figures, family_of, refused};
use super::reach::Reach;
use crate::services::error::NOT_JSON;
use crate::services::values::check;
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::channels;
use crate::store::prices::{self, PriceRow};

/// Rows of one import at most.
const MOST: usize = 10_000;

/// `[{…price}]`, `{"rows": [{…price}]}`, or the JSON object of LiteLLM's `model_prices_and_context_window.json`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct ImportBody(Box<RawValue>);

impl ImportBody {
    /// The text of a file.
    ///
    /// # Errors
    /// `invalid_request` when it is no JSON.
    pub fn of(text: String) -> Served<Self> {
        RawValue::from_string(text).map(Self).map_err(|error| ServiceError::new(&NOT_JSON).with("detail", error))
    }
}

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

/// Which rows of a file are wanted.
#[derive(Clone, Debug, Default)]
pub struct PreviewFilter {
    /// Those of one family; prices of single channels stay.
    pub provider: Option<String>,
    /// Those the catalogue, a channel or a price names already; prices of single channels stay.
    pub known_only: bool,
}

/// What an import would change, to be looked through before anything is written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportPreview {
    /// What it would change.
    #[serde(flatten)]
    pub diff: ImportDiff,
    /// Entries of the file that are of no use here, by the reason.
    pub passed_over: Vec<Skipped>,
    /// Rows that the filter left out.
    pub left_out: usize,
    /// All rows of the file, as rows that can be imported.
    #[serde(skip)]
    pub rows: Vec<NewPrice>,
}

/// Tells what importing the rows of a file would change. Writes nothing.
///
/// # Errors
/// `invalid_request` that names the first row at fault.
pub async fn preview(services: &Services, body: &ImportBody, filter: &PreviewFilter) -> Served<ImportPreview> {
    let read = read(body.0.get())?;
    not_too_many(&read.rows)?;
    let rows = read.rows.clone();
    let mut checked = checked(services, read.rows).await?;
    let all = checked.len();
    let reach = Reach::load(services).await?;
    checked.retain(|row| {
        row.provider.as_deref().is_none_or(|family| {
            filter.provider.as_deref().is_none_or(|wanted| wanted == family)
                && (!filter.known_only || reach.knows(family, &row.model))
        })
    });
    let left_out = all - checked.len();
    let mut diff = compared(checked, prices::all(&services.db).await?).told;
    diff.skipped = price_file::count(&read.skipped);
    Ok(ImportPreview { diff, passed_over: read.skipped, left_out, rows })
}

/// Imports prices, or tells what would change.
///
/// # Errors
/// `invalid_request` that names the first row at fault; then nothing was written.
pub async fn import(services: &Services, actor: &Actor, body: ImportBody, options: ImportOptions) -> Served<ImportDiff> {
    let read = read(body.0.get())?;
    let dry_run = options.dry_run.or(read.dry_run).unwrap_or(false);
    not_too_many(&read.rows)?;
    let rows = checked(services, read.rows).await?;
    let mut diff = compared(rows, prices::all(&services.db).await?);
    diff.told.dry_run = dry_run;
    diff.told.skipped = price_file::count(&read.skipped);
    if dry_run || diff.write.is_empty() {
        return Ok(diff.told);
    }
    let counts = serde_json::json!({ "added": diff.told.added.len(), "changed": diff.told.changed.len() });
    let trail = services.trail(&actor.by(), Deed::new("price.import", None).after(&counts), Some(Changed::Catalogue));
    prices::import(&services.db, &diff.write, &trail).await.map_err(refused)?;
    services.news.changed(Changed::Catalogue).await;
    Ok(diff.told)
}

fn not_too_many(rows: &[NewPrice]) -> Served<()> {
    if rows.len() > MOST { Err(check::bad("rows", format_args!("at most {MOST}"))) } else { Ok(()) }
}

async fn checked(services: &Services, given: Vec<NewPrice>) -> Served<Vec<PriceRow>> {
    let channels: BTreeMap<i64, String> = if given.iter().any(|row| row.channel_id.is_some()) {
        channels::all(&services.db).await?.into_iter().map(|row| (row.id, row.kind)).collect()
    } else {
        BTreeMap::new()
    };
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(given.len());
    for (index, new) in given.into_iter().enumerate() {
        let at = |detail: &dyn std::fmt::Display| check::bad(&format!("rows[{index}]"), detail);
        let family = match new.channel_id.map(|id| channels.get(&id)) {
            Some(None) => return Err(at(&"there is no such channel")),
            Some(Some(kind)) => Some(family_of("channelId", kind)?),
            None => None,
        };
        let row = checked_figures(services, new, family).map_err(|error| at(&error))?;
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
