//! Where log lines go: standard error, by `RUST_LOG`, and never with a secret in them.
//!
//! The types of this program print no secret. This is the second net: every line passes a filter that blanks what looks like
//! one, wherever it came from, and no line is longer than a person reads.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::redact::redacted;
use crate::store::Environment;

pub(super) fn start(environment: &Environment) {
    let wish = environment.get("RUST_LOG").filter(|wish| !wish.is_empty());
    // Our own words by default; of the libraries only what is wrong.
    let filter = EnvFilter::builder()
        .parse_lossy(wish.unwrap_or("warn,codex_router=info,winit=error,zbus=error"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(false)
        .with_writer(Redacted);
    // A second start in one process (tests) keeps the first.
    let _already_there = log.try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|place| format!(" at {}:{}", place.file(), place.line()))
            .unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        let _nobody_reads = writeln!(Redacted, "internal error{place}: {message}");
    }));
}

/// Standard error behind the filter. A log line arrives in one piece.
struct Redacted;

impl Write for Redacted {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(printable(line).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Redacted {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// Libraries that are asked for everything print whole shaders.
const MAX_LINE_BYTES: usize = 8 * 1024;

/// A line as it may be printed: short enough, and without secrets.
fn printable(line: &[u8]) -> String {
    let Some((start, rest)) = line
        .split_at_checked(MAX_LINE_BYTES)
        .filter(|(_, rest)| !rest.is_empty())
    else {
        return redacted(&String::from_utf8_lossy(line));
    };
    let mut text = redacted(&String::from_utf8_lossy(start));
    text.push_str(&format!("… ({} bytes more)\n", rest.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_nobody_can_read_is_cut() {
        let long = format!("{} Bearer canary-canary\n", "é".repeat(MAX_LINE_BYTES));
        let line = printable(long.as_bytes());
        assert!(line.len() < MAX_LINE_BYTES + 100);
        assert!(line.ends_with(&format!("… ({} bytes more)\n", long.len() - MAX_LINE_BYTES)));
        let whole = "x".repeat(MAX_LINE_BYTES);
        assert_eq!(printable(whole.as_bytes()), whole);
    }
}
