//! All SQL, one file per aggregate. Implements the cellar's ports.
//!
//! One SQL text with `$n` placeholders serves SQLite and PostgreSQL. Ids and times come from above.

pub mod base_url;
pub mod booking;
pub mod catalogue;
pub mod changes;
pub mod db;
pub mod retention;
pub mod source;

pub use booking::Booking;
pub use db::{Db, StoreError, Stored};
pub use source::{CatalogueStore, OpenSealed};
