//! Running Codex programs that use our home. They read their login at start and keep it in memory, so a switch does not reach
//! them (codex-rs/core/src/auth.rs: the file is read again only before a refresh and after a 401).

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::desk::CodexProcess;

/// Looks through this user's processes. `user_home` shortens directories to `~` and is where Codex looks without `CODEX_HOME`.
///
/// What the system does not let us see counts as not there.
pub fn codex_processes(codex_home: &Path, user_home: Option<&Path>) -> Vec<CodexProcess> {
    let Ok(mut system) = System::new() else {
        return Vec::new();
    };
    let first = ProcessRefreshKind::nothing()
        .with_exe(UpdateKind::Always)
        .with_user(UpdateKind::Always)
        .without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, first);
    let own_user = sysinfo::get_current_pid()
        .ok()
        .and_then(|pid| system.process(pid))
        .and_then(Process::user_id)
        .cloned();
    let pids: Vec<_> = system
        .processes()
        .values()
        .filter(|process| {
            is_codex(&executable_name(process)) && process.user_id() == own_user.as_ref()
        })
        .map(Process::pid)
        .collect();
    if pids.is_empty() {
        return Vec::new();
    }
    let closer = ProcessRefreshKind::nothing()
        .with_cmd(UpdateKind::Always)
        .with_cwd(UpdateKind::Always)
        .with_environ(UpdateKind::Always)
        .without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, closer);
    let default_home = user_home.map(|home| home.join(".codex"));
    let mut found: Vec<_> = pids
        .iter()
        .filter_map(|pid| system.process(*pid))
        .filter(|process| uses_home(process.environ(), codex_home, default_home.as_deref()))
        .map(|process| CodexProcess {
            pid: process.pid().as_u32(),
            kind: kind(process.exe(), process.cmd()).to_owned(),
            directory: process.cwd().map(|cwd| shortened(cwd, user_home)),
            started_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(process.start_time())),
        })
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn executable_name(process: &Process) -> String {
    let name = process
        .exe()
        .and_then(Path::file_name)
        .unwrap_or_else(|| process.name());
    name.to_string_lossy().into_owned()
}

/// `codex`, `codex.exe`, and the names with a target triple that release archives hold; not this program.
fn is_codex(name: &str) -> bool {
    let name = name.trim_end_matches(" (deleted)");
    let name = name.strip_suffix(".exe").unwrap_or(name);
    name == "codex"
        || name
            .strip_prefix("codex-")
            .is_some_and(|rest| rest.starts_with("x86_64-") || rest.starts_with("aarch64-"))
}

fn uses_home(environ: &[OsString], codex_home: &Path, default_home: Option<&Path>) -> bool {
    let set = environ
        .iter()
        .find_map(|entry| entry.to_str()?.strip_prefix("CODEX_HOME=").map(Path::new));
    let theirs = set
        .filter(|path| !path.as_os_str().is_empty())
        .or(default_home);
    let real =
        |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_unresolved| path.to_owned());
    theirs.is_some_and(|path| real(path) == real(codex_home))
}

/// Editors that carry the extension, by the folder that they keep extensions in (of VS Code and its forks, also on a remote side).
const EDITORS: [(&str, &str); 5] = [
    (".cursor", "Cursor extension"),
    (".windsurf", "Windsurf extension"),
    (".vscode-oss", "VSCodium extension"),
    (".vscode", "VS Code extension"),
    // The extension's own name, wherever it is kept.
    ("openai.chatgpt", "VS Code extension"),
];

fn kind(exe: Option<&Path>, cmd: &[OsString]) -> &'static str {
    let place = exe.map(|exe| exe.to_string_lossy().replace('\\', "/"));
    let is_in = |part: &str| place.as_ref().is_some_and(|place| place.contains(part));
    if let Some((_, editor)) = EDITORS.iter().find(|(part, _)| is_in(part)) {
        return editor;
    }
    // The desktop app carries the program inside itself (a guess by its name).
    if is_in("/Codex.app/") || is_in("/Programs/Codex/") || is_in("/opt/Codex/") {
        return "Codex app";
    }
    let asked = |word: &str| cmd.iter().skip(1).any(|argument| argument == word);
    if asked("app-server") {
        "app server"
    } else if asked("mcp-server") {
        "MCP server"
    } else if asked("exec") || asked("e") {
        "codex exec"
    } else {
        "codex"
    }
}

fn shortened(path: &Path, user_home: Option<&Path>) -> String {
    match user_home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) if below.as_os_str().is_empty() => "~".into(),
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codex_is_told_from_its_neighbours_by_name() {
        for name in [
            "codex",
            "codex.exe",
            "codex-x86_64-unknown-linux-musl",
            "codex (deleted)",
        ] {
            assert!(is_codex(name), "{name}");
        }
        for name in ["codex-router", "codexbar", "mycodex", "node"] {
            assert!(!is_codex(name), "{name}");
        }
    }

    #[test]
    fn a_process_without_codex_home_uses_the_default_one() {
        let environ = |text: &str| vec![OsString::from("A=1"), OsString::from(text)];
        let (ours, default) = (Path::new("/h/.codex"), Some(Path::new("/h/.codex")));
        assert!(uses_home(&environ("B=2"), ours, default));
        assert!(uses_home(&environ("CODEX_HOME="), ours, default));
        assert!(!uses_home(&environ("CODEX_HOME=/elsewhere"), ours, default));
        assert!(uses_home(
            &environ("CODEX_HOME=/elsewhere"),
            Path::new("/elsewhere"),
            default
        ));
    }

    #[test]
    fn the_kind_is_read_from_where_it_lies_and_how_it_was_started() {
        let kind_at = |place: &str| kind(Some(Path::new(place)), &["codex".into()]);
        for (place, expected) in [
            (
                "/h/.cursor/extensions/openai.chatgpt-1/bin/codex",
                "Cursor extension",
            ),
            (
                "/h/.vscode-server/extensions/openai.chatgpt-1/codex",
                "VS Code extension",
            ),
            (
                "/h/.windsurf/extensions/openai.chatgpt-1/bin/codex",
                "Windsurf extension",
            ),
            (
                "C:\\Users\\a\\.vscode\\extensions\\x\\codex.exe",
                "VS Code extension",
            ),
            (
                "/Applications/Codex.app/Contents/Resources/codex",
                "Codex app",
            ),
        ] {
            assert_eq!(kind_at(place), expected, "{place}");
        }
        let vscode = Path::new("/h/.vscode/extensions/openai.chatgpt-1/bin/codex");
        assert_eq!(
            kind(Some(vscode), &["codex".into(), "app-server".into()]),
            "VS Code extension"
        );
        assert_eq!(
            kind(
                Some(Path::new("/usr/bin/codex")),
                &["codex".into(), "app-server".into()]
            ),
            "app server"
        );
        assert_eq!(
            kind(
                Some(Path::new("/usr/bin/codex")),
                &["codex".into(), "exec".into()]
            ),
            "codex exec"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_running_codex_of_this_home_is_found_and_one_of_another_home_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let codex = dir.path().join("codex");
        std::fs::copy("/bin/sleep", &codex).unwrap();
        std::fs::set_permissions(&codex, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        let start = |home: &Path| {
            std::process::Command::new(&codex)
                .arg("600")
                .env("CODEX_HOME", home)
                .current_dir(dir.path())
                .spawn()
                .unwrap()
        };
        let (mut ours, mut other) = (start(dir.path()), start(Path::new("/elsewhere")));
        let found = codex_processes(dir.path(), None);
        for child in [&mut ours, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let pids: Vec<_> = found.iter().map(|process| process.pid).collect();
        assert_eq!(pids, [ours.id()]);
        assert_eq!(found[0].kind, "codex");
    }
}
