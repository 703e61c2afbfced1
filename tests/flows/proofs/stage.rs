//! Where the proofs play: homes that belong to an ordinary user, and the program, run as that user.
//!
//! Root passes every check of modes and owners, so where the tests run as root, the program does not.

use std::{
    fs::{self, File},
    io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::tracer::{self, Onlooker, STOP_THEN_RUN, Traced, Watcher};
use crate::support::{Ended, Program, Rig, binary, skip, write_private};

/// `nobody`, who owns nothing: not this program, not a group of its own.
const NOBODY: u32 = 65_534;
/// As it is on most machines.
pub const USUAL_UMASK: &str = "022";

pub struct Stage {
    pub rig: Rig,
    /// Lies where the user may run it.
    program: PathBuf,
    /// `None`: the tests do not run as root, so the user is who runs them.
    user: Option<u32>,
}

/// A home for one run, gone when dropped.
pub struct Home {
    directory: PathBuf,
    user: Option<u32>,
}

impl Stage {
    /// `None`: skipped, because nobody can be traced here.
    pub fn set_up() -> Option<Self> {
        let rig = Rig::start();
        let is_root = rustix::process::geteuid().is_root();
        let user = is_root.then_some(NOBODY);
        let program = rig.scratch().join("codex-router");
        // A user who is somebody else cannot look into everybody's build directory.
        if fs::hard_link(binary(), &program).is_err() {
            fs::copy(binary(), &program).unwrap();
        }
        give(rig.scratch(), user);
        let stage = Self { rig, program, user };
        let home = stage.home();
        let tried = stage.try_to_trace(&home, &["--version"], USUAL_UMASK, &mut Onlooker);
        if let Err(err) = tried {
            skip(&format!("this system lets nobody be traced ({err})"));
            return None;
        }
        Some(stage)
    }

    /// A new home, empty.
    pub fn home(&self) -> Home {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = self.rig.scratch().join(format!("run-{number}"));
        fs::create_dir(&directory).unwrap();
        let home = Home {
            directory,
            user: self.user,
        };
        fs::create_dir(home.path()).unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        give(&home.directory, home.user);
        give(&home.path(), home.user);
        home
    }

    /// Runs the program to its end.
    pub fn run(&self, home: &Home, arguments: &[&str]) -> Ended {
        let mut command = self.command(home, self.program.clone());
        command.args(arguments);
        Program::start(&mut command, &home.directory).ended()
    }

    /// Runs it to its end, or to the end that the watcher makes.
    pub fn trace(
        &self,
        home: &Home,
        arguments: &[&str],
        watcher: &mut dyn Watcher,
    ) -> (Traced, Ended) {
        self.trace_under(home, arguments, USUAL_UMASK, watcher)
    }

    /// The same with another umask.
    pub fn trace_under(
        &self,
        home: &Home,
        arguments: &[&str],
        umask: &str,
        watcher: &mut dyn Watcher,
    ) -> (Traced, Ended) {
        let traced = self.try_to_trace(home, arguments, umask, watcher).unwrap();
        let said = |name| fs::read_to_string(home.directory.join(name)).unwrap();
        let ended = Ended {
            code: traced.code,
            stdout: said("traced-stdout"),
            stderr: said("traced-stderr"),
        };
        (traced, ended)
    }

    fn try_to_trace(
        &self,
        home: &Home,
        arguments: &[&str],
        umask: &str,
        watcher: &mut dyn Watcher,
    ) -> nix::Result<Traced> {
        let file = |name| File::create(home.directory.join(name)).unwrap();
        let mut command = self.command(home, "sh".into());
        command
            .args(["-c", &format!("umask {umask}; {STOP_THEN_RUN}"), "sh"])
            .arg(&self.program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file("traced-stdout"))
            .stderr(file("traced-stderr"));
        tracer::trace(&mut command, &home.path(), watcher)
    }

    fn command(&self, home: &Home, program: PathBuf) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for (name, value) in self.rig.command(&[]).get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
            .env("CODEX_HOME", home.path())
            .env("CODEX_ROUTER_PASSPHRASE_FILE", home.passphrase_path())
            .current_dir(&home.directory);
        if let Some(user) = self.user {
            // With that the groups of root are gone, too.
            command.uid(user).gid(user);
        }
        command
    }
}

impl Home {
    pub fn path(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// Where the passphrase of an encrypted home stands, beside it.
    pub fn passphrase_path(&self) -> PathBuf {
        self.directory.join("passphrase")
    }

    pub fn live_path(&self) -> PathBuf {
        self.path().join("auth.json")
    }

    pub fn profile_path(&self, name: &str) -> PathBuf {
        self.path().join("profiles").join(name).join("auth.json")
    }

    /// Writes a login as another program of the user would.
    pub fn write(&self, path: &Path, text: &str) {
        write_private(path, text);
        for path in path
            .ancestors()
            .take_while(|path| path.starts_with(&self.directory))
        {
            give(path, self.user);
        }
    }

    /// Makes this the user's own.
    pub fn give(&self, path: &Path) {
        give(path, self.user);
    }

    /// Every file and directory in it, with its path below it.
    pub fn entries(&self) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::new()];
        let mut next = 0;
        while let Some(path) = found.get(next).cloned() {
            next += 1;
            let whole = self.path().join(&path);
            if whole.is_dir() && !whole.is_symlink() {
                let names = fs::read_dir(whole).unwrap().map(|entry| entry.unwrap());
                found.extend(names.map(|entry| path.join(entry.file_name())));
            }
        }
        found
    }

    /// Our temporary files in it.
    pub fn temporaries(&self) -> Vec<PathBuf> {
        let mut found = self.entries();
        found.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with('.') && name.ends_with(".tmp")
        });
        found
    }

    /// Makes temporary files as old as those of nobody who still runs.
    pub fn age_temporaries(&self) {
        let long_ago = SystemTime::now() - Duration::from_secs(61);
        for path in self.temporaries() {
            // To read: a temporary directory cannot be opened otherwise.
            let file = File::open(self.path().join(path)).unwrap();
            file.set_modified(long_ago).unwrap();
        }
    }

    /// Whether any file says this.
    pub fn says(&self, text: &str) -> bool {
        self.entries().iter().any(|path| {
            fs::read(self.path().join(path))
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
        })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A leftover lies in a directory that is removed as well.
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// The tokens of a login file; `None` when there is no file, or no login in it.
pub fn tokens_at(path: &Path) -> Option<Value> {
    tokens_in(&fs::read_to_string(path).ok()?)
}

pub fn tokens_in(text: &str) -> Option<Value> {
    let whole: Value = serde_json::from_str(text).ok()?;
    whole.get("tokens").cloned()
}

pub fn refresh_token_in(text: &str) -> String {
    let tokens = tokens_in(text).unwrap();
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

fn give(path: &Path, user: Option<u32>) {
    let given = match user {
        None => Ok(()),
        Some(_) => std::os::unix::fs::lchown(path, user, user),
    };
    given.or_else(ignore_missing).unwrap();
}

fn ignore_missing(err: io::Error) -> io::Result<()> {
    match err.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(err),
    }
}
