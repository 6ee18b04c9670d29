//! Accounts, for admins.

use actix_web::web::Data;
use actors::vocabulary::UserId;

use super::extract::{Body, Id, Query};
use super::guard::{Admin, Guarded};
use super::reply::{Created, Reply};
use crate::services::accounts::UserView;
use crate::services::ledger::{self, LedgerFilter, LedgerPage};
use crate::services::users::{self, NewUser, QuotaChange, QuotaView, UserChange, UserListFilter};
use crate::services::values::{Done, ListQuery, Page};
use crate::services::{Served, Services};

/// `GET /api/users`
pub(super) async fn list(
    _: Guarded<Admin>,
    services: Data<Services>,
    asked: Query<ListQuery>,
    filter: Query<UserListFilter>,
) -> Served<Reply<Page<UserView>>> {
    users::list(&services, &asked.0, filter.0).await.map(Reply::new)
}

/// `POST /api/users`
pub(super) async fn create(caller: Guarded<Admin>, services: Data<Services>, wish: Body<NewUser>) -> Served<Created<UserView>> {
    users::create(&services, &caller.who, wish.0).await.map(Created::new)
}

/// `GET /api/users/{id}`
pub(super) async fn get(_: Guarded<Admin>, services: Data<Services>, id: Id<UserId>) -> Served<Reply<UserView>> {
    users::get(&services, id.0).await.map(Reply::new)
}

/// `PATCH /api/users/{id}`
pub(super) async fn update(
    caller: Guarded<Admin>,
    services: Data<Services>,
    id: Id<UserId>,
    wish: Body<UserChange>,
) -> Served<Reply<UserView>> {
    users::update(&services, &caller.who, id.0, wish.0).await.map(Reply::new)
}

/// `DELETE /api/users/{id}`
pub(super) async fn remove(caller: Guarded<Admin>, services: Data<Services>, id: Id<UserId>) -> Served<Reply<Done>> {
    users::remove(&services, &caller.who, id.0).await?;
    Ok(Reply::new(Done::OK))
}

/// `GET /api/users/{id}/ledger`
pub(super) async fn ledger(
    _: Guarded<Admin>,
    services: Data<Services>,
    id: Id<UserId>,
    asked: Query<ListQuery>,
    filter: Query<LedgerFilter>,
) -> Served<Reply<LedgerPage>> {
    ledger::list(&services, id.0.0, &asked.0, &filter.0).await.map(Reply::new)
}

/// `GET /api/users/{id}/quota`
pub(super) async fn quota(_: Guarded<Admin>, services: Data<Services>, id: Id<UserId>) -> Served<Reply<QuotaView>> {
    users::quota(&services, id.0).await.map(Reply::new)
}

/// `PATCH /api/users/{id}/quota`
pub(super) async fn change_quota(
    caller: Guarded<Admin>,
    services: Data<Services>,
    id: Id<UserId>,
    wish: Body<QuotaChange>,
) -> Served<Reply<QuotaView>> {
    users::change_quota(&services, &caller.who, id.0, wish.0).await.map(Reply::new)
}
