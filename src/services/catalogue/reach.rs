//! What channels serve and what it costs there: the road's rules over the rows as they are stored, for pages.
//!
//! A channel that serves every model counts for those of its own family, and for those it has a price for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;

use super::models::Model;
use crate::services::{Served, Services};
use crate::store::channels::ChannelRow;
use crate::store::configuration::{self, Configuration};
use crate::store::mappings::MappingRow;
use crate::store::models::ModelRow;
use crate::store::prices::PriceRow;
use crate::store::stats::{self, RankBy, RankOf, Span};

/// How far back a model counts as in use.
const IN_USE_MS: i64 = 7 * 24 * 3_600_000;
/// Names in use that are looked at, the most asked for first.
const MOST_IN_USE: i64 = 1_000;
/// The two families.
const FAMILIES: [&str; 2] = ["claude", "openai"];

/// A channel by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ChannelName {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: i64,
    /// `claude` or `openai`.
    pub kind: String,
    /// Whether it takes requests.
    pub enabled: bool,
}

/// Whether what serves a model has prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priced {
    /// All of it.
    All,
    /// Some channels have none.
    Some,
    /// Nobody named a price.
    None,
}

/// Who serves a model of the catalogue.
#[derive(Clone, Debug, Serialize)]
pub struct ModelReach {
    /// The channels that may be asked for it.
    pub channels: Vec<ChannelName>,
    /// What they are asked for, where that is another name.
    pub upstream: Vec<String>,
    /// Whether that has prices.
    pub priced: Priced,
}

/// A model that channels serve and the catalogue lacks.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// `claude` or `openai`.
    pub provider: String,
    /// Its name.
    pub model: String,
    /// Who serves it.
    #[serde(flatten)]
    pub reach: ModelReach,
    /// Whether the catalogue has that name for the other provider.
    pub known_elsewhere: bool,
}

/// A model that channels would be asked for and that has no price there.
#[derive(Clone, Debug, Serialize)]
pub struct Unpriced {
    /// The channels' family.
    pub provider: String,
    /// The upstream model.
    pub model: String,
    /// Where it has no price.
    pub channels: Vec<ChannelName>,
    /// Requests of the last seven days for names that lead to it.
    pub requests: i64,
}

/// One channel that may be asked, for what, at which price.
pub(super) struct Route<'a> {
    pub(super) channel: &'a Serving,
    pub(super) model: &'a str,
    pub(super) price: Option<&'a PriceRow>,
}

/// A channel that takes requests.
pub(super) struct Serving {
    pub(super) name: ChannelName,
    /// Empty = all.
    models: HashSet<String>,
}

/// Everything the answers are made from, as of one moment.
pub struct Reach {
    pub(super) models: Vec<ModelRow>,
    every_channel: Vec<ChannelName>,
    channels: Vec<Serving>,
    mappings: Vec<MappingRow>,
    mapped: HashMap<(String, String), Vec<usize>>,
    prices: HashMap<(Option<String>, Option<i64>, String), PriceRow>,
    families: HashMap<String, BTreeSet<String>>,
    disabled: HashSet<(String, String)>,
}

impl Reach {
    /// Reads the rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(services: &Services) -> Served<Self> {
        Ok(Self::of(configuration::load(&services.db).await?))
    }

    fn of(rows: Configuration) -> Self {
        let every_channel = rows.channels.iter().map(named).collect();
        let usable = |row: &ChannelRow| row.enabled && !row.is_incomplete();
        let channels: Vec<Serving> = rows.channels.iter().filter(|row| usable(row)).map(serving).collect();
        let mappings: Vec<MappingRow> = rows.mappings.into_iter().filter(|row| row.enabled).collect();
        let mut mapped: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, row) in mappings.iter().enumerate() {
            for inbound in &row.inbound_models {
                mapped.entry((row.provider.clone(), inbound.clone())).or_default().push(index);
            }
        }
        let mut families: HashMap<String, BTreeSet<String>> = HashMap::new();
        let in_catalogue = rows.models.iter().map(|row| (&row.model, &row.provider));
        let priced = rows.prices.iter().filter_map(|row| Some((&row.model, row.provider.as_ref()?)));
        let listed = channels.iter().flat_map(|row| row.models.iter().map(|model| (model, &row.name.kind)));
        let asked = mappings.iter().map(|row| (&row.upstream_model, &row.target_provider));
        for (model, family) in in_catalogue.chain(priced).chain(listed).chain(asked) {
            families.entry(model.clone()).or_default().insert(family.clone());
        }
        let disabled = rows.models.iter().filter(|row| !row.enabled).map(|row| (row.provider.clone(), row.model.clone()));
        Self {
            disabled: disabled.collect(),
            models: rows.models,
            every_channel,
            channels,
            mappings,
            mapped,
            prices: rows.prices.into_iter().map(|row| ((row.provider.clone(), row.channel_id, row.model.clone()), row)).collect(),
            families,
        }
    }

    /// Every channel, by name.
    pub fn channels(&self) -> &[ChannelName] {
        &self.every_channel
    }

    /// Channels that serve every model: what that is, only their providers know.
    pub fn open_channels(&self) -> Vec<&ChannelName> {
        self.channels.iter().filter(|channel| channel.models.is_empty()).map(|channel| &channel.name).collect()
    }

    /// Names that upstreams are asked by, in order: what forms suggest.
    pub fn upstream_models(&self) -> BTreeSet<&str> {
        let listed = self.channels.iter().flat_map(|channel| channel.models.iter());
        let priced = self.prices.keys().map(|(_, _, model)| model);
        listed.chain(priced).map(String::as_str).collect()
    }

    /// Who serves a model of the catalogue.
    pub fn of_model(&self, model: &Model) -> ModelReach {
        self.reach(&model.provider, &model.model)
    }

    /// Whether a price for this model of this family is of use here: the catalogue, a channel or a price names it.
    pub fn knows(&self, family: &str, model: &str) -> bool {
        self.families.get(model).is_some_and(|families| families.contains(family))
    }

    /// The models of a family that the catalogue has, on or off.
    pub fn catalogued(&self, family: &str) -> HashSet<&str> {
        self.models.iter().filter(|row| row.provider == family).map(|row| row.model.as_str()).collect()
    }

    /// What a model costs at a channel: its own price, else that of its family.
    pub(in crate::services) fn price_at(&self, channel: i64, family: &str, model: &str) -> Option<&PriceRow> {
        let own = self.prices.get(&(None, Some(channel), model.to_owned()));
        own.or_else(|| self.provider_price(family, model))
    }

    /// Channels that take requests and that no enabled model of the catalogue leads to.
    pub fn idle_channels(&self) -> Vec<&ChannelName> {
        let mut idle: BTreeMap<i64, &ChannelName> = self.channels.iter().map(|one| (one.name.id, &one.name)).collect();
        for model in self.models.iter().filter(|model| model.enabled) {
            if idle.is_empty() {
                break;
            }
            for route in self.routes(&model.provider, &model.model) {
                idle.remove(&route.channel.name.id);
            }
        }
        let mut idle: Vec<&ChannelName> = idle.into_values().collect();
        idle.sort_unstable();
        idle
    }

    /// The provider's own price of a model.
    pub(super) fn provider_price(&self, family: &str, model: &str) -> Option<&PriceRow> {
        self.prices.get(&(Some(family.to_owned()), None, model.to_owned()))
    }

    /// Prices of a model at single channels.
    pub(super) fn channel_prices<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a PriceRow> {
        self.prices.values().filter(move |row| row.channel_id.is_some() && row.model == model)
    }

    /// The family of a channel.
    pub(super) fn family_of(&self, channel: i64) -> Option<&str> {
        self.every_channel.iter().find(|known| known.id == channel).map(|known| known.kind.as_str())
    }

    /// Where clients of this family are sent who ask for this name.
    pub(super) fn routes<'a>(&'a self, family: &str, name: &'a str) -> Vec<Route<'a>> {
        let Some(mapped) = self.mapped.get(&(family.to_owned(), name.to_owned())) else {
            let all = self.channels.iter().filter(|channel| channel.lists(name) || self.is_for(channel, name));
            return all.filter_map(|channel| self.route(channel, name)).collect();
        };
        let mut routes = Vec::new();
        for row in mapped.iter().filter_map(|index| self.mappings.get(*index)) {
            let wanted = |channel: &&Serving| {
                (row.channel_ids.is_empty() || row.channel_ids.contains(&channel.name.id))
                    && channel.name.kind == row.target_provider
                    && (channel.models.is_empty() || channel.lists(&row.upstream_model))
            };
            routes.extend(self.channels.iter().filter(wanted).filter_map(|channel| self.route(channel, &row.upstream_model)));
        }
        routes
    }

    fn route<'a>(&'a self, channel: &'a Serving, model: &'a str) -> Option<Route<'a>> {
        let kind = &channel.name.kind;
        if self.disabled.contains(&(kind.clone(), model.to_owned())) {
            return None;
        }
        Some(Route { channel, model, price: self.price_at(channel.name.id, kind, model) })
    }

    /// Whether a mapping of either family catches the name.
    fn is_caught(&self, name: &str) -> bool {
        FAMILIES.iter().any(|family| self.mapped.contains_key(&((*family).to_owned(), name.to_owned())))
    }

    /// Whether anybody wants this route: a name that a mapping catches is not meant for channels that serve every model.
    fn is_meant(&self, route: &Route<'_>, name: &str) -> bool {
        route.model != name || !route.channel.models.is_empty() || !self.is_caught(name)
    }

    /// Whether a channel that serves every model is meant for this one. A name that nothing tells the family of may be
    /// anybody's, unless a mapping made it up.
    fn is_for(&self, channel: &Serving, name: &str) -> bool {
        let of_family = |families: &BTreeSet<String>| families.contains(&channel.name.kind);
        channel.models.is_empty()
            && (self.families.get(name).map_or_else(|| !self.is_caught(name), of_family)
                || self.prices.contains_key(&(None, Some(channel.name.id), name.to_owned())))
    }

    fn reach(&self, family: &str, name: &str) -> ModelReach {
        let routes = self.routes(family, name);
        let priced = routes.iter().filter(|route| route.price.is_some()).count();
        let channels: BTreeSet<&ChannelName> = routes.iter().map(|route| &route.channel.name).collect();
        let upstream: BTreeSet<&str> = routes.iter().map(|route| route.model).filter(|model| *model != name).collect();
        ModelReach {
            channels: channels.into_iter().cloned().collect(),
            upstream: upstream.into_iter().map(str::to_owned).collect(),
            priced: match priced {
                0 if routes.is_empty() && self.provider_price(family, name).is_some() => Priced::All,
                0 => Priced::None,
                some if some == routes.len() => Priced::All,
                _ => Priced::Some,
            },
        }
    }

    /// Names that channels list, mappings catch or prices name, and the catalogue lacks, as far as somebody serves them.
    pub fn candidates(&self) -> Vec<Candidate> {
        let known: HashSet<(&str, &str)> = self.models.iter().map(|row| (row.provider.as_str(), row.model.as_str())).collect();
        let listed = self.channels.iter().flat_map(|row| row.models.iter().map(|model| (row.name.kind.as_str(), model.as_str())));
        let caught = self.mapped.keys().map(|(family, model)| (family.as_str(), model.as_str()));
        let priced = self.prices.keys().filter_map(|(family, _, model)| Some((family.as_deref()?, model.as_str())));
        let names: BTreeSet<(&str, &str)> = listed.chain(caught).chain(priced).filter(|name| !known.contains(name)).collect();
        let candidate = |(provider, model): (&str, &str)| Candidate {
            provider: provider.to_owned(),
            model: model.to_owned(),
            reach: self.reach(provider, model),
            known_elsewhere: FAMILIES.iter().any(|family| known.contains(&(*family, model))),
        };
        names.into_iter().map(candidate).filter(|found| !found.reach.channels.is_empty()).collect()
    }

    /// What would be asked of channels that have no price for it: the most asked for first. `used` are names in use
    /// with their requests.
    fn unpriced(&self, used: &BTreeMap<String, i64>) -> Vec<Unpriced> {
        let names = self.families.keys().chain(self.mapped.keys().map(|(_, name)| name)).chain(used.keys());
        let names: BTreeSet<&String> = names.collect();
        type Found<'a> = (BTreeSet<&'a ChannelName>, BTreeSet<&'a String>);
        let mut found: BTreeMap<(&str, &str), Found<'_>> = BTreeMap::new();
        for (family, name) in FAMILIES.iter().flat_map(|family| names.iter().map(move |name| (*family, *name))) {
            if self.disabled.contains(&(family.to_owned(), name.clone())) {
                continue;
            }
            for route in self.routes(family, name).into_iter().filter(|route| route.price.is_none() && self.is_meant(route, name))
            {
                let (channels, asked) = found.entry((route.channel.name.kind.as_str(), route.model)).or_default();
                channels.insert(&route.channel.name);
                asked.insert(name);
            }
        }
        let mut rows: Vec<Unpriced> = found
            .into_iter()
            .map(|((provider, model), (channels, asked))| Unpriced {
                provider: provider.to_owned(),
                model: model.to_owned(),
                channels: channels.into_iter().cloned().collect(),
                requests: asked.into_iter().filter_map(|name| used.get(name)).sum(),
            })
            .collect();
        rows.sort_by_key(|row| -row.requests);
        rows
    }
}

/// Models that are in use or can be reached and have no price, the most asked for first.
///
/// # Errors
/// When the database fails.
pub async fn unpriced(services: &Services, reach: &Reach) -> Served<Vec<Unpriced>> {
    let now = services.now();
    let span = Span { from: now - IN_USE_MS, to: now, now, user_id: None, key_id: None, channel_id: None };
    let ranking = stats::ranking(&services.db, &span, RankOf::Models, RankBy::Requests, MOST_IN_USE).await?;
    let used = ranking.rows.into_iter().filter(|row| row.sums.successes > 0);
    let used = used.filter_map(|row| Some((row.name?, row.sums.requests))).collect();
    Ok(reach.unpriced(&used))
}

impl Serving {
    fn lists(&self, model: &str) -> bool {
        self.models.contains(model)
    }
}

fn named(row: &ChannelRow) -> ChannelName {
    ChannelName { name: row.name.clone(), id: row.id, kind: row.kind.clone(), enabled: row.enabled }
}

fn serving(row: &ChannelRow) -> Serving {
    let listed: HashSet<String> = serde_json::from_str(&row.models).unwrap_or_default();
    Serving { name: named(row), models: if listed.contains("*") { HashSet::new() } else { listed } }
}
