//! Channels: how to reach a provider. Keys and headers are sealed before they come here.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::vocabulary::channel::UpstreamKey;
use actors::vocabulary::{Channel, ChannelId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, FromRow};

use super::conditions::listed;
use super::db::{Db, Stored, on_both, read, write};
use super::paging::{Sorts, Window, contains};
use super::source::{json, parsed};
use super::trail::{Leave, Trail};
use super::{StoreError, base_url};
use crate::secrets::{Place, Sealer};

/// Where a channel's sealed key lives.
pub const API_KEY: &str = "channels.api_key";
/// Where a channel's sealed headers live.
pub const HEADERS: &str = "channels.headers";

/// What channels may be sorted by.
pub const SORTS: Sorts = &[
    ("createdAt", "created_at"),
    ("name", "lower(name)"),
    ("type", "kind"),
    ("priority", "priority"),
    ("weight", "weight"),
    ("enabled", "enabled"),
    ("updatedAt", "updated_at"),
];

/// A channel as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ChannelRow {
    /// Its id.
    pub id: i64,
    /// Its name, unique whatever the case.
    pub name: String,
    /// `claude` or `openai`.
    pub kind: String,
    /// `auto`, `chat_completions` or `responses`.
    pub openai_protocol: String,
    /// As it was given.
    pub base_url: String,
    /// The provider's key, sealed for [`API_KEY`]; empty = missing.
    pub api_key_sealed: String,
    /// The last four characters of the key; empty when it is too short for that.
    pub api_key_last4: String,
    /// JSON list of models; empty = all.
    pub models: String,
    /// Higher goes first.
    pub priority: i64,
    /// Share inside one priority.
    pub weight: i64,
    /// Requests at the same time; `None` = unlimited.
    pub max_concurrency: Option<i64>,
    /// Model asked by tests and probes.
    pub test_model: Option<String>,
    /// Milliseconds between probes; `None` = none.
    pub monitor_interval_ms: Option<i64>,
    /// JSON object of extra headers, sealed for [`HEADERS`]; empty = missing.
    pub headers_sealed: String,
    /// JSON list of their names.
    pub header_names: String,
    /// Whether Chat bodies for reasoning models are adapted to what those take.
    pub adapt_reasoning: bool,
    /// Whether it takes requests.
    pub enabled: bool,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

impl ChannelRow {
    /// Whether its key or its headers are missing, as after an import. Then it takes no requests.
    pub fn is_incomplete(&self) -> bool {
        self.api_key_sealed.is_empty() || self.headers_sealed.is_empty()
    }

    /// The channel as the road sees it, with its secrets opened.
    ///
    /// # Errors
    /// Says which part of the row cannot be used, without a secret.
    pub fn opened(self, sealer: &Sealer) -> Result<Channel, String> {
        if self.is_incomplete() {
            return Err("its key or its headers have yet to be set".to_owned());
        }
        let api_key = self.open(sealer, API_KEY, &self.api_key_sealed)?;
        let headers = self.open(sealer, HEADERS, &self.headers_sealed)?;
        let headers: BTreeMap<String, String> =
            serde_json::from_str(headers.expose_secret()).map_err(|_| "its headers are damaged")?;
        let mut models: Vec<String> = json("channels.models", &self.models).map_err(told)?;
        if models.iter().any(|model| model == "*") {
            models.clear();
        }
        let interval = self.monitor_interval_ms.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
        Ok(Channel {
            id: ChannelId(self.id),
            family: parsed("channels.kind", &self.kind).map_err(told)?,
            open_ai_protocol: parsed("channels.openai_protocol", &self.openai_protocol).map_err(told)?,
            base_url: base_url::normalise(&self.base_url).map_err(|wrong| wrong.to_string())?,
            api_key: UpstreamKey::new(api_key.expose_secret()),
            models,
            priority: i32::try_from(self.priority).unwrap_or(if self.priority < 0 { i32::MIN } else { i32::MAX }),
            weight: u32::try_from(self.weight.max(0)).unwrap_or(u32::MAX),
            max_concurrency: self.max_concurrency.filter(|most| *most > 0).map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            test_model: self.test_model,
            monitor_interval: interval.map(Duration::from_millis),
            headers,
            adapt_reasoning: self.adapt_reasoning,
            name: self.name,
        })
    }

    fn open(&self, sealer: &Sealer, column: &str, sealed: &str) -> Result<SecretString, String> {
        let row = self.id.to_string();
        sealer.open(Place { column, row: &row }, sealed).map_err(|why| format!("{column}: {why}"))
    }
}

fn told(error: StoreError) -> String {
    error.to_string()
}

/// Which channels are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct ChannelFilter {
    /// `claude` or `openai`.
    pub kind: Option<String>,
    /// On or off.
    pub enabled: Option<bool>,
    /// Those that serve this model: by name, or because they serve all.
    pub model: Option<String>,
    /// Among these alone.
    pub ids: Option<Vec<i64>>,
}

impl ChannelFilter {
    /// The WHERE clause. All that is put into its text are numbers.
    fn clause(&self) -> String {
        let Some(ids) = &self.ids else { return MATCHES.to_owned() };
        if ids.is_empty() { "1 = 0 AND ".to_owned() + MATCHES } else { format!("id IN ({}) AND {MATCHES}", listed(ids)) }
    }

    /// The pattern of a list of models that has the wanted one.
    fn model_pattern(&self) -> Option<String> {
        self.model.as_deref().map(|model| contains(&serde_json::Value::from(model).to_string()))
    }
}

const MATCHES: &str = "(CAST($1 AS TEXT) IS NULL OR kind = $1) AND (CAST($2 AS BOOLEAN) IS NULL OR enabled = $2) \
     AND (CAST($3 AS TEXT) IS NULL OR lower(name) LIKE $3 ESCAPE '\\' OR lower(base_url) LIKE $3 ESCAPE '\\' \
     OR lower(models) LIKE $3 ESCAPE '\\') \
     AND (CAST($4 AS TEXT) IS NULL OR models IN ('[]', '[\"*\"]') OR lower(models) LIKE $4 ESCAPE '\\')";

/// One page, and how many match in all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, filter: &ChannelFilter, window: &Window) -> Stored<(Vec<ChannelRow>, i64)> {
    let matches = filter.clause();
    let rows = format!("SELECT * FROM channels WHERE {matches}{}", window.tail("id"));
    let count = format!("SELECT CAST(count(*) AS BIGINT) FROM channels WHERE {matches}");
    let (pattern, model) = (window.pattern(), filter.model_pattern());
    read!(db, conn => {
        let found = sqlx::query_as(AssertSqlSafe(rows))
            .bind(&filter.kind).bind(filter.enabled).bind(&pattern).bind(&model).fetch_all(&mut *conn).await?;
        let total = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(&filter.kind).bind(filter.enabled).bind(&pattern).bind(&model).fetch_one(&mut *conn).await?;
        Ok((found, total))
    })
}

/// Every channel, by name.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &Db) -> Stored<Vec<ChannelRow>> {
    const SQL: &str = "SELECT * FROM channels ORDER BY lower(name)";
    Ok(read!(db, conn => sqlx::query_as(SQL).fetch_all(&mut *conn).await?))
}

/// One channel.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: ChannelId) -> Stored<Option<ChannelRow>> {
    const SQL: &str = "SELECT * FROM channels WHERE id = $1";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(id.0).fetch_optional(&mut *conn).await?))
}

/// Adds a channel.
///
/// # Errors
/// [`StoreError::Duplicate`] when the name is taken.
pub async fn insert(db: &Db, row: &ChannelRow, trail: &Trail) -> Stored<()> {
    write!(db, tx => {
        tx.put_channel(row, true).await?;
        tx.leave(trail).await?;
    });
    Ok(())
}

/// Writes a channel over; `false` when it is gone.
///
/// # Errors
/// [`StoreError::Duplicate`] when the name is taken.
pub async fn update(db: &Db, row: &ChannelRow, trail: &Trail) -> Stored<bool> {
    write!(db, tx => {
        let there = tx.put_channel(row, false).await?;
        if there {
            tx.leave(trail).await?;
        }
        Ok(there)
    })
}

/// Deletes a channel with its prices and tests; `false` when it is gone.
///
/// # Errors
/// [`StoreError::Reference`] while a key, a mapping or a fallback names it.
pub async fn delete(db: &Db, id: ChannelId, trail: &Trail) -> Stored<bool> {
    const FALLBACKS: &str = "SELECT CAST(count(*) AS BIGINT) FROM settings \
        WHERE name IN ('claudeFallbackChannelId', 'openaiFallbackChannelId') AND value = $1";
    write!(db, tx => {
        let fallbacks: i64 = sqlx::query_scalar(FALLBACKS).bind(id.to_string()).fetch_one(&mut *tx).await?;
        if fallbacks > 0 {
            return Err(StoreError::Reference);
        }
        let gone = sqlx::query("DELETE FROM channels WHERE id = $1").bind(id.0).execute(&mut *tx).await?.rows_affected() > 0;
        if gone {
            tx.leave(trail).await?;
        }
        Ok(gone)
    })
}

const INSERT: &str = "INSERT INTO channels (id, name, kind, openai_protocol, base_url, api_key_sealed, api_key_last4, models, \
    priority, weight, max_concurrency, test_model, monitor_interval_ms, headers_sealed, header_names, enabled, updated_at, \
    created_at, adapt_reasoning) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
const UPDATE: &str = "UPDATE channels SET name = $2, kind = $3, openai_protocol = $4, base_url = $5, api_key_sealed = $6, \
    api_key_last4 = $7, models = $8, priority = $9, weight = $10, max_concurrency = $11, test_model = $12, \
    monitor_interval_ms = $13, headers_sealed = $14, header_names = $15, enabled = $16, updated_at = $17, created_at = $18, \
    adapt_reasoning = $19 WHERE id = $1";

/// Writes a whole channel, new or over the old one; `false` when there is none to write over.
pub(super) trait PutChannel {
    async fn put_channel(&mut self, row: &ChannelRow, new: bool) -> Stored<bool>;
}

on_both!(PutChannel {
    async fn put_channel(&mut self, row: &ChannelRow, new: bool) -> Stored<bool> {
        let done = sqlx::query(if new { INSERT } else { UPDATE })
            .bind(row.id).bind(&row.name).bind(&row.kind).bind(&row.openai_protocol).bind(&row.base_url)
            .bind(&row.api_key_sealed).bind(&row.api_key_last4).bind(&row.models).bind(row.priority).bind(row.weight)
            .bind(row.max_concurrency).bind(&row.test_model).bind(row.monitor_interval_ms).bind(&row.headers_sealed)
            .bind(&row.header_names).bind(row.enabled).bind(row.updated_at).bind(row.created_at)
            .bind(row.adapt_reasoning)
            .execute(self).await?;
        Ok(done.rows_affected() > 0)
    }
});
