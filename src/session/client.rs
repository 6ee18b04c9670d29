//! The client as the connection shows it: address, whether TLS is in front, its name for itself.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap, USER_AGENT};
use url::{Host, Url};

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
    /// Whether somebody on this very machine asked for the machine's own address, with no proxy in between. A page elsewhere
    /// whose name was made to resolve here (DNS rebinding) asks by that name.
    pub local: bool,
}

/// What proxies add: one of these, and the client is somebody else.
const FORWARDED: [&str; 6] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

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
            local: peer.is_some_and(|peer| peer.to_canonical().is_loopback())
                && !FORWARDED.iter().any(|name| headers.contains_key(*name))
                && headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(names_this_machine),
        }
    }
}

/// Whether a `Host` is an address, or `localhost`: no name that somebody else's DNS answers for.
fn names_this_machine(host: &str) -> bool {
    match Url::parse(&format!("http://{host}")).as_ref().map(Url::host) {
        Ok(Some(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
        Ok(Some(Host::Ipv4(_) | Host::Ipv6(_))) => true,
        Ok(None) | Err(_) => false,
    }
}

/// All values of a header, comma-separated, in order.
pub(super) fn joined(headers: &HeaderMap, name: &str) -> String {
    headers.get_all(name).filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_named_by_its_addresses_and_by_localhost() {
        for host in
            ["127.0.0.1:3000", "localhost", "localhost:80", "LOCALHOST:3000", "api.localhost", "[::1]:3000", "192.168.1.2"]
        {
            assert!(names_this_machine(host), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:3000", "localhost.evil.example", "", "a b", "notlocalhost"] {
            assert!(!names_this_machine(host), "{host}");
        }
    }
}
