//! What admins run the gateway from.

mod channels;
mod system;

use actix_web::web::{self, ServiceConfig};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/admin/system", web::get().to(system::page));
    channels::routes(config);
}
