//! Signing in and out.

use std::net::IpAddr;

use actors::vocabulary::UserId;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::view::UserView;
use super::{ACCOUNT_DISABLED, ACCOUNT_PENDING, WRONG_CREDENTIALS};
use crate::secrets::{digest, hex, new_session_token};
use crate::services::credentials::SESSION_MS;
use crate::services::error::NOT_FOUND;
use crate::services::throttle::{Account, Network};
use crate::services::values::{Secret, check};
use crate::services::{Actor, By, Deed, Served, ServiceError, Services, Via};
use crate::store::sessions::{self, SessionRow};
use crate::store::users;

/// Name and password.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Credentials {
    /// The username or the email address.
    pub account: String,
    /// The password.
    pub password: Secret,
}

/// The browser or script that wants to sign in.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Its name for itself.
    pub user_agent: Option<String>,
    /// The session token it came with; a sign-in replaces it.
    pub session: Option<SecretString>,
    /// Whether it asked on this very machine, by the machine's address.
    pub local: bool,
}

/// A fresh session.
#[derive(Debug)]
pub struct SignIn {
    /// Who is signed in.
    pub user: UserView,
    /// The session's token, for the cookie.
    pub token: SecretString,
}

/// Checks name and password and starts a session.
///
/// # Errors
/// `wrong_credentials` alike for unknown accounts and wrong passwords; `account_pending` and
/// `account_disabled` only to who knows the password; `too_many_requests`.
pub async fn sign_in(services: &Services, visitor: &Visitor, credentials: Credentials) -> Served<SignIn> {
    check::length("account", &credentials.account, 1, 254)?;
    check::length("password", credentials.password.expose(), 1, 256)?;
    let user = users::by_account(&services.db, &credentials.account).await?;
    let account = Account::of(user.as_ref().map(|user| UserId(user.id)), &credentials.account);
    let tries = &services.throttles.sign_in;
    tries.take(account, Network::of(visitor.ip), services.ticks()).await?;

    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let matches = services.passwords.verify(credentials.password.0, stored).await?;
    let user = user.filter(|_| matches).ok_or_else(|| ServiceError::new(&WRONG_CREDENTIALS))?;
    tries.give_back(account, Network::of(visitor.ip));
    match user.status.as_str() {
        "active" => start_session(services, visitor, user.id).await,
        "pending" => Err(ServiceError::new(&ACCOUNT_PENDING)),
        _ => Err(ServiceError::new(&ACCOUNT_DISABLED)),
    }
}

/// Ends the session the caller is signed in by. Ending none is fine.
///
/// # Errors
/// When the database fails.
pub async fn sign_out(services: &Services, actor: Option<&Actor>) -> Served<()> {
    if let Some(Actor { id, via: Via::Session(session), .. }) = actor {
        sessions::end(&services.db, id.0, *session, None).await?;
        services.watching.changed(*id);
    }
    Ok(())
}

/// Starts a session of `user` in place of the one the visitor came with.
pub(super) async fn start_session(services: &Services, visitor: &Visitor, user: i64) -> Served<SignIn> {
    let token = new_session_token()?;
    let now = services.now();
    let session = SessionRow {
        id: services.id(),
        token_hash: hex(&digest(token.expose_secret())),
        user_id: user,
        created_at: now,
        last_seen_at: now,
        expires_at: now + SESSION_MS,
        client_ip: visitor.ip.map(|ip| ip.to_string()),
        user_agent: visitor.user_agent.clone(),
    };
    let row = users::by_id(&services.db, user).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    let by = By { id: Some(UserId(user)), name: row.username.clone(), ip: visitor.ip };
    let trail = services.trail(&by, Deed::new("session.start", session.id), None);
    let replaced = visitor.session.as_ref().map(|old| hex(&digest(old.expose_secret())));
    sessions::add(&services.db, &session, replaced.as_deref(), &trail).await?;
    services.watching.changed(UserId(user));
    let user = UserView { last_login_at: Some(now), ..row.into() };
    Ok(SignIn { user, token })
}
