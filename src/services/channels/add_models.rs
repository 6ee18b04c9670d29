//! Models that a channel's provider lists: what adding them would do, and adding them with their prices in one step.

use std::collections::{BTreeMap, HashSet};

use actors::ports::Changed;
use actors::vocabulary::ChannelId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::upstreams::Upstreams;
use super::values::Channel;
use super::{checks, find, upstream_models};
use crate::services::catalogue::models::{self, NewModel};
use crate::services::catalogue::prices::{NewPrice, Price, checked_figures, family_of};
use crate::services::catalogue::{ListedPrice, LongPrompt, PriceList, Reach, price_list};
use crate::services::error::{NOT_FOUND, refusals};
use crate::services::values::{Usd, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::channel_models::{self, Addition};

/// Models that are looked at, and added, in one step.
const MOST: usize = 2_000;

refusals! {
    /// Nobody knows what a model costs.
    NO_KNOWN_PRICE = Invalid, "invalid_request",
        "No price of {model} is known: give its input and its output price, or leave it out",
        "未知 {model} 的价格：请填写其输入价与输出价，或不要选择它";
    /// A price that cannot be kept.
    INVALID_PRICE = Invalid, "invalid_request",
        "The price of {model} is not valid: USD per million tokens, from 0 to 1000000",
        "{model} 的价格无效：应为每百万 Token 0 至 1000000 美元";
    /// A price is given for a model that has another one.
    PRICED_OTHERWISE = Conflict, "conflict", "{model} has another price already; change it among the prices",
        "{model} 已有不同的价格，请在价格页面修改";
}

/// What becomes of a listed model when it is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddState {
    /// Nothing: it is in the catalogue, has a price, and the channel serves it.
    There,
    /// It is added with a price that is known.
    Ready,
    /// It needs a price first.
    Unpriced,
}

/// Where the price of a listed model is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PriceFrom {
    /// It is in force here.
    Stored,
    /// From the price list of this release; it comes into force with the model.
    List,
}

/// The figures of a price, USD per million tokens.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownPrice {
    /// Where it is known from.
    pub from: PriceFrom,
    /// Uncached input.
    pub input_price_per_m_tok: Usd,
    /// Output.
    pub output_price_per_m_tok: Usd,
    /// Input read from the provider's cache.
    pub cache_read_price_per_m_tok: Usd,
    /// What the provider charges for long prompts beside this, as far as the price list tells.
    pub long_prompt: Option<LongPrompt>,
}

/// A model that the provider lists.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelModel {
    /// The provider's own name for it.
    pub model: String,
    /// What becomes of it when it is added.
    pub state: AddState,
    /// Whether the catalogue has it.
    pub catalogued: bool,
    /// What it costs; null = not known.
    pub price: Option<ShownPrice>,
}

/// The models that a channel's provider lists, and what adding them would do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelModels {
    /// The channel.
    pub channel_id: i64,
    /// Whose models they become: `claude` or `openai`.
    pub provider: String,
    /// The day of this release's price list, `YYYY-MM-DD`.
    pub prices_as_of: String,
    /// By name; at most 2,000.
    pub models: Vec<ChannelModel>,
    /// How many more the provider lists.
    pub more: usize,
}

/// Which models to add.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AddModels {
    /// At most 2,000; absent = all that the provider lists and whose price is known.
    pub models: Option<Vec<ModelToAdd>>,
    /// Whether lists show those that are new (default true).
    pub visible: Option<bool>,
}

/// A model to add. Its prices are needed where none is known; given ones go before those of the price list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelToAdd {
    /// The name it is called by.
    pub model: String,
    /// Uncached input, USD per million tokens.
    pub input_price_per_m_tok: Option<Usd>,
    /// Output.
    pub output_price_per_m_tok: Option<Usd>,
    /// Input read from the provider's cache (default: what the provider usually charges).
    pub cache_read_price_per_m_tok: Option<Usd>,
    /// Input written to the five-minute cache (default: likewise).
    pub cache_creation_price_per_m_tok: Option<Usd>,
    /// Input written to the one-hour cache (default: likewise).
    pub cache_creation1h_price_per_m_tok: Option<Usd>,
}

/// What was added. Models that were there in every respect are in none of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelsAdded {
    /// New in the catalogue.
    pub added: Vec<String>,
    /// They have a price now.
    pub priced: Vec<String>,
    /// New on the channel's own list of models, where it has one.
    pub listed: Vec<String>,
    /// Left out: the provider lists them, and nobody knows their price.
    pub unpriced: Vec<String>,
}

/// What is known when models of a channel are looked at.
struct Known {
    channel: Channel,
    reach: Reach,
    list: PriceList,
}

impl Known {
    async fn load(services: &Services, id: ChannelId) -> Served<Self> {
        let channel = Channel::from(find(services, id).await?);
        Ok(Self { channel, reach: Reach::load(services).await?, list: price_list()? })
    }

    fn listed_prices(&self) -> BTreeMap<&str, &ListedPrice> {
        let own = self.list.rows.iter().filter(|row| row.provider == self.channel.kind);
        own.map(|row| (row.model.as_str(), row)).collect()
    }

    fn stored_price(&self, model: &str) -> Option<Price> {
        self.reach.price_at(self.channel.id, &self.channel.kind, model).cloned().map(Price::from)
    }

    /// Whether the channel serves a name as soon as that is known.
    fn serves(&self, model: &str) -> bool {
        let list = &self.channel.models;
        list.is_empty() || list.iter().any(|name| name == "*" || name == model)
    }
}

/// The refusal of a model's price that cannot be kept.
pub fn invalid_price(model: &str) -> ServiceError {
    ServiceError::field(&INVALID_PRICE, "models").with("model", model)
}

/// The models that a channel's provider lists, and what adding them would do.
///
/// # Errors
/// `not_found`, `unreadable_channel`, `upstream_error`.
pub async fn channel_models(services: &Services, upstreams: &dyn Upstreams, id: ChannelId) -> Served<ChannelModels> {
    let mut names = upstream_models(services, upstreams, id).await?.models;
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let known = Known::load(services, id).await?;
    let (catalogued, listed) = (known.reach.catalogued(&known.channel.kind), known.listed_prices());
    let models = names.into_iter().map(|model| {
        let catalogued = catalogued.contains(model.as_str());
        let stored = known.stored_price(&model);
        let state = match (&stored, listed.get(model.as_str())) {
            (Some(_), _) if catalogued && known.serves(&model) => AddState::There,
            (Some(_), _) | (None, Some(_)) => AddState::Ready,
            (None, None) => AddState::Unpriced,
        };
        let price = shown(stored, listed.get(model.as_str()).copied());
        ChannelModel { model, state, catalogued, price }
    });
    let models = models.collect();
    Ok(ChannelModels {
        channel_id: known.channel.id,
        provider: known.channel.kind.clone(),
        prices_as_of: known.list.as_of.clone(),
        models,
        more,
    })
}

/// A price with what the list says of long prompts, unless somebody stored other figures than the list has.
fn shown(stored: Option<Price>, listed: Option<&ListedPrice>) -> Option<ShownPrice> {
    let Some(stored) = stored else {
        return listed.map(|row| ShownPrice {
            from: PriceFrom::List,
            input_price_per_m_tok: row.input_price_per_m_tok,
            output_price_per_m_tok: row.output_price_per_m_tok,
            cache_read_price_per_m_tok: row.cache_read_price_per_m_tok.unwrap_or(row.input_price_per_m_tok),
            long_prompt: row.long_prompt.clone(),
        });
    };
    let same = listed.filter(|row| row.input_price_per_m_tok == stored.input_price_per_m_tok);
    Some(ShownPrice {
        from: PriceFrom::Stored,
        input_price_per_m_tok: stored.input_price_per_m_tok,
        output_price_per_m_tok: stored.output_price_per_m_tok,
        cache_read_price_per_m_tok: stored.cache_read_price_per_m_tok,
        long_prompt: same.and_then(|row| row.long_prompt.clone()),
    })
}

/// Adds models to the catalogue with their prices, and to the channel's own list where it has one. What is there already
/// stays as it is, so doing it again changes nothing.
///
/// # Errors
/// `invalid_request` that names a model without a known price, `conflict` for a price that differs from the one in force; then
/// nothing is added. `not_found`; without `models` also `unreadable_channel`, `upstream_error`.
pub async fn add_models(
    services: &Services,
    upstreams: &dyn Upstreams,
    actor: &Actor,
    id: ChannelId,
    wish: AddModels,
) -> Served<ModelsAdded> {
    let (wanted, unpriced) = match wish.models {
        Some(models) => (models, Vec::new()),
        None => with_known_price(channel_models(services, upstreams, id).await?.models),
    };
    if wanted.len() > MOST {
        return Err(check::bad("models", format_args!("at most {MOST}")));
    }
    let known = Known::load(services, id).await?;
    let (addition, added) = planned(services, &known, wanted, wish.visible)?;
    let added = ModelsAdded { unpriced, ..added };
    if added.added.is_empty() && added.priced.is_empty() && added.listed.is_empty() {
        return Ok(added);
    }
    let what = json!({ "name": known.channel.name, "added": added.added, "priced": added.priced, "listed": added.listed });
    let deed = Deed::new("channel.add_models", id.0).after(&what);
    let trail = services.trail(&actor.by(), deed, Some(Changed::Catalogue));
    if !channel_models::add(&services.db, id, &addition, &trail).await? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(added)
}

/// All whose price is known, and the names of the others.
fn with_known_price(models: Vec<ChannelModel>) -> (Vec<ModelToAdd>, Vec<String>) {
    let (known, unknown): (Vec<_>, Vec<_>) = models.into_iter().partition(|model| model.price.is_some());
    let wanted = known.into_iter().map(|model| ModelToAdd { model: model.model, ..ModelToAdd::default() });
    (wanted.collect(), unknown.into_iter().map(|model| model.model).collect())
}

/// What has to be written for these models.
fn planned(
    services: &Services,
    known: &Known,
    wanted: Vec<ModelToAdd>,
    visible: Option<bool>,
) -> Served<(Addition, ModelsAdded)> {
    let (catalogued, listed) = (known.reach.catalogued(&known.channel.kind), known.listed_prices());
    let mut addition = Addition { now: services.now(), ..Addition::default() };
    let (mut added, mut seen) = (ModelsAdded::default(), HashSet::new());
    for wish in wanted {
        let new = NewModel { visible, ..NewModel::named(&known.channel.kind, &wish.model) };
        let row = models::checked(services, new)?;
        if !seen.insert(row.model.clone()) {
            continue;
        }
        if let Some(price) = new_price(known, &listed, &row.model, &wish)? {
            let family = family_of("type", &known.channel.kind)?;
            let price = checked_figures(services, price, Some(family)).map_err(|_| invalid_price(&row.model))?;
            addition.prices.push(price);
            added.priced.push(row.model.clone());
        }
        if !known.serves(&row.model) {
            addition.listed.push(row.model.clone());
            added.listed.push(row.model.clone());
        }
        if !catalogued.contains(row.model.as_str()) {
            added.added.push(row.model.clone());
            addition.models.push(row);
        }
    }
    let mut longer = known.channel.models.clone();
    longer.extend(addition.listed.iter().cloned());
    checks::models(longer)?;
    Ok((addition, added))
}

/// The price that a model gets; nothing where it has one.
fn new_price(known: &Known, listed: &BTreeMap<&str, &ListedPrice>, model: &str, wish: &ModelToAdd) -> Served<Option<NewPrice>> {
    let given = match (wish.input_price_per_m_tok, wish.output_price_per_m_tok) {
        (Some(input), Some(output)) => Some((input, output)),
        (None, None) => None,
        _ => return Err(ServiceError::field(&NO_KNOWN_PRICE, "models").with("model", model)),
    };
    match (known.stored_price(model), given) {
        (Some(_), None) => Ok(None),
        (Some(stored), Some(given)) if given == (stored.input_price_per_m_tok, stored.output_price_per_m_tok) => Ok(None),
        (Some(_), Some(_)) => Err(ServiceError::field(&PRICED_OTHERWISE, "models").with("model", model)),
        (None, Some((input_price_per_m_tok, output_price_per_m_tok))) => Ok(Some(NewPrice {
            provider: Some(known.channel.kind.clone()),
            channel_id: None,
            model: model.to_owned(),
            input_price_per_m_tok,
            output_price_per_m_tok,
            cache_read_price_per_m_tok: wish.cache_read_price_per_m_tok,
            cache_creation_price_per_m_tok: wish.cache_creation_price_per_m_tok,
            cache_creation1h_price_per_m_tok: wish.cache_creation1h_price_per_m_tok,
        })),
        (None, None) => {
            let known = listed.get(model).map(|row| NewPrice::from((*row).clone()));
            known.map(Some).ok_or_else(|| ServiceError::field(&NO_KNOWN_PRICE, "models").with("model", model))
        }
    }
}
