//! What anybody may read.

mod square;

use actix_web::web::{self, ServiceConfig};

use super::{gate, snippets};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/").route(web::get().to(gate::home)).route(web::head().to(actix_web::HttpResponse::Ok)));
    square::routes(config);
}
