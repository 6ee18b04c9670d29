//! Prices per million tokens, by provider or by channel.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, on_both, read, write};
use super::paging::{Sorts, Window};
use super::trail::{Leave, Trail};

/// What prices may be sorted by.
pub const SORTS: Sorts = &[
    ("createdAt", "created_at"),
    ("model", "model"),
    ("provider", "provider"),
    ("inputPricePerMTok", "input_price"),
    ("outputPricePerMTok", "output_price"),
    ("cacheReadPricePerMTok", "cache_read_price"),
    ("cacheCreationPricePerMTok", "cache_creation_price"),
    ("cacheCreation1hPricePerMTok", "coalesce(cache_creation_1h_price, cache_creation_price)"),
    ("updatedAt", "updated_at"),
];

/// A price list of one model.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PriceRow {
    /// Its id.
    pub id: i64,
    /// All channels of a family…
    pub provider: Option<String>,
    /// …or one channel: exactly one of both is set.
    pub channel_id: Option<i64>,
    /// The upstream model.
    pub model: String,
    /// Nanos per million tokens.
    pub input_price: i64,
    /// Nanos per million tokens.
    pub output_price: i64,
    /// Nanos per million tokens.
    pub cache_read_price: i64,
    /// Nanos per million tokens.
    pub cache_creation_price: i64,
    /// Nanos per million tokens; `None` = as for five minutes.
    pub cache_creation_1h_price: Option<i64>,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

/// Which prices are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct PriceFilter {
    /// `claude` or `openai`.
    pub provider: Option<String>,
    /// Those of one channel.
    pub channel_id: Option<i64>,
}

const MATCHES: &str = "(CAST($1 AS TEXT) IS NULL OR provider = $1) AND (CAST($2 AS BIGINT) IS NULL OR channel_id = $2) \
     AND (CAST($3 AS TEXT) IS NULL OR lower(model) LIKE $3 ESCAPE '\\')";

/// One page, and how many match in all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, filter: &PriceFilter, window: &Window) -> Stored<(Vec<PriceRow>, i64)> {
    let rows = format!("SELECT * FROM model_prices WHERE {MATCHES}{}", window.tail("id"));
    let count = format!("SELECT CAST(count(*) AS BIGINT) FROM model_prices WHERE {MATCHES}");
    let pattern = window.pattern();
    read!(db, conn => {
        let found = sqlx::query_as(AssertSqlSafe(rows))
            .bind(&filter.provider).bind(filter.channel_id).bind(&pattern).fetch_all(&mut *conn).await?;
        let total = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(&filter.provider).bind(filter.channel_id).bind(&pattern).fetch_one(&mut *conn).await?;
        Ok((found, total))
    })
}

/// Every price.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &Db) -> Stored<Vec<PriceRow>> {
    const SQL: &str = "SELECT * FROM model_prices ORDER BY id";
    Ok(read!(db, conn => sqlx::query_as(SQL).fetch_all(&mut *conn).await?))
}

/// One price.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: i64) -> Stored<Option<PriceRow>> {
    const SQL: &str = "SELECT * FROM model_prices WHERE id = $1";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(id).fetch_optional(&mut *conn).await?))
}

/// Adds a price.
///
/// # Errors
/// `Duplicate` when its provider or channel has one for the model, `Reference` when the channel is gone.
pub async fn insert(db: &Db, row: &PriceRow, trail: &Trail) -> Stored<()> {
    write!(db, tx => {
        tx.put_price(row, INSERT).await?;
        tx.leave(trail).await?;
    });
    Ok(())
}

/// Writes a price over; `false` when it is gone.
///
/// # Errors
/// As [`insert`].
pub async fn update(db: &Db, row: &PriceRow, trail: &Trail) -> Stored<bool> {
    write!(db, tx => {
        let there = tx.put_price(row, UPDATE).await?;
        if there {
            tx.leave(trail).await?;
        }
        Ok(there)
    })
}

/// Writes many prices in one transaction; where a provider or channel has one for the model, its figures change.
///
/// # Errors
/// `Reference` when a channel is gone; then nothing is written.
pub async fn import(db: &Db, rows: &[PriceRow], trail: &Trail) -> Stored<()> {
    let upsert = upsert();
    write!(db, tx => {
        for row in rows {
            tx.put_price(row, &upsert).await?;
        }
        tx.leave(trail).await?;
    });
    Ok(())
}

/// Deletes a price; `false` when it is gone.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &Db, id: i64, trail: &Trail) -> Stored<bool> {
    write!(db, tx => {
        let done = sqlx::query("DELETE FROM model_prices WHERE id = $1").bind(id).execute(&mut *tx).await?;
        let there = done.rows_affected() > 0;
        if there {
            tx.leave(trail).await?;
        }
        Ok(there)
    })
}

const INSERT: &str = "INSERT INTO model_prices (id, provider, channel_id, model, input_price, output_price, cache_read_price, \
    cache_creation_price, cache_creation_1h_price, updated_at, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const UPDATE: &str = "UPDATE model_prices SET provider = $2, channel_id = $3, model = $4, input_price = $5, output_price = $6, \
    cache_read_price = $7, cache_creation_price = $8, cache_creation_1h_price = $9, updated_at = $10, created_at = $11 WHERE id = $1";
const ON_CONFLICT: &str = " ON CONFLICT (coalesce(provider, ''), coalesce(channel_id, 0), model) DO UPDATE SET \
    input_price = excluded.input_price, output_price = excluded.output_price, cache_read_price = excluded.cache_read_price, \
    cache_creation_price = excluded.cache_creation_price, cache_creation_1h_price = excluded.cache_creation_1h_price, \
    updated_at = excluded.updated_at";

/// Writes prices over those its provider or channel has for the model, or adds them.
pub(super) fn upsert() -> String {
    format!("{INSERT}{ON_CONFLICT}")
}

/// Adds prices where its provider or channel has none for the model.
pub(super) fn add() -> String {
    format!("{INSERT} ON CONFLICT DO NOTHING")
}

/// `sql` is one of the statements above.
pub(super) trait PutPrice {
    async fn put_price(&mut self, row: &PriceRow, sql: &str) -> Stored<bool>;
}

on_both!(PutPrice {
    async fn put_price(&mut self, row: &PriceRow, sql: &str) -> Stored<bool> {
        let done = sqlx::query(AssertSqlSafe(sql.to_owned()))
            .bind(row.id).bind(&row.provider).bind(row.channel_id).bind(&row.model).bind(row.input_price)
            .bind(row.output_price).bind(row.cache_read_price).bind(row.cache_creation_price)
            .bind(row.cache_creation_1h_price).bind(row.updated_at).bind(row.created_at)
            .execute(self).await?;
        Ok(done.rows_affected() > 0)
    }
});
