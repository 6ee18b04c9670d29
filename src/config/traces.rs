//! Traces: OpenTelemetry's own variables, as its standard defines them.

use std::fmt;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::{BadConfig, bad};

/// Where the collector listens, without the path of the signal.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The same for traces alone, taken as it is.
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// Headers for the collector.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
/// What the service is called where nobody says so.
const SERVICE_NAME: &str = "api-proxy";

/// Where traces go, and which.
pub struct TracesConfig {
    /// The full address that spans are posted to.
    pub endpoint: Url,
    /// Sent along; they hold the collector's credentials.
    pub headers: Vec<(String, SecretString)>,
    /// `service.name`.
    pub service_name: String,
    /// What else is told of the process.
    pub resource: Vec<(String, String)>,
    /// Which requests are recorded.
    pub sampling: Sampling,
}

/// Which requests are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Whether a client's decision counts.
    pub follows_parent: bool,
    /// The share of traces that are recorded, where nobody has decided: from 0 to 1.
    pub share: f64,
}

impl Default for Sampling {
    /// The standard's: what the client decided, else all.
    fn default() -> Self {
        Self { follows_parent: true, share: 1.0 }
    }
}

impl fmt::Display for TracesConfig {
    /// Without what may be secret: userinfo, path and query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint.origin().ascii_serialization())
    }
}

impl fmt::Debug for TracesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TracesConfig({self})")
    }
}

/// Reads them; `None` = no traces.
pub(super) fn read(get: &impl Fn(&str) -> Option<String>) -> Result<Option<TracesConfig>, BadConfig> {
    let is_off = get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || get("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none");
    let Some(endpoint) = endpoint(get)?.filter(|_| !is_off) else { return Ok(None) };
    let protocol = get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or_else(|| get("OTEL_EXPORTER_OTLP_PROTOCOL"));
    if protocol.is_some_and(|protocol| protocol != "http/protobuf") {
        return Err(bad("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf is what is spoken here (port 4318 of most collectors)"));
    }
    let mut resource = pairs("OTEL_RESOURCE_ATTRIBUTES", &get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default())?;
    let named = resource.iter().position(|(name, _)| name == "service.name").map(|at| resource.remove(at).1);
    let service_name = get("OTEL_SERVICE_NAME").or(named).unwrap_or_else(|| SERVICE_NAME.to_owned());
    let headers = get("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or_else(|| get(HEADERS)).unwrap_or_default();
    let headers = pairs(HEADERS, &headers)?.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect();
    Ok(Some(TracesConfig { endpoint, headers, service_name, resource, sampling: sampling(get)? }))
}

fn endpoint(get: &impl Fn(&str) -> Option<String>) -> Result<Option<Url>, BadConfig> {
    let (variable, text) = match (get(TRACES_ENDPOINT), get(ENDPOINT)) {
        (Some(whole), _) => (TRACES_ENDPOINT, whole),
        (None, Some(base)) => (ENDPOINT, format!("{}/v1/traces", base.trim_end_matches('/'))),
        (None, None) => return Ok(None),
    };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| bad(variable, "an address such as http://127.0.0.1:4318"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(variable, "no user or password here: credentials stand in OTEL_EXPORTER_OTLP_HEADERS"));
    }
    Ok(Some(url))
}

/// A list as in `name=value,name=value`, the values encoded like those of a URL.
fn pairs(variable: &'static str, text: &str) -> Result<Vec<(String, String)>, BadConfig> {
    let pair = |entry: &str| {
        let (name, value) = entry.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((name.trim().to_owned(), value.into_owned())).filter(|(name, _)| !name.is_empty())
    };
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| pair(entry).ok_or_else(|| bad(variable, "a list such as name=value,name=value"))).collect()
}

fn sampling(get: &impl Fn(&str) -> Option<String>) -> Result<Sampling, BadConfig> {
    let Some(sampler) = get(SAMPLER) else { return Ok(Sampling::default()) };
    let (follows_parent, rule) = match sampler.strip_prefix("parentbased_") {
        Some(rule) => (true, rule),
        None => (false, sampler.as_str()),
    };
    let share = match rule {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => share(get)?,
        _ => {
            return Err(bad(SAMPLER, "always_on, always_off, traceidratio, or one of them behind parentbased_"));
        }
    };
    Ok(Sampling { follows_parent, share })
}

fn share(get: &impl Fn(&str) -> Option<String>) -> Result<f64, BadConfig> {
    let Some(text) = get(SAMPLER_ARG) else { return Ok(1.0) };
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| bad(SAMPLER_ARG, "a share from 0 to 1, such as 0.1"))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{Sampling, TracesConfig, read};
    use crate::config::BadConfig;

    const AT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");

    fn with(pairs: &[(&str, &str)]) -> Result<Option<TracesConfig>, BadConfig> {
        read(&|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nobody_is_told_anything_without_an_endpoint() {
        assert!(with(&[("OTEL_SERVICE_NAME", "x"), ("OTEL_TRACES_SAMPLER", "nonsense")]).unwrap().is_none());
        for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert!(with(&[AT, off]).unwrap().is_none());
        }
    }

    #[test]
    fn the_standards_variables_are_read() {
        let plain = with(&[AT]).unwrap().unwrap();
        assert_eq!((plain.endpoint.as_str(), plain.service_name.as_str()), ("http://collector:4318/v1/traces", "api-proxy"));
        assert_eq!(plain.sampling, Sampling { follows_parent: true, share: 1.0 });
        let exact = with(&[AT, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c/token-x")]).unwrap().unwrap();
        assert_eq!(exact.endpoint.path(), "/token-x");
        assert_eq!(exact.to_string(), "https://c", "what may be a secret is in no log line");
        let full = with(&[
            AT,
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=gate,deployment.environment.name=a%20b"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20tok, x=y "),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let full = full.unwrap().unwrap();
        assert_eq!(full.service_name, "gate");
        assert_eq!(full.resource, [("deployment.environment.name".to_owned(), "a b".to_owned())]);
        assert_eq!(full.headers[0].1.expose_secret(), "Bearer tok");
        assert_eq!(full.headers[1].0, "x");
        assert_eq!(full.sampling, Sampling { follows_parent: false, share: 0.25 });
        assert!(!format!("{full:?}").contains("tok"), "a header's value is a secret");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (variable, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:token@collector:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "token"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=x"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ] {
            let problem = with(&[(variable, value), AT]).unwrap_err().to_string();
            assert!(problem.starts_with(variable), "{problem}");
            assert!(!problem.contains("token"), "{problem}");
        }
        let ratio = [AT, ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        assert!(with(&ratio).unwrap_err().to_string().starts_with("OTEL_TRACES_SAMPLER_ARG"));
    }
}
