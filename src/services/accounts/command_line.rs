//! What the operator does at the command line: whoever can read the database may.

use actors::ports::Changed;
use actors::vocabulary::UserId;

use super::USERNAME_LOOKS_TAKEN;
use super::me::settle;
use super::rules::{add_failure, checked_email, checked_password, checked_username};
use super::view::UserView;
use crate::services::error::NOT_FOUND;
use crate::services::values::Secret;
use crate::services::{By, Deed, Served, ServiceError, Services};
use crate::store::users::{self, Added, Edit, Ends, Openings, UserRow};

/// Makes an active super admin.
///
/// # Errors
/// `invalid_request`, `username_taken`, `username_looks_taken`, `email_taken`.
pub async fn create_super_admin(services: &Services, username: &str, email: &str, password: Secret) -> Served<UserView> {
    checked_password("password", &password)?;
    let now = services.now();
    let user = UserRow {
        id: services.id(),
        username: checked_username(username)?,
        email: checked_email(email)?,
        password_hash: services.passwords.hash(password.0).await?,
        role: "super_admin".to_owned(),
        status: "active".to_owned(),
        created_at: now,
        updated_at: now,
        ..UserRow::default()
    };
    let changed = Changed::User(UserId(user.id));
    let deed = Deed::new("user.create", user.id).after(&UserView::from(user.clone()));
    let trail = services.trail(&By::command_line(), deed, Some(changed));
    let openings = Openings { first: true, later: true };
    match users::add(&services.db, &user, None, openings, &trail).await {
        Ok(Added::LooksTaken) => return Err(ServiceError::field(&USERNAME_LOOKS_TAKEN, "username")),
        Ok(_) => {}
        Err(error) => return Err(add_failure(services, error, &user.email, None).await),
    }
    services.news.changed(changed).await;
    Ok(user.into())
}

/// Sets an account's password; all its sessions and admin tokens end. `account` is a username or an email address.
///
/// # Errors
/// `not_found`, `invalid_request`.
pub async fn reset_password(services: &Services, account: &str, password: Secret) -> Served<UserView> {
    checked_password("password", &password)?;
    let found = users::by_account(&services.db, account).await?;
    let user = found.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    let hash = services.passwords.hash(password.0).await?;
    let edit = |user: &mut UserRow| {
        user.password_hash = hash;
        let changed = Changed::User(UserId(user.id));
        let trail = services.trail(&By::command_line(), Deed::new("user.password", user.id), Some(changed));
        Ok(Edit { trail, sessions: Ends::All, tokens: Ends::All, ..Edit::default() })
    };
    settle(users::change(&services.db, user.id, services.now(), edit).await?)
}
