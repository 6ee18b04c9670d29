//! Bytes that are almost JSON.

use std::borrow::Cow;

use memchr::memmem;

/// What stands for half a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// U+FFFD.
    Replaced,
    /// A private character that [`join`] makes a whole one of, when the other half follows in another event.
    Marked,
}

/// Where the marks of the halves lie: the surrogates' own numbers in the last private plane.
const MARKS: u32 = 0x0010_0000;
const HIGH: std::ops::Range<u32> = 0xD800..0xDC00;
const LOW: std::ops::Range<u32> = 0xDC00..0xE000;

/// The bytes as text that JSON can be read from: without a byte order mark, without halves of characters. Nothing is
/// copied when there is nothing to mend.
pub fn mended(data: &[u8], half: Half) -> Cow<'_, str> {
    let data = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    let text = String::from_utf8_lossy(data);
    match halves(&text, half) {
        Some(mended) => Cow::Owned(mended),
        None => text,
    }
}

/// The text with its halves replaced; `None` when it has none.
fn halves(text: &str, half: Half) -> Option<String> {
    let finder = memmem::Finder::new(b"\\u");
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = finder.find(text.as_bytes().get(at..)?) {
        let start = at + found;
        at = start + 2;
        // An escaped backslash before a `u` is no escape.
        if backslashes_before(text.as_bytes(), start) % 2 == 1 {
            continue;
        }
        let Some(unit) = unit(text, start).filter(|unit| (HIGH.start..LOW.end).contains(unit)) else { continue };
        if HIGH.contains(&unit) && self::unit(text, start + 6).is_some_and(|next| LOW.contains(&next)) {
            at = start + 12;
            continue;
        }
        let mark = match half {
            Half::Replaced => char::REPLACEMENT_CHARACTER,
            Half::Marked => char::from_u32(MARKS + unit).unwrap_or(char::REPLACEMENT_CHARACTER),
        };
        out.push_str(text.get(copied..start)?);
        out.push(mark);
        copied = start + 6;
        at = copied;
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..)?);
    Some(out)
}

/// The text with numbers that JSON's reader takes: `NaN` and `Infinity`, which Python writes, are null; what no type can hold
/// is the most that one can.
pub(super) fn renumbered(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            _ if first.is_ascii_alphanumeric() || first == '-' => word_length(rest),
            _ => first.len_utf8(),
        };
        let (word, behind) = rest.split_at(length);
        rest = behind;
        out.push_str(match word {
            "NaN" | "Infinity" | "-Infinity" => "null",
            _ if first != '"' && word.parse::<f64>().is_ok_and(f64::is_infinite) => "1e308",
            word => word,
        });
    }
    out
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

fn word_length(text: &str) -> usize {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    text.bytes().position(|byte| !is_of_word(byte)).unwrap_or(text.len())
}

fn backslashes_before(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count()
}

/// The code unit that is escaped at `at`.
fn unit(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u32::from_str_radix(digits, 16).ok()
}

fn marked(character: char) -> Option<u32> {
    (character as u32).checked_sub(MARKS).filter(|unit| (HIGH.start..LOW.end).contains(unit))
}

/// Joins the halves of `piece` with the one that its block's last piece ended with, and keeps one that it ends with
/// itself. What is left alone becomes U+FFFD.
pub fn join(waiting: &mut Option<u32>, piece: String) -> String {
    if waiting.is_none() && !has_marks(&piece) {
        return piece;
    }
    let mut out = String::with_capacity(piece.len());
    for character in piece.chars() {
        let unit = marked(character);
        match (waiting.take(), unit) {
            (Some(high), Some(low)) if LOW.contains(&low) => {
                let whole = 0x1_0000 + ((high - HIGH.start) << 10) + (low - LOW.start);
                out.push(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER));
                continue;
            }
            (Some(_), _) => out.push(char::REPLACEMENT_CHARACTER),
            (None, _) => {}
        }
        match unit {
            Some(high) if HIGH.contains(&high) => *waiting = Some(high),
            Some(_) => out.push(char::REPLACEMENT_CHARACTER),
            None => out.push(character),
        }
    }
    out
}

/// All marks begin with this byte; few other characters do.
fn has_marks(text: &str) -> bool {
    memchr::memchr(0xF4, text.as_bytes()).is_some() && text.chars().any(|character| marked(character).is_some())
}

/// A text that is all there: its halves joined or replaced.
pub fn settled(text: String) -> String {
    let mut waiting = None;
    let mut out = join(&mut waiting, text);
    out.extend(waiting.map(|_| char::REPLACEMENT_CHARACTER));
    out
}

/// Bytes of a piece as they will be once its halves are joined.
pub fn told_bytes(piece: &str) -> usize {
    let marks = if has_marks(piece) { piece.chars().filter(|character| marked(*character).is_some()).count() } else { 0 };
    piece.len() - 2 * marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_mended_and_whole_characters_left_alone() {
        let mend = |text: &str, half| mended(text.as_bytes(), half).into_owned();
        for good in [r#""\ud83d\ude00 \u00e9""#, r#""\\ud83d""#, r#""\ud83""#, r#"{"a":1}"#] {
            assert_eq!(mend(good, Half::Replaced), good);
        }
        assert_eq!(mend(r#""a\ud83d""#, Half::Replaced), "\"a\u{FFFD}\"");
        assert_eq!(mend(r#""\ud83d\ud83d\ude00\uDE00""#, Half::Replaced), "\"\u{FFFD}\\ud83d\\ude00\u{FFFD}\"");
        assert_eq!(mended(b"\xEF\xBB\xBF\"\xFF\"", Half::Replaced), "\"\u{FFFD}\"");
    }

    #[test]
    fn numbers_that_are_none_cost_themselves() {
        let odd = r#"{"a":NaN,"b":[-Infinity,1e400,1.5],"c":"NaN \"1e400"}"#;
        assert_eq!(renumbered(odd), r#"{"a":null,"b":[null,1e308,1.5],"c":"NaN \"1e400"}"#);
    }

    #[test]
    fn halves_of_two_events_are_one_character() {
        let piece = |text: &str| serde_json::from_str::<String>(&mended(text.as_bytes(), Half::Marked)).unwrap();
        let mut waiting = None;
        assert_eq!(join(&mut waiting, piece(r#""One \ud83d""#)), "One ");
        assert_eq!(join(&mut waiting, piece(r#""\ude00 two""#)), "😀 two");
        assert_eq!(join(&mut waiting, piece(r#""\ude00 \ud83d""#)), "\u{FFFD} ");
        assert_eq!(join(&mut waiting, "three".to_owned()), "\u{FFFD}three");
        assert_eq!(settled(piece(r#""x\ud83d""#) + &piece(r#""\ude00\ud83d""#)), "x😀\u{FFFD}");
        assert_eq!(told_bytes(&piece(r#""x\ud83d""#)) + told_bytes(&piece(r#""\ude00""#)), "x😀".len());
    }
}
