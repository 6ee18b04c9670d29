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
    /// It carries a user name, password, query or fragment. An empty fragment (a `#` at the end) is allowed.
    #[error("no user name, password, query or fragment")]
    Extras,
    /// It has characters that parsers of URLs skip or take for others.
    #[error("no spaces, line ends, control characters or backslashes")]
    Characters,
}

/// What clients append to a base URL. Where one stands at the end, the whole address of a route was pasted.
const ENDPOINTS: [&str; 6] = ["/chat/completions", "/messages/count_tokens", "/messages", "/responses", "/embeddings", "/models"];

/// The form that requests are sent to: `scheme://host[:port]/path/v<digits>`, no trailing slash; `/v1` is inserted where
/// no version stands at the end. Three spellings are taken as they stand: an address that ends in a route
/// (`…/inference/chat/completions`, the route is cut off), one that ends in `#`, and Gemini's `/v1beta/openai`.
///
/// # Errors
/// Says what is wrong with the URL.
pub fn normalise(given: &str) -> Result<String, BadBaseUrl> {
    let url = parse(given)?;
    let path = url.path().trim_end_matches('/');
    let pasted = ENDPOINTS.iter().find_map(|endpoint| path.strip_suffix(endpoint));
    let path = pasted.unwrap_or(path).trim_end_matches('/');
    let is_whole = pasted.is_some() || url.fragment().is_some() || ends_in_version(path);
    let version = if is_whole { "" } else { "/v1" };
    Ok(format!("{}{path}{version}", url.origin().ascii_serialization()))
}

/// Whether a path ends in `v<digits>`, also with `alpha` or `beta` behind it, or in such a version and `openai`: Gemini's
/// documented address is `/v1beta/openai` (ai.google.dev/gemini-api/docs/openai).
fn ends_in_version(path: &str) -> bool {
    let mut segments = path.rsplit('/');
    let last = segments.next().unwrap_or_default();
    is_version(last) || (last == "openai" && segments.next().is_some_and(is_version))
}

fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else { return false };
    let stage = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = rest.len() > stage.len();
    let stage = stage.trim_end_matches(|c: char| c.is_ascii_digit());
    number && matches!(stage, "" | "alpha" | "beta")
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
    if has_user_info(given) || url.query().is_some() || has_fragment(&url) {
        return Err(BadBaseUrl::Extras);
    }
    if url.host_str().is_none_or(str::is_empty) { Err(BadBaseUrl::Syntax) } else { Ok(url) }
}

fn has_fragment(url: &Url) -> bool {
    url.fragment().is_some_and(|fragment| !fragment.is_empty())
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
    fn addresses_without_a_version_can_be_written() {
        for (given, expected) in [
            ("https://g.example/v1beta/openai/", "https://g.example/v1beta/openai"),
            ("https://g.example/v1alpha2", "https://g.example/v1alpha2"),
            ("https://g.example/inference#", "https://g.example/inference"),
            ("https://g.example/#", "https://g.example"),
            ("https://g.example/v1#", "https://g.example/v1"),
            ("https://g.example/openai", "https://g.example/openai/v1"),
            ("https://g.example/v1gamma", "https://g.example/v1gamma/v1"),
            ("https://g.example/vbeta", "https://g.example/vbeta/v1"),
        ] {
            assert_eq!(normalise(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn a_pasted_route_is_the_address_before_it() {
        for (given, expected) in [
            ("https://h/v1/chat/completions", "https://h/v1"),
            ("https://h/v1/chat/completions/", "https://h/v1"),
            ("https://h/api/paas/v4/chat/completions", "https://h/api/paas/v4"),
            ("https://h/v1/messages", "https://h/v1"),
            ("https://h/v1/messages/count_tokens", "https://h/v1"),
            ("https://h/anthropic/v1/messages/", "https://h/anthropic/v1"),
            ("https://h/v1/responses", "https://h/v1"),
            ("https://h/v1/embeddings", "https://h/v1"),
            ("https://h/v1/models", "https://h/v1"),
            ("https://h/inference/chat/completions", "https://h/inference"),
            ("https://h/v1/submessages", "https://h/v1/submessages/v1"),
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
