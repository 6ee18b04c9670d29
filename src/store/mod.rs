//! All SQL, one file per aggregate. Implements the cellar's ports.
//!
//! One SQL text with `$n` placeholders serves SQLite and PostgreSQL. Ids and times come from above.

pub mod audit;
pub mod changes;
pub mod db;
mod locks;
pub mod paging;
pub mod trail;

pub use audit::AuditRow;
pub use db::{Db, StoreError, Stored};
pub use paging::{Sorts, Window};
pub use trail::Trail;
