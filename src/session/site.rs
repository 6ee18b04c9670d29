//! Where this site is found: the one place that knows its address. What a client says of it is believed as far as it only
//! reaches that client (`Host`); what a proxy says, of trusted proxies alone.

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use url::Url;

use super::Doorstep;
use super::client::{Client, joined};
use crate::config::TrustedProxies;

/// `https://gate.example`, without a slash at the end: the setting `siteUrl`; else what a trusted proxy was asked for; else
/// the host this request was sent to.
pub fn address(request: &HttpRequest, doorstep: &Doorstep) -> String {
    if let Some(site) = doorstep.services.settings.settings().site_url.filter(|site| !site.is_empty()) {
        return site.trim_end_matches('/').to_owned();
    }
    let sent_to = sent_to(request, &doorstep.proxies);
    sent_to.unwrap_or_else(|| format!("{}://{}", scheme(request, &doorstep.proxies), request.app_config().local_addr()))
}

/// Scheme, host and port that this request was sent to, as the best of those that know say; `None` where nobody says one.
pub(super) fn sent_to(request: &HttpRequest, proxies: &TrustedProxies) -> Option<String> {
    hosts(request, proxies).iter().find_map(|host| origin(scheme(request, proxies), host))
}

fn scheme(request: &HttpRequest, proxies: &TrustedProxies) -> &'static str {
    if Client::of(request, proxies).secure { "https" } else { "http" }
}

/// The hosts that this request may have been sent to, best first: what a trusted proxy says, what the client says. Empty
/// where nobody says anything.
pub(super) fn hosts(request: &HttpRequest, proxies: &TrustedProxies) -> [String; 2] {
    let headers = request.headers();
    let is_trusted = request.peer_addr().is_some_and(|peer| proxies.trusts(peer.ip()));
    let forwarded = if is_trusted { joined(headers, "x-forwarded-host") } else { String::new() };
    // The proxy next to us wrote the last one.
    let nearest = forwarded.rsplit(',').next().unwrap_or_default().trim().to_owned();
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default().trim().to_owned();
    [nearest, host]
}

/// Scheme, host and port; `None` for what is no host and port.
fn origin(scheme: &str, host: &str) -> Option<String> {
    let plain = |char: char| char.is_ascii_alphanumeric() || ".-_:[]".contains(char);
    let url = Url::parse(&format!("{scheme}://{host}")).ok().filter(|_| host.chars().all(plain))?;
    Some(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_and_a_port_make_an_address() {
        assert_eq!(origin("http", "gate.example:8080").as_deref(), Some("http://gate.example:8080"));
        assert_eq!(origin("https", "GATE.example:443").as_deref(), Some("https://gate.example"));
        assert_eq!(origin("http", "[::1]:3000").as_deref(), Some("http://[::1]:3000"));
        for odd in ["", "evil.example/x", "a@evil.example", "evil.example?x", "evil.example'", "a b", "a\\b", ":80", "[::1"] {
            assert_eq!(origin("http", odd), None, "{odd}");
        }
    }
}
