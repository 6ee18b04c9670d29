//! Writing JSON with its fields in the vendors' order, and framing it as server-sent events.

use std::fmt::Display;

use bytes::Bytes;
use serde::Serialize;

/// Writes one JSON value: literals and braces stand for themselves, `(expr)` is serialised, `(raw expr)` is
/// JSON already.
macro_rules! wire {
    ($($body:tt)+) => {{
        let mut out = String::new();
        wire_into!(out, $($body)+);
        out
    }};
}

macro_rules! wire_into {
    ($out:ident, null) => { $out.push_str("null"); };
    ($out:ident, {}) => { $out.push_str("{}"); };
    ($out:ident, []) => { $out.push_str("[]"); };
    ($out:ident, { $first:literal : $head:tt $(, $key:literal : $value:tt)* $(,)? }) => {
        $out.push_str(concat!("{\"", $first, "\":"));
        wire_into!($out, $head);
        $(
            $out.push_str(concat!(",\"", $key, "\":"));
            wire_into!($out, $value);
        )*
        $out.push('}');
    };
    ($out:ident, [ $head:tt $(, $value:tt)* $(,)? ]) => {
        $out.push('[');
        wire_into!($out, $head);
        $(
            $out.push(',');
            wire_into!($out, $value);
        )*
        $out.push(']');
    };
    ($out:ident, (raw $json:expr)) => { $out.push_str(AsRef::<str>::as_ref(&$json)); };
    ($out:ident, ($value:expr)) => { $crate::mock_upstream::wire::append(&mut $out, &$value); };
    ($out:ident, $literal:literal) => { $out.push_str(stringify!($literal)); };
}

/// Appends a value as JSON. What cannot be JSON (a map with odd keys) becomes `null`.
pub(super) fn append<T: Serialize + ?Sized>(out: &mut String, value: &T) {
    out.push_str(&json(value));
}

/// A value as JSON text.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// A JSON list of values that are JSON already.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(","))
}

/// A server-sent event with a name, as Messages and Responses write it.
pub(super) fn event(name: &str, data: impl Display) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// A server-sent event without a name, as Chat Completions writes it.
pub(super) fn data(data: impl Display) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// Standard base64 with padding, for embeddings and signatures.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * position) & 63) as usize];
            out.push(if position > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    out
}
