//! Routes of channels.

use actix_web::web::Data;
use actors::vocabulary::ChannelId;

use super::extract::{Body, Id, Query};
use super::guard::{Admin, Guarded};
use super::reply::{Created, Reply};
use super::table::RouteTable;
use crate::services::channels::{
    self, Channel, ChannelPatch, ChannelQuery, ChannelStatusList, ChannelTestLog, CircuitChange, NewChannel, TestAllResult,
    TestRequest, UpstreamModels,
};
use crate::services::channels::{TestResult, UpstreamsHandle};
use crate::services::values::{Done, ListQuery, Page};
use crate::services::{Served, Services};

pub(super) fn routes(table: &mut RouteTable) {
    table
        .get("/channels", "Channels, without their secrets", list)
        .post("/channels", "Add a channel", create)
        .patch("/channels/{id}", "Change a channel", update)
        .delete("/channels/{id}", "Delete a channel", delete)
        .post("/channels/{id}/test", "Test a channel with one tiny request", test)
        .post("/channels/test-all", "Test every enabled channel", test_all)
        .get("/channels/{id}/test-logs", "Tests and probes of the past", test_logs)
        .get("/channels/{id}/upstream-models", "The models the provider lists", upstream_models)
        .post("/channels/{id}/circuit", "Close a channel's circuit by hand", circuit)
        .get("/channel-status", "How all channels do", status);
}

async fn list(
    _: Guarded<Admin>,
    s: Data<Services>,
    list: Query<ListQuery>,
    query: Query<ChannelQuery>,
) -> Served<Reply<Page<Channel>>> {
    channels::list(&s, &list.0, query.0).await.map(Reply::new)
}

async fn create(by: Guarded<Admin>, s: Data<Services>, body: Body<NewChannel>) -> Served<Created<Channel>> {
    channels::create(&s, &by.who, body.0).await.map(Created::new)
}

async fn update(by: Guarded<Admin>, s: Data<Services>, id: Id<ChannelId>, body: Body<ChannelPatch>) -> Served<Reply<Channel>> {
    channels::update(&s, &by.who, id.0, body.0).await.map(Reply::new)
}

async fn delete(by: Guarded<Admin>, s: Data<Services>, id: Id<ChannelId>) -> Served<Reply<Done>> {
    channels::delete(&s, &by.who, id.0).await.map(|()| Reply::new(Done::OK))
}

async fn test(
    _: Guarded<Admin>,
    s: Data<Services>,
    up: Data<UpstreamsHandle>,
    id: Id<ChannelId>,
    body: Body<TestRequest>,
) -> Served<Reply<TestResult>> {
    channels::test(&s, &*up.0, id.0, body.0).await.map(Reply::new)
}

async fn test_all(_: Guarded<Admin>, s: Data<Services>, up: Data<UpstreamsHandle>) -> Served<Reply<TestAllResult>> {
    channels::test_all(&s, &*up.0).await.map(Reply::new)
}

async fn test_logs(
    _: Guarded<Admin>,
    s: Data<Services>,
    id: Id<ChannelId>,
    list: Query<ListQuery>,
) -> Served<Reply<Page<ChannelTestLog>>> {
    channels::test_logs(&s, id.0, &list.0).await.map(Reply::new)
}

async fn upstream_models(
    _: Guarded<Admin>,
    s: Data<Services>,
    up: Data<UpstreamsHandle>,
    id: Id<ChannelId>,
) -> Served<Reply<UpstreamModels>> {
    channels::upstream_models(&s, &*up.0, id.0).await.map(Reply::new)
}

async fn circuit(
    by: Guarded<Admin>,
    s: Data<Services>,
    up: Data<UpstreamsHandle>,
    id: Id<ChannelId>,
    body: Body<CircuitChange>,
) -> Served<Reply<Done>> {
    channels::change_circuit(&s, &*up.0, &by.who, id.0, body.0).await.map(|()| Reply::new(Done::OK))
}

async fn status(_: Guarded<Admin>, s: Data<Services>, up: Data<UpstreamsHandle>) -> Served<Reply<ChannelStatusList>> {
    channels::status(&s, &*up.0).await.map(Reply::new)
}
