//! Log lines: text or JSON on standard error, filtered by `RUST_LOG`. Never a key, a password or a prompt.
//!
//! A log that cannot be written (its disk is full, its reader has gone) costs log lines and nothing else: they are
//! counted, and requests, starting and stopping go on.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Span;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// The target of the span that each request runs in. Of its own, so that no filter takes a request's id from its lines.
const REQUEST: &str = "request";

/// Lines that could not be written. The process has one log.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Starts logging for the whole process. A filter that does not parse falls back to `info`.
pub fn start(filter: Option<&str>, format: LogFormat) {
    let filter = filtered(filter);
    let writer = || Forgiving(io::stderr());
    // Colours are for people: in a file they are noise.
    let in_colour = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let lines = lines.with_ansi(in_colour).log_internal_errors(false);
    let started = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    drop(started);
}

/// Which lines are written. The span of a request is on under any filter: what it does not let through is not written, and
/// what it does names its request.
fn filtered(filter: Option<&str>) -> EnvFilter {
    let wanted = filter.and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = wanted.unwrap_or_else(|| EnvFilter::new("info,sqlx=warn"));
    match format!("{REQUEST}=error").parse() {
        Ok(always) => filter.add_directive(always),
        Err(_) => filter,
    }
}

/// What a request runs in, so that each line that is logged on its behalf carries its id.
pub fn request_span(request_id: &str) -> Span {
    tracing::error_span!(target: REQUEST, "request", request_id)
}

/// Log lines that could not be written since the start.
pub fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Takes every line, and counts those that could not be written.
struct Forgiving<W>(W);

impl<W: Write> Write for Forgiving<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.write_all(line).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    /// What is written of some lines of a request under a filter, as JSON.
    fn written(filter: Option<&str>, lines: impl FnOnce()) -> Vec<serde_json::Value> {
        #[derive(Clone, Default)]
        struct Buffer(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

        impl Write for Buffer {
            fn write(&mut self, line: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(line);
                Ok(line.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let buffer = Buffer::default();
        let log = buffer.clone();
        let subscriber = tracing_subscriber::fmt().with_env_filter(filtered(filter)).json().with_writer(move || log.clone());
        tracing::subscriber::with_default(subscriber.finish(), || request_span("req_1").in_scope(lines));
        let written = buffer.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_of_a_request_carries_its_id_under_any_filter() {
        let lines = || {
            tracing::error!("bad");
            tracing::debug!("fine");
            tracing::debug!(target: "sqlx::query", "elsewhere");
        };
        for (filter, count) in [(None, 1), (Some("error"), 1), (Some("trace"), 3), (Some("sqlx=debug"), 1), (Some("off"), 0)] {
            let written = written(filter, lines);
            assert_eq!(written.len(), count, "{filter:?}: {written:?}");
            assert!(written.iter().all(|line| line["span"]["request_id"] == "req_1"), "{filter:?}: {written:?}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_no_error() {
        let before = lost_lines();
        let mut log = Forgiving(Full);
        log.write_all(b"a line\n").unwrap();
        log.flush().unwrap();
        assert_eq!(lost_lines(), before + 1);
    }
}
