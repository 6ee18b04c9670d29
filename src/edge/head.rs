//! What a request's head says: key, address, ids, headers that may go upstream.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponseBuilder};
use actors::vocabulary::Family;

use crate::config::TrustedProxies;
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

/// The first present of `Authorization: Bearer`, `x-api-key`, `api-key`.
pub(super) fn credential(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    });
    bearer.or_else(|| text("x-api-key")).or_else(|| text("api-key"))
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
