//! Lists, makes, changes and removes accounts.

use actors::ports::Changed;
use actors::vocabulary::{Role, UserId, UserStatus};
use schemars::JsonSchema;
use serde::Deserialize;

use super::may_touch;
use crate::services::accounts::{
    Limits, USERNAME_LOOKS_TAKEN, UserView, add_failure, all_but_own, checked_email, checked_limit, checked_password,
    checked_username, opening_row, read_role, settle,
};
use crate::services::error::NOT_FOUND;
use crate::services::values::{ListQuery, Page, Patch, Secret, Usd, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::users::{self, Added, Edit, Ends, Openings, UserFilter, UserRow};

const ROLES: &str = "user, admin, super_admin";
const STATUSES: &str = "active, pending, disabled";

/// Which accounts are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct UserListFilter {
    /// `user`, `admin` or `super_admin`.
    pub role: Option<String>,
    /// `active`, `pending` or `disabled`.
    pub status: Option<String>,
}

/// An account to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    /// At least 3 characters.
    pub username: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// The address.
    pub email: String,
    /// At least 8 characters.
    pub password: Secret,
    /// Default `user`.
    pub role: Option<String>,
    /// Default `active`.
    pub status: Option<String>,
    /// The quota to start with; default `defaultQuotaUsd`.
    pub quota_usd: Option<Usd>,
    /// null = system default, 0 = unlimited.
    #[serde(default)]
    pub rate_limit_rpm: Patch<i64>,
    /// null = system default, 0 = unlimited.
    #[serde(default)]
    pub rate_limit_tpm: Patch<i64>,
    /// null = system default, 0 = unlimited.
    #[serde(default)]
    pub max_concurrency: Patch<i64>,
}

/// What admins may change about an account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UserChange {
    /// The name.
    pub username: Patch<String>,
    /// The name for people; null = none.
    pub display_name: Patch<String>,
    /// The address.
    pub email: Patch<String>,
    /// `user`, `admin` or `super_admin`; null = `user`.
    pub role: Patch<String>,
    /// `active`, `pending` or `disabled`; null = `active`.
    pub status: Patch<String>,
    /// A new password; all sessions and admin tokens of the account end.
    pub password: Patch<Secret>,
}

/// One page of accounts.
///
/// # Errors
/// `invalid_request`.
pub async fn list(services: &Services, asked: &ListQuery, filter: UserListFilter) -> Served<Page<UserView>> {
    let role = filter.role.map(|word| check::choice::<Role>("role", &word, ROLES)).transpose()?;
    let status = filter.status.map(|word| check::choice::<UserStatus>("status", &word, STATUSES)).transpose()?;
    let filter = UserFilter { role: role.map(|role| role.as_str().to_owned()), status: status.map(|s| s.as_str().to_owned()) };
    let found = users::list(&services.db, &filter, &asked.window(users::SORTS)?).await?;
    Ok(Page::new(asked, found, UserView::from))
}

/// One account.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, id: UserId) -> Served<UserView> {
    users::by_id(&services.db, id.0).await?.map(UserView::from).ok_or_else(|| ServiceError::new(&NOT_FOUND))
}

/// The account with this name or address, in any case.
///
/// # Errors
/// When the database fails.
pub async fn named(services: &Services, account: &str) -> Served<Option<UserView>> {
    Ok(users::by_account(&services.db, account).await?.map(UserView::from))
}

/// Makes an account.
///
/// # Errors
/// `invalid_request`, `username_taken`, `username_looks_taken`, `email_taken`, `super_admin_only`.
pub async fn create(services: &Services, actor: &Actor, wish: NewUser) -> Served<UserView> {
    let role = check::choice::<Role>("role", wish.role.as_deref().unwrap_or("user"), ROLES)?;
    let status = check::choice::<UserStatus>("status", wish.status.as_deref().unwrap_or("active"), STATUSES)?;
    may_touch(actor, role)?;
    checked_password("password", &wish.password)?;
    let limits = Limits {
        rate_limit_rpm: wish.rate_limit_rpm,
        rate_limit_tpm: wish.rate_limit_tpm,
        max_concurrency: wish.max_concurrency,
    };
    let quota = wish.quota_usd.map_or(services.settings.settings().default_quota_usd, |usd| usd.0);
    let now = services.now();
    let mut user = UserRow {
        id: services.id(),
        username: checked_username(&wish.username)?,
        display_name: wish.display_name.map(|name| check::name("displayName", &name, 100)).transpose()?,
        email: checked_email(&wish.email)?,
        role: role.as_str().to_owned(),
        status: status.as_str().to_owned(),
        quota_nanos: super::quota::checked_quota(quota)?.0,
        created_at: now,
        updated_at: now,
        ..UserRow::default()
    };
    apply_limits(&mut user, limits)?;
    user.password_hash = services.passwords.hash(wish.password.0).await?;
    let opening = opening_row(services, &user, Some(&actor.by()), "opening quota");
    let changed = Changed::User(UserId(user.id));
    let deed = Deed::new("user.create", user.id).after(&UserView::from(user.clone()));
    let trail = services.trail(&actor.by(), deed, Some(changed));
    let openings = Openings { first: false, later: true };
    match users::add(&services.db, &user, opening.as_ref(), openings, &trail).await {
        Ok(Added::LooksTaken) => return Err(ServiceError::field(&USERNAME_LOOKS_TAKEN, "username")),
        Ok(_) => {}
        Err(error) => return Err(add_failure(services, error, &user.email, None).await),
    }
    services.news.changed(changed).await;
    Ok(user.into())
}

/// Changes an account. A new role, status or password ends its sessions and admin tokens (but not the actor's own).
///
/// # Errors
/// `not_found`, `invalid_request`, `username_taken`, `username_looks_taken`, `email_taken`, `super_admin_only`, `last_super_admin`.
pub async fn update(services: &Services, actor: &Actor, id: UserId, wish: UserChange) -> Served<UserView> {
    let known = super::touchable(services, actor, id.0).await?;
    let checked = check_change(services, &known, wish).await?;
    let tried = checked.email.clone().unwrap_or_default();
    let changed = Changed::User(id);
    let edit = |user: &mut UserRow| {
        may_touch(actor, read_role(user)?)?;
        let before = user.clone();
        checked.apply(user);
        may_touch(actor, read_role(user)?)?;
        let revoked = before.role != user.role || before.status != user.status || before.password_hash != user.password_hash;
        let (sessions, tokens) = match actor.id == id {
            _ if !revoked => (Ends::None, Ends::None),
            true => all_but_own(actor),
            false => (Ends::All, Ends::All),
        };
        let deed = Deed::new("user.update", user.id).before(&UserView::from(before)).after(&UserView::from(user.clone()));
        Ok(Edit { trail: services.trail(&actor.by(), deed, Some(changed)), sessions, tokens, ..Edit::default() })
    };
    let user = match users::change(&services.db, id.0, services.now(), edit).await {
        Ok(done) => settle(done)?,
        Err(error) => return Err(add_failure(services, error, &tried, Some(id.0)).await),
    };
    services.news.changed(changed).await;
    services.watching.changed(id);
    Ok(user)
}

/// Removes an account: its name and address become free, its sessions, tokens and keys go, its ledger stays.
///
/// # Errors
/// `not_found`, `super_admin_only`, `last_super_admin`.
pub async fn remove(services: &Services, actor: &Actor, id: UserId) -> Served<()> {
    let changed = Changed::User(id);
    let edit = |user: &mut UserRow| {
        may_touch(actor, read_role(user)?)?;
        let deed = Deed::new("user.remove", user.id).before(&UserView::from(user.clone()));
        Ok(Edit { trail: services.trail(&actor.by(), deed, Some(changed)), remove: true, ..Edit::default() })
    };
    settle(users::change(&services.db, id.0, services.now(), edit).await?)?;
    services.news.changed(changed).await;
    services.watching.changed(id);
    Ok(())
}

/// A change whose fields are all in order.
struct CheckedChange {
    username: Option<String>,
    display_name: Patch<String>,
    email: Option<String>,
    role: Patch<Role>,
    status: Patch<UserStatus>,
    password_hash: Option<String>,
}

/// Checks what is to become of the account `known`. A name from before today's rules may stay as it is.
async fn check_change(services: &Services, known: &UserRow, wish: UserChange) -> Served<CheckedChange> {
    let needed = |field: &str, given: &Patch<String>| match given {
        Patch::Null => Err(check::bad(field, "an account needs one")),
        _ => Ok(()),
    };
    needed("username", &wish.username)?;
    needed("email", &wish.email)?;
    let password_hash = match wish.password.value() {
        Some(password) => {
            checked_password("password", &password)?;
            Some(services.passwords.hash(password.0).await?)
        }
        None => None,
    };
    Ok(CheckedChange {
        username: wish.username.value().filter(|name| *name != known.username).map(|name| checked_username(&name)).transpose()?,
        display_name: wish.display_name.try_map(|name| check::name("displayName", &name, 100))?,
        email: wish.email.value().map(|email| checked_email(&email)).transpose()?,
        role: wish.role.try_map(|word| check::choice("role", &word, ROLES))?,
        status: wish.status.try_map(|word| check::choice("status", &word, STATUSES))?,
        password_hash,
    })
}

impl CheckedChange {
    fn apply(self, user: &mut UserRow) {
        user.display_name = self.display_name.over_option(user.display_name.take());
        if let Some(username) = self.username {
            user.username = username;
        }
        if let Some(email) = self.email {
            user.email = email;
        }
        if let Some(hash) = self.password_hash {
            user.password_hash = hash;
        }
        match self.role {
            Patch::Absent => {}
            Patch::Null => user.role = Role::User.as_str().to_owned(),
            Patch::Value(role) => user.role = role.as_str().to_owned(),
        }
        match self.status {
            Patch::Absent => {}
            Patch::Null => user.status = UserStatus::Active.as_str().to_owned(),
            Patch::Value(status) => user.status = status.as_str().to_owned(),
        }
    }
}

/// Sets the limits given.
pub(super) fn apply_limits(user: &mut UserRow, limits: Limits) -> Served<()> {
    user.rate_limit_rpm = checked_limit("rateLimitRpm", limits.rate_limit_rpm)?.over_option(user.rate_limit_rpm);
    user.rate_limit_tpm = checked_limit("rateLimitTpm", limits.rate_limit_tpm)?.over_option(user.rate_limit_tpm);
    user.max_concurrency = checked_limit("maxConcurrency", limits.max_concurrency)?.over_option(user.max_concurrency);
    Ok(())
}
