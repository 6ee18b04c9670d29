//! The request as an upstream gets it: address, headers, body.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actors::settings_cache::Offer;
use actors::vocabulary::{Channel, Family, Protocol};
use bytes::Bytes;

use super::wire::Outgoing;
use crate::admission::Inbound;
use crate::translation::native;

/// The version Anthropic's API asks for when the client named none.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The channel's address for a path. `None` when it is none.
pub(super) fn address(channel: &Channel, path: &str, query: &str) -> Option<Uri> {
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}/{path}{mark}{query}", channel.base_url).parse().ok()
}

/// The request for one offer. `None` when the channel's address or headers cannot be used.
pub(super) fn outgoing(inbound: &Inbound, offer: &Offer) -> Option<Outgoing> {
    let protocol = inbound.caller.protocol;
    let body = native::request_body(protocol, &inbound.ask, &inbound.body, &offer.upstream_model);
    let uri = address(&offer.channel, protocol.path(), &inbound.query)?;
    let mut headers = inbound.headers.clone();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if inbound.ask.stream { "text/event-stream" } else { "application/json" };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    dress(&mut headers, &offer.channel)?;
    Some(Outgoing { method: Method::POST, uri, headers, body })
}

/// A request of the gateway's own.
pub(super) fn own(channel: &Channel, method: Method, path: &str, body: Bytes) -> Option<Outgoing> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    dress(&mut headers, channel)?;
    Some(Outgoing { method, uri: address(channel, path, "")?, headers, body })
}

/// Adds the channel's key and its own headers, which win over the client's.
fn dress(headers: &mut HeaderMap, channel: &Channel) -> Option<()> {
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let key = channel.api_key.expose();
    match channel.family {
        Family::Claude => {
            headers.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_str(key).ok()?);
            let version = HeaderName::from_static("anthropic-version");
            if !headers.contains_key(&version) {
                headers.insert(version, ANTHROPIC_VERSION);
            }
        }
        Family::OpenAi => {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).ok()?).for_each(drop)
        }
    }
    for (name, value) in &channel.headers {
        headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
    }
    Some(())
}

/// Whether a client's request header may go upstream (contract §2, Fidelity).
pub fn may_go_upstream(name: &str) -> bool {
    const STARTS: [&str; 4] = ["anthropic-", "openai-", "x-stainless-", "x-claude-code-"];
    const NAMES: [&str; 4] = ["idempotency-key", "session-id", "session_id", "user-agent"];
    const NEVER: [&str; 2] = ["openai-organization", "openai-project"];
    !NEVER.contains(&name) && (NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start)))
}

/// Whether an upstream's response header comes back, and under which name: its request id and rate limits.
pub fn comes_back(name: &str, protocol: Protocol) -> Option<String> {
    let request_id = matches!((protocol.family(), name), (Family::Claude, "request-id") | (_, "x-request-id"));
    let limits = name.starts_with("anthropic-ratelimit-") || name.starts_with("x-ratelimit-");
    (request_id || limits).then(|| format!("x-upstream-{}", name.strip_prefix("x-").unwrap_or(name)))
}
