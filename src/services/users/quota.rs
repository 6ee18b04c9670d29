//! A user's money and limits. Money changes by a difference with a reason, or to a value that names the
//! one it replaces; either way one ledger row tells it.

use actors::ports::Changed;
use actors::vocabulary::{Nanos, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::manage::apply_limits;
use super::{QUOTA_CHANGED, REASON_REQUIRED, may_touch};
use crate::services::accounts::{Limits, UserView, read_role, settle};
use crate::services::error::{NOT_FOUND, Served, ServiceError};
use crate::services::values::{Patch, Usd, check};
use crate::services::{Actor, Deed, Services};
use crate::store::ledger::LedgerRow;
use crate::store::users::{self, Edit, UserRow};

/// A user's money and limits.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaView {
    /// The user.
    pub user_id: i64,
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
}

impl From<UserView> for QuotaView {
    fn from(user: UserView) -> Self {
        Self {
            user_id: user.id,
            quota_usd: user.quota_usd,
            used_usd: user.used_usd,
            balance_usd: user.balance_usd,
            rate_limit_rpm: user.rate_limit_rpm,
            rate_limit_tpm: user.rate_limit_tpm,
            max_concurrency: user.max_concurrency,
        }
    }
}

/// A change of money or limits.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct QuotaChange {
    /// The quota wanted; null = the default quota. Not together with `adjustUsd`.
    pub quota_usd: Patch<Usd>,
    /// By how much the quota changes.
    pub adjust_usd: Option<Usd>,
    /// Why; required with either.
    pub reason: Option<String>,
    /// The quota that `quotaUsd` replaces; 409 if it is another by now.
    pub expected_quota_usd: Option<Usd>,
    /// null = system default, 0 = unlimited.
    pub rate_limit_rpm: Patch<i64>,
    /// null = system default, 0 = unlimited.
    pub rate_limit_tpm: Patch<i64>,
    /// null = system default, 0 = unlimited.
    pub max_concurrency: Patch<i64>,
}

/// What becomes of the quota.
#[derive(Clone, Copy)]
enum Money {
    Stays,
    Moves { by: Nanos },
    Becomes { quota: Nanos },
}

/// A user's money and limits.
///
/// # Errors
/// `not_found`.
pub async fn quota(services: &Services, id: UserId) -> Served<QuotaView> {
    let user = users::by_id(&services.db, id.0).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    Ok(UserView::from(user).into())
}

/// Changes a user's money or limits.
///
/// # Errors
/// `not_found`, `invalid_request`, `quota_changed`, `super_admin_only`.
pub async fn change_quota(services: &Services, actor: &Actor, id: UserId, wish: QuotaChange) -> Served<QuotaView> {
    let money = money(services, &wish)?;
    let reason = reason(money, wish.reason.as_deref())?;
    let limits = Limits {
        rate_limit_rpm: wish.rate_limit_rpm,
        rate_limit_tpm: wish.rate_limit_tpm,
        max_concurrency: wish.max_concurrency,
    };
    let changed = Changed::User(id);
    let edit = |user: &mut UserRow| {
        may_touch(actor, read_role(user)?)?;
        let before = user.clone();
        if wish.expected_quota_usd.is_some_and(|expected| expected.0.0 != before.quota_nanos) {
            return Err(ServiceError::field(&QUOTA_CHANGED, "expectedQuotaUsd").with("quota", Nanos(before.quota_nanos)));
        }
        user.quota_nanos = match money {
            Money::Stays => before.quota_nanos,
            Money::Moves { by } => checked_quota(Nanos(before.quota_nanos).plus(by))?.0,
            Money::Becomes { quota } => quota.0,
        };
        apply_limits(user, limits)?;
        let ledger = reason.map(|reason| adjustment(services, actor, &before, user, reason));
        let view = |user: UserRow| QuotaView::from(UserView::from(user));
        let deed = Deed::new("user.quota", user.id).before(&view(before)).after(&view(user.clone()));
        Ok(Edit { trail: services.trail(&actor.by(), deed, Some(changed)), ledger, ..Edit::default() })
    };
    let user = settle(users::change(&services.db, id.0, services.now(), edit).await?)?;
    services.news.changed(changed).await;
    Ok(user.into())
}

/// A quota inside ± one billion USD.
pub(super) fn checked_quota(quota: Nanos) -> Served<Nanos> {
    if (-Nanos::MOST.0..=Nanos::MOST.0).contains(&quota.0) {
        return Ok(quota);
    }
    Err(check::bad("quotaUsd", "at most 1000000000"))
}

fn money(services: &Services, wish: &QuotaChange) -> Served<Money> {
    match (wish.quota_usd, wish.adjust_usd) {
        (Patch::Absent, None) => Ok(Money::Stays),
        (Patch::Absent, Some(by)) => Ok(Money::Moves { by: checked_quota(by.0)? }),
        (Patch::Null, None) => Ok(Money::Becomes { quota: checked_quota(services.settings.settings().default_quota_usd)? }),
        (Patch::Value(quota), None) if quota.0 >= Nanos::ZERO => Ok(Money::Becomes { quota: checked_quota(quota.0)? }),
        (Patch::Value(_), None) => Err(check::bad("quotaUsd", "0 or more")),
        (_, Some(_)) => Err(check::bad("adjustUsd", "either quotaUsd or adjustUsd, not both")),
    }
}

/// The reason, where one is needed.
fn reason(money: Money, given: Option<&str>) -> Served<Option<&str>> {
    let given = given.map(str::trim).filter(|reason| !reason.is_empty());
    match (money, given) {
        (Money::Stays, _) => Ok(None),
        (_, Some(reason)) => check::length("reason", reason, 1, 500).map(|()| Some(reason)),
        (_, None) => Err(ServiceError::field(&REASON_REQUIRED, "reason")),
    }
}

fn adjustment(services: &Services, actor: &Actor, before: &UserRow, after: &UserRow, reason: &str) -> LedgerRow {
    LedgerRow {
        id: services.id(),
        user_id: after.id,
        ts: services.now(),
        kind: "adjustment".to_owned(),
        amount_nanos: after.quota_nanos.saturating_sub(before.quota_nanos),
        balance_nanos: after.quota_nanos.saturating_sub(after.used_nanos),
        actor_id: Some(actor.id.0),
        reason: Some(reason.to_owned()),
        ..LedgerRow::default()
    }
}
