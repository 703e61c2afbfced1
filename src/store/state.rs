//! What is remembered between two runs: `.current_profile` and `router/state.json`.
//!
//! Neither is the truth about anything: the live file says which profile is active, `config.toml` what is set.

use std::net::SocketAddr;

use serde_json::{Map, Value};

use super::error::StoreError;
use super::home::{CURRENT_PROFILE, Home, STATE};
use super::locks::EditLock;
use super::safe_file;
use crate::desk::settings::SwitchWay;
use crate::profile::ProfileName;

/// `state.json`, in the format of the program that this one grew from (`refresh_interval_seconds`, `auto_refresh_enabled`,
/// `last_selected_profile`), with keys of ours. Every key is optional, unknown ones survive.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    json: Map<String, Value>,
}

const HIDES_EMAILS: &str = "hides_emails";

impl State {
    /// Reads it; one that is missing or broken counts as empty.
    pub fn read(home: &Home) -> Self {
        match safe_file::read(&home.state()) {
            Ok(bytes) => bytes.map(|bytes| Self::parse(&bytes)).unwrap_or_default(),
            // No directory yet is the usual case, and nothing in it is worth failing for.
            Err(err) => {
                tracing::debug!(error = %err, "no state from the last run");
                Self::default()
            }
        }
    }

    /// Reads it, changes it and writes it, with nobody in between.
    ///
    /// # Errors
    /// When it cannot be read (a broken one is started afresh) or written.
    pub fn edit(home: &Home, edit: impl FnOnce(&mut Self)) -> Result<Self, StoreError> {
        let _lock = EditLock::take(home)?;
        Self::edit_locked(home, edit)
    }

    /// The same for whoever holds the edit lock.
    pub(super) fn edit_locked(
        home: &Home,
        edit: impl FnOnce(&mut Self),
    ) -> Result<Self, StoreError> {
        let folder = home.router_folder()?;
        let old = safe_file::read_in(&folder, STATE)?
            .map(|contents| Self::parse(&contents.bytes))
            .unwrap_or_default();
        let mut state = old.clone();
        edit(&mut state);
        if state != old {
            let text = format!("{:#}\n", Value::Object(state.json.clone()));
            safe_file::replace_in(&folder, STATE, text.as_bytes())?;
        }
        Ok(state)
    }

    fn parse(text: &[u8]) -> Self {
        Self {
            json: serde_json::from_slice(text).unwrap_or_default(),
        }
    }

    pub fn refresh_interval_secs(&self) -> Option<u64> {
        self.json.get("refresh_interval_seconds")?.as_u64()
    }

    pub fn auto_refresh_enabled(&self) -> Option<bool> {
        self.json.get("auto_refresh_enabled")?.as_bool()
    }

    pub fn last_selected_profile(&self) -> Option<ProfileName> {
        let text = self.json.get("last_selected_profile")?.as_str()?;
        ProfileName::existing(text).ok() // somebody else's idea of a name
    }

    pub fn set_last_selected_profile(&mut self, name: &ProfileName) {
        self.set("last_selected_profile", name.as_str().into());
    }

    /// How the user wanted to switch, before it was a setting that dialogs write.
    pub fn switch_way(&self) -> Option<SwitchWay> {
        let text = self.json.get("switch_way")?.as_str()?;
        SwitchWay::parse(text).ok() // of another version
    }

    pub fn set_switch_way(&mut self, way: Option<SwitchWay>) {
        self.set("switch_way", way.map(SwitchWay::as_str).into());
    }

    /// The profile that the router draws from first by the user's own choice.
    pub fn routed_to(&self) -> Option<ProfileName> {
        let text = self.json.get("routed_to")?.as_str()?;
        ProfileName::existing(text).ok() // somebody else's idea of a name
    }

    pub fn set_routed_to(&mut self, name: Option<&ProfileName>) {
        self.set("routed_to", name.map(ProfileName::as_str).into());
    }

    /// What the window remembers; its own business.
    pub fn window(&self) -> Option<&Value> {
        self.json.get("window").filter(|value| value.is_object())
    }

    pub fn set_window(&mut self, window: Value) {
        self.set("window", window);
    }

    /// Privacy. Before it was a setting of its own the window remembered it.
    pub fn hides_emails(&self) -> bool {
        let said = self.json.get(HIDES_EMAILS);
        let said = said.or_else(|| self.window()?.get(HIDES_EMAILS));
        said.and_then(Value::as_bool) == Some(true)
    }

    pub fn set_hides_emails(&mut self, hides_emails: bool) {
        self.set(HIDES_EMAILS, hides_emails.into());
    }

    /// Where the router listens, or listened last.
    pub fn address(&self) -> Option<SocketAddr> {
        self.json.get("address")?.as_str()?.parse().ok() // anything else is no address
    }

    pub fn set_address(&mut self, address: Option<SocketAddr>) {
        let text = address.map(|address| address.to_string());
        self.set("address", text.into());
    }

    /// Whether client keys are required, whatever has become of their file.
    pub fn is_key_required(&self) -> bool {
        let said = self.json.get("require_key");
        said.is_some_and(|said| *said != Value::Bool(false))
    }

    pub fn set_key_required(&mut self, is_required: bool) {
        let said = is_required.then_some(true);
        self.set("require_key", said.into());
    }

    fn set(&mut self, key: &str, value: Value) {
        if value.is_null() {
            self.json.shift_remove(key);
        } else {
            self.json.insert(key.to_owned(), value);
        }
    }
}

/// The profile that was selected last, as `.current_profile` tells it to other tools; the live file knows better.
pub fn current_profile(home: &Home) -> Option<ProfileName> {
    let bytes = match safe_file::read(&home.current_profile()) {
        Ok(bytes) => bytes?,
        Err(err) => {
            tracing::debug!(error = %err, "the name of the current profile cannot be read");
            return None;
        }
    };
    let text = std::str::from_utf8(&bytes).ok()?; // then it is not ours, and only a hint
    ProfileName::existing(text.trim()).ok()
}

/// Writes down that this profile was selected, in both places.
///
/// # Errors
/// When either cannot be written. The selection itself does not depend on it.
pub fn remember_selected(home: &Home, name: &ProfileName) -> Result<(), StoreError> {
    if current_profile(home).as_ref() != Some(name) {
        safe_file::replace_in(&home.folder()?, CURRENT_PROFILE, name.as_str().as_bytes())?;
    }
    State::edit(home, |state| state.set_last_selected_profile(name)).map(|_state| ())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::testing::{TestHome, mode_of, name};

    #[test]
    fn the_state_of_the_older_program_is_understood_and_its_keys_survive() {
        let home = TestHome::new();
        assert_eq!(State::read(&home), State::default());
        std::fs::create_dir(home.router_dir()).unwrap();
        let seed = r#"{"refresh_interval_seconds": 300, "auto_refresh_enabled": true, "last_selected_profile": "work", "zz": [1]}"#;
        std::fs::write(home.state(), seed).unwrap();
        let state = State::read(&home);
        assert_eq!(state.refresh_interval_secs(), Some(300));
        assert_eq!(state.auto_refresh_enabled(), Some(true));
        assert_eq!(state.last_selected_profile(), Some(name("work")));

        State::edit(&home, |state| {
            state.set_window(json!({"width": 900}));
            state.set_address(Some("127.0.0.1:9876".parse().unwrap()));
        })
        .unwrap();
        let state = State::read(&home);
        assert_eq!(state.window(), Some(&json!({"width": 900})));
        assert_eq!(state.address(), Some("127.0.0.1:9876".parse().unwrap()));
        assert_eq!(state.refresh_interval_secs(), Some(300));
        assert!(
            std::fs::read_to_string(home.state())
                .unwrap()
                .contains("\"zz\"")
        );
        assert_eq!(mode_of(&home.state()), 0o600);
    }

    #[test]
    fn values_of_unexpected_types_are_only_missing() {
        let home = TestHome::new();
        std::fs::create_dir(home.router_dir()).unwrap();
        let odd = r#"{"refresh_interval_seconds": "often", "last_selected_profile": "../x", "address": 7, "window": 1}"#;
        for text in [odd, "[]", "", "\u{0}"] {
            std::fs::write(home.state(), text).unwrap();
            let state = State::read(&home);
            assert_eq!(
                (
                    state.refresh_interval_secs(),
                    state.last_selected_profile(),
                    state.address(),
                    state.window()
                ),
                (None, None, None, None)
            );
        }
    }

    #[test]
    fn privacy_is_what_was_said_last_and_else_what_the_window_remembered() {
        let home = TestHome::new();
        std::fs::create_dir(home.router_dir()).unwrap();
        assert!(!State::read(&home).hides_emails());
        std::fs::write(home.state(), r#"{"window": {"hides_emails": true}}"#).unwrap();
        assert!(State::read(&home).hides_emails());
        State::edit(&home, |state| state.set_hides_emails(false)).unwrap();
        assert!(!State::read(&home).hides_emails());
        State::edit(&home, |state| state.set_hides_emails(true)).unwrap();
        assert!(State::read(&home).hides_emails());
    }

    #[test]
    fn the_selected_profile_is_written_in_both_places_as_plain_text_and_json() {
        let home = TestHome::new();
        remember_selected(&home, &name("work")).unwrap();
        assert_eq!(std::fs::read(home.current_profile()).unwrap(), b"work");
        assert_eq!(
            State::read(&home).last_selected_profile(),
            Some(name("work"))
        );
        std::fs::write(home.current_profile(), "home\n").unwrap();
        assert_eq!(current_profile(&home), Some(name("home")));
        std::fs::write(home.current_profile(), "../etc").unwrap();
        assert_eq!(current_profile(&home), None);
    }
}
