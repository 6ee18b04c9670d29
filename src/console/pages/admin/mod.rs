//! What admins run the gateway from.

mod audit;
mod channels;
mod data;
mod gift_cards;
mod mappings;
mod models;
mod price_import;
mod prices;
mod rankings;
mod settings;
mod several;
mod system;
mod tokens;
mod users;

use actix_web::web::{self, ServiceConfig};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/admin/system", web::get().to(system::page)).route("/admin/rankings", web::get().to(rankings::page));
    audit::routes(config);
    gift_cards::routes(config);
    data::routes(config);
    settings::routes(config);
    models::routes(config);
    mappings::routes(config);
    price_import::routes(config);
    prices::routes(config);
    channels::routes(config);
    tokens::routes(config);
    users::routes(config);
}
