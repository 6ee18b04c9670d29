//! Prices per million tokens.

use actors::ports::Changed;
use actors::vocabulary::{ChannelId, Family, Nanos};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{model_name, provider};
use crate::services::error::{NOT_FOUND, TAKEN};
use crate::services::values::{ListQuery, Page, Patch, Usd, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::prices::{self, PriceFilter, PriceRow};
use crate::store::{StoreError, channels};

/// Largest price, in nanos per million tokens: 1,000,000 USD.
const DEAREST: i64 = 1_000_000_000_000_000;

/// The prices of one model at a provider or at one channel, USD per million tokens.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Its id.
    pub id: i64,
    /// All channels of this family, or null.
    pub provider: Option<String>,
    /// One channel, or null. Goes before its provider's price.
    pub channel_id: Option<i64>,
    /// The upstream model.
    pub model: String,
    /// Uncached input.
    pub input_price_per_m_tok: Usd,
    /// Output, reasoning included.
    pub output_price_per_m_tok: Usd,
    /// Input read from the provider's cache.
    pub cache_read_price_per_m_tok: Usd,
    /// Input written to the five-minute cache.
    pub cache_creation_price_per_m_tok: Usd,
    /// Input written to the one-hour cache; null = as for five minutes.
    pub cache_creation1h_price_per_m_tok: Option<Usd>,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

impl From<PriceRow> for Price {
    fn from(row: PriceRow) -> Self {
        let usd = |nanos| Usd(Nanos(nanos));
        Self {
            id: row.id,
            provider: row.provider,
            channel_id: row.channel_id,
            model: row.model,
            input_price_per_m_tok: usd(row.input_price),
            output_price_per_m_tok: usd(row.output_price),
            cache_read_price_per_m_tok: usd(row.cache_read_price),
            cache_creation_price_per_m_tok: usd(row.cache_creation_price),
            cache_creation1h_price_per_m_tok: row.cache_creation_1h_price.map(usd),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// New prices, USD per million tokens: of a `provider` or of a channel.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewPrice {
    /// All channels of this family; either this or `channelId`.
    pub provider: Option<String>,
    /// One channel; either this or `provider`.
    pub channel_id: Option<i64>,
    /// The upstream model.
    pub model: String,
    /// Uncached input.
    pub input_price_per_m_tok: Usd,
    /// Output.
    pub output_price_per_m_tok: Usd,
    /// Input read from the provider's cache (default: the input price).
    pub cache_read_price_per_m_tok: Option<Usd>,
    /// Input written to the five-minute cache (default: 1.25 times the input price for Claude, the input price for OpenAI).
    pub cache_creation_price_per_m_tok: Option<Usd>,
    /// Input written to the one-hour cache (default: twice the input price for Claude, the input price for OpenAI).
    pub cache_creation1h_price_per_m_tok: Option<Usd>,
}

/// Cache prices that were left out, from the input price, in nanos per million tokens. Anthropic's own factors
/// (docs.claude.com, "Prompt caching", Pricing); OpenAI charges writes as input. Reads cost what input does until somebody
/// names their discount.
struct CacheDefaults {
    read: i64,
    write: i64,
    write_1h: i64,
}

impl CacheDefaults {
    fn of(provider: Family, input: i64) -> Self {
        let times = |quarters: i64| (input.saturating_mul(quarters).saturating_add(2) / 4).min(DEAREST);
        match provider {
            Family::Claude => Self { read: input, write: times(5), write_1h: times(8) },
            Family::OpenAi => Self { read: input, write: input, write_1h: input },
        }
    }
}

impl From<&Price> for NewPrice {
    fn from(price: &Price) -> Self {
        Self {
            provider: price.provider.clone(),
            channel_id: price.channel_id,
            model: price.model.clone(),
            input_price_per_m_tok: price.input_price_per_m_tok,
            output_price_per_m_tok: price.output_price_per_m_tok,
            cache_read_price_per_m_tok: Some(price.cache_read_price_per_m_tok),
            cache_creation_price_per_m_tok: Some(price.cache_creation_price_per_m_tok),
            cache_creation1h_price_per_m_tok: price.cache_creation1h_price_per_m_tok,
        }
    }
}

/// Changes to prices.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PricePatch {
    /// All channels of this family.
    pub provider: Patch<String>,
    /// One channel.
    pub channel_id: Patch<i64>,
    /// The upstream model.
    pub model: Option<String>,
    /// Uncached input; null = 0.
    pub input_price_per_m_tok: Patch<Usd>,
    /// Output; null = 0.
    pub output_price_per_m_tok: Patch<Usd>,
    /// Cache reads; null = the default for this input price.
    pub cache_read_price_per_m_tok: Patch<Usd>,
    /// Five-minute cache writes; null = the default for this input price.
    pub cache_creation_price_per_m_tok: Patch<Usd>,
    /// One-hour cache writes; null = the default for this input price.
    pub cache_creation1h_price_per_m_tok: Patch<Usd>,
}

/// Which prices are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PriceQuery {
    /// `claude` or `openai`.
    pub provider: Option<String>,
    /// Those of one channel.
    pub channel_id: Option<i64>,
}

/// One page of prices.
///
/// # Errors
/// `invalid_request`.
pub async fn list(services: &Services, asked: &ListQuery, query: PriceQuery) -> Served<Page<Price>> {
    let filter = PriceFilter { provider: query.provider, channel_id: query.channel_id };
    let found = prices::list(&services.db, &filter, &asked.window(prices::SORTS)?).await?;
    Ok(Page::new(asked, found, Price::from))
}

/// Adds prices.
///
/// # Errors
/// `invalid_request`, `conflict`.
pub async fn create(services: &Services, actor: &Actor, new: NewPrice) -> Served<Price> {
    let row = checked(services, new).await?;
    let made = Price::from(row.clone());
    let trail = services.trail(&actor.by(), Deed::new("price.create", row.id).after(&made), Some(Changed::Catalogue));
    prices::insert(&services.db, &row, &trail).await.map_err(refused)?;
    services.news.changed(Changed::Catalogue).await;
    Ok(made)
}

/// One model's prices.
///
/// # Errors
/// `not_found`.
pub async fn one(services: &Services, id: i64) -> Served<Price> {
    find(services, id).await.map(Price::from)
}

/// Changes prices. Rows of the log keep the prices they were billed with.
///
/// # Errors
/// `invalid_request`, `not_found`, `conflict`.
pub async fn update(services: &Services, actor: &Actor, id: i64, patch: PricePatch) -> Served<Price> {
    let old = find(services, id).await?;
    let mut row = old.clone();
    let given_channel = patch.channel_id.is_given();
    row.provider = patch.provider.try_map(|word| provider("provider", &word))?.over_option(row.provider);
    row.channel_id = patch.channel_id.over_option(row.channel_id);
    either(row.provider.as_deref(), row.channel_id)?;
    let family = match (&row.provider, row.channel_id) {
        (_, Some(channel)) if given_channel => channel_family(services, channel).await?,
        (_, Some(channel)) => channel_family(services, channel).await.unwrap_or(Family::OpenAi),
        (provider, None) => provider.as_deref().map_or(Ok(Family::OpenAi), |word| family_of("provider", word))?,
    };
    if let Some(name) = patch.model {
        row.model = model_name("model", &name)?;
    }
    let set = |field, patch: Patch<Usd>, current, default| {
        Ok(patch.try_map(|usd| price(field, usd))?.over(current, default)) as Served<i64>
    };
    row.input_price = set("inputPricePerMTok", patch.input_price_per_m_tok, row.input_price, 0)?;
    row.output_price = set("outputPricePerMTok", patch.output_price_per_m_tok, row.output_price, 0)?;
    let default = CacheDefaults::of(family, row.input_price);
    row.cache_read_price = set("cacheReadPricePerMTok", patch.cache_read_price_per_m_tok, row.cache_read_price, default.read)?;
    row.cache_creation_price =
        set("cacheCreationPricePerMTok", patch.cache_creation_price_per_m_tok, row.cache_creation_price, default.write)?;
    let one_hour = patch.cache_creation1h_price_per_m_tok.try_map(|usd| price("cacheCreation1hPricePerMTok", usd))?;
    row.cache_creation_1h_price = match one_hour {
        Patch::Absent => row.cache_creation_1h_price,
        Patch::Null => Some(default.write_1h),
        Patch::Value(price) => Some(price),
    };
    row.updated_at = services.now();
    let made = Price::from(row.clone());
    let deed = Deed::new("price.update", id).before(&Price::from(old)).after(&made);
    let trail = services.trail(&actor.by(), deed, Some(Changed::Catalogue));
    if !prices::update(&services.db, &row, &trail).await.map_err(refused)? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(made)
}

/// Deletes prices.
///
/// # Errors
/// `not_found`.
pub async fn delete(services: &Services, actor: &Actor, id: i64) -> Served<()> {
    let old = Price::from(find(services, id).await?);
    let trail = services.trail(&actor.by(), Deed::new("price.delete", id).before(&old), Some(Changed::Catalogue));
    if !prices::delete(&services.db, id, &trail).await? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(())
}

/// A new row, checked.
pub(super) async fn checked(services: &Services, new: NewPrice) -> Served<PriceRow> {
    either(new.provider.as_deref(), new.channel_id)?;
    let family = match new.channel_id {
        Some(channel) => Some(channel_family(services, channel).await?),
        None => None,
    };
    checked_figures(services, new, family)
}

/// The same without asking the database for the channel, whose `family` is known.
pub(in crate::services) fn checked_figures(services: &Services, new: NewPrice, family: Option<Family>) -> Served<PriceRow> {
    either(new.provider.as_deref(), new.channel_id)?;
    let now = services.now();
    let provider = new.provider.map(|word| provider("provider", &word)).transpose()?;
    let named = provider.as_deref().map(|word| family_of("provider", word)).transpose()?;
    let input_price = price("inputPricePerMTok", new.input_price_per_m_tok)?;
    let default = CacheDefaults::of(family.or(named).unwrap_or(Family::OpenAi), input_price);
    let or = |field, usd: Option<Usd>, default| usd.map_or(Ok(default), |usd| price(field, usd));
    let one_hour = or("cacheCreation1hPricePerMTok", new.cache_creation1h_price_per_m_tok, default.write_1h)?;
    Ok(PriceRow {
        id: services.id(),
        provider,
        channel_id: new.channel_id,
        model: model_name("model", &new.model)?,
        input_price,
        output_price: price("outputPricePerMTok", new.output_price_per_m_tok)?,
        cache_read_price: or("cacheReadPricePerMTok", new.cache_read_price_per_m_tok, default.read)?,
        cache_creation_price: or("cacheCreationPricePerMTok", new.cache_creation_price_per_m_tok, default.write)?,
        cache_creation_1h_price: Some(one_hour),
        created_at: now,
        updated_at: now,
    })
}

/// `claude` or `openai`.
pub(in crate::services) fn family_of(field: &str, word: &str) -> Served<Family> {
    word.parse().map_err(|_| check::bad(field, "claude or openai"))
}

async fn find(services: &Services, id: i64) -> Served<PriceRow> {
    prices::find(&services.db, id).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))
}

fn either(provider: Option<&str>, channel: Option<i64>) -> Served<()> {
    if provider.is_some() != channel.is_some() {
        Ok(())
    } else {
        Err(check::bad("provider", "either provider or channelId is needed"))
    }
}

async fn channel_family(services: &Services, channel: i64) -> Served<Family> {
    let found = channels::find(&services.db, ChannelId(channel)).await?;
    let row = found.ok_or_else(|| check::bad("channelId", "there is no such channel"))?;
    family_of("channelId", &row.kind)
}

/// A price that can be kept, in nanos.
pub(super) fn price(field: &str, usd: Usd) -> Served<i64> {
    if (0..=DEAREST).contains(&usd.0.0) {
        Ok(usd.0.0)
    } else {
        Err(check::bad(field, "USD per million tokens, from 0 to 1000000"))
    }
}

/// What a refusal by the database means here.
pub(super) fn refused(error: StoreError) -> ServiceError {
    match error {
        StoreError::Duplicate => ServiceError::field(&TAKEN, "model"),
        StoreError::Reference => check::bad("channelId", "there is no such channel"),
        other => other.into(),
    }
}
