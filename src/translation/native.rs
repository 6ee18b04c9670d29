//! The few bytes that change on a same-protocol route: the model's name, `stream_options.include_usage`, and what reasoning
//! models refuse ([`super::adapt`]).
//!
//! Bytes are spliced, never parsed and written again, so that everything else stays as it came.

use std::ops::Range;

use actors::vocabulary::Protocol;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ask::Ask;
use super::sse::Frame;

/// Whether the body changes at all on its way to an upstream that is asked for `model`.
pub fn changes(protocol: Protocol, ask: &Ask, model: &str) -> bool {
    ask.model != model || (protocol == Protocol::ChatCompletions && ask.stream && !ask.include_usage)
}

/// The body for an upstream that is asked for `model`, with what else is to change. On a Chat Completions stream, usage is
/// asked for, too.
pub fn request_body(protocol: Protocol, ask: &Ask, body: &Bytes, model: &str, mut edits: Vec<(Range<usize>, String)>) -> Bytes {
    if ask.model != model {
        edits.push((ask.model_span.clone(), json_string(model)));
    }
    if protocol == Protocol::ChatCompletions && ask.stream && !ask.include_usage {
        edits.extend(ask_for_usage(ask, body));
    }
    splice(body, edits)
}

/// The edit that makes a Chat Completions stream report its usage.
fn ask_for_usage(ask: &Ask, body: &Bytes) -> Option<(Range<usize>, String)> {
    match &ask.stream_options_span {
        None => {
            let brace = memchr::memchr(b'{', body)?;
            Some((brace + 1..brace + 1, r#""stream_options":{"include_usage":true},"#.to_owned()))
        }
        Some(span) => {
            let given: Option<serde_json::Map<String, serde_json::Value>> =
                serde_json::from_slice(body.get(span.clone())?).ok()?;
            let mut options = given.unwrap_or_default();
            options.insert("include_usage".to_owned(), true.into());
            Some((span.clone(), serde_json::Value::Object(options).to_string()))
        }
    }
}

/// Where an answer, or an event's data, names its model.
fn model_span(protocol: Protocol, json: &[u8]) -> Option<Range<usize>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        model: Option<&'a RawValue>,
        #[serde(borrow)]
        message: Option<Inner<'a>>,
        #[serde(borrow)]
        response: Option<Inner<'a>>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        model: Option<&'a RawValue>,
    }
    let text = std::str::from_utf8(json).ok()?;
    let named: Named<'_> = serde_json::from_str(text).ok()?;
    let inside = match protocol {
        Protocol::Messages => named.message.and_then(|message| message.model),
        Protocol::Responses => named.response.and_then(|response| response.model),
        _ => None,
    };
    let raw = named.model.or(inside)?.get();
    let start = raw.as_ptr() as usize - text.as_ptr() as usize;
    Some(start..start + raw.len()).filter(|_| raw.starts_with('"'))
}

/// `json` with its model renamed; `None` when it names none.
pub fn renamed(protocol: Protocol, json: &[u8], model: &str) -> Option<Bytes> {
    let span = model_span(protocol, json)?;
    Some(splice(&Bytes::copy_from_slice(json), vec![(span, json_string(model))]))
}

/// The type of a Messages event whose `event:` line is missing.
pub fn missing_name(frame: &Frame) -> Option<String> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: String,
    }
    if frame.event.is_some() {
        return None;
    }
    let typed: Typed = serde_json::from_slice(frame.data.as_deref()?).ok()?;
    let is_name = !typed.kind.is_empty() && typed.kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then_some(typed.kind)
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `body` with its ranges replaced.
pub fn splice(body: &Bytes, mut edits: Vec<(Range<usize>, String)>) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut spliced = Vec::with_capacity(body.len() + edits.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut at = 0;
    for (range, text) in edits {
        spliced.extend_from_slice(&body[at..range.start]);
        spliced.extend_from_slice(text.as_bytes());
        at = range.end;
    }
    spliced.extend_from_slice(&body[at..]);
    spliced.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(protocol: Protocol, body: &str, model: &str) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let ask = Ask::read(protocol, &body).unwrap();
        String::from_utf8(request_body(protocol, &ask, &body, model, Vec::new()).to_vec()).unwrap()
    }

    #[test]
    fn only_the_model_changes() {
        let body =
            r#"{ "messages":[{"role":"user","content":"model"}], "x":{"model":"inner"},"model" : "a\u0062c" , "max_tokens":1}"#;
        assert_eq!(asked(Protocol::Messages, body, "abc"), body, "the same name, however it is written, stays as it is");
        assert_eq!(asked(Protocol::Messages, body, "n\"ew"), body.replace(r#""a\u0062c""#, r#""n\"ew""#));
    }

    #[test]
    fn a_chat_stream_reports_its_usage() {
        let plain = r#"{"model":"m","messages":[],"stream":true}"#;
        let forced = asked(Protocol::ChatCompletions, plain, "m");
        assert_eq!(forced, r#"{"stream_options":{"include_usage":true},"model":"m","messages":[],"stream":true}"#);
        let with = r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_obfuscation":false}}"#;
        assert!(asked(Protocol::ChatCompletions, with, "m").contains(r#"{"include_obfuscation":false,"include_usage":true}"#));
        let null = r#"{"model":"m","messages":[],"stream":true,"stream_options":null}"#;
        assert_eq!(asked(Protocol::ChatCompletions, null, "m"), null.replace("null", r#"{"include_usage":true}"#));
        let wanted = r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
        assert_eq!(asked(Protocol::ChatCompletions, wanted, "m"), wanted);
    }

    #[test]
    fn an_answer_names_the_model_the_client_asked_for() {
        let event = br#"{"type":"message_start","message":{"id":"1","model":"up","content":[]}}"#;
        let renamed = renamed(Protocol::Messages, event, "down").unwrap();
        assert_eq!(renamed, r#"{"type":"message_start","message":{"id":"1","model":"down","content":[]}}"#.as_bytes());
    }

    proptest! {
        #[test]
        fn unknown_fields_survive_to_the_byte(key in "[a-z]{3,12}", value in "[^\"\\\\\\x00-\\x1f]{0,40}", number in any::<i64>()) {
            let body = format!(r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":"{value}"}}],"z_{key}":{{"a":[{number},null, 1.50]}}}}"#);
            prop_assert_eq!(asked(Protocol::Messages, &body, "m"), body.clone());
            prop_assert_eq!(asked(Protocol::Messages, &body, "w"), body.replacen(r#""model":"m""#, r#""model":"w""#, 1));
        }
    }
}
