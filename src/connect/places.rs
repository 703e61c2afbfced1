//! Where programs keep their settings, and whether they are there at all.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::settings;
use crate::desk::Tool;
use crate::store::Environment;

/// Where programs keep their settings, as the environment says it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    pub(super) user_home: Option<PathBuf>,
    /// The variables of [`VARIABLES`] that are set.
    pub(super) named: BTreeMap<&'static str, PathBuf>,
    /// Where programs lie.
    pub(super) path: OsString,
}

/// Each is a file or a folder.
const VARIABLES: [&str; 9] = [
    "XDG_CONFIG_HOME",
    "APPDATA",
    "CLAUDE_CONFIG_DIR",
    "OPENCODE_CONFIG",
    "QWEN_HOME",
    "CONTINUE_GLOBAL_DIR",
    "CRUSH_GLOBAL_CONFIG",
    "AICHAT_CONFIG_DIR",
    "AICHAT_CONFIG_FILE",
];

impl Places {
    pub fn of(environment: &Environment) -> Self {
        let path = |name: &str| environment.path(name).map(Path::to_owned);
        let named = VARIABLES
            .iter()
            .filter_map(|name| Some((*name, path(name)?)));
        Self {
            user_home: environment.user_home().map(Path::to_owned),
            named: named.collect(),
            path: path("PATH").unwrap_or_default().into_os_string(),
        }
    }

    /// What this variable names.
    pub(super) fn named(&self, variable: &str) -> Option<PathBuf> {
        self.named.get(variable).cloned()
    }

    /// A file of the folder that this variable names, else of one in the user's home.
    pub(super) fn below(&self, variable: &str, folder: &str, file: &str) -> Option<PathBuf> {
        let usual = || Some(self.user_home.as_ref()?.join(folder));
        Some(self.named(variable).or_else(usual)?.join(file))
    }

    /// Where programs that follow the XDG base directories keep their settings, on every system.
    pub(super) fn config_home(&self) -> Option<PathBuf> {
        let usual = || Some(self.user_home.as_ref()?.join(".config"));
        self.named("XDG_CONFIG_HOME").or_else(usual)
    }

    /// Where programs that follow their system keep their settings.
    pub(super) fn system_config_home(&self) -> Option<PathBuf> {
        if self.named.contains_key("XDG_CONFIG_HOME") {
            return self.config_home();
        }
        if cfg!(windows) {
            return self.named("APPDATA");
        }
        if cfg!(target_os = "macos") {
            return Some(self.user_home.as_ref()?.join("Library/Application Support"));
        }
        self.config_home()
    }

    /// Whether the program, or anything that it keeps, is there.
    pub(super) fn has(&self, tool: Tool, file: &Path) -> bool {
        let keeps = match tool {
            // Our own home is not a sign of Codex.
            Tool::Codex | Tool::Aider => file.is_file(),
            Tool::ClaudeCode
            | Tool::OpenCode
            | Tool::QwenCode
            | Tool::Continue
            | Tool::Crush
            | Tool::AiChat => file.parent().is_some_and(Path::is_dir),
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
