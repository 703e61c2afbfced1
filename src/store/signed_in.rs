//! What a sign-in leaves on disk: a new profile, or a new login in the profile of the same account.
//!
//! A new login is a token family of its own; the older one of the account goes on working, here and in Codex, until it is
//! replaced. Nothing is revoked. So the order is: the newest of the old family into the profile's backup, the new login into the
//! profile, and only then, by the careful way of every switch, into the live file, if that holds this account. Cut off anywhere,
//! the account has at least one login that works, and the note of an intent lets the next start finish the live file.

use std::path::PathBuf;
use std::time::SystemTime;

use super::attic;
use super::error::StoreError;
use super::home::Home;
use super::live::{Live, read_live};
use super::locks::AccountLock;
use super::login_file::{AUTH, LoginFile};
use super::profiles;
use super::rotation;
use super::safe_file;
use super::switch::{self, SwitchError};
use crate::profile::{AuthFile, Intent, Origin, ProfileName, SideFile};

/// A profile has a new login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// The login that Codex uses is of this account: [`renew_live`] is to be called.
    pub is_live: bool,
    /// What stood there and could not be read.
    pub set_aside: Option<PathBuf>,
}

/// Makes a profile of a login that nobody holds. If Codex uses the account with a login of its own, that is backed up: it is to make
/// way, because of two that are both renewed each would be taken for the newer one.
///
/// # Errors
/// [`StoreError::AlreadySaved`] when a profile holds this account; it is left alone. As of [`profiles::create`].
pub fn keep(
    home: &Home,
    name: &ProfileName,
    login: &AuthFile,
    origin: Origin,
    now: SystemTime,
) -> Result<Renewed, StoreError> {
    let _account = AccountLock::take(home, login)?;
    let profiles = profiles::load_all(home)?.profiles;
    if let Some(holder) = profiles::holder(&profiles, login, None) {
        return Err(StoreError::AlreadySaved {
            name: holder.name.clone(),
            is_updated: false,
        });
    }
    let live = live_of(home, login).filter(|live| !live.same_login(login));
    if let Some(live) = &live {
        attic::back_up(home, name, &live.to_bytes(), now)?;
    }
    profiles::create(home, name, login)?;
    note_behind(home, name, live.as_ref(), now);
    note_origin(home, name, origin, now);
    read_back(home, name, login)?;
    Ok(Renewed {
        is_live: live.is_some(),
        set_aside: None,
    })
}

/// Gives a new login to the profile of its account, and to every other profile of it; the one that was there is backed up. All
/// that `router.json` says stays, but for what it says about the old tokens.
///
/// # Errors
/// [`StoreError::OtherAccount`] when the profile does not hold this account. Nothing is replaced then, nor when the old login
/// cannot be backed up.
pub fn renew(
    home: &Home,
    name: &ProfileName,
    login: &AuthFile,
    origin: Origin,
    now: SystemTime,
) -> Result<Renewed, StoreError> {
    let _account = AccountLock::take(home, login)?;
    let held =
        profiles::load(home, name)?
            .login
            .map_err(|reason| StoreError::UnreadableProfile {
                name: name.clone(),
                reason,
            })?;
    if !held.same_account(login) {
        return Err(StoreError::OtherAccount(name.clone()));
    }
    let write = || profiles::write_login(home, name, login, now);
    let is_live = install(home, name, login, origin, now, write)?;
    Ok(Renewed {
        is_live,
        set_aside: None,
    })
}

/// The same for a profile whose login cannot be read: nobody can tell whose it was, so that is for the user to say. What stands
/// there is kept aside. If it can be read by now, this is [`renew`].
///
/// # Errors
/// As of [`renew`]; also when what stands there is no ordinary file of ours.
pub fn mend(
    home: &Home,
    name: &ProfileName,
    login: &AuthFile,
    origin: Origin,
    now: SystemTime,
) -> Result<Renewed, StoreError> {
    let account = AccountLock::take(home, login)?;
    let folder = profiles::folder_of(home, name)?;
    let missing = || StoreError::NoSuchProfile(name.clone());
    let unreadable = LoginFile::read(home, &folder, AUTH)?.ok_or_else(missing)?;
    if unreadable.login.is_ok() {
        drop(account);
        return renew(home, name, login, origin, now);
    }
    let bytes = &unreadable.contents.bytes;
    let set_aside = match bytes.is_empty() {
        true => None,
        false => Some(attic::displace(home, bytes, now)?),
    };
    let write = || {
        // Only what was kept may be replaced.
        let present = LoginFile::read_once(&folder, AUTH)?;
        match present.is_some_and(|present| present.contents.bytes == *bytes) {
            true => safe_file::replace_in(&folder, AUTH, &login.to_bytes()),
            false => Err(StoreError::Overwritten(name.clone())),
        }
    };
    let is_live = install(home, name, login, origin, now, write)?;
    Ok(Renewed { is_live, set_aside })
}

/// Writes the login and whatever follows from it, with the account's lock held. Whether Codex uses the account.
fn install(
    home: &Home,
    name: &ProfileName,
    login: &AuthFile,
    origin: Origin,
    now: SystemTime,
    write: impl FnOnce() -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let live = live_of(home, login);
    if let Some(live) = &live {
        // If Codex has rotated it, the profile's backup would be of a spent token.
        let profiles = profiles::load_all(home)?.profiles;
        switch::update_holders(home, &profiles, live, now)?;
    }
    note_behind(home, name, live.as_ref(), now);
    write()?;
    note(home, name, |side| {
        side.set_rejected(None);
        side.set_came_by(origin, now);
    });
    renew_others(home, name, login, now)?;
    rotation::renew_in_terminals(home, login, now);
    read_back(home, name, login)?;
    Ok(live.is_some())
}

/// What Codex uses, if it is of this account. Somebody else's, or what nobody can say whose it is, is not ours to touch.
fn live_of(home: &Home, login: &AuthFile) -> Option<AuthFile> {
    match read_live(home) {
        Live::Login(live) => live.same_account(login).then_some(live),
        Live::Missing | Live::Unreadable(_) => None,
    }
}

/// Cut off before Codex has the new login, the next start finds here what it still holds.
fn note_behind(home: &Home, name: &ProfileName, live: Option<&AuthFile>, now: SystemTime) {
    let behind = live.and_then(AuthFile::refresh_fingerprint);
    note(home, name, |side| {
        let intent = behind.map(|token| Intent { token, at: now });
        side.supersede_intent(intent.as_ref(), None);
    });
}

/// Gives Codex the new login of the account that it uses. If it has been switched to another one since, that is left alone.
///
/// A Codex that is redeeming the old token in this moment loses nothing by it: it finds a login of its own account and takes that,
/// or writes its own over it, which then is the newest and taken home (measured with codex-cli 0.169.0 for one account).
///
/// # Errors
/// As of [`switch::switch`]; the live file then holds the older login, and the next start tries again.
pub fn renew_live(home: &Home, name: &ProfileName, now: SystemTime) -> Result<(), SwitchError> {
    switch::renew_live(home, name, now)?;
    note(home, name, |side| side.supersede_intent(None, None));
    Ok(())
}

/// Writes down how a login came here.
pub fn note_origin(home: &Home, name: &ProfileName, origin: Origin, now: SystemTime) {
    note(home, name, |side| side.set_came_by(origin, now));
}

/// Two profiles of one account share a token family; with two of them they would take each other's for newer.
fn renew_others(
    home: &Home,
    name: &ProfileName,
    login: &AuthFile,
    now: SystemTime,
) -> Result<(), StoreError> {
    let profiles = profiles::load_all(home)?.profiles;
    for other in profiles::holders(&profiles, login).filter(|other| other.name != *name) {
        match profiles::write_login(home, &other.name, login, now) {
            Ok(()) => note(home, &other.name, |side| side.set_rejected(None)),
            Err(err) => {
                tracing::warn!(profile = %other.name, error = %err, "another profile of this account keeps its older login");
            }
        }
    }
    Ok(())
}

/// What cannot be noted is not worth failing for: the login is what counts.
fn note(home: &Home, name: &ProfileName, edit: impl FnOnce(&mut SideFile)) {
    if let Err(err) = profiles::edit_side(home, name, edit) {
        tracing::warn!(profile = %name, error = %err, "router.json could not be brought up to date");
    }
}

fn read_back(home: &Home, name: &ProfileName, login: &AuthFile) -> Result<(), StoreError> {
    match profiles::load(home, name)?.login {
        Ok(written) if written.same_login(login) => Ok(()),
        Ok(_) | Err(_) => Err(StoreError::Overwritten(name.clone())),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
