//! The profile directories: `profiles/<name>/auth.json`, and `router.json` beside it with our own words.

use std::ffi::{OsStr, OsString};
use std::time::SystemTime;

use super::attic;
use super::error::StoreError;
use super::folder::{self, Folder, Kind};
use super::home::{Home, PROFILES};
use super::locks::EditLock;
use super::login_file::{self, AUTH, LoginFile, REREAD_PAUSE, REREADS};
use super::safe_file;
use crate::profile::{AuthFile, Health, Profile, ProfileName, SideFile, Unreadable};

/// All that was found below `profiles/`.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Sorted by name.
    pub profiles: Vec<Profile>,
    /// What looks like a profile and was left alone.
    pub skipped: Vec<Skipped>,
}

impl Loaded {
    /// Whether every profile could be read.
    pub(super) fn is_whole(&self) -> bool {
        self.skipped.is_empty() && self.profiles.iter().all(|profile| profile.login.is_ok())
    }
}

/// A directory entry that was left alone, and why: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub name: String,
    pub reason: String,
}

/// Reads every profile.
///
/// A profile whose `auth.json` cannot be understood is returned as well, with the reason, so that the user sees it. Half-written
/// ones are read again for 200 ms, all of them together.
///
/// # Errors
/// Only when `profiles/` itself cannot be listed.
pub fn load_all(home: &Home) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    let Some(profiles) = home.folder()?.child(PROFILES)? else {
        return Ok(loaded);
    };
    let mut found = Vec::new();
    for entry in profiles.names()? {
        match open_entry(&profiles, &entry) {
            Ok(None) => {}
            Ok(Some(opened)) => found.push(opened),
            Err(reason) => loaded.skipped.push(Skipped {
                name: entry.to_string_lossy().into_owned(),
                reason,
            }),
        }
    }
    for _ in 0..REREADS {
        let mut half_written: Vec<_> = found
            .iter_mut()
            .filter(|opened| opened.may_be_half_written())
            .collect();
        if half_written.is_empty() {
            break;
        }
        home.pause(REREAD_PAUSE);
        for opened in &mut half_written {
            opened.file = LoginFile::read_once(&opened.folder, AUTH);
        }
    }
    for opened in found {
        match opened.into_profile() {
            Ok(Some(profile)) => loaded.profiles.push(profile),
            Ok(None) => {}
            Err(skipped) => loaded.skipped.push(skipped),
        }
    }
    loaded.profiles.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(loaded)
}

/// Reads one profile.
///
/// # Errors
/// [`StoreError::NoSuchProfile`] when there is no such directory, or no `auth.json` in it.
pub fn load(home: &Home, name: &ProfileName) -> Result<Profile, StoreError> {
    let folder = folder_of(home, name)?;
    let file = LoginFile::read(home, &folder, AUTH);
    let opened = Opened {
        name: name.clone(),
        folder,
        file,
    };
    match opened.into_profile() {
        Ok(Some(profile)) => Ok(profile),
        Ok(None) | Err(_) => Err(StoreError::NoSuchProfile(name.clone())),
    }
}

/// Whether only its owner can read the login file of a profile, as the file stands. Nothing where that cannot be told: there is
/// none, it is not ours, or the system has other rights than those of Unix.
pub fn is_private(home: &Home, name: &ProfileName) -> Option<bool> {
    if !cfg!(unix) {
        return None;
    }
    let folder = folder_of(home, name).ok()?;
    let file = folder.open_file(AUTH.as_ref()).ok()??;
    let facts = folder::facts_of(&file).ok()?;
    facts.is_ours.then_some(!facts.is_exposed)
}

/// The profile that holds this login: of the same account, or with the very same secrets. Of several the preferred one.
pub fn holder<'a>(
    profiles: &'a [Profile],
    login: &AuthFile,
    preferred: Option<&ProfileName>,
) -> Option<&'a Profile> {
    let mut holders = holders(profiles, login);
    let first = holders.next()?;
    let chosen = std::iter::once(first)
        .chain(holders)
        .find(|profile| Some(&profile.name) == preferred);
    Some(chosen.unwrap_or(first))
}

/// Whether nothing is lost with a login as long as this profile stays: it holds the same one, or a newer one of its account. One that
/// is refused makes nothing good: of two sign-ins the older one may be the one that still works.
pub(super) fn makes_good(profile: &Profile, login: &AuthFile) -> bool {
    profile.login.as_ref().is_ok_and(|held| {
        let is_newer = held.same_account(login) && held.is_newer_than(login);
        held.same_login(login) || (is_newer && profile.health() != Health::SignInAgain)
    })
}

pub(super) fn holders<'a>(
    profiles: &'a [Profile],
    login: &AuthFile,
) -> impl Iterator<Item = &'a Profile> {
    profiles.iter().filter(|profile| {
        profile
            .login
            .as_ref()
            .is_ok_and(|held| held.same_account(login) || held.same_login(login))
    })
}

/// Replaces the login of a profile, after a backup of the old one. Keys that only the old file has survive, if both are of one
/// account. Call it with the account's lock held.
///
/// # Errors
/// Also when the old login cannot be understood, or is of another account by now: it is never overwritten.
pub fn write_login(
    home: &Home,
    name: &ProfileName,
    login: &AuthFile,
    now: SystemTime,
) -> Result<(), StoreError> {
    let folder = folder_of(home, name)?;
    let Some(old) = LoginFile::read(home, &folder, AUTH)? else {
        return Err(StoreError::NoSuchProfile(name.clone()));
    };
    let held = old.login.map_err(|err| StoreError::UnreadableProfile {
        name: name.clone(),
        reason: Unreadable(err.to_string()),
    })?;
    if let (Some(held), Some(new)) = (held.identity(), login.identity())
        && held != new
    {
        return Err(StoreError::OtherAccount(name.clone()));
    }
    let bytes = login_file::with_keys_of(login, &held).to_bytes();
    if bytes == old.contents.bytes {
        return Ok(());
    }
    attic::back_up(home, name, &old.contents.bytes, now)?;
    safe_file::replace_in(&folder, AUTH, &bytes)
}

/// Makes a profile.
///
/// # Errors
/// [`StoreError::NameTaken`] when there is one of this name, or one that differs only in upper and lower case.
pub fn create(home: &Home, name: &ProfileName, login: &AuthFile) -> Result<(), StoreError> {
    let _only_one_at_a_time = EditLock::take(home)?;
    let profiles = home.folder()?.make(PROFILES)?;
    if let Some(holder) = holder_of_name(&profiles, name, None)? {
        let wanted = name.clone();
        return Err(StoreError::NameTaken { wanted, holder });
    }
    let folder = profiles.make(name.as_str())?;
    safe_file::replace_in(&folder, AUTH, &login.to_bytes())
}

/// Who has this name already, in whatever case, but for one. To be asked with the edit lock held.
pub(super) fn holder_of_name(
    profiles: &Folder,
    name: &ProfileName,
    but_for: Option<&ProfileName>,
) -> Result<Option<ProfileName>, StoreError> {
    for entry in profiles.names()? {
        let holder = entry
            .to_str()
            .and_then(|entry| ProfileName::existing(entry).ok());
        // Another kind of name cannot be the same.
        if let Some(holder) = holder
            && holder.is_same_directory(name)
            && Some(&holder) != but_for
            && !is_empty_folder(profiles, &entry)?
        {
            return Ok(Some(holder));
        }
    }
    Ok(None)
}

/// Replaces our own words about a profile. To change one of them use [`edit_side`].
///
/// # Errors
/// When there is no such profile, or the file cannot be written.
pub fn write_side(home: &Home, name: &ProfileName, side: &SideFile) -> Result<(), StoreError> {
    let _lock = EditLock::take(home)?;
    safe_file::replace_in(&folder_of(home, name)?, SIDE, &side.to_bytes())
}

/// Reads our own words about a profile, changes them and writes them, with nobody in between.
///
/// # Errors
/// As of [`write_side`]; also when the old file cannot be read. A broken one stays as it is: it may name a proxy, and what is
/// written over it would send the account's requests another way.
pub fn edit_side(
    home: &Home,
    name: &ProfileName,
    edit: impl FnOnce(&mut SideFile),
) -> Result<(), StoreError> {
    try_edit_side(home, name, |side| {
        edit(side);
        Ok(())
    })
}

/// The same for an edit that may refuse: then nothing is written.
///
/// # Errors
/// As of [`edit_side`], and those of `edit`.
pub fn try_edit_side<E: From<StoreError>>(
    home: &Home,
    name: &ProfileName,
    edit: impl FnOnce(&mut SideFile) -> Result<(), E>,
) -> Result<(), E> {
    let _lock = EditLock::take(home)?;
    let folder = folder_of(home, name)?;
    let old = safe_file::read_in(&folder, SIDE)?
        .map(|contents| SideFile::parse(&contents.bytes))
        .unwrap_or_default();
    if old.is_broken() {
        let path = folder.show(SIDE);
        return Err(StoreError::BrokenSide { path }.into());
    }
    let mut side = old.clone();
    edit(&mut side)?;
    if side == old {
        return Ok(());
    }
    Ok(safe_file::replace_in(&folder, SIDE, &side.to_bytes())?)
}

/// The directory of a profile that is there.
pub(super) fn folder_of(home: &Home, name: &ProfileName) -> Result<Folder, StoreError> {
    let missing = || StoreError::NoSuchProfile(name.clone());
    home.folder()?
        .child(PROFILES)?
        .ok_or_else(missing)?
        .child(name.as_str())?
        .ok_or_else(missing)
}

/// Our own words about a profile.
pub(super) const SIDE: &str = "router.json";

/// A profile directory whose login may have to be read again.
struct Opened {
    name: ProfileName,
    folder: Folder,
    file: Result<Option<LoginFile>, StoreError>,
}

impl Opened {
    fn may_be_half_written(&self) -> bool {
        matches!(&self.file, Ok(Some(file)) if file.may_be_half_written())
    }

    fn into_profile(self) -> Result<Option<Profile>, Skipped> {
        let login = match self.file {
            Ok(Some(file)) => file.login.map_err(|err| Unreadable(err.to_string())),
            Ok(None) => {
                return match self.folder.names() {
                    Ok(names) if names.iter().all(is_hidden) => Ok(None),
                    Ok(_) => Err(Skipped {
                        name: self.name.as_str().to_owned(),
                        reason: "there is no auth.json in it".into(),
                    }),
                    Err(err) => Err(Skipped {
                        name: self.name.as_str().to_owned(),
                        reason: err.to_string(),
                    }),
                };
            }
            Err(err) => Err(Unreadable(err.to_string())),
        };
        let side = match safe_file::read_in(&self.folder, SIDE) {
            Ok(contents) => contents.map(|contents| SideFile::parse(&contents.bytes)),
            Err(err) => {
                tracing::warn!(profile = %self.name, error = %err, "router.json cannot be read");
                Some(SideFile::broken())
            }
        };
        Ok(Some(Profile {
            name: self.name,
            login,
            side: side.unwrap_or_default(),
        }))
    }
}

/// `None` for what does not even look like a profile; a sentence for what does and is left alone.
fn open_entry(profiles: &Folder, entry: &OsString) -> Result<Option<Opened>, String> {
    if is_hidden(entry) {
        return Ok(None);
    }
    match profiles.kind_of(entry).map_err(|err| err.to_string())? {
        Some(Kind::Folder) => {}
        Some(Kind::Link) => return Err("it is a link, which is not followed".into()),
        Some(Kind::File | Kind::Other) | None => return Ok(None),
    }
    let text = entry.to_str().ok_or("its name is not Unicode text")?;
    let name = ProfileName::existing(text).map_err(|err| err.to_string())?;
    let Some(folder) = profiles.child(entry).map_err(|err| err.to_string())? else {
        return Ok(None);
    };
    folder.close_to_others().map_err(|err| err.to_string())?;
    let file = LoginFile::read_once(&folder, AUTH);
    Ok(Some(Opened { name, folder, file }))
}

/// What an interrupted [`create`] leaves behind: it may be used.
pub(super) fn is_empty_folder(profiles: &Folder, entry: &OsStr) -> Result<bool, StoreError> {
    if profiles.kind_of(entry)? != Some(Kind::Folder) {
        return Ok(false);
    }
    match profiles.child(entry)? {
        Some(folder) => Ok(folder.names()?.iter().all(is_hidden)),
        None => Ok(true),
    }
}

fn is_hidden(name: &OsString) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
