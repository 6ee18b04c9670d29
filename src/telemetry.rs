//! Log lines: text or JSON on standard error, filtered by `RUST_LOG`. Never a key, a password or a prompt.
//!
//! A log that cannot be written (its disk is full, its reader has gone) costs log lines and nothing else: they are
//! counted, and requests, starting and stopping go on.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Lines that could not be written. The process has one log.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Starts logging for the whole process. A filter that does not parse falls back to `info`.
pub fn start(filter: Option<&str>, format: LogFormat) {
    let filter = filter.and_then(|filter| EnvFilter::try_new(filter).ok()).unwrap_or_else(|| EnvFilter::new("info,sqlx=warn"));
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

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_no_error() {
        let before = lost_lines();
        let mut log = Forgiving(Full);
        log.write_all(b"a line\n").unwrap();
        log.flush().unwrap();
        assert_eq!(lost_lines(), before + 1);
    }
}
