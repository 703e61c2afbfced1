//! Where the successor of a refresh token may lie, when this or another program has got it: in the profile, in another one, in
//! the live file, or beside the profile's file if a refresh was cut off.

use std::ffi::{OsStr, OsString};

use crate::profile::{AuthFile, Health, Profile, ProfileName};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::home::Home;
use crate::store::live::{Live, read_live};
use crate::store::login_file::{AUTH, LoginFile};
use crate::store::{attic, overlay, profiles, safe_file};

/// A login of the same account that somebody else has got in the meantime, in the profile itself, in the live file, in the home
/// of a terminal or in another profile: to be adopted instead of redeeming a token that is probably spent. The newest, if there are several.
pub fn find_newer(home: &Home, profile: &Profile) -> Option<AuthFile> {
    let known = profile.login.as_ref().ok()?; // without a login there is nothing to be newer than
    let mut newest: Option<AuthFile> = None;
    let mut consider = |found: AuthFile| {
        if newest.as_ref().is_none_or(|best| found.is_newer_than(best)) {
            newest = Some(found);
        }
    };
    let is_another = |found: &AuthFile| found.same_account(known) && !found.same_login(known);
    let on_disk = match profiles::load_all(home) {
        Ok(loaded) => loaded.profiles,
        Err(err) => {
            tracing::warn!(error = %err, "the profiles cannot be read before a refresh");
            Vec::new()
        }
    };
    for (name, found) in on_disk
        .into_iter()
        .filter(|other| other.name == profile.name || other.health() != Health::SignInAgain)
        .filter_map(|profile| Some((profile.name, profile.login.ok()?)))
    {
        // The profile's own file is the truth even where no clock says so, unless it is older than what we know.
        let is_own = name == profile.name && !known.is_newer_than(&found);
        if is_another(&found) && (is_own || found.is_newer_than(known)) {
            consider(found);
        }
    }
    let live = match read_live(home) {
        Live::Login(found) => Some(found),
        Live::Missing | Live::Unreadable(_) => None,
    };
    for found in live.into_iter().chain(overlay::logins(home)) {
        if is_another(&found) && found.is_newer_than(known) {
            consider(found);
        }
    }
    newest
}

/// Finishes the save of a refresh that was cut off between writing the new login and putting it in its place; it is then the
/// only copy. To be called with the account's lock held: nobody else can be writing then.
///
/// # Errors
/// When the new login is there and cannot be put in its place: the old one must not be sent.
pub(super) fn recover(
    home: &Home,
    name: &ProfileName,
    old: &AuthFile,
) -> Result<Option<AuthFile>, StoreError> {
    let folder = profiles::folder_of(home, name)?;
    let mut newest: Option<(OsString, AuthFile)> = None;
    for temporary in safe_file::temporaries_of(&folder, AUTH)? {
        if let Some(new) = login_in(&folder, &temporary)
            && new.same_account(old)
            && new.is_newer_than(newest.as_ref().map_or(old, |(_, newest)| newest))
        {
            newest = Some((temporary, new));
        }
    }
    let Some((temporary, new)) = newest else {
        return Ok(None);
    };
    safe_file::replace_in(&folder, AUTH, &new.to_bytes())?;
    folder.remove_file(&temporary)?;
    tracing::info!(profile = %name, "a login that was written and not in its place yet was put there");
    Ok(Some(new))
}

/// What a login must give way to before it is used anywhere: if a refresh of its token was begun, ended well and was cut off
/// before it had reached every file, its successor lies in one of them. To be called with the account's lock held.
///
/// # Errors
/// When the profiles cannot be looked at, or the successor cannot be put in its place.
pub fn find_successor(home: &Home, profile: &Profile) -> Result<Option<AuthFile>, StoreError> {
    let token = match &profile.login {
        Ok(held) => held.refresh_fingerprint(),
        Err(_unreadable) => None,
    };
    let Some(token) = token else {
        return Ok(None);
    };
    let mut may_be_spent = false;
    for other in profiles::load_all(home)?.profiles {
        may_be_spent |= other.side.replaced().contains(&token);
        // With or without the note of it, which a broken `router.json` has not kept.
        if let Ok(old) = &other.login
            && old.refresh_fingerprint().as_ref() == Some(&token)
        {
            may_be_spent |= recover(home, &other.name, old)?.is_some();
        }
    }
    if !may_be_spent {
        return Ok(None);
    }
    match find_newer(home, profile) {
        Some(newer) => Ok(Some(newer)),
        None => newest_aside(home, profile),
    }
}

/// What a refresh could not put into its profile lies aside.
fn newest_aside(home: &Home, profile: &Profile) -> Result<Option<AuthFile>, StoreError> {
    let Ok(held) = &profile.login else {
        return Ok(None);
    };
    let aside = attic::displaced(home)?.into_iter();
    let newer = aside.filter(|it| it.same_account(held) && it.is_newer_than(held));
    Ok(newer.reduce(|best, it| if it.is_newer_than(&best) { it } else { best }))
}

/// Whether a temporary file holds what [`recover`] would put in its place.
///
/// What is sealed and cannot be opened yet may be just that, and so may what stands beside a login that cannot be read.
pub fn is_recoverable(folder: &Folder, temporary: &OsStr) -> bool {
    let is_closed =
        |name: &OsStr| matches!(safe_file::read_in(folder, name), Err(err) if err.is_closed());
    if is_closed(temporary) || is_closed(AUTH.as_ref()) {
        return true;
    }
    let Some(new) = login_in(folder, temporary) else {
        return false;
    };
    match LoginFile::read_once(folder, AUTH) {
        // Of a profile that was never made.
        Ok(None) => false,
        Ok(Some(LoginFile { login: Ok(old), .. })) => {
            new.same_account(&old) && new.is_newer_than(&old)
        }
        Ok(Some(_)) | Err(_) => true,
    }
}

/// Logins that were written in this directory and did not get to their place any more.
///
/// # Errors
/// When the directory cannot be listed.
pub fn unplaced(folder: &Folder) -> Result<Vec<AuthFile>, StoreError> {
    let temporaries = safe_file::temporaries_of(folder, AUTH)?;
    let login = |name: &OsString| login_in(folder, name);
    Ok(temporaries.iter().filter_map(login).collect())
}

/// What cannot be read or understood was not finished. The reserved room behind a login is zeros until it is given back.
fn login_in(folder: &Folder, name: &OsStr) -> Option<AuthFile> {
    let contents = safe_file::read_in(folder, name).ok()??;
    let end = contents.bytes.iter().rposition(|byte| *byte != 0)?;
    AuthFile::parse(contents.bytes.get(..=end)?).ok()
}
