//! The pages. Each asks a service and shows its answer.

mod account;
mod admin;
mod balance;
mod bill;
mod charts;
mod drawn;
mod gate;
mod keys;
mod live;
mod logs;
mod overview;
mod people;
mod preferences;
mod public;
mod snippets;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use super::visit::Visit;
use crate::services::ServiceError;
use crate::services::error::NOT_FOUND;

/// Registers every page.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/sign-in", web::get().to(gate::sign_in_form))
        .route("/sign-in", web::post().to(gate::sign_in))
        .route("/register", web::get().to(gate::register_form))
        .route("/register", web::post().to(gate::register))
        .route("/sign-out", web::post().to(gate::sign_out))
        .route("/preferences", web::post().to(preferences::choose));
    overview::routes(config);
    keys::routes(config);
    logs::routes(config);
    account::routes(config);
    balance::routes(config);
    admin::routes(config);
    public::routes(config);
    config
        .service(web::scope("/console").default_service(web::to(nowhere)))
        .service(web::scope("/admin").default_service(web::to(nowhere)));
}

/// What is not there.
async fn nowhere(visit: Visit) -> HttpResponse {
    visit.failure(&ServiceError::new(&NOT_FOUND))
}

/// The id in a path; 0, which nothing has, for what is no number.
fn id(path: &str) -> i64 {
    path.parse().unwrap_or(0)
}
