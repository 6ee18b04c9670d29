//! The call to an upstream: the only room that speaks HTTP outwards, and the only loop on the road.
//!
//! Mints [`Arrival`]: an answer past the commit point. Before it, failover is free; after it, there is none.

mod accept;
mod account_faults;
mod attempt;
mod clients;
mod complaint;
mod events;
mod failover;
mod form;
mod peer;
mod probe;
mod request;
mod several;
mod verdict;
mod wire;
mod words;

pub use attempt::{Answer, Said};
pub use events::{Broken, Events, Next};
pub use failover::{Arrival, Failed, call};
pub use probe::{Probed, list_models, probe};
pub use request::{comes_back, may_go_upstream};
pub use wire::{Wire, tls_config};
