//! The audit log, for admins.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::NOT_FOUND;
use super::values::{ListQuery, Page};
use super::{Served, ServiceError, Services};
use crate::store::audit::{self, AuditFilter, AuditRow};

/// Which rows are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityFilter {
    /// Those of one account.
    pub actor_id: Option<i64>,
    /// Those of one action, such as `user.update`.
    pub action: Option<String>,
    /// Those about one kind of thing, such as `user`.
    pub subject_kind: Option<String>,
    /// Those about one thing.
    pub subject_id: Option<i64>,
    /// At or after, epoch milliseconds.
    pub from: Option<i64>,
    /// Before, epoch milliseconds.
    pub to: Option<i64>,
}

/// Who did what.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityView {
    /// Its id.
    pub id: i64,
    /// Epoch milliseconds.
    pub ts: i64,
    /// The account that acted; null = the process or the command line.
    pub actor_id: Option<i64>,
    /// Its name at the time.
    pub actor_name: String,
    /// What was done, such as `user.update`.
    pub action: String,
    /// The kind of thing it was done to.
    pub subject_kind: String,
    /// Its id.
    pub subject_id: Option<i64>,
    /// The thing before.
    #[schemars(with = "Option<serde_json::Value>")]
    pub before: Option<Box<RawValue>>,
    /// The thing after.
    #[schemars(with = "Option<serde_json::Value>")]
    pub after: Option<Box<RawValue>>,
    /// From where.
    pub client_ip: Option<String>,
}

/// One page of the log, the newest first.
///
/// # Errors
/// `invalid_request`.
pub async fn list(services: &Services, asked: &ListQuery, filter: ActivityFilter) -> Served<Page<ActivityView>> {
    let filter = AuditFilter {
        actor_id: filter.actor_id,
        action: filter.action,
        subject_kind: filter.subject_kind,
        subject_id: filter.subject_id,
        from: filter.from,
        to: filter.to,
    };
    let found = audit::list(&services.db, &filter, &asked.window(audit::SORTS)?).await?;
    Ok(Page::new(asked, found, ActivityView::from))
}

/// One row of the log.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, id: i64) -> Served<ActivityView> {
    audit::by_id(&services.db, id).await?.map(ActivityView::from).ok_or_else(|| ServiceError::new(&NOT_FOUND))
}

impl From<AuditRow> for ActivityView {
    fn from(row: AuditRow) -> Self {
        let json = |text: Option<String>| text.and_then(|text| RawValue::from_string(text).ok());
        Self {
            id: row.id,
            ts: row.ts,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            action: row.action,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            before: json(row.before_json),
            after: json(row.after_json),
            client_ip: row.client_ip,
        }
    }
}
