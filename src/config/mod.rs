//! What the operator decides: read once at start, passed down as values.

mod proxies;

pub use proxies::TrustedProxies;
