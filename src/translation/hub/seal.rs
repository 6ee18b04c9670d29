//! Proofs of thinking that only their maker can read, and how they travel through a foreign protocol.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What marks a seal that was packed here; followed by base64 of its JSON.
const MARK: &str = "relay1.";
/// Largest packed seal unpacked.
const MOST_PACKED_BYTES: usize = 4 << 20;

/// A maker's proof of a thought. It is replayed to its own protocol as it came, and to no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Seal {
    /// Messages: a thinking block's `signature`.
    Signature {
        /// The thought as Claude worded it; its signature holds for these very words.
        thinking: String,
        /// The signature.
        signature: String,
    },
    /// Messages: a redacted thinking block's `data`.
    Redacted {
        /// The data.
        data: String,
    },
    /// Responses: a reasoning item's `encrypted_content`.
    Encrypted {
        /// The item's id.
        id: String,
        /// Its summary's parts.
        summary: Vec<String>,
        /// The content.
        encrypted_content: String,
    },
}

impl Seal {
    /// The seal as one opaque string for the other protocol's field.
    pub fn pack(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{MARK}{}", STANDARD.encode(json))
    }

    /// Reads what [`Self::pack`] wrote; `None` for anything else.
    pub fn unpack(packed: &str) -> Option<Self> {
        if packed.len() > MOST_PACKED_BYTES {
            return None;
        }
        let json = STANDARD.decode(packed.strip_prefix(MARK)?).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_survives_its_packing_and_nothing_else_is_taken_for_one() {
        let seal = Seal::Signature { thinking: "hm\n\"".to_owned(), signature: "EqoB+/=".to_owned() };
        assert_eq!(Seal::unpack(&seal.pack()), Some(seal));
        assert_eq!(Seal::unpack("EqoBCkgIARABGAIiQ"), None);
        assert_eq!(Seal::unpack("relay1.!!"), None);
    }
}
