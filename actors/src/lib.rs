//! The cellar of api-proxy: vocabulary, state machines, actors, supervision and ports.
//!
//! Nothing in here can see HTTP, SQL, Redis or JSON, because cargo won't let it.

pub mod ports;
pub mod settings_cache;
pub mod vocabulary;
