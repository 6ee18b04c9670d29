//! All SQL, one file per aggregate. Implements the cellar's ports.
//!
//! One SQL text with `$n` placeholders serves SQLite and PostgreSQL. Ids and times come from above.

pub mod admin_tokens;
pub mod api_keys;
pub mod audit;
pub mod base_url;
pub mod booking;
pub mod catalogue;
pub mod changes;
pub mod channel_activity;
pub mod channel_models;
pub mod channel_tests;
pub mod channels;
mod conditions;
pub mod configuration;
pub mod db;
pub mod export;
pub mod gift_cards;
pub mod growth;
pub mod key_limits;
pub mod key_names;
pub mod lanes;
pub mod leases;
pub mod ledger;
mod locks;
pub mod log_pages;
pub mod log_search;
pub mod logs;
pub mod mappings;
pub mod missing_models;
pub mod models;
pub mod names;
pub mod paging;
pub mod prices;
mod refusal;
pub mod refusals;
pub mod retention;
pub mod sealed;
pub mod sessions;
pub mod settings;
pub mod source;
pub mod stats;
mod sums;
pub mod traffic;
pub mod trail;
pub mod trends;
mod unusable;
pub mod users;

pub use audit::AuditRow;
pub use booking::Booking;
pub use db::{Company, Db, Description, Exclusivity, InstanceLock, StoreError, Stored};
pub use paging::{Sorts, Window};
pub use source::CatalogueStore;
pub use trail::Trail;
pub use unusable::UnusableDatabase;
