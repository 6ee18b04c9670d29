//! What a request's head says: key, address, ids, headers that may go upstream.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponseBuilder};
use actors::vocabulary::Family;

use crate::config::TrustedProxies;
use crate::secrets::RELAY_KEY_PREFIX;
use crate::telemetry::request_span;
use crate::upstream::may_go_upstream;

/// Longest client id kept as a label.
const MOST_LABEL_BYTES: usize = 128;
/// Headers that name a conversation.
const SESSION_HEADERS: [&str; 4] = ["session-id", "session_id", "x-claude-code-session-id", "x-session-id"];

/// The gateway's id for a request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// A fresh one. Begins with the milliseconds of its time, as a UUID of version 7 does (RFC 9562): what is inserted into an
    /// index one after another lies there side by side.
    pub fn new() -> Self {
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis()) & ((1 << 48) - 1);
        Self(format!("req_{ms:012x}{:020x}", fastrand::u128(..) >> 48))
    }

    /// What the request runs in, so that its log lines carry this id.
    pub fn span(&self) -> tracing::Span {
        request_span(&self.0)
    }

    /// Writes it on an answer; Anthropic's clients look for it under another name.
    pub fn write(&self, family: Family, response: &mut HttpResponseBuilder) {
        response.insert_header(("x-request-id", self.0.as_str()));
        if family == Family::Claude {
            response.insert_header(("request-id", self.0.as_str()));
        }
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

/// Headers that clients send their key in, in the order that decides between strangers' keys.
const KEY_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// The key a request came with. Clients send several when they are signed in elsewhere, too: the one that looks like ours
/// goes first, else the order of [`KEY_HEADERS`] decides.
pub(super) fn credential(headers: &HeaderMap) -> Option<&str> {
    let mut first = None;
    for name in KEY_HEADERS {
        for value in headers.get_all(name).filter_map(|value| value.to_str().ok()) {
            let Some(key) = (if name == "authorization" { bearer(value) } else { Some(value.trim()) }) else { continue };
            if key.starts_with(RELAY_KEY_PREFIX) {
                return Some(key);
            }
            if !key.is_empty() {
                first = first.or(Some(key));
            }
        }
    }
    first
}

/// The key in an `Authorization` header, also where a client forgot the scheme.
fn bearer(value: &str) -> Option<&str> {
    let value = value.trim();
    match value.split_once(' ') {
        Some((scheme, key)) => scheme.eq_ignore_ascii_case("bearer").then(|| key.trim()),
        None => (!value.eq_ignore_ascii_case("bearer")).then_some(value),
    }
}

/// The client's own id, as a label.
pub(super) fn label(headers: &HeaderMap) -> Option<&str> {
    let label = headers.get("x-request-id")?.to_str().ok()?;
    let end = label.char_indices().map(|(at, _)| at).take_while(|at| *at < MOST_LABEL_BYTES).last()?;
    label.get(..=end)
}

/// The conversation its headers name.
pub(super) fn session(headers: &HeaderMap) -> Option<String> {
    SESSION_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map(str::to_owned)
}

/// The headers that may go upstream.
pub(super) fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        if may_go_upstream(name.as_str()) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// Where a request came from: the peer, or what a trusted proxy in front of it says.
pub(super) fn client_address(request: &HttpRequest, proxies: &TrustedProxies) -> Option<IpAddr> {
    let forwarded = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let forwarded = forwarded.collect::<Vec<_>>().join(",");
    request.peer_addr().map(|peer| proxies.client(peer.ip(), &forwarded))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn chosen(sent: &[(&str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        credential(&headers).map(str::to_owned)
    }

    #[test]
    fn a_key_is_found_wherever_clients_put_it() {
        for name in ["x-api-key", "api-key", "x-goog-api-key", "authorization"] {
            assert_eq!(chosen(&[(name, "sk-1")]).as_deref(), Some("sk-1"), "{name}");
        }
        for value in ["Bearer sk-1", "bearer sk-1", "BEARER   sk-1 "] {
            assert_eq!(chosen(&[("authorization", value)]).as_deref(), Some("sk-1"), "{value}");
        }
        for value in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"] {
            assert_eq!(chosen(&[("authorization", value)]), None, "{value}");
            assert_eq!(chosen(&[("authorization", value), ("x-api-key", "sk-2")]).as_deref(), Some("sk-2"), "{value}");
        }
    }

    #[test]
    fn of_several_keys_the_one_that_looks_like_ours_counts() {
        let ours = "sk-relay-AAAA-secret";
        for (name, value) in [("x-api-key", ours), ("x-goog-api-key", ours), ("authorization", "Bearer sk-relay-AAAA-secret")] {
            for foreign in [("authorization", "Bearer sk-ant-oat01-x"), ("x-api-key", "sk-ant-api03-x"), ("api-key", "k")] {
                assert_eq!(chosen(&[foreign, (name, value)]).as_deref(), Some(ours), "{name} beside {foreign:?}");
            }
        }
        let two = [("x-api-key", "imported"), ("authorization", "Bearer other")];
        assert_eq!(chosen(&two).as_deref(), Some("other"), "among strangers the order of headers decides");
    }
}
