//! What admins run the gateway from.

mod data;
mod mappings;
mod models;
mod price_import;
mod prices;
mod settings;
mod several;
mod system;

use actix_web::web::{self, ServiceConfig};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/admin/system", web::get().to(system::page));
    data::routes(config);
    settings::routes(config);
    models::routes(config);
    mappings::routes(config);
    price_import::routes(config);
    prices::routes(config);
}
