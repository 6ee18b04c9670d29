//! The audit log: who changed what, from where.

use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, on_both, read};
use super::paging::{Sorts, Window};

/// A row of the audit log.
#[derive(Clone, Debug, Default, FromRow)]
pub struct AuditRow {
    /// Its id.
    pub id: i64,
    /// When, epoch milliseconds.
    pub ts: i64,
    /// The account that acted; `None` = the process itself or the command line.
    pub actor_id: Option<i64>,
    /// Its name at the time.
    pub actor_name: String,
    /// What was done, such as `user.update`.
    pub action: String,
    /// The kind of thing it was done to, such as `user`.
    pub subject_kind: String,
    /// Its id.
    pub subject_id: Option<i64>,
    /// The thing before, as JSON without secrets.
    pub before_json: Option<String>,
    /// The thing after, as JSON without secrets.
    pub after_json: Option<String>,
    /// From where.
    pub client_ip: Option<String>,
}

/// Which rows are wanted; `None` = all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Those of one account.
    pub actor_id: Option<i64>,
    /// Those of one action.
    pub action: Option<String>,
    /// Those about one kind of thing.
    pub subject_kind: Option<String>,
    /// Those about one thing.
    pub subject_id: Option<i64>,
    /// At or after, epoch milliseconds.
    pub from: Option<i64>,
    /// Before, epoch milliseconds.
    pub to: Option<i64>,
}

/// What the log may be sorted by.
pub const SORTS: Sorts = &[("ts", "ts"), ("action", "action"), ("actorName", "actor_name")];

const MATCHES: &str = "(CAST($1 AS BIGINT) IS NULL OR actor_id = $1) AND (CAST($2 AS TEXT) IS NULL OR action = $2) \
     AND (CAST($3 AS TEXT) IS NULL OR subject_kind = $3) AND (CAST($4 AS BIGINT) IS NULL OR subject_id = $4) \
     AND (CAST($5 AS TEXT) IS NULL OR lower(actor_name) LIKE $5 ESCAPE '\\' OR lower(action) LIKE $5 ESCAPE '\\') \
     AND (CAST($6 AS BIGINT) IS NULL OR ts >= $6) AND (CAST($7 AS BIGINT) IS NULL OR ts < $7)";

/// One page of the log, and how many rows match in all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, filter: &AuditFilter, window: &Window) -> Stored<(Vec<AuditRow>, i64)> {
    let rows = format!("SELECT * FROM audit WHERE {MATCHES}{}", window.tail("id"));
    let count = format!("SELECT count(*) FROM audit WHERE {MATCHES}");
    let pattern = window.pattern();
    read!(db, conn => {
        let found = sqlx::query_as(AssertSqlSafe(rows))
            .bind(filter.actor_id).bind(&filter.action).bind(&filter.subject_kind).bind(filter.subject_id).bind(&pattern)
            .bind(filter.from).bind(filter.to).fetch_all(&mut *conn).await?;
        let total = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(filter.actor_id).bind(&filter.action).bind(&filter.subject_kind).bind(filter.subject_id).bind(&pattern)
            .bind(filter.from).bind(filter.to).fetch_one(&mut *conn).await?;
        Ok((found, total))
    })
}

/// One row of the log.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: i64) -> Stored<Option<AuditRow>> {
    let select = "SELECT * FROM audit WHERE id = $1";
    read!(db, conn => Ok(sqlx::query_as(select).bind(id).fetch_optional(&mut *conn).await?))
}

/// Writes an audit row in the transaction of what it tells: `tx.record(&row)`.
pub(super) trait Record {
    async fn record(&mut self, row: &AuditRow) -> Stored<()>;
}

on_both!(Record {
    async fn record(&mut self, row: &AuditRow) -> Stored<()> {
        let insert = "INSERT INTO audit (id, ts, actor_id, actor_name, action, subject_kind, subject_id, before_json, after_json, \
             client_ip) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        sqlx::query(insert)
            .bind(row.id).bind(row.ts).bind(row.actor_id).bind(&row.actor_name).bind(&row.action).bind(&row.subject_kind)
            .bind(row.subject_id).bind(&row.before_json).bind(&row.after_json).bind(&row.client_ip)
            .execute(self).await?;
        Ok(())
    }
});
