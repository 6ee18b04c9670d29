//! From a session cookie or an admin token to the account behind it.
//!
//! Read from the database each time: what is revoked is revoked at once, everywhere.

use std::net::IpAddr;

use actors::vocabulary::{Role, UserId};

use super::{Actor, Served, ServiceError, Services, Via};
use crate::secrets::{digest, hex};
use crate::store::sessions::Holder;
use crate::store::{admin_tokens, sessions};

/// How long an unused session lasts.
pub(super) const SESSION_MS: i64 = 30 * 86_400_000;
/// How exactly the last use is kept; saves a write per request.
const TOUCH_MS: i64 = 600_000;

/// The active account whose session this is.
///
/// # Errors
/// When the database fails.
pub async fn by_session(services: &Services, token: &str, ip: Option<IpAddr>) -> Served<Option<Actor>> {
    let now = services.now();
    let Some(holder) = sessions::holder(&services.db, &hex(&digest(token)), now).await? else { return Ok(None) };
    if holder.last_seen_at.is_none_or(|seen| now - seen > TOUCH_MS) {
        let ip = ip.map(|ip| ip.to_string());
        sessions::touch(&services.db, holder.credential_id, now, now + SESSION_MS, ip.as_deref()).await?;
    }
    actor(&holder, Via::Session(holder.credential_id), ip).map(Some)
}

/// The active account whose admin token this is, with the role it has now.
///
/// # Errors
/// When the database fails.
pub async fn by_token(services: &Services, token: &str, ip: Option<IpAddr>) -> Served<Option<Actor>> {
    let now = services.now();
    let Some(holder) = admin_tokens::holder(&services.db, &hex(&digest(token)), now).await? else { return Ok(None) };
    if holder.last_seen_at.is_none_or(|seen| now - seen > TOUCH_MS) {
        admin_tokens::touch(&services.db, holder.credential_id, now).await?;
    }
    actor(&holder, Via::Token(holder.credential_id), ip).map(Some)
}

/// Whether what somebody was let in by still lets them in, with the role they had.
///
/// # Errors
/// When the database fails.
pub(super) async fn still_hold(services: &Services, actor: &Actor) -> Served<bool> {
    let holder = match actor.via {
        Via::Session(id) => sessions::holder_of(&services.db, id, services.now()).await?,
        Via::Token(id) => admin_tokens::holder_of(&services.db, id, services.now()).await?,
    };
    Ok(holder.is_some_and(|holder| holder.user_id == actor.id.0 && holder.role == actor.role.as_str()))
}

fn actor(holder: &Holder, via: Via, ip: Option<IpAddr>) -> Served<Actor> {
    let role: Role = holder.role.parse().map_err(ServiceError::ill)?;
    Ok(Actor { id: UserId(holder.user_id), name: holder.username.clone(), role, ip, via })
}
