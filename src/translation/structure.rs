//! How much structure a body has: nesting, messages, parts, tools, values.
//!
//! A few kilobytes can hold a hundred thousand parts, each of which costs a kilobyte once it is read. So structure is
//! counted over the bare bytes, before anything is read, and has bounds far above what clients send.

use std::fmt::Write as _;
use std::ops::Range;

use actors::vocabulary::Protocol;

use super::ask::{Ask, BadAsk};

/// Deepest nesting (what serde_json takes, too).
const MOST_DEPTH: usize = 127;
/// Most messages, or items of a Responses input.
const MOST_MESSAGES: usize = 20_000;
/// Most parts of all messages together.
const MOST_PARTS: usize = 50_000;
/// Most tools.
const MOST_TOOLS: usize = 2_000;
/// Most values of all kinds: objects, lists, texts, numbers.
const MOST_VALUES: usize = 500_000;
/// A body below this size cannot exceed any of these in earnest; how deeply it may be nested its readers bound.
const WORTH_A_LOOK: usize = 16 << 10;
/// Longest path in a message.
const MOST_PATH: usize = 120;

/// Looks at a body's structure. What is not JSON is left to whoever reads it.
///
/// # Errors
/// Names the field that has too much, and the bound.
fn check(body: &[u8]) -> Result<(), BadAsk> {
    if body.len() < WORTH_A_LOOK {
        return Ok(());
    }
    scan(body)
}

fn scan(body: &[u8]) -> Result<(), BadAsk> {
    Scan { body, at: 0, open: Vec::with_capacity(32), key: 0..0, counted: Counted::default() }.run()
}

/// Reads a body whose structure is within bounds.
///
/// # Errors
/// Names what is wrong with it.
pub fn read(protocol: Protocol, body: &[u8]) -> Result<Ask, BadAsk> {
    check(body)?;
    let read = Ask::read(protocol, body);
    match &read {
        // A small body that is nested too deeply: say where.
        Err(BadAsk::NotJson(why)) if why.starts_with("recursion limit") => scan(body).and(read),
        _ => read,
    }
}

#[derive(Default)]
struct Counted {
    messages: usize,
    parts: usize,
    tools: usize,
    values: usize,
}

/// What a list's elements are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Messages,
    Parts,
    Tools,
    Other,
}

/// An object or a list that is not closed yet.
struct Open {
    is_list: bool,
    /// What its elements are, if it is a list.
    role: Role,
    /// Whether it belongs to the conversation, where lists are lists of parts.
    in_conversation: bool,
    /// Where its own name stands.
    key: Range<usize>,
    /// Elements begun.
    place: usize,
}

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
    open: Vec<Open>,
    /// The last name read.
    key: Range<usize>,
    counted: Counted,
}

impl Scan<'_> {
    fn run(mut self) -> Result<(), BadAsk> {
        while let Some(byte) = self.body.get(self.at) {
            match byte {
                b'"' => {
                    let text = self.text();
                    if self.is_name() {
                        self.key = text;
                    } else {
                        self.value()?;
                    }
                    continue;
                }
                b'{' => self.begin(false)?,
                b'[' => self.begin(true)?,
                b'}' | b']' => {
                    self.open.pop();
                }
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                    self.value()?;
                    self.word();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Walks over a text and answers where it stands, without its quotes.
    fn text(&mut self) -> Range<usize> {
        let start = self.at + 1;
        let mut at = start;
        while let Some(found) = self.body.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            at += found;
            if self.body.get(at) == Some(&b'"') {
                self.at = at + 1;
                return start..at;
            }
            at += 2;
        }
        self.at = self.body.len();
        start..self.body.len()
    }

    /// Whether the text just read is followed by a colon.
    fn is_name(&self) -> bool {
        let rest = self.body.get(self.at..).unwrap_or_default();
        rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
    }

    fn word(&mut self) {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace());
        self.at += end.unwrap_or(rest.len());
    }

    fn begin(&mut self, is_list: bool) -> Result<(), BadAsk> {
        self.value()?;
        let inside = self.open.last();
        let is_in_list = inside.is_some_and(|outer| outer.is_list);
        let key = if is_in_list { 0..0 } else { self.key.clone() };
        let name = self.body.get(key.clone()).unwrap_or_default();
        let in_conversation = inside.is_some_and(|outer| outer.in_conversation)
            || (self.open.len() == 1 && matches!(name, b"messages" | b"input" | b"system"));
        let role = match (is_list, name) {
            (false, _) => Role::Other,
            (true, b"messages" | b"input") if self.open.len() == 1 => Role::Messages,
            (true, b"tools" | b"functions") if !in_conversation => Role::Tools,
            (true, b"content" | b"output" | b"summary" | b"tool_calls" | b"system") if in_conversation => Role::Parts,
            (true, _) => Role::Other,
        };
        self.open.push(Open { is_list, role, in_conversation, key, place: 0 });
        if self.open.len() > MOST_DEPTH {
            return Err(self.too_much(self.path(), MOST_DEPTH, "levels of nesting"));
        }
        Ok(())
    }

    /// Counts a value that begins here.
    fn value(&mut self) -> Result<(), BadAsk> {
        self.counted.values += 1;
        if self.counted.values > MOST_VALUES {
            return Err(self.too_much(self.path(), MOST_VALUES, "values in all"));
        }
        let is_object = self.body.get(self.at) == Some(&b'{');
        let Some(outer) = self.open.last_mut() else { return Ok(()) };
        outer.place += 1;
        let (count, most, what) = match outer.role {
            // Texts and numbers to be embedded are no messages.
            Role::Messages if is_object => (&mut self.counted.messages, MOST_MESSAGES, "messages"),
            Role::Parts => (&mut self.counted.parts, MOST_PARTS, "content parts in all messages"),
            Role::Tools => (&mut self.counted.tools, MOST_TOOLS, "tools"),
            Role::Messages | Role::Other => return Ok(()),
        };
        *count += 1;
        if *count > most { Err(self.too_much(self.path(), most, what)) } else { Ok(()) }
    }

    fn too_much(&self, field: String, most: usize, what: &'static str) -> BadAsk {
        BadAsk::TooMuch { field, most, what }
    }

    /// Where the scan stands, such as `messages[3].content`.
    fn path(&self) -> String {
        let mut path = String::new();
        for (outer, inner) in self.open.iter().zip(self.open.iter().skip(1)) {
            if outer.is_list {
                let _written = write!(path, "[{}]", outer.place.saturating_sub(1));
            } else {
                let name = String::from_utf8_lossy(self.body.get(inner.key.clone()).unwrap_or_default());
                let dot = if path.is_empty() { "" } else { "." };
                let _written = write!(path, "{dot}{name}");
            }
            if path.len() > MOST_PATH {
                let end = path.char_indices().map(|(at, _)| at).take_while(|at| *at <= MOST_PATH).last();
                path.truncate(end.unwrap_or(0));
                path.push('…');
                break;
            }
        }
        if path.is_empty() { "body".to_owned() } else { path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn told(body: &Value) -> Option<(String, usize)> {
        match check(body.to_string().as_bytes()) {
            Err(BadAsk::TooMuch { field, most, .. }) => Some((field, most)),
            Err(other) => panic!("{other}"),
            Ok(()) => None,
        }
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!("\\\"[{".repeat(5_000)), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn each_bound_is_told_with_the_field_that_passes_it() {
        let parts = |count: usize| vec![json!({"type": "text", "text": "x"}); count];
        let tools = |count: usize| json!({"tools": vec![json!({"name": "t", "input_schema": {"tools": [{}]}}); count]});
        let messages = |count: usize| vec![json!({"role": "user", "content": "hi \" [ {"}); count];
        for name in ["messages", "input"] {
            assert_eq!(told(&json!({name: messages(MOST_MESSAGES)})), None);
            assert_eq!(told(&json!({name: messages(MOST_MESSAGES + 1)})), Some((name.into(), MOST_MESSAGES)));
            let content = |count| json!({name: [{"role": "user", "content": "x"}, {"role": "user", "content": parts(count)}]});
            assert_eq!(told(&content(MOST_PARTS)), None);
            assert_eq!(told(&content(MOST_PARTS + 1)), Some((format!("{name}[1].content"), MOST_PARTS)));
        }
        let results = json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": parts(MOST_PARTS)}]}]});
        assert_eq!(told(&results), Some(("messages[0].content[0].content".into(), MOST_PARTS)));
        assert_eq!(told(&tools(MOST_TOOLS / 2)), None);
        assert_eq!(told(&json!({"tools": vec![json!({"name": "tool"}); MOST_TOOLS + 1]})), Some(("tools".into(), MOST_TOOLS)));
        assert_eq!(told(&json!({"system": parts(MOST_PARTS + 1)})), Some(("system".into(), MOST_PARTS)));
        assert_eq!(told(&json!({"input": vec![1; MOST_VALUES - 2]})), None);
        assert_eq!(told(&json!({"metadata": {"list": vec![1; MOST_VALUES]}})), Some(("metadata.list".into(), MOST_VALUES)));
        assert_eq!(told(&json!({"metadata": nested(MOST_DEPTH - 1)})), None);
        let (field, most) = told(&json!({"metadata": nested(MOST_DEPTH)})).unwrap();
        assert!(field.starts_with("metadata.a.a.a") && field.ends_with('…') && most == MOST_DEPTH, "{field}");
    }

    #[test]
    fn what_is_no_json_is_left_to_its_reader() {
        let filler = "x".repeat(WORTH_A_LOOK);
        for odd in ["", "]]]]", "{\"a\":", "\"", "\"\\", "{\"messages\":[{\"", "nul", "\u{7}", "{]}[:,"] {
            assert_eq!(check(format!("{{\"a\":\"{filler}\"}}{odd}").as_bytes()), Ok(()), "{odd}");
        }
    }
}
