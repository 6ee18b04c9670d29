//! Admin tokens and the audit log.

use actix_web::web::Data;

use super::extract::{Body, Id, Query};
use super::guard::{Admin, Guarded};
use super::reply::{Created, Reply};
use crate::services::activity::{self, ActivityFilter, ActivityView};
use crate::services::admin_tokens::{self, AdminTokenView, IssuedAdminToken, NewAdminToken};
use crate::services::values::{Done, ListQuery, Page};
use crate::services::{Served, Services};

/// `GET /api/admin-tokens`
pub(super) async fn tokens(caller: Guarded<Admin>, services: Data<Services>) -> Served<Reply<Page<AdminTokenView>>> {
    admin_tokens::list(&services, &caller.who).await.map(Page::whole).map(Reply::new)
}

/// `POST /api/admin-tokens`
pub(super) async fn create_token(
    caller: Guarded<Admin>,
    services: Data<Services>,
    wish: Body<NewAdminToken>,
) -> Served<Created<IssuedAdminToken>> {
    admin_tokens::create(&services, &caller.who, wish.0).await.map(Created::new)
}

/// `DELETE /api/admin-tokens/{id}`
pub(super) async fn remove_token(caller: Guarded<Admin>, services: Data<Services>, id: Id<i64>) -> Served<Reply<Done>> {
    admin_tokens::remove(&services, &caller.who, id.0).await?;
    Ok(Reply::new(Done::OK))
}

/// `GET /api/activity`
pub(super) async fn activity(
    _: Guarded<Admin>,
    services: Data<Services>,
    asked: Query<ListQuery>,
    filter: Query<ActivityFilter>,
) -> Served<Reply<Page<ActivityView>>> {
    activity::list(&services, &asked.0, filter.0).await.map(Reply::new)
}

/// `GET /api/activity/{id}`
pub(super) async fn deed(_: Guarded<Admin>, services: Data<Services>, id: Id<i64>) -> Served<Reply<ActivityView>> {
    activity::get(&services, id.0).await.map(Reply::new)
}
