//! Refuses changes that another site made a browser send.
//!
//! The session cookie goes along with requests of any page the browser shows; what tells them apart is
//! `Sec-Fetch-Site` and `Origin`, which pages cannot forge. Scripts send neither and pass.

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;
use url::Url;

use super::Doorstep;
use super::site::{hosts, sent_to};
use crate::services::error::{CROSS_SITE, OTHER_ORIGIN};
use crate::services::{Served, ServiceError};

/// Passes requests that only read, come from our own pages, or come from no page at all.
///
/// # Errors
/// `cross_site`.
pub(super) fn check(request: &HttpRequest, doorstep: &Doorstep) -> Served<()> {
    if request.method().is_safe() {
        return Ok(());
    }
    let header =
        |name| request.headers().get(name).map(|value: &actix_web::http::header::HeaderValue| value.to_str().unwrap_or("null"));
    let origin = header(ORIGIN.as_str());
    match (header("sec-fetch-site"), origin) {
        (Some("same-origin" | "none"), _) | (None, None) => Ok(()),
        (Some("same-site") | None, Some(origin)) if is_own(request, doorstep, origin) => Ok(()),
        (_, Some(origin)) => Err(from_elsewhere(request, doorstep, origin)),
        (Some(_), None) => Err(ServiceError::new(&CROSS_SITE)),
    }
}

/// The refusal with both addresses: behind a proxy that passes its own `Host` they differ for everybody, and that is how an
/// operator learns why nobody can sign in.
fn from_elsewhere(request: &HttpRequest, doorstep: &Doorstep, origin: &str) -> ServiceError {
    let origin = Url::parse(origin).ok().filter(Url::has_host).map(|origin| origin.origin().ascii_serialization());
    match (origin, sent_to(request, &doorstep.proxies)) {
        (Some(origin), Some(host)) => ServiceError::new(&OTHER_ORIGIN).with("origin", origin).with("host", host),
        _ => ServiceError::new(&CROSS_SITE),
    }
}

/// Whether `origin` is the host this request was sent to, or the configured address of the site.
fn is_own(request: &HttpRequest, doorstep: &Doorstep, origin: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    let site = doorstep.services.settings.settings().site_url.and_then(|site| Url::parse(&site).ok());
    hosts(request, &doorstep.proxies).iter().any(|host| is_host(&origin, host))
        || site.is_some_and(|site| site.origin() == origin.origin())
}

/// Compares host and port, filling in the default port of the origin's scheme.
fn is_host(origin: &Url, host: &str) -> bool {
    let Ok(own) = Url::parse(&format!("{}://{}", origin.scheme(), host.trim())) else { return false };
    !host.is_empty() && own.host() == origin.host() && own.port_or_known_default() == origin.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_ours_by_host_and_port() {
        let own = |origin: &str, host: &str| is_host(&Url::parse(origin).unwrap(), host);
        assert!(own("http://127.0.0.1:3000", "127.0.0.1:3000"));
        assert!(own("https://gate.example", "gate.example:443"));
        assert!(own("https://GATE.example", "gate.example"));
        assert!(!own("https://gate.example", "gate.example:8443"));
        assert!(!own("https://evil.example", "gate.example"));
        assert!(!own("https://evil.example", ""));
    }
}
