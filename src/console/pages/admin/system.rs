//! How the gateway does, for admins.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use minijinja::context;

use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn};
use crate::services::system;

/// `GET /admin/system`
pub(super) async fn page(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    let parts = &*visit.console.system.0;
    let readiness = system::readiness(visit.services(), parts).await;
    let info = system::info(visit.services(), parts).await;
    let memory = info.figures.memory_bytes.map(|bytes| bytes >> 20);
    visit.page(StatusCode::OK, "admin/system.html", context! { relays => readiness.ready, info => shown(&info), memory })
}
