//! A channel's `baseUrl`: what is accepted, and the form the road uses.

use std::net::IpAddr;

use actors::vocabulary::address::is_public;
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
    /// It has characters that parsers of URLs skip or take for others.
    #[error("no spaces, line ends, control characters or backslashes")]
    Characters,
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
        Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let internal = [".localhost", ".local", ".internal"].iter().any(|end| name.ends_with(end));
            internal || name == "localhost" || name == "metadata"
        }
        None => true,
    }
}

/// Whether a URL has characters that parsers skip (line ends, tabs) or read as others (`\\` as `/`), so that what is shown
/// and what is called might differ.
pub fn has_odd_characters(url: &str) -> bool {
    url.chars().any(|char| char.is_control() || char.is_whitespace() || char == '\\')
}

/// Whether a URL names a user, be it an empty one: what stands before an `@` is easily taken for the host.
pub fn has_user_info(url: &str) -> bool {
    url.split_once("//").and_then(|(_, rest)| rest.split(['/', '?', '#']).next()).is_some_and(|authority| authority.contains('@'))
}

fn parse(given: &str) -> Result<Url, BadBaseUrl> {
    if given.len() > 2_048 {
        return Err(BadBaseUrl::Syntax);
    }
    let given = given.trim_matches(' ');
    if has_odd_characters(given) {
        return Err(BadBaseUrl::Characters);
    }
    let url = Url::parse(given).map_err(|_| BadBaseUrl::Syntax)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadBaseUrl::Scheme);
    }
    if has_user_info(given) || url.query().is_some() || url.fragment().is_some() {
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
            ("https://@h/v1", BadBaseUrl::Extras),
            ("http://h/\r\nx: y", BadBaseUrl::Characters),
            ("http://h/\n", BadBaseUrl::Characters),
            ("http://h/a\tb", BadBaseUrl::Characters),
            ("http://h/a b", BadBaseUrl::Characters),
            ("http://h/\0", BadBaseUrl::Characters),
            ("http://h/\u{85}", BadBaseUrl::Characters),
            ("http://h\\@evil.example/", BadBaseUrl::Characters),
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
