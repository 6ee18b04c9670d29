//! What admins run the gateway from.

mod data;
mod settings;
mod system;

use actix_web::web::{self, ServiceConfig};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/admin/system", web::get().to(system::page));
    data::routes(config);
    settings::routes(config);
}
