//! One's own account.

use actix_web::web::Data;

use super::extract::{Body, Id, Query};
use super::guard::{Guarded, SignedIn};
use super::reply::Reply;
use crate::services::accounts::{self, NewPassword, ProfileChange, SessionView, UserView};
use crate::services::ledger::{self, LedgerFilter, LedgerPage};
use crate::services::values::{Done, ListQuery, Page};
use crate::services::{Served, Services};

/// `GET /api/me`
pub(super) async fn get(caller: Guarded<SignedIn>, services: Data<Services>) -> Served<Reply<UserView>> {
    accounts::me(&services, &caller.who).await.map(Reply::new)
}

/// `PATCH /api/me`
pub(super) async fn update(
    caller: Guarded<SignedIn>,
    services: Data<Services>,
    wish: Body<ProfileChange>,
) -> Served<Reply<UserView>> {
    accounts::update_me(&services, &caller.who, wish.0).await.map(Reply::new)
}

/// `POST /api/me/password`
pub(super) async fn password(
    caller: Guarded<SignedIn>,
    services: Data<Services>,
    wish: Body<NewPassword>,
) -> Served<Reply<Done>> {
    accounts::change_password(&services, &caller.who, wish.0).await?;
    Ok(Reply::new(Done::OK))
}

/// `GET /api/me/sessions`
pub(super) async fn sessions(caller: Guarded<SignedIn>, services: Data<Services>) -> Served<Reply<Page<SessionView>>> {
    accounts::sessions(&services, &caller.who).await.map(Page::whole).map(Reply::new)
}

/// `DELETE /api/me/sessions`
pub(super) async fn end_other_sessions(caller: Guarded<SignedIn>, services: Data<Services>) -> Served<Reply<Done>> {
    accounts::end_other_sessions(&services, &caller.who).await?;
    Ok(Reply::new(Done::OK))
}

/// `DELETE /api/me/sessions/{id}`
pub(super) async fn end_session(caller: Guarded<SignedIn>, services: Data<Services>, id: Id<i64>) -> Served<Reply<Done>> {
    accounts::end_session(&services, &caller.who, id.0).await?;
    Ok(Reply::new(Done::OK))
}

/// `GET /api/me/ledger`
pub(super) async fn ledger(
    caller: Guarded<SignedIn>,
    services: Data<Services>,
    asked: Query<ListQuery>,
    filter: Query<LedgerFilter>,
) -> Served<Reply<LedgerPage>> {
    ledger::list(&services, caller.who.id.0, &asked.0, &filter.0).await.map(Reply::new)
}
