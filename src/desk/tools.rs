//! Other programs that can be pointed at the router, as a face sees them.

use std::path::PathBuf;

/// A program whose settings we know how to change and to put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tool {
    Codex,
    ClaudeCode,
    OpenCode,
    Aider,
    QwenCode,
    Continue,
    Crush,
    AiChat,
}

impl Tool {
    pub const ALL: [Self; 8] = [
        Self::Codex,
        Self::ClaudeCode,
        Self::OpenCode,
        Self::Aider,
        Self::QwenCode,
        Self::Continue,
        Self::Crush,
        Self::AiChat,
    ];

    /// As it stands on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Codex => "codex",
            Self::ClaudeCode => "claude-code",
            Self::OpenCode => "opencode",
            Self::Aider => "aider",
            Self::QwenCode => "qwen-code",
            Self::Continue => "continue",
            Self::Crush => "crush",
            Self::AiChat => "aichat",
        }
    }

    /// What it is called by its makers.
    pub fn title(self) -> &'static str {
        match self {
            Self::Codex => "Codex",
            Self::ClaudeCode => "Claude Code",
            Self::OpenCode => "opencode",
            Self::Aider => "aider",
            Self::QwenCode => "Qwen Code",
            Self::Continue => "Continue",
            Self::Crush => "Crush",
            Self::AiChat => "aichat",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolView {
    pub tool: Tool,
    /// Whether it, or its settings, were found on this computer.
    pub is_installed: bool,
    pub is_connected: bool,
    /// Whether it points where the router was when it was connected, and is no more.
    pub is_outdated: bool,
    /// The file that would be, or was, changed.
    pub file: PathBuf,
    /// What [`super::Command::Connect`] or, when it is connected, [`super::Command::Disconnect`] would change there, as a
    /// unified diff; without the values of keys.
    pub diff: String,
    /// Why it cannot be changed: a sentence.
    pub trouble: Option<String>,
}
