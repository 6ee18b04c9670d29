//! Handlers of the log and of sums.

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::web::Data;

use super::door::Extract;
use super::extract::{Id, Query};
use super::guard::{Admin, Anyone, Guarded, SignedIn};
use super::openapi::Operation;
use super::reply::Reply;
use crate::services::error::NOT_FOUND;
use crate::services::reports::{
    self, KeyUsage, KeyUsageQuery, LogDetail, LogPage, LogQuery, RankingQuery, Rankings, Stats, StatsQuery,
};
use crate::services::system::{self, SystemHandle, Traffic, TrafficQuery};
use crate::services::values::{ListQuery, Secret};
use crate::services::{Served, ServiceError, Services};
use crate::session::Client;

pub(super) async fn logs(
    by: Guarded<SignedIn>,
    s: Data<Services>,
    list: Query<ListQuery>,
    query: Query<LogQuery>,
) -> Served<Reply<LogPage>> {
    reports::logs(&s, &by.who, &list.0, query.0).await.map(Reply::new)
}

pub(super) async fn log(by: Guarded<SignedIn>, s: Data<Services>, id: Id<i64>) -> Served<Reply<LogDetail>> {
    reports::log(&s, &by.who, id.0).await.map(Reply::new)
}

pub(super) async fn stats(by: Guarded<SignedIn>, s: Data<Services>, query: Query<StatsQuery>) -> Served<Reply<Stats>> {
    reports::stats(&s, &by.who, query.0).await.map(Reply::new)
}

pub(super) async fn traffic(
    by: Guarded<SignedIn>,
    system: Data<SystemHandle>,
    query: Query<TrafficQuery>,
) -> Served<Reply<Traffic>> {
    system::traffic(&*system.0, &by.who, &query.0).map(Reply::new)
}

pub(super) async fn rankings(by: Guarded<Admin>, s: Data<Services>, query: Query<RankingQuery>) -> Served<Reply<Rankings>> {
    reports::rankings(&s, &by.who, query.0).await.map(Reply::new)
}

pub(super) async fn key_usage(
    _: Guarded<Anyone>,
    s: Data<Services>,
    client: Client,
    key: KeyInPath,
    query: Query<KeyUsageQuery>,
) -> Served<Reply<KeyUsage>> {
    reports::key_usage(&s, key.0.expose(), client.ip, query.0).await.map(Reply::new)
}

/// The `{key}` in the path: a secret, though it stands in a URL.
pub(super) struct KeyInPath(Secret);

impl Extract for KeyInPath {
    async fn extract(request: &HttpRequest, _: &mut Payload) -> Served<Self> {
        let key = request.match_info().get("key").filter(|key| !key.is_empty() && key.len() <= 512);
        key.map(|key| Self(Secret::from(key))).ok_or_else(|| ServiceError::new(&NOT_FOUND))
    }

    fn describe(_: &mut Operation<'_>) {}
}
