//! Relay keys: what owners and admins do with them.
//!
//! The owner's limits and an admin's are kept apart, and the tighter counts: an owner cannot lift what an
//! admin set. A key's text is shown once, at creation or rotation, and stored as a digest alone.

mod limits;
mod manage;
mod rules;
mod view;

pub use limits::KeyLimits;
pub use manage::{Owner, create, list, one, owners, remove, rotate, update};
pub use rules::{KeyChange, KeyListFilter, NewKey};
pub use view::{IssuedKey, KeyView};

use super::error::refusals;

refusals! {
    /// An owner set a field that only admins may set.
    ADMIN_FIELD = Forbidden, "forbidden", "Only an admin may set {field}", "只有管理员才能设置 {field}";
    /// The user has their share of keys.
    TOO_MANY_KEYS = Conflict, "too_many_keys", "You have {max} keys, which is the most; remove one that is not used any more", "您已有 {max} 个密钥，已达上限，请先删除不再使用的密钥";
    /// This very key is in the database already.
    KEY_EXISTS = Conflict, "key_exists", "This key already exists", "此密钥已存在";
}
