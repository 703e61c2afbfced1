//! Logins that are in memory alone: rotated tokens that could not be written. Each is tried again until it is on disk, whether or
//! not there still is a profile for it.

use std::time::SystemTime;

use super::super::event::Effect;
use super::super::kept::{Standing, Unsaved};
use super::super::refresher::SAVE_AGAIN_EVERY;
use super::AppState;
use crate::desk::{Notice, Outcome};
use crate::profile::{AuthFile, Fingerprint, ProfileName};

/// One whose profile is gone, or holds something else. There are at most as many as refreshes were under way when the disk gave
/// out: no token is sent before there is room for its successor.
#[derive(Debug)]
pub struct Orphan {
    /// What its profile was called.
    name: ProfileName,
    unsaved: Unsaved,
}

impl Unsaved {
    pub fn new(auth: AuthFile, redeemed: Fingerprint, reason: String, now: SystemTime) -> Self {
        Self {
            auth,
            redeemed,
            reason,
            next_try_at: now + SAVE_AGAIN_EVERY,
            is_on_disk: false,
        }
    }

    /// Whether this login of the same account, or of none, leaves nothing of it to be lost.
    fn is_made_good_by(&self, other: &AuthFile) -> bool {
        self.is_on_disk
            || matches!(
                self.standing(&Ok(other.clone())),
                Standing::OnDisk | Standing::Overtaken
            )
    }
}

impl AppState {
    /// Keeps a login that has no profile here until it is written somewhere.
    pub(super) fn keep_orphan(&mut self, name: ProfileName, unsaved: Unsaved) {
        self.orphans
            .retain(|orphan| !orphan.unsaved.is_made_good_by(&unsaved.auth));
        self.orphans.push(Orphan { name, unsaved });
    }

    /// A profile has got another login in memory. The one before, if nothing makes it good, has no place there any more.
    pub(super) fn replace_unsaved(&mut self, name: &ProfileName, unsaved: Option<Unsaved>) {
        let Some(kept) = self.kept.get_mut(name) else {
            return;
        };
        let before = std::mem::replace(&mut kept.refresh.unsaved, unsaved);
        let present = kept.profile.login.as_ref();
        if let Some(before) = before
            && !present.is_ok_and(|login| before.is_made_good_by(login))
        {
            self.keep_orphan(name.clone(), before);
        }
    }

    /// A profile that is there again with the token that was redeemed gets its successor; what has come to the disk by another
    /// way needs no keeping.
    pub(super) fn take_orphans_home(&mut self) {
        for orphan in std::mem::take(&mut self.orphans) {
            let Orphan { name, unsaved } = orphan;
            let holds = |token: &Fingerprint, login: &AuthFile| {
                login.refresh_fingerprint().as_ref() == Some(token)
            };
            let mut is_good = false;
            let mut home = None;
            for kept in self.kept.values_mut() {
                let Ok(login) = &kept.profile.login else {
                    continue;
                };
                is_good |= unsaved.is_made_good_by(login);
                if kept.refresh.unsaved.is_none() && holds(&unsaved.redeemed, login) {
                    home = Some(kept);
                }
            }
            match home {
                _ if is_good => {}
                Some(kept) => {
                    kept.profile.login = Ok(unsaved.auth.clone());
                    kept.refresh.unsaved = Some(unsaved);
                    kept.replan_refresh();
                }
                None => self.orphans.push(Orphan { name, unsaved }),
            }
        }
    }

    fn all_unsaved(&self) -> impl Iterator<Item = (&ProfileName, &Unsaved)> {
        let of_profiles = self
            .kept
            .iter()
            .filter_map(|(name, kept)| Some((name, kept.refresh.unsaved.as_ref()?)));
        let orphans = self.orphans.iter();
        of_profiles.chain(orphans.map(|orphan| (&orphan.name, &orphan.unsaved)))
    }

    /// The accounts of which a login exists in memory alone.
    pub fn unsaved(&self) -> impl Iterator<Item = &ProfileName> {
        self.all_unsaved().map(|(name, _unsaved)| name)
    }

    pub fn unsaved_notices(&self) -> impl Iterator<Item = Notice> {
        let notice = |(name, unsaved): (&ProfileName, &Unsaved)| Notice::UnsavedToken {
            profile: name.clone(),
            reason: unsaved.reason.clone(),
        };
        self.all_unsaved().map(notice)
    }

    /// Why no other login of this account may be written now: what is in memory alone is newer than anything on disk.
    pub(super) fn unsaved_rival_of(&self, login: &AuthFile) -> Option<String> {
        let is_rival = |(_, unsaved): &(&ProfileName, &Unsaved)| {
            !unsaved.is_on_disk && unsaved.auth.same_account(login)
        };
        let (name, unsaved) = self.all_unsaved().find(is_rival)?;
        Some(unsaved_in_words(name, unsaved))
    }

    pub(super) fn save_all(&self) -> Vec<Effect> {
        let all = self.all_unsaved();
        all.map(|(name, unsaved)| save_token(name, unsaved))
            .collect()
    }

    pub(super) fn save_due(&mut self, now: SystemTime) -> Vec<Effect> {
        let of_profiles = self
            .kept
            .iter_mut()
            .filter_map(|(name, kept)| Some((name, kept.refresh.unsaved.as_mut()?)));
        let orphans = self.orphans.iter_mut();
        let all = of_profiles.chain(orphans.map(|orphan| (&orphan.name, &mut orphan.unsaved)));
        all.filter(|(_, unsaved)| unsaved.next_try_at <= now)
            .map(|(name, unsaved)| {
                unsaved.next_try_at = now + SAVE_AGAIN_EVERY;
                save_token(name, unsaved)
            })
            .collect()
    }

    pub(super) fn next_save_at(&self) -> Option<SystemTime> {
        self.all_unsaved()
            .map(|(_, unsaved)| unsaved.next_try_at)
            .min()
    }

    /// `result`: the file that it was kept in, where no profile holds it.
    pub(super) fn note_token_saved(
        &mut self,
        name: ProfileName,
        redeemed: &Fingerprint,
        result: Result<Option<String>, String>,
        now: SystemTime,
    ) -> Vec<Effect> {
        // Of one account two may be under way, one after the other: the end of the one says nothing about the other.
        let is_it = |unsaved: &Unsaved| unsaved.redeemed == *redeemed;
        match result {
            Ok(kept_aside) => {
                if let Some(kept) = self.kept.get_mut(&name)
                    && kept.refresh.unsaved.as_ref().is_some_and(is_it)
                {
                    kept.refresh.unsaved = None;
                }
                self.orphans.retain(|orphan| !is_it(&orphan.unsaved));
                if let Some(file) = kept_aside {
                    self.happen(Outcome::KeptAside { name, file }, now);
                }
                vec![self.read_disk()]
            }
            Err(reason) => {
                let of_profile = self
                    .kept
                    .get_mut(&name)
                    .and_then(|kept| kept.refresh.unsaved.as_mut());
                let orphans = self.orphans.iter_mut();
                let all = of_profile
                    .into_iter()
                    .chain(orphans.map(|orphan| &mut orphan.unsaved));
                for unsaved in all.filter(|unsaved| is_it(unsaved)) {
                    unsaved.reason.clone_from(&reason);
                    unsaved.next_try_at = now + SAVE_AGAIN_EVERY;
                }
                Vec::new()
            }
        }
    }
}

pub(super) fn unsaved_in_words(name: &ProfileName, unsaved: &Unsaved) -> String {
    let reason = &unsaved.reason;
    format!("the new login of {name} could not be written yet and is only in memory ({reason})")
}

fn save_token(name: &ProfileName, unsaved: &Unsaved) -> Effect {
    Effect::SaveToken {
        name: name.clone(),
        redeemed: unsaved.redeemed.clone(),
        auth: Box::new(unsaved.auth.clone()),
    }
}
