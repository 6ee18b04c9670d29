//! All SQL, one file per aggregate. Implements the cellar's ports.
//!
//! One SQL text with `$n` placeholders serves SQLite and PostgreSQL. Ids and times come from above.

pub mod db;

pub use db::{Db, StoreError, Stored};
