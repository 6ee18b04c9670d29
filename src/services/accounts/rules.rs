//! What names, addresses, passwords and limits of an account must look like.

use actors::vocabulary::{Nanos, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use super::{EMAIL_TAKEN, USERNAME_MIXED, USERNAME_TAKEN};
use crate::services::values::{Patch, Secret, check};
use crate::services::{By, Served, ServiceError, Services};
use crate::store::ledger::LedgerRow;
use crate::store::names::is_of_one_script;
use crate::store::users::UserRow;
use crate::store::{StoreError, users};

/// Limits of a user or a key in a request: null = system default, 0 = unlimited.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Requests in any 60 seconds.
    pub rate_limit_rpm: Patch<i64>,
    /// Tokens in any 60 seconds.
    pub rate_limit_tpm: Patch<i64>,
    /// Requests at the same time.
    pub max_concurrency: Patch<i64>,
}

/// A limit that is not negative and fits what gates count with.
pub(in crate::services) fn checked_limit(field: &str, limit: Patch<i64>) -> Served<Patch<i64>> {
    limit.try_map(|limit| check::range(field, limit, 0, i64::from(u32::MAX)))
}

/// 3 to 64 letters, digits, dots, dashes and underscores: never to be mistaken for an address. Letters are of one script,
/// or of such as people write together, and composed, however they were typed.
pub(in crate::services) fn checked_username(text: &str) -> Served<String> {
    let name: String = text.trim().nfc().collect();
    check::length("username", &name, 3, 64)?;
    if !name.chars().all(|char| char.is_alphanumeric() || "._-".contains(char)) {
        return Err(check::bad("username", "only letters, digits, dots, dashes and underscores"));
    }
    if !is_of_one_script(&name) {
        return Err(ServiceError::field(&USERNAME_MIXED, "username"));
    }
    Ok(name)
}

/// An address of the form `local@domain`.
pub(in crate::services) fn checked_email(text: &str) -> Served<String> {
    let email = text.trim();
    check::length("email", email, 3, 254)?;
    let plausible = email.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !local.contains('@') && !domain.is_empty() && !domain.starts_with('.') && !domain.ends_with('.')
    });
    if !plausible || email.chars().any(|char| char.is_whitespace() || char.is_control() || "<>,;\"".contains(char)) {
        return Err(check::bad("email", "an address such as name@example.com"));
    }
    Ok(email.to_owned())
}

/// 8 to 256 characters.
pub(in crate::services) fn checked_password(field: &str, password: &Secret) -> Served<()> {
    check::length(field, password.expose(), 8, 256)
}

/// The role of a stored account.
pub(in crate::services) fn read_role(user: &UserRow) -> Served<Role> {
    user.role.parse().map_err(ServiceError::ill)
}

/// The ledger row of the quota a new account starts with, if it is any.
pub(in crate::services) fn opening_row(services: &Services, user: &UserRow, by: Option<&By>, reason: &str) -> Option<LedgerRow> {
    let quota = Nanos(user.quota_nanos);
    (quota != Nanos::ZERO).then(|| LedgerRow {
        id: services.id(),
        user_id: user.id,
        ts: services.now(),
        kind: "adjustment".to_owned(),
        amount_nanos: quota.0,
        balance_nanos: quota.0,
        actor_id: by.and_then(|by| by.id).map(|id| id.0),
        reason: Some(reason.to_owned()),
        ..LedgerRow::default()
    })
}

/// Says which field a duplicate account collides on; passes other errors.
pub(in crate::services) async fn add_failure(
    services: &Services,
    error: StoreError,
    email: &str,
    own: Option<i64>,
) -> ServiceError {
    if !matches!(error, StoreError::Duplicate) {
        return error.into();
    }
    match users::by_account(&services.db, email).await {
        Ok(Some(other)) if Some(other.id) != own => ServiceError::field(&EMAIL_TAKEN, "email"),
        Ok(_) => ServiceError::field(&USERNAME_TAKEN, "username"),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_cannot_be_mistaken_for_each_other() {
        assert_eq!(checked_username(" alice ").unwrap(), "alice");
        assert_eq!(checked_username("张三丰").unwrap(), "张三丰");
        assert_eq!(checked_username("jose\u{301}").unwrap(), "josé");
        for bad in ["al", "a@b.c", "a b c", "a~b", "a\u{202e}bc", "аdmin", "a\u{115f}b"] {
            assert!(checked_username(bad).is_err(), "{bad}");
        }
        for good in ["a@b", "first.last+tag@example.com"] {
            assert!(checked_email(good).is_ok(), "{good}");
        }
        for bad in ["ab", "@b.c", "a@", "a@@b", "a b@c.d", "a@b.", "<a@b.c>"] {
            assert!(checked_email(bad).is_err(), "{bad}");
        }
    }
}
