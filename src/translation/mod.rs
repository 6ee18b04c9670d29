//! Protocols as bytes: reading a request, splicing it, reading usage, shaping errors. Pure: no I/O at all.

pub mod ask;
pub mod chat;
pub mod faults;
pub mod hub;
mod json;
pub mod messages;
pub mod native;
pub mod responses;
pub mod speech;
pub mod sse;
pub mod tap;

pub use ask::{Ask, BadAsk};
pub use faults::Fault;
pub use speech::Speech;
pub use sse::{Frame, Framer};
pub use tap::{Meaning, UsageTap};
