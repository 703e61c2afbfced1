//! Which rights new files do not get: ours from the user's, and the user's for the programs that we start.
//!
//! Ours closes new files to everybody else, and is one for the whole process: to set the user's for the moment of a start would
//! open what another thread makes in that moment. So the system's shell sets it and becomes the program. The words of the command
//! are handed to it as they are; none of them is read as a command.

use std::ffi::OsStr;
use std::process::Command;
#[cfg(unix)]
use std::sync::OnceLock;

#[cfg(unix)]
use rustix::fs::Mode;

#[cfg(unix)]
static OF_USER: OnceLock<Mode> = OnceLock::new();

/// What the shell is told to do: the first word is the umask, the others are the command.
#[cfg(unix)]
const BECOME: &str = r#"umask "$1" && shift && exec "$@""#;

/// Notes the user's umask. To be called before any thread begins, and before ours is set.
pub fn remember_umask() {
    #[cfg(unix)]
    OF_USER.get_or_init(|| {
        // It can only be read by setting it.
        let of_user = rustix::process::umask(Mode::RWXG | Mode::RWXO);
        rustix::process::umask(of_user);
        of_user
    });
}

/// Does this with the user's umask, as long as no other thread makes files.
pub fn with_users_umask<T>(start: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    let ours = OF_USER
        .get()
        .map(|of_user| rustix::process::umask(*of_user));
    let done = start();
    #[cfg(unix)]
    if let Some(ours) = ours {
        rustix::process::umask(ours);
    }
    done
}

/// A command that gets the user's umask, whatever other threads do. Where there is no such program it ends with 127.
pub fn with_umask_of_user(
    program: &OsStr,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    #[cfg(unix)]
    if let Some(of_user) = OF_USER.get() {
        return with_umask(*of_user, program, arguments);
    }
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

#[cfg(unix)]
fn with_umask(
    umask: Mode,
    program: &OsStr,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", BECOME, "sh", &format!("{:04o}", umask.bits())])
        .arg(program)
        .args(arguments);
    command
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_its_umask_and_its_words_as_they_are() {
        let script = "umask; printf '%s|' \"$@\"";
        let words = ["-c", script, "sh", "a b", "$HOME; `id`", "", "-x"];
        let output = with_umask(Mode::WGRP | Mode::RWXO, "sh".as_ref(), words)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told, "0027\na b|$HOME; `id`||-x|");
    }

    #[test]
    fn a_program_that_is_not_there_ends_as_a_shell_tells_it() {
        let words: [&str; 0] = [];
        let output = with_umask(Mode::empty(), "no such program".as_ref(), words).output();
        assert_eq!(output.unwrap().status.code(), Some(127));
    }
}
