//! What anybody may read.

mod guide;
mod square;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use super::snippets;

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/").route(web::get().to(guide::front)).route(web::head().to(HttpResponse::Ok)))
        .route("/docs", web::get().to(guide::docs));
    square::routes(config);
}
