//! Who and what used most.

use actors::vocabulary::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attempts::{self, Attempts};
use super::numbers::Numbers;
use super::range;
use crate::services::error::BAD_CHOICE;
use crate::services::values::check;
use crate::services::{Actor, Served, ServiceError, Services};
use crate::store::channel_activity::AttemptSums;
use crate::store::stats::{self, RankBy, RankOf, RankedSums, Span, Sums};

/// Which ranking is wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RankingQuery {
    /// As for sums.
    pub range: Option<String>,
    /// First millisecond of a custom range.
    pub from: Option<i64>,
    /// First millisecond after a custom range.
    pub to: Option<i64>,
    /// What is ranked: `users` (default), `keys`, `models` or `channels`.
    pub by: Option<String>,
    /// What is counted: `cost` (default), `tokens` or `requests`.
    pub sort: Option<String>,
    /// Rows, 1 to 100 (default 20).
    pub limit: Option<i64>,
}

/// One of those who used most.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ranked {
    /// The user, key or channel; null for models, and for requests that no channel answered.
    pub id: Option<i64>,
    /// Its name; null when it is gone.
    pub name: Option<String>,
    /// All tokens, cache reads included.
    pub tokens: i64,
    /// Its part of what is counted, 0 to 1; null when there is nothing to share.
    pub share: Option<f64>,
    /// A channel's attempts, also those after which another channel answered; null for everything else.
    pub attempts: Option<Attempts>,
    /// Its sums.
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Who or what used most.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rankings {
    /// First millisecond.
    pub from: i64,
    /// First millisecond after.
    pub to: i64,
    /// What is ranked.
    pub by: String,
    /// What is counted.
    pub sort: String,
    /// Everything, also what is not among the rows.
    pub totals: Numbers,
    /// The largest first.
    pub rows: Vec<Ranked>,
}

/// The largest users, keys, models or channels of a range.
///
/// # Errors
/// `invalid_request`, `forbidden`.
pub async fn rankings(services: &Services, actor: &Actor, query: RankingQuery) -> Served<Rankings> {
    actor.require(Role::Admin)?;
    let (by, sort) = (query.by.unwrap_or_else(|| "users".to_owned()), query.sort.unwrap_or_else(|| "cost".to_owned()));
    let of = choice(
        "by",
        &by,
        &[("users", RankOf::Users), ("keys", RankOf::Keys), ("models", RankOf::Models), ("channels", RankOf::Channels)],
    )?;
    let counted = choice("sort", &sort, &[("cost", RankBy::Cost), ("tokens", RankBy::Tokens), ("requests", RankBy::Requests)])?;
    let most = check::range("limit", query.limit.unwrap_or(20), 1, 100)?;
    let range = range::read(services, query.range.as_deref().unwrap_or("today"), (query.from, query.to))?;
    let span = Span { from: range.from, to: range.to, now: services.now(), user_id: None, key_id: None, channel_id: None };
    let found = stats::ranking(&services.db, &span, of, counted, most).await?;
    let whole = amount(&found.totals, counted);
    let mut asked = if matches!(of, RankOf::Channels) { attempts::of(services, &span).await? } else { Vec::new() };
    let rows = found.rows.into_iter().map(|row| ranked(row, counted, whole, &mut asked)).collect();
    Ok(Rankings { from: range.from, to: range.to, by, sort, totals: Numbers::from(&found.totals), rows })
}

fn choice<T: Copy>(field: &str, word: &str, choices: &[(&str, T)]) -> Served<T> {
    let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| ServiceError::field(&BAD_CHOICE, field).with("choices", names()))
}

fn ranked(row: RankedSums, counted: RankBy, whole: i64, asked: &mut Vec<AttemptSums>) -> Ranked {
    let part = amount(&row.sums, counted);
    Ranked {
        id: row.place.filter(|id| *id != 0),
        attempts: row.place.and_then(|id| attempts::take(asked, id)),
        name: row.name,
        tokens: tokens(&row.sums),
        share: (whole > 0).then(|| part as f64 / whole as f64),
        numbers: Numbers::from(&row.sums),
    }
}

fn amount(sums: &Sums, counted: RankBy) -> i64 {
    match counted {
        RankBy::Cost => sums.cost_nanos,
        RankBy::Requests => sums.requests,
        RankBy::Tokens => tokens(sums),
    }
}

fn tokens(sums: &Sums) -> i64 {
    let parts = [sums.tokens_in, sums.tokens_out, sums.cache_read_tokens, sums.cache_creation_tokens];
    parts.into_iter().fold(0, i64::saturating_add)
}
