//! What one side, the owner or an admin, lets a key do. Each key has both.

use sqlx::FromRow;

/// The limits of one side; read by itself from the owner's columns.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct KeyLimits {
    /// Tokens a day; 0 = no quota.
    pub daily_tokens: i64,
    /// Money it may spend in its life, in nano-dollars; `None` = no budget.
    pub budget_nanos: Option<i64>,
    /// Epoch milliseconds; `None` = never.
    pub expires_at: Option<i64>,
    /// Models it may ask for, a JSON list; empty = all.
    pub models: String,
    /// Networks it may be used from, a JSON list of CIDRs; empty = all.
    pub allowed_ips: String,
    /// `None` = default, 0 = unlimited.
    pub rate_limit_rpm: Option<i64>,
    /// As above.
    pub rate_limit_tpm: Option<i64>,
    /// As above.
    pub max_concurrency: Option<i64>,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self {
            daily_tokens: 0,
            budget_nanos: None,
            expires_at: None,
            models: "[]".to_owned(),
            allowed_ips: "[]".to_owned(),
            rate_limit_rpm: None,
            rate_limit_tpm: None,
            max_concurrency: None,
        }
    }
}

/// The admin's columns.
#[derive(FromRow)]
pub(super) struct AdminColumns {
    admin_daily_tokens: i64,
    admin_budget_nanos: Option<i64>,
    admin_expires_at: Option<i64>,
    admin_models: String,
    admin_allowed_ips: String,
    admin_rate_limit_rpm: Option<i64>,
    admin_rate_limit_tpm: Option<i64>,
    admin_max_concurrency: Option<i64>,
}

impl From<AdminColumns> for KeyLimits {
    fn from(columns: AdminColumns) -> Self {
        Self {
            daily_tokens: columns.admin_daily_tokens,
            budget_nanos: columns.admin_budget_nanos,
            expires_at: columns.admin_expires_at,
            models: columns.admin_models,
            allowed_ips: columns.admin_allowed_ips,
            rate_limit_rpm: columns.admin_rate_limit_rpm,
            rate_limit_tpm: columns.admin_rate_limit_tpm,
            max_concurrency: columns.admin_max_concurrency,
        }
    }
}
