//! api-proxy: a self-hosted gateway for AI APIs. See `ARCHITECTURE.md` for the house and its road.

pub mod admission;
pub mod api;
pub mod app;
pub mod capacity;
pub mod cli;
pub mod config;
pub mod console;
pub mod edge;
pub mod files;
pub mod journal;
pub mod metering;
pub mod metrics;
pub mod mock_upstream;
pub mod redis_store;
pub mod relay;
pub mod routing;
pub mod secrets;
pub mod services;
pub mod session;
pub mod store;
pub mod telemetry;
pub mod traces;
pub mod translation;
pub mod upstream;
