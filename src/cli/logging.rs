//! Where log lines go: standard error and, of a program that stays, a file; by `RUST_LOG`, and never with a secret in them.
//!
//! The types of this program print no secret. This is the second net: every line passes a filter that blanks what looks like
//! one, wherever it came from, and no line is longer than a person reads. The file is written by a thread of its own: no request
//! waits for a disk, and a disk that is full costs lines and nothing else.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use tracing::warn;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::desk::Settings;
use crate::redact::redacted;
use crate::store::log_file::LogFile;
use crate::store::{Environment, Home};

pub(super) fn start(environment: &Environment) {
    let wish = environment.get("RUST_LOG").filter(|wish| !wish.is_empty());
    // Our own words by default; of the libraries only what is wrong.
    let filter = EnvFilter::builder()
        .parse_lossy(wish.unwrap_or("warn,codex_router=info,winit=error,zbus=error"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(false)
        // It would tell of a line that cannot be written by a macro that panics when nothing can be written.
        .log_internal_errors(false)
        .with_writer(Redacted);
    // A second start in one process (tests) keeps the first.
    let _already_there = log.try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|place| format!(" at {}:{}", place.file(), place.line()))
            .unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        // In one piece: the filter sees no secret that is cut in two.
        let line = format!("internal error{place}: {message}\n");
        let _cannot_fail = Redacted.write_all(line.as_bytes());
    }));
}

/// Keeps the lines in the file as well, until it is dropped. For the one instance that stays: two would write over each other.
#[derive(Debug)]
pub(super) struct Keeper {
    thread: Option<JoinHandle<()>>,
}

/// Lines on their way to the file; a burst that is longer loses some and says how many.
const QUEUE: usize = 1_024;
static FILE: Mutex<Option<SyncSender<String>>> = Mutex::new(None);
static LOST: AtomicU64 = AtomicU64::new(0);

/// Begins to keep the lines in the file, if the settings want it. Where that cannot be done it is said and nothing else happens.
pub(super) fn keep(home: &Home, settings: &Settings) -> Keeper {
    let thread = match settings.log_file {
        true => begin(home).unwrap_or_else(|reason| {
            warn!(reason, "log lines are kept in no file");
            None
        }),
        false => None,
    };
    Keeper { thread }
}

fn begin(home: &Home) -> Result<Option<JoinHandle<()>>, String> {
    let log = LogFile::open(home).map_err(|err| err.to_string())?;
    let (sender, lines) = sync_channel(QUEUE);
    let thread = std::thread::Builder::new()
        .name("log".into())
        .spawn(move || write_down(log, &lines))
        .map_err(|err| err.to_string())?;
    // A sender is whole after a panic elsewhere, too.
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    Ok(Some(thread))
}

fn write_down(mut log: LogFile, lines: &Receiver<String>) {
    for line in lines {
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost > 0 && log.add(&format!("{lost} lines were lost here\n")).is_err() {
            LOST.fetch_add(lost, Ordering::Relaxed);
        }
        // Telling of it would only make another line.
        if log.add(&line).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Keeper {
    /// What is on its way is written first.
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        drop(FILE.lock().unwrap_or_else(PoisonError::into_inner).take());
        // A thread that panicked has said so.
        let _ended = thread.join();
    }
}

/// Standard error and the file, behind the filter. A log line arrives in one piece. Never fails: a terminal that was closed must
/// not end the work that is told about.
struct Redacted;

impl Write for Redacted {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = printable(line);
        let file = FILE.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let _nobody_reads = io::stderr().write_all(text.as_bytes());
        if let Some(file) = file
            && let Err(TrySendError::Full(_)) = file.try_send(text)
        {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Standard error is not buffered, and the file has a thread of its own.
        Ok(())
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
    fn a_kept_line_is_in_the_file_when_the_keeper_is_gone_and_holds_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        let off = Settings {
            log_file: false,
            ..Settings::default()
        };
        drop(keep(&home, &off));
        assert!(!home.router_dir().join("logs").exists());
        let keeper = keep(&home, &Settings::default());
        for n in 0..10 {
            writeln!(Redacted, "line {n} with sk-canary-0123456789").unwrap();
        }
        drop(keeper);
        writeln!(Redacted, "too late").unwrap();
        let path = home.router_dir().join("logs").join("codex-router.log");
        let text = std::fs::read_to_string(path).unwrap();
        // Other tests of this process may say something meanwhile.
        let ours: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("line "))
            .collect();
        assert_eq!(ours.len(), 10);
        assert!(ours[9].starts_with("line 9 with [redacted]"), "{text}");
        assert!(!text.contains("canary") && !text.contains("too late"));
    }

    #[test]
    fn a_directory_that_cannot_be_made_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        std::fs::create_dir(home.router_dir()).unwrap();
        std::fs::write(home.router_dir().join("logs"), "in the way").unwrap();
        assert!(begin(&home).unwrap_err().contains("not a folder"));
    }

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
