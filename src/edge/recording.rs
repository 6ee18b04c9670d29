//! What is kept of a request's head and body while an admin has recording switched on: enough to see what a client sends,
//! nothing that would let its reader act as that client.

use std::borrow::Cow;
use std::sync::LazyLock;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use regex::{Captures, Regex};

/// Most of a body kept.
const MOST_BYTES: usize = 64 << 10;
/// So much more is read, so that a secret across the end is known as one.
const BEYOND: usize = 4 << 10;
/// What stands in a secret's place.
const MASK: &str = "…";
/// Headers whose values are kept. A list of what may be seen: nobody can list what must not.
const KEPT: [&str; 18] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "anthropic-version",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "openai-beta",
    "transfer-encoding",
    "user-agent",
    "x-app",
    "x-request-id",
];
/// What the official SDKs say of themselves.
const KEPT_START: &str = "x-stainless-";

/// Head and body of a request, secrets masked, as JSON.
pub(super) fn details(request: &HttpRequest, body: &[u8]) -> String {
    let kept = String::from_utf8_lossy(&body[..body.len().min(MOST_BYTES + BEYOND)]);
    let masked = without_secrets(&kept);
    let body_shown = &masked[..masked.floor_char_boundary(MOST_BYTES)];
    serde_json::json!({"headers": headers(request.headers()), "body": body_shown, "truncated": body.len() > MOST_BYTES})
        .to_string()
}

fn headers(headers: &HeaderMap) -> serde_json::Map<String, serde_json::Value> {
    let shown = |name: &str, value: &[u8]| {
        if is_kept(name) { without_secrets(&String::from_utf8_lossy(value)) } else { MASK.to_owned() }
    };
    headers.iter().map(|(name, value)| (name.to_string(), shown(name.as_str(), value.as_bytes()).into())).collect()
}

fn is_kept(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    KEPT.contains(&name.as_str()) || name.starts_with(KEPT_START)
}

/// A text whose secrets are masked, wherever they stand: in JSON, in JSON inside a string, in URLs, in prose.
fn without_secrets(text: &str) -> String {
    let text = PATTERNS.headers.replace_all(text, |found: &Captures<'_>| {
        PATTERNS
            .member
            .replace_all(&found[0], |member: &Captures<'_>| {
                if is_kept(&member[2]) { member[0].to_owned() } else { format!("{}{}{}", &member[1], MASK, &member[4]) }
            })
            .into_owned()
    });
    let masks: [(&Regex, &str); 7] = [
        (&PATTERNS.pem, "${1}…"),
        (&PATTERNS.scheme, "${1}…"),
        (&PATTERNS.member_of_json, "${1}…"),
        (&PATTERNS.member_of_text, "${1}…"),
        (&PATTERNS.known, "${1}…"),
        (&PATTERNS.user_info, "${1}…@"),
        (&PATTERNS.query, "${1}…"),
    ];
    let text = masks.into_iter().fold(text, |text, (pattern, mask)| match pattern.replace_all(&text, mask) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => Cow::Owned(masked),
    });
    let bare = |found: &Captures<'_>| {
        let is_plain =
            matches!(&found[2], "null" | "true" | "false") || found[2].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_plain { found[0].to_owned() } else { format!("{}{MASK}", &found[1]) }
    };
    PATTERNS.bare.replace_all(&text, bare).into_owned()
}

/// Names of fields and variables whose values are secrets.
const SECRET_NAME: &str = "(?i-u:[a-z0-9_.-]*(?:authorization(?:_token)?|api[_-]?key|access[_-]?key(?:[_-]?id)?|\
     secret(?:[_-]?(?:access[_-]?)?key)?|private[_-]?key|signing[_-]?key|passw(?:or)?d|passphrase|token|cookie|credentials?|\
     assertion))";
/// Blanks of JSON.
const BLANK: &str = "[ \\t\\r\\n]*";

/// How secrets look.
struct Patterns {
    /// An object of headers, as tools of remote servers have.
    headers: Regex,
    /// One of its members: up to the value, its name, the value, the quote behind it.
    member: Regex,
    /// A name that means a secret, and its value in the quotes of JSON.
    member_of_json: Regex,
    /// The same in JSON inside a string, where quotes are escaped.
    member_of_text: Regex,
    /// The same without quotes around the value, or in prose.
    bare: Regex,
    /// Keys that vendors let begin in a way of their own, and JWTs.
    known: Regex,
    /// What follows the name of a scheme in `Authorization`.
    scheme: Regex,
    /// What stands before the `@` of a URL.
    user_info: Regex,
    /// A URL's parameter that signs or opens something.
    query: Regex,
    /// A private key.
    pem: Regex,
}

#[expect(clippy::expect_used, reason = "fixed patterns; a test makes them")]
static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(text).expect("a pattern");
    Patterns {
        headers: pattern(r#"\\*"(?i-u:[a-z_]*headers)\\*"[ \t\r\n]*:[ \t\r\n]*\{[^{}]*\}?"#),
        member: pattern(r#"(\\*"([^"\\]*)\\*"[ \t\r\n]*:[ \t\r\n]*\\*")((?:[^"\\]|\\[^"])*)(\\*"?)"#),
        member_of_json: pattern(&format!(r#"({SECRET_NAME}"{BLANK}:{BLANK}")(?s:[^"\\]|\\.)+"#)),
        member_of_text: pattern(&format!(r#"({SECRET_NAME}\\+"{BLANK}:{BLANK}\\+")[^"\\]+(?:\\+[^"\\][^"\\]*)*"#)),
        bare: pattern(&format!(r#"({SECRET_NAME}\\*["']?{BLANK}[:=]{BLANK}\\*["']?)([^"'\\ \t\r\n,;&{{}}\[\]…]{{3,}})"#)),
        known: pattern(
            r"(?-u:\b)(sk-|sk_live_|sk_test_|rk_live_|AIza|AKIA|ASIA|gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|xapp-|hf_|gsk_|xai-|r8_|nvapi-|npm_|pypi-|whsec_|shpat_|dop_v1_|ya29\.|SG\.|eyJ)[A-Za-z0-9_.=-]{10,}",
        ),
        scheme: pattern(r"((?-u:\b)(?:[Bb]earer|Basic|Digest|Token) +)[A-Za-z0-9._~+/=-]{12,}"),
        user_info: pattern(r#"(://)[^/ \t\r\n"'\\@<>]+@"#),
        query: pattern(
            r#"([?&](?i-u:[a-z0-9_.-]*(?:key|token|secret|sig|signature|password|passwd|pwd|auth|code|credential|session|jwt))=)[^&# \t\r\n"'\\<>]+"#,
        ),
        pem: pattern(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?s:.)*?(?:-----END|\z)"),
    }
});

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde_json::{Value, json};

    use super::*;

    fn recorded(request: TestRequest, body: &str) -> Value {
        serde_json::from_str(&details(&request.to_http_request(), body.as_bytes())).unwrap()
    }

    #[test]
    fn of_headers_only_the_listed_ones_are_shown() {
        let mut request = TestRequest::default();
        let secrets = [
            "authorization",
            "x-api-key",
            "cookie",
            "set-cookie",
            "x-goog-api-key",
            "x-auth-token",
            "x-amz-security-token",
            "cf-access-jwt-assertion",
            "x-vault-token",
            "anthropic-api-key",
            "x-csrf-token",
            "openai-organization",
            "x-nobody-has-heard-of-it",
        ];
        for name in secrets {
            request = request.insert_header((name, "value-of-a-secret"));
        }
        request = request.insert_header(("user-agent", "claude-cli/2.0")).insert_header(("X-Stainless-Lang", "python"));
        request = request.insert_header(("anthropic-beta", "context-1m")).insert_header(("accept", "Bearer abcdefghijklmnop"));
        let record = recorded(request, "{}");
        for name in secrets {
            assert_eq!(record["headers"][name], MASK, "{name}");
        }
        assert_eq!(record["headers"]["user-agent"], "claude-cli/2.0");
        assert_eq!(record["headers"]["x-stainless-lang"], "python");
        assert_eq!(record["headers"]["anthropic-beta"], "context-1m");
        assert_eq!(record["headers"]["accept"], "Bearer …");
    }

    #[test]
    fn secrets_in_a_body_are_masked_wherever_they_stand() {
        let secret = "Zx81Zx81Zx81Zx81Zx81";
        let arguments = json!({"api_key": secret, "n": 1}).to_string();
        let bodies = [
            json!({"tools": [{"type": "mcp", "server_url": format!("https://user:{secret}@mcp.example/x")}]}),
            json!({"tools": [{"type": "mcp", "server_url": format!("https://mcp.example/x?key={secret}&a=1")}]}),
            json!({"tools": [{"type": "mcp", "headers": {"X-Own": secret, "accept": "text/html"}}]}),
            json!({"mcp_servers": [{"type": "url", "authorization_token": secret}]}),
            json!({"messages": [{"content": format!("export OPENAI_API_KEY={secret}")}]}),
            json!({"messages": [{"content": format!("my key is sk-proj-{secret} and AIza{secret}")}]}),
            json!({"messages": [{"content": format!("curl -H 'Authorization: Bearer {secret}'")}]}),
            json!({"messages": [{"content": format!("password: {secret}, please")}]}),
            json!({"messages": [{"tool_calls": [{"function": {"arguments": arguments}}]}]}),
            json!({"content": format!("-----BEGIN RSA PRIVATE KEY-----\n{secret}\n{secret}\n-----END RSA PRIVATE KEY-----")}),
            json!({"image_url": format!("https://bucket.example/a.png?X-Amz-Signature={secret}")}),
            json!({"nested": json!({"headers": {"X-Own": secret}}).to_string()}),
        ];
        for body in bodies {
            let record = recorded(TestRequest::default(), &body.to_string());
            let shown = record["body"].as_str().unwrap();
            assert!(!shown.contains(secret) && shown.contains(MASK), "{shown}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_was() {
        let body = json!({"model": "m", "max_tokens": 100, "prompt_cache_key": "thread-7", "token": null, "messages": [
            {"role": "user", "content": "How do I hash a password? Tokens are counted, basic understanding is enough."}],
            "tools": [{"input_schema": {"properties": {"token": {"type": "string"}}}}], "stream": true})
        .to_string();
        assert_eq!(recorded(TestRequest::default(), &body)["body"], body.as_str());
    }

    #[test]
    fn a_long_body_is_cut_and_says_so() {
        let body = format!("{}sk-{}", "x ".repeat(MOST_BYTES / 2 - 4), "a".repeat(64));
        let record = recorded(TestRequest::default(), &body);
        assert_eq!(record["truncated"], true);
        assert!(!record["body"].as_str().unwrap().contains("aaaa"));
    }
}
