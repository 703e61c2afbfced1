//! Where programs keep their settings, and whether they are there at all.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::settings;
use crate::desk::Tool;
use crate::store::Environment;

/// Where programs keep their settings, as the environment says it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    pub(super) user_home: Option<PathBuf>,
    pub(super) claude_dir: Option<PathBuf>,
    pub(super) config_home: Option<PathBuf>,
    pub(super) opencode_config: Option<PathBuf>,
    /// Where programs lie.
    pub(super) path: OsString,
}

impl Places {
    pub fn of(environment: &Environment) -> Self {
        let path = |name: &str| environment.path(name).map(Path::to_owned);
        Self {
            user_home: environment.user_home().map(Path::to_owned),
            claude_dir: path("CLAUDE_CONFIG_DIR"),
            config_home: path("XDG_CONFIG_HOME"),
            opencode_config: path("OPENCODE_CONFIG"),
            path: path("PATH").unwrap_or_default().into_os_string(),
        }
    }

    pub(super) fn claude(&self) -> Option<PathBuf> {
        let usual = || Some(self.user_home.as_ref()?.join(".claude"));
        self.claude_dir.clone().or_else(usual)
    }

    pub(super) fn config_home(&self) -> Option<PathBuf> {
        let usual = || Some(self.user_home.as_ref()?.join(".config"));
        self.config_home.clone().or_else(usual)
    }

    /// Whether the program, or anything that it keeps, is there.
    pub(super) fn has(&self, tool: Tool, file: &Path) -> bool {
        let keeps = match tool {
            // Our own home is not a sign of Codex.
            Tool::Codex | Tool::Aider => file.is_file(),
            Tool::ClaudeCode | Tool::OpenCode => file.parent().is_some_and(Path::is_dir),
        };
        let program = settings::program(tool);
        let endings: &[&str] = if cfg!(windows) {
            &[".exe", ".cmd"]
        } else {
            &[""]
        };
        keeps
            || std::env::split_paths(&self.path).any(|folder| {
                endings
                    .iter()
                    .any(|ending| folder.join(format!("{program}{ending}")).is_file())
            })
    }
}
