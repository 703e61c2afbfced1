//! What is written where, program by program. Every place and every key is documented by its program.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::text::Format;
use super::{Places, Router};
use crate::desk::Tool;
use crate::profile::Secret;

/// The model that programs are given which must name one.
const MODEL: &str = "gpt-5.5";
const SMALL_MODEL: &str = "gpt-5.4-mini";
/// What is shown as a key where none is needed: programs want one.
const NO_KEY: &str = "unused";
/// How every client key begins (`client_key`).
const KEY_START: &str = "crk_";

/// One value that we write.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub path: &'static [&'static str],
    pub value: Value,
    pub kind: Kind,
}

/// By what a value that stands there is recognised as ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It leads to the router.
    Address,
    /// It is a key of the router, or our word for none.
    Key,
    /// It is this word.
    Word,
    /// It stands below a name of ours.
    Ours,
    /// It begins with a name of ours.
    Named,
}

/// The file that is changed.
pub(super) fn file(tool: Tool, places: &Places, codex_config: &Path) -> Option<PathBuf> {
    match tool {
        Tool::Codex => Some(codex_config.to_owned()),
        // https://docs.anthropic.com/en/docs/claude-code/settings
        Tool::ClaudeCode => Some(places.claude()?.join("settings.json")),
        // https://opencode.ai/docs/config: both names are read, the one with comments last.
        Tool::OpenCode => {
            if let Some(file) = &places.opencode_config {
                return Some(file.clone());
            }
            let folder = places.config_home()?.join("opencode");
            let with_comments = folder.join("opencode.jsonc");
            Some(if with_comments.exists() {
                with_comments
            } else {
                folder.join("opencode.json")
            })
        }
        // https://aider.chat/docs/config/aider_conf.html
        Tool::Aider => Some(places.user_home.as_ref()?.join(".aider.conf.yml")),
    }
}

pub(super) fn format(tool: Tool) -> Format {
    match tool {
        Tool::Codex => Format::Toml,
        Tool::ClaudeCode | Tool::OpenCode => Format::Json,
        Tool::Aider => Format::Yaml,
    }
}

/// Its program files, without an ending.
pub(super) fn program(tool: Tool) -> &'static str {
    match tool {
        Tool::Codex => "codex",
        Tool::ClaudeCode => "claude",
        Tool::OpenCode => "opencode",
        Tool::Aider => "aider",
    }
}

/// Where the address stands that says whether it is connected.
pub(super) fn address_path(tool: Tool) -> &'static [&'static str] {
    match tool {
        Tool::Codex => &["openai_base_url"],
        Tool::ClaudeCode => &["env", "ANTHROPIC_BASE_URL"],
        Tool::OpenCode => &["provider", "codex-router", "options", "baseURL"],
        Tool::Aider => &["openai-api-base"],
    }
}

/// Whether it can show a key of the router.
pub(super) fn takes_a_key(tool: Tool) -> bool {
    match tool {
        // Its built-in provider sends Codex's own login; another provider would hide the sessions of this one.
        Tool::Codex => false,
        Tool::ClaudeCode | Tool::OpenCode | Tool::Aider => true,
    }
}

/// All values of ours, in the order in which they are written.
pub(super) fn wanted(tool: Tool, router: &Router, key: Option<&Secret>) -> Vec<Setting> {
    let (root, key) = (&router.root, key.map_or(NO_KEY, Secret::expose));
    let base = format!("{root}/v1");
    let setting = |path, value, kind| Setting { path, value, kind };
    match tool {
        // Replaces the address of the built-in provider and nothing else, so that Codex lists the sessions it had (measured with
        // codex-cli 0.169.0: sessions are listed by the id of their provider).
        Tool::Codex => vec![setting(address_path(tool), json!(base), Kind::Address)],
        Tool::ClaudeCode => vec![
            setting(address_path(tool), json!(root), Kind::Address),
            setting(&["env", "ANTHROPIC_AUTH_TOKEN"], json!(key), Kind::Key),
        ],
        // A provider of its own: what the user has under the others stays as it is.
        Tool::OpenCode => vec![
            setting(
                &["provider", "codex-router"],
                json!({
                    "npm": "@ai-sdk/openai",
                    "name": "Codex Router",
                    "options": { "baseURL": base, "apiKey": key },
                    "models": { MODEL: { "name": MODEL }, SMALL_MODEL: { "name": SMALL_MODEL } },
                }),
                Kind::Ours,
            ),
            setting(
                &["model"],
                json!(format!("codex-router/{MODEL}")),
                Kind::Named,
            ),
            setting(
                &["small_model"],
                json!(format!("codex-router/{SMALL_MODEL}")),
                Kind::Named,
            ),
        ],
        Tool::Aider => vec![
            setting(address_path(tool), json!(base), Kind::Address),
            setting(&["openai-api-key"], json!(key), Kind::Key),
            setting(&["model"], json!(format!("openai/{MODEL}")), Kind::Word),
        ],
    }
}

impl Setting {
    /// Whether what stands there was written by us. `is_address`: of the router, now or earlier.
    pub fn is_ours(&self, present: &Value, is_address: impl Fn(&str) -> bool) -> bool {
        let text = present.as_str().unwrap_or_default();
        match self.kind {
            Kind::Address => is_address(text),
            Kind::Key => text == NO_KEY || text.starts_with(KEY_START),
            Kind::Word => *present == self.value,
            Kind::Ours => true,
            Kind::Named => text.starts_with("codex-router/"),
        }
    }
}
