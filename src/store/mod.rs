//! All SQL, one file per aggregate. Implements the cellar's ports.
//!
//! One SQL text with `$n` placeholders serves SQLite and PostgreSQL. Ids and times come from above.

pub mod admin_tokens;
pub mod api_keys;
pub mod audit;
pub mod changes;
pub mod db;
pub mod ledger;
mod locks;
pub mod paging;
pub mod sessions;
pub mod trail;
pub mod users;

pub use audit::AuditRow;
pub use db::{Db, StoreError, Stored};
pub use paging::{Sorts, Window};
pub use trail::Trail;
