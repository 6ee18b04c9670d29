//! One's own account.

use actors::ports::Changed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::{add_failure, checked_email, checked_password};
use super::view::UserView;
use super::{LAST_SUPER_ADMIN, USERNAME_LOOKS_TAKEN, WRONG_PASSWORD};
use crate::services::error::{NOT_FOUND, NOT_SIGNED_IN};
use crate::services::throttle::Network;
use crate::services::values::{Patch, Secret, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services, Via};
use crate::store::sessions::{self, SessionRow};
use crate::store::users::{self, Changing, Edit, Ends, UserRow};

/// What people may change about themselves.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProfileChange {
    /// The name for people; null = none.
    pub display_name: Patch<String>,
    /// The address.
    pub email: Patch<String>,
    /// `en`, `zh`; null = as the browser says.
    pub language: Patch<String>,
    /// `light`, `dark`, `system`; null = as the system says.
    pub theme: Patch<String>,
}

/// A change of password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewPassword {
    /// The password now.
    pub current_password: Secret,
    /// The password wanted, at least 8 characters.
    pub new_password: Secret,
    /// Whether one's admin tokens end, too; default false. The one that asks stays.
    #[serde(default)]
    pub end_tokens: bool,
}

/// A signed-in browser.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Its id.
    pub id: i64,
    /// Whether it is the one asking.
    pub current: bool,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds, exact to ten minutes.
    pub last_seen_at: i64,
    /// Epoch milliseconds.
    pub expires_at: i64,
    /// Where it was last seen.
    pub client_ip: Option<String>,
    /// The browser's name for itself.
    pub user_agent: Option<String>,
}

/// The caller's account.
///
/// # Errors
/// When the database fails.
pub async fn me(services: &Services, actor: &Actor) -> Served<UserView> {
    users::by_id(&services.db, actor.id.0).await?.map(UserView::from).ok_or_else(|| ServiceError::new(&NOT_SIGNED_IN))
}

/// Changes the caller's profile.
///
/// # Errors
/// `invalid_request`, `email_taken`.
pub async fn update_me(services: &Services, actor: &Actor, wish: ProfileChange) -> Served<UserView> {
    let email = match wish.email {
        Patch::Absent => None,
        Patch::Null => return Err(check::bad("email", "an account needs one")),
        Patch::Value(email) => Some(checked_email(&email)?),
    };
    let display_name = wish.display_name.try_map(|name| check::name("displayName", &name, 100))?;
    let language = wish.language.try_map(|word| one_of("language", word, &["en", "zh"]))?;
    let theme = wish.theme.try_map(|word| one_of("theme", word, &["light", "dark", "system"]))?;
    let tried = email.clone().unwrap_or_default();
    let changed = Changed::User(actor.id);
    let edit = |user: &mut UserRow| {
        let before = UserView::from(user.clone());
        user.display_name = display_name.over_option(user.display_name.take());
        user.email = email.unwrap_or_else(|| user.email.clone());
        user.language = language.over_option(user.language.take());
        user.theme = theme.over_option(user.theme.take());
        let deed = Deed::new("user.update", user.id).before(&before).after(&UserView::from(user.clone()));
        Ok(Edit { trail: services.trail(&actor.by(), deed, Some(changed)), ..Edit::default() })
    };
    let done = users::change(&services.db, actor.id.0, services.now(), edit).await;
    let user = match done {
        Ok(done) => settle(done)?,
        Err(error) => return Err(add_failure(services, error, &tried, Some(actor.id.0)).await),
    };
    services.news.changed(changed).await;
    Ok(user)
}

/// Changes the caller's password; all their other sessions end, and their other admin tokens if they wish so.
///
/// # Errors
/// `wrong_password`, `invalid_request`, `too_many_requests`.
pub async fn change_password(services: &Services, actor: &Actor, wish: NewPassword) -> Served<()> {
    checked_password("newPassword", &wish.new_password)?;
    check::length("currentPassword", wish.current_password.expose(), 1, 256)?;
    let (tries, from) = (&services.throttles.password, Network::of(actor.ip));
    tries.take(actor.id, from, services.ticks()).await?;
    let user = users::by_id(&services.db, actor.id.0).await?.ok_or_else(|| ServiceError::new(&NOT_SIGNED_IN))?;
    if !services.passwords.verify(wish.current_password.0, Some(user.password_hash)).await? {
        return Err(ServiceError::field(&WRONG_PASSWORD, "currentPassword"));
    }
    tries.give_back(actor.id, from);
    let hash = services.passwords.hash(wish.new_password.0).await?;
    let edit = |user: &mut UserRow| {
        user.password_hash = hash;
        let trail = services.trail(&actor.by(), Deed::new("user.password", user.id), None);
        let (sessions, tokens) = all_but_own(actor);
        let tokens = if wish.end_tokens { tokens } else { Ends::None };
        Ok(Edit { trail, sessions, tokens, ..Edit::default() })
    };
    settle(users::change(&services.db, actor.id.0, services.now(), edit).await?)?;
    services.watching.changed(actor.id);
    Ok(())
}

/// The caller's sessions, the last seen first.
///
/// # Errors
/// When the database fails.
pub async fn sessions(services: &Services, actor: &Actor) -> Served<Vec<SessionView>> {
    sessions_of(services, actor, actor.id.0).await
}

/// The sessions of `user`, the last seen first, as `actor` sees them.
pub(in crate::services) async fn sessions_of(services: &Services, actor: &Actor, user: i64) -> Served<Vec<SessionView>> {
    let rows = sessions::of_user(&services.db, user, services.now()).await?;
    Ok(rows.into_iter().map(|row| view(row, own_session(actor))).collect())
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// `not_found`.
pub async fn end_session(services: &Services, actor: &Actor, id: i64) -> Served<()> {
    let ended = sessions::end(&services.db, actor.id.0, id, None).await?;
    services.watching.changed(actor.id);
    if ended { Ok(()) } else { Err(ServiceError::new(&NOT_FOUND)) }
}

/// Ends all of the caller's sessions but the one asking.
///
/// # Errors
/// When the database fails.
pub async fn end_other_sessions(services: &Services, actor: &Actor) -> Served<()> {
    sessions::end_others(&services.db, actor.id.0, own_session(actor), None).await?;
    services.watching.changed(actor.id);
    Ok(())
}

/// What became of a change, as callers see it.
pub(in crate::services) fn settle(done: Changing<ServiceError>) -> Served<UserView> {
    match done {
        Changing::Done(user) => Ok(UserView::from(*user)),
        Changing::Missing => Err(ServiceError::new(&NOT_FOUND)),
        Changing::LastSuperAdmin => Err(ServiceError::new(&LAST_SUPER_ADMIN)),
        Changing::LooksTaken => Err(ServiceError::field(&USERNAME_LOOKS_TAKEN, "username")),
        Changing::Refused(error) => Err(error),
    }
}

/// What ends when one's own account is reset: all sessions and tokens but the one that asks.
pub(in crate::services) fn all_but_own(actor: &Actor) -> (Ends, Ends) {
    match actor.via {
        Via::Session(id) => (Ends::Others(id), Ends::All),
        Via::Token(id) => (Ends::All, Ends::Others(id)),
    }
}

pub(in crate::services) fn own_session(actor: &Actor) -> Option<i64> {
    match actor.via {
        Via::Session(id) => Some(id),
        Via::Token(_) => None,
    }
}

fn one_of(field: &str, word: String, words: &[&str]) -> Served<String> {
    if words.contains(&word.as_str()) {
        return Ok(word);
    }
    Err(ServiceError::field(&crate::services::error::BAD_CHOICE, field).with("choices", words.join(", ")))
}

fn view(row: SessionRow, own: Option<i64>) -> SessionView {
    SessionView {
        id: row.id,
        current: own == Some(row.id),
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        expires_at: row.expires_at,
        client_ip: row.client_ip,
        user_agent: row.user_agent,
    }
}
