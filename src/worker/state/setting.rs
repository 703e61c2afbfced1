//! Settings: what a face may change of them, and what of a change is in force at once.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::event::Effect;
use super::super::refusals::Refusals;
use super::super::schedule;
use super::{AppState, Polls};
use crate::desk::settings::{BadChange, Change, Listen, ReadSettings, Setting, Source};
use crate::desk::{Outcome, Settings};
use crate::profile::{Proxy, Secret};

/// What a file that cannot be read is called among what is bad.
const CONFIG: &str = "config.toml";

impl AppState {
    /// What was read before the start, and is in force.
    pub fn remember_settings(&mut self, read: ReadSettings) {
        self.settings_view = Arc::new(read.view());
        self.read = read;
    }

    pub(super) fn change_settings(&mut self, changes: Vec<Change>, now: SystemTime) -> Vec<Effect> {
        let refused = changes.iter().find_map(|change| {
            let reason = self.refusal(change, now)?;
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
    fn refusal(&self, change: &Change, now: SystemTime) -> Option<String> {
        if let Source::Environment(name) = self.read.source(change.setting) {
            return Some(format!(
                "the environment variable {name} says it; change it there"
            ));
        }
        if let Err(bad) = change.check() {
            return Some(bad.reason);
        }
        let text = change.to.as_ref().map(Secret::expose);
        if change.setting == Setting::Listen
            && text
                .and_then(|text| Listen::parse(text.trim()).ok())
                .is_some_and(|listen| !listen.is_loopback())
            && !self.keys.has_open_key(now)
        {
            return Some(
                "other computers can reach that address, and no key keeps them out; make a key first"
                    .into(),
            );
        }
        None
    }

    pub(super) fn note_settings_written(
        &mut self,
        settings: Vec<Setting>,
        result: Result<(), BadChange>,
        read: ReadSettings,
        now: SystemTime,
    ) -> Vec<Effect> {
        let effects = self.note_settings(read, now);
        let outcome = match result {
            Ok(()) => Outcome::SettingsChanged { settings },
            Err(BadChange { setting, reason }) => Outcome::SettingsRefused { setting, reason },
        };
        self.happen(outcome, now);
        effects
    }

    /// Takes what the file says by now, whoever has written it.
    pub(super) fn note_settings(&mut self, read: ReadSettings, now: SystemTime) -> Vec<Effect> {
        let read = self.unless_broken(read);
        if self.read == read {
            return Vec::new();
        }
        let before = self.settings.clone();
        self.settings = Arc::new(read.settings.clone());
        self.remember_settings(read);
        let mut effects = vec![Effect::ApplySettings {
            before: before.clone(),
            now: self.settings.clone(),
        }];
        self.follow_polling(&before, now);
        if !self.settings.has_same_way_out(&before) {
            self.forget_ways(now);
        }
        let listen = self.settings.listen;
        if listen != before.listen {
            match self.router.is_wanted {
                true => effects.extend(self.turn_router_on(listen)),
                false => self.router.listen = listen,
            }
        }
        effects
    }

    /// A file that cannot be read at all, as one that is half written, changes nothing that is in force, but for the way out
    /// where it may have meant a proxy.
    fn unless_broken(&self, read: ReadSettings) -> ReadSettings {
        if !read.bad.iter().any(|bad| bad.key == CONFIG) {
            return read;
        }
        let mut kept = self.read.clone();
        if matches!(read.settings.proxy, Proxy::Unusable(_)) {
            kept.settings.proxy = read.settings.proxy;
        }
        kept.bad = read.bad;
        kept
    }

    /// Usage is asked for more often, or less, or only by hand.
    fn follow_polling(&mut self, before: &Settings, now: SystemTime) {
        let is_on = self.polls == Polls::ByThemselves && self.settings.usage_poll;
        let is_turned_on = is_on && !before.usage_poll;
        let latest = now.checked_add(self.settings.usage_poll_interval);
        for (place, kept) in self.kept.values_mut().enumerate() {
            kept.poll.is_on = is_on;
            let Some(next_at) = &mut kept.poll.next_at else {
                continue;
            };
            if is_turned_on {
                // Not all at once.
                *next_at = (*next_at).max(schedule::first_poll(place, now));
            }
            if kept.poll.failures == 0 {
                *next_at = latest.map_or(*next_at, |latest| (*next_at).min(latest));
            }
        }
    }

    /// Whatever failed on the old way says nothing about this one.
    fn forget_ways(&mut self, now: SystemTime) {
        self.paths.values_mut().for_each(Refusals::forget);
        self.offline_since = None;
        for (place, kept) in self.kept.values_mut().enumerate() {
            kept.refresh.failures = 0;
            kept.replan_refresh();
            if std::mem::take(&mut kept.poll.failures) > 0 {
                kept.poll.next_at = kept
                    .poll
                    .next_at
                    .map(|at| at.min(schedule::first_poll(place, now)));
            }
        }
    }
}
