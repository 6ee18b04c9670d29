//! Random tokens and the digests they are stored by.

use secrecy::SecretString;
use sha2::{Digest, Sha256};

const BASE62: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const VISIBLE: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Letters and digits nobody mistakes for one another: without 0, O, 1, I, L and U.
const CLEAR: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Groups of a gift card's code, and characters of a group: 20 × log₂ 30 = 98 bits.
const CARD_GROUPS: (usize, usize) = (5, 4);
/// Secret characters of a key or token: 43 × log₂ 62 = 256 bits.
const SECRET_CHARS: usize = 43;

/// One letter or digit for each byte. Four of 256 bytes have one more chance than the others; a code is long enough for that.
pub(super) fn in_base62(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(BASE62[usize::from(*byte) % BASE62.len()])).collect()
}

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

/// How the text of a relay key begins.
pub const RELAY_KEY_PREFIX: &str = "sk-relay-";

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

/// A gift card's code: `GC-XXXX-XXXX-XXXX-XXXX-XXXX`.
///
/// # Errors
/// When the system has no randomness.
pub fn new_card_code() -> Result<SecretString, NoRandomness> {
    let characters = random_from(CLEAR, CARD_GROUPS.0 * CARD_GROUPS.1)?;
    Ok(SecretString::from(card_code(&characters)))
}

/// The one form of a code that people may have typed in any case, with blanks, or without its dashes or its `GC`.
/// `None` for what cannot be a code.
pub fn read_card_code(typed: &str) -> Option<SecretString> {
    let is_between = |char: &char| !char.is_whitespace() && !matches!(char, '-' | '‐' | '‑' | '–' | '—' | '－' | '_');
    let compact: String = typed.chars().filter(is_between).take(64).map(|char| char.to_ascii_uppercase()).collect();
    let length = CARD_GROUPS.0 * CARD_GROUPS.1;
    let characters = if compact.len() == length { compact.as_str() } else { compact.strip_prefix("GC")? };
    let fits = characters.len() == length && characters.bytes().all(|byte| CLEAR.contains(&byte));
    fits.then(|| SecretString::from(card_code(characters)))
}

fn card_code(characters: &str) -> String {
    let spaced = characters.char_indices().fold(String::new(), |mut text, (at, char)| {
        if at % CARD_GROUPS.1 == 0 {
            text.push('-');
        }
        text.push(char);
        text
    });
    format!("GC{spaced}")
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
    fn a_card_code_is_read_however_it_was_typed() {
        let code = new_card_code().unwrap();
        let text = code.expose_secret();
        let groups: Vec<&str> = text.split('-').collect();
        assert!(groups.len() == 6 && groups[0] == "GC" && groups[1..].iter().all(|group| group.len() == 4), "{text}");
        let bare = text.replace('-', "");
        for typed in
            [text.to_owned(), text.to_lowercase(), bare.clone(), bare[2..].to_owned(), format!(" {} ", text.replace('-', " – "))]
        {
            assert_eq!(read_card_code(&typed).unwrap().expose_secret(), text, "{typed}");
        }
        for wrong in
            ["", "GC", &text[..26], &format!("{text}2"), &format!("GX{}", &bare[2..]), "GC-0000-0000-0000-0000-0000", "é"]
        {
            assert!(read_card_code(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn digests_are_sha_256_in_hex() {
        assert_eq!(hex(&digest("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
