//! What was read of all places where settings stand, and what a face may see of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BadSetting, Setting, Settings, TakesEffect};

/// The settings, and where they came from.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadSettings {
    pub settings: Settings,
    /// What counts where nothing is set.
    pub defaults: Arc<Settings>,
    /// Of those that are no default.
    pub sources: BTreeMap<Setting, Source>,
    pub bad: Vec<BadSetting>,
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Default,
    /// `config.toml`
    File,
    /// This variable, which beats the file.
    Environment(&'static str),
}

/// All settings as a face sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsView {
    /// In the order of [`Setting::ALL`]; empty before they have been read.
    pub all: Vec<SettingView>,
    /// What cannot be used: sentences.
    pub bad: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingView {
    pub setting: Setting,
    /// As it would stand in the file, without a password; empty: none.
    pub value: String,
    /// What counts where nothing is set.
    pub default: String,
    pub source: Source,
    pub takes_effect: TakesEffect,
}

impl SettingsView {
    pub fn get(&self, setting: Setting) -> Option<&SettingView> {
        self.all.iter().find(|view| view.setting == setting)
    }

    /// The value, or nothing where none is set or known.
    pub fn value(&self, setting: Setting) -> &str {
        self.get(setting).map_or("", |view| view.value.as_str())
    }

    /// Whether this switch is on.
    pub fn is_on(&self, setting: Setting) -> bool {
        self.value(setting) == "true"
    }
}

impl ReadSettings {
    pub fn source(&self, setting: Setting) -> Source {
        self.sources.get(&setting).copied().unwrap_or_default()
    }

    pub fn view(&self) -> SettingsView {
        let view = |setting: Setting| SettingView {
            setting,
            value: self.settings.text(setting),
            default: self.defaults.text(setting),
            source: self.source(setting),
            takes_effect: setting.takes_effect(),
        };
        SettingsView {
            all: Setting::ALL.into_iter().map(view).collect(),
            bad: self.bad.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<Settings> for ReadSettings {
    /// As if nothing else were set anywhere.
    fn from(settings: Settings) -> Self {
        Self {
            defaults: Arc::new(settings.clone()),
            settings,
            sources: BTreeMap::new(),
            bad: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_sees_each_value_and_where_it_came_from() {
        let config =
            "[router]\nstrategy = \"active\"\naffinity = \"perhaps\"\n[window]\ntheme = \"dark\"\n";
        let read = Settings::default().overridden_by(Some(config), |name| {
            (name == "CODEX_ROUTER_THEME").then(|| "light".to_owned())
        });
        let view = read.view();
        let told = |setting| {
            let view = view.get(setting).unwrap();
            (view.value.as_str(), view.default.as_str(), view.source)
        };
        assert_eq!(
            told(Setting::Strategy),
            ("active", "least_used", Source::File)
        );
        assert_eq!(
            told(Setting::Theme),
            ("light", "system", Source::Environment("CODEX_ROUTER_THEME"))
        );
        assert_eq!(told(Setting::Affinity), ("true", "true", Source::Default));
        assert_eq!(
            view.bad,
            ["router.affinity = \"perhaps\" cannot be used: write true or false"]
        );
        assert_eq!(view.all.len(), Setting::ALL.len());
    }
}
