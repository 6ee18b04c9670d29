//! Proofs of thinking that only their maker can read, and how they travel through a foreign protocol.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// Chat Completions: thinking beside the text, which DeepSeek, Kimi and others want back in the turn it belongs to.
    Reasoning {
        /// Who made it, as [`maker`] has it.
        maker: String,
        /// The field its words came in; `content` where they were parts of it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        field: String,
        /// What the provider put beside it (`reasoning_details` and the like), to be returned as it came.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        extra: Map<String, Value>,
    },
    /// Chat Completions: what a provider attached to a tool call (Gemini's `thought_signature` in `extra_content`).
    Call {
        /// Who made it, as [`maker`] has it.
        maker: String,
        /// The call's id as the client knows it.
        call_id: String,
        /// The id the upstream gave it, where that is too long for clients to send on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        own_id: Option<String>,
        /// The call's fields, to be returned as they came.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        extra: Map<String, Value>,
    },
}

impl Seal {
    /// Names the maker, which a reader of answers does not know.
    pub fn made_by(&mut self, model: &str) {
        if let Self::Reasoning { maker, .. } | Self::Call { maker, .. } = self {
            *maker = self::maker(model);
        }
    }

    /// What may be read of a thought that has this proof alone.
    pub fn words(&self) -> String {
        match self {
            Self::Signature { thinking, .. } => thinking.clone(),
            Self::Encrypted { summary, .. } => summary.join("\n\n"),
            Self::Redacted { .. } | Self::Reasoning { .. } | Self::Call { .. } => String::new(),
        }
    }

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

/// Who makes the models of this name: its first word, without the version. What one maker attached to an answer is
/// returned to models of the same maker, whoever serves them.
pub fn maker(model: &str) -> String {
    const KNOWN: [(&str, &str); 12] = [
        ("chatgpt", "openai"),
        ("gpt", "openai"),
        ("codex", "openai"),
        ("moonshot", "kimi"),
        ("chatglm", "glm"),
        ("qwq", "qwen"),
        ("qvq", "qwen"),
        ("gemma", "gemini"),
        ("mixtral", "mistral"),
        ("abab", "minimax"),
        ("ernie", "baidu"),
        ("seed", "doubao"),
    ];
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let word: &str = name.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
    match word {
        "o" => "openai".to_owned(),
        // Magistral, Ministral, Codestral, Devstral …
        word if word.ends_with("stral") => "mistral".to_owned(),
        word => KNOWN.iter().find(|(known, _)| *known == word).map_or(word, |(_, maker)| maker).to_owned(),
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

    #[test]
    fn makers_are_known_by_their_models() {
        for (model, name) in [
            ("deepseek-v4-pro", "deepseek"),
            ("deepseek-ai/DeepSeek-V4", "deepseek"),
            ("kimi-k2-thinking", "kimi"),
            ("moonshotai/Kimi-K2", "kimi"),
            ("magistral-medium-latest", "mistral"),
            ("gemini-3-pro", "gemini"),
            ("Qwen/Qwen3-235B", "qwen"),
            ("o3", "openai"),
            ("openai/gpt-5", "openai"),
            ("glm-5", "glm"),
        ] {
            assert_eq!(maker(model), name, "{model}");
        }
    }
}
