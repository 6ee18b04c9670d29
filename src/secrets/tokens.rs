//! Random tokens and the digests they are stored by.

use secrecy::SecretString;
use sha2::{Digest, Sha256};

const BASE62: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const VISIBLE: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Secret characters of a key or token: 43 × log₂ 62 = 256 bits.
const SECRET_CHARS: usize = 43;

/// The kernel gave no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system has no randomness to give")]
pub struct NoRandomness;

/// A fresh key or token: the secret, shown once, and the start that may be shown for ever.
#[derive(Debug)]
pub struct NewKey {
    /// The whole text.
    pub secret: SecretString,
    /// Its visible start, such as `sk-relay-7Q2M`.
    pub prefix: String,
}

/// SHA-256 of a key, token or code.
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Lower-case hexadecimal: the form digests have in the database.
pub fn hex(bytes: &[u8]) -> String {
    let nibble = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    bytes.iter().flat_map(|byte| [nibble(byte >> 4), nibble(byte & 15)]).collect()
}

/// A relay key: `sk-relay-XXXX-<43 secret characters>`.
///
/// # Errors
/// When the system has no randomness.
pub fn new_relay_key() -> Result<NewKey, NoRandomness> {
    new_key("sk-relay")
}

/// An admin token: `sk-admin-XXXX-<43 secret characters>`.
///
/// # Errors
/// When the system has no randomness.
pub fn new_admin_token() -> Result<NewKey, NoRandomness> {
    new_key("sk-admin")
}

/// A session token: 256 random bits.
///
/// # Errors
/// When the system has no randomness.
pub fn new_session_token() -> Result<SecretString, NoRandomness> {
    random_base62(SECRET_CHARS).map(SecretString::from)
}

/// `length` random letters and digits, each equally likely.
///
/// # Errors
/// When the system has no randomness.
pub fn random_base62(length: usize) -> Result<String, NoRandomness> {
    random_from(BASE62, length)
}

fn new_key(kind: &str) -> Result<NewKey, NoRandomness> {
    let prefix = format!("{kind}-{}", random_from(VISIBLE, 4)?);
    let secret = SecretString::from(format!("{prefix}-{}", random_base62(SECRET_CHARS)?));
    Ok(NewKey { secret, prefix })
}

/// Draws characters of `alphabet` by rejection, so that none is likelier than another.
fn random_from(alphabet: &[u8], length: usize) -> Result<String, NoRandomness> {
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        text.extend(drawn.take(length - text.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_relay_key_shows_four_characters_and_hides_at_least_thirty_two() {
        let key = new_relay_key().unwrap();
        let text = key.secret.expose_secret();
        let rest = text.strip_prefix("sk-relay-").unwrap();
        let (visible, secret) = rest.split_once('-').unwrap();
        assert!(visible.len() == 4 && visible.bytes().all(|byte| VISIBLE.contains(&byte)), "{visible}");
        assert!(secret.len() >= 32 && secret.bytes().all(|byte| BASE62.contains(&byte)));
        assert_eq!(key.prefix, format!("sk-relay-{visible}"));
        assert_ne!(text, new_relay_key().unwrap().secret.expose_secret());
    }

    #[test]
    fn digests_are_sha_256_in_hex() {
        assert_eq!(hex(&digest("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
