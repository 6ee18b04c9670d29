//! An upstream's error in the words of another protocol.

use actors::vocabulary::{Family, Protocol};
use bytes::Bytes;
use serde_json::{Value, json};

use super::faults::{self, Fault};

/// Most of a body's text told when it is no vendor's error object.
const MOST_TOLD_BYTES: usize = 2_000;

/// The body of an upstream's error for a client of another protocol: the upstream's message, the client's shape, the type
/// that belongs to the status. Between OpenAI's two protocols the code stays what it is: clients act on it.
pub fn converted(client: Protocol, status: u16, body: &[u8], request_id: &str) -> Bytes {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let inner = error.get("error").unwrap_or(&error);
    let message = [inner.get("message"), inner.get("detail"), error.get("message"), Some(inner)]
        .into_iter()
        .flatten()
        .find_map(Value::as_str)
        .map_or_else(|| told(body), str::to_owned);
    let param = inner.get("param").and_then(Value::as_str);
    let (family, fault) = (client.family(), fault(status));
    match inner.get("code").and_then(Value::as_str) {
        Some(code) if family == Family::OpenAi => {
            let error = json!({"message": message, "type": fault.openai_type, "param": param, "code": code});
            json!({ "error": error }).to_string().into()
        }
        _ => faults::body(family, fault, &message, param, request_id),
    }
}

/// The fault a client is told for an upstream's own refusal of a request.
fn fault(status: u16) -> Fault {
    match status {
        404 => Fault::NOT_FOUND,
        413 => Fault::TOO_LARGE,
        415 => Fault::UNSUPPORTED,
        400..=499 => Fault { status, ..Fault::INVALID },
        _ => Fault::kept(status),
    }
}

/// The beginning of a body that is no error object.
fn told(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MOST_TOLD_BYTES)]);
    match text.trim() {
        "" => "the upstream gave no reason".to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(client: Protocol, status: u16, body: &str) -> Value {
        serde_json::from_slice(&converted(client, status, body.as_bytes(), "req_1")).unwrap()
    }

    #[test]
    fn an_openai_error_becomes_anthropics() {
        let body = r#"{"error":{"message":"Too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
        let error = told(Protocol::Messages, 400, body);
        assert_eq!(error["error"], json!({"type": "invalid_request_error", "message": "Too long"}));
        assert_eq!(error["type"], "error");
    }

    #[test]
    fn an_anthropic_error_becomes_openais() {
        let body = r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#;
        let error = told(Protocol::ChatCompletions, 413, body);
        assert_eq!(error["error"]["message"], "Request exceeds the maximum size");
        assert_eq!(error["error"]["code"], "request_too_large");
    }

    #[test]
    fn openais_code_stays_in_openais_protocols() {
        let body = r#"{"error":{"message":"Too long","type":"x","param":"input","code":"context_length_exceeded"}}"#;
        let wanted =
            json!({"message": "Too long", "type": "invalid_request_error", "param": "input", "code": "context_length_exceeded"});
        assert_eq!(told(Protocol::ChatCompletions, 400, body)["error"], wanted);
    }

    #[test]
    fn what_is_no_error_object_is_told_as_text() {
        assert_eq!(told(Protocol::Responses, 422, "no")["error"]["message"], "no");
        assert_eq!(told(Protocol::Responses, 400, "")["error"]["message"], "the upstream gave no reason");
        assert_eq!(told(Protocol::Messages, 400, r#"{"error":"bad"}"#)["error"]["message"], "bad");
    }
}
