//! Every route below `/api`.

use super::table::{RouteTable, Routes};

/// The table of all routes.
pub fn routes() -> Routes {
    let mut table = RouteTable::default();
    table.build()
}
