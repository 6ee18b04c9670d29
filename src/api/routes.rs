//! Every route below `/api`.

use super::table::{RouteTable, Routes};
use super::{catalogue, channels, reports, site};

/// The table of all routes.
pub fn routes() -> Routes {
    let mut table = RouteTable::default();
    catalogue::routes(&mut table);
    channels::routes(&mut table);
    reports::routes(&mut table);
    site::routes(&mut table);
    table.build()
}
