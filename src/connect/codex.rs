//! What Codex's own settings say about where it sends its requests and where it keeps its login.

use serde_json::json;
use toml_edit::{Item, Table};

use super::settings::{Kind, Setting};
use super::text::{Format, Outcome};
use super::toml_text::parsed;

/// The setting that says where Codex keeps its login (codex-rs/core/src/config/mod.rs).
pub(super) const CREDENTIAL_STORE: &str = "cli_auth_credentials_store";
const BUILT_IN: &str = "openai";

/// Where Codex sends its requests, by whichever of its settings. A file that cannot be understood says nothing: Codex itself
/// does not start with it.
pub(super) fn address(text: &str) -> Option<String> {
    let document = parsed(text).ok()?;
    let root = document.as_table();
    let provider = provider(root);
    if provider == BUILT_IN {
        string(root, "openai_base_url")
    } else {
        root.get("model_providers")
            .and_then(Item::as_table_like)
            .and_then(|providers| providers.get(&provider))
            .and_then(Item::as_table_like)
            .and_then(|provider| provider.get("base_url")?.as_str().map(str::to_owned))
    }
}

/// Why another address of the built-in provider would change nothing: a sentence.
pub(super) fn trouble(text: &str) -> Outcome<Option<String>> {
    let document = parsed(text)?;
    let provider = provider(document.as_table());
    Ok((provider != BUILT_IN).then(|| {
        format!(
            "Codex uses the provider {provider:?} (model_provider in its config.toml), whose sessions it lists. Set the base_url of that provider by hand, or take model_provider out first"
        )
    }))
}

/// Without the settings that choose where requests go; `None` when they cannot be taken out.
pub(super) fn without_router(text: &str) -> Option<String> {
    // A profile of settings that chooses a provider would do so again.
    let keys = ["openai_base_url", "model_provider", "profile"];
    keys.iter().try_fold(text.to_owned(), |text, key| {
        Format::Toml.remove(&text, &[key]).ok()
    })
}

/// The login in `auth.json`, where it can be switched.
pub(super) fn store_setting() -> Setting {
    Setting {
        path: &[CREDENTIAL_STORE],
        value: json!("file"),
        kind: Kind::Word,
    }
}

/// With the login in `auth.json`.
pub(super) fn with_file_store(text: &str) -> Outcome<String> {
    Format::Toml.set(text, &[CREDENTIAL_STORE], &json!("file"))
}

/// The provider in force: that of the chosen profile of settings before that of the file.
fn provider(root: &Table) -> String {
    let of_profile = string(root, "profile").and_then(|name| {
        let profiles = root.get("profiles")?.as_table_like()?;
        let profile = profiles.get(&name)?.as_table_like()?;
        profile.get("model_provider")?.as_str().map(str::to_owned)
    });
    of_profile
        .or_else(|| string(root, "model_provider"))
        .unwrap_or_else(|| BUILT_IN.to_owned())
}

fn string(table: &Table, key: &str) -> Option<String> {
    table.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::Router;
    use super::*;

    #[test]
    fn codex_is_on_the_router_by_any_of_its_ways_to_say_so() {
        for (text, is_on) in [
            ("", false),
            ("openai_base_url = \"http://localhost:9876/v1\"", true),
            ("openai_base_url = \"http://[::1]:9876/v1/\"", true),
            ("openai_base_url = \"http://localhost:9877/v1\"", false),
            ("openai_base_url = \"https://api.example:9876/v1\"", false),
            (
                "model_provider = \"x\"\n[model_providers.x]\nbase_url = \"http://127.0.0.1:9876/v1\"",
                true,
            ),
            (
                "model_provider = \"x\"\nopenai_base_url = \"http://127.0.0.1:9876/v1\"\n[model_providers.x]\nbase_url = \"http://y\"",
                false,
            ),
            (
                "profile = \"p\"\nopenai_base_url = \"http://127.0.0.1:9876/v1\"\n[profiles.p]\nmodel_provider = \"x\"",
                false,
            ),
            (
                "openai_base_url = \"http://localhost:9876/v1\"\nbroken",
                false,
            ),
        ] {
            let router = Router::at("127.0.0.1:9876".parse().unwrap(), false);
            let is_there = address(text).is_some_and(|address| router.is_at(&address));
            assert_eq!(is_there, is_on, "{text}");
        }
    }

    #[test]
    fn another_provider_is_named_as_the_reason() {
        assert_eq!(trouble("model_provider = \"openai\"").unwrap(), None);
        let reason = trouble("model_provider = \"azure\"").unwrap().unwrap();
        assert!(reason.contains("\"azure\""), "{reason}");
        trouble("broken").unwrap_err();
    }

    #[test]
    fn the_store_of_the_login_is_set_in_its_line() {
        let text = "model = \"x\"\ncli_auth_credentials_store = \"keyring\" # safe\n";
        let set = with_file_store(text).unwrap();
        assert_eq!(set, text.replace("\"keyring\"", "\"file\""));
    }
}
