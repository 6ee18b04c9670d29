//! Call ids as an upstream takes them: cut and told apart by a digest, the same for a call and its result.

use std::collections::{HashMap, HashSet};

use super::answer::Block;
use super::request::{Item, Request};
use super::seal::Seal;

/// Longest `call_id` of OpenAI's Responses (`string_above_max_length` beyond it).
const MOST_OPENAI_ID: usize = 64;
/// Longest id of a call in OpenAI's Chat Completions.
const MOST_OPENAI_CHAT_ID: usize = 40;
/// Longest id passed on to Claude.
const MOST_CLAUDE_ID: usize = 128;
/// Mistral takes ids of exactly so many letters and digits.
const MISTRAL_ID: usize = 9;

/// What an upstream takes for a call's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRule {
    /// Letters, digits, `_`, `-`.
    Claude,
    /// Anything up to 64 characters.
    OpenAi,
    /// Anything up to 40 characters.
    OpenAiChat,
    /// Nine letters and digits.
    Mistral,
}

/// The ids of one request's calls, by what the client and what the upstream call them.
#[derive(Clone, Debug, Default)]
pub struct CallIds {
    upstream: HashMap<String, String>,
    client: HashMap<String, String>,
}

impl CallIds {
    /// Fits the ids of a request's calls and results. An id that the upstream once gave itself, and that is packed
    /// into one of its seals, is given back as it was.
    pub fn of(request: &Request, rule: IdRule, maker: &str) -> Self {
        let mut ids = Self::default();
        let seals = request.items.iter().filter_map(|item| match item {
            Item::Assistant(Block::Thought(thought)) => thought.seal.as_ref(),
            _ => None,
        });
        for seal in seals {
            if let Seal::Call { maker: made_by, call_id, own_id: Some(own), .. } = seal
                && made_by == maker
            {
                ids.add(call_id, own.clone());
            }
        }
        let named: Vec<&String> = request
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Assistant(Block::Call(call)) => Some(&call.id),
                Item::Result(result) => Some(&result.call_id),
                _ => None,
            })
            .collect();
        // What needs no change keeps its id, whatever stands before it.
        let taken: HashSet<&str> = named.iter().map(|id| id.as_str()).filter(|id| rule.takes(id)).collect();
        for id in named.iter().filter(|id| !rule.takes(id)) {
            if ids.upstream.contains_key(*id) {
                continue;
            }
            let mut fitted = rule.fitted(id, 0);
            let mut tries = 0;
            while taken.contains(fitted.as_str()) || ids.client.contains_key(&fitted) {
                tries += 1;
                fitted = rule.fitted(id, tries);
            }
            ids.add(id, fitted);
        }
        ids
    }

    fn add(&mut self, client: &str, upstream: String) {
        self.client.insert(upstream.clone(), client.to_owned());
        self.upstream.insert(client.to_owned(), upstream);
    }

    /// What the upstream is told for an id of the client's.
    pub fn upstream<'a>(&'a self, id: &'a str) -> &'a str {
        self.upstream.get(id).map_or(id, String::as_str)
    }

    /// What the client calls an id of the upstream's.
    pub fn client<'a>(&'a self, id: &'a str) -> &'a str {
        self.client.get(id).map_or(id, String::as_str)
    }
}

impl IdRule {
    fn takes(self, id: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        match self {
            Self::Claude => !id.is_empty() && id.len() <= MOST_CLAUDE_ID && id.bytes().all(is_plain),
            Self::OpenAi => !id.is_empty() && id.chars().count() <= MOST_OPENAI_ID,
            Self::OpenAiChat => !id.is_empty() && id.chars().count() <= MOST_OPENAI_CHAT_ID,
            Self::Mistral => id.len() == MISTRAL_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        }
    }

    fn fitted(self, id: &str, tries: usize) -> String {
        let digest = digest(id, tries);
        let clean = |most: usize| -> String {
            id.chars().take(most).map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' }).collect()
        };
        match self {
            Self::Claude => format!("{}_{digest:016x}", clean(MOST_CLAUDE_ID - 17)),
            Self::OpenAi => format!("{}_{digest:016x}", clean(MOST_OPENAI_ID - 17)),
            Self::OpenAiChat => format!("{}_{digest:016x}", clean(MOST_OPENAI_CHAT_ID - 17)),
            Self::Mistral => in_letters(digest),
        }
    }
}

/// An id of an upstream's own as the client gets it: cut where OpenAI's clients could not send it on.
pub fn short(id: &str) -> Option<String> {
    (id.chars().count() > MOST_OPENAI_ID).then(|| IdRule::OpenAi.fitted(id, 0))
}

/// FNV-1a, stable over versions.
fn digest(id: &str, tries: usize) -> u64 {
    let counted = if tries == 0 { String::new() } else { format!("/{tries}") };
    id.bytes()
        .chain(counted.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |digest: u64, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A digest in nine letters and digits.
fn in_letters(mut digest: u64) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut letters = String::with_capacity(MISTRAL_ID);
    for _ in 0..MISTRAL_ID {
        letters.push(char::from(LETTERS[usize::try_from(digest % 62).unwrap_or_default()]));
        digest /= 62;
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translation::hub::{Call, ToolKind, ToolResult};
    use actors::vocabulary::Protocol;

    fn ids(named: &[&str], rule: IdRule) -> CallIds {
        let call = |id: &&str| {
            let call = Call {
                id: (*id).to_owned(),
                name: "f".to_owned(),
                namespace: None,
                kind: ToolKind::Function,
                input: String::new(),
            };
            Item::Assistant(Block::Call(call))
        };
        let result = |id: &&str| {
            Item::Result(ToolResult { call_id: (*id).to_owned(), kind: ToolKind::Function, parts: Vec::new(), is_error: false })
        };
        let items = named.iter().map(call).chain(named.iter().map(result)).collect();
        CallIds::of(&Request { items, ..Request::new(Protocol::Messages) }, rule, "")
    }

    #[test]
    fn long_ids_are_cut_and_stay_different() {
        let (one, other) = (format!("call_{}a", "x".repeat(88)), format!("call_{}b", "x".repeat(88)));
        for (rule, most) in [(IdRule::OpenAi, 64), (IdRule::OpenAiChat, 40), (IdRule::Mistral, 9)] {
            let ids = ids(&[&one, &other, "call_1"], rule);
            let (a, b) = (ids.upstream(&one).to_owned(), ids.upstream(&other).to_owned());
            assert!(a.len() <= most && b.len() <= most && a != b, "{a} {b}");
            assert_eq!((ids.client(&a), ids.client(&b)), (one.as_str(), other.as_str()));
        }
        assert_eq!(ids(&["call_1", "é:1"], IdRule::OpenAi).upstream("é:1"), "é:1");
        assert_eq!(ids(&["a1B2c3D4e"], IdRule::Mistral).upstream("a1B2c3D4e"), "a1B2c3D4e");
    }

    #[test]
    fn an_id_that_looks_like_a_digest_is_not_taken_for_one() {
        let long = "call_".repeat(20);
        let taken = IdRule::OpenAi.fitted(&long, 0);
        let ids = ids(&[&long, &taken], IdRule::OpenAi);
        assert_eq!(ids.upstream(&taken), taken);
        assert_ne!(ids.upstream(&long), taken);
    }

    #[test]
    fn ids_are_cleaned_for_claude() {
        let ids = ids(&["call_1-a", "functions.read:0", ""], IdRule::Claude);
        assert_eq!(ids.upstream("call_1-a"), "call_1-a");
        let clean = ids.upstream("functions.read:0");
        assert!(IdRule::Claude.takes(clean), "{clean}");
        assert!(!ids.upstream("").is_empty());
    }
}
