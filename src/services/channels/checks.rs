//! Checks of a channel's fields.

use std::collections::BTreeMap;

use actix_web::http::header::{HeaderName, HeaderValue};
use actors::vocabulary::{Family, OpenAiProtocol};

use crate::secrets::Place;
use crate::services::error::MISSING_FIELD;
use crate::services::values::{Secret, Usd, check};
use crate::services::{Served, ServiceError, Services};
use crate::store::base_url as urls;

/// Models of one channel at most.
const MOST_MODELS: usize = 2_000;
/// Extra headers of one channel at most.
const MOST_HEADERS: usize = 50;
/// Headers that belong to the connection or to the gateway itself.
const FORBIDDEN_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "accept-encoding",
    "content-encoding",
    "http2-settings",
    "cookie",
];

pub(super) fn kind(word: &str) -> Served<String> {
    check::choice::<Family>("type", word, "claude, openai").map(|family| family.as_str().to_owned())
}

pub(super) fn protocol(word: &str) -> Served<String> {
    let choices = "auto, chat_completions, responses";
    check::choice::<OpenAiProtocol>("openAiProtocol", word, choices).map(|protocol| protocol.as_str().to_owned())
}

/// Passes a URL we may call, as it was given.
pub(super) fn base_url(services: &Services, given: &str) -> Served<String> {
    base_url_if(services.settings.settings().allow_private_upstreams, given)
}

/// The same, told whether private addresses are allowed.
pub(super) fn base_url_if(private_allowed: bool, given: &str) -> Served<String> {
    let given = given.trim_matches(' ');
    urls::normalise(given).map_err(|wrong| check::bad("baseUrl", wrong))?;
    if urls::names_private_host(given) && !private_allowed {
        return Err(check::bad("baseUrl", "private addresses are not allowed (setting allowPrivateUpstreams)"));
    }
    Ok(given.to_owned())
}

/// A key that can stand in a header.
pub(super) fn api_key(given: &Secret) -> Served<&str> {
    let key = given.expose().trim();
    if key.is_empty() {
        return Err(ServiceError::field(&MISSING_FIELD, "apiKey"));
    }
    if key.len() > 8_192 || HeaderValue::from_str(key).is_err() || !key.is_ascii() {
        return Err(check::bad("apiKey", "printable ASCII, at most 8192 characters"));
    }
    Ok(key)
}

/// The last four characters, of a key so long that they give nothing away.
pub(super) fn last4(key: &str) -> String {
    if key.len() < 12 { String::new() } else { key[key.len() - 4..].to_owned() }
}

pub(super) fn sealed(services: &Services, column: &str, id: i64, plain: &str) -> Served<String> {
    Ok(services.sealer.seal(Place { column, row: &id.to_string() }, plain)?)
}

/// JSON list of models; `*` alone says the same as nothing.
pub(super) fn models(given: Vec<String>) -> Served<String> {
    if given.len() > MOST_MODELS {
        return Err(check::bad("models", format_args!("at most {MOST_MODELS}")));
    }
    let mut names = Vec::with_capacity(given.len());
    for name in given {
        let name = check::name("models", &name, 256)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(to_json(&names))
}

/// `None` or 0 = unlimited.
pub(super) fn max_concurrency(given: Option<i64>) -> Served<Option<i64>> {
    let given = given.filter(|most| *most != 0);
    given.map(|most| check::range("maxConcurrency", most, 0, 1_000_000)).transpose()
}

pub(super) fn test_model(given: Option<String>) -> Served<Option<String>> {
    let given = given.filter(|name| !name.trim().is_empty());
    given.map(|name| check::name("testModel", &name, 256)).transpose()
}

/// Seconds to milliseconds; 0 = none.
pub(super) fn monitor_interval(seconds: Usd) -> Served<Option<i64>> {
    match seconds.0.0 {
        0 => Ok(None),
        nanos if (50_000_000..=86_400_000_000_000).contains(&nanos) => Ok(Some(nanos / 1_000_000)),
        _ => Err(check::bad("monitorIntervalSec", "seconds from 0.05 to 86400, or 0")),
    }
}

/// Extra headers, checked.
pub(super) struct Headers {
    /// The JSON object to seal.
    pub(super) text: String,
    /// The JSON list of names to show.
    pub(super) names: String,
}

pub(super) fn headers(given: BTreeMap<String, String>) -> Served<Headers> {
    if given.len() > MOST_HEADERS {
        return Err(check::bad("headers", format_args!("at most {MOST_HEADERS}")));
    }
    let mut checked: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in given {
        let name = HeaderName::try_from(&name).map_err(|_| check::bad("headers", "a name is no header name"))?.to_string();
        if FORBIDDEN_HEADERS.contains(&name.as_str()) {
            return Err(check::bad("headers", format_args!("{name} cannot be set")));
        }
        if value.len() > 8_192 || HeaderValue::from_str(&value).is_err() {
            return Err(check::bad("headers", format_args!("the value of {name} is no header value")));
        }
        checked.insert(name, value);
    }
    Ok(Headers { text: to_json(&checked), names: to_json(&checked.keys().collect::<Vec<_>>()) })
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
