//! Relay keys.

use actix_web::web::Data;

use super::extract::{Body, Id, Query};
use super::guard::{Guarded, SignedIn};
use super::reply::{Created, Reply};
use crate::services::keys::{self, IssuedKey, KeyChange, KeyListFilter, KeyView, NewKey};
use crate::services::values::{Done, ListQuery, Page};
use crate::services::{Served, Services};

/// `GET /api/keys`
pub(super) async fn list(
    caller: Guarded<SignedIn>,
    services: Data<Services>,
    asked: Query<ListQuery>,
    filter: Query<KeyListFilter>,
) -> Served<Reply<Page<KeyView>>> {
    keys::list(&services, &caller.who, &asked.0, filter.0).await.map(Reply::new)
}

/// `POST /api/keys`
pub(super) async fn create(
    caller: Guarded<SignedIn>,
    services: Data<Services>,
    wish: Body<NewKey>,
) -> Served<Created<IssuedKey>> {
    keys::create(&services, &caller.who, wish.0).await.map(Created::new)
}

/// `PATCH /api/keys/{id}`
pub(super) async fn update(
    caller: Guarded<SignedIn>,
    services: Data<Services>,
    id: Id<i64>,
    wish: Body<KeyChange>,
) -> Served<Reply<KeyView>> {
    keys::update(&services, &caller.who, id.0, wish.0).await.map(Reply::new)
}

/// `DELETE /api/keys/{id}`
pub(super) async fn remove(caller: Guarded<SignedIn>, services: Data<Services>, id: Id<i64>) -> Served<Reply<Done>> {
    keys::remove(&services, &caller.who, id.0).await?;
    Ok(Reply::new(Done::OK))
}

/// `POST /api/keys/{id}/rotate`
pub(super) async fn rotate(caller: Guarded<SignedIn>, services: Data<Services>, id: Id<i64>) -> Served<Reply<IssuedKey>> {
    keys::rotate(&services, &caller.who, id.0).await.map(Reply::new)
}
