//! What is written where, program by program. Every place and every key is documented by its program.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::text::{Format, Leaf, Outcome, Reading};
use super::{Places, Router};
use crate::desk::Tool;
use crate::profile::Secret;

/// The model that programs are given which must name one.
const MODEL: &str = "gpt-5.5";
const SMALL_MODEL: &str = "gpt-5.4-mini";
/// What we are called where a program wants a name, and where people read it.
const NAME: &str = "codex-router";
const TITLE: &str = "Codex Router";
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
    /// It begins with a name of ours.
    Named,
    /// It is the element of a list that has our name: where that stands, and the address and the key.
    Element {
        id: &'static str,
        address: &'static str,
        key: &'static str,
    },
}

/// The file that is changed.
pub(super) fn file(tool: Tool, places: &Places, codex_config: &Path) -> Option<PathBuf> {
    match tool {
        Tool::Codex => Some(codex_config.to_owned()),
        // https://docs.anthropic.com/en/docs/claude-code/settings
        Tool::ClaudeCode => places.below("CLAUDE_CONFIG_DIR", ".claude", "settings.json"),
        // https://opencode.ai/docs/config: both names are read, the one with comments last.
        Tool::OpenCode => {
            if let Some(file) = places.named("OPENCODE_CONFIG") {
                return Some(file);
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
        // https://qwenlm.github.io/qwen-code-docs/en/users/configuration/settings
        Tool::QwenCode => places.below("QWEN_HOME", ".qwen", "settings.json"),
        // https://docs.continue.dev/reference; the variable is that of its `core/util/paths.ts`.
        Tool::Continue => places.below("CONTINUE_GLOBAL_DIR", ".continue", "config.yaml"),
        // https://github.com/charmbracelet/crush, "Configuration"; the variable is that of its `internal/config/load.go`.
        Tool::Crush => {
            let own = places.named("CRUSH_GLOBAL_CONFIG");
            let usual = || Some(places.config_home()?.join("crush"));
            Some(own.or_else(usual)?.join("crush.json"))
        }
        // https://github.com/sigoden/aichat: `config.example.yaml` and `src/config/mod.rs`.
        Tool::AiChat => places.named("AICHAT_CONFIG_FILE").or_else(|| {
            let own = places.named("AICHAT_CONFIG_DIR");
            let usual = || Some(places.system_config_home()?.join("aichat"));
            Some(own.or_else(usual)?.join("config.yaml"))
        }),
    }
}

pub(super) fn format(tool: Tool) -> Format {
    match tool {
        Tool::Codex => Format::Toml,
        Tool::ClaudeCode | Tool::OpenCode | Tool::QwenCode | Tool::Crush => Format::Json,
        Tool::Aider | Tool::Continue | Tool::AiChat => Format::Yaml,
    }
}

/// Its program files, without an ending.
pub(super) fn program(tool: Tool) -> &'static str {
    match tool {
        Tool::Codex => "codex",
        Tool::ClaudeCode => "claude",
        Tool::OpenCode => "opencode",
        Tool::Aider => "aider",
        Tool::QwenCode => "qwen",
        Tool::Continue => "cn",
        Tool::Crush => "crush",
        Tool::AiChat => "aichat",
    }
}

/// What a file begins with that is not there yet, where the program reads no other.
pub(super) fn beginning(tool: Tool) -> &'static str {
    match tool {
        // All three are required (https://docs.continue.dev/reference).
        Tool::Continue => "name: Local Config\nversion: 1.0.0\nschema: v1\n",
        Tool::Codex
        | Tool::ClaudeCode
        | Tool::OpenCode
        | Tool::Aider
        | Tool::QwenCode
        | Tool::Crush
        | Tool::AiChat => "",
    }
}

/// Why a file that is not there must not be made: a sentence.
pub(super) fn trouble_with_a_first_file(tool: Tool, file: &Path) -> Option<String> {
    // https://docs.continue.dev/yaml-migration: the new file is read in place of the old one.
    let old = file.with_file_name("config.json");
    let is_hidden_by_it = tool == Tool::Continue && !file.exists() && old.exists();
    is_hidden_by_it.then(|| {
        "Continue reads config.json, and would not any more if there were a config.yaml; move its models to config.yaml first (https://docs.continue.dev/yaml-migration)".to_owned()
    })
}

/// Whether it can show a key of the router.
pub(super) fn takes_a_key(tool: Tool) -> bool {
    match tool {
        // Its built-in provider sends Codex's own login; another provider would hide the sessions of this one.
        Tool::Codex => false,
        Tool::ClaudeCode
        | Tool::OpenCode
        | Tool::Aider
        | Tool::QwenCode
        | Tool::Continue
        | Tool::Crush
        | Tool::AiChat => true,
    }
}

/// All values of ours, in the order in which they are written.
pub(super) fn wanted(tool: Tool, router: &Router, key: Option<&Secret>) -> Vec<Setting> {
    let (root, key) = (&router.root, json!(key.map_or(NO_KEY, Secret::expose)));
    let base = json!(format!("{root}/v1"));
    let setting = |path, value, kind| Setting { path, value, kind };
    let word = |path, value| setting(path, value, Kind::Word);
    match tool {
        // Replaces the address of the built-in provider and nothing else, so that Codex lists the sessions it had (measured with
        // codex-cli 0.169.0: sessions are listed by the id of their provider).
        Tool::Codex => vec![setting(&["openai_base_url"], base, Kind::Address)],
        Tool::ClaudeCode => vec![
            setting(&["env", "ANTHROPIC_BASE_URL"], json!(root), Kind::Address),
            setting(&["env", "ANTHROPIC_AUTH_TOKEN"], key, Kind::Key),
        ],
        // A provider of its own: what the user has under the others stays as it is.
        Tool::OpenCode => vec![
            word(&["provider", NAME, "npm"], json!("@ai-sdk/openai")),
            word(&["provider", NAME, "name"], json!(TITLE)),
            setting(
                &["provider", NAME, "options", "baseURL"],
                base,
                Kind::Address,
            ),
            setting(&["provider", NAME, "options", "apiKey"], key, Kind::Key),
            word(&["provider", NAME, "models", MODEL, "name"], json!(MODEL)),
            word(
                &["provider", NAME, "models", SMALL_MODEL, "name"],
                json!(SMALL_MODEL),
            ),
            setting(&["model"], json!(format!("{NAME}/{MODEL}")), Kind::Named),
            setting(
                &["small_model"],
                json!(format!("{NAME}/{SMALL_MODEL}")),
                Kind::Named,
            ),
        ],
        Tool::Aider => vec![
            setting(&["openai-api-base"], base, Kind::Address),
            setting(&["openai-api-key"], key, Kind::Key),
            word(&["model"], json!(format!("openai/{MODEL}"))),
        ],
        // https://qwenlm.github.io/qwen-code-docs/en/users/configuration/settings, "security" and "model"; tried with 0.15.10.
        Tool::QwenCode => vec![
            word(&["security", "auth", "selectedType"], json!("openai")),
            setting(&["security", "auth", "baseUrl"], base, Kind::Address),
            setting(&["security", "auth", "apiKey"], key, Kind::Key),
            word(&["model", "name"], json!(MODEL)),
        ],
        // https://docs.continue.dev/reference, "models"; the first one is in use until another is chosen.
        Tool::Continue => vec![setting(
            &["models"],
            json!({
                "name": TITLE,
                "provider": "openai",
                "model": MODEL,
                "apiBase": base,
                "apiKey": key,
                "roles": ["chat", "edit", "apply"],
            }),
            Kind::Element {
                id: "name",
                address: "apiBase",
                key: "apiKey",
            },
        )],
        // https://github.com/charmbracelet/crush, "Custom Providers"; `models` as in its `internal/config/config.go`.
        Tool::Crush => vec![
            word(&["providers", NAME, "name"], json!(TITLE)),
            word(&["providers", NAME, "type"], json!("openai")),
            setting(&["providers", NAME, "base_url"], base, Kind::Address),
            setting(&["providers", NAME, "api_key"], key, Kind::Key),
            word(
                &["providers", NAME, "models"],
                json!([crush_model(MODEL), crush_model(SMALL_MODEL)]),
            ),
            word(&["models", "large", "provider"], json!(NAME)),
            word(&["models", "large", "model"], json!(MODEL)),
            word(&["models", "small", "provider"], json!(NAME)),
            word(&["models", "small", "model"], json!(SMALL_MODEL)),
        ],
        // https://github.com/sigoden/aichat/blob/main/config.example.yaml
        Tool::AiChat => vec![
            setting(
                &["clients"],
                json!({
                    "type": "openai-compatible",
                    "name": NAME,
                    "api_base": base,
                    "api_key": key,
                    "models": [
                        { "name": MODEL, "supports_function_calling": true },
                        { "name": SMALL_MODEL, "supports_function_calling": true },
                    ],
                }),
                Kind::Element {
                    id: "name",
                    address: "api_base",
                    key: "api_key",
                },
            ),
            setting(&["model"], json!(format!("{NAME}:{MODEL}")), Kind::Named),
        ],
    }
}

/// Crush wants to know how long a conversation may become; what it does not know is 0, and it would sum up at once.
fn crush_model(id: &str) -> Value {
    json!({ "id": id, "name": id, "context_window": 272_000, "default_max_tokens": 32_000 })
}

impl Setting {
    /// What stands there.
    pub fn read(&self, format: Format, text: &str) -> Outcome<Option<Value>> {
        match self.element() {
            Some((id, name)) => format.element(text, self.path, id, name),
            None => format.get(text, self.path),
        }
    }

    /// The text with this value in it.
    pub fn write(&self, format: Format, text: &str, value: &Value) -> Outcome<String> {
        match self.element() {
            Some((id, _)) => format.set_element(text, self.path, id, value),
            None => format.set(text, self.path, value),
        }
    }

    /// The text without the value, and without the objects and lists that hold nothing else and were not there `before`.
    pub fn remove(&self, format: Format, text: &str, before: &str) -> Outcome<String> {
        let (mut text, mut path) = match self.element() {
            Some((id, name)) => (format.remove_element(text, self.path, id, name)?, self.path),
            None => (format.remove(text, self.path)?, parents(self.path)),
        };
        while !path.is_empty() {
            let was_there = format.get(before, path).ok().flatten().is_some();
            if was_there || !format.get(&text, path)?.is_some_and(is_empty) {
                break;
            }
            text = format.remove(&text, path)?;
            path = parents(path);
        }
        Ok(text)
    }

    /// Whether what stands there was written by us. `is_address`: of the router, now or earlier.
    pub fn is_ours(&self, present: &Value, is_address: impl Fn(&str) -> bool) -> bool {
        let text = present.as_str().unwrap_or_default();
        match self.kind {
            Kind::Address => is_address(text),
            Kind::Key => text == NO_KEY || text.starts_with(KEY_START),
            Kind::Word => *present == self.value,
            Kind::Named => text
                .strip_prefix(NAME)
                .is_some_and(|rest| rest.starts_with(['/', ':'])),
            Kind::Element { address, .. } => present[address].as_str().is_some_and(is_address),
        }
    }

    /// Where it stands in a text: the place of our element among the others is known by reading alone.
    pub fn place_in(&self, reading: &Reading) -> Option<Vec<String>> {
        let path = self
            .path
            .iter()
            .map(|key| (*key).to_owned())
            .collect::<Vec<_>>();
        let Some((id, name)) = self.element() else {
            return Some(path);
        };
        let is_name = |leaf: &&Leaf| {
            leaf.path.len() == path.len() + 2
                && leaf.path.starts_with(&path)
                && leaf.path.last().is_some_and(|key| key == id)
                && leaf.text.as_deref() == Some(name)
        };
        let found = reading.leaves.iter().find(is_name)?;
        found.path.get(..=path.len()).map(<[String]>::to_vec)
    }

    /// Whether it stands at this path or below it.
    pub fn is_below(&self, path: &[String]) -> bool {
        path.len() <= self.path.len() && path.iter().zip(self.path).all(|(a, b)| a == b)
    }

    /// Whether the text at this path of ours is a key.
    pub fn hides(&self, path: &[String], text: &str) -> bool {
        let is_key = match self.kind {
            Kind::Key => true,
            Kind::Element { key, .. } => path.last().is_some_and(|last| last == key),
            Kind::Address | Kind::Word | Kind::Named => false,
        };
        is_key && text != NO_KEY
    }

    /// The address that it says, if it says one.
    pub fn address(&self, present: &Value) -> Option<String> {
        match self.kind {
            Kind::Address => present.as_str().map(str::to_owned),
            Kind::Element { address, .. } => present[address].as_str().map(str::to_owned),
            Kind::Key | Kind::Word | Kind::Named => None,
        }
    }

    /// The key that it says, if it says one.
    pub fn key(&self, present: &Value) -> Option<String> {
        match self.kind {
            Kind::Key => present.as_str().map(str::to_owned),
            Kind::Element { key, .. } => present[key].as_str().map(str::to_owned),
            Kind::Address | Kind::Word | Kind::Named => None,
        }
    }

    /// By which key our element is known, and its name.
    fn element(&self) -> Option<(&'static str, &str)> {
        match self.kind {
            Kind::Element { id, .. } => Some((id, self.value[id].as_str().unwrap_or_default())),
            _ => None,
        }
    }
}

fn parents(path: &'static [&'static str]) -> &'static [&'static str] {
    path.split_last().map_or(&[], |(_last, parents)| parents)
}

fn is_empty(value: Value) -> bool {
    match value {
        Value::Object(values) => values.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}
