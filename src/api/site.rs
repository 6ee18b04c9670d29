//! Handlers of the site itself: settings, health, the system.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::door::Respond;
use super::extract::{Body, Id};
use super::guard::{Admin, Anyone, Guarded};
use super::openapi::Operation;
use super::reply::Reply;
use crate::services::books::{self, SetAsideView};
use crate::services::site::{self, AllSettings, SettingsPatch, Site};
use crate::services::system::{self, Health, SystemHandle, SystemInfo};
use crate::services::values::{Done, Page};
use crate::services::{Served, Services};

/// The probes of orchestrators, which stand outside `/api`: `/livez` and `/readyz`.
pub fn probes(config: &mut ServiceConfig) {
    config.route("/livez", web::get().to(async || HttpResponse::Ok().content_type("text/plain").body("ok")));
    config.route("/readyz", web::get().to(ready));
}

async fn ready(services: Data<Services>, system: Data<SystemHandle>) -> HttpResponse {
    let readiness = system::readiness(&services, &*system.0).await;
    let mut answer = if readiness.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(readiness)
}

pub(super) async fn settings(_: Guarded<Admin>, s: Data<Services>) -> Served<Reply<AllSettings>> {
    site::read(&s).await.map(Reply::new)
}

pub(super) async fn update_settings(
    by: Guarded<Admin>,
    s: Data<Services>,
    body: Body<SettingsPatch>,
) -> Served<Reply<AllSettings>> {
    site::update(&s, &by.who, body.0).await.map(Reply::new)
}

pub(super) async fn public(_: Guarded<Anyone>, s: Data<Services>) -> Served<Reply<Site>> {
    Ok(Reply::new(site::site(&s)))
}

pub(super) async fn health(_: Guarded<Anyone>, s: Data<Services>, system: Data<SystemHandle>) -> Served<SignsOfLife> {
    Ok(SignsOfLife(system::health(&s, &*system.0).await))
}

pub(super) async fn info(_: Guarded<Admin>, s: Data<Services>, system: Data<SystemHandle>) -> Served<Reply<SystemInfo>> {
    Ok(Reply::new(system::info(&s, &*system.0).await))
}

/// `GET /api/system/set-aside`
pub(super) async fn set_aside(_: Guarded<Admin>, system: Data<SystemHandle>) -> Served<Reply<Page<SetAsideView>>> {
    books::set_aside(&*system.0).await.map(Page::whole).map(Reply::new)
}

/// `POST /api/system/set-aside/{id}/retry`
pub(super) async fn retry_set_aside(
    by: Guarded<Admin>,
    s: Data<Services>,
    system: Data<SystemHandle>,
    id: Id<i64>,
) -> Served<Reply<Done>> {
    books::retry(&s, &*system.0, &by.who, id.0).await?;
    Ok(Reply::new(Done::OK))
}

/// `DELETE /api/system/set-aside/{id}`
pub(super) async fn drop_set_aside(
    by: Guarded<Admin>,
    s: Data<Services>,
    system: Data<SystemHandle>,
    id: Id<i64>,
) -> Served<Reply<Done>> {
    books::drop(&s, &*system.0, &by.who, id.0).await?;
    Ok(Reply::new(Done::OK))
}

/// 200 when all is well, 503 with the same body when a part is not.
pub(super) struct SignsOfLife(Health);

impl Respond for SignsOfLife {
    fn respond(self, request: &HttpRequest) -> HttpResponse {
        if self.0.ok { Reply::<_, 200>::new(self.0).respond(request) } else { Reply::<_, 503>::new(self.0).respond(request) }
    }

    fn describe(operation: &mut Operation<'_>) {
        Reply::<Health>::describe(operation);
    }
}
