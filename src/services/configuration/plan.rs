//! From a file to what must be written: everything is checked before anything is.

use std::collections::{BTreeMap, HashMap, HashSet};

use actors::vocabulary::Settings;

use super::document::{ChannelConfig, ConfigDocument, FallbackChannels, MappingConfig, ModelConfig, PriceConfig, mapping};
use super::{Counts, ImportReport};
use crate::services::catalogue::mappings::{self, NewMapping};
use crate::services::catalogue::models::{self, NewModel};
use crate::services::catalogue::prices::{self, NewPrice};
use crate::services::channels::imported;
use crate::services::values::check;
use crate::services::{Served, ServiceError, Services, site};
use crate::store::channels::ChannelRow;
use crate::store::configuration::{Configuration, Rewrite};
use crate::store::mappings::MappingRow;
use crate::store::prices::PriceRow;

/// Rows of one part at most.
const MOST: usize = 10_000;

/// What an import would do.
pub(super) struct Plan {
    pub(super) rewrite: Rewrite,
    pub(super) report: ImportReport,
    /// The channels as they will be, by their name in lower case.
    channels: HashMap<String, ChannelRow>,
}

impl Plan {
    pub(super) async fn of(services: &Services, given: ConfigDocument, old: &Settings, stored: Configuration) -> Served<Self> {
        let channels = stored.channels.iter().map(|row| (row.name.to_lowercase(), row.clone())).collect();
        let mut plan = Self { rewrite: Rewrite::default(), report: ImportReport::default(), channels };
        let mut allowed = old.allow_private_upstreams;
        if let Some(settings) = given.settings {
            let (new, changed) = site::planned(services, old, settings).await?;
            allowed = new.allow_private_upstreams;
            plan.report.settings = changed.iter().map(|(key, _)| (*key).to_owned()).collect();
            plan.rewrite.settings = changed;
        }
        if let Some(channels) = given.channels {
            plan.channels(services, channels, stored.channels, allowed)?;
        }
        if let Some(fallback) = given.fallback_channels {
            plan.fallback(old, &fallback)?;
        }
        if let Some(models) = given.models {
            plan.models(services, models, stored.models)?;
        }
        if let Some(mappings) = given.mappings {
            plan.mappings(services, mappings, stored.mappings)?;
        }
        if let Some(prices) = given.prices {
            plan.prices(services, prices, stored.prices)?;
        }
        let missing = plan.channels.values().filter(|row| row.is_incomplete()).map(|row| row.name.clone());
        plan.report.incomplete = missing.collect();
        plan.report.incomplete.sort();
        Ok(plan)
    }

    fn channels(&mut self, services: &Services, given: Vec<ChannelConfig>, stored: Vec<ChannelRow>, allowed: bool) -> Served<()> {
        let mut old: HashMap<String, ChannelRow> = stored.into_iter().map(|row| (row.name.to_lowercase(), row)).collect();
        self.channels.clear();
        for (index, config) in limited("channels", given)?.into_iter().enumerate() {
            let at = |detail: &dyn std::fmt::Display| check::bad(&format!("channels[{index}]"), detail);
            let name = config.name.trim().to_lowercase();
            if self.channels.contains_key(&name) {
                return Err(at(&"the name is there twice"));
            }
            let before = old.remove(&name);
            let mut row = imported(services, config, before.as_ref(), allowed).map_err(|error| at(&error))?;
            match before {
                None => {
                    self.report.channels.added += 1;
                    self.rewrite.new_channels.push(row.clone());
                }
                Some(before) if before == row => self.report.channels.unchanged += 1,
                Some(_) => {
                    row.updated_at = services.now();
                    self.report.channels.changed += 1;
                    self.rewrite.channels.push(row.clone());
                }
            }
            self.channels.insert(name, row);
        }
        self.report.channels.removed = old.len();
        self.rewrite.gone.channels = old.into_values().map(|row| row.id).collect();
        Ok(())
    }

    fn channel(&self, name: &str) -> Served<&ChannelRow> {
        self.channels
            .get(&name.trim().to_lowercase())
            .ok_or_else(|| check::bad("channel", format_args!("there is no channel {name}")))
    }

    fn fallback(&mut self, old: &Settings, given: &FallbackChannels) -> Served<()> {
        let parts = [
            ("claudeFallbackChannelId", &given.claude, old.claude_fallback_channel_id),
            ("openaiFallbackChannelId", &given.openai, old.openai_fallback_channel_id),
        ];
        for (key, name, before) in parts {
            let found = name.as_deref().map(|name| self.channel(name).map(|row| row.id)).transpose();
            let id = found.map_err(|error| check::bad("fallbackChannels", error))?;
            if id != before.map(|id| id.0) {
                self.rewrite.settings.push((key, id.map(|id| id.to_string())));
                self.report.settings.push(key.to_owned());
            }
        }
        Ok(())
    }

    fn models(
        &mut self,
        services: &Services,
        given: Vec<ModelConfig>,
        stored: Vec<crate::store::models::ModelRow>,
    ) -> Served<()> {
        let place = |row: &crate::store::models::ModelRow| (row.provider.clone(), row.model.clone());
        let mut old: HashMap<_, _> = stored.into_iter().map(|row| (place(&row), row)).collect();
        let mut seen = HashSet::new();
        for (index, config) in limited("models", given)?.into_iter().enumerate() {
            let at = |detail: &dyn std::fmt::Display| check::bad(&format!("models[{index}]"), detail);
            let new = NewModel {
                provider: config.provider,
                model: config.model,
                display_name: config.display_name,
                visible: Some(config.visible),
                enabled: Some(config.enabled),
            };
            let mut row = models::checked(services, new).map_err(|error| at(&error))?;
            if !seen.insert(place(&row)) {
                return Err(at(&"the model is there twice"));
            }
            let Some(before) = old.remove(&place(&row)) else {
                self.report.models.added += 1;
                self.rewrite.new_models.push(row);
                continue;
            };
            let now = row.updated_at;
            (row.id, row.created_at, row.updated_at) = (before.id, before.created_at, before.updated_at);
            if row == before {
                self.report.models.unchanged += 1;
                continue;
            }
            row.updated_at = now;
            self.report.models.changed += 1;
            self.rewrite.models.push(row);
        }
        self.report.models.removed = old.len();
        self.rewrite.gone.models = old.into_values().map(|row| row.id).collect();
        Ok(())
    }

    /// Mappings have no name: those that are the same stay, the others are replaced.
    fn mappings(&mut self, services: &Services, given: Vec<MappingConfig>, stored: Vec<MappingRow>) -> Served<()> {
        let names: HashMap<i64, String> = self.channels.values().map(|row| (row.id, row.name.clone())).collect();
        let mut old: BTreeMap<MappingConfig, Vec<i64>> = BTreeMap::new();
        for row in stored {
            let complete = row.channel_ids.iter().all(|id| names.contains_key(id));
            let id = row.id;
            let config = mapping(row, &names);
            if complete { old.entry(config).or_default().push(id) } else { self.rewrite.gone.mappings.push(id) }
        }
        for (index, config) in limited("mappings", given)?.into_iter().enumerate() {
            let at = |error: ServiceError| check::bad(&format!("mappings[{index}]"), error);
            let channels: Vec<&ChannelRow> =
                config.channels.iter().map(|name| self.channel(name)).collect::<Served<_>>().map_err(at)?;
            let new = NewMapping {
                provider: config.provider,
                target_provider: Some(config.target_provider),
                inbound_models: config.inbound_models,
                upstream_model: config.upstream_model,
                channel_ids: None,
                enabled: Some(config.enabled),
            };
            let row = mappings::checked(services, new, &channels).map_err(at)?;
            if old.get_mut(&mapping(row.clone(), &names)).and_then(Vec::pop).is_some() {
                self.report.mappings.unchanged += 1;
            } else {
                self.report.mappings.added += 1;
                self.rewrite.new_mappings.push(row);
            }
        }
        self.rewrite.gone.mappings.extend(old.into_values().flatten());
        self.report.mappings.removed = self.rewrite.gone.mappings.len();
        Ok(())
    }

    fn prices(&mut self, services: &Services, given: Vec<PriceConfig>, stored: Vec<PriceRow>) -> Served<()> {
        let place = |row: &PriceRow| (row.provider.clone(), row.channel_id, row.model.clone());
        let mut old: HashMap<_, _> = stored.into_iter().map(|row| (place(&row), row)).collect();
        let mut seen = HashSet::new();
        for (index, config) in limited("prices", given)?.into_iter().enumerate() {
            let at = |detail: &dyn std::fmt::Display| check::bad(&format!("prices[{index}]"), detail);
            let channel = config.channel.as_deref().map(|name| self.channel(name).map(|row| row.id)).transpose();
            let new = NewPrice {
                provider: config.provider,
                channel_id: channel.map_err(|error| at(&error))?,
                model: config.model,
                input_price_per_m_tok: config.input_price_per_m_tok,
                output_price_per_m_tok: config.output_price_per_m_tok,
                cache_read_price_per_m_tok: Some(config.cache_read_price_per_m_tok),
                cache_creation_price_per_m_tok: Some(config.cache_creation_price_per_m_tok),
                cache_creation1h_price_per_m_tok: config.cache_creation1h_price_per_m_tok,
            };
            let one_hour_as_five_minutes = new.cache_creation1h_price_per_m_tok.is_none();
            let mut row = prices::checked_figures(services, new, None).map_err(|error| at(&error))?;
            if one_hour_as_five_minutes {
                row.cache_creation_1h_price = None;
            }
            if !seen.insert(place(&row)) {
                return Err(at(&"the model is there twice"));
            }
            match old.remove(&place(&row)) {
                None => self.report.prices.added += 1,
                Some(before) => {
                    let same =
                        PriceRow { id: before.id, created_at: before.created_at, updated_at: before.updated_at, ..row.clone() };
                    if same == before {
                        self.report.prices.unchanged += 1;
                        continue;
                    }
                    self.report.prices.changed += 1;
                }
            }
            self.rewrite.prices.push(row);
        }
        self.report.prices.removed = old.len();
        self.rewrite.gone.prices = old.into_values().map(|row| row.id).collect();
        Ok(())
    }
}

fn limited<T>(field: &str, given: Vec<T>) -> Served<Vec<T>> {
    if given.len() > MOST { Err(check::bad(field, format_args!("at most {MOST}"))) } else { Ok(given) }
}

impl Counts {
    /// Whether everything stays as it is.
    pub fn is_unchanged(&self) -> bool {
        self.added + self.changed + self.removed == 0
    }
}
