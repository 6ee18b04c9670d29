//! A channel's `baseUrl`: what is accepted, and the form the road uses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Why a `baseUrl` was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBaseUrl {
    /// Not an absolute URL, or too long.
    #[error("not an absolute URL")]
    Syntax,
    /// Neither `http` nor `https`.
    #[error("only http and https")]
    Scheme,
    /// It carries a user name, password, query or fragment.
    #[error("no user name, password, query or fragment")]
    Extras,
}

/// The form the road uses: `scheme://host[:port]/path/v<digits>`, no trailing slash; `/v1` is inserted
/// where no version stands at the end.
///
/// # Errors
/// Says what is wrong with the URL.
pub fn normalise(given: &str) -> Result<String, BadBaseUrl> {
    let url = parse(given)?;
    let path = url.path().trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let versioned = last.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    let version = if versioned { "" } else { "/v1" };
    Ok(format!("{}{path}{version}", url.origin().ascii_serialization()))
}

/// Whether the URL names a private, loopback, link-local, metadata or otherwise internal host literally.
/// Names that resolve to such addresses are caught where connections are made.
pub fn names_private_host(given: &str) -> bool {
    let Ok(url) = parse(given) else { return true };
    match url.host() {
        Some(Host::Ipv4(address)) => is_private(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_private(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let internal = [".localhost", ".local", ".internal"].iter().any(|end| name.ends_with(end));
            internal || name == "localhost" || name == "metadata"
        }
        None => true,
    }
}

/// Whether an address belongs to nobody on the public internet.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0)
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let head = address.segments()[0];
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_private_v4(v4);
    }
    let nat64 = address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let six_to_four = head == 0x2002;
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || head & 0xfe00 == 0xfc00
        || head & 0xffc0 == 0xfe80
        || head & 0xffc0 == 0xfec0
        || address.segments()[..6] == [0; 6]
        || (nat64 && is_private_v4(embedded_v4(address.segments()[6], address.segments()[7])))
        || (six_to_four && is_private_v4(embedded_v4(address.segments()[1], address.segments()[2])))
}

fn embedded_v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

fn parse(given: &str) -> Result<Url, BadBaseUrl> {
    if given.len() > 2_048 {
        return Err(BadBaseUrl::Syntax);
    }
    let url = Url::parse(given.trim()).map_err(|_| BadBaseUrl::Syntax)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadBaseUrl::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(BadBaseUrl::Extras);
    }
    if url.host_str().is_none_or(str::is_empty) { Err(BadBaseUrl::Syntax) } else { Ok(url) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_inserted_where_none_stands() {
        for (given, expected) in [
            ("https://api.openai.com", "https://api.openai.com/v1"),
            ("https://api.openai.com/", "https://api.openai.com/v1"),
            ("https://api.openai.com/v1", "https://api.openai.com/v1"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
            ("https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4"),
            ("http://127.0.0.1:9000/claude", "http://127.0.0.1:9000/claude/v1"),
            ("https://h/vision", "https://h/vision/v1"),
            ("https://h:443/v12", "https://h/v12"),
            ("HTTP://[::1]:80/", "http://[::1]/v1"),
        ] {
            assert_eq!(normalise(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for (given, why) in [
            ("api.openai.com", BadBaseUrl::Syntax),
            ("", BadBaseUrl::Syntax),
            ("ftp://h/v1", BadBaseUrl::Scheme),
            ("https://user:pw@h/v1", BadBaseUrl::Extras),
            ("https://h/v1?key=1", BadBaseUrl::Extras),
            ("https://h/v1#x", BadBaseUrl::Extras),
        ] {
            assert_eq!(normalise(given), Err(why), "{given}");
        }
    }

    #[test]
    fn private_hosts_are_known_by_any_spelling() {
        for given in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://10.1.2.3/",
            "http://169.254.169.254/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://localhost:1/",
            "http://a.localhost/",
            "http://metadata.google.internal/",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://[64:ff9b::a00:1]/",
            "http://[2002:a00:1::]/",
            "http://192.168.0.1./",
        ] {
            assert!(names_private_host(given), "{given}");
        }
        for given in ["https://api.openai.com", "http://8.8.8.8", "http://[2606:4700::1111]/", "https://172.32.0.1/"] {
            assert!(!names_private_host(given), "{given}");
        }
    }
}
