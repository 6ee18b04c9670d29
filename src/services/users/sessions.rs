//! Where a user is signed in, for admins.

use actors::vocabulary::{Role, UserId};

use super::{get, touchable};
use crate::services::accounts::{SessionView, own_session, sessions_of};
use crate::services::error::NOT_FOUND;
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::Trail;
use crate::store::sessions as stored;

/// A user's sessions, the last seen first.
///
/// # Errors
/// `forbidden`, `not_found`.
pub async fn sessions(services: &Services, actor: &Actor, id: UserId) -> Served<Vec<SessionView>> {
    actor.require(Role::Admin)?;
    let user = get(services, id).await?;
    sessions_of(services, actor, user.id).await
}

/// Ends one of a user's sessions.
///
/// # Errors
/// `forbidden`, `not_found`, `super_admin_only`.
pub async fn end_session(services: &Services, actor: &Actor, id: UserId, session: i64) -> Served<()> {
    let trail = ending(services, actor, id).await?;
    let ended = stored::end(&services.db, id.0, session, Some(&trail)).await?;
    services.watching.changed(id);
    if ended { Ok(()) } else { Err(ServiceError::new(&NOT_FOUND)) }
}

/// Ends all of a user's sessions, but not the one that asks.
///
/// # Errors
/// `forbidden`, `not_found`, `super_admin_only`.
pub async fn end_sessions(services: &Services, actor: &Actor, id: UserId) -> Served<()> {
    let trail = ending(services, actor, id).await?;
    stored::end_others(&services.db, id.0, own_session(actor), Some(&trail)).await?;
    services.watching.changed(id);
    Ok(())
}

async fn ending(services: &Services, actor: &Actor, id: UserId) -> Served<Trail> {
    actor.require(Role::Admin)?;
    touchable(services, actor, id.0).await?;
    Ok(services.trail(&actor.by(), Deed::new("user.end_sessions", id.0), None))
}
