//! An account as its owner and admins see it.

use actors::vocabulary::Nanos;
use schemars::JsonSchema;
use serde::Serialize;

use crate::services::values::Usd;
use crate::store::users::UserRow;

/// An account. Never holds the password's hash.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub username: String,
    /// Its name for people.
    pub display_name: Option<String>,
    /// Its address.
    pub email: String,
    /// `user`, `admin` or `super_admin`.
    pub role: String,
    /// `active`, `pending` or `disabled`.
    pub status: String,
    /// Money granted so far.
    pub quota_usd: Usd,
    /// Money spent so far.
    pub used_usd: Usd,
    /// What is left.
    pub balance_usd: Usd,
    /// null = system default, 0 = unlimited.
    pub rate_limit_rpm: Option<i64>,
    /// null = system default, 0 = unlimited.
    pub rate_limit_tpm: Option<i64>,
    /// null = system default, 0 = unlimited.
    pub max_concurrency: Option<i64>,
    /// `en`, `zh`, or null = as the browser says.
    pub language: Option<String>,
    /// `light`, `dark`, or null = as the system says.
    pub theme: Option<String>,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
    /// Epoch milliseconds.
    pub last_login_at: Option<i64>,
}

impl From<UserRow> for UserView {
    fn from(row: UserRow) -> Self {
        let (quota, used) = (Nanos(row.quota_nanos), Nanos(row.used_nanos));
        Self {
            id: row.id,
            username: row.username,
            display_name: row.display_name,
            email: row.email,
            role: row.role,
            status: row.status,
            quota_usd: Usd(quota),
            used_usd: Usd(used),
            balance_usd: Usd(quota.minus(used)),
            rate_limit_rpm: row.rate_limit_rpm,
            rate_limit_tpm: row.rate_limit_tpm,
            max_concurrency: row.max_concurrency,
            language: row.language,
            theme: row.theme,
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_login_at: row.last_login_at,
        }
    }
}
