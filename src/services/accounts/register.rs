//! Registration. The first account ever becomes super admin.

use actors::ports::Changed;
use actors::vocabulary::UserId;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::rules::{add_failure, checked_email, checked_password, checked_username, opening_row};
use super::sign_in::{SignIn, Visitor, start_session};
use super::{REGISTRATION_CLOSED, SETUP_CODE_WRONG, USERNAME_LOOKS_TAKEN};
use crate::secrets::digest;
use crate::services::throttle::Network;
use crate::services::values::{Secret, check};
use crate::services::{By, Deed, Served, ServiceError, Services, SetupGate};
use crate::store::users::{self, Added, Openings, UserRow};

/// A wish to register.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// At least 3 characters.
    pub username: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// The address.
    pub email: String,
    /// At least 8 characters.
    pub password: Secret,
    /// Needed for the first account when the server can be reached from outside, or is asked under another host's name.
    pub setup_code: Option<Secret>,
}

/// Whether strangers may make an account now, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Whether anybody may.
    pub open: bool,
    /// Whether it is the first account, which becomes super admin.
    pub first: bool,
    /// Whether the setup code is needed.
    pub needs_code: bool,
}

/// Whether strangers may register; `local` as [`Visitor`] has it.
///
/// # Errors
/// When the database fails.
pub async fn opening(services: &Services, local: bool) -> Served<Opening> {
    let first = !users::any(&services.db).await?;
    let open = first || services.settings.settings().registration_enabled;
    Ok(Opening { open, first, needs_code: first && !may_set_up(services, local, None) })
}

/// What the audit log keeps of a registration.
#[derive(Serialize)]
struct Registered<'a> {
    username: &'a str,
    email: &'a str,
}

/// Makes an account and signs it in.
///
/// # Errors
/// `invalid_request`, `username_taken`, `username_looks_taken`, `email_taken`, `registration_closed`, `setup_code_wrong`,
/// `too_many_requests`.
pub async fn register(services: &Services, visitor: &Visitor, wish: Registration) -> Served<SignIn> {
    let username = checked_username(&wish.username)?;
    let email = checked_email(&wish.email)?;
    checked_password("password", &wish.password)?;
    let display_name = wish.display_name.as_deref().filter(|name| !name.trim().is_empty());
    let display_name = display_name.map(|name| check::name("displayName", name, 100)).transpose()?;
    services.throttles.register.take(Network::of(visitor.ip), services.ticks()).await?;

    let settings = services.settings.settings();
    let openings =
        Openings { first: may_set_up(services, visitor.local, wish.setup_code.as_ref()), later: settings.registration_enabled };
    // Said before the password is hashed: the answer is known, and hashing is dear.
    let any = users::any(&services.db).await?;
    refuse_closed(any, openings)?;

    let now = services.now();
    let user = UserRow {
        id: services.id(),
        username,
        display_name,
        email,
        password_hash: services.passwords.hash(wish.password.0).await?,
        role: "user".to_owned(),
        status: "active".to_owned(),
        quota_nanos: settings.default_quota_usd.0,
        created_at: now,
        updated_at: now,
        ..UserRow::default()
    };
    let by = By { id: Some(UserId(user.id)), name: user.username.clone(), ip: visitor.ip };
    let opening = opening_row(services, &user, None, "default quota");
    let deed = Deed::new("user.register", user.id).after(&Registered { username: &user.username, email: &user.email });
    let changed = Changed::User(UserId(user.id));
    let trail = services.trail(&by, deed, Some(changed));
    match users::add(&services.db, &user, opening.as_ref(), openings, &trail).await {
        Ok(Added::First | Added::Later) => {}
        Ok(Added::NotFirst) => refuse_closed(false, openings)?,
        Ok(Added::NotLater) => refuse_closed(true, openings)?,
        Ok(Added::LooksTaken) => return Err(ServiceError::field(&USERNAME_LOOKS_TAKEN, "username")),
        Err(error) => return Err(add_failure(services, error, &user.email, None).await),
    }
    services.news.changed(changed).await;
    start_session(services, visitor, user.id).await
}

fn refuse_closed(any: bool, openings: Openings) -> Served<()> {
    match (any, openings) {
        (false, Openings { first: false, .. }) => Err(ServiceError::field(&SETUP_CODE_WRONG, "setupCode")),
        (true, Openings { later: false, .. }) => Err(ServiceError::new(&REGISTRATION_CLOSED)),
        _ => Ok(()),
    }
}

fn may_set_up(services: &Services, local: bool, given: Option<&Secret>) -> bool {
    match &services.setup {
        SetupGate::Local(_) if local => true,
        // Compared by digest: how long that takes says nothing about the code.
        SetupGate::Local(code) | SetupGate::Code(code) => {
            given.is_some_and(|given| digest(code.expose_secret()) == digest(given.expose()))
        }
    }
}
