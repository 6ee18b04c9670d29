//! Randomness, digests and sealed values: everything that turns a secret into something storable.
//!
//! No I/O but the kernel's randomness. Nothing in here prints a secret.

mod sealer;
mod tokens;

pub use sealer::{Place, Sealer, Unsealable};
pub use tokens::{
    NewKey, NoRandomness, RELAY_KEY_PREFIX, digest, hex, new_admin_token, new_card_code, new_relay_key, new_session_token,
    random_base62, read_card_code,
};
