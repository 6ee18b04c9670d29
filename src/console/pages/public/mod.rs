//! What anybody may read.

use actix_web::web::{self, ServiceConfig};

use super::gate;

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/").route(web::get().to(gate::home)).route(web::head().to(actix_web::HttpResponse::Ok)));
}
