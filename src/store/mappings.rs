//! Model mappings: what is asked upstream for the names clients use.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, on_both, snapshot, write};
use super::paging::{Sorts, Window};
use super::trail::{Leave, Trail};

/// What mappings may be sorted by.
pub const SORTS: Sorts = &[
    ("createdAt", "created_at"),
    ("upstreamModel", "upstream_model"),
    ("provider", "provider"),
    ("targetProvider", "target_provider"),
    ("enabled", "enabled"),
];

/// A mapping with the names it catches and the channels it uses.
#[derive(Clone, Debug, FromRow)]
pub struct MappingRow {
    /// Its id.
    pub id: i64,
    /// The client's family.
    pub provider: String,
    /// The family of channels used.
    pub target_provider: String,
    /// The name sent upstream.
    pub upstream_model: String,
    /// Whether it applies.
    pub enabled: bool,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
    /// The names it catches.
    #[sqlx(skip)]
    pub inbound_models: Vec<String>,
    /// The channels it uses; empty = all of the family.
    #[sqlx(skip)]
    pub channel_ids: Vec<i64>,
}

/// Which mappings are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct MappingFilter {
    /// The client's family.
    pub provider: Option<String>,
    /// On or off.
    pub enabled: Option<bool>,
    /// Those that use this channel by name.
    pub channel_id: Option<i64>,
}

const MATCHES: &str = "(CAST($1 AS TEXT) IS NULL OR provider = $1) AND (CAST($2 AS BOOLEAN) IS NULL OR enabled = $2) \
     AND (CAST($3 AS BIGINT) IS NULL OR EXISTS (SELECT 1 FROM model_mapping_channels c WHERE c.mapping_id = m.id AND c.channel_id = $3)) \
     AND (CAST($4 AS TEXT) IS NULL OR lower(upstream_model) LIKE $4 ESCAPE '\\' OR EXISTS \
     (SELECT 1 FROM model_mapping_inbounds i WHERE i.mapping_id = m.id AND lower(i.model) LIKE $4 ESCAPE '\\'))";
const INBOUNDS: &str = "SELECT mapping_id, model FROM model_mapping_inbounds WHERE mapping_id >= $1 AND mapping_id <= $2 \
    ORDER BY mapping_id, model";
const CHANNELS: &str = "SELECT mapping_id, channel_id FROM model_mapping_channels WHERE mapping_id >= $1 AND mapping_id <= $2 \
    ORDER BY mapping_id, channel_id";

/// One page, and how many match in all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, filter: &MappingFilter, window: &Window) -> Stored<(Vec<MappingRow>, i64)> {
    let rows = format!("SELECT * FROM model_mappings m WHERE {MATCHES}{}", window.tail("id"));
    let count = format!("SELECT CAST(count(*) AS BIGINT) FROM model_mappings m WHERE {MATCHES}");
    let pattern = window.pattern();
    snapshot!(db, tx => {
        let mut found: Vec<MappingRow> = sqlx::query_as(AssertSqlSafe(rows))
            .bind(&filter.provider).bind(filter.enabled).bind(filter.channel_id).bind(&pattern).fetch_all(&mut *tx).await?;
        let total = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(&filter.provider).bind(filter.enabled).bind(filter.channel_id).bind(&pattern).fetch_one(&mut *tx).await?;
        tx.fill(&mut found).await?;
        Ok((found, total))
    })
}

/// One mapping.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: i64) -> Stored<Option<MappingRow>> {
    const SQL: &str = "SELECT * FROM model_mappings WHERE id = $1";
    snapshot!(db, tx => {
        let mut found: Vec<MappingRow> = sqlx::query_as(SQL).bind(id).fetch_all(&mut *tx).await?;
        tx.fill(&mut found).await?;
        Ok(found.pop())
    })
}

/// Adds a mapping.
///
/// # Errors
/// `Reference` when a channel is gone.
pub async fn insert(db: &Db, row: &MappingRow, trail: &Trail) -> Stored<()> {
    write!(db, tx => {
        tx.insert_mapping(row).await?;
        tx.leave(trail).await?;
    });
    Ok(())
}

/// Writes a mapping over; `false` when it is gone.
///
/// # Errors
/// `Reference` when a channel is gone.
pub async fn update(db: &Db, row: &MappingRow, trail: &Trail) -> Stored<bool> {
    const SQL: &str = "UPDATE model_mappings SET provider = $2, target_provider = $3, upstream_model = $4, enabled = $5, \
        updated_at = $6 WHERE id = $1";
    write!(db, tx => {
        let done = sqlx::query(SQL)
            .bind(row.id).bind(&row.provider).bind(&row.target_provider).bind(&row.upstream_model).bind(row.enabled)
            .bind(row.updated_at).execute(&mut *tx).await?;
        let there = done.rows_affected() > 0;
        if there {
            tx.put_parts(row).await?;
            tx.leave(trail).await?;
        }
        Ok(there)
    })
}

/// Deletes a mapping; `false` when it is gone.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &Db, id: i64, trail: &Trail) -> Stored<bool> {
    write!(db, tx => {
        let done = sqlx::query("DELETE FROM model_mappings WHERE id = $1").bind(id).execute(&mut *tx).await?;
        let there = done.rows_affected() > 0;
        if there {
            tx.leave(trail).await?;
        }
        Ok(there)
    })
}

/// The single statements of this aggregate.
pub(super) trait PutMapping {
    /// Adds a mapping with its names and channels.
    async fn insert_mapping(&mut self, row: &MappingRow) -> Stored<()>;
    /// Reads the names and channels of these mappings.
    async fn fill(&mut self, rows: &mut [MappingRow]) -> Stored<()>;
    /// Replaces the names and channels of a mapping.
    async fn put_parts(&mut self, row: &MappingRow) -> Stored<()>;
}

on_both!(PutMapping {
    async fn insert_mapping(&mut self, row: &MappingRow) -> Stored<()> {
        const SQL: &str = "INSERT INTO model_mappings (id, provider, target_provider, upstream_model, enabled, created_at, updated_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        sqlx::query(SQL)
            .bind(row.id).bind(&row.provider).bind(&row.target_provider).bind(&row.upstream_model).bind(row.enabled)
            .bind(row.created_at).bind(row.updated_at).execute(&mut *self).await?;
        self.put_parts(row).await
    }

    async fn fill(&mut self, rows: &mut [MappingRow]) -> Stored<()> {
        let ids = || rows.iter().map(|row| row.id);
        let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return Ok(()) };
        let names: Vec<(i64, String)> = sqlx::query_as(INBOUNDS).bind(first).bind(last).fetch_all(&mut *self).await?;
        let channels: Vec<(i64, i64)> = sqlx::query_as(CHANNELS).bind(first).bind(last).fetch_all(&mut *self).await?;
        let (mut names, mut channels) = (grouped(names), grouped(channels));
        for row in rows {
            row.inbound_models = names.remove(&row.id).unwrap_or_default();
            row.channel_ids = channels.remove(&row.id).unwrap_or_default();
        }
        Ok(())
    }

    async fn put_parts(&mut self, row: &MappingRow) -> Stored<()> {
        sqlx::query("DELETE FROM model_mapping_inbounds WHERE mapping_id = $1").bind(row.id).execute(&mut *self).await?;
        sqlx::query("DELETE FROM model_mapping_channels WHERE mapping_id = $1").bind(row.id).execute(&mut *self).await?;
        for model in &row.inbound_models {
            let insert = "INSERT INTO model_mapping_inbounds (mapping_id, model) VALUES ($1, $2)";
            sqlx::query(insert).bind(row.id).bind(model).execute(&mut *self).await?;
        }
        for channel in &row.channel_ids {
            let insert = "INSERT INTO model_mapping_channels (mapping_id, channel_id) VALUES ($1, $2)";
            sqlx::query(insert).bind(row.id).bind(channel).execute(&mut *self).await?;
        }
        Ok(())
    }
});

fn grouped<T>(pairs: Vec<(i64, T)>) -> HashMap<i64, Vec<T>> {
    pairs.into_iter().fold(HashMap::new(), |mut groups, (id, part)| {
        groups.entry(id).or_insert_with(Vec::new).push(part);
        groups
    })
}
