//! Which channels may serve a request, by names, mappings, scope and price alone: a pure function of the snapshot.
//!
//! Admission uses it to refuse and to hold money, routing to order the same offers by health.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::snapshot::{CatalogueModel, Mapping, Snapshot};
use crate::vocabulary::model::name_variants;
use crate::vocabulary::{Channel, ChannelScope, Family, KeyRecord, Protocol, Tariff};

/// The protocols in which a model is asked to answer; counting tokens asks no model.
const GENERATING: [Protocol; 4] = [Protocol::Messages, Protocol::ChatCompletions, Protocol::Responses, Protocol::Embeddings];

/// A channel that may serve the request, and what it would cost there.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The channel.
    pub channel: Arc<Channel>,
    /// The model to ask for there.
    pub upstream_model: Arc<str>,
    /// What the channel is asked in.
    pub protocol: Protocol,
    /// Whether the client's protocol passes unchanged.
    pub native: bool,
    /// Its prices and multipliers.
    pub tariff: Tariff,
}

impl Offer {
    /// Whether the gateway answers by itself: tokens counted for a channel that has no such route.
    pub fn is_estimate(&self) -> bool {
        self.protocol == Protocol::CountTokens && !self.native
    }
}

/// Why nobody may serve the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoOffer {
    /// No catalogue row, mapping, price or channel list names the model.
    UnknownModel,
    /// The key's model list leaves it out.
    KeyForbidsModel,
    /// The catalogue switched it off.
    ModelDisabled,
    /// The key's channel scope leaves out every channel that has it.
    OutOfScope,
    /// Nobody named a price, and unpriced models are not allowed.
    Unpriced,
    /// The model is known, but no enabled channel serves it.
    NoChannel,
}

/// The known name that serves a request.
struct MatchedName<'a> {
    name: &'a str,
    /// Whether it was asked for by this name or one of its variants.
    is_exact: bool,
}

impl Snapshot {
    /// The channels that may serve `model` to this key in this protocol.
    ///
    /// # Errors
    /// Says which rule left nobody over.
    pub fn offers(&self, protocol: Protocol, model: &str, key: &KeyRecord) -> Result<Vec<Offer>, NoOffer> {
        let Some(MatchedName { name, is_exact }) = self.matching_name(protocol, model) else {
            return Err(NoOffer::UnknownModel);
        };
        // A name that was only similar must not open by its own spelling what the list keeps shut.
        let asked = if is_exact { model } else { name };
        if !key.allows_model(asked, name) {
            return Err(NoOffer::KeyForbidsModel);
        }
        let family = protocol.family();
        if [model, name].iter().any(|asked| self.is_off(family, asked)) {
            return Err(NoOffer::ModelDisabled);
        }
        let served = self.serving(protocol, name);
        let mut why = NoOffer::NoChannel;
        let mut offers = Vec::with_capacity(served.len());
        for (channel, upstream_model) in served {
            match self.offer(protocol, channel, &upstream_model, key) {
                Ok(offer) => offers.push(offer),
                // That a channel does not speak the protocol says less than what stands in the way at another.
                Err(reason) if why == NoOffer::NoChannel => why = reason,
                Err(_) => {}
            }
        }
        if offers.is_empty() { Err(why) } else { Ok(offers) }
    }

    /// The last resort of the client's family: its fallback channel and model, if the key may use them.
    pub fn fallback(&self, protocol: Protocol, key: &KeyRecord) -> Option<Offer> {
        let settings = &self.settings;
        let (enabled, channel, model) = match protocol.family() {
            Family::Claude => {
                (settings.claude_fallback_enabled, settings.claude_fallback_channel_id, &settings.claude_fallback_model)
            }
            Family::OpenAi => {
                (settings.openai_fallback_enabled, settings.openai_fallback_channel_id, &settings.openai_fallback_model)
            }
        };
        let channel = self.channel(channel.filter(|_| enabled)?)?;
        let model = model.as_deref().filter(|model| key.allows_model(model, model))?;
        self.offer(protocol, Arc::clone(channel), model, key).ok()
    }

    /// What is known of a model by the name it is asked for: the catalogue's row, of either provider.
    pub fn catalogued(&self, name: &str) -> Option<&CatalogueModel> {
        [Family::Claude, Family::OpenAi].iter().find_map(|family| self.model(*family, name))
    }

    /// The provider of the channels that serve `name`; `None` where nobody does.
    pub fn provider_of(&self, name: &str) -> Option<Family> {
        let row = self.catalogued(name).map(|row| row.provider);
        let target = || self.mappings.values().find_map(|by_name| by_name.get(name)?.first()).map(|mapping| mapping.target);
        let lists = |channel: &&Arc<Channel>| channel.lists(name);
        row.or_else(target).or_else(|| self.channels.iter().find(lists).map(|channel| channel.family))
    }

    /// Whether a request of this family's clients for `name` is refused because nobody serves it. A model that the catalogue
    /// switched off is refused on purpose.
    pub fn lacks(&self, family: Family, name: &str) -> bool {
        let is_settled = |protocol: Protocol| {
            let found = self.matching_name(protocol, name);
            found.is_some_and(|MatchedName { name, .. }| self.is_off(family, name) || !self.serving(protocol, name).is_empty())
        };
        !self.is_off(family, name) && !GENERATING.into_iter().filter(|protocol| protocol.family() == family).any(is_settled)
    }

    /// Whether the catalogue switched the model off.
    fn is_off(&self, family: Family, name: &str) -> bool {
        self.model(family, name).is_some_and(|row| !row.enabled)
    }

    /// The names this key may ask for in `GET /v1/models`: visible, enabled, and served by somebody.
    pub fn callable_models(&self, key: &KeyRecord) -> Vec<String> {
        let mut names: BTreeSet<&String> = self.known.iter().collect();
        names.retain(|name| {
            let hidden =
                [Family::Claude, Family::OpenAi].iter().filter_map(|family| self.model(*family, name)).any(|row| !row.visible);
            let servable = GENERATING.into_iter().any(|protocol| self.offers(protocol, name, key).is_ok());
            !hidden && servable
        });
        names.into_iter().cloned().collect()
    }

    /// The first of the model's name variants that a mapping or a channel's name rules know; else any name that may be
    /// served without a price; else the only known name that is spelt alike.
    fn matching_name<'a>(&'a self, protocol: Protocol, model: &'a str) -> Option<MatchedName<'a>> {
        let is_served = |name: &&str| !self.mappings_of(protocol, name).is_empty() || self.known.contains(*name);
        let serves_any = || self.settings.allow_unpriced_models && self.channels.iter().any(|channel| channel.serves_all());
        let exact = name_variants(model).find(is_served).or_else(|| Some(model).filter(|_| serves_any()));
        if let Some(name) = exact {
            return Some(MatchedName { name, is_exact: true });
        }
        let similar = name_variants(model).find_map(|name| self.similar.only_one_like(name));
        similar.map(|name| MatchedName { name, is_exact: false })
    }

    fn mappings_of(&self, protocol: Protocol, name: &str) -> &[Arc<Mapping>] {
        self.mappings.get(&protocol.family()).and_then(|by_name| by_name.get(name)).map_or(&[], Vec::as_slice)
    }

    /// Channels that serve `name`, with the model each is asked for.
    fn serving(&self, protocol: Protocol, name: &str) -> Vec<(Arc<Channel>, Arc<str>)> {
        let mappings = self.mappings_of(protocol, name);
        if mappings.is_empty() {
            let model: Arc<str> = name.into();
            let serves = |channel: &&Arc<Channel>| channel.serves_all() || channel.lists(name);
            return self.channels.iter().filter(serves).map(|channel| (Arc::clone(channel), Arc::clone(&model))).collect();
        }
        let mut served = Vec::new();
        for mapping in mappings {
            let model: Arc<str> = mapping.upstream.as_str().into();
            for channel in &self.channels {
                let named = mapping.channels.is_empty() || mapping.channels.contains(&channel.id);
                if named && channel.family == mapping.target && (channel.serves_all() || channel.lists(&mapping.upstream)) {
                    served.push((Arc::clone(channel), Arc::clone(&model)));
                }
            }
        }
        served
    }

    fn offer(&self, protocol: Protocol, channel: Arc<Channel>, model: &str, key: &KeyRecord) -> Result<Offer, NoOffer> {
        let spoken = channel.spoken_to(protocol).ok_or(NoOffer::NoChannel)?;
        let native = spoken == protocol && (protocol != Protocol::CountTokens || channel.family == protocol.family());
        let scoped_out = match key.scope {
            ChannelScope::All => false,
            ChannelScope::Family(family) => family != channel.family,
        };
        if scoped_out || key.channel.is_some_and(|only| only != channel.id) {
            return Err(NoOffer::OutOfScope);
        }
        if self.is_off(channel.family, model) {
            return Err(NoOffer::ModelDisabled);
        }
        let tariff = self.tariff(&channel, model);
        if tariff.prices.is_none() && protocol.is_billed() && !self.settings.allow_unpriced_models {
            return Err(NoOffer::Unpriced);
        }
        Ok(Offer { channel, upstream_model: model.into(), protocol: spoken, native, tariff })
    }
}
