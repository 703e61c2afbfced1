//! One setting that is to be another.

use super::{BadSetting, Setting, Settings, shown};
use crate::profile::Secret;

/// Its `Debug` shows no value: an address of a proxy may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub setting: Setting,
    /// As it would stand in `config.toml`; nothing: back to the default.
    pub to: Option<Secret>,
}

/// Why a setting stays what it was: a sentence, and of which setting where it is about one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadChange {
    pub setting: Option<Setting>,
    pub reason: String,
}

impl Change {
    pub fn to(setting: Setting, text: impl Into<String>) -> Self {
        Self {
            setting,
            to: Some(Secret::new(text)),
        }
    }

    pub fn on(setting: Setting, is_on: bool) -> Self {
        Self::to(setting, is_on.to_string())
    }

    pub fn back(setting: Setting) -> Self {
        Self { setting, to: None }
    }

    /// Whether the value could stand in the file.
    ///
    /// # Errors
    /// As the same value in the file would be reported.
    pub fn check(&self) -> Result<(), BadSetting> {
        let Some(text) = &self.to else {
            return Ok(());
        };
        let tried = Settings::default().set(self.setting, text.expose());
        tried.map_err(|reason| BadSetting {
            key: self.setting.key(),
            value: shown(self.setting, text.expose()),
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_checked_as_the_file_would_be_and_tells_no_password() {
        Change::back(Setting::Theme).check().unwrap();
        Change::on(Setting::Affinity, false).check().unwrap();
        let bad = Change::to(Setting::Strategy, "luck").check().unwrap_err();
        assert!(bad.to_string().starts_with("router.strategy = \"luck\""));
        for address in [
            "htp://ana:canary@gate.test:1",
            "http://gate.test:1080:ana:canary",
        ] {
            let change = Change::to(Setting::Proxy, address);
            let said = format!("{change:?} {:?}", change.check().unwrap_err());
            assert!(!said.contains("canary"), "{said}");
        }
    }
}
