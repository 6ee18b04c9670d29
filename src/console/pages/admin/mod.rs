//! What admins run the gateway from.

mod gift_cards;
mod system;

use actix_web::web::{self, ServiceConfig};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/admin/system", web::get().to(system::page));
    gift_cards::routes(config);
}
