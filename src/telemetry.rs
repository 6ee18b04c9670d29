//! Log lines: text or JSON on standard error, filtered by `RUST_LOG`. Never a key, a password or a prompt.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging for the whole process. A filter that does not parse falls back to `info`.
pub fn start(filter: Option<&str>, format: LogFormat) {
    let filter = filter.and_then(|filter| EnvFilter::try_new(filter).ok()).unwrap_or_else(|| EnvFilter::new("info,sqlx=warn"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    drop(started);
}
