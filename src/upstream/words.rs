//! An upstream's own words for a failure, for those who run the gateway: bounded, without secrets.

use actors::vocabulary::Channel;
use serde_json::Value;

/// Most of a message that is kept.
const MOST_CHARS: usize = 300;
/// Most of a body that is looked at.
const MOST_BYTES: usize = 64 << 10;
/// What keys begin with, at vendors and here.
const KEYS: [&str; 8] = ["sk-", "sk_", "xai-", "gsk_", "AIza", "Bearer ", "pplx-", "key-"];
/// Keys are at least so long.
const LEAST_KEY_CHARS: usize = 8;

/// What the body of an error, or the data of an error event, says; `None` when it says nothing.
pub(super) fn own_words(body: &[u8], channel: &Channel) -> Option<String> {
    let value: Value = serde_json::from_slice(body.get(..body.len().min(MOST_BYTES))?).ok()?;
    let message = message(&value)?;
    let message = message.replace(channel.api_key.expose(), "…");
    let words: String = without_keys(&message).chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_CHARS).collect();
    Some(words.trim().to_owned()).filter(|words| !words.is_empty())
}

/// The message, wherever makers put it.
fn message(value: &Value) -> Option<&str> {
    const PLACES: [&str; 10] = [
        "/error/message",
        "/response/error/message",
        "/choices/0/error/message",
        "/error",
        "/errors/0/message",
        "/message",
        "/msg",
        "/detail",
        "/error_msg",
        "/base_resp/status_msg",
    ];
    PLACES.iter().filter_map(|place| value.pointer(place)?.as_str()).find(|text| !text.trim().is_empty())
}

/// The text with everything that looks like a key cut to its beginning.
fn without_keys(text: &str) -> String {
    let mut out = text.to_owned();
    for start in KEYS {
        let mut from = 0;
        while let Some(found) = out.get(from..).and_then(|rest| rest.find(start)) {
            let begin = from + found + start.len();
            let is_of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
            let length = out.get(begin..).map_or(0, |rest| rest.find(|c| !is_of_key(c)).unwrap_or(rest.len()));
            if length >= LEAST_KEY_CHARS {
                out.replace_range(begin..begin + length, "…");
            }
            from = begin;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_cut() {
        let text = "Incorrect API key provided: sk-proj-0123456789abcdef. Sent as Bearer abcdefgh1234, sk-1";
        assert_eq!(without_keys(text), "Incorrect API key provided: sk-… Sent as Bearer …, sk-1");
    }

    #[test]
    fn a_message_is_found_wherever_it_stands() {
        for body in [
            r#"{"error":{"message":"no"}}"#,
            r#"{"error":"no"}"#,
            r#"{"code":500,"msg":"no"}"#,
            r#"{"type":"response.failed","response":{"error":{"message":"no"}}}"#,
            r#"{"choices":[{"error":{"message":"no"}}]}"#,
        ] {
            assert_eq!(message(&serde_json::from_str(body).unwrap()), Some("no"), "{body}");
        }
        assert_eq!(message(&serde_json::json!({"error": {}})), None);
    }
}
