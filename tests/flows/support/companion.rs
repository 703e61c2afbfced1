//! Other people's programs that a flow needs beside ours: a display, a window manager, a bus.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::program::ask_to_end;

/// After this, one that was asked to end is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A running program that is asked to end when this is dropped, so that it removes its own lock files and sockets.
pub struct Companion(Child);

impl Companion {
    pub fn start(command: &mut Command) -> Self {
        let silent = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(silent.spawn().unwrap())
    }

    /// Waits for the one line by which it says where it is.
    pub fn start_and_hear(command: &mut Command) -> (Self, String) {
        let heard = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut companion = Self(heard.spawn().unwrap());
        let stdout = companion.0.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        (companion, line.trim().to_owned())
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        let asked_at = Instant::now();
        // It may have ended by itself; the wait below sees that.
        ask_to_end(&self.0).ok();
        while let Ok(None) = self.0.try_wait() {
            if asked_at.elapsed() > GRACE {
                self.0.kill().ok();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
