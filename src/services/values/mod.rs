//! The values that services take and give: money, partial changes, pages, secrets, checked fields.

pub mod check;
mod paging;
mod patch;
mod secret;
pub mod storable;
mod usd;

pub use paging::{ListQuery, Page};
pub use patch::Patch;
pub use secret::Secret;
pub use usd::Usd;

use schemars::JsonSchema;
use serde::Serialize;

/// Done; there is nothing more to say.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Done {
    /// Always true.
    pub ok: bool,
}

impl Done {
    /// `{"ok": true}`.
    pub const OK: Self = Self { ok: true };
}
