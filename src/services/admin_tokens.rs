//! Tokens for scripts. A token acts with the role its owner has at the moment.

use actors::vocabulary::{Role, UserId};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::error::{NOT_FOUND, refusals};
use super::values::check;
use super::{Actor, Deed, Served, ServiceError, Services};
use crate::secrets::{digest, hex, new_admin_token};
use crate::store::admin_tokens::{self, AdminTokenRow};

/// Tokens that one admin may have.
const MOST_TOKENS: i64 = 100;

refusals! {
    /// The admin has their share of tokens.
    TOO_MANY_TOKENS = Conflict, "too_many_tokens", "You have {max} admin tokens, which is the most; remove one that is not used any more", "您已有 {max} 个管理令牌，已达上限，请先删除不再使用的令牌";
}

/// A token to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAdminToken {
    /// What it is for.
    pub name: String,
    /// Epoch milliseconds; null = never.
    pub expires_at: Option<i64>,
}

/// A token without its secret.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminTokenView {
    /// Its id.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// Its visible start.
    pub prefix: String,
    /// Whose it is.
    pub user_id: i64,
    /// Their name.
    pub username: String,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds; null = never.
    pub expires_at: Option<i64>,
    /// Epoch milliseconds, exact to ten minutes.
    pub last_used_at: Option<i64>,
}

/// A fresh token: the only answer that shows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IssuedAdminToken {
    /// The token's row.
    #[serde(flatten)]
    pub view: AdminTokenView,
    /// The token itself.
    pub token: String,
}

/// The caller's tokens; a super admin sees everybody's.
///
/// # Errors
/// When the database fails.
pub async fn list(services: &Services, actor: &Actor) -> Served<Vec<AdminTokenView>> {
    let user = (actor.role != Role::SuperAdmin).then_some(actor.id.0);
    let rows = admin_tokens::list(&services.db, user).await?;
    Ok(rows.into_iter().map(|row| view(row.token, row.username)).collect())
}

/// Makes a token for the caller.
///
/// # Errors
/// `invalid_request`, `too_many_tokens`.
pub async fn create(services: &Services, actor: &Actor, wish: NewAdminToken) -> Served<IssuedAdminToken> {
    let name = check::name("name", &wish.name, 100)?;
    let now = services.now();
    if wish.expires_at.is_some_and(|at| at <= now) {
        return Err(check::bad("expiresAt", "a time to come, in epoch milliseconds"));
    }
    let fresh = new_admin_token()?;
    let token = AdminTokenRow {
        id: services.id(),
        name,
        prefix: fresh.prefix,
        token_hash: hex(&digest(fresh.secret.expose_secret())),
        user_id: actor.id.0,
        created_at: now,
        expires_at: wish.expires_at,
        last_used_at: None,
    };
    let view = view(token.clone(), actor.name.clone());
    let trail = services.trail(&actor.by(), Deed::new("admin_token.create", token.id).after(&view), None);
    if !admin_tokens::add(&services.db, &token, MOST_TOKENS, &trail).await? {
        return Err(ServiceError::new(&TOO_MANY_TOKENS).with("max", MOST_TOKENS));
    }
    Ok(IssuedAdminToken { view, token: fresh.secret.expose_secret().to_owned() })
}

/// Removes one of the caller's tokens; a super admin may remove anybody's.
///
/// # Errors
/// `not_found`.
pub async fn remove(services: &Services, actor: &Actor, id: i64) -> Served<()> {
    let not_found = || ServiceError::new(&NOT_FOUND);
    let found = admin_tokens::by_id(&services.db, id).await?.ok_or_else(not_found)?;
    if found.token.user_id != actor.id.0 && actor.role != Role::SuperAdmin {
        return Err(not_found());
    }
    let owner = UserId(found.token.user_id);
    let deed = Deed::new("admin_token.remove", id).before(&view(found.token, found.username));
    let trail = services.trail(&actor.by(), deed, None);
    let gone = admin_tokens::remove(&services.db, id, &trail).await?;
    services.watching.changed(owner);
    if gone { Ok(()) } else { Err(not_found()) }
}

fn view(token: AdminTokenRow, username: String) -> AdminTokenView {
    AdminTokenView {
        id: token.id,
        name: token.name,
        prefix: token.prefix,
        user_id: token.user_id,
        username,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    }
}
