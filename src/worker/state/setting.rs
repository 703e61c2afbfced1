//! Settings: what a face may change of them, and what of a change is in force at once.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::event::Effect;
use super::AppState;
use crate::desk::settings::{BadChange, Change, ReadSettings, Setting, Source};
use crate::desk::{Outcome, Settings};

impl AppState {
    /// What was read before the start, and is in force.
    pub fn remember_settings(&mut self, read: ReadSettings) {
        self.settings_view = Arc::new(read.view());
        self.read = read;
    }

    pub(super) fn change_settings(&mut self, changes: Vec<Change>, now: SystemTime) -> Vec<Effect> {
        let refused = changes.iter().find_map(|change| {
            let reason = self.refusal(change)?;
            Some((change.setting, reason))
        });
        if let Some((setting, reason)) = refused {
            let setting = Some(setting);
            self.happen(Outcome::SettingsRefused { setting, reason }, now);
            return Vec::new();
        }
        if changes.is_empty() {
            return Vec::new();
        }
        vec![Effect::ChangeSettings(changes)]
    }

    /// Why this cannot be changed from here: a sentence.
    fn refusal(&self, change: &Change) -> Option<String> {
        if let Source::Environment(name) = self.read.source(change.setting) {
            return Some(format!(
                "the environment variable {name} says it; change it there"
            ));
        }
        change.check().err().map(|bad| bad.reason)
    }

    pub(super) fn note_settings_written(
        &mut self,
        settings: Vec<Setting>,
        result: Result<(), BadChange>,
        read: ReadSettings,
        now: SystemTime,
    ) -> Vec<Effect> {
        let effects = self.note_settings(read);
        let outcome = match result {
            Ok(()) => Outcome::SettingsChanged { settings },
            Err(BadChange { setting, reason }) => Outcome::SettingsRefused { setting, reason },
        };
        self.happen(outcome, now);
        effects
    }

    /// Takes what the file says by now, whoever has written it.
    pub(super) fn note_settings(&mut self, read: ReadSettings) -> Vec<Effect> {
        if self.read == read {
            return Vec::new();
        }
        let in_force = Settings {
            strategy: read.settings.strategy,
            affinity: read.settings.affinity,
            switch_way: read.settings.switch_way,
            ..(*self.settings).clone()
        };
        self.settings = Arc::new(in_force);
        self.remember_settings(read);
        vec![Effect::ApplySettings(self.settings.clone())]
    }
}
