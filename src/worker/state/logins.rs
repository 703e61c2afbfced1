//! What stands on disk: readings, which profile is live, taking home and mending what a cut-off refresh left.

use std::time::SystemTime;

use super::super::event::{Effect, Reading};
use super::super::kept::{Kept, Standing};
use super::super::refusals::Refusals;
use super::super::schedule;
use super::unsaved::unsaved_in_words;
use super::{AppState, Polls};
use crate::desk::Outcome;
use crate::pool::breaker::Pace;
use crate::profile::{Health, Profile, ProfileName};
use crate::store::live::Live;

impl AppState {
    pub(super) fn switch_to(&mut self, to: ProfileName, now: SystemTime) -> Vec<Effect> {
        if !self.kept.contains_key(&to) && self.is_loaded {
            let reason = format!(
                "there is no account {:?}; `codex-router list` shows them",
                to.as_str()
            );
            self.happen(Outcome::SwitchFailed { to, reason }, now);
            return Vec::new();
        }
        let unsaved = |name: &ProfileName| {
            let kept = self.kept.get(name)?;
            let unsaved = kept.refresh.unsaved.as_ref()?;
            (!unsaved.is_on_disk).then(|| unsaved_in_words(name, unsaved))
        };
        // What the files hold of it is spent: Codex must not get it, nor may it be redeemed for the switch.
        if let Some(reason) = unsaved(&to).or_else(|| self.active().and_then(unsaved)) {
            self.happen(Outcome::SwitchFailed { to, reason }, now);
            return Vec::new();
        }
        vec![Effect::Switch { to }]
    }

    pub(super) fn read_disk(&mut self) -> Effect {
        self.last_reading += 1;
        Effect::ReadDisk {
            number: self.last_reading,
        }
    }

    pub(super) fn note_reading(&mut self, reading: Reading, now: SystemTime) -> Vec<Effect> {
        if reading.number < self.oldest_reading {
            return Vec::new();
        }
        self.oldest_reading = reading.number;
        let known: Vec<_> = reading
            .profiles
            .iter()
            .map(|profile| profile.name.clone())
            .collect();
        let mut effects = self.notice_renames(&reading.profiles);
        // Where a directory has gone, a token that is not written yet must not go with it.
        self.kept.retain(|name, kept| {
            known.contains(name) || kept.refresh.is_running || kept.refresh.unsaved.is_some()
        });
        for (place, profile) in reading.profiles.into_iter().enumerate() {
            let poll_at = schedule::first_poll(place, now);
            match self.kept.get_mut(&profile.name) {
                Some(kept) => {
                    let before = kept.profile.side.tried_now_at();
                    take_from_disk(kept, profile, poll_at);
                    let wished = kept.profile.side.tried_now_at();
                    if let (Some(at), Some(path)) =
                        (wished.filter(|_| wished != before), kept.path())
                        && let Some(path) = self.paths.get_mut(&path)
                    {
                        path.try_now(at);
                    }
                }
                None => {
                    let mut kept = Kept::new(profile, poll_at);
                    kept.poll.is_on = self.polls == Polls::ByThemselves && self.settings.usage_poll;
                    self.kept.insert(kept.profile.name.clone(), kept);
                }
            }
        }
        self.take_orphans_home();
        self.know_paths();
        self.skipped = reading.skipped;
        self.trash = reading.trash;
        self.live = reading.live;
        self.current = reading.current;
        self.credential_store = reading.credential_store;
        self.codex_address = reading.codex_address;
        self.codex_connected_at = reading.codex_connected_at;
        self.note_route_read(reading.routed_to);
        self.take_keys(reading.keys);
        self.home_trouble = None;
        self.lock = None;
        self.is_loaded = true;
        if let Some(memory) = self.memory.take() {
            self.remember(memory, now);
            effects.push(self.read_recent_use());
        }
        let from_terminal = reading.is_overlay_ahead.then_some(Effect::TakeHome);
        effects.extend(self.take_home().or(from_terminal));
        effects.extend(self.mend_live());
        effects.extend(self.note_time(now));
        effects
    }

    /// Has a place for each way that a profile goes, and for no other.
    fn know_paths(&mut self) {
        let used: Vec<_> = self.kept.values().filter_map(Kept::path).collect();
        self.paths.retain(|name, _| used.contains(name));
        for name in used {
            self.paths
                .entry(name)
                .or_insert_with(|| Refusals::new(Pace::PATH));
        }
    }

    /// When the CLI has rotated the live login, its profile must have the new one, too.
    pub(super) fn take_home(&mut self) -> Option<Effect> {
        let Live::Login(live) = &self.live else {
            return None;
        };
        let name = self.active()?;
        let profile = self.kept.get(name)?.profile.login.as_ref().ok()?;
        let login = live.chatgpt()?.access_token.fingerprint();
        if !live.is_newer_than(profile) || self.taken_home.as_ref() == Some(&login) {
            return None;
        }
        self.taken_home = Some(login);
        self.take_home_again_at = None;
        Some(Effect::TakeHome)
    }

    /// When a refresh was cut off between saving the profile and the live file, Codex still holds the token that was redeemed.
    pub(super) fn mend_live(&self) -> Option<Effect> {
        let Live::Login(live) = &self.live else {
            return None;
        };
        if self.polls == Polls::WhenAsked {
            return None;
        }
        self.kept.iter().find_map(|(name, kept)| {
            // Of two sign-ins the earlier one may be the one that still works.
            if kept.profile.health() == Health::SignInAgain {
                return None;
            }
            let auth = kept.profile.login.as_ref().ok()?;
            let redeemed = live.refresh_fingerprint()?;
            let is_behind = kept.profile.side.replaced().contains(&redeemed)
                && auth.refresh_fingerprint().as_ref() != Some(&redeemed)
                && auth.same_account(live)
                && !live.is_newer_than(auth);
            let is_left = !kept.refresh.is_running && kept.refresh.unsaved.is_none();
            (is_behind && is_left).then(|| Effect::SaveToken {
                name: name.clone(),
                redeemed,
                auth: Box::new(auth.clone()),
            })
        })
    }
}

/// Takes what was read, unless a rotated token that is only in memory is newer.
pub(super) fn take_from_disk(kept: &mut Kept, profile: Profile, poll_at: SystemTime) {
    let unsaved = kept.refresh.unsaved.as_mut();
    match unsaved.map(|unsaved| (unsaved.standing(&profile.login), unsaved)) {
        None | Some((Standing::Exchanged, _)) => {}
        Some((Standing::Waiting, _)) => return,
        Some((Standing::OnDisk, unsaved)) => unsaved.is_on_disk = true,
        Some((Standing::Overtaken, _)) => kept.refresh.unsaved = None,
    }
    kept.take(profile, poll_at);
}
