//! What the redeeming of a refresh token does on disk. A refresh token works once: from the moment it was sent until the answer
//! is saved, the account hangs by a thread, so everything that can fail is tried before.
//!
//! The caller holds the account's lock, asks [`find_newer`] first, then [`Rotation::begin`]s, sends, and [`Rotation::finish`]es.

use std::path::PathBuf;
use std::time::SystemTime;

use super::attic;
use super::error::StoreError;
use super::folder::Folder;
use super::home::Home;
use super::live::Place;
use super::locks::{AccountLock, CliLocks};
use super::login_file::{AUTH, LoginFile, REREAD_PAUSE, REREADS, with_keys_of};
use super::safe_file::{self, Prepared};
use super::{overlay, profiles};
use crate::profile::{
    AuthFile, Fingerprint, Intent, Profile, ProfileName, Rotator, SideFile, Unreadable,
};

mod adoption;
mod replaced;
mod successor;
pub(super) use adoption::bring_up_to_date;
pub use adoption::{adopt, catch_up};
pub use replaced::Replaced;
pub use successor::{find_newer, find_successor};
pub(super) use successor::{is_recoverable, unplaced};

/// A refresh under way: the room for the new login is taken, the intent is written down, the account is locked.
///
/// Dropping it leaves the intent: "possibly spent", to be looked at on the next start. That is right when the token was sent and
/// no answer came.
#[derive(Debug)]
pub struct Rotation {
    home: Home,
    name: ProfileName,
    redeemed: Fingerprint,
    /// The tokens before it, which somebody may still hold.
    before: Vec<Fingerprint>,
    /// `None` when the profile has been removed since.
    folder: Option<Folder>,
    /// The new login, from its arrival until it is in its place; before, room for it.
    prepared: Option<Prepared>,
    _account: AccountLock,
}

/// A login is saved. What else happened.
#[derive(Debug)]
pub struct Finished {
    /// The profile has got another login meanwhile, or is gone; the new one was kept here instead.
    pub displaced: Option<PathBuf>,
    /// Other profiles that held the redeemed token, and now hold the new one.
    pub also_saved: Vec<ProfileName>,
    pub live: Publication,
}

/// What became of the live file.
#[derive(Debug)]
pub enum Publication {
    /// It held the redeemed token and now holds the new login.
    Written,
    /// It holds something else, or nothing, and was left alone.
    NotThisLogin,
    /// It holds the redeemed token and could not be replaced. [`publish`] may be tried again.
    Failed(StoreError),
}

impl Rotation {
    /// To be called before a refresh token is sent.
    ///
    /// # Errors
    /// Then the token must not be sent: its successor might not be saved.
    pub fn begin(
        home: &Home,
        account: AccountLock,
        name: &ProfileName,
        token: &Fingerprint,
        now: SystemTime,
    ) -> Result<Self, StoreError> {
        let folder = profiles::folder_of(home, name)?;
        let prepared = Prepared::reserved(&folder, AUTH)?;
        let intent = Intent {
            token: token.clone(),
            at: now,
        };
        let mut before = Vec::new();
        profiles::edit_side(home, name, |side| {
            side.supersede_intent(Some(&intent), Some(token));
            before = side.replaced();
        })?;
        Ok(Self {
            home: home.clone(),
            name: name.clone(),
            redeemed: token.clone(),
            before,
            folder: Some(folder),
            prepared: Some(prepared),
            _account: account,
        })
    }

    /// Takes up a rotation whose token has been redeemed, to save what came of it. Nothing is reserved and no intent is
    /// noted: there is nothing left to refuse, and the little that the login needs may be all that the disk has.
    ///
    /// # Errors
    /// When the profiles cannot be looked at.
    pub fn resume(
        home: &Home,
        account: AccountLock,
        name: &ProfileName,
        redeemed: &Fingerprint,
    ) -> Result<Self, StoreError> {
        let folder = match profiles::folder_of(home, name) {
            Ok(folder) => Some(folder),
            Err(StoreError::NoSuchProfile(_)) => None,
            Err(err) => return Err(err),
        };
        let before = profiles::load(home, name).map(|profile| profile.side.replaced());
        Ok(Self {
            home: home.clone(),
            name: name.clone(),
            redeemed: redeemed.clone(),
            // The one that was redeemed counts most; without a profile nobody knows of others.
            before: before.unwrap_or_default(),
            folder,
            prepared: None,
            _account: account,
        })
    }

    /// Saves the new login: in the profile first, in other profiles that held the redeemed token, and, if the CLI uses it, in
    /// the live file. Keep the rotation until this has worked: it may be called again.
    ///
    /// # Errors
    /// When the new login is not saved. Then it exists in memory alone.
    pub fn finish(&mut self, new: &AuthFile, now: SystemTime) -> Result<Finished, StoreError> {
        let displaced = self.save(new, now)?;
        let replaced = Replaced::redeemed(&self.redeemed, &self.before);
        let twins = save_in_twins(&self.home, &replaced, new, now);
        let live = match publish(&self.home, &replaced, new, now) {
            Ok(true) => Publication::Written,
            Ok(false) => Publication::NotThisLogin,
            Err(err) => Publication::Failed(err),
        };
        // The intent is also what tells the next start that another file still holds the redeemed token. One that may come back with
        // it is the profile itself, where the new login had to go aside.
        let is_everywhere = twins.are_complete && !matches!(live, Publication::Failed(_));
        if is_everywhere && displaced.is_none() {
            let held = new.refresh_fingerprint();
            self.edit_side(|side| {
                let noted = side.intent().map(|intent| intent.token);
                // A refresh of the very login that is only given to others here may have been cut off.
                if noted != held || noted.as_ref() == Some(&self.redeemed) {
                    side.supersede_intent(None, held.as_ref());
                }
                // Not every answer brings another refresh token.
                if held.as_ref() != Some(&self.redeemed) {
                    side.note_replaced(&self.redeemed);
                }
                // A mark of the very login that is only given to others here stays.
                if !new.chatgpt().is_some_and(|new| side.rejects(new)) {
                    side.set_rejected(None);
                }
                side.set_rotated(Rotator::Us, now);
            });
        }
        Ok(Finished {
            displaced,
            also_saved: twins.saved,
            live,
        })
    }

    /// The token was not sent, or the answer says that it is still good.
    pub fn give_up(self) {
        self.edit_side(|side| side.set_intent(None));
    }

    /// The issuer has refused the token for good: it is never sent again, from whichever profile holds it.
    pub fn reject(self) {
        let redeemed = self.redeemed.clone();
        self.edit_side(|side| {
            side.set_intent(None);
            side.set_rejected(Some(&redeemed));
        });
        let is_it = |login: &AuthFile| login.refresh_fingerprint().as_ref() == Some(&redeemed);
        let others = match holders_of(&self.home, is_it) {
            Ok((others, _are_all)) => others,
            Err(err) => {
                tracing::warn!(error = %err, "other profiles of this account cannot be looked for");
                return;
            }
        };
        for other in others {
            let marked = profiles::edit_side(&self.home, &other.name, |side| {
                side.set_rejected(Some(&redeemed));
            });
            if let Err(err) = marked {
                tracing::warn!(profile = %other.name, error = %err, "could not note that a login is refused");
            }
        }
    }

    /// Puts the new login into the profile, or aside if the profile holds something else by now that is not older.
    fn save(&mut self, new: &AuthFile, now: SystemTime) -> Result<Option<PathBuf>, StoreError> {
        let Some(folder) = self.folder.clone() else {
            return self.displace(new, now);
        };
        // Into a file before anything else: from here on a kill cannot take it any more (see `recover`).
        if let Err(err) = self.write_down(&folder, new) {
            // The directory may be gone. Whether the login can be kept all the same shows now.
            tracing::warn!(profile = %self.name, error = %err, "a new login could not be written down first");
        }
        let present = match LoginFile::read(&self.home, &folder, AUTH) {
            Ok(present) => present,
            // The next try may find it readable.
            Err(err @ StoreError::Io { .. }) => return Err(err),
            Err(_exchanged_for_something_odd) => None,
        };
        let Some(LoginFile {
            contents,
            login: Ok(old),
        }) = present
        else {
            // Removed, broken or exchanged: not ours to overwrite, but the new login must live.
            return self.displace(new, now);
        };
        if old.same_login(new) {
            // An earlier try may have got no further than the rename.
            folder.sync()?;
            self.prepared = None;
            return Ok(None);
        }
        let is_redeemed = old.refresh_fingerprint().as_ref() == Some(&self.redeemed);
        let is_older = old.same_account(new) && new.is_newer_than(&old);
        if is_redeemed {
            // Spent: no backup needed, and none that fails may keep the new login from being saved.
        } else if is_older {
            if let Err(err) = attic::back_up(&self.home, &self.name, &contents.bytes, now) {
                tracing::warn!(profile = %self.name, error = %err, "an older login is replaced without a backup");
            }
        } else {
            return self.displace(new, now);
        }
        let whole = with_keys_of(new, &old).to_bytes();
        match self.prepared.take() {
            Some(prepared) if *whole == *new.to_bytes() => prepared.publish()?,
            // The one that is written down stays until the other is in its place.
            _written_down => safe_file::replace_in(&folder, AUTH, &whole)?,
        }
        Ok(None)
    }

    /// Writes the new login beside the profile's file.
    fn write_down(&mut self, folder: &Folder, new: &AuthFile) -> Result<(), StoreError> {
        let mut prepared = match self.prepared.take() {
            Some(prepared) => prepared,
            None => Prepared::new(folder, AUTH)?,
        };
        prepared.fill(&new.to_bytes())?;
        if !prepared.is_there()? {
            prepared = Prepared::new(folder, AUTH)?;
            prepared.fill(&new.to_bytes())?;
        }
        self.prepared = Some(prepared);
        Ok(())
    }

    fn displace(&mut self, new: &AuthFile, now: SystemTime) -> Result<Option<PathBuf>, StoreError> {
        let kept = attic::displace_at_any_rate(&self.home, &new.to_bytes(), now)?;
        self.prepared = None;
        Ok(Some(kept))
    }

    fn edit_side(&self, edit: impl FnOnce(&mut SideFile)) {
        if let Err(err) = profiles::edit_side(&self.home, &self.name, edit) {
            // The login itself is safe. An intent for a token that is no longer there means nothing.
            tracing::warn!(profile = %self.name, error = %err, "could not note the end of a refresh");
        }
    }
}

/// Which of the other profiles with the redeemed token got the new login.
#[derive(Default)]
struct Twins {
    saved: Vec<ProfileName>,
    are_complete: bool,
}

/// Other profiles with a replaced token would be dead without the new one.
fn save_in_twins(home: &Home, replaced: &Replaced, new: &AuthFile, now: SystemTime) -> Twins {
    let mut twins = Twins::default();
    let holders = match holders_of(home, |held| replaced.gives_way(held, new)) {
        Ok((holders, are_all)) => {
            twins.are_complete = are_all;
            holders
        }
        Err(err) => {
            tracing::warn!(error = %err, "other profiles of this account cannot be looked for");
            return twins;
        }
    };
    for profile in holders {
        let Ok(old) = &profile.login else { continue };
        let bytes = with_keys_of(new, old).to_bytes();
        // A backup of what was redeemed would be worth nothing, and none that fails may keep the new one out.
        let written = match replaced.is_spent(old) {
            true => profiles::folder_of(home, &profile.name)
                .and_then(|folder| safe_file::replace_in(&folder, AUTH, &bytes)),
            false => profiles::write_login(home, &profile.name, new, now),
        };
        match written {
            Ok(()) => twins.saved.push(profile.name.clone()),
            Err(err) => {
                twins.are_complete = false;
                tracing::warn!(profile = %profile.name, error = %err, "another profile of this account keeps a spent token");
            }
        }
    }
    twins
}

/// The profiles that hold such a login at this moment, and whether those are all: one that cannot be read, not even the second
/// time, may hold it, too.
fn holders_of(
    home: &Home,
    is_such: impl Fn(&AuthFile) -> bool,
) -> Result<(Vec<Profile>, bool), StoreError> {
    let mut loaded = profiles::load_all(home)?;
    if !loaded.is_whole() {
        loaded = profiles::load_all(home)?;
    }
    let are_all = loaded.is_whole();
    loaded.profiles.retain(|profile| match &profile.login {
        Ok(login) => is_such(login),
        Err(_unreadable) => false,
    });
    Ok((loaded.profiles, are_all))
}

/// Replaces the live login if, and only if, it still holds a replaced token; whether it did. The same for the homes of single
/// terminals, where what is running would be signed out as well.
///
/// # Errors
/// When one of them holds that token and cannot be replaced, or cannot be read: the CLI may then hold a spent token.
pub fn publish(
    home: &Home,
    replaced: &Replaced,
    new: &AuthFile,
    now: SystemTime,
) -> Result<bool, StoreError> {
    let elsewhere = publish_to_overlays(home, replaced, new, now);
    let live = publish_at(
        home,
        &home.folder()?,
        &Place::find(home)?,
        replaced,
        new,
        now,
    )?;
    elsewhere.map(|()| live)
}

/// The part of [`publish`] that is not about the live file.
fn publish_to_overlays(
    home: &Home,
    replaced: &Replaced,
    new: &AuthFile,
    now: SystemTime,
) -> Result<(), StoreError> {
    let mut result = Ok(());
    for (_name, folder) in overlay::all(home) {
        let place = overlay::place_in(&folder);
        if let Err(err) = publish_at(home, &folder, &place, replaced, new, now) {
            result = Err(err);
        }
    }
    result
}

/// Gives a login that was just signed in to to every terminal that holds an older one of its account. Codex in there goes on with
/// the older one until it looks at its file again.
pub(super) fn renew_in_terminals(home: &Home, login: &AuthFile, now: SystemTime) {
    for (name, folder) in overlay::all(home) {
        let renew = || -> Result<(), StoreError> {
            let place = overlay::place_in(&folder);
            let older = place.read(home)?.and_then(|file| file.login.ok()); // told by whoever uses it
            let older = older.filter(|old| login.same_account(old) && login.is_newer_than(old));
            if let Some(token) = older.as_ref().and_then(AuthFile::refresh_fingerprint) {
                let replaced = Replaced::redeemed(&token, &[]);
                publish_at(home, &folder, &place, &replaced, login, now)?;
            }
            Ok(())
        };
        if let Err(err) = renew() {
            tracing::warn!(profile = %name, error = %err, "a terminal keeps an older login");
        }
    }
}

/// In the home whose directory is `folder` and whose login lies at `place`.
fn publish_at(
    home: &Home,
    folder: &Folder,
    place: &Place,
    replaced: &Replaced,
    new: &AuthFile,
    now: SystemTime,
) -> Result<bool, StoreError> {
    let held = |file: &Option<LoginFile>| -> Option<AuthFile> {
        let login = file.as_ref()?.login.as_ref().ok()?;
        replaced.gives_way(login, new).then(|| login.clone())
    };
    let Some(old) = held(&place.read(home)?) else {
        return Ok(false);
    };
    let mut prepared = Prepared::new(&place.folder, &place.name)?;
    prepared.fill(&with_keys_of(new, &old).for_cli(now).to_bytes())?;
    for _ in 0..=REREADS {
        let cli_waits = CliLocks::take_in(home, folder, place)?;
        let present = place.read_once()?;
        if present.as_ref().is_some_and(LoginFile::may_be_half_written) {
            // An old CLI is writing without a lock. Not a moment to hold one.
            drop(cli_waits);
            home.pause(REREAD_PAUSE);
            continue;
        }
        let (Some(_), Some(file)) = (held(&present), &present) else {
            return Ok(false);
        };
        place.refuse_unwritable(&file.contents)?;
        prepared.publish()?;
        return Ok(true);
    }
    let reason = "another program has left it half written";
    Err(StoreError::UnreadableLive(Unreadable(reason.into())))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
