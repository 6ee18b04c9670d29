//! Handlers of models, mappings and prices.

use actix_web::web::Data;

use super::extract::{Body, Id, LargeBody, Query};
use super::guard::{Admin, Anyone, Guarded};
use super::reply::{Created, Reply};
use crate::services::catalogue::mappings::{self, Mapping, MappingPatch, MappingQuery, NewMapping};
use crate::services::catalogue::missing::{self, Dismissal, MissingModels};
use crate::services::catalogue::models::{self, Model, ModelPatch, ModelQuery, NewModel};
use crate::services::catalogue::prices::{self, NewPrice, Price, PricePatch, PriceQuery};
use crate::services::catalogue::{self, ImportBody, ImportDiff, ImportOptions, ModelSquare, PriceList};
use crate::services::values::{Done, ListQuery, Page};
use crate::services::{Served, Services};

/// Largest price file, in bytes.
const PRICE_FILE: usize = 16 << 20;

pub(super) async fn list_models(
    _: Guarded<Admin>,
    s: Data<Services>,
    list: Query<ListQuery>,
    query: Query<ModelQuery>,
) -> Served<Reply<Page<Model>>> {
    models::list(&s, &list.0, query.0).await.map(Reply::new)
}

pub(super) async fn create_model(by: Guarded<Admin>, s: Data<Services>, body: Body<NewModel>) -> Served<Created<Model>> {
    models::create(&s, &by.who, body.0).await.map(Created::new)
}

pub(super) async fn update_model(
    by: Guarded<Admin>,
    s: Data<Services>,
    id: Id<i64>,
    body: Body<ModelPatch>,
) -> Served<Reply<Model>> {
    models::update(&s, &by.who, id.0, body.0).await.map(Reply::new)
}

pub(super) async fn delete_model(by: Guarded<Admin>, s: Data<Services>, id: Id<i64>) -> Served<Reply<Done>> {
    models::delete(&s, &by.who, id.0).await.map(|()| Reply::new(Done::OK))
}

pub(super) async fn missing_models(_: Guarded<Admin>, s: Data<Services>) -> Served<Reply<MissingModels>> {
    missing::list(&s).await.map(Reply::new)
}

pub(super) async fn dismiss_missing_model(by: Guarded<Admin>, s: Data<Services>, body: Body<Dismissal>) -> Served<Reply<Done>> {
    missing::dismiss(&s, &by.who, &body.0).await.map(|()| Reply::new(Done::OK))
}

pub(super) async fn square(_: Guarded<Anyone>, s: Data<Services>) -> Served<Reply<ModelSquare>> {
    catalogue::model_square(&s).await.map(|square| Reply::new(ModelSquare::clone(&square)))
}

pub(super) async fn list_mappings(
    _: Guarded<Admin>,
    s: Data<Services>,
    list: Query<ListQuery>,
    query: Query<MappingQuery>,
) -> Served<Reply<Page<Mapping>>> {
    mappings::list(&s, &list.0, query.0).await.map(Reply::new)
}

pub(super) async fn create_mapping(by: Guarded<Admin>, s: Data<Services>, body: Body<NewMapping>) -> Served<Created<Mapping>> {
    mappings::create(&s, &by.who, body.0).await.map(Created::new)
}

pub(super) async fn update_mapping(
    by: Guarded<Admin>,
    s: Data<Services>,
    id: Id<i64>,
    body: Body<MappingPatch>,
) -> Served<Reply<Mapping>> {
    mappings::update(&s, &by.who, id.0, body.0).await.map(Reply::new)
}

pub(super) async fn delete_mapping(by: Guarded<Admin>, s: Data<Services>, id: Id<i64>) -> Served<Reply<Done>> {
    mappings::delete(&s, &by.who, id.0).await.map(|()| Reply::new(Done::OK))
}

pub(super) async fn list_prices(
    _: Guarded<Admin>,
    s: Data<Services>,
    list: Query<ListQuery>,
    query: Query<PriceQuery>,
) -> Served<Reply<Page<Price>>> {
    prices::list(&s, &list.0, query.0).await.map(Reply::new)
}

pub(super) async fn create_price(by: Guarded<Admin>, s: Data<Services>, body: Body<NewPrice>) -> Served<Created<Price>> {
    prices::create(&s, &by.who, body.0).await.map(Created::new)
}

pub(super) async fn update_price(
    by: Guarded<Admin>,
    s: Data<Services>,
    id: Id<i64>,
    body: Body<PricePatch>,
) -> Served<Reply<Price>> {
    prices::update(&s, &by.who, id.0, body.0).await.map(Reply::new)
}

pub(super) async fn delete_price(by: Guarded<Admin>, s: Data<Services>, id: Id<i64>) -> Served<Reply<Done>> {
    prices::delete(&s, &by.who, id.0).await.map(|()| Reply::new(Done::OK))
}

pub(super) async fn price_list(_: Guarded<Admin>, _: Data<Services>) -> Served<Reply<PriceList>> {
    catalogue::price_list().map(Reply::new)
}

pub(super) async fn import_prices(
    by: Guarded<Admin>,
    s: Data<Services>,
    options: Query<ImportOptions>,
    body: LargeBody<ImportBody, PRICE_FILE>,
) -> Served<Reply<ImportDiff>> {
    catalogue::import(&s, &by.who, body.0, options.0).await.map(Reply::new)
}
