//! A tool's input: JSON text in the middle, an object in this protocol.

use serde_json::{Value, json};

use crate::translation::hub::{Call, ToolKind, wrapped};

/// A call's input as the object this protocol wants. Nothing said is an empty object; what is no object is kept as
/// the text it is.
pub fn object(call: &Call) -> Value {
    match call.kind {
        ToolKind::Custom => json!({ "input": call.input }),
        ToolKind::Function => parsed(&call.input),
    }
}

fn parsed(text: &str) -> Value {
    if text.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Value::Object(fields),
        Ok(Value::Null) => json!({}),
        _ => json!({ "input": text }),
    }
}

/// An input object as JSON text.
pub fn text(input: &Value) -> String {
    if input.is_null() { "{}".to_owned() } else { input.to_string() }
}

/// Arguments on their way to the client, piece by piece: what can be passed on at once, and whether they are complete.
#[derive(Debug)]
pub enum Growing {
    /// Nothing but white space so far.
    Empty,
    /// An object: passed on as it comes.
    Object(Depth),
    /// No object: kept to the end and wrapped.
    Foreign(String),
    /// Free text of a custom tool; whether the opening was written.
    Free(bool),
}

impl Growing {
    /// For a call of this kind.
    pub fn new(kind: ToolKind) -> Self {
        match kind {
            ToolKind::Function => Self::Empty,
            ToolKind::Custom => Self::Free(false),
        }
    }

    /// Takes a piece; gives the JSON to pass on, perhaps none.
    pub fn feed(&mut self, piece: &str) -> String {
        match self {
            Self::Empty => {
                let piece = piece.trim_start();
                match piece.chars().next() {
                    None => String::new(),
                    Some('{') => {
                        *self = Self::Object(Depth::default());
                        self.feed(piece)
                    }
                    Some(_) => {
                        *self = Self::Foreign(piece.to_owned());
                        String::new()
                    }
                }
            }
            Self::Object(depth) => piece[..depth.walk(piece)].to_owned(),
            Self::Foreign(kept) => {
                kept.push_str(piece);
                String::new()
            }
            Self::Free(opened) => {
                let quoted = Value::from(piece).to_string();
                let inside = &quoted[1..quoted.len() - 1];
                let opening = if std::mem::replace(opened, true) { "" } else { "{\"input\":\"" };
                format!("{opening}{inside}")
            }
        }
    }

    /// Whether nothing can follow.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Object(depth) if depth.is_complete())
    }

    /// What is left to pass on at the end.
    pub fn finish(&mut self) -> String {
        match std::mem::replace(self, Self::Empty) {
            Self::Empty | Self::Object(_) => String::new(),
            Self::Foreign(kept) if kept.trim() == "null" => String::new(),
            Self::Foreign(kept) => wrapped(&kept),
            Self::Free(true) => "\"}".to_owned(),
            Self::Free(false) => wrapped(""),
        }
    }
}

/// How deep in an object's braces and brackets its text has come.
#[derive(Debug, Default)]
pub struct Depth {
    open: usize,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Depth {
    fn is_complete(&self) -> bool {
        self.begun && self.open == 0
    }

    /// Walks on; gives how many bytes of `piece` belong to the object.
    fn walk(&mut self, piece: &str) -> usize {
        for (at, byte) in piece.bytes().enumerate() {
            if self.is_complete() {
                return at;
            }
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => {
                    self.open += 1;
                    self.begun = true;
                }
                b'}' | b']' => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
        piece.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(kind: ToolKind, pieces: &[&str]) -> String {
        let mut growing = Growing::new(kind);
        let mut text: String = pieces.iter().map(|piece| growing.feed(piece)).collect();
        text += &growing.finish();
        text
    }

    #[test]
    fn an_object_passes_as_it_comes_and_ends_at_its_last_brace() {
        let mut growing = Growing::new(ToolKind::Function);
        assert_eq!(growing.feed(" "), "");
        assert_eq!(growing.feed(r#"{"a":"}\"""#), r#"{"a":"}\"""#);
        assert!(!growing.is_complete());
        assert_eq!(growing.feed(",\"b\":[1]} {}"), ",\"b\":[1]}");
        assert!(growing.is_complete());
        assert_eq!(growing.feed("more"), "");
    }

    #[test]
    fn other_arguments_are_kept_as_an_input() {
        assert_eq!(grown(ToolKind::Function, &["ls", " -l"]), r#"{"input":"ls -l"}"#);
        assert_eq!(grown(ToolKind::Function, &["nu", "ll"]), "");
        assert_eq!(grown(ToolKind::Custom, &["a\"", "b"]), r#"{"input":"a\"b"}"#);
        assert_eq!(parsed("{oops"), json!({"input": "{oops"}));
        assert_eq!(parsed(" "), json!({}));
        assert_eq!(parsed(r#"{"a":1}"#), json!({"a": 1}));
    }
}
