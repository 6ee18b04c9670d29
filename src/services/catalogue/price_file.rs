//! Reads files of prices: our own rows, or the price file of the LiteLLM project.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use actors::vocabulary::Price as PricePerMTok;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::prices::{self, NewPrice};
use crate::services::error::NOT_JSON;
use crate::services::values::{Usd, check, storable};
use crate::services::{Served, ServiceError};

/// Why an entry of a file is of no use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// It is of neither Anthropic nor OpenAI themselves.
    OtherProvider,
    /// It has no price per token.
    NoTokenPrice,
    /// Its prices are no amounts we can keep.
    BadPrice,
    /// The file has the model under another name, too.
    Twice,
}

/// Entries that were passed over for one reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Skipped {
    /// Why.
    pub reason: SkipReason,
    /// How many.
    pub count: usize,
    /// Some of them.
    pub examples: Vec<String>,
}

/// Names of entries that are told of one reason at most.
const EXAMPLES: usize = 12;

/// What a file says.
pub(super) struct PriceFile {
    pub(super) rows: Vec<NewPrice>,
    pub(super) dry_run: Option<bool>,
    pub(super) skipped: Vec<Skipped>,
}

/// How many entries were passed over in all.
pub(super) fn count(skipped: &[Skipped]) -> usize {
    skipped.iter().map(|group| group.count).sum()
}

/// Reads `[{…price}]`, `{"rows": [{…price}]}`, or LiteLLM's object.
pub(super) fn read(text: &str) -> Served<PriceFile> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        rows: Vec<NewPrice>,
        dry_run: Option<bool>,
    }
    let wrong = |error: serde_json::Error| check::bad("rows", error);
    storable::json(text.as_bytes())?;
    if text.trim_start().starts_with('[') {
        return Ok(PriceFile { rows: serde_json::from_str(text).map_err(wrong)?, dry_run: None, skipped: Vec::new() });
    }
    let entries: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| ServiceError::new(&NOT_JSON).with("detail", error))?;
    if entries.contains_key("rows") {
        let envelope: Envelope = serde_json::from_str(text).map_err(wrong)?;
        return Ok(PriceFile { rows: envelope.rows, dry_run: envelope.dry_run, skipped: Vec::new() });
    }
    Ok(litellm(&entries))
}

fn litellm(entries: &BTreeMap<String, &RawValue>) -> PriceFile {
    let mut rows: BTreeMap<(Option<String>, String), NewPrice> = BTreeMap::new();
    let mut skipped: BTreeMap<SkipReason, Skipped> = BTreeMap::new();
    // A plain name goes before the same one with its maker in front.
    let (plain, prefixed): (Vec<_>, Vec<_>) = entries.iter().partition(|(model, _)| !model.contains('/'));
    for (model, entry) in plain.into_iter().chain(prefixed) {
        let reason = match litellm_row(model, entry.get()) {
            Err(reason) => reason,
            Ok(row) => match rows.entry((row.provider.clone(), row.model.clone())) {
                Entry::Occupied(_) => SkipReason::Twice,
                Entry::Vacant(place) => {
                    place.insert(row);
                    continue;
                }
            },
        };
        let group = skipped.entry(reason).or_insert_with(|| Skipped { reason, count: 0, examples: Vec::new() });
        group.count += 1;
        if group.examples.len() < EXAMPLES {
            group.examples.push(model.clone());
        }
    }
    PriceFile { rows: rows.into_values().collect(), dry_run: None, skipped: skipped.into_values().collect() }
}

/// An entry of LiteLLM's file, as far as it is of Anthropic or OpenAI themselves and priced by token.
fn litellm_row(model: &str, entry: &str) -> Result<NewPrice, SkipReason> {
    #[derive(Deserialize)]
    struct Priced<'a> {
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
    let Ok(entry) = serde_json::from_str::<Priced<'_>>(entry) else { return Err(SkipReason::NoTokenPrice) };
    let provider = match entry.litellm_provider.as_deref() {
        Some("anthropic") => "claude",
        Some("openai") => "openai",
        _ => return Err(SkipReason::OtherProvider),
    };
    let input = entry.input_cost_per_token.ok_or(SkipReason::NoTokenPrice)?;
    let usd = |cost: Option<&RawValue>| cost.map(|cost| per_million(cost.get())).transpose();
    Ok(NewPrice {
        provider: Some(provider.to_owned()),
        channel_id: None,
        model: model
            .split_once('/')
            .filter(|(owner, _)| ["anthropic", "openai"].contains(owner))
            .map_or(model, |(_, name)| name)
            .to_owned(),
        input_price_per_m_tok: per_million(input.get())?,
        output_price_per_m_tok: usd(entry.output_cost_per_token)?.unwrap_or_default(),
        cache_read_price_per_m_tok: usd(entry.cache_read_input_token_cost)?,
        cache_creation_price_per_m_tok: usd(entry.cache_creation_input_token_cost)?,
        cache_creation1h_price_per_m_tok: usd(entry.cache_creation_input_token_cost_above_1hr)?,
    })
}

fn price_in_range(price: Usd) -> Result<Usd, SkipReason> {
    prices::price("price", price).map(|_| price).map_err(|_| SkipReason::BadPrice)
}

/// USD per token, as text, to USD per million tokens, without a float in between.
fn per_million(cost: &str) -> Result<Usd, SkipReason> {
    let (mantissa, exponent) = cost.split_once(['e', 'E']).unwrap_or((cost, "0"));
    let exponent: i32 = exponent.parse().map_err(|_| SkipReason::BadPrice)?;
    let price: PricePerMTok = format!("{mantissa}e{}", exponent.saturating_add(6)).parse().map_err(|_| SkipReason::BadPrice)?;
    price_in_range(Usd::from(price))
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
            assert_eq!(per_million(cost).unwrap(), Usd(Nanos(nanos)), "{cost}");
        }
        assert!(per_million("\"free\"").is_err());
    }

    #[test]
    fn only_the_makers_own_models_are_taken_from_the_file() {
        let file = r#"{"sample_spec": {"input_cost_per_token": 0, "litellm_provider": "one of"},
            "claude-x": {"litellm_provider": "anthropic", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
                "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06, "mode": "chat"},
            "bedrock/claude-x": {"litellm_provider": "bedrock", "input_cost_per_token": 3e-06},
            "anthropic/claude-x": {"litellm_provider": "anthropic", "input_cost_per_token": 4e-06},
            "claude-odd": {"litellm_provider": "anthropic", "input_cost_per_token": "much"},
            "tts": {"litellm_provider": "openai", "input_cost_per_character": 1e-06}}"#;
        let read = read(file).unwrap();
        let skipped: Vec<_> = read.skipped.iter().map(|group| (group.reason, group.count)).collect();
        assert_eq!(read.rows.len(), 1);
        assert_eq!(
            skipped,
            [(SkipReason::OtherProvider, 2), (SkipReason::NoTokenPrice, 1), (SkipReason::BadPrice, 1), (SkipReason::Twice, 1)]
        );
        assert_eq!(read.rows[0].cache_creation1h_price_per_m_tok, Some(Usd(Nanos(6_000_000_000))));
    }
}
