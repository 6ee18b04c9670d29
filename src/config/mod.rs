//! What the process is told by its environment, read once from a passed-in source.

mod database_url;
mod proxies;
mod secret_files;
mod traces;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

pub use proxies::TrustedProxies;
use secret_files::SecretFiles;
pub use traces::{Sampling, TracesConfig};

/// Shortest secret, in `APP_SECRET` and in its file.
pub const LEAST_SECRET_BYTES: usize = 32;

/// Why the process cannot start as configured.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct BadConfig {
    variable: &'static str,
    problem: String,
}

/// When the journal is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalSync {
    /// Once a second.
    Interval,
    /// Before each answer's end.
    Always,
    /// When the system sees fit.
    Never,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Bounds on slow clients. Not part of the environment: tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until the request's head is there.
    pub head: Duration,
    /// Longest silence while a body is read.
    pub body_idle: Duration,
    /// Longest time for a whole body.
    pub body: Duration,
    /// Silence of an upstream after which the client gets a sign of life.
    pub keep_alive: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body_idle: Duration::from_secs(10),
            body: Duration::from_secs(300),
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// The whole configuration.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Embedded database, generated secret, journal.
    pub data_dir: PathBuf,
    /// The database; `None` = the embedded one.
    pub database_url: Option<SecretString>,
    /// Connections to PostgreSQL.
    pub database_pool_size: u32,
    /// Redis, over which several instances are one gateway; `None` = this is the only instance.
    pub redis_url: Option<SecretString>,
    /// Whether a Redis that does not answer at the start keeps the process from starting.
    pub redis_required: bool,
    /// What stored secrets are sealed with; `None` = generated into `data_dir`.
    pub app_secret: Option<SecretString>,
    /// Secrets used before, still accepted for opening (`APP_SECRET_PREVIOUS`, comma-separated).
    pub previous_secrets: Vec<SecretString>,
    /// When the journal is synced.
    pub journal_sync: JournalSync,
    /// Proxies whose `X-Forwarded-*` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Longest wait for running streams at the end.
    pub shutdown_timeout: Duration,
    /// What the first registration needs when the process listens beyond loopback.
    pub setup_code: Option<SecretString>,
    /// Whether upstream certificates are checked against the operator's own (`SSL_CERT_FILE`, `SSL_CERT_DIR`).
    pub own_certificates: bool,
    /// HTTP workers; `None` = one per core.
    pub workers: Option<usize>,
    /// Bounds on slow clients.
    pub patience: Patience,
    /// Shows pages as a build without npm has them (`CONSOLE_WITHOUT_NPM`). Development builds only, which have both forms.
    pub console_without_npm: bool,
    /// Where `/metrics` is answered.
    pub metrics: MetricsListen,
    /// Where traces go; `None` = nowhere.
    pub traces: Option<TracesConfig>,
}

/// Where `/metrics` is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsListen {
    /// Nowhere.
    Off,
    /// At [`METRICS_DEFAULT`], unless something else listens there.
    Default,
    /// There, or the process does not start.
    At(SocketAddr),
}

/// On this machine alone, at the port that is registered for OpenTelemetry's Prometheus exporters.
pub const METRICS_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

impl Config {
    /// Reads the configuration; `get` answers a variable's value.
    ///
    /// # Errors
    /// Names the first variable that is wrong, and says why.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, BadConfig> {
        let get = trimmed(get);
        let files = SecretFiles::read(&get)?;
        let get = |name: &str| files.get(name).or_else(|| get(name));
        let data_dir = PathBuf::from(get("DATA_DIR").unwrap_or_else(|| "data".to_owned()));
        let database_url = get("DATABASE_URL").map(database_url::checked).transpose()?;
        let app_secret = get("APP_SECRET").map(checked_secret).transpose()?;
        let is_postgres = database_url.as_ref().is_some_and(|url| url.starts_with("postgres"));
        if is_postgres && app_secret.is_none() {
            return Err(bad(
                "APP_SECRET",
                "with PostgreSQL a secret of 32 or more random characters is required: it encrypts stored upstream keys, and every start needs the same one",
            ));
        }
        let redis_url = get("REDIS_URL").map(|url| checked_redis(url, is_postgres)).transpose()?;
        let previous = get("APP_SECRET_PREVIOUS").unwrap_or_default();
        Ok(Self {
            listen: listen(&get)?,
            data_dir,
            database_url: database_url.map(SecretString::from),
            database_pool_size: parsed(&get, "DATABASE_POOL_SIZE", 20, "a number of connections, 1 or more").and_then(
                |size| {
                    if size == 0 { Err(bad("DATABASE_POOL_SIZE", "a number of connections, 1 or more")) } else { Ok(size) }
                },
            )?,
            redis_url: redis_url.map(SecretString::from),
            redis_required: yes_or_no(&get, "REDIS_REQUIRED", true)?,
            app_secret: app_secret.map(SecretString::from),
            previous_secrets: previous.split(',').filter(|s| !s.is_empty()).map(|s| SecretString::from(s.to_owned())).collect(),
            journal_sync: journal_sync(&get)?,
            trusted_proxies: trusted_proxies(&get)?,
            shutdown_timeout: seconds(&get, "SHUTDOWN_TIMEOUT", 30)?,
            setup_code: get("SETUP_CODE").map(SecretString::from),
            own_certificates: get("SSL_CERT_FILE").or_else(|| get("SSL_CERT_DIR")).is_some(),
            workers: get("WORKERS").map(|text| text.parse().map_err(|_| bad("WORKERS", "a number of threads"))).transpose()?,
            patience: Patience::default(),
            console_without_npm: cfg!(debug_assertions) && get("CONSOLE_WITHOUT_NPM").is_some(),
            metrics: metrics_listen(&get)?,
            traces: traces::read(&get)?,
        })
    }

    /// Where a process with this environment listens. Asks for nothing else, so that a probe needs no secrets.
    ///
    /// # Errors
    /// When `HOST` or `PORT` is wrong.
    pub fn listen(get: impl Fn(&str) -> Option<String>) -> Result<SocketAddr, BadConfig> {
        listen(&trimmed(get))
    }

    /// How log lines look, by `LOG_FORMAT`.
    ///
    /// # Errors
    /// When it is neither `text` nor `json`.
    pub fn log_format(get: impl Fn(&str) -> Option<String>) -> Result<LogFormat, BadConfig> {
        match get("LOG_FORMAT").as_deref() {
            None | Some("" | "text") => Ok(LogFormat::Text),
            Some("json") => Ok(LogFormat::Json),
            Some(_) => Err(bad("LOG_FORMAT", "text or json")),
        }
    }

    /// Whether strangers on the network can reach the process.
    pub fn listens_beyond_loopback(&self) -> bool {
        !self.listen.ip().is_loopback()
    }
}

/// Values without blanks around them; blank ones count as not set.
fn trimmed(get: impl Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    move |name| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn bad(variable: &'static str, problem: &str) -> BadConfig {
    BadConfig { variable, problem: problem.to_owned() }
}

fn parsed<T: std::str::FromStr>(
    get: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    default: T,
    right: &str,
) -> Result<T, BadConfig> {
    get(name).map_or(Ok(default), |text| text.parse().map_err(|_| bad(name, right)))
}

fn seconds(get: &impl Fn(&str) -> Option<String>, name: &'static str, default: u64) -> Result<Duration, BadConfig> {
    let text = get(name).unwrap_or_else(|| default.to_string());
    let digits = text.strip_suffix('s').unwrap_or(&text);
    digits
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| bad(name, "seconds, from 0 to 86400"))
}

fn listen(get: &impl Fn(&str) -> Option<String>) -> Result<SocketAddr, BadConfig> {
    Ok(SocketAddr::new(listen_address(get)?, parsed(get, "PORT", 3000, "a port number")?))
}

/// `METRICS_LISTEN`: an address with a port, a port alone (on loopback), or `off`.
fn metrics_listen(get: &impl Fn(&str) -> Option<String>) -> Result<MetricsListen, BadConfig> {
    let Some(text) = get("METRICS_LISTEN") else { return Ok(MetricsListen::Default) };
    if ["off", "none", "false"].contains(&text.to_ascii_lowercase().as_str()) {
        return Ok(MetricsListen::Off);
    }
    let port = |text: &str| text.parse().map(|port| SocketAddr::new(METRICS_DEFAULT.ip(), port));
    text.parse()
        .or_else(|_| port(text.trim_start_matches(':')))
        .map(MetricsListen::At)
        .map_err(|_| bad("METRICS_LISTEN", "an IP address with a port such as 127.0.0.1:9464, or off"))
}

/// `HOST`; else `HOSTNAME` where it is an IP address (containers set it to a name); else loopback.
fn listen_address(get: &impl Fn(&str) -> Option<String>) -> Result<IpAddr, BadConfig> {
    if let Some(host) = get("HOST") {
        let host = if host == "localhost" { "127.0.0.1".to_owned() } else { host };
        return host.parse().map_err(|_| bad("HOST", "an IP address to listen on, such as 127.0.0.1 or 0.0.0.0"));
    }
    let hostname = get("HOSTNAME").and_then(|name| name.parse().ok());
    Ok(hostname.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
}

fn checked_secret(secret: String) -> Result<String, BadConfig> {
    if secret.len() < LEAST_SECRET_BYTES {
        return Err(bad("APP_SECRET", "32 or more random characters"));
    }
    Ok(secret)
}

fn checked_redis(url: String, is_postgres: bool) -> Result<String, BadConfig> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("redis" | "rediss")) || url::Url::parse(&url).is_err() {
        return Err(bad(
            "REDIS_URL",
            "redis://user:password@host:6379/0, or rediss:// with TLS; other characters in the password need %-encoding",
        ));
    }
    if !is_postgres {
        return Err(bad("REDIS_URL", "several instances need PostgreSQL: set DATABASE_URL, or unset this for one instance"));
    }
    Ok(url)
}

fn yes_or_no(get: &impl Fn(&str) -> Option<String>, variable: &'static str, default: bool) -> Result<bool, BadConfig> {
    match get(variable).as_deref() {
        None => Ok(default),
        Some("true" | "1" | "yes") => Ok(true),
        Some("false" | "0" | "no") => Ok(false),
        Some(_) => Err(bad(variable, "true or false")),
    }
}

fn journal_sync(get: &impl Fn(&str) -> Option<String>) -> Result<JournalSync, BadConfig> {
    match get("JOURNAL_SYNC").as_deref() {
        None | Some("interval") => Ok(JournalSync::Interval),
        Some("always") => Ok(JournalSync::Always),
        Some("never") => Ok(JournalSync::Never),
        Some(_) => Err(bad("JOURNAL_SYNC", "interval, always or never")),
    }
}

fn trusted_proxies(get: &impl Fn(&str) -> Option<String>) -> Result<TrustedProxies, BadConfig> {
    let list = get("TRUSTED_PROXIES").unwrap_or_default();
    let network = |text: &str| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let networks = list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(network);
    networks
        .collect::<Result<_, _>>()
        .map(TrustedProxies::new)
        .map_err(|_| bad("TRUSTED_PROXIES", "networks such as 10.0.0.0/8, comma-separated"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, BadConfig> {
        Config::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_defaults_listen_on_loopback() {
        let config = read(&[("HOSTNAME", "web-7f9c")]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(read(&[("HOSTNAME", "0.0.0.0"), ("PORT", "8080")]).unwrap().listen.to_string(), "0.0.0.0:8080");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |pairs: &[(&str, &str)]| read(pairs).unwrap_err().to_string();
        assert!(problem(&[("PORT", "x")]).starts_with("PORT"));
        assert!(problem(&[("DATABASE_URL", "postgres://u:secret@h/d")]).starts_with("APP_SECRET"));
        assert!(problem(&[("REDIS_URL", "redis://h")]).contains("DATABASE_URL"), "without PostgreSQL there is one instance");
        assert!(!problem(&[("REDIS_URL", "http://u:secret@h")]).contains("secret"));
        assert!(problem(&[("REDIS_REQUIRED", "perhaps")]).starts_with("REDIS_REQUIRED"));
        assert!(problem(&[("APP_SECRET", "short")]).starts_with("APP_SECRET"));
        assert!(!problem(&[("DATABASE_URL", "mysql://u:secret@h/d")]).contains("secret"));
    }
}
