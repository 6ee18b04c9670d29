//! Custom tools on protocols without them: a function with one string, `input`.

use serde_json::{Value, json};

/// The parameters of the function that stands for a custom tool.
pub fn one_input() -> Value {
    json!({
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": false
    })
}

/// What a description says of a grammar that the upstream cannot enforce. `unnamed` is what a grammar is called that
/// names no syntax.
pub fn grammar_rule(grammar: Option<&Value>, unnamed: &str) -> Option<String> {
    let text = |name: &str| grammar?.get(name)?.as_str();
    let definition = text("definition")?;
    Some(format!("The input must match this {} grammar:\n{definition}", text("syntax").unwrap_or(unnamed)))
}

/// The arguments of the function that stands for a custom tool.
pub fn wrapped(input: &str) -> String {
    json!({ "input": input }).to_string()
}

/// The input inside such arguments, also where they were cut short; arguments of another shape are the input themselves.
/// The same as their pieces add up to.
pub fn unwrapped(arguments: &str) -> String {
    let mut unwrapper = InputUnwrapper::default();
    let input = unwrapper.feed(arguments);
    input + &unwrapper.finish()
}

/// [`unwrapped`] for arguments that do not begin as expected.
fn of_another_shape(arguments: &str) -> String {
    match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(mut fields)) if fields.len() == 1 => match fields.remove("input") {
            Some(Value::String(input)) => input,
            _ => arguments.to_owned(),
        },
        _ => arguments.to_owned(),
    }
}

/// [`unwrapped`] for arguments that come in pieces: gives the input as it grows, never waiting for its end.
/// Only arguments of another shape are held back to the end.
#[derive(Clone, Debug, Default)]
pub struct InputUnwrapper {
    /// Everything so far, until the shape is known to be the expected one.
    raw: String,
    stage: Stage,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Before the string's opening quote.
    #[default]
    Before,
    /// Inside the string; holds an escape that is not complete.
    Inside(String),
    /// Behind the string.
    Behind,
    /// Another shape.
    Foreign,
}

impl InputUnwrapper {
    /// Takes a piece of the arguments; gives the piece of the input it holds.
    pub fn feed(&mut self, piece: &str) -> String {
        match &mut self.stage {
            Stage::Before => {
                self.raw.push_str(piece);
                match opening(&self.raw) {
                    Shape::Unclear => String::new(),
                    Shape::Foreign => {
                        self.stage = Stage::Foreign;
                        String::new()
                    }
                    Shape::Opens(at) => {
                        let rest = self.raw.split_off(at);
                        self.raw.clear();
                        self.stage = Stage::Inside(String::new());
                        self.feed(&rest)
                    }
                }
            }
            Stage::Inside(pending) => {
                let text = std::mem::take(pending) + piece;
                let (input, rest) = decoded(&text);
                self.stage = rest.map_or(Stage::Behind, |rest| Stage::Inside(rest.to_owned()));
                input
            }
            Stage::Behind => String::new(),
            Stage::Foreign => {
                self.raw.push_str(piece);
                String::new()
            }
        }
    }

    /// What is left at the end of the arguments.
    pub fn finish(&mut self) -> String {
        match std::mem::replace(&mut self.stage, Stage::Behind) {
            Stage::Before | Stage::Foreign => of_another_shape(&std::mem::take(&mut self.raw)),
            Stage::Inside(_) | Stage::Behind => String::new(),
        }
    }
}

enum Shape {
    Unclear,
    Foreign,
    /// The string's text begins there.
    Opens(usize),
}

/// Looks for `{"input":"`, white space between the tokens allowed.
fn opening(text: &str) -> Shape {
    let mut rest = text;
    for token in ["{", "\"input\"", ":", "\""] {
        rest = rest.trim_start();
        match rest.strip_prefix(token) {
            Some(behind) => rest = behind,
            None if token.starts_with(rest) => return Shape::Unclear,
            None => return Shape::Foreign,
        }
    }
    Shape::Opens(text.len() - rest.len())
}

/// Decodes a JSON string's inside. The second value is the incomplete escape at its end, `None` once the closing
/// quote was met.
fn decoded(text: &str) -> (String, Option<&str>) {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(offset) = text[at..].find(['"', '\\']) {
        out.push_str(&text[at..at + offset]);
        at += offset;
        if text[at..].starts_with('"') {
            return (out, None);
        }
        match escape(&text[at..]) {
            Some((c, length)) => {
                out.push(c);
                at += length;
            }
            None => return (out, Some(&text[at..])),
        }
    }
    out.push_str(&text[at..]);
    (out, Some(""))
}

/// The character an escape stands for and the escape's length; `None` while it is incomplete.
fn escape(text: &str) -> Option<(char, usize)> {
    let plain = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unicode(text),
        _ => text[1..].chars().next()?,
    };
    Some((plain, 1 + plain_length(text)))
}

fn plain_length(text: &str) -> usize {
    text[1..].chars().next().map_or(0, char::len_utf8)
}

/// `\uXXXX`, or a pair of them; half a pair becomes the replacement character.
fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<Result<u32, ()>> {
        let digits = text.get(at + 2..at + 6);
        match digits {
            Some(digits) => Some(u32::from_str_radix(digits, 16).map_err(|_| ())),
            None if text.len() < at + 6 => None,
            None => Some(Err(())),
        }
    };
    let Ok(first) = unit(0)? else { return Some((char::REPLACEMENT_CHARACTER, 2)) };
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6));
    }
    match text.as_bytes().get(6..8) {
        Some(b"\\u") => {}
        Some(_) => return Some((char::REPLACEMENT_CHARACTER, 6)),
        None if text.len() == 6 || text[6..].starts_with('\\') => return None,
        None => return Some((char::REPLACEMENT_CHARACTER, 6)),
    }
    match unit(6)? {
        Ok(second) if (0xdc00..0xe000).contains(&second) => {
            let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            Some((char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 12))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_pieces(arguments: &str, cuts: &[usize]) -> String {
        let chars: Vec<char> = arguments.chars().collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (chars.len() + 1)).collect();
        cuts.extend([0, chars.len()]);
        cuts.sort_unstable();
        let mut unwrapper = InputUnwrapper::default();
        let mut input = String::new();
        for pair in cuts.windows(2) {
            input += &unwrapper.feed(&chars[pair[0]..pair[1]].iter().collect::<String>());
        }
        input + &unwrapper.finish()
    }

    #[test]
    fn another_shape_is_the_input_itself() {
        for foreign in [r#"{"patch":"x"}"#, "plain text", "", "{", r#"{"input": 5}"#, "[1]"] {
            assert_eq!(unwrapped(foreign), foreign);
            assert_eq!(in_pieces(foreign, &[1, 3]), foreign);
        }
    }

    #[test]
    fn arguments_that_were_cut_short_say_the_same_whole_and_in_pieces() {
        for cut in [r#"{"input":"ab\n"#, r#"{"input":"ab\n\u00"#, r#"{"input":"ab\n","more":1}"#] {
            assert_eq!(unwrapped(cut), "ab\n", "{cut}");
            assert_eq!(in_pieces(cut, &[1, 12]), "ab\n", "{cut}");
        }
    }

    #[test]
    fn escapes_are_decoded_wherever_they_are_cut() {
        let arguments = r#" { "input" : "a\n\"\\\u00e9\ud83d\ude00\ud83dx" } "#;
        for cut in 0..arguments.len() {
            assert_eq!(in_pieces(arguments, &[cut]), "a\n\"\\é😀\u{fffd}x", "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_the_whole(input in ".{0,60}", cuts in proptest::collection::vec(0usize..200, 0..12)) {
            prop_assert_eq!(in_pieces(&wrapped(&input), &cuts), input.clone());
            prop_assert_eq!(unwrapped(&wrapped(&input)), input);
        }
    }
}
