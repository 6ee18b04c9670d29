//! Encrypts what must be read back (upstream keys, mail passwords) before it is stored.
//!
//! ChaCha20-Poly1305 under a key derived from `APP_SECRET` by HKDF-SHA256. The text form is
//! `v1.<nonce>.<cipher>`; the row a value belongs to is authenticated with it, so that a value copied into
//! another row does not open there.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use secrecy::{ExposeSecret, SecretString};

use super::tokens::in_base62;

const VERSION: &str = "v1";
const NONCE_BYTES: usize = 12;
/// Characters of a derived code: 16 × log₂ 62 = 95 bits.
const CODE_CHARS: usize = 16;

/// Where a sealed value lives. It opens only there.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table and column, such as `channels.api_key`.
    pub column: &'a str,
    /// The row's id, or its name where names are the key.
    pub row: &'a str,
}

/// Why a value could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsealable {
    /// The system has no randomness.
    #[error("the system has no randomness to give")]
    NoRandomness,
    /// Not our text form.
    #[error("not a sealed value")]
    Shape,
    /// Sealed under another secret, for another row, or altered.
    #[error("sealed under another APP_SECRET, or altered")]
    Foreign,
}

/// Seals under the current secret, opens what was sealed under it or under an earlier one. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    keys: Arc<[LessSafeKey]>,
    root: Arc<Prk>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// `previous` are the secrets of earlier rotations, kept so that old values still open.
    ///
    /// # Errors
    /// Never with the algorithms in use; the types of the crypto library allow for it.
    pub fn new(current: &SecretString, previous: &[SecretString]) -> Result<Self, Unsealable> {
        let keys: Result<Vec<_>, _> = std::iter::once(current).chain(previous).map(derive).collect();
        Ok(Self { keys: keys?.into(), root: Arc::new(root(current)) })
    }

    /// A code for `purpose` that every process with the same secret derives alike; it tells nothing of the secret.
    ///
    /// # Errors
    /// Never with the algorithms in use; the types of the crypto library allow for it.
    pub fn code(&self, purpose: &str) -> Result<SecretString, Unsealable> {
        let mut bytes = [0; CODE_CHARS];
        let info: [&[u8]; 2] = [b"codes v1 ", purpose.as_bytes()];
        let derived = self.root.expand(&info, CodeLength).map_err(|_| Unsealable::Shape)?;
        derived.fill(&mut bytes).map_err(|_| Unsealable::Shape)?;
        Ok(SecretString::from(in_base62(&bytes)))
    }

    /// Encrypts `plain` for `place`.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn seal(&self, place: Place<'_>, plain: &str) -> Result<String, Unsealable> {
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| Unsealable::NoRandomness)?;
        let key = self.keys.first().ok_or(Unsealable::Foreign)?;
        let mut cipher = plain.as_bytes().to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated(place), &mut cipher)
            .map_err(|_| Unsealable::Shape)?;
        Ok(format!("{VERSION}.{}.{}", URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(cipher)))
    }

    /// Decrypts what was sealed for `place`.
    ///
    /// # Errors
    /// When the text is none of ours, belongs elsewhere, or was sealed under a secret we don't have.
    pub fn open(&self, place: Place<'_>, sealed: &str) -> Result<SecretString, Unsealable> {
        self.opened(place, sealed).map(|(_, plain)| plain)
    }

    /// The value sealed under the current secret; `None` where it is already.
    ///
    /// # Errors
    /// When it does not open, or the system has no randomness.
    pub fn renewed(&self, place: Place<'_>, sealed: &str) -> Result<Option<String>, Unsealable> {
        match self.opened(place, sealed)? {
            (0, _) => Ok(None),
            (_, plain) => self.seal(place, plain.expose_secret()).map(Some),
        }
    }

    /// The plain text, and which of the secrets opened it: 0 is the current one.
    fn opened(&self, place: Place<'_>, sealed: &str) -> Result<(usize, SecretString), Unsealable> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(VERSION), Some(nonce), Some(cipher)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Unsealable::Shape);
        };
        let nonce = URL_SAFE_NO_PAD.decode(nonce).map_err(|_| Unsealable::Shape)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| Unsealable::Shape)?;
        let cipher = URL_SAFE_NO_PAD.decode(cipher).map_err(|_| Unsealable::Shape)?;
        for (number, key) in self.keys.iter().enumerate() {
            let mut attempt = cipher.clone();
            if let Ok(plain) = key.open_in_place(Nonce::assume_unique_for_key(nonce), associated(place), &mut attempt) {
                let plain = std::str::from_utf8(plain).map_err(|_| Unsealable::Shape)?;
                return Ok((number, SecretString::from(plain)));
            }
        }
        Err(Unsealable::Foreign)
    }
}

fn associated(place: Place<'_>) -> Aad<Vec<u8>> {
    Aad::from(format!("{VERSION}:{}:{}", place.column, place.row).into_bytes())
}

/// The length of what a code is made of.
struct CodeLength;

impl KeyType for CodeLength {
    fn len(&self) -> usize {
        CODE_CHARS
    }
}

fn root(secret: &SecretString) -> Prk {
    Salt::new(HKDF_SHA256, b"api-proxy").extract(secret.expose_secret().as_bytes())
}

fn derive(secret: &SecretString) -> Result<LessSafeKey, Unsealable> {
    let pseudo_random = root(secret);
    let material = pseudo_random.expand(&[b"sealed values v1"], &CHACHA20_POLY1305).map_err(|_| Unsealable::Shape)?;
    Ok(LessSafeKey::new(UnboundKey::from(material)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place { column: "channels.api_key", row: "7" };

    fn sealer(current: &str, previous: &[&str]) -> Sealer {
        let previous: Vec<_> = previous.iter().map(|secret| SecretString::from(*secret)).collect();
        Sealer::new(&SecretString::from(current), &previous).unwrap()
    }

    #[test]
    fn a_value_opens_in_its_own_row_alone() {
        let sealer = sealer("one", &[]);
        let sealed = sealer.seal(HERE, "sk-upstream").unwrap();
        assert!(!sealed.contains("upstream"));
        assert_eq!(sealer.open(HERE, &sealed).unwrap().expose_secret(), "sk-upstream");
        let elsewhere = Place { row: "8", ..HERE };
        assert_eq!(sealer.open(elsewhere, &sealed).unwrap_err(), Unsealable::Foreign);
    }

    #[test]
    fn a_code_is_the_same_wherever_the_secret_is_and_no_other_purposes() {
        let code = |secret: &str, purpose: &str| sealer(secret, &[]).code(purpose).unwrap().expose_secret().to_owned();
        assert_eq!(code("one", "setup"), code("one", "setup"));
        assert_ne!(code("one", "setup"), code("two", "setup"));
        assert_ne!(code("one", "setup"), code("one", "other"));
        assert_eq!(code("one", "setup").len(), CODE_CHARS);
    }

    #[test]
    fn a_rotated_secret_still_opens_old_values() {
        let sealed = sealer("one", &[]).seal(HERE, "x").unwrap();
        assert_eq!(sealer("two", &["one"]).open(HERE, &sealed).unwrap().expose_secret(), "x");
        assert_eq!(sealer("two", &[]).open(HERE, &sealed).unwrap_err(), Unsealable::Foreign);
        assert_eq!(sealer("one", &[]).open(HERE, "plain text").unwrap_err(), Unsealable::Shape);
    }
}
