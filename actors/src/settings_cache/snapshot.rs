//! The immutable picture of settings, channels, models, mappings and prices that every request reads.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::similar::SimilarNames;
use crate::vocabulary::{Channel, ChannelId, Family, Multiplier, PriceList, Settings, Tariff};

/// A row of the model catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueModel {
    /// Whose model it is.
    pub provider: Family,
    /// Its name.
    pub model: String,
    /// Its name for people.
    pub display_name: String,
    /// Listed in the model square and in `/v1/models`. Hidden models are callable.
    pub visible: bool,
    /// Callable at all.
    pub enabled: bool,
    /// When the row was made, epoch milliseconds.
    pub created_at: i64,
}

/// An enabled mapping: clients of `provider` that ask for `inbound` get `upstream` from `target` channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The client's family.
    pub provider: Family,
    /// The names it catches.
    pub inbound: Vec<String>,
    /// The name sent upstream.
    pub upstream: String,
    /// The family of channels used.
    pub target: Family,
    /// Those channels alone; empty = all of the family.
    pub channels: Vec<ChannelId>,
}

/// What a price applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceScope {
    /// All channels of a family.
    Provider(Family),
    /// One channel; goes before its family's price.
    Channel(ChannelId),
}

/// A row of the price table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRow {
    /// What it applies to.
    pub scope: PriceScope,
    /// The upstream model.
    pub model: String,
    /// The prices.
    pub prices: PriceList,
}

/// All rows as they were read.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Settings with defaults filled in.
    pub settings: Settings,
    /// Enabled channels.
    pub channels: Vec<Channel>,
    /// Enabled mappings.
    pub mappings: Vec<Mapping>,
    /// All catalogue models.
    pub models: Vec<CatalogueModel>,
    /// All prices.
    pub prices: Vec<PriceRow>,
}

/// The indexed picture. Made once per change, shared by every request under way.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The settings in force.
    pub settings: Settings,
    pub(super) channels: Vec<Arc<Channel>>,
    pub(super) mappings: HashMap<Family, HashMap<String, Vec<Arc<Mapping>>>>,
    pub(super) models: HashMap<(Family, String), CatalogueModel>,
    pub(super) prices: HashMap<(PriceScope, String), PriceList>,
    pub(super) known: HashSet<String>,
    pub(super) similar: SimilarNames,
}

impl Snapshot {
    /// Indexes the rows.
    pub fn new(catalogue: Catalogue) -> Self {
        let mut known: HashSet<String> = HashSet::new();
        let mut mappings: HashMap<Family, HashMap<String, Vec<Arc<Mapping>>>> = HashMap::new();
        for mapping in catalogue.mappings {
            known.insert(mapping.upstream.clone());
            let mapping = Arc::new(mapping);
            for inbound in &mapping.inbound {
                known.insert(inbound.clone());
                mappings.entry(mapping.provider).or_default().entry(inbound.clone()).or_default().push(Arc::clone(&mapping));
            }
        }
        known.extend(catalogue.models.iter().map(|row| row.model.clone()));
        known.extend(catalogue.prices.iter().map(|row| row.model.clone()));
        known.extend(catalogue.channels.iter().flat_map(|channel| channel.models.iter().cloned()));
        Self {
            settings: catalogue.settings,
            channels: catalogue.channels.into_iter().map(Arc::new).collect(),
            mappings,
            models: catalogue.models.into_iter().map(|row| ((row.provider, row.model.clone()), row)).collect(),
            prices: catalogue.prices.into_iter().map(|row| ((row.scope, row.model), row.prices)).collect(),
            similar: SimilarNames::of(known.iter()),
            known,
        }
    }

    /// Every enabled channel.
    pub fn channels(&self) -> &[Arc<Channel>] {
        &self.channels
    }

    /// One enabled channel.
    pub fn channel(&self, id: ChannelId) -> Option<&Arc<Channel>> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// Whether somebody configured this name: in the catalogue, a mapping, a price or a channel's list.
    pub fn names(&self, model: &str) -> bool {
        self.known.contains(model)
    }

    /// The catalogue's row of a model.
    pub fn model(&self, provider: Family, model: &str) -> Option<&CatalogueModel> {
        self.models.get(&(provider, model.to_owned()))
    }

    /// The prices of `model` at `channel`: the channel's own, else its family's.
    pub fn prices(&self, channel: &Channel, model: &str) -> Option<PriceList> {
        [PriceScope::Channel(channel.id), PriceScope::Provider(channel.family)]
            .into_iter()
            .find_map(|scope| self.prices.get(&(scope, model.to_owned())).copied())
    }

    /// Prices and multipliers in force for `model` at `channel`.
    pub fn tariff(&self, channel: &Channel, model: &str) -> Tariff {
        Tariff {
            prices: self.prices(channel, model),
            global: self.settings.global_billing_multiplier,
            provider: self.provider_multiplier(channel.family),
        }
    }

    fn provider_multiplier(&self, family: Family) -> Multiplier {
        match family {
            Family::Claude => self.settings.claude_billing_multiplier,
            Family::OpenAi => self.settings.openai_billing_multiplier,
        }
    }
}
