//! How much of a request's body a provider reads: bytes of text, images and pages.
//!
//! Everything counts, wherever it stands, but for two things: the names and kinds that a protocol's own messages are
//! made of, and the bytes that an image, a document or a recording holds at the place where its protocol has them.
//! A key's name alone hides nothing: tools, schemas, arguments and metadata count as the JSON that they are.

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::media::{self, Encoded, Holding};

/// Messages that tell one conversation from another: OpenAI's first is usually the system prompt.
const OPENING_ITEMS: usize = 2;
/// Of each of their texts, so much of its start.
const OPENING_BYTES: usize = 4 << 10;
/// A number that stands for itself in an input is a token of an embedding: as much as three bytes of text.
const TOKEN_BYTES: usize = 3;
/// The longest number that is not whole, as it is written.
const NUMBER_BYTES: usize = 24;

/// What has been counted.
#[derive(Default)]
pub(super) struct Measure {
    pub(super) text_bytes: usize,
    pub(super) pages: i64,
    opening: DefaultHasher,
}

impl Measure {
    /// Counts a value that is text, or JSON that the provider reads as such.
    pub(super) fn json(&mut self, raw: &RawValue) {
        self.text_bytes += match raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(text) => decoded_bytes(text.as_bytes()),
            None => compact_bytes(raw.get().as_bytes()),
        };
    }

    /// Counts a key.
    pub(super) fn key(&mut self, key: &str) {
        // Its quotes and its colon.
        self.text_bytes += key.len() + 3;
    }

    /// What tells one conversation from another, as far as the messages tell it.
    pub(super) fn opening(&self) -> u64 {
        self.opening.finish()
    }

    fn open(&mut self, opening: Opening, text: &str) {
        if opening != Opening::None {
            text.len().hash(&mut self.opening);
            text.as_bytes().get(..OPENING_BYTES).unwrap_or(text.as_bytes()).hash(&mut self.opening);
        }
    }
}

/// UTF-8 bytes of a JSON string between its quotes.
fn decoded_bytes(text: &[u8]) -> usize {
    let (mut bytes, mut rest) = (0, text);
    while let Some(at) = memchr::memchr(b'\\', rest) {
        bytes += at;
        let (written, meant) = match rest.get(at + 1..) {
            Some([b'u', hex @ ..]) => (6, escaped_bytes(hex)),
            _ => (2, 1),
        };
        bytes += meant;
        rest = rest.get(at + written..).unwrap_or_default();
    }
    bytes + rest.len()
}

/// UTF-8 bytes of what four hexadecimal digits stand for; each half of a pair counts half.
fn escaped_bytes(hex: &[u8]) -> usize {
    let digits = hex.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
    match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
        Some(..0x80) => 1,
        Some(..0x800 | 0xD800..0xE000) => 2,
        _ => 3,
    }
}

/// Bytes of valid JSON without blanks between its parts and without escapes.
fn compact_bytes(json: &[u8]) -> usize {
    let (mut bytes, mut at) = (0, 0);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' => {
                let end = string_end(json, at);
                bytes += 2 + decoded_bytes(json.get(at..end).unwrap_or_default());
                at = end + 1;
            }
            _ => bytes += 1,
        }
    }
    bytes
}

/// Where the string that begins at `start` ends.
fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if json.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    json.len()
}

/// An object's key or short word, borrowed where it has no escapes.
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Which part of a value belongs to a conversation's opening.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    None,
    All,
    FirstItems,
}

/// Messages, items, or what one of them holds: a text, or parts.
pub(super) struct Content<'m> {
    pub(super) measure: &'m mut Measure,
    pub(super) opening: Opening,
}

impl<'de> DeserializeSeed<'de> for Content<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Content<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.measure.text_bytes += TOKEN_BYTES;
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.measure.text_bytes += TOKEN_BYTES;
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.measure.text_bytes += TOKEN_BYTES;
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.measure.text_bytes += NUMBER_BYTES;
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.measure.text_bytes += text.len();
        self.measure.open(self.opening, text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for place in 0.. {
            let opening = match self.opening {
                Opening::FirstItems if place < OPENING_ITEMS => Opening::All,
                Opening::FirstItems => Opening::None,
                other => other,
            };
            if items.next_element_seed(Content { measure: self.measure, opening })?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// A message, an item or a part of one.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Content { measure, opening } = self;
        let mut kind = Kind::Absent;
        let mut found = [Encoded::default(); media::PLACES];
        while let Some(key) = map.next_key::<Name<'de>>()? {
            let key = key.0.as_ref();
            if key == "type" {
                kind = kind.then(measure, map.next_value()?);
            } else if matches!(key, "content" | "output" | "text" | "role") {
                map.next_value_seed(Content { measure, opening })?;
            } else if let Some(place) = media::place(key) {
                let encoded = map.next_value_seed(Holder { measure })?;
                if let Some(found) = found.get_mut(place) {
                    found.add(encoded);
                }
            } else {
                if !is_a_messages_own(key) {
                    measure.key(key);
                }
                let value = map.next_value::<&'de RawValue>()?;
                // Clients move their cache marks along as a conversation grows.
                if key != "cache_control" {
                    measure.open(opening, value.get());
                }
                measure.json(value);
            }
        }
        if let Kind::Media(holding) = kind {
            let (no_text, pages) = holding.weigh(&found);
            measure.text_bytes = measure.text_bytes.saturating_sub(no_text);
            measure.pages = measure.pages.saturating_add(pages);
        }
        Ok(())
    }
}

/// What kind of part an object is, as far as its bytes are concerned.
#[derive(Clone, Copy)]
enum Kind {
    Absent,
    Other,
    /// It holds an image, a document or a recording.
    Media(Holding),
}

impl Kind {
    /// What the object is after one more `type`. Two of them leave open which one counts, so it is none.
    fn then(self, measure: &mut Measure, named: &RawValue) -> Self {
        let word = named.get().trim_matches('"');
        if !media::is_a_protocols_own(word) {
            measure.text_bytes += word.len();
        }
        match self {
            Self::Absent => Holding::of(word).map_or(Self::Other, Self::Media),
            Self::Other | Self::Media(_) => Self::Other,
        }
    }
}

/// Something that may hold an encoded file: a text, or an object with one. All of it is counted; answered is what to
/// leave out again if it stands in a part of that kind.
struct Holder<'m> {
    measure: &'m mut Measure,
}

impl<'de> DeserializeSeed<'de> for Holder<'_> {
    type Value = Encoded;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Encoded, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Holder<'_> {
    type Value = Encoded;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Encoded, E> {
        self.measure.text_bytes += TOKEN_BYTES;
        Ok(Encoded::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Encoded, E> {
        self.measure.text_bytes += NUMBER_BYTES;
        Ok(Encoded::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Encoded, E> {
        self.measure.text_bytes += NUMBER_BYTES;
        Ok(Encoded::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Encoded, E> {
        self.measure.text_bytes += NUMBER_BYTES;
        Ok(Encoded::default())
    }

    fn visit_unit<E>(self) -> Result<Encoded, E> {
        Ok(Encoded::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Encoded, E> {
        self.measure.text_bytes += text.len();
        Ok(Encoded::of(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Encoded, A::Error> {
        while items.next_element_seed(Content { measure: self.measure, opening: Opening::None })?.is_some() {}
        Ok(Encoded::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Encoded, A::Error> {
        let Holder { measure } = self;
        let mut encoded = Encoded::default();
        let (mut kinds, mut is_file, mut is_text) = (0, true, false);
        while let Some(key) = map.next_key::<Name<'de>>()? {
            match key.0.as_ref() {
                "type" => {
                    let word = map.next_value::<&'de RawValue>()?.get().trim_matches('"');
                    kinds += 1;
                    is_file = matches!(word, "base64" | "url" | "file");
                    is_text = matches!(word, "text" | "content");
                    if !is_file && !is_text {
                        measure.text_bytes += word.len();
                    }
                }
                "content" => map.next_value_seed(Content { measure, opening: Opening::None })?,
                "data" | "url" | "file_data" | "file_url" | "file_id" | "image_url" => {
                    encoded.add(map.next_value_seed(Holder { measure })?);
                }
                key => {
                    if !matches!(key, "media_type" | "format" | "detail" | "filename") {
                        measure.key(key);
                    }
                    measure.json(map.next_value()?);
                }
            }
        }
        Ok(if kinds > 1 || !is_file { Encoded { is_text, ..Encoded::default() } } else { encoded })
    }
}

/// Whether a key is one of those that messages, items and parts are made of: what it names counts, its name does not.
fn is_a_messages_own(key: &str) -> bool {
    matches!(
        key,
        "name"
            | "id"
            | "call_id"
            | "tool_call_id"
            | "tool_use_id"
            | "tool_calls"
            | "function_call"
            | "arguments"
            | "input"
            | "thinking"
            | "signature"
            | "data"
            | "is_error"
            | "status"
            | "summary"
            | "encrypted_content"
            | "citations"
            | "annotations"
            | "logprobs"
            | "refusal"
            | "title"
            | "context"
            | "cache_control"
            | "detail"
            | "filename"
            | "reasoning_content"
            | "phase"
            | "action"
            | "queries"
            | "results"
            | "url"
            | "page_age"
            | "caller"
            | "audio"
            | "index"
            | "code"
            | "outputs"
            | "container_id"
            | "namespace"
    )
}
