//! The JSON door: `/api`, for scripts and the console.
//!
//! A handler only extracts, calls a service and renders. Its signature is its documentation: the
//! [`table::RouteTable`] reads permission, inputs and outputs off it for `/api/openapi.json`, and nothing
//! can be routed without passing through that table.

mod admin;
mod auth;
mod catalogue;
mod channels;
mod client;
mod configuration;
pub mod door;
mod downloads;
pub mod error;
pub mod extract;
mod gift_cards;
pub mod guard;
mod keys;
mod live;
mod me;
mod openapi;
pub mod reply;
mod reports;
mod routes;
mod site;
pub mod table;
mod users;

use crate::session::Doorstep;

pub use routes::routes;
pub use site::probes;
pub use table::Routes;

/// What the door itself needs.
#[derive(Clone)]
pub struct ApiContext(pub Doorstep);
