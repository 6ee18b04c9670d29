//! Handlers of gift cards.

use actix_web::web::Data;

use super::extract::{Body, Id, Query};
use super::guard::{Admin, Guarded, SignedIn};
use super::reply::{Created, Reply};
use crate::services::gift_cards::{self, CardCode, CardRedeemed, GiftCard, GiftCardQuery, IssuedCards, NewCards};
use crate::services::values::{Done, ListQuery, Page};
use crate::services::{Served, Services};

pub(super) async fn list(
    _: Guarded<Admin>,
    s: Data<Services>,
    list: Query<ListQuery>,
    query: Query<GiftCardQuery>,
) -> Served<Reply<Page<GiftCard>>> {
    gift_cards::list(&s, &list.0, query.0).await.map(Reply::new)
}

pub(super) async fn create(by: Guarded<Admin>, s: Data<Services>, body: Body<NewCards>) -> Served<Created<IssuedCards>> {
    gift_cards::create(&s, &by.who, body.0).await.map(Created::new)
}

pub(super) async fn revoke(by: Guarded<Admin>, s: Data<Services>, id: Id<i64>) -> Served<Reply<Done>> {
    gift_cards::revoke(&s, &by.who, id.0).await.map(|()| Reply::new(Done::OK))
}

pub(super) async fn redeem(by: Guarded<SignedIn>, s: Data<Services>, body: Body<CardCode>) -> Served<Reply<CardRedeemed>> {
    gift_cards::redeem(&s, &by.who, body.0).await.map(Reply::new)
}
