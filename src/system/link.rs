//! Opening a link by the program that this desktop has for it.

#[cfg(all(unix, not(target_os = "macos")))]
use std::process::{Command, Stdio};
#[cfg(all(unix, not(target_os = "macos")))]
use std::time::{Duration, Instant};

/// A launcher that has no program for the link says so within this time; one that still runs then shows it.
#[cfg(all(unix, not(target_os = "macos")))]
const REFUSES_WITHIN: Duration = Duration::from_millis(500);
#[cfg(all(unix, not(target_os = "macos")))]
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Opens a link, by its arguments and never read by a shell; whether a program took it. A browser that is started by it makes its
/// files as the user wants them.
pub fn open_link(url: &str) -> bool {
    // Elsewhere it is not our child that starts the program.
    #[cfg(any(not(unix), target_os = "macos"))]
    return open::that_detached(url).is_ok();
    #[cfg(all(unix, not(target_os = "macos")))]
    open::commands(url).iter().any(is_taken_by)
}

#[cfg(all(unix, not(target_os = "macos")))]
fn is_taken_by(launcher: &Command) -> bool {
    let mut command = super::with_umask_of_user(launcher.get_program(), launcher.get_args());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return false; // the next one may be there
    };
    let deadline = Instant::now() + REFUSES_WITHIN;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK_EVERY),
            Ok(None) | Err(_) => break,
        }
    }
    // What is not waited for stays in the system's list.
    std::thread::spawn(move || child.wait());
    true
}

#[cfg(test)]
#[cfg(all(unix, not(target_os = "macos")))]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_that_refuses_or_is_not_there_leaves_the_link_to_the_next() {
        let of = |program: &str, word: &str| {
            let mut command = Command::new(program);
            command.args(["-c", word]);
            command
        };
        assert!(is_taken_by(&of("sh", "exit 0")));
        assert!(!is_taken_by(&of("sh", "exit 3")));
        assert!(!is_taken_by(&of("no such launcher", "")));
        assert!(is_taken_by(&of("sh", "exec sleep 1")), "it still runs");
    }
}
