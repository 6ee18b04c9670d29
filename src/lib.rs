//! api-proxy: a self-hosted gateway for AI APIs. See `ARCHITECTURE.md` for the house and its road.

pub mod mock_upstream;
pub mod store;
