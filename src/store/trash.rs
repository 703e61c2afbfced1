//! Deleted profiles: `router/trash/<name>-<time>`, each the whole directory as it was, with its backups.
//!
//! Deleting and putting back are one move each, so a kill leaves an account here or there and never half. Nothing is told to the
//! issuer: the account itself is not touched, and its login goes on working for whoever holds it. Whoever holds it may renew it, too,
//! and then the one in here is spent: so it goes with the newest that there is, is brought up to date by terminals that are still
//! open, and comes back with the newest that there is.

use std::ffi::{OsStr, OsString};
use std::time::{Duration, SystemTime};

use super::error::StoreError;
use super::folder::{Folder, Kind};
use super::home::{BACKUPS, Home, PROFILES, ROUTER, TRASH};
use super::locks::{AccountLock, EditLock, SwitchLock};
use super::login_file::{AUTH, LoginFile};
use super::profiles::{self, SIDE};
use super::{attic, rotation, safe_file};
use crate::profile::{AuthFile, Profile, ProfileName, SideFile, Unreadable};

mod newest;
pub(super) use newest::keep;

/// How long a deleted profile can be put back.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);
/// What is about to be gone has such a name: a kill in between leaves nothing that looks like an account.
const GOING: &str = ".going-";
/// A name is cut off where the directory's own would be longer than file systems take (255 bytes).
const MAX_NAME_BYTES: usize = 220;

/// One that is in the trash.
#[derive(Clone, Debug)]
pub struct Trashed {
    /// Its directory.
    pub id: String,
    pub name: ProfileName,
    pub deleted_at: SystemTime,
    pub login: Result<AuthFile, Unreadable>,
    pub side: SideFile,
}

/// One that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// As it was called.
    pub was: ProfileName,
    /// Another name, if that one was taken.
    pub name: ProfileName,
}

/// Moves a profile into the trash, with the newest login of its account, and says under which id. Waits for a switch that is under
/// way, and for a refresh of this account. The live login is left alone, even where it is this profile's.
///
/// # Errors
/// When there is no such profile, it cannot be moved or a newer login of it cannot be written: it stays where it is then.
pub fn delete(home: &Home, name: &ProfileName, now: SystemTime) -> Result<String, StoreError> {
    let _no_switch = SwitchLock::take(home)?;
    let _no_refresh = AccountLock::of_profile(home, name)?;
    if let Ok(profile) = profiles::load(home, name) {
        rotation::bring_up_to_date(home, &profile, now)?;
    }
    let _nobody_else = EditLock::take(home)?;
    let missing = || StoreError::NoSuchProfile(name.clone());
    let all = home.folder()?.child(PROFILES)?.ok_or_else(missing)?;
    if all.kind_of(name.as_str())? != Some(Kind::Folder) {
        return Err(missing());
    }
    let trash = home.router_folder()?.make(TRASH)?;
    let mut at = now;
    let id = loop {
        let id = id_of(name, at);
        if all.move_new(name.as_str(), &trash, &id)? {
            break id;
        }
        // Deleted, made anew and deleted again, all within a millisecond.
        at += Duration::from_millis(1);
    };
    sync(name, [&trash, &all]);
    if let Err(err) = take_backups_along(home, &trash, &id, name) {
        tracing::warn!(profile = %name, error = %err, "its backups stay where they are");
    }
    Ok(id)
}

/// Everything in the trash, the newest first. What cannot be read is there as well, with the reason.
pub fn list(home: &Home) -> Vec<Trashed> {
    let names = || -> Result<Option<(Folder, Vec<_>)>, StoreError> {
        let Some(trash) = trash_of(home)? else {
            return Ok(None);
        };
        let names = trash.names()?;
        Ok(Some((trash, names)))
    };
    let (trash, names) = match names() {
        Ok(Some(found)) => found,
        Ok(None) => return Vec::new(),
        Err(err) => {
            tracing::warn!(error = %err, "the trash cannot be looked at");
            return Vec::new();
        }
    };
    let mut found: Vec<_> = names
        .iter()
        .filter(|name| !name.as_encoded_bytes().starts_with(b"."))
        .map(|name| trashed(&trash, name))
        .collect();
    found.sort_by(|a, b| {
        b.deleted_at
            .cmp(&a.deleted_at)
            .then_with(|| a.id.cmp(&b.id))
    });
    found
}

/// Puts one back, under another name if its own is taken meanwhile, and with the newest login of its account that lies anywhere in
/// this home; the one that it had is kept as a backup then. Waits for a refresh of this account.
///
/// # Errors
/// When there is no such thing in the trash, it cannot be moved, or a newer login of it cannot be written: it stays where it is then.
pub fn restore(home: &Home, id: &str, now: SystemTime) -> Result<Restored, StoreError> {
    let trash = trash_of(home)?.ok_or_else(|| StoreError::NotInTrash(id.to_owned()))?;
    let find = || -> Result<Folder, StoreError> {
        let entry = entry_of(&trash, id)?;
        let path = trash.show(&entry);
        match trash.kind_of(&entry)? {
            Some(Kind::Folder) => trash.child(&entry)?.ok_or(StoreError::NotAFolder { path }),
            Some(Kind::File | Kind::Link | Kind::Other) | None => {
                Err(StoreError::NotAFolder { path })
            }
        }
    };
    let _no_refresh = AccountLock::of_folder(home, find)?;
    let nobody_else = EditLock::take(home)?;
    let folder = find()?;
    let replaced = newest::bring_up_to_date(home, &folder, now)?;
    let was = name_and_time(id).0;
    let all = home.folder()?.make(PROFILES)?;
    let name = free_name(&all, &was)?;
    let entry = entry_of(&trash, id)?;
    give_backups_back(home, &folder, &name)?;
    if !trash.move_new(&entry, &all, name.as_str())? {
        let (wanted, holder) = (name.clone(), name);
        return Err(StoreError::NameTaken { wanted, holder });
    }
    sync(&name, [&all, &trash]);
    drop(nobody_else);
    if let Some((old, newest)) = replaced
        && let Err(err) = tell_who_is_behind(home, &name, old, &newest, now)
    {
        tracing::warn!(profile = %name, error = %err, "others may still hold a spent token");
    }
    Ok(Restored { was, name })
}

/// Whoever holds the login that was replaced gets the newest, too.
fn tell_who_is_behind(
    home: &Home,
    name: &ProfileName,
    old: AuthFile,
    newest: &AuthFile,
    now: SystemTime,
) -> Result<(), StoreError> {
    let profile = Profile {
        login: Ok(old),
        ..profiles::load(home, name)?
    };
    rotation::adopt(home, &profile, newest, now)?;
    Ok(())
}

/// Removes one for good.
///
/// # Errors
/// When there is no such thing in the trash, or it cannot be removed.
pub fn purge(home: &Home, id: &str) -> Result<(), StoreError> {
    let trash = trash_of(home)?.ok_or_else(|| StoreError::NotInTrash(id.to_owned()))?;
    let _nobody_writes_into_it = EditLock::take(home)?;
    let entry = entry_of(&trash, id)?;
    remove(&trash, &entry)
}

/// Removes what has been there for long enough, and what an earlier run began to remove; says how much of the former.
pub fn purge_old(home: &Home, now: SystemTime) -> usize {
    let purge = || -> Result<usize, StoreError> {
        let Some(trash) = trash_of(home)? else {
            return Ok(0);
        };
        let _nobody_writes_into_it = EditLock::take(home)?;
        for name in trash.names()? {
            if name.as_encoded_bytes().starts_with(GOING.as_bytes()) {
                trash.remove_all(&name)?;
            }
        }
        let mut count = 0;
        // One whose time nobody knows stays until somebody says so.
        for old in list(home) {
            let is_dated = name_and_time(&old.id).1.is_some();
            let age = now.duration_since(old.deleted_at);
            if is_dated && age.is_ok_and(|age| age >= KEPT_FOR) {
                remove(&trash, &entry_of(&trash, &old.id)?)?;
                count += 1;
            }
        }
        Ok(count)
    };
    purge().unwrap_or_else(|err| {
        tracing::warn!(error = %err, "old accounts stay in the trash for now");
        0
    })
}

/// Where it was moved to, and from where. It has been moved, whatever the disk says afterwards.
fn sync(name: &ProfileName, folders: [&Folder; 2]) {
    for folder in folders {
        if let Err(err) = folder.sync() {
            tracing::warn!(profile = %name, error = %err, "moved, but a loss of power might undo it");
        }
    }
}

fn trash_of(home: &Home) -> Result<Option<Folder>, StoreError> {
    match home.folder()?.child(ROUTER)? {
        Some(router) => router.child(TRASH),
        None => Ok(None),
    }
}

/// The directory entry with this id. It is looked for, not built: an id is somebody's text.
fn entry_of(trash: &Folder, id: &str) -> Result<OsString, StoreError> {
    let found = trash
        .names()?
        .into_iter()
        .filter(|name| !name.as_encoded_bytes().starts_with(b"."))
        .find(|name| name.to_string_lossy() == id);
    found.ok_or_else(|| StoreError::NotInTrash(id.to_owned()))
}

fn remove(trash: &Folder, entry: &OsStr) -> Result<(), StoreError> {
    let mut going = OsString::from(format!("{GOING}{:016x}-", rand::random::<u64>()));
    going.push(entry);
    // A name that gets too long by it goes as it is.
    let is_hidden = trash.move_new(entry, trash, &going).unwrap_or(false);
    let entry = if is_hidden { &going } else { entry };
    trash.remove_all(entry)?;
    trash.sync()
}

fn trashed(trash: &Folder, entry: &OsStr) -> Trashed {
    let id = entry.to_string_lossy().into_owned();
    let (name, time) = name_and_time(&id);
    let unreadable = |reason: String| Err(Unreadable(reason));
    let (login, side) = match trash.child(entry) {
        Err(err) => (unreadable(err.to_string()), SideFile::default()),
        Ok(None) => (unreadable("it is gone".into()), SideFile::default()),
        Ok(Some(folder)) => {
            let login = match LoginFile::read_once(&folder, AUTH) {
                Ok(Some(file)) => file.login.map_err(|err| Unreadable(err.to_string())),
                Ok(None) => unreadable("there is no auth.json in it".into()),
                Err(err) => unreadable(err.to_string()),
            };
            let side = match safe_file::read_in(&folder, SIDE) {
                Ok(contents) => contents.map(|contents| SideFile::parse(&contents.bytes)),
                Err(_unreadable) => None, // its words are lost to a list; the file itself stays
            };
            (login, side.unwrap_or_default())
        }
    };
    Trashed {
        name,
        deleted_at: time.unwrap_or(SystemTime::UNIX_EPOCH),
        login,
        side,
        id,
    }
}

fn id_of(name: &ProfileName, at: SystemTime) -> String {
    let text = name.as_str();
    let end = (0..=MAX_NAME_BYTES.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    let text = end.and_then(|end| text.get(..end)).unwrap_or(text);
    format!("{text}-{}", attic::moment(at))
}

/// What an id says. One that is not ours is its own name, from a time that nobody knows.
fn name_and_time(id: &str) -> (ProfileName, Option<SystemTime>) {
    let ours = id.rsplit_once('-').and_then(|(name, moment)| {
        let name = ProfileName::existing(name).ok()?;
        Some((name, Some(attic::moment_of(moment)?)))
    });
    let foreign = || {
        let name = ProfileName::existing(id).or_else(|_odd| ProfileName::parse("account"));
        name.ok().map(|name| (name, None))
    };
    ours.or_else(foreign)
        .unwrap_or_else(|| unreachable!("`account` is a name"))
}

/// Its own name, or the same with the first number that makes it a free one.
fn free_name(all: &Folder, was: &ProfileName) -> Result<ProfileName, StoreError> {
    let numbered = (2_u32..).filter_map(|n| ProfileName::existing(&format!("{was}-{n}")).ok());
    for name in std::iter::once(was.clone()).chain(numbered) {
        if profiles::holder_of_name(all, &name, None)?.is_none() && is_free_entry(all, &name)? {
            return Ok(name);
        }
    }
    Err(StoreError::NameTaken {
        wanted: was.clone(),
        holder: was.clone(),
    })
}

/// Whether nothing stands there, once an empty directory is gone.
fn is_free_entry(all: &Folder, name: &ProfileName) -> Result<bool, StoreError> {
    match all.kind_of(name.as_str())? {
        None => Ok(true),
        Some(Kind::Folder) => Ok(all.remove_folder(name.as_str().as_ref()).is_ok()),
        Some(Kind::File | Kind::Link | Kind::Other) => Ok(false),
    }
}

fn take_backups_along(
    home: &Home,
    trash: &Folder,
    id: &str,
    name: &ProfileName,
) -> Result<(), StoreError> {
    let backups = home.router_folder()?.child(BACKUPS)?;
    if let (Some(backups), Some(entry)) = (backups, trash.child(id)?)
        && backups.kind_of(name.as_str())? == Some(Kind::Folder)
    {
        backups.move_new(name.as_str(), &entry, BACKUPS)?;
    }
    Ok(())
}

fn give_backups_back(home: &Home, entry: &Folder, name: &ProfileName) -> Result<(), StoreError> {
    if entry.kind_of(BACKUPS)? == Some(Kind::Folder) {
        let backups = home.router_folder()?.make(BACKUPS)?;
        // Where another account has its own, these stay in the profile's directory, where nobody minds them.
        entry.move_new(BACKUPS, &backups, name.as_str())?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
