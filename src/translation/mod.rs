//! Protocols as bytes: reading a request, splicing it, converting it, reading usage, shaping errors. Pure: no I/O at all.
//!
//! A same-protocol route passes through [`native`] alone. The others are read into the [`hub`] by one protocol's
//! folder and written out of it by another's; [`conversion`] joins the two.

pub mod adapt;
pub mod ask;
pub mod chat;
pub mod conversion;
pub mod count;
pub mod errors;
pub mod faults;
mod gather;
pub mod hub;
mod json;
mod lenient;
mod measure;
mod media;
pub mod messages;
pub mod native;
mod pdf;
#[cfg(test)]
mod properties;
pub mod responses;
pub mod speech;
pub mod sse;
pub mod structure;
pub mod tap;

pub use ask::{Ask, BadAsk};
pub use conversion::{Circumstances, Conversion, Converted, convert};
pub use faults::Fault;
pub use gather::Gatherer;
pub use speech::{Heard, Speech};
pub use sse::{Frame, Framer};
pub use tap::{Meaning, UsageTap};
