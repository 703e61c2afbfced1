//! A program as a child process: the one under test, or a client of it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::until;

/// A running program. Dropping it kills it.
pub struct Program {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What a finished run said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    /// Starts it with its output in files below `logs`, so that no full pipe can ever stop it.
    pub fn start(command: &mut Command, logs: &Path) -> Self {
        Self::start_reading(command, Stdio::null(), logs)
    }

    /// The same with something on standard input.
    pub fn start_reading(command: &mut Command, stdin: impl Into<Stdio>, logs: &Path) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let stdout = logs.join(format!("stdout-{number}"));
        let stderr = logs.join(format!("stderr-{number}"));
        let child = command
            .stdin(stdin)
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            stdout,
            stderr,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Waits until it listens. Gives its base URL: `http://127.0.0.1:PORT/v1`.
    ///
    /// # Panics
    /// When it ends before.
    pub fn base_url(&mut self) -> String {
        until("the program says where the router is", || {
            let stdout = self.stdout();
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status}: {stdout}{}", self.stderr());
            }
            stdout.split_inclusive('\n').find_map(|line| {
                let line = line.strip_suffix('\n')?;
                line.strip_prefix("Router on ").map(str::to_owned)
            })
        })
    }

    /// Asks it to end, as a service manager does.
    #[cfg(unix)]
    pub fn terminate(&self) {
        ask_to_end(&self.child).unwrap();
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        until("the program ends", || self.child.try_wait().unwrap())
    }

    /// Waits for its end and tells everything it said.
    pub fn ended(mut self) -> Ended {
        let code = self.end().code();
        Ended {
            code,
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill, and nothing more to do about it.
        self.child.kill().ok();
        self.child.wait().ok();
        if thread::panicking() {
            let said = |file| fs::read_to_string(file).unwrap_or_default();
            eprintln!(
                "--- the program said\n{}{}---",
                said(&self.stdout),
                said(&self.stderr)
            );
        }
    }
}

/// Sends SIGTERM.
#[cfg(unix)]
pub(super) fn ask_to_end(child: &Child) -> rustix::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let id = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::TERM)
}
