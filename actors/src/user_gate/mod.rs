//! One gate per active user: FIFO concurrency for the user and their keys, RPM and TPM windows, money holds.
//!
//! Started on demand, taken down when idle. **A restart loses** nothing: slots, windows and holds live in
//! books that outlive the actor; those who waited in its queue ask again, at its end.

mod actor;
mod books;
mod day;
mod hold;
mod line;
mod messages;
mod queue;
mod registry;
mod share;
pub mod shared;
mod sharing;
mod view;
mod window;

#[cfg(test)]
mod tests;

pub use hold::{Extension, Hold, Settlement};
pub use messages::{Ask, LimitOf, Load, Refusal};
pub use registry::{GateParts, UserGates};
pub use view::{GateState, OpenHold, Traffic};
