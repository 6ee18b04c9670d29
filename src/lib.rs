//! api-proxy: a self-hosted gateway for AI APIs. See `ARCHITECTURE.md` for the house and its road.

pub mod api;
pub mod config;
pub mod secrets;
pub mod services;
pub mod store;
