//! One user: profile, figures, keys, ledger.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use actors::vocabulary::UserId;
use minijinja::context;

use super::defaults;
use crate::console::lists;
use crate::console::pages::{id, overview, people};
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::Served;
use crate::services::keys::{self, KeyListFilter};
use crate::services::ledger::{self, LedgerEntry, LedgerFilter};
use crate::services::reports::{self, LogQuery, StatsQuery};
use crate::services::users;
use crate::services::values::ListQuery;

/// Rows of keys, requests and of the ledger on the user's page.
const FEW: i64 = 10;

/// `GET /admin/users/{id}`
pub(super) async fn page(Admin(signed_in): Admin, path: Path<String>) -> HttpResponse {
    one(&signed_in, UserId(id(&path))).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

/// `GET /admin/users/{id}/ledger`
pub(super) async fn ledger(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    whole_ledger(&visit, UserId(id(&path))).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn one(SignedIn { visit, actor }: &SignedIn, id: UserId) -> Served<HttpResponse> {
    let services = visit.services();
    let user = users::get(services, id).await?;
    let range = StatsQuery { user_id: Some(id.0), ..overview::wanted(visit, "30d") };
    let (_, figures) = overview::figures(visit, actor, range).await?;
    let latest = |sort: &str| ListQuery { page_size: Some(FEW), sort: Some(sort.to_owned()), ..ListQuery::default() };
    let filter = KeyListFilter { user_id: Some(id.0), status: None };
    let keys = keys::list(services, actor, &latest("createdAt"), filter).await?;
    let of_user = LogQuery { user_id: Some(id.0), ..LogQuery::default() };
    let requests = reports::logs(services, actor, &latest("ts"), of_user).await?;
    let ledger = ledger::list(services, id.0, &latest("ts"), &LedgerFilter::default()).await?;
    let values = context! {
        user => shown(&user),
        defaults => defaults(visit),
        keys => shown(&keys),
        names => shown(&names(visit, &ledger.page.rows).await?),
        ledger => shown(&ledger),
        requests => shown(&requests.rows),
        running => false,
        sessions => shown(&users::sessions(services, actor, id).await?),
        now => services.now(),
    };
    Ok(visit.page(StatusCode::OK, "users/detail.html", context! { ..values, ..figures }))
}

async fn whole_ledger(visit: &Visit, id: UserId) -> Served<HttpResponse> {
    let asked = lists::asked(visit);
    let user = users::get(visit.services(), id).await?;
    let filter = LedgerFilter { kind: visit.asked("kind"), ..LedgerFilter::default() };
    let filtered = filter.kind.is_some() || asked.query.is_some();
    let page = ledger::list(visit.services(), id.0, &asked, &filter).await?;
    let values = context! {
        user => shown(&user),
        list => lists::view(&asked, &page.page),
        names => shown(&names(visit, &page.page.rows).await?),
        page => shown(&page),
        filtered,
    };
    Ok(visit.page(StatusCode::OK, "users/ledger.html", values))
}

/// Who changed the balance: the names of those who are still there, by id.
async fn names(visit: &Visit, rows: &[LedgerEntry]) -> Served<BTreeMap<String, String>> {
    people::names_of(visit, rows.iter().filter_map(|entry| entry.row.actor_id)).await
}
