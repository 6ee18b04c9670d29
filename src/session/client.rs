//! The client as the connection shows it: address, whether TLS is in front, its name for itself.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, USER_AGENT};

use crate::config::TrustedProxies;

/// Who connected, before anybody asks who they are.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its address; behind trusted proxies the one they saw.
    pub ip: Option<IpAddr>,
    /// Whether it speaks TLS, to us or to a trusted proxy.
    pub secure: bool,
    /// Its `User-Agent`, cut to 200 characters.
    pub user_agent: Option<String>,
}

impl Client {
    /// Reads it off a request.
    pub fn of(request: &HttpRequest, proxies: &TrustedProxies) -> Self {
        let headers = request.headers();
        let peer = request.peer_addr().map(|address| address.ip());
        let forwarded = |name| if peer.is_some_and(|peer| proxies.trusts(peer)) { joined(headers, name) } else { String::new() };
        let proto = forwarded("x-forwarded-proto");
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            ip: peer.map(|peer| proxies.client(peer, &forwarded("x-forwarded-for"))),
            secure: request.app_config().secure() || proto.rsplit(',').next().is_some_and(|last| last.trim() == "https"),
            user_agent: user_agent.map(|text| text.chars().take(200).collect()),
        }
    }
}

/// All values of a header, comma-separated, in order.
pub(super) fn joined(headers: &HeaderMap, name: &str) -> String {
    headers.get_all(name).filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",")
}
