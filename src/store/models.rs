//! The model catalogue: what models there are, by the name people know them.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, on_both, read, write};
use super::paging::{Sorts, Window};
use super::trail::{Leave, Trail};

/// What models may be sorted by.
pub const SORTS: Sorts = &[
    ("createdAt", "created_at"),
    ("model", "model"),
    ("displayName", "lower(display_name)"),
    ("provider", "provider"),
    ("visible", "visible"),
    ("enabled", "enabled"),
];

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ModelRow {
    /// Its id.
    pub id: i64,
    /// `claude` or `openai`.
    pub provider: String,
    /// Its name, unique with the provider.
    pub model: String,
    /// Its name for people.
    pub display_name: String,
    /// Whether lists show it.
    pub visible: bool,
    /// Whether it can be called.
    pub enabled: bool,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

/// Which models are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct ModelFilter {
    /// `claude` or `openai`.
    pub provider: Option<String>,
    /// Shown or hidden.
    pub visible: Option<bool>,
    /// On or off.
    pub enabled: Option<bool>,
}

const MATCHES: &str = "(CAST($1 AS TEXT) IS NULL OR provider = $1) AND (CAST($2 AS BOOLEAN) IS NULL OR visible = $2) \
     AND (CAST($3 AS BOOLEAN) IS NULL OR enabled = $3) \
     AND (CAST($4 AS TEXT) IS NULL OR lower(model) LIKE $4 ESCAPE '\\' OR lower(display_name) LIKE $4 ESCAPE '\\')";

/// One page, and how many match in all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, filter: &ModelFilter, window: &Window) -> Stored<(Vec<ModelRow>, i64)> {
    let rows = format!("SELECT * FROM catalogue_models WHERE {MATCHES}{}", window.tail("id"));
    let count = format!("SELECT CAST(count(*) AS BIGINT) FROM catalogue_models WHERE {MATCHES}");
    let pattern = window.pattern();
    read!(db, conn => {
        let found = sqlx::query_as(AssertSqlSafe(rows))
            .bind(&filter.provider).bind(filter.visible).bind(filter.enabled).bind(&pattern).fetch_all(&mut *conn).await?;
        let total = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(&filter.provider).bind(filter.visible).bind(filter.enabled).bind(&pattern).fetch_one(&mut *conn).await?;
        Ok((found, total))
    })
}

/// One model.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: i64) -> Stored<Option<ModelRow>> {
    const SQL: &str = "SELECT * FROM catalogue_models WHERE id = $1";
    Ok(read!(db, conn => sqlx::query_as(SQL).bind(id).fetch_optional(&mut *conn).await?))
}

/// Adds a model.
///
/// # Errors
/// `Duplicate` when the provider has one of that name.
pub async fn insert(db: &Db, row: &ModelRow, trail: &Trail) -> Stored<()> {
    write!(db, tx => {
        tx.put_model(row, true).await?;
        tx.leave(trail).await?;
    });
    Ok(())
}

/// Adds many models in one transaction; those that are there already stay as they are. Returns how many are new.
///
/// # Errors
/// When the database fails; then nothing is written.
pub async fn add(db: &Db, rows: &[ModelRow], trail: &Trail) -> Stored<u64> {
    write!(db, tx => {
        let added = tx.add_models(rows).await?;
        if added > 0 {
            tx.leave(trail).await?;
        }
        Ok(added)
    })
}

/// Writes a model over; `false` when it is gone.
///
/// # Errors
/// `Duplicate` when the provider has another one of that name.
pub async fn update(db: &Db, row: &ModelRow, trail: &Trail) -> Stored<bool> {
    write!(db, tx => {
        let there = tx.put_model(row, false).await?;
        if there {
            tx.leave(trail).await?;
        }
        Ok(there)
    })
}

const INSERT: &str = "INSERT INTO catalogue_models (id, provider, model, display_name, visible, enabled, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const UPDATE: &str = "UPDATE catalogue_models SET provider = $2, model = $3, display_name = $4, visible = $5, enabled = $6, \
    created_at = $7, updated_at = $8 WHERE id = $1";

/// Writes a whole model, new or over the old one; `false` when there is none to write over.
pub(super) trait PutModel {
    async fn put_model(&mut self, row: &ModelRow, new: bool) -> Stored<bool>;
}

on_both!(PutModel {
    async fn put_model(&mut self, row: &ModelRow, new: bool) -> Stored<bool> {
        let done = sqlx::query(if new { INSERT } else { UPDATE })
            .bind(row.id).bind(&row.provider).bind(&row.model).bind(&row.display_name).bind(row.visible).bind(row.enabled)
            .bind(row.created_at).bind(row.updated_at).execute(self).await?;
        Ok(done.rows_affected() > 0)
    }
});

/// Adds the models that are not there yet; how many those are.
pub(super) trait AddModels {
    async fn add_models(&mut self, rows: &[ModelRow]) -> Stored<u64>;
}

on_both!(AddModels {
    async fn add_models(&mut self, rows: &[ModelRow]) -> Stored<u64> {
        let add = format!("{INSERT} ON CONFLICT (provider, model) DO NOTHING");
        let mut added = 0;
        for row in rows {
            let done = sqlx::query(AssertSqlSafe(add.clone()))
                .bind(row.id).bind(&row.provider).bind(&row.model).bind(&row.display_name).bind(row.visible).bind(row.enabled)
                .bind(row.created_at).bind(row.updated_at).execute(&mut *self).await?;
            added += done.rows_affected();
        }
        Ok(added)
    }
});

/// Deletes a model; `false` when it is gone.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &Db, id: i64, trail: &Trail) -> Stored<bool> {
    write!(db, tx => {
        let done = sqlx::query("DELETE FROM catalogue_models WHERE id = $1").bind(id).execute(&mut *tx).await?;
        let there = done.rows_affected() > 0;
        if there {
            tx.leave(trail).await?;
        }
        Ok(there)
    })
}
