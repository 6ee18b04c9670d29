//! Handlers of channels.

use actix_web::web::Data;
use actors::vocabulary::ChannelId;

use super::extract::{Body, Id, Query};
use super::guard::{Admin, Guarded};
use super::reply::{Created, Reply};
use crate::services::channels::{
    self, AddModels, Channel, ChannelModels, ChannelPatch, ChannelQuery, ChannelStatusList, ChannelTestLog, CircuitChange,
    ModelsAdded, NewChannel, TestAllResult, TestRequest, UpstreamModels,
};
use crate::services::channels::{TestResult, UpstreamsHandle};
use crate::services::values::{Done, ListQuery, Page};
use crate::services::{Served, Services};

pub(super) async fn list(
    _: Guarded<Admin>,
    s: Data<Services>,
    list: Query<ListQuery>,
    query: Query<ChannelQuery>,
) -> Served<Reply<Page<Channel>>> {
    channels::list(&s, &list.0, query.0).await.map(Reply::new)
}

pub(super) async fn create(by: Guarded<Admin>, s: Data<Services>, body: Body<NewChannel>) -> Served<Created<Channel>> {
    channels::create(&s, &by.who, body.0).await.map(Created::new)
}

pub(super) async fn update(
    by: Guarded<Admin>,
    s: Data<Services>,
    id: Id<ChannelId>,
    body: Body<ChannelPatch>,
) -> Served<Reply<Channel>> {
    channels::update(&s, &by.who, id.0, body.0).await.map(Reply::new)
}

pub(super) async fn delete(by: Guarded<Admin>, s: Data<Services>, id: Id<ChannelId>) -> Served<Reply<Done>> {
    channels::delete(&s, &by.who, id.0).await.map(|()| Reply::new(Done::OK))
}

pub(super) async fn test(
    _: Guarded<Admin>,
    s: Data<Services>,
    up: Data<UpstreamsHandle>,
    id: Id<ChannelId>,
    body: Body<TestRequest>,
) -> Served<Reply<TestResult>> {
    channels::test(&s, &*up.0, id.0, body.0).await.map(Reply::new)
}

pub(super) async fn test_all(_: Guarded<Admin>, s: Data<Services>, up: Data<UpstreamsHandle>) -> Served<Reply<TestAllResult>> {
    channels::test_all(&s, &*up.0).await.map(Reply::new)
}

pub(super) async fn test_logs(
    _: Guarded<Admin>,
    s: Data<Services>,
    id: Id<ChannelId>,
    list: Query<ListQuery>,
) -> Served<Reply<Page<ChannelTestLog>>> {
    channels::test_logs(&s, id.0, &list.0).await.map(Reply::new)
}

pub(super) async fn upstream_models(
    _: Guarded<Admin>,
    s: Data<Services>,
    up: Data<UpstreamsHandle>,
    id: Id<ChannelId>,
) -> Served<Reply<UpstreamModels>> {
    channels::upstream_models(&s, &*up.0, id.0).await.map(Reply::new)
}

pub(super) async fn models(
    _: Guarded<Admin>,
    s: Data<Services>,
    up: Data<UpstreamsHandle>,
    id: Id<ChannelId>,
) -> Served<Reply<ChannelModels>> {
    channels::channel_models(&s, &*up.0, id.0).await.map(Reply::new)
}

pub(super) async fn add_models(
    by: Guarded<Admin>,
    s: Data<Services>,
    up: Data<UpstreamsHandle>,
    id: Id<ChannelId>,
    body: Body<AddModels>,
) -> Served<Reply<ModelsAdded>> {
    channels::add_models(&s, &*up.0, &by.who, id.0, body.0).await.map(Reply::new)
}

pub(super) async fn circuit(
    by: Guarded<Admin>,
    s: Data<Services>,
    up: Data<UpstreamsHandle>,
    id: Id<ChannelId>,
    body: Body<CircuitChange>,
) -> Served<Reply<Done>> {
    channels::change_circuit(&s, &*up.0, &by.who, id.0, body.0).await.map(|()| Reply::new(Done::OK))
}

pub(super) async fn status(_: Guarded<Admin>, s: Data<Services>, up: Data<UpstreamsHandle>) -> Served<Reply<ChannelStatusList>> {
    channels::status(&s, &*up.0).await.map(Reply::new)
}
