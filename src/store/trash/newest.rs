//! The newest login of a deleted account: where it may lie, and how it gets into the trash.

use std::time::SystemTime;

use super::list;
use crate::profile::AuthFile;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::home::{BACKUPS, Home};
use crate::store::live::{Live, read_live};
use crate::store::locks::EditLock;
use crate::store::login_file::{AUTH, LoginFile, with_keys_of};
use crate::store::{attic, overlay, profiles, rotation, safe_file};

/// Gives a login to what lies in the trash of its account and is older; whether one there is as new now. To be called with the
/// account's lock held.
///
/// # Errors
/// When it cannot be written there.
pub(in crate::store) fn keep(
    home: &Home,
    login: &AuthFile,
    now: SystemTime,
) -> Result<bool, StoreError> {
    let Some(trash) = super::trash_of(home)? else {
        return Ok(false);
    };
    let _nobody_moves_it = EditLock::take(home)?;
    let mut is_kept = false;
    for trashed in list(home) {
        let Ok(held) = &trashed.login else { continue };
        if !held.same_account(login) && !held.same_login(login) {
            continue;
        }
        if login.is_newer_than(held)
            && let Some(folder) = trash.child(&trashed.id)?
        {
            write(&folder, login, now)?;
            is_kept = true;
        }
        is_kept |= held.same_login(login) || held.is_newer_than(login);
    }
    Ok(is_kept)
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
    let Some(newest) = find(home, folder, &held) else {
        return Ok(None);
    };
    write(folder, &newest, now)?;
    Ok(Some((held, newest)))
}

/// The newest login of this account anywhere in this home that is newer than the one in this directory.
fn find(home: &Home, folder: &Folder, held: &AuthFile) -> Option<AuthFile> {
    let in_profiles = match profiles::load_all(home) {
        Ok(loaded) => loaded.profiles,
        Err(err) => {
            tracing::warn!(error = %err, "the profiles cannot be read");
            Vec::new()
        }
    };
    let in_profiles = in_profiles.into_iter().map(|profile| profile.login);
    let in_trash = list(home).into_iter().map(|trashed| trashed.login);
    let live = match read_live(home) {
        Live::Login(found) => Some(found),
        Live::Missing | Live::Unreadable(_) => None,
    };
    let all = in_profiles
        .chain(in_trash)
        .filter_map(Result::ok) // shown where they lie
        .chain(live)
        .chain(overlay::logins(home))
        .chain(attic::displaced(home))
        .chain(rotation::unplaced(folder));
    all.filter(|found| found.same_account(held) && found.is_newer_than(held))
        .reduce(|best, found| match found.is_newer_than(&best) {
            true => found,
            false => best,
        })
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
