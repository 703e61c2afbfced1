//! A terminal window with a command in it, by the program that this desktop has for it. Never through a shell.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::with_umask_of_user;

/// What the environment says about terminals.
#[derive(Clone, Debug, Default)]
pub struct Terminals {
    /// `$TERMINAL`
    wished: Option<OsString>,
    /// `$SHELL`
    shell: Option<OsString>,
    path: OsString,
}

/// Why no terminal was opened: a sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TerminalError {
    #[error(
        "no terminal program was found; set TERMINAL to one, or run this in a terminal: codex-router run {0} -- codex"
    )]
    NoneFound(String),
    #[error("{program} could not be started: {reason}")]
    NotStarted { program: String, reason: String },
}

/// Programs by their name, and what stands before the command.
#[cfg(not(any(target_os = "macos", windows)))]
const KNOWN: [(&str, &[&str]); 11] = [
    // Ask the desktop for its own (https://github.com/Vladimir-csp/xdg-terminal-exec).
    ("xdg-terminal-exec", &[]),
    // Debian's alternative; every program that offers itself for it takes `-e`.
    ("x-terminal-emulator", &["-e"]),
    ("gnome-terminal", &["--"]),
    ("ptyxis", &["--"]),
    ("konsole", &["-e"]),
    ("xfce4-terminal", &["-x"]),
    ("kitty", &["--"]),
    ("alacritty", &["-e"]),
    ("foot", &["--"]),
    ("wezterm", &["start", "--"]),
    ("xterm", &["-e"]),
];

impl Terminals {
    pub fn new(wished: Option<&OsStr>, shell: Option<&OsStr>, path: Option<&OsStr>) -> Self {
        let owned = |value: Option<&OsStr>| value.map(OsStr::to_owned);
        Self {
            wished: owned(wished).filter(|wished| !wished.is_empty()),
            shell: owned(shell).filter(|shell| !shell.is_empty()),
            path: path.unwrap_or_default().to_owned(),
        }
    }

    /// Opens a terminal in which this program runs a shell with the account of this home.
    ///
    /// # Errors
    /// When there is no terminal, or it does not start.
    pub fn open(&self, program: &Path, account: &str, home: &Path) -> Result<(), TerminalError> {
        let shell = self.shell.clone().unwrap_or_else(default_shell);
        let mut run: Vec<OsString> = vec![
            program.into(),
            "run".into(),
            account.into(),
            "--".into(),
            shell,
        ];
        if cfg!(unix) {
            // A terminal that is running already starts the command with its own environment, not with ours.
            let mut variable = OsString::from("CODEX_HOME=");
            variable.push(home);
            run.splice(0..0, ["env".into(), variable]);
        }
        let argv = self
            .argv(&run)
            .ok_or_else(|| TerminalError::NoneFound(account.to_owned()))?;
        let Some((terminal, arguments)) = argv.split_first() else {
            return Err(TerminalError::NoneFound(account.to_owned()));
        };
        let mut command = with_umask_of_user(terminal, arguments);
        command
            .env("CODEX_HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|err| TerminalError::NotStarted {
            program: terminal.to_string_lossy().into_owned(),
            reason: err.to_string(),
        })?;
        // Nobody else takes note of its end, and what is not waited for stays in the system's list.
        std::thread::spawn(move || child.wait());
        Ok(())
    }

    /// The whole command line: the terminal, what it wants before a command, and the command.
    #[cfg(not(any(target_os = "macos", windows)))]
    fn argv(&self, run: &[OsString]) -> Option<Vec<OsString>> {
        let known = |name: &OsStr| {
            let name = Path::new(name).file_name()?;
            KNOWN.iter().find(|(known, _)| name == *known)
        };
        let (program, before) = match &self.wished {
            Some(wished) if self.found(wished).is_some() => {
                let before = known(wished).map_or(&["-e"][..], |(_, before)| before);
                (wished.clone(), before)
            }
            Some(_) | None => KNOWN
                .iter()
                .map(|(name, before)| (OsString::from(name), *before))
                .find(|(name, _)| self.found(name).is_some())?,
        };
        let before = before.iter().map(OsString::from);
        let all = std::iter::once(program).chain(before);
        Some(all.chain(run.iter().cloned()).collect())
    }

    /// Terminal.app takes a command as AppleScript only, as one text for its shell, so every word is quoted for both.
    #[cfg(target_os = "macos")]
    fn argv(&self, run: &[OsString]) -> Option<Vec<OsString>> {
        let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
        let words: Vec<String> = run.iter().map(|word| quoted(word)).collect();
        let line = words.join(" ").replace('\\', "\\\\").replace('"', "\\\"");
        let script =
            format!("tell application \"Terminal\"\nactivate\ndo script \"exec {line}\"\nend tell");
        Some(vec!["osascript".into(), "-e".into(), script.into()])
    }

    #[cfg(windows)]
    fn argv(&self, run: &[OsString]) -> Option<Vec<OsString>> {
        let before: &[&str] = if self.found("wt.exe".as_ref()).is_some() {
            &["wt.exe", "new-tab", "--"]
        } else {
            // The console program itself opens a window for the command.
            &["conhost.exe"]
        };
        let before = before.iter().map(OsString::from);
        Some(before.chain(run.iter().cloned()).collect())
    }

    /// Where a program lies, by its name or its place.
    #[cfg(not(target_os = "macos"))]
    fn found(&self, program: &OsStr) -> Option<PathBuf> {
        let place = Path::new(program);
        if place.components().count() > 1 {
            return is_program(place).then(|| place.to_owned());
        }
        std::env::split_paths(&self.path)
            .map(|folder| folder.join(place))
            .find(|file| is_program(file))
    }
}

#[cfg(not(target_os = "macos"))]
fn is_program(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.metadata()
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    file.is_file()
}

fn default_shell() -> OsString {
    if cfg!(windows) {
        "cmd.exe".into()
    } else {
        "/bin/sh".into()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn path_with(programs: &[&str]) -> (tempfile::TempDir, OsString) {
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            let file = folder.path().join(program);
            std::fs::write(&file, "").unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&file, mode).unwrap();
        }
        let path = folder.path().as_os_str().to_owned();
        (folder, path)
    }

    fn line(wished: Option<&str>, programs: &[&str]) -> Option<String> {
        let (_folder, path) = path_with(programs);
        let terminals = Terminals::new(wished.map(OsStr::new), None, Some(&path));
        let argv = terminals.argv(&["me".into(), "run".into()])?;
        let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
        Some(words.join(" "))
    }

    #[test]
    fn the_users_own_terminal_comes_before_the_desktops_and_those_that_are_known() {
        let all = ["xterm", "kitty", "mine", "xdg-terminal-exec"];
        assert_eq!(line(Some("mine"), &all).unwrap(), "mine -e me run");
        assert_eq!(line(Some("kitty"), &all).unwrap(), "kitty -- me run");
        assert_eq!(line(None, &all).unwrap(), "xdg-terminal-exec me run");
        assert_eq!(line(Some("gone"), &["xterm"]).unwrap(), "xterm -e me run");
        assert_eq!(line(None, &["wezterm"]).unwrap(), "wezterm start -- me run");
        assert_eq!(line(None, &[]), None);
    }

    #[test]
    fn where_there_is_no_terminal_the_sentence_says_what_to_type() {
        let terminals = Terminals::new(None, None, None);
        let refused = terminals
            .open(Path::new("me"), "work", Path::new("/h"))
            .unwrap_err();
        let sentence = refused.to_string();
        assert!(
            sentence.ends_with("codex-router run work -- codex"),
            "{sentence}"
        );
    }

    #[test]
    fn the_command_is_passed_word_by_word() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        let terminal = folder.path().join("xterm");
        let script = "#!/bin/sh\nprintf '%s\\n' \"$CODEX_HOME\" \"$@\" > \"$0.part\"\nmv \"$0.part\" \"${0%xterm}told\"\n";
        std::fs::write(&terminal, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&terminal, mode).unwrap();
        let terminals = Terminals::new(
            Some(terminal.as_os_str()),
            Some(OsStr::new("/bin/my shell")),
            None,
        );
        terminals
            .open(
                Path::new("/opt/a b/codex-router"),
                "work; x",
                Path::new("/h/.codex"),
            )
            .unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !told.exists() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(
            std::fs::read_to_string(told).unwrap(),
            "/h/.codex\n-e\nenv\nCODEX_HOME=/h/.codex\n/opt/a b/codex-router\nrun\nwork; x\n--\n/bin/my shell\n"
        );
    }
}
