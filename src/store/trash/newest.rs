//! The newest login of a deleted account: where it may lie, and how it gets into the trash.

use std::time::SystemTime;

use super::list;
use crate::profile::{AuthFile, Fingerprint, Intent, SideFile};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::home::{BACKUPS, Home};
use crate::store::live::Place;
use crate::store::locks::EditLock;
use crate::store::login_file::{AUTH, LoginFile, with_keys_of};
use crate::store::profiles::SIDE;
use crate::store::{attic, overlay, profiles, rotation, safe_file};

/// What became of a login that was shown to the trash.
#[derive(Debug, Default)]
pub(in crate::store) struct Kept {
    /// One there is as new.
    pub is_kept: bool,
    /// Of those that it replaced there.
    pub spent: Vec<Fingerprint>,
}

/// Gives a login to what lies in the trash of its account and is older. To be called with the account's lock held.
///
/// # Errors
/// When it cannot be written there.
pub(in crate::store) fn keep(
    home: &Home,
    login: &AuthFile,
    now: SystemTime,
) -> Result<Kept, StoreError> {
    let mut kept = Kept::default();
    let Some(trash) = super::trash_of(home)? else {
        return Ok(kept);
    };
    let _nobody_moves_it = EditLock::take(home)?;
    for trashed in list(home) {
        let Ok(held) = &trashed.login else { continue };
        if !held.same_account(login) && !held.same_login(login) {
            continue;
        }
        if login.is_newer_than(held)
            && let Some(folder) = trash.child(&trashed.id)?
        {
            write(&folder, login, now)?;
            kept.is_kept = true;
            kept.spent.extend(held.refresh_fingerprint());
        }
        let is_refused = held
            .chatgpt()
            .is_some_and(|held| trashed.side.rejects(held));
        kept.is_kept |= held.same_login(login) || (held.is_newer_than(login) && !is_refused);
    }
    Ok(kept)
}

/// Gives what lies in this directory the newest login of its account; the one that it had and the one that it has, if that is
/// another. To be called with the account's lock and the edit lock held.
pub(super) fn bring_up_to_date(
    home: &Home,
    folder: &Folder,
    now: SystemTime,
) -> Result<Option<(AuthFile, AuthFile)>, StoreError> {
    let Some(file) = LoginFile::read(home, folder, AUTH)? else {
        return Ok(None);
    };
    let Ok(held) = file.login else {
        return Ok(None); // whose it is nobody knows
    };
    let Some(newest) = find(home, folder, &held)? else {
        return Ok(None);
    };
    note_who_is_behind(folder, &held, now)?;
    write(folder, &newest, now)?;
    Ok(Some((held, newest)))
}

/// Writes down that others may hold the login that is about to be replaced: cut off before they have the newest, the next refresh sees
/// to that.
fn note_who_is_behind(folder: &Folder, held: &AuthFile, now: SystemTime) -> Result<(), StoreError> {
    let Some(token) = held.refresh_fingerprint() else {
        return Ok(());
    };
    let side = safe_file::read_in(folder, SIDE)?.map(|contents| SideFile::parse(&contents.bytes));
    let mut side = side.unwrap_or_default();
    // A broken one stays as it is.
    if side.is_broken() {
        return Ok(());
    }
    match side.intent() {
        // So does the note of a refresh.
        Some(_) => side.note_replaced(&token),
        None => side.set_intent(Some(&Intent { token, at: now })),
    }
    safe_file::replace_in(folder, SIDE, &side.to_bytes())
}

/// The newest login of this account anywhere in this home that is newer than the one in this directory.
///
/// # Errors
/// When a place where it may lie cannot be looked at.
fn find(home: &Home, folder: &Folder, held: &AuthFile) -> Result<Option<AuthFile>, StoreError> {
    let mut all = attic::displaced(home)?;
    let live = Place::find(home).and_then(|place| place.read(home));
    all.extend(LoginFile::in_it(live)?);
    all.extend(overlay::try_logins(home)?);
    all.extend(rotation::unplaced(folder)?);
    let profiles = profiles::load_all(home)?.profiles.into_iter();
    let in_profiles = profiles.map(|profile| profile.login);
    let in_trash = list(home).into_iter().map(|trashed| trashed.login);
    // Which of them cannot be read is shown where they lie.
    all.extend(in_profiles.chain(in_trash).filter_map(Result::ok));
    let is_newer = |found: &AuthFile| found.same_account(held) && found.is_newer_than(held);
    let newest = |best: AuthFile, found: AuthFile| match found.is_newer_than(&best) {
        true => found,
        false => best,
    };
    Ok(all.into_iter().filter(is_newer).reduce(newest))
}

/// Replaces the login in a directory of the trash; the old one goes among its backups.
fn write(folder: &Folder, login: &AuthFile, now: SystemTime) -> Result<(), StoreError> {
    let mut whole = login.clone();
    if let Some(old) = LoginFile::read_once(folder, AUTH)? {
        if let Ok(held) = &old.login {
            whole = with_keys_of(login, held);
        }
        attic::back_up_in(&folder.make(BACKUPS)?, &old.contents.bytes, now)?;
    }
    safe_file::replace_in(folder, AUTH, &whole.to_bytes())
}
